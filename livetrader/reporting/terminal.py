"""The report in a terminal: rich tables there, plain text everywhere else (pipes, cron, journald)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, TextIO

from livetrader.reporting.daily import Report
from livetrader.reporting.tables import Cell, Table, alarms, tables, tiles

if TYPE_CHECKING:
    from rich.console import RenderableType

STYLES = {"gain": "green", "loss": "red", "muted": "dim", "": ""}


def show(report: Report, zone: tzinfo, file: TextIO, *, colour: bool | None = None) -> None:
    """Write the report to `file`, with times in `zone`.

    `colour` True draws rich tables, False plain text; None asks whether `file` is a terminal.
    """
    if file.isatty() if colour is None else colour:
        _show_rich(report, zone, file)
    else:
        file.write(plain(report, zone))


def plain(report: Report, zone: tzinfo) -> str:
    """The report as text without escape codes."""
    lines = [f"{report.mode} · {report.title}", report.period, ""]
    for alarm in alarms(report, zone):
        lines += [*_plain_table(alarm), ""]
    width = max(len(tile.label) for tile in tiles(report, zone))
    lines += [f"{tile.label:<{width}}  {tile.value}  ({tile.note})" for tile in tiles(report, zone)]
    for table in _tables(report, zone):
        lines += ["", *_plain_table(table)]
    lines += ["", "Assumptions", *(f"- {line}" for line in report.assumptions)]
    return "\n".join(lines) + "\n"


def _tables(report: Report, zone: tzinfo) -> Iterator[Table]:
    """The report's tables, and those of the analytics for a period."""
    yield from tables(report, zone)
    if report.analytics is not None and len(report.sessions) > 1:
        from livetrader.reporting.analytics_tables import analytics_tables

        yield from analytics_tables(report, report.analytics, zone)


def _plain_table(table: Table) -> Iterator[str]:
    yield f"{table.title} ({len(table.rows)})" if table.counted else table.title
    if not table.rows:
        yield f"  {table.empty}"
        return
    texts = [[cell.text for cell in row] for row in table.rows]
    widths = [max(len(name), *(len(row[i]) for row in texts)) for i, name in enumerate(table.columns)]
    for row in [list(table.columns), *texts]:
        yield ("  " + "  ".join(_aligned(table, row, widths))).rstrip()


def _aligned(table: Table, row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    for name, text, width in zip(table.columns, row, widths, strict=True):
        yield text.rjust(width) if name in table.numeric else text.ljust(width)


def _show_rich(report: Report, zone: tzinfo, file: TextIO) -> None:
    # Not at the top: plain text, JSON and HTML do without the 0.1 s that rich takes to load.
    from rich.columns import Columns
    from rich.console import Console
    from rich.panel import Panel
    from rich.text import Text

    console = Console(file=file, force_terminal=True, highlight=False)
    console.print(Text.assemble((f" {report.mode} ", "reverse bold"), "  ", (report.title, "bold")))
    console.print(Text(report.period, "dim"))
    for alarm in alarms(report, zone):
        console.print(_rich_table(alarm, "bold red"))
    panels = [
        Panel(
            Text.assemble((tile.value, f"bold {STYLES[tile.tone]}".strip()), "\n", (tile.note, "dim")),
            title=tile.label,
            title_align="left",
            border_style="dim",
        )
        for tile in tiles(report, zone)
    ]
    console.print(Columns(panels))
    for table in _tables(report, zone):
        console.print(_rich_table(table, "bold"))
    console.print(Text("Assumptions", "bold"))
    for line in report.assumptions:
        console.print(Text(f"· {line}", "dim"))


def _rich_table(table: Table, title_style: str) -> RenderableType:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    if not table.rows:
        return Text.assemble((table.title, title_style), "  ", (table.empty, "dim"))
    drawn = RichTable(
        title=table.title,
        title_style=title_style,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        header_style="dim",
        collapse_padding=True,
        pad_edge=False,
    )
    for name in table.columns:
        drawn.add_column(name, justify="right" if name in table.numeric else "left", overflow="fold")
    for row in table.rows:
        drawn.add_row(*(_rich_cell(cell) for cell in row))
    return drawn


def _rich_cell(cell: Cell) -> RenderableType:
    from rich.text import Text

    return Text(cell.text, STYLES[cell.tone])

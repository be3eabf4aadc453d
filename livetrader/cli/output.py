"""What goes to the screen: documents and tables on stdout, progress on stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import typer

from livetrader.errors import LiveTraderError

Progress = Callable[[str, float], None]
_PATIENCE = 1.0


def print_json(document: object) -> None:
    """One JSON document, keys in the order given, text as it is."""
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))


def print_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], alarming: Callable[[Sequence[str]], bool] = lambda _: False
) -> None:
    """Columns of text, aligned; no frame, so that it can be cut and grepped. `alarming` rows are red on a terminal."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        text = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        print_styled(text, "bold red" if row is not header and alarming(row) else "")


def print_styled(text: str, style: str) -> None:
    """A line that stands out on a terminal (`style` is rich's, such as "bold red"), and is plain elsewhere."""
    if not style or not sys.stdout.isatty():
        typer.echo(text)
        return
    from rich.console import Console

    Console(highlight=False, soft_wrap=True).print(text, style=style, markup=False)


def warn(lines: Iterable[str]) -> None:
    """Say on stderr what the user should know, and nothing depends on."""
    for line in lines:
        typer.echo(f"warning: {line}", err=True)


def fail(failed: Mapping[str, LiveTraderError]) -> None:
    """Say what failed of many, a line each, and end with the exit code of the worst. Nothing, if nothing did."""
    from livetrader.config.secrets import redact

    for name, error in failed.items():
        typer.echo(f"error: {name}: {redact(str(error))}", err=True)
    if failed:
        raise typer.Exit(max(error.exit_code for error in failed.values()))


@contextmanager
def progress(quiet: bool) -> Iterator[Progress]:
    """A function (stage, part done) that shows a bar once work has lasted a second; on a terminal only."""
    if quiet or not sys.stderr.isatty():
        yield lambda _stage, _done: None
        return
    bar = _Bar()
    try:
        yield bar.show
    finally:
        bar.close()


class _Bar:
    def __init__(self) -> None:
        self._began = time.monotonic()
        self._hide: Callable[[], None] = lambda: None
        self._move: Progress | None = None

    def show(self, stage: str, done: float) -> None:
        if time.monotonic() - self._began < _PATIENCE:
            return
        if self._move is None:
            self._move = self._open()
        self._move(stage, done)

    def _open(self) -> Progress:
        from rich.console import Console
        from rich.progress import Progress as RichProgress

        screen = RichProgress(console=Console(stderr=True), transient=True)
        task = screen.add_task("", total=1.0)
        screen.start()
        self._hide = screen.stop
        return lambda stage, done: screen.update(task, description=stage, completed=done)

    def close(self) -> None:
        self._hide()

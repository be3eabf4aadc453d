"""`livetrader data`: import, fetch, export, check, simulate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from livetrader.cli.call import Json, Symbols, configuration, day, globals_of, names, period, start_log
from livetrader.cli.group import group
from livetrader.cli.output import fail, print_json, print_table, progress
from livetrader.domain.instrument import is_symbol
from livetrader.errors import DataError, UsageError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from livetrader.bootstrap.feeding import Fetched
    from livetrader.config import Configuration
    from livetrader.domain.candles import Interval
    from livetrader.market.calendar import Calendar
    from livetrader.marketdata.imports import ImportReport
    from livetrader.marketdata.quality import QualityReport
    from livetrader.marketdata.store import CandleStore

data = group(
    "data",
    "Candles: bring them in, check them, take them out.",
    "livetrader data import RELIANCE.csv --interval 5m",
)
_NOTES = 20  # lines about single series before the rest is left to --json
_Interval = Annotated[str, typer.Option("--interval", metavar="5m", help="1m, 5m, 15m, 1h or 1d.")]
_From = Annotated[str | None, typer.Option("--from", metavar="DATE", help="First date; the first stored.")]
_To = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last date; the last stored.")]


def register(app: typer.Typer) -> None:
    app.add_typer(data)


@data.command("import", epilog="Example: livetrader data import candles/*.csv --interval 5m")
def import_(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV or Parquet files.")],
    interval: _Interval,
    symbol: Annotated[
        str | None, typer.Option("--symbol", metavar="NAME", help="For files without a symbol column.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="One bad row stops its file.")] = False,
    as_json: Json = False,
) -> None:
    """Store the candles of files. Doing it again changes nothing; rows without sane prices are counted."""
    from livetrader.marketdata.imports import import_files

    length = _interval(interval)
    if symbol is not None and not is_symbol(symbol):
        raise UsageError(f"--symbol {symbol!r}: is no symbol; write it in capitals, such as RELIANCE")
    with _opened(ctx) as place, progress(globals_of(ctx).quiet) as show:
        reports: list[ImportReport] = []
        for done, file in enumerate(files):
            show(file.name, done / len(files))
            reports += import_files(
                place.store,
                [file],
                length,
                timezone=place.timezone,
                symbol=symbol,
                strict=strict,
                calendar=place.calendar,
            )
            # Told file by file: what is stored stays stored, whatever the next file holds.
            if not as_json:
                typer.echo("\n".join(_lines(reports[-1])))
    if as_json:
        print_json([report.as_dict() for report in reports])


@data.command(epilog="Example: livetrader data fetch --symbols live --interval 5m,1d --from 2026-01-01")
def fetch(
    ctx: typer.Context,
    symbols: Symbols = None,
    interval: Annotated[
        str | None, typer.Option("--interval", metavar="5m,1d", help="1m, 5m, 15m, 1h or 1d; what the strategies need.")
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="First date; from where strategies look back.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last date; today.")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Ask for what is stored, too: the broker may have corrected it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring candles from the broker: what the store lacks. Stop it at any time; the next call goes on from there."""
    chosen = names(interval, "--interval")
    intervals = None if chosen is None else [_interval(one) for one in chosen]
    start, end = (day(text, option) if text else None for text, option in ((first, "--from"), (last, "--to")))
    if first and last:
        period(first, last)
    from livetrader.bootstrap.feeding import Wanted
    from livetrader.bootstrap.feeding import fetch as bring
    from livetrader.bootstrap.workspace import Workspace
    from livetrader.market.clock import SystemClock

    found = configuration(ctx)
    start_log(ctx, found, "TOOL")
    with Workspace(found) as workspace, progress(globals_of(ctx).quiet) as show:
        made = bring(workspace, SystemClock(), Wanted(symbols, intervals, start, end, again), show)
    if as_json:
        print_json(made.as_dict())
    else:
        typer.echo("\n".join(_fetched(made)))
    fail({f"{symbol} {length}": error for (symbol, length), error in made.report.failed.items()})


@data.command(epilog="Example: livetrader data simulate && livetrader run --debug")
def simulate(
    ctx: typer.Context,
    sessions: Annotated[int, typer.Option("--sessions", min=1, max=2000, metavar="N", help="Sessions.")] = 70,
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="S", help="Another seed, another market.")] = 1,
    symbols: Symbols = None,
    force: Annotated[bool, typer.Option("--force", help="Write over candles that were not simulated.")] = False,
) -> None:
    """Fill the store with a simulated market, to try `run` on.

    The last session is today's (or the next one), whole: the loop sees a bar when it has closed, so the candles come
    as time passes. A store with other candles is refused.
    """
    from datetime import datetime

    from livetrader.bootstrap.simulation import fill
    from livetrader.bootstrap.workspace import Workspace
    from livetrader.market.clock import SystemClock

    found = configuration(ctx)
    start_log(ctx, found, "TOOL")
    with Workspace(found) as workspace, progress(globals_of(ctx).quiet) as show:
        today = datetime.fromtimestamp(SystemClock().now(), workspace.calendar.timezone).date()
        made = fill(
            workspace,
            today,
            sessions=sessions,
            seed=seed,
            symbols=symbols,
            force=force,
            progress=lambda done: show("simulate", done),
        )
    first, last = made.sessions[0].date, made.sessions[-1].date
    when = "today" if last == today else "the next session"
    typer.echo(
        f"simulated: {made.bars} bars of 5m, {len(made.symbols)} symbols, {len(made.sessions)} sessions, "
        f"{first} to {last} ({when})"
    )


@data.command(epilog="Example: livetrader data export candles.csv --interval 5m --symbols RELIANCE,TCS")
def export(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A .csv or .parquet file.")],
    interval: _Interval,
    symbols: Symbols = None,
    first: _From = None,
    last: _To = None,
) -> None:
    """Write stored candles to a file that `data import` reads back."""
    from livetrader.marketdata.export import export as write
    from livetrader.marketdata.placing import day_bounds

    length = _interval(interval)
    with _opened(ctx, read_only=True) as place:
        zone = place.timezone
        chosen = place.symbols(symbols)
        start = day_bounds(day(first, "--from"), day(first, "--from"), zone)[0] if first else None
        end = day_bounds(day(last, "--to"), day(last, "--to"), zone)[1] if last else None
        if first and last:
            period(first, last)
        bars = write(place.store, path, length, symbols=chosen, start=start, end=end)
    typer.echo(f"{path}: {bars} bars")


@data.command(epilog="Example: livetrader data check --interval 5m --from 2026-02-02 --to 2026-02-27")
def check(
    ctx: typer.Context,
    interval: _Interval = "5m",
    symbols: Symbols = None,
    first: _From = None,
    last: _To = None,
    against: Annotated[
        Path | None, typer.Option("--against", metavar="FILE", help="A second source to compare with.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Gaps, off-session bars, spikes, frozen prices, disagreement of two sources."""
    length = _interval(interval)
    with _opened(ctx, read_only=True) as place:
        report = _checked(ctx, place, length, symbols, first, last, against)
    if as_json:
        print_json(report.as_dict())
        return
    typer.echo(
        f"{len(report.symbols)} symbols, {report.sessions} sessions, {report.bars} bars of {interval}, "
        f"{report.first} to {report.last}: {len(report.findings)} findings"
    )
    if report.findings:
        rows = [(f.kind.value, f.symbol, str(f.date or ""), str(f.count), f.example) for f in report.findings]
        print_table(("kind", "symbol", "date", "count", "example"), rows)


def _checked(
    ctx: typer.Context,
    place: _Place,
    interval: Interval,
    symbols: str | None,
    first: str | None,
    last: str | None,
    against: Path | None,
) -> QualityReport:
    from livetrader.marketdata.formats import parse_file
    from livetrader.marketdata.quality import check as examine

    zone = place.timezone
    chosen = place.symbols(symbols)
    start, end = _stored_span(place, interval)
    start, end = period(first or str(start), last or str(end))
    other = parse_file(against, zone, None).bars if against else None
    with progress(globals_of(ctx).quiet) as show:
        return examine(
            place.store,
            place.calendar(),
            interval,
            chosen,
            start,
            end,
            other,
            lambda done, count: show("check", done / max(count, 1)),
        )


def _stored_span(place: _Place, interval: Interval) -> tuple[object, object]:
    """Exchange dates of the first and the last bar."""
    from datetime import datetime

    from livetrader.bootstrap.candles import remedy

    held = place.store.coverage(interval).values()
    if not held:
        raise DataError(
            f"no {interval.value} candles are stored; bring some with {remedy(place.configuration.settings)}"
        )
    zone = place.timezone
    ends = min(c.first for c in held), max(c.last for c in held)
    return datetime.fromtimestamp(ends[0], zone).date(), datetime.fromtimestamp(ends[1], zone).date()


@dataclass(frozen=True)
class _Place:
    """The candle store, and what its bars are judged by."""

    store: CandleStore
    configuration: Configuration

    @property
    def timezone(self) -> ZoneInfo:
        from livetrader.bootstrap.state import exchange_zone

        return exchange_zone(self.configuration)

    def calendar(self) -> Calendar:
        """The calendar; an observed one has the dates that are stored by now."""
        from livetrader.market.calendar import load

        market = self.configuration.settings.market
        return load(market.calendar, square_off=market.square_off, dates=self.store.dates)

    def symbols(self, spec: str | None) -> tuple[str, ...] | None:
        from livetrader.config import resolve_symbols

        return None if spec is None else resolve_symbols(spec, self.configuration.directory)


@contextmanager
def _opened(ctx: typer.Context, *, read_only: bool = False) -> Iterator[_Place]:
    from livetrader.bootstrap.candles import open_candles

    found = configuration(ctx)
    start_log(ctx, found, "TOOL")
    with open_candles(found, read_only=read_only) as store:
        yield _Place(store, found)


def _interval(text: str) -> Interval:
    from livetrader.domain.candles import Interval

    try:
        return Interval(text)
    except ValueError:
        raise UsageError(f"--interval {text}: must be one of {', '.join(Interval)}") from None


def _fetched(made: Fetched) -> list[str]:
    """What a fetch did, for people: one line, then one for each series that is not as it should be."""
    report, sessions = made.report, made.sessions
    head = (
        f"{len(made.symbols)} symbols, {', '.join(made.intervals)}, {sessions[0].date} to {sessions[-1].date}: "
        f"{report.inserted} bars new, {report.changed} changed, {report.unchanged} unchanged; {report.calls} calls"
    )
    notes = [
        f"{symbol} {length}: {count} bars left out: {reason}"
        for (symbol, length), reasons in report.left_out.items()
        for reason, count in reasons.items()
    ]
    for (symbol, length), days in report.short.items():
        date, (bars, slots) = max(days.items())
        notes.append(f"{symbol} {length}: {len(days)} sessions short, the last one {date}: {bars} of {slots} bars")
    more = len(notes) - _NOTES
    return [head, *(f"  {note}" for note in notes[:_NOTES]), *([f"  … and {more} more: --json"] if more > 0 else [])]


def _lines(report: ImportReport) -> list[str]:
    """What became of a file, for people: one line, then one for each kind of dirt."""
    head = (
        f"{report.path}: {report.rows} rows of {len(report.symbols)} symbols, "
        f"{report.first} to {report.last}; "
        f"{report.inserted} new, {report.changed} changed, {report.unchanged} unchanged"
    )
    notes = [f"{r.count} rows left out: {r.reason} (first in row {r.first_row})" for r in report.rejected]
    if report.conflicting:
        notes.append(f"{report.conflicting} rows contradict an earlier one (first: {report.conflicting_row})")
    if report.repeated:
        notes.append(f"{report.repeated} rows repeat another one")
    if report.off_session:
        notes.append(f"{report.off_session} bars outside sessions (stored, not traded)")
    if report.misaligned:
        notes.append(f"{report.misaligned} bars off the {report.interval} grid (stored, not traded)")
    if report.no_volume:
        notes.append("no volume column; volume is 0")
    if odd := [symbol for symbol in report.symbols if not is_symbol(symbol)]:
        notes.append(f"no list can name {odd[0]!r}: a symbol has capitals, digits and & _ . : / -")
    if report.naive_as:
        notes.append(f"times without an offset were taken as {report.naive_as}")
    return [head, *(f"  {note}" for note in notes)]

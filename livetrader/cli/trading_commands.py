"""`livetrader run`, `replay`, `backtest`, `demo`: what trades."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from livetrader.cli.call import (
    Json,
    Preset,
    Strategies,
    Symbols,
    chosen_period,
    configuration,
    globals_of,
    names,
    one_of,
    period,
)
from livetrader.cli.output import print_table, progress
from livetrader.errors import UsageError

if TYPE_CHECKING:
    from livetrader.bootstrap.results import RunResult

MODES = ("paper", "dry-run", "live")
_PHRASE = "trade live"
_Max = Annotated[
    int | None, typer.Option("--max-symbols", min=1, metavar="N", help="Only the first N symbols.")
]


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: livetrader demo")(demo)
    app.command(epilog="Example: livetrader run --symbols live --dry-run --debug")(run)
    app.command(epilog="Example: livetrader replay --date 2026-02-27 --speed 60")(replay)
    app.command(epilog="Example: livetrader backtest --from 2026-02-02 --to 2026-02-27 --symbols live")(
        backtest
    )


def demo(
    ctx: typer.Context,
    directory: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="Where the market and the report go.")
    ] = Path("livetrader-demo"),
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another seed, another market.")] = 1,
    speed: Annotated[
        float, typer.Option("--speed", min=0, help="Times real time; 0: as fast as it goes.")
    ] = 0.0,
) -> None:
    """A simulated market, traded and reported. No keys, no set-up.

    Makes 70 sessions of a seeded NSE market in the embedded store, replays the last one through the live
    loop, and writes the end-of-day report.
    """
    from livetrader.bootstrap.demo import demo as play

    with progress(globals_of(ctx).quiet) as show:
        report = play(directory.absolute(), seed=seed, speed=speed, progress=show)
    typer.echo(f"report: {report}")


def run(
    ctx: typer.Context,
    symbols: Symbols = None,
    mode: Annotated[
        str | None,
        typer.Option("--mode", metavar="MODE", help="paper, dry-run or live; from the config: paper."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="The same as --mode dry-run.")] = False,
    max_symbols: _Max = None,
    strategies: Strategies = None,
    once: Annotated[bool, typer.Option("--once", help="One scan, then exit: for cron.")] = False,
    yes_live: Annotated[
        bool, typer.Option("--yes-live", help="Confirms live trading where there is no terminal.")
    ] = False,
) -> None:
    """Trade until the session ends or a signal arrives."""
    one_of(mode, "--mode", MODES)
    if dry_run and mode not in (None, "dry-run"):
        raise UsageError(f"--dry-run: contradicts --mode {mode}; give one of them")
    flag = ("--dry-run", "dry-run") if dry_run else ("--mode", mode)
    found = configuration(ctx, {"mode": flag, "symbols": ("--symbols", symbols)})
    chosen = names(strategies, "--strategies")
    if found.settings.mode == "live":
        _confirm_live(yes_live, ask=not globals_of(ctx).no_input)
    from livetrader.bootstrap.trading import run as trade

    here = globals_of(ctx)
    trade(found, strategies=chosen, max_symbols=max_symbols, once=once, debug=here.debug, quiet=here.quiet)


def replay(
    ctx: typer.Context,
    on: Annotated[str | None, typer.Option("--date", metavar="DATE", help="One session, YYYY-MM-DD.")] = None,
    first: Annotated[str | None, typer.Option("--from", metavar="DATE", help="First session.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last session.")] = None,
    speed: Annotated[
        float, typer.Option("--speed", min=0, metavar="X", help="Times real time; 0: as fast as it goes.")
    ] = 0.0,
    symbols: Symbols = None,
    strategies: Strategies = None,
    preset: Preset = None,
    max_symbols: _Max = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder for the results.")] = None,
    as_json: Json = False,
) -> None:
    """Stored candles through the live loop."""
    one_of(preset, "--preset", ("original", "large_cap"))
    span = chosen_period(on, first, last)
    if span is None:
        raise UsageError("--date: is missing; give --date D, or --from D --to D")
    from livetrader.bootstrap.replay import Pace
    from livetrader.bootstrap.replay import replay as play
    from livetrader.bootstrap.research import Request
    from livetrader.bootstrap.workspace import Workspace
    from livetrader.market.clock import SystemClock
    from livetrader.store.memory import MemoryJournal

    request = Request(*span, symbols, names(strategies, "--strategies"), preset, max_symbols)
    pace = Pace(speed=speed, wall=SystemClock())
    with Workspace(configuration(ctx), read_only=True) as workspace, progress(globals_of(ctx).quiet) as show:
        result = play(workspace, request, MemoryJournal(), pace, show)
    _deliver(result, out, as_json)


def backtest(
    ctx: typer.Context,
    first: Annotated[str, typer.Option("--from", metavar="DATE", help="First session, YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", metavar="DATE", help="Last session, YYYY-MM-DD.")],
    symbols: Symbols = None,
    strategies: Strategies = None,
    preset: Preset = None,
    max_symbols: _Max = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder for the results.")] = None,
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=256, metavar="N", help="Processes; the result is the same.")
    ] = 1,
    as_json: Json = False,
) -> None:
    """Trade a period of stored candles.

    Prints statistics; the JSON document holds trades and the equity curve as well.
    """
    one_of(preset, "--preset", ("original", "large_cap"))
    start, end = period(first, last)
    from livetrader.bootstrap.research import Request
    from livetrader.bootstrap.research import backtest as test
    from livetrader.bootstrap.workspace import Workspace

    request = Request(start, end, symbols, names(strategies, "--strategies"), preset, max_symbols, workers)
    with Workspace(configuration(ctx), read_only=True) as workspace, progress(globals_of(ctx).quiet) as show:
        result = test(workspace, request, show)
    _deliver(result, out, as_json)


def _confirm_live(said_yes: bool, *, ask: bool) -> None:
    """Live orders only after a typed word on a terminal, or --yes-live elsewhere."""
    if ask and sys.stdin.isatty():
        if typer.prompt(f"LIVE orders with real money. Type '{_PHRASE}' to go on", err=True) != _PHRASE:
            raise UsageError("live trading was not confirmed; nothing was sent")
    elif not said_yes:
        raise UsageError("--yes-live: is missing; live trading without a terminal needs it")


def _deliver(result: RunResult, out: Path | None, as_json: bool) -> None:
    """The JSON document, or the statistics as a table; the files too if a folder was named."""
    from livetrader.reporting import csv, document

    text = document.render(result.document())
    if out is not None:
        _save(out, {f"{result.label.lower()}.json": text, "trades.csv": csv.render(result.trades)})
    if as_json:
        typer.echo(text, nl=not text.endswith("\n"))
        return
    first, last = result.sessions[0].date, result.sessions[-1].date
    typer.echo(
        f"{result.label} {first} to {last}: {len(result.trades)} trades in {len(result.sessions)} sessions"
    )
    statistics = document.statistics_json(result.statistics)
    rows = [(key, str(value)) for key, value in statistics.items() if not isinstance(value, dict | list)]
    print_table(("statistic", "value"), rows)
    if out is not None:
        typer.echo(f"written to {out}", err=True)


def _save(folder: Path, files: dict[str, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(f"--out {folder}: cannot be written ({error.strerror})") from None

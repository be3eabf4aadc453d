"""`livetrader run`, `replay`, `backtest`, `demo`: what trades."""

from __future__ import annotations

import sys
from datetime import date, datetime, time
from functools import partial
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from livetrader import files
from livetrader.cli.call import (
    Json,
    Preset,
    Strategies,
    Symbols,
    chosen_period,
    configuration,
    each_portfolio,
    globals_of,
    moment,
    names,
    one_of,
    one_portfolio,
    period,
    start_log,
)
from livetrader.cli.output import progress, warn
from livetrader.errors import UsageError

if TYPE_CHECKING:
    from livetrader.bootstrap.research import Request
    from livetrader.bootstrap.results import RunResult
    from livetrader.bootstrap.trading import SessionTrader
    from livetrader.bootstrap.workspace import Workspace
    from livetrader.config import Configuration
    from livetrader.config.settings import Mode
    from livetrader.logs import Label

LABELS: dict[Mode, Label] = {"paper": "PAPER", "dry-run": "DRY-RUN", "live": "LIVE"}
_PHRASE = "trade live"
_Max = Annotated[int | None, typer.Option("--max-symbols", min=1, metavar="N", help="Only the first N symbols.")]


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: livetrader demo")(demo)
    app.command(epilog="Example: livetrader run --symbols live --dry-run --debug")(run)
    app.command(epilog="Example: livetrader replay --date 2026-02-27 --speed 60")(replay)
    app.command(epilog="Example: livetrader backtest --from 2026-02-02 --to 2026-02-27 --symbols live")(backtest)


def demo(
    ctx: typer.Context,
    directory: Annotated[Path, typer.Option("--dir", metavar="DIR", help="Where the market and the report go.")] = Path(
        "livetrader-demo"
    ),
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another seed, another market.")] = 1,
    speed: Annotated[
        float | None,
        typer.Option("--speed", min=0, help="Times real time; 0: as fast as it goes. A day in 15 s."),
    ] = None,
) -> None:
    """A simulated market, traded and reported. No keys, no set-up.

    Makes 70 sessions of a seeded NSE market in the embedded store, replays the last one through the live
    loop, and writes the end-of-day report.
    """
    from livetrader.bootstrap.demo import demo as play

    start_log(ctx, configuration(ctx), "TOOL")
    # Nobody watches a pipe.
    pace = speed if speed is not None else 1500.0 if sys.stdout.isatty() else 0.0
    with progress(globals_of(ctx).quiet) as show:
        report = play(directory.absolute(), seed=seed, speed=pace, progress=show, say=typer.echo)
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
    one_of(mode, "--mode", tuple(LABELS))
    if dry_run and mode not in (None, "dry-run"):
        raise UsageError(f"--dry-run: contradicts --mode {mode}; give one of them")
    flag = ("--dry-run", "dry-run") if dry_run else ("--mode", mode)
    found = each_portfolio(ctx, {"mode": flag, "symbols": ("--symbols", symbols)})
    chosen = names(strategies, "--strategies")
    modes = {one.settings.mode for one in found.values()}
    if "live" in modes:
        _confirm_live(yes_live, ask=not globals_of(ctx).no_input)
    if "" not in found:
        start_log(ctx, configuration(ctx), LABELS["live" if "live" in modes else min(modes)])
        _run_together(list(found.values()), chosen, max_symbols, once=once)
        return
    start_log(ctx, found[""], LABELS[found[""].settings.mode])
    _run_one(found[""], chosen, max_symbols, once=once)


def _run_one(found: Configuration, chosen: tuple[str, ...] | None, most: int | None, *, once: bool) -> None:
    from livetrader import scheduling
    from livetrader.bootstrap.candles import listening
    from livetrader.bootstrap.trading import trading
    from livetrader.market.clock import SystemClock

    clock = SystemClock()
    with trading(found, clock, strategies=chosen, max_symbols=most, once=once) as trader:
        warn(trader.workspace.warnings(trader.workspace.symbols(limit=most)))
        if trader.over:
            typer.echo(_idle(trader), err=True)
        elif once:
            with scheduling.stopping():
                trader.once()
        else:
            stopped = scheduling.run(trader, _pace(found), clock, partial(listening, found))
            typer.echo(f"stopped: {trader.ended(stopped)}", err=True)
            _say_left(found)


def _run_together(found: list[Configuration], chosen: tuple[str, ...] | None, most: int | None, *, once: bool) -> None:
    """The portfolios side by side. One that fails ends alone; the exit code is that of the worst."""
    from livetrader import scheduling
    from livetrader.bootstrap.candles import listening
    from livetrader.bootstrap.together import together
    from livetrader.config.secrets import redact
    from livetrader.market.clock import SystemClock

    clock = SystemClock()
    with together(found, clock, strategies=chosen, max_symbols=most, once=once) as portfolios:
        for one in portfolios.members:
            if one.trader is not None:
                lines = one.trader.workspace.warnings(one.trader.workspace.symbols(limit=most))
                warn(f"{one.name}: {line}" for line in lines)
                if one.trader.over:
                    typer.echo(f"{one.name}: {_idle(one.trader)}", err=True)
        at_work = [one for one in portfolios.members if not one.over]
        if once:
            with scheduling.stopping():
                for one in at_work:
                    one.once()
        elif at_work:
            loops = [(one, _pace(one.configuration)) for one in at_work]
            stopped = scheduling.run_all(loops, clock, partial(listening, found[0]), portfolios.reap)
            for one in at_work:
                if one.trader is not None:
                    typer.echo(f"{one.name}: stopped: {one.trader.ended(stopped)}", err=True)
                _say_left(one.configuration)
    for name, error in portfolios.failures.items():
        typer.echo(f"error: {name}: {redact(str(error))}", err=True)
    if portfolios.exit_code:
        raise typer.Exit(portfolios.exit_code)


def _pace(found: Configuration) -> dict[str, float]:
    pace = found.settings.schedule
    return {"scan": pace.scan_seconds, "monitor": pace.monitor_seconds, "status": pace.status_seconds}


def _idle(trader: SessionTrader) -> str:
    following = trader.next_session()
    when = "not in the calendar" if following is None else f"{following.date:%a %d %b %Y}"
    return f"no session now; the next one is {when}"


def _say_left(found: Configuration) -> None:
    """What is still held, and what protects it, when the loop has ended."""
    from livetrader.bootstrap import state

    who = f"{found.settings.portfolio}: " if found.settings.portfolio else ""
    for one in state.positions(found, None):
        held = f"{one['symbol']} {one['side']} {one['quantity']} at {one['average_price']}"
        stop = "no stop" if one["stop"] is None else f"stop {one['stop']}"
        typer.echo(f"{who}stays open: {held} ({one['strategy']}), {stop}", err=True)


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
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the last replay stopped.")] = False,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Stop there: HH:MM or a date and time.")
    ] = None,
    as_decided: Annotated[
        str | None,
        typer.Option("--as-decided", metavar="MODE", help="On the bars that `run` saw in that mode, as they came."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder for the results.")] = None,
    as_json: Json = False,
) -> None:
    """Stored candles through the live loop.

    Ctrl+C stops after the pass in flight; --resume goes on from there. A store changes after the fact;
    --as-decided paper shows what a session of `run` decided, and why, on what it knew.
    """
    one_of(preset, "--preset", ("original", "large_cap"))
    one_of(as_decided, "--as-decided", tuple(LABELS))
    if as_decided and (resume or symbols or max_symbols):
        raise UsageError("--as-decided: takes the symbols of the session that it repeats, from its beginning")
    span = chosen_period(on, first, last)
    if span is None:
        raise UsageError("--date: is missing; give --date D, or --from D --to D")
    stop_at = moment(until, "--until") if until else None
    from livetrader.bootstrap.replay import Pace, replay_stored
    from livetrader.bootstrap.research import Request
    from livetrader.bootstrap.workspace import Workspace
    from livetrader.market.clock import SystemClock
    from livetrader.scheduling import stopping

    request = Request(*span, symbols, names(strategies, "--strategies"), preset, max_symbols)
    found = one_portfolio(ctx)
    start_log(ctx, found, "REPLAY")
    with Workspace(found, read_only=True) as workspace, stopping() as received:
        _begin(workspace, request, out)
        end = _instant(stop_at, span[1], workspace)
        pace = Pace(speed, stop=lambda close: bool(received) or close > end, wall=SystemClock())
        with progress(globals_of(ctx).quiet) as show:
            result = replay_stored(workspace, request, pace, show, resume=resume, decided=as_decided)
        _deliver(result, out, as_json, workspace)
    if received:
        typer.echo(f"stopped: {received[0]}; go on with --resume", err=True)


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
    found = one_portfolio(ctx)
    start_log(ctx, found, "BACKTEST")
    with Workspace(found, read_only=True) as workspace:
        _begin(workspace, request, out)
        with progress(globals_of(ctx).quiet) as show:
            result = test(workspace, request, show)
        _deliver(result, out, as_json, workspace)


def _confirm_live(said_yes: bool, *, ask: bool) -> None:
    """Live orders only after a typed word on a terminal, or --yes-live elsewhere."""
    if ask and sys.stdin.isatty():
        if typer.prompt(f"LIVE orders with real money. Type '{_PHRASE}' to go on", err=True) != _PHRASE:
            raise UsageError("live trading was not confirmed; nothing was sent")
    elif not said_yes:
        raise UsageError("--yes-live: is missing; live trading without a terminal needs it")


def _begin(workspace: Workspace, request: Request, out: Path | None) -> None:
    """What a long run should not find out at its end: where results cannot go, and what the candles lack."""
    if out is not None:
        files.make_folder(out)
    sessions = workspace.sessions(request.first, request.last)
    warn(workspace.warnings(workspace.symbols(request.symbols, request.max_symbols), sessions))


def _instant(asked: tuple[date | None, time] | None, day: date, workspace: Workspace) -> float:
    """`asked` in epoch seconds, a time without a date on `day`; never, if nothing was asked."""
    if asked is None:
        return inf
    return datetime.combine(asked[0] or day, asked[1], workspace.calendar.timezone).timestamp()


def _deliver(result: RunResult, out: Path | None, as_json: bool, workspace: Workspace) -> None:
    """The JSON document, or the report in the terminal; the files too if a folder was named."""
    from livetrader.bootstrap import reports
    from livetrader.reporting import csv, document

    text = document.render(result.document()) if as_json or out is not None else ""
    zone = workspace.calendar.timezone
    if out is not None:
        made = reports.of_result(result, workspace.configuration, workspace)
        name = result.label.lower()
        for file, content in (
            (f"{name}.json", text),
            ("trades.csv", csv.render(result.trades)),
            (f"{name}.html", reports.render(made, "html", zone)),
        ):
            files.write(out / file, content)
    if as_json:
        typer.echo(text, nl=not text.endswith("\n"))
    else:
        typer.echo(reports.render(reports.of_result(result, workspace.configuration), "terminal", zone))
    if out is not None:
        typer.echo(f"written to {out}", err=True)

"""`livetrader strategies`, `signals`, `scan`: what would fire, and why."""

from __future__ import annotations

import csv
import dataclasses
import inspect
import io
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from livetrader import files
from livetrader.cli.call import (
    From,
    Json,
    Preset,
    Strategies,
    Symbols,
    To,
    configuration,
    globals_of,
    moment,
    names,
    one_of,
    one_portfolio,
    period,
    start_log,
)
from livetrader.cli.group import group
from livetrader.cli.output import print_json, print_table, progress, warn
from livetrader.errors import StrategyError, UsageError

if TYPE_CHECKING:
    from livetrader.bootstrap.workspace import Workspace
    from livetrader.domain.signal import Signal
    from livetrader.indicators.gate import Violation
    from livetrader.strategies.base import Strategy

PRESETS = ("original", "large_cap")
WEEKLY = tuple(f"S{n}" for n in range(1, 9))
strategies = group("strategies", "Strategies: list, show, check.", "livetrader strategies list")


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: livetrader signals --from 2026-02-02 --to 2026-02-27 --out signals.csv")(signals)
    app.command(epilog='Example: livetrader scan --at "2026-02-27 10:15"')(scan)
    app.add_typer(strategies)


@strategies.command("list", epilog="Example: livetrader strategies list --json")
def list_(ctx: typer.Context, as_json: Json = False) -> None:
    """All strategies: built-in ones and your own, and whether they are on."""
    with _workspace(ctx) as workspace:
        enabled = workspace.settings.strategies.enabled
        entries = workspace.settings.strategies.entries
        bars = {name: {"interval": entry.interval} for name, entry in entries.items() if entry.interval is not None}
        classes = workspace.registry.classes.items()
        known = [(_card(one) | bars.get(name, {}), name in enabled) for name, one in classes]
    if as_json:
        print_json([card | {"enabled": on} for card, on in known])
        return
    rows = [
        (card["id"], card["name"], card["interval"], card["side"], "on" if on else "off", card["summary"])
        for card, on in known
    ]
    print_table(("id", "name", "bars", "side", "", "what it does"), rows)


@strategies.command(epilog="Example: livetrader strategies show momentum_long")
def show(ctx: typer.Context, name: Annotated[str, typer.Argument(metavar="NAME")], as_json: Json = False) -> None:
    """A strategy's parameters with their values, where each comes from, and how it holds."""
    from livetrader.bootstrap.styles import in_words

    with _workspace(ctx) as workspace:
        (one,) = workspace.strategies((name,))
        held = in_words(workspace.held(one.name))
        entry = f"strategies.entries.{one.name}.params"
        where = {
            field.name: workspace.configuration.where(f"{entry}.{field.name}") for field in dataclasses.fields(one)
        }
    values = {key: getattr(one, key) for key in where}
    if as_json:
        params = {key: {"value": values[key], "origin": where[key]} for key in values}
        print_json(_card(type(one)) | {"held": held, "params": params})
        return
    typer.echo(f"{one.identity} {one.name}: {_card(type(one))['summary']}")
    typer.echo(f"decides on {one.interval} bars; {held}\n")
    print_table(("parameter", "value", "origin"), [(key, str(values[key]), where[key]) for key in values])


@strategies.command(epilog="Example: livetrader strategies check my_breakout")
def check(ctx: typer.Context, name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    """The prefix gate: no value may depend on later bars, or on how much history is loaded."""
    from livetrader.bootstrap.gate import check as gate

    with _workspace(ctx) as workspace:
        (one,) = workspace.strategies((name,))
        violations = gate(workspace, one)
    if violations:
        raise StrategyError("\n".join(_by_name(one.name, violations)))
    typer.echo(f"ok: {one.name}: every value depends on its block up to its own bar, and on nothing else")


def _by_name(strategy: str, violations: Sequence[Violation]) -> list[str]:
    """One line a name: its first violation, and how many more there are."""
    lines = []
    for name in dict.fromkeys(one.name for one in violations):
        own = [one for one in violations if one.name == name]
        more = f" (and on {len(own) - 1} other bars that were tried)" if len(own) > 1 else ""
        lines.append(f"{strategy}: {own[0]}{more}")
    return lines


def signals(
    ctx: typer.Context,
    first: From,
    last: To,
    symbols: Symbols = None,
    strategies: Strategies = None,
    preset: Preset = None,
    workers: Annotated[int, typer.Option("--workers", min=1, metavar="N", help="Processes.")] = 1,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="CSV file; stdout if not given.")] = None,
) -> None:
    """Every signal of a period, as CSV.

    Before constraints, with the inputs of each rule. S1 to S8 (--strategies S1,S5 or weekly) are the weekly signals
    of the index, NIFTY unless --symbols names another, and have columns of their own.
    """
    one_of(preset, "--preset", PRESETS)
    start, end = period(first, last)
    chosen = names(strategies, "--strategies")
    with _workspace(ctx, searching=True) as workspace, progress(globals_of(ctx).quiet) as show_progress:
        if chosen is not None and any(_is_weekly(name) for name in chosen):
            text = _weekly_csv(workspace, chosen, start, end, symbols)
        else:
            from livetrader.bootstrap.research import Request, find_signals

            request = Request(start, end, symbols, chosen, preset, workers=workers)
            warn(workspace.warnings(workspace.symbols(symbols), workspace.sessions(start, end)))
            text = _csv(find_signals(workspace, request, show_progress))
    if out is None:
        typer.echo(text, nl=False)
        return
    files.write(out, text)
    typer.echo(f"{out}: {text.count(chr(10)) - 1} signals", err=True)


def scan(
    ctx: typer.Context,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="The bar's close, exchange time; the last one.")
    ] = None,
    symbols: Symbols = None,
    strategies: Strategies = None,
    as_json: Json = False,
) -> None:
    """The signals of one closed bar; trades nothing."""
    from livetrader.bootstrap.research import Request, find_signals

    with _workspace(ctx, searching=True) as workspace:
        chosen = names(strategies, "--strategies")
        steps = {one.interval.seconds for one in workspace.strategies(chosen)}
        close = _close(workspace, at, steps)
        request = Request(close.date(), close.date(), symbols, chosen)
        found = [one for one in find_signals(workspace, request) if one.as_of == int(close.timestamp())]
        warn(_lacking(workspace, symbols, close))
    if as_json:
        print_json({"at": _utc(int(close.timestamp())), "signals": [_signal_json(one) for one in found]})
        return
    typer.echo(f"{len(found)} signals on the bars that closed at {close:%Y-%m-%d %H:%M %Z}")
    for one in found:
        inputs = ", ".join(f"{key}={value:g}" for key, value in one.inputs.items())
        typer.echo(f"{one.strategy}  {one.symbol}  {one.side.value}  {one.price:.2f}  {inputs}")


def _is_weekly(name: str) -> bool:
    return name == "weekly" or name in WEEKLY


def _weekly_csv(workspace: Workspace, chosen: Sequence[str], first: date, last: date, symbol: str | None) -> str:
    """CLI.md's columns for S1 to S8: those of `chosen`, in order of time."""
    from livetrader.bootstrap.weekly import find_weekly

    others = [name for name in chosen if not _is_weekly(name)]
    if others:
        raise UsageError(f"--strategies: S1 to S8 have columns of their own; ask for {', '.join(others)} separately")
    wanted = WEEKLY if "weekly" in chosen else chosen
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["week_start", "signal", "bar_open_utc", "side", "stop"])
    for one in find_weekly(workspace, first, last, symbol or "NIFTY"):
        if one.signal in wanted:
            table.writerow([one.week_start, one.signal, _utc(one.bar_open), one.side.value, repr(float(one.stop))])
    return text.getvalue()


def _close(workspace: Workspace, at: str | None, steps: Collection[int]) -> datetime:
    """The close that `--at` names, in exchange time, or the last one of bars of `steps` seconds."""
    from livetrader.market.clock import SystemClock

    zone = workspace.calendar.timezone
    now = SystemClock().now()
    today = datetime.fromtimestamp(now, zone).date()
    asked, clock_time = (None, None) if at is None else moment(at, "--at")
    if clock_time is None:
        session = workspace.calendar.at(now) or next(iter(workspace.calendar.before(today, 1)), None)
    else:
        session = workspace.calendar.session_on(asked or today)
    if session is None:
        raise UsageError(f'--at {at}: no session on {asked or today}; write "YYYY-MM-DD HH:MM" for another day')
    closes = sorted({min(slot + step, session.closes) for step in steps for slot in session.slots(step)})
    if clock_time is None:
        return datetime.fromtimestamp(max((c for c in closes if c <= now), default=session.opens), zone)
    close = datetime.combine(session.date, clock_time, zone)
    if close.timestamp() not in closes:
        near = min(closes, key=lambda c: abs(c - close.timestamp()))
        raise UsageError(
            f"--at {at}: no bar of these strategies closes then; the nearest does at "
            f"{datetime.fromtimestamp(near, zone):%H:%M}"
        )
    return close


def _lacking(workspace: Workspace, symbols: str | None, close: datetime) -> list[str]:
    """What `scan` could not see: symbols without candles, and a bar that is not stored."""
    listed = workspace.symbols(symbols)
    lines = workspace.warnings(listed)
    now = int(close.timestamp())
    bars = workspace.candles.finest(listed)
    if not any(len(workspace.store.read(step, now - step.seconds, now, list(bars))) for step in set(bars.values())):
        lines.append(f"no candles of the bars that closed at {close:%Y-%m-%d %H:%M}; see `livetrader data check`")
    return lines


def _csv(found: Sequence[Signal]) -> str:
    """CLI.md's columns, then every input that any of the rules looked at."""
    inputs = list(dict.fromkeys(name for one in found for name in one.inputs))
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["strategy_id", "symbol", "bar_open_utc", "side", *inputs])
    for one in found:
        values = (one.inputs.get(name) for name in inputs)
        shown = ["" if value is None else repr(float(value)) for value in values]
        table.writerow([one.strategy_id, one.symbol, _utc(one.bar_open), one.side.value, *shown])
    return text.getvalue()


def _signal_json(one: Signal) -> dict[str, object]:
    return {
        "strategy_id": one.strategy_id,
        "strategy": one.strategy,
        "symbol": one.symbol,
        "side": one.side.value,
        "bar_open": _utc(one.bar_open),
        "as_of": _utc(one.as_of),
        "price": str(one.price),
        "inputs": {key: float(value) if isfinite(value) else None for key, value in one.inputs.items()},
    }


def _card(one: type[Strategy]) -> dict[str, str]:
    return {
        "id": one.id,
        "name": one.name,
        "interval": one.interval.value,
        "side": one.side.value if one.side else "both",
        # A dataclass without a docstring is given its signature.
        "summary": ""
        if (one.__doc__ or "").startswith(f"{one.__name__}(")
        else (inspect.getdoc(one) or "").partition("\n")[0],
    }


def _utc(instant: int) -> str:
    return f"{datetime.fromtimestamp(instant, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _workspace(ctx: typer.Context, *, searching: bool = False) -> Workspace:
    from livetrader.bootstrap.workspace import Workspace

    # What a strategy is does not depend on the portfolio, unless one is named; what it finds does.
    found = one_portfolio(ctx) if searching else configuration(ctx)
    start_log(ctx, found, "TOOL")
    return Workspace(found, read_only=True)

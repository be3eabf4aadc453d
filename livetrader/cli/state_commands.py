"""`livetrader status`, `positions`, `orders`, `trades`, `why`, `report`: what happened, from the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from livetrader.cli.call import STATES, Json, StateMode, chosen_period, each_portfolio, moment, one_of
from livetrader.cli.decisions import decision_lines, seen_lines, status_lines
from livetrader.cli.output import print_styled, print_table
from livetrader.cli.portfolios import show_each
from livetrader.errors import DataError, UsageError

if TYPE_CHECKING:
    from livetrader.config import Configuration

Row = Mapping[str, object]
FORMATS = ("terminal", "html", "png", "json", "csv", "lots")
_Date = Annotated[str | None, typer.Option("--date", metavar="DATE", help="One session, YYYY-MM-DD.")]
_First = Annotated[str | None, typer.Option("--from", metavar="DATE", help="First session.")]
_Last = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last session.")]


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: livetrader report --date 2026-02-27 --format html --out eod.html")(report)
    app.command(epilog="Example: livetrader status --json")(status)
    app.command(epilog="Example: livetrader positions --mode live")(positions)
    app.command(epilog="Example: livetrader orders --json")(orders)
    app.command(epilog="Example: livetrader trades --from 2026-02-02 --to 2026-02-27")(trades)
    app.command(epilog="Example: livetrader why RELIANCE --at 10:15")(why)


def status(ctx: typer.Context, mode: StateMode = None, as_json: Json = False) -> None:
    """Whether it runs, and what it holds.

    Read from the database: works while the daemon runs and when it is dead.
    """
    from livetrader.bootstrap import state

    asked = checked(mode)

    def show(one: Configuration, row: Row) -> None:
        for name, value in status_lines(row, state.exchange_zone(one)):
            print_styled(f"{name:<15} {value}", "bold red" if name.isupper() else "")

    show_each(each_portfolio(ctx), lambda one: state.status(one, asked), show, as_json)


def positions(
    ctx: typer.Context,
    mode: StateMode = None,
    lots: Annotated[
        bool, typer.Option("--lots", help="The lots that it is made of, with their age; the oldest is sold first.")
    ] = False,
    as_json: Json = False,
) -> None:
    """What is held."""
    from livetrader.bootstrap import state

    held, asked = state.open_lots if lots else state.positions, checked(mode)
    _show(ctx, lambda one: held(one, asked), "no open positions", as_json)


def orders(
    ctx: typer.Context, on: _Date = None, first: _First = None, last: _Last = None, mode: StateMode = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Orders, and what became of them."""
    from livetrader.bootstrap import state

    span, asked = chosen_period(on, first, last), checked(mode)
    _show(ctx, lambda one: state.orders(one, asked, span), "no orders", as_json)


def trades(
    ctx: typer.Context, on: _Date = None, first: _First = None, last: _Last = None, mode: StateMode = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Trades, with their profit and loss."""
    from livetrader.bootstrap import state

    span, asked = chosen_period(on, first, last), checked(mode)
    _show(ctx, lambda one: state.trades(one, asked, span), "no trades", as_json)


def why(
    ctx: typer.Context,
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL")],
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="The bar's close, exchange time; the latest.")
    ] = None,
    mode: StateMode = None,
    as_json: Json = False,
) -> None:
    """Why a symbol was traded, or not.

    Data age, signal, each constraint's verdict with its numbers, and the final action; where there was no signal,
    what each strategy saw.
    """
    when = None if at is None else moment(at, "--at")
    symbol = symbol.strip().upper()
    if not symbol:
        raise UsageError("SYMBOL: is empty; name one, such as RELIANCE")
    from livetrader.bootstrap import state

    asked = checked(mode)

    def show(found: Configuration, rows: Sequence[Row]) -> None:
        zone = state.exchange_zone(found)
        for number, row in enumerate(rows):
            if number:
                typer.echo()
            for line in decision_lines(row, zone):
                print_styled(line, "bold" if not line.startswith(" ") else "red" if "✗" in line else "")
        if not rows:
            for line in _undecided(found, mode or found.settings.mode, symbol, when, zone):
                typer.echo(line)

    show_each(each_portfolio(ctx), lambda one: state.why(one, asked, symbol, when), show, as_json)


def _undecided(
    found: Configuration, mode: str, symbol: str, when: tuple[date | None, time] | None, zone: tzinfo
) -> Iterator[str]:
    """What there is to say of a symbol that nothing was decided about: how old its candles are, what they showed."""
    from livetrader.bootstrap import state
    from livetrader.bootstrap.candles import remedy
    from livetrader.bootstrap.inputs import alike, last_bar, seen
    from livetrader.bootstrap.workspace import Workspace
    from livetrader.market.clock import SystemClock

    now = datetime.fromtimestamp(SystemClock().now(), zone)
    until = now
    if when is not None:
        day = when[0] or state.latest_day(found, mode, zone) or now.date()
        until = datetime.combine(day, when[1], zone)
    with Workspace(found, read_only=True) as workspace:
        last = last_bar(workspace, symbol, int(until.timestamp()))
        if last is None:
            near = ", ".join(alike(workspace, symbol))
            hint = f"did you mean {near}?" if near else f"bring some with {remedy(found.settings)}"
            raise DataError(f"{symbol}: no candles until {until:%Y-%m-%d %H:%M %Z} are stored; {hint}")
        closed = datetime.fromtimestamp(last[1], zone)
        yield f"{symbol}: nothing was decided about it in {mode} mode{'' if when is None else f' at {until:%H:%M}'}"
        yield f"its last candle until then closed at {closed:%Y-%m-%d %H:%M %Z}, {_age(until - closed)} earlier"
        yield "what the strategies saw there:"
        for one in seen(workspace, symbol, last[1]):
            yield from seen_lines(one, zone)


def _age(span: timedelta) -> str:
    minutes = int(span.total_seconds()) // 60
    days, hours = minutes // 1440, minutes // 60 % 24
    return f"{days} d {hours} h" if days else f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def report(
    ctx: typer.Context,
    on: _Date = None,
    first: _First = None,
    last: _Last = None,
    form: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="terminal, html, png, json, csv or lots.")
    ] = "terminal",
    out: Annotated[Path | None, typer.Option("--out", metavar="PATH", help="File; stdout if not given.")] = None,
    mode: StateMode = None,
) -> None:
    """The end-of-day summary, or the tear sheet of a period.

    Without dates: the latest session.
    """
    one_of(form, "--format", FORMATS)
    span = chosen_period(on, first, last)
    from livetrader.bootstrap import reports

    asked, found = checked(mode), each_portfolio(ctx)
    if "" not in found and (out is not None or form in ("json", "csv")):
        raise UsageError(f"--portfolio: is missing; one file or document is of one of {', '.join(found)}")

    def show(one: Configuration, _: None) -> None:
        written = reports.report(one, asked, span, form, out)
        if written is not None:
            typer.echo(f"report: {written}", err=True)

    show_each(found, lambda _: None, show, as_json=False)


def checked(mode: str | None) -> str | None:
    """The mode of a state, as it was asked for; UsageError for one that there is not."""
    one_of(mode, "--mode", STATES)
    return mode


def _show(ctx: typer.Context, read: Callable[[Configuration], Sequence[Row]], nothing: str, as_json: bool) -> None:
    def show(_: Configuration, rows: Sequence[Row]) -> None:
        if not rows:
            typer.echo(nothing)
        else:
            print_table(list(rows[0]), [[_text(value) for value in row.values()] for row in rows], _alarming)

    show_each(each_portfolio(ctx), read, show, as_json)


def _alarming(row: Sequence[str]) -> bool:
    """An order of unknown fate stands out."""
    return "UNKNOWN" in row


def _text(value: object) -> str:
    return "" if value is None else str(value)

"""`livetrader session`: start, pause, resume, stop, reset, list, show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, cast

import typer

from livetrader.cli.call import Json, StateMode, each_portfolio, one_of, one_portfolio
from livetrader.cli.decisions import local
from livetrader.cli.group import group
from livetrader.cli.operator_commands import MODES, WAIT_SECONDS, Mode, Wait, ask, halt, resume, said
from livetrader.cli.output import print_table
from livetrader.cli.portfolios import do_each, show_each
from livetrader.cli.state_commands import checked
from livetrader.cli.trading_commands import run
from livetrader.errors import UsageError

if TYPE_CHECKING:
    from livetrader.config import Configuration

session = group("session", "Trading sessions: from a start of the trader to its stop.", "livetrader session list")

Row = Mapping[str, object]

# What a line of the list has room for.
_LISTED = (
    "id", "state", "started_at", "stopped_at", "runs", "trades", "wins", "net_pnl", "currency", "max_drawdown",
    "reason",
)  # fmt: skip


def register(app: typer.Typer) -> None:
    app.add_typer(session)


@session.callback()
def family() -> None:
    """Trading sessions: from a start of the trader to its stop."""


session.command("start", epilog="Example: livetrader session start --mode live --yes-live")(run)
session.command("pause", epilog='Example: livetrader session pause "results at noon"')(halt)
session.command("resume", epilog="Example: livetrader session resume")(resume)


@session.command(epilog="Example: livetrader session stop --flatten")
def stop(
    ctx: typer.Context,
    flatten: Annotated[
        bool, typer.Option("--flatten", help="Close all positions first; else they stay, with their stops.")
    ] = False,
    mode: Mode = None,
    wait: Wait = WAIT_SECONDS,
) -> None:
    """End the trading session, and the process that trades.

    Entries under way are cancelled and no new ones taken; the process ends, with code 0, when that has come to its end.
    """
    found = one_portfolio(ctx, {"mode": ("--mode", _mode(mode))})
    ask(ctx, found, wait, "stop", flatten="yes" if flatten else None)


@session.command(epilog="Example: livetrader session reset")
def reset(ctx: typer.Context, mode: Mode = None) -> None:
    """Take a session that ended by an error back to STOPPED; a start does it, too."""
    from livetrader.bootstrap import operating
    from livetrader.market.clock import SystemClock

    def work(one: Configuration) -> str:
        done = "the session is STOPPED" if operating.reset(one, SystemClock()) else "no session has ended by an error"
        return said(one, done)

    do_each(each_portfolio(ctx, {"mode": ("--mode", _mode(mode))}), work)


@session.command("list", epilog="Example: livetrader session list --json")
def list_(ctx: typer.Context, mode: StateMode = None, as_json: Json = False) -> None:
    """All trading sessions, the oldest first, with what they came to."""
    asked = checked(mode)

    def show(one: Configuration, rows: Sequence[Row]) -> None:
        if not rows:
            typer.echo("no trading session yet: `livetrader run` begins one")
            return
        lines = [[_text(one, row, name) for name in _LISTED] for row in rows]
        print_table(_LISTED, lines, lambda line: "ERROR" in line)

    show_each(each_portfolio(ctx), lambda one: _rows(one, asked), show, as_json)


@session.command("show", epilog="Example: livetrader session show 3")
def show_(
    ctx: typer.Context,
    id: Annotated[int | None, typer.Argument(metavar="ID", help="As the list has it; the latest.")] = None,
    mode: StateMode = None,
    as_json: Json = False,
) -> None:
    """One trading session: the latest, or that of an id."""
    asked = checked(mode)

    def read(one: Configuration) -> Row:
        rows = _rows(one, asked)
        found = rows[-1:] if id is None else [row for row in rows if row["id"] == id]
        if not found:
            raise UsageError("there is no trading session yet" if id is None else f"ID {id}: there is no such session")
        return found[0]

    def show(one: Configuration, row: Row) -> None:
        for name in row:
            typer.echo(f"{name:<16} {_text(one, row, name)}".rstrip())

    show_each(each_portfolio(ctx), read, show, as_json)


def _rows(found: Configuration, mode: str | None) -> list[Row]:
    from livetrader.bootstrap import sessions

    return sessions.rows(found, mode)


def _text(found: Configuration, row: Row, name: str) -> str:
    """A cell for people: times are the exchange's."""
    from livetrader.bootstrap.state import exchange_zone

    value = row[name]
    if name in ("started_at", "stopped_at") and value is not None:
        return local(str(value), exchange_zone(found))
    if name == "state" and not row["alive"] and value not in ("STOPPED", "ERROR"):
        return f"{value}, no process"
    if name == "max_drawdown" and row["max_drawdown_pct"] is not None:
        return f"{value} ({cast(float, row['max_drawdown_pct']):.2f} %)"
    return "" if value is None else str(value)


def _mode(mode: str | None) -> str | None:
    one_of(mode, "--mode", MODES)
    return mode

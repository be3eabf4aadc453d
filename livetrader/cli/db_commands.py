"""`livetrader db`: check, migrate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from livetrader.cli.call import STATES, Json, StateMode, each_portfolio, one_of
from livetrader.cli.group import group
from livetrader.cli.output import print_table
from livetrader.cli.portfolios import do_each, show_each

if TYPE_CHECKING:
    from livetrader.config import Configuration

db = group("db", "The state database.", "livetrader db check")


def register(app: typer.Typer) -> None:
    app.add_typer(db)


@db.callback()
def family() -> None:
    """The state database."""


@db.command(epilog="Example: livetrader db check --mode live")
def check(ctx: typer.Context, mode: StateMode = None, as_json: Json = False) -> None:
    """Whether a state is whole: its file, its schema, its audit log (exit code 74 if it is not).

    Reads only, also while a trader runs.
    """
    one_of(mode, "--mode", STATES)
    from livetrader.bootstrap.state import open_books

    def read(one: Configuration) -> dict[str, Any]:
        with open_books(one, mode) as queries:
            return {"state": queries.where, "rows": queries.check()}

    def show(_: Configuration, found: dict[str, Any]) -> None:
        rows = found["rows"]
        print_table(("table", "rows"), [(name, str(count)) for name, count in rows.items()])
        typer.echo(
            f"{found['state']}: whole; each of the {rows['audit']} rows of the audit log follows from the one before it"
        )

    show_each(each_portfolio(ctx), read, show, as_json)


@db.command(epilog="Example: livetrader db migrate --mode live")
def migrate(ctx: typer.Context, mode: StateMode = None) -> None:
    """Take a state of an older livetrader to today's schema.

    Makes a backup first. No trader may run meanwhile.
    """
    one_of(mode, "--mode", STATES)
    from datetime import UTC, datetime

    from livetrader.market.clock import SystemClock
    from livetrader.store.database import migrate as take_up
    from livetrader.store.location import lock_path, place
    from livetrader.store.lock import hold

    def work(one: Configuration) -> str:
        state, asked = one.settings.state, one.settings.state_name(mode)
        with hold(lock_path(state.url, asked, state.directory), datetime.fromtimestamp(SystemClock().now(), UTC)):
            backup = take_up(state.url, asked)
        done = "is of today's schema" if backup is None else f"migrated; the state before is {backup}"
        return f"{place(state.url, asked)}: {done}"

    do_each(each_portfolio(ctx), work)

"""`livetrader db`: migrate."""

from __future__ import annotations

from typing import Annotated

import typer

from livetrader.cli.call import configuration, one_of
from livetrader.cli.group import group

db = group("db", "The state database.", "livetrader db migrate")


def register(app: typer.Typer) -> None:
    app.add_typer(db)


@db.callback()
def family() -> None:
    """The state database."""


@db.command(epilog="Example: livetrader db migrate --mode live")
def migrate(
    ctx: typer.Context,
    mode: Annotated[
        str | None, typer.Option("--mode", metavar="MODE", help="paper, dry-run, live or replay; from the config.")
    ] = None,
) -> None:
    """Take a state of an older livetrader to today's schema.

    Makes a backup first. No trader may run meanwhile.
    """
    one_of(mode, "--mode", ("paper", "dry-run", "live", "replay"))
    from datetime import UTC, datetime

    from livetrader.market.clock import SystemClock
    from livetrader.store.database import migrate as take_up
    from livetrader.store.location import lock_path, state_path
    from livetrader.store.lock import hold

    settings = configuration(ctx).settings
    url, asked = settings.state.url, mode or settings.mode
    with hold(lock_path(url, asked), datetime.fromtimestamp(SystemClock().now(), UTC)):
        backup = take_up(url, asked)
    done = "is of today's schema" if backup is None else f"migrated; the state before is {backup}"
    typer.echo(f"{state_path(url, asked)}: {done}")

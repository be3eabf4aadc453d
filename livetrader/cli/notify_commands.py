"""`livetrader notify`: test."""

from __future__ import annotations

import typer

from livetrader.cli.call import Json, configuration, start_log
from livetrader.cli.group import group
from livetrader.cli.output import print_json, print_table
from livetrader.errors import BrokerUnavailable

notify = group("notify", "Messages to the operator.", "livetrader notify test")


def register(app: typer.Typer) -> None:
    app.add_typer(notify)


@notify.callback()
def family() -> None:
    """Messages to the operator."""


@notify.command("test", epilog="Example: livetrader notify test")
def try_out(ctx: typer.Context, as_json: Json = False) -> None:
    """Send one message to each target, and say what came of it.

    Exit code 69 if one was not taken.
    """
    found = configuration(ctx)
    start_log(ctx, found, "TOOL")
    from livetrader.bootstrap.notifying import try_targets

    told = try_targets(found)
    if as_json:
        print_json([{"target": name, "sent": not why, "reason": why} for name, why in told])
    else:
        print_table(("target", "outcome"), [(name, why or "sent") for name, why in told], lambda row: row[1] != "sent")
    if any(why for _, why in told):
        raise typer.Exit(BrokerUnavailable.exit_code)

"""`livetrader dashboard`: the account on one screen, live."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from livetrader.cli.call import STATES, Json, StateMode, globals_of, one_of, one_portfolio
from livetrader.cli.operator_commands import WAIT_SECONDS
from livetrader.cli.output import print_json
from livetrader.errors import LiveTraderError

if TYPE_CHECKING:
    from rich.console import Console

    from livetrader.config import Configuration
    from livetrader.dashboard.keys import Request
    from livetrader.dashboard.source import Source

# What is shown where nobody can say how wide it may be.
PLAIN_WIDTH = 120


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: livetrader dashboard --mode live")(dashboard)


def dashboard(
    ctx: typer.Context,
    mode: StateMode = None,
    once: Annotated[bool, typer.Option("--once", help="Print what it shows now, and end.")] = False,
    as_json: Json = False,
) -> None:
    """The account on one screen, live.

    Reads the database, so it can be opened and closed at any time, whether the trader runs or is dead. Without a
    terminal it prints one picture.
    """
    one_of(mode, "--mode", STATES)
    replayed = mode == "replay"
    found = one_portfolio(ctx, {"mode": ("--mode", None if replayed else mode)})
    from rich.console import Console

    from livetrader.dashboard.source import Source
    from livetrader.market.clock import SystemClock

    source = Source(found, "replay" if replayed else found.settings.mode, SystemClock())
    console = Console(highlight=False)
    terminal = console.is_terminal and not console.is_dumb_terminal and sys.stdin.isatty()
    if once or as_json or not terminal or globals_of(ctx).no_input:
        _picture(source, console, as_json)
    else:
        _sit(ctx, found, source, console, commands=not replayed)


def _picture(source: Source, console: Console, as_json: bool) -> None:
    from livetrader.dashboard.document import document
    from livetrader.dashboard.screen import View, draw

    try:
        frame = source.frame()
    finally:
        source.close()
    if as_json:
        print_json(document(frame))
        return
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PLAIN_WIDTH
    console.print(draw(View(frame), console.width, None))


def _sit(ctx: typer.Context, found: Configuration, source: Source, console: Console, *, commands: bool) -> None:
    from livetrader.dashboard.keys import Dialogue
    from livetrader.dashboard.loop import Screen

    _log_to_file(ctx, found)
    dialogue = Dialogue(commands=commands)
    Screen(source.frame, source.close, lambda request: _carry_out(found, request), dialogue, console).run(
        sys.stdin.fileno()
    )


def _carry_out(found: Configuration, request: Request) -> str:
    """What the command of that name does, and says."""
    from livetrader.bootstrap import operating
    from livetrader.market.clock import SystemClock

    clock = SystemClock()
    if request.kind == "halt":
        new = operating.halt(found, request.text, clock)
        return "halted: no entries until you resume" if new else "halted already: the first reason stands"
    if request.kind == "resume":
        return operating.resume(found, None, clock)
    if request.kind == "close":
        return operating.ask(found, "close", {"symbol": request.text}, clock, WAIT_SECONDS)
    killed = operating.kill(found, "by hand", clock)
    try:
        return f"{killed}; {operating.ask(found, 'close', {}, clock, WAIT_SECONDS)}"
    except LiveTraderError as error:
        return f"{killed}; error: {error}"  # the kill stands, and has to be seen


def _log_to_file(ctx: typer.Context, found: Configuration) -> None:
    """What is done from here goes to the day's log; a line on stderr would tear the screen."""
    from livetrader.bootstrap.state import exchange_zone
    from livetrader.logs import configure
    from livetrader.market.clock import SystemClock

    settings = found.settings
    nowhere = ctx.with_resource(Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - the call's context has it
    undo = configure(
        settings.mode.upper(),  # type: ignore[arg-type]  # the modes are labels
        directory=settings.logging.directory,
        level=settings.logging.level,
        keep_days=settings.logging.keep_days,
        now=SystemClock().now,
        timezone=exchange_zone(found),
        portfolio=settings.portfolio,
        stream=nowhere,
    )
    ctx.call_on_close(undo)

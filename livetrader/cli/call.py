"""What every command needs of its call: global options, the configuration, dates and times."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, time
from typing import TYPE_CHECKING, Annotated

import typer

from livetrader.cli.options import Globals
from livetrader.errors import UsageError

if TYPE_CHECKING:
    from livetrader.config import Configuration
    from livetrader.logs import Label

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT = re.compile(r"(?:(\d{4}-\d{2}-\d{2})[T ])?(\d{1,2}):(\d{2})")

From = Annotated[str, typer.Option("--from", metavar="DATE", help="First session, YYYY-MM-DD.")]
To = Annotated[str, typer.Option("--to", metavar="DATE", help="Last session, YYYY-MM-DD.")]
Symbols = Annotated[str | None, typer.Option("--symbols", metavar="LIST", help="A symbol list, a CSV file, or A,B,C.")]
Strategies = Annotated[str | None, typer.Option("--strategies", metavar="A,B", help="Strategies, by name or number.")]
Preset = Annotated[
    str | None, typer.Option("--preset", metavar="NAME", help="Equity parameters: original or large_cap.")
]
STATES = ("paper", "dry-run", "live", "replay")
StateMode = Annotated[
    str | None, typer.Option("--mode", metavar="MODE", help="paper, dry-run, live or replay; from the config.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def globals_of(ctx: typer.Context) -> Globals:
    """The global options of this call."""
    found = ctx.find_root().obj
    return found if isinstance(found, Globals) else Globals()


Flags = Mapping[str, tuple[str, object]]


def configuration(ctx: typer.Context, flags: Flags | None = None) -> Configuration:
    """The configuration of this call, or that of the portfolio that it names.

    `flags` maps settings to (option, value); None is not set.
    """
    return _loaded(ctx, globals_of(ctx).portfolio, flags)


def _loaded(ctx: typer.Context, portfolio: str | None, flags: Flags | None) -> Configuration:
    from livetrader.config import load

    given = {key: flag for key, flag in (flags or {}).items() if flag[1] is not None}
    return load(globals_of(ctx).config, portfolio=portfolio, flags=given)


def each_portfolio(ctx: typer.Context, flags: Flags | None = None) -> dict[str, Configuration]:
    """The configurations that this call is about, by portfolio: of all, or, under "", of the only one."""
    found = configuration(ctx, flags)
    if found.settings.portfolio or not found.portfolios:
        return {"": found}
    return {name: _loaded(ctx, name, flags) for name in found.portfolios}


def one_portfolio(ctx: typer.Context, flags: Flags | None = None) -> Configuration:
    """The configuration of a call that is about one portfolio; UsageError where there are several and none is named."""
    found = each_portfolio(ctx, flags)
    if len(found) > 1:
        raise UsageError(f"--portfolio: is missing; name one of {', '.join(found)}")
    return next(iter(found.values()))


def start_log(ctx: typer.Context, found: Configuration, label: Label) -> None:
    """Logging until the command ends: to the day's file and stderr; a TOOL has no file, and only warns."""
    from datetime import UTC
    from zoneinfo import ZoneInfo

    from livetrader.logs import configure
    from livetrader.market.clock import SystemClock

    here, settings, tool = globals_of(ctx), found.settings, label == "TOOL"
    undo = configure(
        label,
        directory=None if tool else settings.logging.directory,
        level=settings.logging.level,
        keep_days=settings.logging.keep_days,
        now=SystemClock().now,
        timezone=UTC if settings.market.calendar == "24x7" else ZoneInfo("Asia/Kolkata"),
        portfolio=settings.portfolio,
        debug=here.debug,
        quiet=here.quiet or (tool and not here.debug),
    )
    ctx.call_on_close(undo)


def day(text: str, option: str) -> date:
    """A date from the command line; UsageError for one that does not exist."""
    if not _DATE.fullmatch(text):
        raise UsageError(f"{option} {text}: is no date; write YYYY-MM-DD, such as 2026-02-27")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text}: there is no such date") from None


def period(first: str | None, last: str | None) -> tuple[date, date]:
    """The dates of `--from` and `--to`, both needed, in order."""
    if first is None or last is None:
        raise UsageError(f"{'--from' if first is None else '--to'}: is missing; give both --from and --to")
    start, end = day(first, "--from"), day(last, "--to")
    if start > end:
        raise UsageError(f"--from {start} is after --to {end}; swap them")
    return start, end


def chosen_period(on: str | None, first: str | None, last: str | None) -> tuple[date, date] | None:
    """`--date D`, or `--from D --to D`, or None if neither was given."""
    if on is not None and (first or last):
        raise UsageError("--date: cannot stand beside --from and --to; give one or the other")
    if on is not None:
        return (day(on, "--date"),) * 2
    return period(first, last) if first or last else None


def moment(text: str, option: str) -> tuple[date | None, time]:
    """`10:15`, or `2026-02-27 10:15` (exchange time): date, if there is one, and time of day."""
    match = _MOMENT.fullmatch(text.strip())
    try:
        if match is None:
            raise ValueError
        at = time(int(match[2]), int(match[3]))
    except ValueError:
        raise UsageError(f'{option} {text}: is no time; write HH:MM or "YYYY-MM-DD HH:MM", exchange time') from None
    return (day(match[1], option) if match[1] else None), at


def names(text: str | None, option: str) -> tuple[str, ...] | None:
    """The parts of `a,b`; None if the option was not given."""
    if text is None:
        return None
    found = tuple(part.strip() for part in text.split(","))
    if not all(found):
        raise UsageError(f"{option} {text!r}: has an empty name; write a,b")
    return found


def one_of(text: str | None, option: str, allowed: tuple[str, ...]) -> None:
    """UsageError unless `text` is None or one of `allowed`."""
    if text is not None and text not in allowed:
        raise UsageError(f"{option} {text}: must be one of {', '.join(allowed)}")

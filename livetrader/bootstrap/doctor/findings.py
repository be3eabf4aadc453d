"""What a check says: that something is in order, deserves a look, or will fail, and then what mends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from livetrader.errors import (
    AlreadyRunning,
    AuthExpired,
    BrokerUnavailable,
    CalendarError,
    ConfigError,
    DataError,
    LiveTraderError,
    StoreError,
)

# A start would meet them in this order; the first one tells most.
_TELLING = (78, 2, 75, 74, 77, 69, 70, 1)

# Candles are in a database of their own.
CANDLES = "candles"

# What mends an error, where its own words do not name a command.
_REMEDIES: tuple[tuple[type[LiveTraderError], str], ...] = (
    (AuthExpired, "log in to the broker in OpenAlgo's page, then `livetrader login openalgo`"),
    (BrokerUnavailable, "start the broker's server, then `livetrader doctor --live`"),
    (ConfigError, "correct it, then `livetrader config check`"),
    (CalendarError, "`livetrader calendar check`, and what it says"),
    (StoreError, "`livetrader db check`, and what it says"),
    (AlreadyRunning, "`livetrader status`"),
    (DataError, "what it says, or `livetrader data import FILE --interval 5m`; then `livetrader data check`"),
)


class Level(StrEnum):
    """`WARN`: it runs, and somebody should look. `FAIL`: it does not run, or does not trade."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's. `remedy` has the command that mends it; `exit_code` is that of a FAIL."""

    level: Level
    what: str
    remedy: str = ""
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class Said:
    """A finding, and the name of the check that it is of."""

    check: str
    finding: Finding


def ok(what: str) -> Finding:
    return Finding(Level.OK, what)


def warn(what: str, remedy: str) -> Finding:
    return Finding(Level.WARN, what, remedy)


def fail(what: str, remedy: str, exit_code: int) -> Finding:
    return Finding(Level.FAIL, what, remedy, exit_code)


def failed(check: str, error: LiveTraderError) -> list[Finding]:
    """What an error of a check comes to: a finding for each of its lines."""
    remedy = next((mends for kind, mends in _REMEDIES if isinstance(error, kind)), "`livetrader doctor --debug`")
    if check == CANDLES and isinstance(error, StoreError):
        remedy = "what it says, then `livetrader data check`"
    lines = error.problems if isinstance(error, ConfigError) else (" ".join(str(error).split()),)
    return [fail(line, remedy, error.exit_code) for line in lines]


def shortened(names: Sequence[str]) -> str:
    """The first eight names, and a sign that there are more."""
    return ", ".join(names[:8]) + (" …" if names[8:] else "")


def exit_code(said: Sequence[Said]) -> int:
    """0 where nothing fails, else the code of the failure that a start would meet first."""
    codes = {one.finding.exit_code for one in said if one.finding.level is Level.FAIL}
    return next((code for code in _TELLING if code in codes), 0)

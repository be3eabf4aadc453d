"""The error tree. An error is named for what the operator does about it.

    LiveTraderError
    ├ ConfigError           fix the file; refuse to start (78)
    │ └ UsageError          fix the call: an argument, an option or the file it names (2)
    ├ CalendarError         update the calendar; refuse to go live (78)
    ├ DataError             skip this symbol this pass, and say so (2 when a command was given the data)
    ├ StrategyError         fence this strategy off; others run (78 when a command was given the strategy)
    ├ BrokerError
    │ ├ BrokerUnavailable   retry reads with backoff; never a submit (69)
    │ ├ AuthExpired         halt entries; tell the operator the command (77)
    │ └ BrokerProtocol      an answer that we do not understand: unknown, never "flat" (69)
    ├ StoreError            no durable row, no order (74)
    ├ AlreadyRunning        another process holds the lock (75)
    └ ReconcileMismatch     halt entries, allow exits, tell a human (70)

Each message is one line (a ConfigError may hold several, one problem each) that says what is wrong, where,
and what to do. The command line prints it and exits with `exit_code`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class LiveTraderError(Exception):
    """The root: whatever livetrader raises on purpose."""

    exit_code: ClassVar[int] = 1


class ConfigError(LiveTraderError):
    """The configuration is wrong. `problems` holds every mistake found, one line each."""

    exit_code = 78

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class UsageError(ConfigError):
    """The call is wrong: an unknown symbol list, strategy or date, or a file that is not there."""

    exit_code = 2


class CalendarError(LiveTraderError):
    """The calendar does not know the date that was asked for."""

    exit_code = 78


class DataError(LiveTraderError):
    """Candles that cannot be used: malformed, misaligned, missing."""

    exit_code = 2


class StrategyError(LiveTraderError):
    """A strategy that does not load, or fails its checks."""

    exit_code = 78


class BrokerError(LiveTraderError):
    """A broker's answer, or the lack of one."""

    exit_code = 69


class BrokerUnavailable(BrokerError):
    """The broker cannot be reached. Reads are retried; a submit never is."""


class AuthExpired(BrokerError):
    """The session or token is dead; the message names the command that renews it."""

    exit_code = 77


class BrokerProtocol(BrokerError):
    """An answer that we do not understand. Its meaning is unknown, never "flat"."""


class StoreError(LiveTraderError):
    """A database that cannot read or commit."""

    exit_code = 74


class AlreadyRunning(LiveTraderError):
    """Another process holds the lock."""

    exit_code = 75


class ReconcileMismatch(LiveTraderError):
    """Our books and the broker's differ."""

    exit_code = 70

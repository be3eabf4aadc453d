"""A trading session: the time from a start of the trader to its stop, and the one table of its states.

Not an exchange's session (domain.session), of which it may see many, or none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from livetrader.domain.order_state import IllegalTransition


class TradingState(StrEnum):
    STOPPED = "STOPPED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPING = "STOPPING"
    ERROR = "ERROR"

    @property
    def open(self) -> bool:
        """Whether the session goes on, if only with the next process: one that was killed leaves it so."""
        return self not in (TradingState.STOPPED, TradingState.ERROR)


_S = TradingState

TRANSITIONS: dict[TradingState, frozenset[TradingState]] = {
    _S.STOPPED: frozenset({_S.STARTING}),
    _S.STARTING: frozenset({_S.RUNNING, _S.STOPPING, _S.ERROR}),
    _S.RUNNING: frozenset({_S.PAUSED, _S.STOPPING, _S.ERROR}),
    _S.PAUSED: frozenset({_S.RUNNING, _S.STOPPING, _S.ERROR}),
    _S.STOPPING: frozenset({_S.STOPPED, _S.ERROR}),
    _S.ERROR: frozenset({_S.STOPPED}),
}


def proceed(state: TradingState, to: TradingState) -> TradingState:
    """`to`, if a session in `state` may go there; IllegalTransition otherwise."""
    if to not in TRANSITIONS[state]:
        raise IllegalTransition(f"a trading session cannot go from {state} to {to}")
    return to


@dataclass(frozen=True, slots=True)
class Totals:
    """What the trades that were closed in a session came to. Money is exact.

    `max_drawdown` is the largest fall of the account's realised worth from a height before it, and `max_drawdown_pct`
    the same in percent of that height, None where that is nothing.
    """

    trades: int
    wins: int
    gross_pnl: Decimal
    charges: Decimal
    net_pnl: Decimal
    max_drawdown: Decimal
    max_drawdown_pct: float | None


@dataclass(frozen=True, slots=True)
class TradingSession:
    """A session as the journal holds it.

    `state` is never PAUSED there: what pauses a session is a latch, and stands in one place only. `capital` is what the
    account was worth when it began, open positions at cost; `runs` counts the processes that it took. Its fills are
    those that were booked after row `first` of the audit log, until `last` (None: it is not over). `totals` are there
    once it is over.
    """

    id: int
    portfolio: str
    mode: str
    state: TradingState
    started_at: datetime
    capital: Decimal
    first: int
    runs: int = 1
    stopped_at: datetime | None = None
    reason: str = ""
    exit_code: int | None = None
    last: int | None = None
    totals: Totals | None = None

    def seen(self, *, paused: bool) -> TradingState:
        """The state as the operator sees it, given whether entries are stopped by hand."""
        return proceed(_S.RUNNING, _S.PAUSED) if paused and self.state is _S.RUNNING else self.state

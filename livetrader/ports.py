"""What the engine needs of the world. Adapters implement these; the engine knows nothing else of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from livetrader.constraints.verdict import Approved, Verdict
from livetrader.domain.interval import Interval
from livetrader.domain.order import Fill, OrderIntent
from livetrader.domain.order_state import OrderState
from livetrader.domain.session import Session
from livetrader.domain.signal import Signal

if TYPE_CHECKING:  # numpy costs 0.2 s, and the reading commands import this module without it
    from livetrader.domain.candles import CandleColumns, CandleWindow, Floats, Ints


class Clock(Protocol):
    """Wall time for deciding, monotonic time for waiting; both in seconds."""

    def now(self) -> float:
        """Epoch seconds, UTC."""

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


class CandleSource(Protocol):
    """Stored candles, cleaned, on the calendar's grid."""

    def window(self, symbols: Sequence[str], interval: Interval, sessions: Sequence[Session]) -> CandleWindow:
        """The candles of `symbols` over `sessions`. Symbols without any are columns of NaN."""

    def finest(self, symbols: Sequence[str]) -> Mapping[str, Interval]:
        """The finest stored interval of each symbol that has any candles."""

    def poll(self, symbols: Sequence[str], interval: Interval, after: int, now: int) -> CandleColumns:
        """The bars of `interval` with ts > `after` that have closed by `now`, valid and on the grid."""


@dataclass(frozen=True, slots=True)
class Bars:
    """The traded bars of one symbol at its finest interval, oldest first: parallel arrays."""

    ts: Ints
    closes: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats


class Tape(Protocol):
    """Prices as they came: what exits are tested on and what the simulated venue fills at."""

    def bars(self, symbol: str) -> Bars:
        """All bars of `symbol` that the tape knows; readers stop at those that have closed by their now."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of asking a broker: never an exception. `reason` is the broker's own word."""

    state: OrderState
    broker_order_id: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OrderUpdate:
    """News of an order that the broker knows. Fills come before the state that they lead to."""

    intent_id: str
    state: OrderState
    fills: tuple[Fill, ...] = ()
    reason: str = ""


class Broker(Protocol):
    """A venue. It takes approved orders only, and reports what became of them."""

    name: str

    def place(self, order: Approved) -> Outcome: ...

    def cancel(self, intent_id: str) -> Outcome: ...

    def updates(self, now: int) -> Sequence[OrderUpdate]:
        """What happened since the last call and until `now`, in the order in which it happened."""


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An order as the journal holds it."""

    intent: OrderIntent
    state: OrderState
    broker_order_id: str | None
    filled_quantity: Decimal
    average_price: Decimal
    reason: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """A signal and what became of it: one line of `livetrader why`."""

    signal: Signal
    verdict: Verdict | None
    note: str = ""


class Journal(Protocol):
    """The write-ahead record. Each method that writes has committed when it returns."""

    def decide(self, decision: Decision, at: datetime) -> None:
        """Record a signal and its verdict; recording it twice changes nothing."""

    def intend(self, intent: OrderIntent, at: datetime) -> bool:
        """Record an intent. False if that intent is already there: it must not be sent again."""

    def advance(
        self,
        intent_id: str,
        state: OrderState,
        at: datetime,
        *,
        broker_order_id: str | None = None,
        reason: str = "",
    ) -> None:
        """Move an order to `state`; IllegalTransition where the table has no such step."""

    def book(self, fill: Fill, at: datetime) -> bool:
        """Record a fill and move its order to (PARTIALLY_)FILLED. False if it was there already."""

    def mark(self, as_of: int, at: datetime) -> None:
        """The bars closed by `as_of` have been decided."""

    def marked(self) -> int | None:
        """The last `as_of` that was marked."""

    def equity(self, as_of: int, value: Decimal, cash: Decimal, at: datetime) -> None:
        """Record the account's value at `as_of` (a session's close)."""

    def orders(self, *, since: int | None = None) -> Sequence[OrderRecord]:
        """Orders in the order in which they were intended, those decided at or after `since`."""

    def fills(self) -> Sequence[Fill]:
        """All fills, in the order in which they were booked."""

    def decisions(self, *, since: int, until: int) -> Sequence[Decision]:
        """Decisions with since <= as_of < until."""

    def equities(self) -> Sequence[tuple[int, Decimal, Decimal]]:
        """All recorded (as_of, value, cash), oldest first."""


class Notifier(Protocol):
    """Tells the operator; after the fact is durable, never on the order path."""

    def tell(self, events: Iterable[str]) -> None: ...

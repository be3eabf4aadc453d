"""What the engine needs of the world. Adapters implement these; the engine knows nothing else of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from livetrader.constraints.verdict import Approved, Verdict
from livetrader.domain.account import Alert, Answer, Command, External, Flow, Latch
from livetrader.domain.books import Books, BrokerOrder, BrokerPosition, BrokerTrade, Identity
from livetrader.domain.candle import Candle
from livetrader.domain.exit_plan import Replan
from livetrader.domain.instrument import Instrument, Product
from livetrader.domain.interval import Interval
from livetrader.domain.log_entry import LogEntry
from livetrader.domain.order import Fill, OrderIntent
from livetrader.domain.order_state import OrderState
from livetrader.domain.parent import Parent, ParentRecord
from livetrader.domain.session import Session
from livetrader.domain.signal import Signal
from livetrader.domain.tick import LastPrice

if TYPE_CHECKING:  # numpy costs 0.2 s, and the reading commands import this module without it
    from livetrader.domain.candles import CandleColumns, CandleWindow, Floats, Ints


class Clock(Protocol):
    """Wall time for deciding, monotonic time for waiting; both in seconds."""

    def now(self) -> float:
        """Epoch seconds, UTC."""

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


def wall_time(clock: Clock) -> datetime:
    """What `clock` shows, aware, in UTC."""
    return datetime.fromtimestamp(clock.now(), UTC)


class CandleSource(Protocol):
    """Stored candles, cleaned, on the calendar's grid."""

    def windows(
        self, symbols: Sequence[str], sessions: Mapping[Interval, Sequence[Session]]
    ) -> Mapping[Interval, CandleWindow]:
        """The candles of `symbols` at each interval, over sessions of its own.

        A symbol without any is a column of NaN. Bars that several intervals are made from are read once.
        """

    def finest(self, symbols: Sequence[str]) -> Mapping[str, Interval]:
        """The finest stored interval of each symbol that has any candles."""

    def poll(self, symbols: Sequence[str], interval: Interval, after: int, now: int) -> CandleColumns:
        """The bars of `interval` with ts > `after` that have closed by `now`, valid and on the grid."""


class CandleHistory(Protocol):
    """A broker's own record of candles: slow, sometimes short or wrong. Several threads may ask; it keeps its pace."""

    name: str
    history_seconds: float
    """The least time between two calls, whoever makes them."""

    def history(self, symbol: str, interval: Interval, first: date, last: date, /) -> Sequence[Candle]:
        """The bars of some exchange dates, both included, that have closed, oldest first; none is no error.

        DataError for a symbol that is not known, else the errors of a Broker's reads.
        """


@dataclass(frozen=True, slots=True)
class Bars:
    """The traded bars of one symbol at its finest interval, oldest first: parallel arrays."""

    ts: Ints
    closes: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


class Tape(Protocol):
    """Prices as they came: what exits are tested on and what the simulated venue fills at."""

    def bars(self, symbol: str) -> Bars:
        """All bars of `symbol` that the tape knows; readers stop at those that have closed by their now."""


class Quotes(Protocol):
    """Prices as they come, between two bars."""

    def last(self, symbol: str) -> LastPrice | None: ...

    def silence(self) -> str:
        """Why the feed as a whole cannot be believed now, in one line; empty if it can, and outside of a session."""


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
    broker_order_id: str | None = None


class Broker(Protocol):
    """A venue as the engine sees it. It takes approved orders only, and reports what became of them.

    Calls that trade never raise: what came of them is an `Outcome`. Calls that read raise BrokerUnavailable,
    BrokerProtocol or AuthExpired where the venue gave no answer that can be believed.
    """

    name: str
    visibility_seconds: float
    """The worst lag, as declared by the adapter, between the venue's taking an order and the book's showing it."""

    def place(self, order: Approved) -> Outcome: ...

    def modify(self, intent: OrderIntent) -> Outcome:
        """Give a working order the quantity and prices of `intent`. ACKED: it has them."""

    def cancel(self, intent_id: str) -> Outcome:
        """CANCELLED: it cannot fill any more. ACKED: asked for, `updates` will say. REJECTED: nothing to cancel."""

    def updates(self, now: int) -> Sequence[OrderUpdate]:
        """What happened since the last call and until `now`, in the order in which it happened."""

    def find(self, order: OrderRecord) -> Outcome:
        """Where an order of unknown fate stands: its state there, or UNKNOWN if the book does not show it."""

    def position(self, symbol: str, product: Product) -> Decimal:
        """What the venue holds for the account, signed, read afresh."""


class BookKeeper(Broker, Protocol):
    """A Broker that keeps books apart from ours, which can therefore differ."""

    def books(self) -> Books: ...

    def owner(self, order: BrokerOrder) -> str | None:
        """The intent that an order of the book belongs to; None for one that we did not make."""

    def instruments(self) -> Sequence[Instrument]:
        """What can be traded today: ticks, lots, freeze quantities and bands change at a day's start (fault B16)."""


class Venue(Protocol):
    """A broker's wire, as an adapter speaks it; `brokers.polled.PolledBroker` makes a Broker of it.

    `place`, `modify` and `cancel` never raise, and call REJECTED only what the venue's answer proves. INTENT means
    that nothing was sent (connection refused, name not found); any other doubt is UNKNOWN. The reads raise as
    those of Broker do.
    """

    name: str
    identity: Identity
    visibility_seconds: float

    def place(self, order: Approved) -> Outcome: ...

    def modify(self, broker_order_id: str, intent: OrderIntent) -> Outcome: ...

    def cancel(self, broker_order_id: str) -> Outcome: ...

    def orders(self) -> Sequence[BrokerOrder]: ...

    def order(self, broker_order_id: str) -> BrokerOrder:
        """One order by its id, which its book may not show yet. DataError where it is not known."""

    def trades(self) -> Sequence[BrokerTrade]: ...

    def positions(self) -> Sequence[BrokerPosition]: ...

    def funds(self) -> Decimal: ...

    def instruments(self) -> Sequence[Instrument]: ...


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An order as the journal holds it: `intent` with its present terms, `sent_at` the last commit of SENT.

    `algo_id` is what the algorithm was registered as at the exchange, empty where it is not.
    """

    intent: OrderIntent
    state: OrderState
    broker_order_id: str | None
    filled_quantity: Decimal
    average_price: Decimal
    reason: str
    created_at: datetime
    updated_at: datetime
    sent_at: datetime | None = None
    algo_id: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """A signal and what became of it: one line of `livetrader why`."""

    signal: Signal
    verdict: Verdict | None
    note: str = ""


class Journal(Protocol):
    """The write-ahead record. Each method that writes has committed when it returns; in a `unit`, with the unit."""

    def unit(self) -> AbstractContextManager[None]:
        """Several writes in one commit: all of them, or none if an exception leaves the block."""

    def decide(self, decision: Decision, at: datetime) -> None:
        """Record a signal and its verdict; recording it twice changes nothing."""

    def intend(self, intent: OrderIntent, at: datetime) -> bool:
        """Record an intent. False if that intent is already there: it must not be sent again."""

    def found(self, intent: OrderIntent, broker_order_id: str, at: datetime) -> bool:
        """Record what others did at the broker to a position of ours, as an order that is ACKED and was never sent."""

    def advance(
        self, intent_id: str, state: OrderState, at: datetime, *, broker_order_id: str | None = None, reason: str = ""
    ) -> None:
        """Move an order to `state`; IllegalTransition where the table has no such step."""

    def amend(self, intent: OrderIntent, at: datetime) -> None:
        """Give an order the terms (quantity, prices, reason, `amended`) of `intent`, after a modify that succeeded.

        IllegalTransition for an order that has ended, ReconcileMismatch for less than has filled.
        """

    def book(self, fill: Fill, at: datetime) -> bool:
        """Record a fill and move its order to (PARTIALLY_)FILLED. False if it was there already."""

    def begin_parent(self, parent: Parent, at: datetime) -> bool:
        """Record a parent order, before its first child. False if it is there already."""

    def amend_parent(self, parent: Parent, at: datetime) -> None:
        """Give a parent other terms. ReconcileMismatch for one that is not there."""

    def end_parent(self, name: str, reason: str, at: datetime) -> None:
        """Nothing more of a parent goes out, for this reason; the first that is told stands."""

    def parents(self) -> Sequence[ParentRecord]: ...
    def replan(self, replan: Replan, at: datetime) -> bool:
        """Record that a position has another exit from now on. False if that command's is there already."""

    def replans(self) -> Sequence[Replan]: ...
    def mark(self, as_of: int, at: datetime) -> None:
        """The bars closed by `as_of` have been decided."""

    def marked(self) -> int | None:
        """The last `as_of` that was marked."""

    def equity(self, as_of: int, value: Decimal, cash: Decimal, at: datetime) -> None:
        """Record the account's value at `as_of` (a session's close)."""

    def orders(self, *, since: int | None = None) -> Sequence[OrderRecord]:
        """Orders in the order in which they were intended, those decided at or after `since`."""

    def order(self, intent_id: str) -> OrderRecord | None: ...

    def open_orders(self) -> Sequence[OrderRecord]:
        """Orders that may fill or have filled unseen (order_state.OPEN), in the order of intending."""

    def unsent(self) -> Sequence[OrderRecord]:
        """Orders in INTENT: nobody was told of them."""

    def fills(self) -> Sequence[Fill]:
        """All fills, in the order in which they were booked."""

    def decisions(self, *, since: int, until: int) -> Sequence[Decision]:
        """Decisions with since <= as_of < until."""

    def equities(self) -> Sequence[tuple[int, Decimal, Decimal]]:
        """All recorded (as_of, value, cash), oldest first."""

    def latch(self, name: str, reason: str, at: datetime) -> bool:
        """Put a latch on. False if it is on already: the first reason stands."""

    def unlatch(self, name: str, at: datetime) -> bool:
        """Take a latch off. False if it was not on."""

    def latches(self) -> Mapping[str, Latch]: ...

    def alert(self, key: str, text: str, at: datetime) -> bool:
        """Open an alert. False if it is open already, whatever its text."""

    def settle_alert(self, key: str, at: datetime) -> bool:
        """Close an alert. False if none of that key is open."""

    def alerts(self) -> Sequence[Alert]:
        """The open ones, oldest first."""

    def day_start(self, session: date, equity: Decimal, at: datetime) -> Decimal:
        """The equity that `session` began with: the first that was told for it, across restarts."""

    def agree(self, at: datetime) -> None:
        """The broker's books were compared with ours, and agreed."""

    def agreed(self) -> datetime | None:
        """When they did so last, to the second."""

    def flow(self, amount: Decimal, reason: str, at: datetime) -> None:
        """Record money that came from outside, or went there (negative)."""

    def flows(self) -> Sequence[Flow]:
        """All of them, oldest first."""

    def external(self, external: External, at: datetime) -> None:
        """Record an order or position that is not ours as it is now; with quantity zero it is gone."""

    def externals(self) -> Sequence[External]: ...


class Lease(Protocol):
    """The right to trade an account, for two hosts on one database: one holder, a new number at each taking."""

    def lease(self, holder: str, ttl_seconds: float, at: datetime) -> int | None:
        """Take it if it is free, expired or the holder's own: the fencing number; None if another has it."""

    def renew(self, number: int, at: datetime) -> bool:
        """Keep it for another `ttl_seconds`. False if it was lost. In one unit with SENT, it guards the send."""

    def release(self, number: int, at: datetime) -> None:
        """Give it up; nothing happens if it was lost."""


class CommandQueue(Protocol):
    """What the command line asks of a running trader, through the database that both have open."""

    def post(self, kind: str, arguments: Mapping[str, str], at: datetime) -> int:
        """Ask; the command's id."""

    def commands(self) -> Sequence[Command]:
        """Those without an answer, oldest first."""

    def answer(self, command_id: int, outcome: str, ok: bool, at: datetime) -> bool:
        """Say what became of a command. False if it has its answer, or there is no such command."""

    def answered(self, command_id: int) -> Answer | None: ...


class AuditTail(Protocol):
    """The audit log for those who follow it, each from a cursor of its own, and what its rows are about.

    It has only what is committed, and reading it keeps no writer waiting. StoreError where it cannot be read.
    """

    def head(self) -> int:
        """The number of the last row."""

    def entries(self, kinds: Sequence[str], after: int, until: int, limit: int) -> Sequence[LogEntry]:
        """The first `limit` rows of these kinds with after < seq <= until, in order."""

    def before(self, seq: int, kinds: Sequence[str], said: tuple[str, str] | None = None) -> LogEntry | None:
        """The last row of these kinds before `seq`, of all or of those that said (name, text) somewhere."""

    def reached(self, reader: str) -> int | None:
        """Where `reader` has come to; None if it never said."""

    def reach(self, reader: str, seq: int) -> None:
        """`reader` is done with all rows up to `seq`. Committed when it returns."""

    def order(self, intent_id: str) -> OrderRecord | None:
        """An order as it is now."""

    def fills_of(self, symbol: str, until: int) -> tuple[Mapping[str, OrderIntent], Sequence[Fill]]:
        """The intents of a symbol by id, and its fills up to row `until`, as `domain.trades.trades` takes them."""


class Notifier(Protocol):
    """Tells the operator what the journal has committed; never on the order path. Nothing here waits or raises."""

    def scanned(self) -> None:
        """A scan was completed."""

"""A desk for the tests of the order path: a journal that may fail, and a broker whose answers are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from livetrader.constraints.verdict import Approved
from livetrader.domain.instrument import Product
from livetrader.domain.order import Fill, OrderIntent
from livetrader.domain.order_state import OrderState
from livetrader.engine.book import Book
from livetrader.engine.orders import LOOK_SECONDS, OrderPath
from livetrader.errors import BrokerError, StoreError
from livetrader.market.clock import VirtualClock
from livetrader.ports import OrderRecord, OrderUpdate, Outcome
from livetrader.store.memory import MemoryJournal
from tests.unit.engine.trading_samples import at, flat, intent, sessions, signal, sizer, tape

DAYS, SIGNAL = sessions(), signal()
ACKED = Outcome(OrderState.ACKED, "B1")
NOT_SHOWN = Outcome(OrderState.UNKNOWN)


@dataclass
class Told:
    """What the journal and the broker were told, in the order of telling."""

    events: list[str] = field(default_factory=list)


class RecordingJournal(MemoryJournal):
    """A journal that may fail to commit."""

    def __init__(self, told: Told, fails_on: str = "") -> None:
        super().__init__()
        self.told, self.fails_on = told, fails_on

    def intend(self, intent: OrderIntent, at: datetime) -> bool:
        if self.fails_on == "intend":
            raise StoreError("the disk is full")
        new = super().intend(intent, at)
        self.told.events.append(f"intend {new}")
        return new

    def advance(self, intent_id: str, state: OrderState, at: datetime, **more: Any) -> None:
        if self.fails_on == state:
            raise StoreError("the disk is full")
        super().advance(intent_id, state, at, **more)
        self.told.events.append(state)


@dataclass
class ScriptedBroker:
    """A broker whose answers are given; it may only be called for what is committed as SENT."""

    told: Told
    journal: MemoryJournal
    outcome: Outcome = ACKED
    found: Outcome | BrokerError = NOT_SHOWN
    news: list[OrderUpdate] = field(default_factory=list)
    silent: BrokerError | None = None
    name: str = "simulated"
    visibility_seconds: float = 30.0
    looks: int = 0

    def place(self, order: Approved) -> Outcome:
        (record,) = [r for r in self.journal.orders() if r.intent.intent_id == order.intent.intent_id]
        self.told.events.append(f"call while {record.state}")
        return self.outcome

    def modify(self, intent: OrderIntent) -> Outcome:  # noqa: ARG002 - the answer is given
        return self.outcome

    def cancel(self, intent_id: str) -> Outcome:  # noqa: ARG002 - the answer is given
        return self.outcome

    def find(self, order: OrderRecord) -> Outcome:
        self.told.events.append(f"find {order.intent.intent_id} while {order.state}")
        if isinstance(self.found, BrokerError):
            raise self.found
        return self.found

    def position(self, symbol: str, product: Product) -> Decimal:
        raise NotImplementedError

    def updates(self, now: int) -> Sequence[OrderUpdate]:  # noqa: ARG002 - the news are given
        self.looks += 1
        if self.silent is not None:
            raise self.silent
        news, self.news = self.news, []
        return news


@dataclass
class Desk:
    told: Told
    journal: RecordingJournal
    broker: ScriptedBroker
    book: Book
    path: OrderPath
    clock: VirtualClock

    def hears(self, state: OrderState, *fills: Fill, of: str = "i1", reason: str = "") -> None:
        self.broker.news.append(OrderUpdate(of, state, fills, reason))
        self.clock.sleep(LOOK_SECONDS)
        self.path.collect(at(12))

    def state(self, of: str = "i1") -> OrderState:
        (record,) = [r for r in self.journal.orders() if r.intent.intent_id == of]
        return record.state

    def later(self, seconds: float) -> None:
        """Time passes, and the fate of what is open is looked up."""
        self.clock.sleep(seconds)
        self.path.resolve()

    @property
    def calls(self) -> int:
        return sum(event.startswith("call") for event in self.told.events)


def desk(outcome: Outcome = ACKED, fails_on: str = "") -> Desk:
    told = Told()
    journal = RecordingJournal(told, fails_on)
    broker = ScriptedBroker(told, journal, outcome)
    book = Book(sizer(), Decimal(10_000))
    book.start(DAYS[0])
    prices = tape(DAYS, {"A": [flat(100)] * 12})
    clock = VirtualClock(at(1))
    return Desk(told, journal, broker, book, OrderPath(journal, broker, book, prices, clock), clock)


def submit(at_desk: Desk, order: OrderIntent | None = None) -> OrderState:
    return at_desk.path.submit(Approved(order or intent(), ()))

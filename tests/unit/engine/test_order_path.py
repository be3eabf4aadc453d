"""Written ahead, sent once, resolved by what the broker reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from livetrader.constraints.verdict import Approved
from livetrader.domain.order import Fill, OrderIntent, Purpose, closing
from livetrader.domain.order_state import OrderState
from livetrader.domain.signal import Side
from livetrader.engine.book import Book
from livetrader.engine.orders import OrderPath, bar_close
from livetrader.errors import ReconcileMismatch, StoreError
from livetrader.market.clock import VirtualClock
from livetrader.ports import OrderUpdate, Outcome
from livetrader.store.memory import MemoryJournal
from tests.unit.engine.trading_samples import at, fill, flat, intent, sessions, signal, sizer, tape

DAYS, SIGNAL = sessions(), signal()
ACKED = Outcome(OrderState.ACKED, "B1")


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
    news: list[OrderUpdate] = field(default_factory=list)
    name: str = "simulated"

    def place(self, order: Approved) -> Outcome:
        (record,) = [r for r in self.journal.orders() if r.intent.intent_id == order.intent.intent_id]
        self.told.events.append(f"call while {record.state}")
        return self.outcome

    def cancel(self, intent_id: str) -> Outcome:
        raise NotImplementedError

    def updates(self, now: int) -> Sequence[OrderUpdate]:  # noqa: ARG002 - the news are given
        news, self.news = self.news, []
        return news


@dataclass
class Desk:
    told: Told
    journal: RecordingJournal
    broker: ScriptedBroker
    book: Book
    path: OrderPath

    def hears(self, state: OrderState, *fills: Fill, of: str = "i1", reason: str = "") -> None:
        self.broker.news.append(OrderUpdate(of, state, fills, reason))
        self.path.collect(at(12))

    def state(self, of: str = "i1") -> OrderState:
        (record,) = [r for r in self.journal.orders() if r.intent.intent_id == of]
        return record.state

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
    return Desk(told, journal, broker, book, OrderPath(journal, broker, book, prices, VirtualClock(at(1))))


def submit(at_desk: Desk, order: OrderIntent | None = None) -> OrderState:
    return at_desk.path.submit(Approved(order or intent(), ()))


def test_sent_is_committed_before_the_call_and_the_answer_after_it() -> None:
    """Invariant I6: no send without a committed SENT row."""
    d = desk()
    assert submit(d) is OrderState.ACKED
    assert d.told.events == ["intend True", "SENT", "call while SENT", "ACKED"]
    (record,) = d.journal.orders()
    assert record.broker_order_id == "B1"


@pytest.mark.parametrize("fails_on", ["intend", "SENT"])
def test_a_journal_that_cannot_commit_means_no_order(fails_on: str) -> None:
    d = desk(fails_on=fails_on)
    with pytest.raises(StoreError):
        submit(d)
    assert d.calls == 0


@pytest.mark.parametrize(
    "outcome", [OrderState.ACKED, OrderState.UNKNOWN, OrderState.REJECTED, OrderState.CANCELLED], ids=str
)
def test_an_intent_that_the_journal_has_is_not_sent_again(outcome: OrderState) -> None:
    """The same signal seen twice is one order, whatever became of it."""
    d = desk(Outcome(outcome))
    submit(d)
    submit(d)
    assert d.calls == 1
    assert d.state() is outcome


def test_an_intent_that_was_sent_when_the_process_died_is_not_sent_again() -> None:
    d = desk(fails_on="ACKED")
    with pytest.raises(StoreError):
        submit(d)
    d.journal.fails_on = ""
    submit(d)
    assert (d.calls, d.state()) == (1, OrderState.SENT)


def test_an_intent_that_was_never_sent_goes_out_when_it_is_decided_again() -> None:
    """A process that died between INTENT and SENT sent nothing; an exit must not be lost to that."""
    d = desk(fails_on="SENT")
    with pytest.raises(StoreError):
        submit(d)
    d.journal.fails_on = ""
    submit(d)
    assert (d.calls, d.state()) == (1, OrderState.ACKED)


def test_but_not_if_it_is_decided_for_another_quantity() -> None:
    d = desk(fails_on="SENT")
    with pytest.raises(StoreError):
        submit(d)
    d.journal.fails_on = ""
    submit(d, intent(quantity="11"))
    assert (d.calls, d.state()) == (0, OrderState.INTENT)


def test_a_connection_that_was_refused_sent_nothing_and_holds_nothing() -> None:
    d = desk(Outcome(OrderState.INTENT, reason="connection refused"))
    submit(d)
    assert (d.state(), d.book.available, d.book.orders) == (OrderState.INTENT, 10_000, {})
    d.broker.outcome = ACKED
    submit(d)
    assert (d.calls, d.state()) == (2, OrderState.ACKED)


@pytest.mark.parametrize("state", [OrderState.REJECTED, OrderState.CANCELLED, OrderState.EXPIRED], ids=str)
def test_an_end_in_the_answer_settles_the_order(state: OrderState) -> None:
    d = desk(Outcome(state, reason="RMS: no funds"))
    assert submit(d) is state
    assert (d.book.available, d.book.orders, len(d.book.entered)) == (10_000, {}, 0)
    (record,) = d.journal.orders()
    assert (record.state, record.reason) == (state, "RMS: no funds")


@pytest.mark.parametrize("state", [OrderState.REJECTED, OrderState.CANCELLED, OrderState.EXPIRED], ids=str)
def test_an_end_that_comes_later_settles_the_order(state: OrderState) -> None:
    d = desk()
    submit(d)
    assert d.book.available == 9000
    d.hears(state, reason="the exchange says so")
    assert (d.state(), d.book.available, d.book.orders, len(d.book.entered)) == (state, 10_000, {}, 0)


@pytest.mark.parametrize("state", [OrderState.UNKNOWN, OrderState.ACKED], ids=str)
def test_an_order_that_may_still_fill_keeps_its_reservation(state: OrderState) -> None:
    d = desk(Outcome(state))
    submit(d)
    assert (d.book.available, len(d.book.entered), d.book.exposure(at(1), SIGNAL).pending) == (9000, 1, {"A"})


def test_a_fill_moves_the_order_the_position_and_the_cash() -> None:
    d = desk()
    submit(d)
    d.hears(OrderState.FILLED, fill(intent(), "101", charges="2"))
    assert (d.state(), d.book.cash, d.book.orders) == (OrderState.FILLED, 10_000 - 1010 - 2, {})
    assert d.book.positions["A"].position.quantity == 10


def test_a_fill_that_is_told_twice_counts_once() -> None:
    d = desk()
    submit(d)
    done = fill(intent(), "101")
    d.hears(OrderState.FILLED, done)
    d.broker.news = [OrderUpdate("i1", OrderState.PARTIALLY_FILLED, (done,))]
    assert d.path.collect(at(12)) == []
    assert (d.book.cash, d.book.positions["A"].position.quantity) == (8990, 10)


def test_fills_in_parts_then_a_cancel() -> None:
    """The news of the cancel carries no fill: what filled before it is kept, and stays a trade."""
    d = desk()
    submit(d)
    d.hears(OrderState.PARTIALLY_FILLED, fill(intent(), "100", "4"))
    assert (d.state(), d.book.available) == (OrderState.PARTIALLY_FILLED, 9000)
    d.hears(OrderState.CANCELLED)
    assert (d.state(), d.book.available, len(d.book.entered)) == (OrderState.CANCELLED, 9600, 1)


def test_a_fill_that_overtakes_the_cancel_is_booked() -> None:
    """Fault B10."""
    d = desk()
    submit(d)
    d.hears(OrderState.CANCELLED)
    d.hears(OrderState.FILLED, fill(intent(), "100"))
    assert (d.state(), d.book.positions["A"].position.quantity, len(d.book.entered)) == (OrderState.FILLED, 10, 1)
    assert d.book.cash == 9000


def test_more_filled_than_was_wanted_is_an_alarm_and_not_a_position() -> None:
    """Invariant I1."""
    d = desk()
    submit(d)
    with pytest.raises(ReconcileMismatch):
        d.hears(OrderState.FILLED, fill(intent(), "100", "11"))
    assert (d.book.positions, d.book.cash) == ({}, 10_000)


def test_a_fill_of_an_order_that_we_did_not_make_is_an_alarm() -> None:
    d = desk()
    with pytest.raises(ReconcileMismatch, match="is not in the journal"):
        d.hears(OrderState.FILLED, fill(intent("theirs"), "100"), of="theirs")
    assert d.book.positions == {}


@pytest.mark.parametrize("state", [OrderState.REJECTED, OrderState.CANCELLED], ids=str)
def test_an_exit_that_ended_unfilled_leaves_the_position_open_to_another(state: OrderState) -> None:
    d = desk()
    submit(d)
    d.hears(OrderState.FILLED, fill(intent(), "100"))
    d.broker.outcome = Outcome(state)
    submit(d, intent("x1", action=closing(Side.LONG), purpose=Purpose.EXIT, exit=None))
    assert d.book.positions["A"].closing is None


def test_the_close_of_a_fills_bar_is_when_the_bar_is_known() -> None:
    prices = tape(DAYS, {"A": [flat(100), None, flat(100)]})
    assert bar_close(prices, fill(intent(), bar=0)) == at(1)
    assert bar_close(prices, fill(intent(), bar=2)) == at(3)
    assert bar_close(prices, fill(intent(), bar=1)) == at(1), "no bar holds it: its own time"
    assert bar_close(prices, fill(intent("i", "B"), bar=1)) == at(1), "no tape at all"

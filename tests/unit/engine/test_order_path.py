"""Written ahead, sent once, resolved by what the broker reports."""

from __future__ import annotations

import pytest

from livetrader.domain.instrument import Product
from livetrader.domain.order import Purpose, closing
from livetrader.domain.order_state import OrderState
from livetrader.domain.signal import Side
from livetrader.engine.orders import LOOK_SECONDS, bar_close
from livetrader.errors import BrokerUnavailable, StoreError
from livetrader.ports import OrderUpdate, Outcome
from tests.unit.engine.desk import DAYS, SIGNAL, desk, submit
from tests.unit.engine.trading_samples import at, fill, flat, intent, tape


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


@pytest.mark.parametrize(
    ("state", "held"), [(OrderState.ACKED, 0), (OrderState.FILLED, 10), (OrderState.REJECTED, 0)], ids=str
)
def test_d5_what_the_broker_shows_of_an_intent_that_was_never_sent_was_sent(state: OrderState, held: int) -> None:
    """By a process whose journal is lost: this one is an old copy. It is ours, and does not go out again."""
    d = desk(fails_on="SENT")
    with pytest.raises(StoreError):
        submit(d)
    d.journal.fails_on = ""
    d.hears(state, *([fill(intent())] if held else []))
    assert (d.state(), d.book.own("A", Product.MIS), len(d.book.orders)) == (state, held, state is OrderState.ACKED)
    assert (submit(d), d.calls, d.journal.latches()) == (state, 0, {})


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
    """Invariant I1. Entries halt and somebody is told; the pass goes on, for the sake of the exits."""
    d = desk()
    submit(d)
    d.hears(OrderState.PARTIALLY_FILLED, fill(intent(), "100", "11"))
    assert (d.book.positions, d.book.cash, d.state()) == ({}, 10_000, OrderState.ACKED)
    assert (list(d.journal.latches()), [alert.key for alert in d.journal.alerts()]) == (["mismatch"], ["mismatch:i1"])
    d.hears(OrderState.FILLED, fill(intent(), "100", number=2))
    assert (d.state(), d.book.positions["A"].position.quantity) == (OrderState.FILLED, 10), "what follows is heard"


def test_a_fill_of_an_order_that_we_did_not_make_is_an_alarm() -> None:
    d = desk()
    d.hears(OrderState.FILLED, fill(intent("theirs"), "100"), of="theirs")
    assert (d.book.positions, list(d.journal.latches())) == ({}, ["mismatch"])
    (alert,) = d.journal.alerts()
    assert "is not in the journal" in alert.text


@pytest.mark.parametrize("said", [OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REJECTED], ids=str)
def test_an_end_that_contradicts_what_has_filled_is_an_alarm(said: OrderState) -> None:
    d = desk()
    submit(d)
    d.hears(OrderState.FILLED, fill(intent(), "100"))
    d.hears(said)
    assert (d.state(), list(d.journal.latches())) == (OrderState.FILLED, ["mismatch"])


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


@pytest.mark.parametrize(
    ("lag", "later", "looks"),
    [
        pytest.param(30.0, 0.0, 1, id="a pass that catches up with a bar"),
        pytest.param(30.0, LOOK_SECONDS, 2, id="a second later"),
        pytest.param(0.0, 0.0, 2, id="a venue that shows everything at once"),
    ],
)
def test_a_broker_is_not_asked_for_news_that_it_cannot_have(lag: float, later: float, looks: int) -> None:
    d = desk()
    d.broker.visibility_seconds = lag
    d.path.collect(at(1))
    d.clock.sleep(later)
    d.path.collect(at(2))
    assert d.broker.looks == looks


def test_a_broker_that_could_not_be_heard_is_asked_again_at_once() -> None:
    d = desk()
    d.broker.silent = BrokerUnavailable("down")
    d.path.collect(at(1))
    d.path.collect(at(2))
    assert d.broker.looks == 2


@pytest.mark.parametrize("asked", ["place", "modify", "cancel"])
def test_what_was_asked_for_is_looked_for_at_once(asked: str) -> None:
    d = desk()
    submit(d)
    d.path.collect(at(1))
    if asked == "place":
        submit(d, intent("i2"))
    elif asked == "modify":
        d.path.amend(d.book.orders["i1"])
    else:
        d.path.cancel("i1", "")
    d.path.collect(at(2))
    assert d.broker.looks == 2

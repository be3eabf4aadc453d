"""An answer that was lost is looked up and never asked for by sending again; what was never sent may be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.constraints.verdict import Approved
from livetrader.domain.order_state import OrderState
from livetrader.errors import BrokerUnavailable, StoreError
from livetrader.ports import OrderUpdate, Outcome
from tests.unit.engine.desk import ACKED, SIGNAL, Desk, desk, submit
from tests.unit.engine.trading_samples import at, fill, intent

S = OrderState
LOST = Outcome(S.UNKNOWN, reason="timeout")
REFUSED = Outcome(S.INTENT, reason="connection refused")


def lost() -> Desk:
    d = desk(LOST)
    submit(d)
    return d


@pytest.mark.parametrize(
    ("found", "orders"),
    [
        pytest.param(Outcome(S.ACKED, "B7"), 1, id="working"),
        pytest.param(Outcome(S.REJECTED, "B7", "RMS"), 0, id="rejected there"),
        pytest.param(Outcome(S.CANCELLED, "B7"), 0, id="cancelled there"),
    ],
)
def test_b2_an_order_that_the_book_shows_is_adopted(found: Outcome, orders: int) -> None:
    d = lost()
    d.broker.found = found
    d.later(1)
    (record,) = d.journal.orders()
    assert (record.state, record.broker_order_id, d.calls) == (found.state, "B7", 1)
    assert (len(d.book.orders), d.book.unknown) == (orders, set())
    d.later(1)
    assert sum(event.startswith("find") for event in d.told.events) == 1, "what is known is not looked up"


def missed(for_seconds: float) -> Desk:
    """A lost order that the book has not shown for so long since it was first looked for."""
    d = lost()
    d.later(1)
    d.later(for_seconds)
    return d


@pytest.mark.parametrize(("lag", "horizon"), [(30.0, 60), (0.0, 60), (100.0, 200)])
def test_b1_an_order_that_nobody_shows_is_kept_for_the_horizon_and_then_abandoned(lag: float, horizon: float) -> None:
    """Twice as long as the book may lag, a minute at least; until then it counts, and it is never sent again."""
    d = lost()
    d.broker.visibility_seconds = lag
    d.later(1)
    d.later(horizon)
    assert (d.state(), d.book.available, d.book.exposure(at(1), SIGNAL).pending) == (S.UNKNOWN, 9000, {"A"})
    d.later(0.1)
    assert (d.state(), d.book.available, d.book.orders, d.calls) == (S.ABANDONED, 10_000, {}, 1)
    assert submit(d) is S.ABANDONED
    assert d.calls == 1


@given(st.lists(st.floats(0, 40), max_size=12))
def test_however_often_it_is_looked_up_it_is_sent_once_and_given_up_after_the_horizon(waits: list[float]) -> None:
    d = missed(0)
    first = d.clock.monotonic()
    for wait in waits:
        d.later(wait)
        submit(d)
    over = d.clock.monotonic() - first > 60
    assert (d.calls, d.state()) == (1, S.ABANDONED if over else S.UNKNOWN)


def test_a_book_that_cannot_be_read_is_no_reason_to_give_up() -> None:
    d = lost()
    d.broker.found = BrokerUnavailable("no answer")
    d.later(3600)
    assert (d.state(), d.book.unknown) == (S.UNKNOWN, {"i1"})


@pytest.mark.parametrize("step", [3600, -3600])
def test_t1_a_wall_clock_that_is_set_gives_up_no_order_early_or_late(step: float) -> None:
    d = missed(59)
    d.clock.step(step)
    d.later(0)
    assert d.state() is S.UNKNOWN
    d.later(2)
    assert d.state() is S.ABANDONED


def test_an_abandoned_order_that_is_seen_after_all_counts_again() -> None:
    d = missed(61)
    d.broker.news = [OrderUpdate("i1", S.ACKED, broker_order_id="B9")]
    d.path.collect(at(2))
    (record,) = d.journal.orders()
    assert (record.state, record.broker_order_id, d.book.available) == (S.ACKED, "B9", 9000)
    d.hears(S.FILLED, fill(intent(), "100"))
    assert (d.state(), d.book.positions["A"].position.quantity) == (S.FILLED, 10)


@pytest.mark.parametrize("given_up", [False, True], ids=["unknown", "abandoned"])
@pytest.mark.parametrize("quantity", ["4", "10"])
def test_the_fill_of_a_lost_order_is_its_answer(quantity: str, given_up: bool) -> None:
    d = missed(61 if given_up else 0)
    state = S.FILLED if quantity == "10" else S.PARTIALLY_FILLED
    d.broker.news = [OrderUpdate("i1", state, (fill(intent(), "100", quantity),), broker_order_id="B9")]
    assert len(d.path.collect(at(2))) == 1
    (record,) = d.journal.orders()
    assert (record.state, record.broker_order_id, str(record.filled_quantity)) == (state, "B9", quantity)
    assert (d.book.unknown, d.book.available) == (set(), 9000)


@pytest.mark.parametrize("state", [S.REJECTED, S.CANCELLED, S.EXPIRED], ids=str)
def test_a_lost_order_that_ended_gives_everything_back(state: OrderState) -> None:
    d = lost()
    d.hears(state, reason="the exchange's")
    assert (d.state(), d.book.available, d.book.orders, d.book.unknown) == (state, 10_000, {}, set())


def test_a_silent_broker_is_no_news() -> None:
    """Fault B4: not flat, not cancelled, not filled; and it is known since when."""
    d = desk()
    submit(d)
    d.broker.silent = BrokerUnavailable("no answer")
    d.clock.sleep(7)
    assert d.path.collect(at(2)) == []
    d.clock.sleep(5)
    d.path.collect(at(2))
    assert (d.state(), d.book.available, d.path.silent_since) == (S.ACKED, 9000, at(1) + 7)
    d.broker.silent = None
    d.path.collect(at(2))
    assert d.path.silent_since is None


@pytest.mark.parametrize("answer", [S.UNKNOWN, S.REJECTED, S.INTENT], ids=str)
def test_new_terms_are_the_orders_only_when_the_broker_has_them(answer: OrderState) -> None:
    d = desk()
    submit(d)
    d.broker.outcome = Outcome(answer)
    wanted = intent(quantity="6", amended=at(2))
    assert d.path.amend(wanted) is answer
    (record,) = d.journal.orders()
    assert (record.intent.quantity, d.book.unfilled["i1"]) == (10, 10)
    d.broker.outcome = ACKED
    d.path.amend(wanted)
    (record,) = d.journal.orders()
    assert (record.intent.quantity, record.intent.amended, d.book.unfilled["i1"]) == (6, at(2), 6)


@pytest.mark.parametrize(
    ("answer", "state"), [(S.CANCELLED, S.CANCELLED), (S.ACKED, S.ACKED), (S.REJECTED, S.ACKED), (S.UNKNOWN, S.ACKED)]
)
def test_a_cancel_ends_an_order_only_when_the_broker_says_that_it_has(answer: OrderState, state: OrderState) -> None:
    d = desk()
    submit(d)
    d.broker.outcome = Outcome(answer)
    assert d.path.cancel("i1", "by hand") is answer
    assert (d.state(), len(d.book.orders)) == (state, 0 if answer is S.CANCELLED else 1)


@pytest.mark.parametrize("fails_on", [S.ACKED, S.REJECTED], ids=str)
def test_d1_an_answer_that_could_not_be_written_down_is_looked_up(fails_on: OrderState) -> None:
    """The order is out and the journal says only SENT: its symbol is closed until the book tells."""
    d = desk(Outcome(fails_on, "B1"), fails_on=fails_on)
    with pytest.raises(StoreError):
        submit(d)
    assert (d.state(), d.book.unresolved("A"), d.book.available) == (S.SENT, True, 9000)
    d.journal.fails_on = ""
    d.later(1)
    assert d.state() is S.UNKNOWN
    d.broker.found = Outcome(fails_on, "B1")
    d.later(1)
    assert (d.state(), d.calls, d.book.unknown) == (fails_on, 1, set())


def test_d1_an_order_whose_sent_row_is_not_committed_is_not_in_the_book() -> None:
    """A stop that is believed to rest and was never sent would protect nothing."""
    d = desk(fails_on=S.SENT)
    with pytest.raises(StoreError):
        submit(d)
    assert (d.book.orders, d.book.available, d.calls) == ({}, 10_000, 0)


@pytest.mark.parametrize("fails_on", ["book", "advance"])
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_d1_news_that_could_not_be_written_down_are_neither_lost_nor_booked_twice(fails_on: str, nth: int) -> None:
    """The broker tells each thing once; the store fails at the nth write of that kind, in the middle."""
    d = desk()
    orders = [intent(f"i{n}", symbol) for n, symbol in enumerate("ABC")]
    for order in orders:
        d.path.submit(Approved(order, ()))
    d.broker.news = [
        OrderUpdate(o.intent_id, S.CANCELLED, (fill(o, "100", "4", 1), fill(o, "100", "3", 2))) for o in orders
    ]
    write, left = getattr(d.journal, fails_on), [nth]

    def failing(*arguments: object, **more: object) -> object:
        left[0] -= 1
        if left[0] == 0:
            raise StoreError("the disk is full")
        return write(*arguments, **more)

    setattr(d.journal, fails_on, failing)
    with pytest.raises(StoreError):
        d.path.collect(at(2))
    d.path.collect(at(2))
    assert [d.state(o.intent_id) for o in orders] == [S.CANCELLED] * 3
    assert [d.book.positions[s].position.quantity for s in "ABC"] == [7, 7, 7]
    assert (d.book.cash, len(d.journal.fills()), d.book.orders) == (10_000 - 2100, 6, {})

"""What the book takes up of an earlier process: where each position's stop and exit stand, and what was not sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from livetrader.domain.exit_plan import ExitReason
from livetrader.domain.order import OrderIntent, OrderType, Purpose, closing
from livetrader.domain.order_state import OrderState
from livetrader.engine.book import Book, HeldPosition, Leaving
from livetrader.ports import OrderRecord
from tests.unit.engine.trading_samples import at, fill, intent, sessions, signal, sizer

S = OrderState
DAYS = sessions(2)
ENTRY = intent()


def record(order: OrderIntent, state: OrderState, filled: str = "0") -> OrderRecord:
    when = datetime.fromtimestamp(at(2), UTC)
    return OrderRecord(order, state, None, Decimal(filled), Decimal(0), "", when, when)


def order(name: str, purpose: Purpose, quantity: str = "10", entry: OrderIntent = ENTRY) -> OrderIntent:
    kind = OrderType.SL_M if purpose is Purpose.STOP else OrderType.MARKET
    return replace(
        entry, intent_id=name, purpose=purpose, action=closing(entry.side), order_type=kind, exit=None, as_of=at(3),
        quantity=Decimal(quantity), reason="square_off", entry_id=entry.intent_id,
    )  # fmt: skip


def recalled(*orders: tuple[str, Purpose, OrderState]) -> tuple[Book, HeldPosition]:
    """A book with 10 A of ENTRY, and then these orders of an earlier process, oldest first."""
    book = Book(sizer(), Decimal(10_000))
    book.start(DAYS[0])
    book.book(fill(ENTRY), ENTRY, at(2))
    book.recall(record(ENTRY, S.FILLED, "10"))
    for name, purpose, state in orders:
        book.recall(record(order(name, purpose), state))
    return book, book.positions["A"]


@pytest.mark.parametrize("state", [S.ACKED, S.PARTIALLY_FILLED, S.UNKNOWN], ids=str)
def test_a_stop_that_worked_is_the_positions_stop(state: OrderState) -> None:
    book, held = recalled(("s1", Purpose.STOP, S.CANCELLED), ("s2", Purpose.STOP, state))
    assert (held.stop, held.lost_stops, set(book.orders), held.leaving) == ("s2", 1, {"s2"}, None)
    assert book.unresolved("A") is (state is S.UNKNOWN)


def test_stops_that_were_lost_in_an_earlier_session_are_not_counted_in_this_one() -> None:
    """An exchange that has closed takes no stop, and that is no reason to sell in the morning."""
    book, held = recalled()
    book.start(DAYS[1])
    book.recall(record(order("s1", Purpose.STOP), S.REJECTED))
    assert held.lost_stops == 0


@pytest.mark.parametrize(
    ("states", "lost"),
    [
        pytest.param([S.EXPIRED, S.EXPIRED], 0, id="day orders expire"),
        pytest.param([S.REJECTED, S.CANCELLED], 2, id="refused and vanished"),
        pytest.param([S.ABANDONED], 1, id="never arrived"),
        pytest.param([S.INTENT, S.REFUSED], 0, id="never sent"),
    ],
)
def test_the_stops_that_were_lost_are_counted_over_a_restart(states: list[OrderState], lost: int) -> None:
    """A venue that refuses every stop is not given another two by every restart."""
    _, held = recalled(*((f"s{i}", Purpose.STOP, state) for i, state in enumerate(states)))
    assert (held.lost_stops, held.stop) == (lost, None)


@pytest.mark.parametrize(
    ("states", "intended", "working"),
    [
        pytest.param([S.INTENT], "x0", None, id="written down and not sent"),
        pytest.param([S.ACKED], None, "x0", id="working"),
        pytest.param([S.UNKNOWN], None, "x0", id="of unknown fate"),
        pytest.param([S.REJECTED], None, None, id="rejected: to be tried again"),
        pytest.param([S.EXPIRED, S.INTENT], "x1", None, id="another quantity, not sent"),
        pytest.param([S.REJECTED, S.ACKED], None, "x1", id="the second attempt works"),
    ],
)
def test_whoever_was_leaving_still_is(states: list[OrderState], intended: str | None, working: str | None) -> None:
    """For the reason and since the decision of the first attempt; each attempt has used up its name."""
    _, held = recalled(*((f"x{i}", Purpose.EXIT, state) for i, state in enumerate(states)))
    assert held.leaving == Leaving(ExitReason.SQUARE_OFF, at(3))
    assert (held.intended and held.intended.intent_id, held.closing, held.exits) == (intended, working, len(states))


@pytest.mark.parametrize("purpose", [Purpose.STOP, Purpose.EXIT], ids=str)
def test_the_orders_of_an_earlier_position_in_the_symbol_are_not_this_ones(purpose: Purpose) -> None:
    book, held = recalled()
    book.recall(record(order("old", purpose, entry=intent("i0")), S.CANCELLED))
    assert (held.lost_stops, held.exits, held.leaving, held.stop) == (0, 0, None, None)


def test_what_is_left_of_a_working_stop_is_what_has_not_filled() -> None:
    book, _ = recalled()
    book.recall(record(order("s1", Purpose.STOP), S.PARTIALLY_FILLED, "4"))
    assert book.unfilled == {"s1": 6}


def test_only_an_entry_that_may_still_go_out_or_fill_takes_money_and_a_place() -> None:
    book = Book(sizer(), Decimal(10_000))
    book.start(DAYS[0])
    for number, state in enumerate(S):
        book.recall(record(intent(f"i{number}", f"S{number}", quantity="1"), state))
    exposure = book.exposure(at(1), signal())
    assert len(exposure.pending) == 4, "SENT, ACKED, PARTIALLY_FILLED, UNKNOWN"
    assert book.available == 10_000 - 4 * 100
    assert exposure.trades == 5, "and what a dry run has recorded counts as a trade"


def test_new_terms_change_what_is_left_to_fill_and_nothing_else() -> None:
    book, held = recalled(("s1", Purpose.STOP, S.ACKED))
    book.book(fill(order("s1", Purpose.STOP), "98", "4", bar=3), order("s1", Purpose.STOP), at(4))
    book.amend(replace(book.orders["s1"], quantity=Decimal(12), trigger_price=Decimal(99)))
    assert (book.unfilled["s1"], held.stop, book.orders["s1"].trigger_price) == (8, "s1", 99)


@pytest.mark.parametrize("state", [S.REJECTED, S.CANCELLED, S.ABANDONED], ids=str)
def test_a_stop_that_was_cancelled_on_the_way_out_is_not_lost(state: OrderState) -> None:
    book, held = recalled(("s1", Purpose.STOP, S.ACKED))
    held.leaving = Leaving(ExitReason.MANUAL, at(4))
    book.advance("s1", state)
    assert (held.stop, held.lost_stops) == (None, 0)


def test_money_that_was_taken_out_cannot_be_traded_with_and_what_came_in_waits_for_the_next_start() -> None:
    book = Book(sizer(), Decimal(10_000))
    book.start(DAYS[0])
    book.flow(Decimal(-3000))
    assert book.available == 7000
    book.flow(Decimal(5000))
    assert (book.available, book.cash) == (10_000, 10_000)

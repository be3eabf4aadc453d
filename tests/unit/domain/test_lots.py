"""First in, first out: against a queue of single units, and against the average price."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.domain.instrument import Product
from livetrader.domain.lots import Lot, LotMethod, taken
from livetrader.domain.order import Action, Fill, OrderIntent, OrderType, Purpose
from livetrader.domain.position import fold
from livetrader.domain.signal import Side
from livetrader.domain.trades import ClosedLot, closed_lots, trades

BUY, SELL = Action.BUY, Action.SELL
INDIA = ZoneInfo("Asia/Kolkata")
START = datetime(2026, 2, 2, 4, 0, tzinfo=UTC)
TINY = Decimal("1e-18")

Deal = tuple[Action, str, str]


def fills(deals: list[Deal], *, apart: timedelta = timedelta(minutes=1), charges: str = "6") -> list[Fill]:
    return [
        Fill("sim", str(i), "i", "INFY", action, Decimal(quantity), Decimal(price), Decimal(charges), START + i * apart)
        for i, (action, quantity, price) in enumerate(deals)
    ]


def orders() -> dict[str, OrderIntent]:
    """The one intent that all the fills are of."""
    name, zero = "i", Decimal(0)
    return {
        name: OrderIntent(
            name, "main", "s", "INFY", Side.LONG, BUY, Purpose.ENTRY, Product.CNC, OrderType.MARKET, zero, zero, 0
        )
    }


SCALED_OUT: list[Deal] = [(BUY, "10", "100"), (BUY, "10", "110"), (SELL, "12", "120")]


@pytest.mark.parametrize(
    ("method", "average", "realised"),
    [(LotMethod.AVERAGE, 105, 12 * 15), (LotMethod.FIFO, 110, 10 * 20 + 2 * 10)],
)
def test_a_scale_out_closes_the_average_or_the_oldest(method: LotMethod, average: int, realised: int) -> None:
    position = fold("INFY", fills(SCALED_OUT), method)
    assert (position.quantity, position.average_price, position.realised) == (8, average, realised)
    _, (held,) = trades(orders(), fills(SCALED_OUT), INDIA, method)
    assert (held.quantity, held.average_price, held.realised) == (8, average, realised)


def test_a_short_is_covered_from_its_oldest_sale_on() -> None:
    position = fold("INFY", fills([(SELL, "5", "100"), (SELL, "5", "90"), (BUY, "6", "95")]), LotMethod.FIFO)
    assert (position.quantity, position.average_price, position.realised) == (-4, 90, 5 * 5 - 1 * 5)


def test_closed_lots_say_when_each_was_bought_and_sold() -> None:
    """Charges are split by quantity: 12 of the sale's 6 rupees go 10 to 2, and so does the second buy's."""
    first, second = closed_lots(orders(), fills(SCALED_OUT, apart=timedelta(days=2)), INDIA)
    assert first == ClosedLot(
        "i", START.date() + timedelta(days=4), "s", "INFY", Side.LONG, Decimal(10), START, Decimal(100),
        START + timedelta(days=4), Decimal(120), 4, Decimal(11),
    )  # fmt: skip
    assert (second.quantity, second.open_price, second.holding_days, second.charges) == (2, 110, 2, Decimal("2.2"))
    assert (first.gross_pnl, first.net_pnl, second.gross_pnl) == (200, 189, 20)


def test_holding_days_are_the_exchanges_dates() -> None:
    """From 20:00 UTC to 04:00 UTC it is the same day in India."""
    late = START.replace(hour=20)
    bought, sold = fills([(BUY, "1", "1"), (SELL, "1", "2")])
    (lot,) = closed_lots(orders(), [at(bought, late), at(sold, late + timedelta(hours=8))], INDIA)
    assert (lot.holding_days, lot.session.isoformat()) == (0, "2026-02-03")


def at(fill: Fill, when: datetime) -> Fill:
    return Fill(*(getattr(fill, name) for name in Fill.__slots__[:-1]), when)


def test_lots_that_are_not_touched_stay_as_they_are() -> None:
    lots = tuple(Lot(Decimal(q), Decimal(p), Decimal(0), START) for q, p in ((1, 10), (2, 20), (3, 30)))
    closed, left = taken(lots, Decimal(3))
    assert (closed, left) == (lots[:2], lots[2:])


deals = st.lists(
    st.tuples(
        st.sampled_from(Action),
        st.integers(1, 9).map(str),
        st.integers(1, 4000).map(lambda ticks: str(Decimal(ticks) / 20)),
    ),
    max_size=15,
)


def naive(made: list[Deal]) -> tuple[deque[tuple[int, Fraction]], Fraction]:
    """A queue of single units, (sign, price): what is left of it, and what the pairs have brought."""
    queue: deque[tuple[int, Fraction]] = deque()
    realised = Fraction(0)
    for action, quantity, price in made:
        for _ in range(int(quantity)):
            if queue and queue[0][0] != action.sign:
                sign, paid = queue.popleft()
                realised += sign * (Fraction(price) - paid)
            else:
                queue.append((action.sign, Fraction(price)))
    return queue, realised


@given(deals)
def test_fifo_is_a_queue_of_units(made: list[Deal]) -> None:
    queue, realised = naive(made)
    position = fold("INFY", fills(made), LotMethod.FIFO)
    assert position.quantity == sum(sign for sign, _ in queue)
    assert abs(Fraction(position.realised) - realised) < Fraction(1, 10**18)
    units = [(position.side.sign, Fraction(lot.price)) for lot in position.lots for _ in range(int(lot.quantity))]
    assert units == list(queue)


@given(deals)
def test_both_methods_have_realised_the_same_once_it_is_flat(made: list[Deal]) -> None:
    """What is still open is closed with one more deal."""
    left = fold("INFY", fills(made)).quantity
    if left:
        made = [*made, (SELL if left > 0 else BUY, str(abs(left)), "77.7")]
    average, fifo = (fold("INFY", fills(made), method) for method in LotMethod)
    assert (average.quantity, fifo.quantity, fifo.lots) == (0, 0, ())
    assert abs(average.realised - fifo.realised) < TINY
    closed, _ = trades(orders(), fills(made), INDIA, LotMethod.FIFO)
    assert closed == trades(orders(), fills(made), INDIA)[0]


@given(deals)
def test_lots_lose_no_unit_and_no_charge(made: list[Deal]) -> None:
    """Closed and open lots hold every unit that was opened, and all charges; trades agree with their lots."""
    history = fills(made)
    ended = closed_lots(orders(), history, INDIA)
    closed, held = trades(orders(), history, INDIA, LotMethod.FIFO)
    kept = [lot for one in held for lot in one.lots]
    opened = sum((one.quantity for one in ended), Decimal(0)) + sum((lot.quantity for lot in kept), Decimal(0))
    traded = sum((fill.quantity for fill in history), Decimal(0))
    assert opened == traded - sum((one.quantity for one in ended), Decimal(0))
    charged = sum((one.charges for one in ended), Decimal(0)) + sum((lot.charges for lot in kept), Decimal(0))
    assert abs(charged - Decimal(6) * len(history)) < TINY
    gross = sum((one.gross_pnl for one in ended), Decimal(0))
    assert abs(gross - sum((one.realised for one in held), sum((one.gross_pnl for one in closed), Decimal(0)))) < TINY


@given(deals, st.sampled_from(LotMethod))
def test_the_book_and_the_queries_have_the_same_lots(made: list[Deal], method: LotMethod) -> None:
    position = fold("INFY", fills(made), method)
    _, held = trades(orders(), fills(made), INDIA, method)
    assert [lot for one in held for lot in one.lots] == list(position.lots)
    assert [one.average_price for one in held] == [position.average_price] * len(held)

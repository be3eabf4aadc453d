"""A position is a fold over fills: worked examples, and what holds for any fills."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.domain.order import Action, Fill
from livetrader.domain.position import Position, apply, fold
from livetrader.domain.signal import Side

BUY, SELL = Action.BUY, Action.SELL
AT = datetime(2026, 2, 2, 4, 0, tzinfo=UTC)

Deal = tuple[Action, str, str]


def fills(deals: list[Deal], charges: str = "0") -> list[Fill]:
    return [
        Fill("sim", str(i), "i", "A", action, Decimal(quantity), Decimal(price), Decimal(charges), AT)
        for i, (action, quantity, price) in enumerate(deals)
    ]


@pytest.mark.parametrize(
    ("deals", "quantity", "average", "realised"),
    [
        pytest.param([], 0, 0, 0, id="nothing"),
        pytest.param([(BUY, "10", "100")], 10, 100, 0, id="bought"),
        pytest.param([(SELL, "10", "100")], -10, 100, 0, id="sold short"),
        pytest.param([(BUY, "10", "100"), (BUY, "30", "104")], 40, 103, 0, id="grown: weighted average"),
        pytest.param([(SELL, "10", "100"), (SELL, "30", "96")], -40, 97, 0, id="grown short"),
        pytest.param([(BUY, "10", "100"), (SELL, "4", "105")], 6, 100, 20, id="partly closed: the average stays"),
        pytest.param([(SELL, "10", "100"), (BUY, "4", "105")], -6, 100, -20, id="partly covered at a loss"),
        pytest.param([(BUY, "10", "100"), (SELL, "10", "99")], 0, 0, -10, id="closed"),
        pytest.param([(SELL, "10", "100"), (BUY, "10", "99")], 0, 0, 10, id="covered"),
        pytest.param([(BUY, "10", "100"), (SELL, "15", "102")], -5, 102, 20, id="turned: the rest is at the new price"),
        pytest.param([(SELL, "10", "100"), (BUY, "15", "102")], 5, 102, -20, id="turned up"),
        pytest.param([(BUY, "0.00123", "60000"), (SELL, "0.00023", "61000")], "0.001", 60000, "0.23", id="of a coin"),
    ],
)
def test_quantity_average_and_realised_profit(
    deals: list[Deal], quantity: object, average: object, realised: object
) -> None:
    position = fold("A", fills(deals))
    assert (position.quantity, position.average_price, position.realised) == tuple(
        Decimal(str(n)) for n in (quantity, average, realised)
    )


def test_side_and_unrealised_profit_follow_the_sign() -> None:
    long, short = fold("A", fills([(BUY, "10", "100")])), fold("A", fills([(SELL, "10", "100")]))
    assert (long.side, short.side) == (Side.LONG, Side.SHORT)
    assert (long.unrealised(Decimal(103)), short.unrealised(Decimal(103))) == (30, -30)


deals = st.lists(
    st.tuples(
        st.sampled_from(Action),
        st.integers(1, 50).map(str),
        st.integers(1, 40_000).map(lambda ticks: str(Decimal(ticks) * Decimal("0.05"))),
    ),
    max_size=15,
)


@given(deals)
def test_what_is_held_and_what_was_earned_add_up_to_the_cash(made: list[Deal]) -> None:
    """Realised + unrealised at any price = cash + quantity × that price, whatever the averages are."""
    history = fills(made, charges="1.23")
    position, price = fold("A", history), Decimal("77.7")
    cash = sum((fill.cash + fill.charges for fill in history), Decimal(0))
    worth = position.realised + position.unrealised(price)
    assert abs(worth - (cash + position.quantity * price)) < Decimal("1e-18")


@given(deals)
def test_the_quantity_is_the_signed_sum(made: list[Deal]) -> None:
    assert fold("A", fills(made)).quantity == sum((a.sign * Decimal(q) for a, q, _ in made), Decimal(0))


@given(deals, st.integers(0, 15))
def test_a_fold_can_be_taken_up_anywhere(made: list[Deal], cut: int) -> None:
    """Which is what a restart does."""
    history = fills(made)
    position = fold("A", history[:cut])
    for fill in history[cut:]:
        position = apply(position, fill)
    assert position == fold("A", history)


@given(deals)
def test_the_average_price_lies_between_the_prices_paid(made: list[Deal]) -> None:
    position = fold("A", fills(made))
    if position.quantity:
        paid = [Fraction(price) for action, _, price in made if action.sign * position.quantity > 0]
        assert min(paid) - Fraction(1, 10**20) <= Fraction(position.average_price) <= max(paid) + Fraction(1, 10**20)
    else:
        assert position == Position("A", Decimal(0), Decimal(0), position.realised)

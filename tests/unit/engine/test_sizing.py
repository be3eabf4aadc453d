"""From a signal to an intent: the quantity in whole lots, exact prices, and the exit plan."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.domain.exit_plan import ExitKind, ExitPlan
from livetrader.domain.instrument import Product
from livetrader.domain.order import Action, OrderType, Purpose, intent_id
from livetrader.domain.signal import Side
from livetrader.engine.sizing import ExitSettings
from tests.unit.engine.trading_samples import at, signal, sizer


@pytest.mark.parametrize(
    ("settings", "capital", "price", "quantity"),
    [
        pytest.param({}, "10000", 100.0, "20", id="20 % of 10,000 at 100"),
        pytest.param({}, "10000", 99.95, "20", id="2000 / 99.95 = 20.01"),
        pytest.param({}, "10000", 100.05, "19", id="2000 / 100.05 = 19.99: rounded down"),
        pytest.param({"leverage": "5"}, "10000", 100.0, "100", id="leverage 5"),
        pytest.param({"lot": "65"}, "100000", 100.0, "195", id="whole lots of 65"),
        pytest.param({"lot": "65"}, "30000", 100.0, "0", id="not one lot"),
        pytest.param({"lot": "0.001", "tick": "0.01"}, "10000", 60000.5, "0.033", id="a coin's lots"),
        pytest.param({}, "-500", 100.0, "-1", id="negative capital never buys"),
        pytest.param({}, "10000", 0.0, "0", id="no price"),
    ],
)
def test_the_quantity_is_the_allocation_in_whole_lots(
    settings: dict[str, Any], capital: str, price: float, quantity: str
) -> None:
    intent = sizer(**settings).entry(signal(price=price), Decimal(capital))
    assert intent.quantity == Decimal(quantity)


@given(
    price=st.integers(1, 10_000_000).map(lambda ticks: ticks * 0.05),
    capital=st.decimals("1", "10000000", places=2),
    lot=st.sampled_from(["1", "65", "0.001"]),
    leverage=st.sampled_from(["1", "5"]),
)
def test_an_entry_never_costs_more_than_its_allocation_and_wastes_less_than_a_lot(
    price: float, capital: Decimal, lot: str, leverage: str
) -> None:
    intent = sizer(lot=lot, leverage=leverage).entry(signal(price=price), capital)
    budget = capital * 20 / 100 * Decimal(leverage)
    assert intent.value <= budget < intent.value + Decimal(lot) * intent.price
    assert intent.quantity % Decimal(lot) == 0


@given(price=st.floats(0.05, 100_000), capital=st.decimals("1", "10000000", places=2))
def test_money_is_decimal_and_a_float_goes_in_once(price: float, capital: Decimal) -> None:
    """The price is the float's own digits to a hundredth of a paisa, not its binary expansion."""
    intent = sizer().entry(signal(price=price), capital)
    assert intent.price == Decimal(repr(price)).quantize(Decimal("0.0001"))
    assert isinstance(intent.value, Decimal)


@pytest.mark.parametrize(("side", "action"), [(Side.LONG, Action.BUY), (Side.SHORT, Action.SELL)], ids=str)
def test_the_intent_says_what_the_signal_said(side: Side, action: Action) -> None:
    intent = sizer(product=Product.CNC).entry(signal("B", bar=3, side=side, strategy="t"), Decimal(10_000))
    assert (intent.symbol, intent.strategy, intent.side, intent.action) == ("B", "t", side, action)
    assert (intent.purpose, intent.order_type, intent.product) == (Purpose.ENTRY, OrderType.MARKET, Product.CNC)
    assert (intent.as_of, intent.account) == (at(4), "test")
    assert intent.intent_id == intent_id("test", "t", "B", at(4), action, "entry")


def test_the_trailing_distance_is_fixed_at_the_signal() -> None:
    plan = sizer(ExitSettings(atr_multiple=1.5)).entry(signal(atr=2.4), Decimal(10_000)).exit
    assert plan is not None
    assert (plan.kind, plan.distance, plan.square_off) == (ExitKind.TRAILING_ATR, 1.5 * 2.4, True)


def test_a_position_that_is_held_over_is_not_squared_off() -> None:
    plan = sizer(product=Product.CNC).entry(signal(), Decimal(10_000)).exit
    assert plan is not None
    assert not plan.square_off


def test_every_setting_of_the_exit_reaches_its_plan() -> None:
    settings = ExitSettings(ExitKind.STEP_TRAIL, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
    assert settings.plan(7.0, square_off=False) == ExitPlan(
        ExitKind.STEP_TRAIL, 7.0, 2.0, 3.0, 4.0, 5.0, 6.0, square_off=False
    )


def test_the_identity_of_an_intent_depends_on_everything_that_it_names() -> None:
    base = ("test", "s", "A", 1000, Action.BUY, "entry")
    others = [
        ("live", *base[1:]),
        ("test", "t", *base[2:]),
        ("test", "s", "B", *base[3:]),
        (*base[:3], 1001, *base[4:]),
        (*base[:4], Action.SELL, "entry"),
        (*base[:5], "exit"),
    ]
    identities = {intent_id(*arguments) for arguments in [base, *others]}
    assert len(identities) == 7
    assert intent_id(*base) == intent_id(*base)
    assert all(len(name) == 20 and name == name.lower() and name.isalnum() for name in identities)


def test_the_identity_of_an_intent_is_the_one_that_journals_hold() -> None:
    """It may never change: a restart on a newer version would send what the older one has sent."""
    assert intent_id("live", "momentum_long", "RELIANCE", 1_770_000_300, Action.BUY, "entry") == "dvlssiti54zy5pg65m7p"


def test_names_that_run_together_are_not_one_intent() -> None:
    assert intent_id("a", "bc", "d", 0, Action.BUY, "") != intent_id("ab", "c", "d", 0, Action.BUY, "")

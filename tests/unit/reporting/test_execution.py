"""What trading cost: slippage against the decision's price, and charges by kind."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_samples import DAY, IST, at, order

from livetrader.domain.costs import charge_table
from livetrader.domain.order import Action, Fill, OrderType, Purpose
from livetrader.domain.order_state import OrderState
from livetrader.ports import OrderRecord
from livetrader.reporting.execution import NOT_ITEMISED, charges_by_kind, reference, slippage

TABLE = charge_table("nse_intraday")
prices = st.decimals("10", "5000", places=2)


def filled(
    name: str,
    action: Action,
    kind: OrderType,
    purpose: Purpose,
    *,
    price: str = "100",
    paid: str,
    trigger: str | None = None,
) -> OrderRecord:
    """An order of ten that filled at `paid`."""
    record = order(OrderState.FILLED, filled="10")
    intent = replace(
        record.intent, intent_id=name, action=action, order_type=kind, purpose=purpose, price=Decimal(price),
        quantity=Decimal(10), trigger_price=None if trigger is None else Decimal(trigger),
        limit_price=Decimal(price) if kind is OrderType.LIMIT else None,
    )  # fmt: skip
    return replace(record, intent=intent, average_price=Decimal(paid))


BOUGHT = filled("a", Action.BUY, OrderType.MARKET, Purpose.ENTRY, price="100", paid="101")
STOPPED = filled("b", Action.SELL, OrderType.SL_M, Purpose.STOP, price="100", paid="89", trigger="90")
TARGET = filled("c", Action.SELL, OrderType.LIMIT, Purpose.EXIT, price="110", paid="112")
SQUARED = filled("d", Action.SELL, OrderType.MARKET, Purpose.EXIT, price="100", paid="95")


@pytest.mark.parametrize(
    ("record", "decided", "price"),
    [(BOUGHT, {}, "100"), (STOPPED, {}, "90"), (TARGET, {}, "110"), (SQUARED, {}, None), (SQUARED, {"d": "96"}, "96")],
    ids=["entry", "stop", "target", "exit at market", "exit at market with candles"],
)
def test_the_price_that_an_order_was_decided_at(
    record: OrderRecord, decided: dict[str, str], price: str | None
) -> None:
    """The record of an exit at market has the entry's price, which decided nothing."""
    known = {name: Decimal(value) for name, value in decided.items()}
    assert reference(record, known) == (None if price is None else Decimal(price))


def test_slippage_is_what_was_paid_against_us_by_purpose() -> None:
    rows = {one.purpose: one for one in slippage([BOUGHT, STOPPED, TARGET, SQUARED], {"d": Decimal(96)})}
    assert {name: (one.orders, one.paid) for name, one in rows.items()} == {
        "entry": (1, 10),
        "stop": (1, 10),
        "exit": (2, -10),
        "all": (4, 10),
    }
    assert rows["entry"].bps == 100.0
    assert rows["all"].bps == pytest.approx(10 / (1000 + 900 + 1100 + 960) * 10_000, abs=1e-6)


def test_orders_that_did_not_fill_or_have_no_reference_are_left_out() -> None:
    unfilled = replace(BOUGHT, filled_quantity=Decimal(0), state=OrderState.CANCELLED)
    assert slippage([unfilled, SQUARED]) == ()


def fill(action: Action, price: Decimal, charges: Decimal | None = None, *, maker: bool = False) -> Fill:
    charged = TABLE.charges(action, Decimal(10), price, DAY, maker=maker).total if charges is None else charges
    return Fill("sim", "t", "i", "TCS", action, Decimal(10), price, charged, at("10:00"))


def exchange_date(moment: datetime) -> date:
    return moment.astimezone(IST).date()


@given(st.lists(st.builds(fill, st.sampled_from(Action), prices), min_size=1, max_size=10))
def test_the_kinds_add_up_to_what_was_charged(fills: list[Fill]) -> None:
    kinds = dict(charges_by_kind(fills, TABLE, exchange_date))
    assert sum(kinds.values()) == sum(one.charges for one in fills)
    assert NOT_ITEMISED not in kinds


def test_a_sale_pays_stt_and_a_purchase_stamp_duty() -> None:
    sold = dict(charges_by_kind([fill(Action.SELL, Decimal(1000))], TABLE, exchange_date))
    bought = dict(charges_by_kind([fill(Action.BUY, Decimal(1000))], TABLE, exchange_date))
    assert "stt" in sold
    assert "stamp" not in sold
    assert "stamp" in bought
    assert "stt" not in bought


def test_what_a_broker_charged_by_its_own_books_is_not_itemised() -> None:
    odd = fill(Action.BUY, Decimal(1000), Decimal("17.77"))
    assert dict(charges_by_kind([odd], TABLE, exchange_date)) == {NOT_ITEMISED: Decimal("17.77")}

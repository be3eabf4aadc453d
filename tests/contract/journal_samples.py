"""Orders and fills for the journals' contract."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from livetrader.domain.exit_plan import ExitKind, ExitPlan, Replan
from livetrader.domain.instrument import Product
from livetrader.domain.order import Action, Fill, OrderIntent, OrderType, Purpose
from livetrader.domain.order_state import OrderState
from livetrader.domain.signal import Side
from livetrader.ports import Journal

AT = datetime(2026, 2, 2, 4, 0, tzinfo=UTC)
LATER = AT + timedelta(seconds=1.5)


def intent(name: str = "a", quantity: str = "10", as_of: int = 1000, **changes: Any) -> OrderIntent:
    base = OrderIntent(
        intent_id=name,
        account="main",
        strategy="momentum_long",
        symbol="INFY",
        side=Side.LONG,
        action=Action.BUY,
        purpose=Purpose.ENTRY,
        product=Product.MIS,
        order_type=OrderType.MARKET,
        quantity=Decimal(quantity),
        price=Decimal("1500.0500"),
        as_of=as_of,
        exit=ExitPlan(ExitKind.TRAILING_ATR, distance=7.123456789012345),
    )
    return replace(base, **changes)


def fill(name: str = "t1", of: str = "a", quantity: str = "10", price: str = "1500.10", **changes: Any) -> Fill:
    base = Fill("simulated", name, of, "INFY", Action.BUY, Decimal(quantity), Decimal(price), Decimal("3.17"), LATER)
    return replace(base, **changes)


def replan(command: int = 7, of: str = "a", **changes: Any) -> Replan:
    plan = ExitPlan(ExitKind.FIXED, stop_price=1480.05, hold_minutes=30.0, square_off=False)
    base = Replan(command, of, 1100, 1234, plan, 1500.1, 1507.123456789012345, 1480.05, 1540.0, 1480.05)
    return replace(base, **changes)


def sent(journal: Journal, order: OrderIntent | None = None) -> str:
    order = order or intent()
    journal.intend(order, AT)
    journal.advance(order.intent_id, OrderState.SENT, AT)
    return order.intent_id

"""Whether an order makes sense at all: its price, its quantity, its exit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

from livetrader.constraints.gate import Exposure
from livetrader.constraints.verdict import Check
from livetrader.domain.exit_plan import ExitKind
from livetrader.domain.order import OrderIntent


@dataclass(frozen=True, slots=True)
class PriceSanity:
    """The price is positive, and inside the configured band if there is one."""

    min_price: Decimal | None = None
    max_price: Decimal | None = None

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:  # noqa: ARG002 - every rule sees both
        price = intent.price
        low = self.min_price if self.min_price is not None else Decimal(0)
        passed = price.is_finite() and price > 0 and price >= low
        if self.max_price is not None:
            passed = passed and price <= self.max_price
        band = f"{low}–{self.max_price if self.max_price is not None else '∞'}"
        reason = f"price {price} is {'inside' if passed else 'outside'} {band}"
        return Check("price_sanity", passed, reason, {"price": str(price), "band": band})


@dataclass(frozen=True, slots=True)
class LotSanity:
    """The allocation buys at least one lot, and the order's value stays below the limit if there is one."""

    max_order_value: Decimal | None = None

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:  # noqa: ARG002 - every rule sees both
        numbers = {"quantity": f"{intent.quantity:f}", "value": f"{intent.value:f}"}
        if intent.quantity <= 0:
            return Check("lot_sanity", False, f"the allocation does not buy one lot at {intent.price}", numbers)
        if self.max_order_value is not None and intent.value > self.max_order_value:
            reason = f"order value {intent.value:f} is above max_order_value {self.max_order_value}"
            return Check("lot_sanity", False, reason, numbers)
        return Check("lot_sanity", True, f"quantity {intent.quantity:f}", numbers)


@dataclass(frozen=True, slots=True)
class ExitDefined:
    """The position's stop can be calculated: a trailing stop needs an ATR at the signal bar."""

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:  # noqa: ARG002 - every rule sees both
        plan = intent.exit
        missing = plan is not None and plan.kind is ExitKind.TRAILING_ATR and not plan.distance > 0
        reason = "no ATR at the signal bar: too few bars" if missing else "the exit's levels are known"
        distance = "" if plan is None or math.isnan(plan.distance) else f"{plan.distance:.4f}"
        return Check("exit_defined", not missing, reason, {"distance": distance})

"""Whether an order makes sense at all: its price, its quantity, its exit."""

# ruff: noqa: ARG002 - every rule sees both the intent and the exposure

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from livetrader.constraints.gate import Exposure
from livetrader.constraints.verdict import Check
from livetrader.domain.exit_plan import ExitKind
from livetrader.domain.instrument import Instrument, Product
from livetrader.domain.order import OrderIntent
from livetrader.domain.signal import Side


@dataclass(frozen=True, slots=True)
class PriceSanity:
    """The price is positive, and inside the configured band if there is one."""

    min_price: Decimal | None = None
    max_price: Decimal | None = None

    def passes(self, intent: OrderIntent, exposure: Exposure) -> bool:
        price = intent.price
        return (
            price.is_finite()
            and price > 0
            and (self.min_price is None or price >= self.min_price)
            and (self.max_price is None or price <= self.max_price)
        )

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        price, passed = intent.price, self.passes(intent, exposure)
        low = self.min_price if self.min_price is not None else Decimal(0)
        band = f"{low}–{self.max_price if self.max_price is not None else '∞'}"
        reason = f"price {price} is {'inside' if passed else 'outside'} {band}"
        return Check("price_sanity", passed, reason, {"price": str(price), "band": band})


LastClose = Callable[[str, int, int], float | None]
"""(symbol, since, before), in epoch seconds: the last close before `before`, of bars opened since `since`."""


@dataclass(frozen=True, slots=True)
class PriceCollar:
    """The price lies within `limit_pct` % of the symbol's last close before the bar that was decided.

    Closes of this session only, because a price may gap over night; its first bar has none to be held against. With
    `needed` (an order by hand, which no bar has brought about) an entry without one is refused.
    """

    limit_pct: Decimal
    last_close: LastClose
    needed: bool = False

    def passes(self, intent: OrderIntent, exposure: Exposure) -> bool:
        close = self._close(intent, exposure)
        if close is None:
            return not self.needed
        return intent.price.is_finite() and abs(intent.price - close) * 100 <= self.limit_pct * close

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        close, passed = self._close(intent, exposure), self.passes(intent, exposure)
        if close is None:
            return Check("price_collar", passed, f"{intent.symbol} has no close before it in this session", {})
        away = abs(intent.price / close - 1) * 100
        numbers = {"price": str(intent.price), "last_close": str(close), "limit_pct": str(self.limit_pct)}
        reason = f"price {intent.price} is {away:.2f} % from the last close {close}, limit {self.limit_pct} %"
        return Check("price_collar", passed, reason, numbers)

    def _close(self, intent: OrderIntent, exposure: Exposure) -> Decimal | None:
        close = self.last_close(intent.symbol, exposure.session.opens, intent.as_of)
        return Decimal(repr(close)) if close is not None and 0 < close < math.inf else None


@dataclass(frozen=True, slots=True)
class LotSanity:
    """The allocation buys at least one lot, and the order is no larger than the limits there are."""

    max_order_value: Decimal | None = None
    max_order_quantity: Decimal | None = None

    def passes(self, intent: OrderIntent, exposure: Exposure) -> bool:
        return (
            intent.quantity > 0
            and (self.max_order_value is None or intent.value <= self.max_order_value)
            and (self.max_order_quantity is None or intent.quantity <= self.max_order_quantity)
        )

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        passed = self.passes(intent, exposure)
        reason = f"quantity {intent.quantity:f}"
        if intent.quantity <= 0:
            reason = f"the allocation does not buy one lot at {intent.price}"
        elif self.max_order_value is not None and intent.value > self.max_order_value:
            reason = f"order value {intent.value:f} is above max_order_value {self.max_order_value}"
        elif not passed:
            reason = f"quantity {intent.quantity:f} is above max_order_quantity {self.max_order_quantity}"
        return Check("lot_sanity", passed, reason, {"quantity": f"{intent.quantity:f}", "value": f"{intent.value:f}"})


@dataclass(frozen=True, slots=True)
class ExchangeLimits:
    """The broker lists the symbol, and the order's prices lie in the day's circuit band.

    An entry above the freeze quantity goes out in pieces: domain.parent.
    """

    instruments: Mapping[str, Instrument]

    def passes(self, intent: OrderIntent, exposure: Exposure) -> bool:
        return not self._against(intent)

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        against = self._against(intent)
        numbers = {"quantity": f"{intent.quantity:f}", "price": str(intent.price)}
        return Check("exchange_limits", not against, against or "within what the exchange takes", numbers)

    def _against(self, intent: OrderIntent) -> str:
        instrument = self.instruments.get(intent.symbol)
        if instrument is None:
            return f"the broker does not list {intent.symbol} today"
        band = instrument.band
        prices = (intent.limit_price, intent.trigger_price, intent.price)
        if band is not None and not all(price is None or band[0] <= price <= band[1] for price in prices):
            return f"a price is outside the circuit band {band[0]}–{band[1]}"
        return ""


OF_ONE_ORDER = (PriceSanity, PriceCollar, LotSanity, ExchangeLimits)
"""The rules that look at one order, and at nothing of the account but its session."""


@dataclass(frozen=True, slots=True)
class NoShortDelivery:
    """What is held as delivery (CNC) has to be there before it can be sold: nobody shorts it."""

    def passes(self, intent: OrderIntent, exposure: Exposure) -> bool:
        return intent.side is not Side.SHORT or intent.product is not Product.CNC

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        side, product, passed = intent.side.value, intent.product.value, self.passes(intent, exposure)
        reason = f"{side} as {product}" if passed else f"{product} is delivery: it cannot be sold short"
        return Check("no_short_delivery", passed, reason, {"side": side, "product": product})


@dataclass(frozen=True, slots=True)
class ExitDefined:
    """The position's stop can be calculated: a trailing stop needs an ATR at the signal bar."""

    def passes(self, intent: OrderIntent, exposure: Exposure) -> bool:
        plan = intent.exit
        return plan is None or plan.kind is not ExitKind.TRAILING_ATR or plan.distance > 0

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        plan, passed = intent.exit, self.passes(intent, exposure)
        reason = "the exit's levels are known" if passed else "no ATR at the signal bar: too few bars"
        distance = "" if plan is None or math.isnan(plan.distance) else f"{plan.distance:.4f}"
        return Check("exit_defined", passed, reason, {"distance": distance})

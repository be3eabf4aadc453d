"""What trading cost: slippage against the decision's price, and charges by kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from itertools import product
from typing import TYPE_CHECKING

from livetrader.domain.order import OrderType, Purpose
from livetrader.reporting.statistics import ratio

if TYPE_CHECKING:
    from livetrader.domain.costs import Charges, ChargeTable
    from livetrader.domain.order import Fill
    from livetrader.ports import OrderRecord

ZERO = Decimal(0)
NOT_ITEMISED = "not itemised"


@dataclass(frozen=True, slots=True)
class Slippage:
    """`paid` is Σ sign × (fill − reference) × quantity: positive is against us. `bps` is its part of the value at
    the reference prices, in basis points."""

    purpose: str
    orders: int
    value: Decimal
    paid: Decimal
    bps: float | None


def slippage(orders: Sequence[OrderRecord], decided: Mapping[str, Decimal] | None = None) -> tuple[Slippage, ...]:
    """The slippage of what filled, by the orders' purpose, and of `all` last; empty where nothing filled.

    The reference is the price at the decision (A. Perold, "The Implementation Shortfall", 1988), so what the price
    moved between the bar's close and the fill is in it, not the venue's slippage alone. An entry has that price in
    its record, a stop has its trigger, a target its limit (and no slippage against us). An exit at market has none:
    it comes from the candles, by intent id in `decided`, and an order without it is left out.
    """
    known = [(order, reference(order, decided or {})) for order in orders if order.filled_quantity]
    filled = [(order, price) for order, price in known if price is not None]
    groups: dict[str, list[tuple[OrderRecord, Decimal]]] = {}
    for order, price in filled:
        groups.setdefault(order.intent.purpose.value, []).append((order, price))
    rows = tuple(_slippage(name, groups[name]) for name in sorted(groups))
    return (*rows, _slippage("all", filled)) if filled else ()


def _slippage(purpose: str, filled: Sequence[tuple[OrderRecord, Decimal]]) -> Slippage:
    value = sum((order.filled_quantity * price for order, price in filled), ZERO)
    paid = sum(
        (order.intent.action.sign * order.filled_quantity * (order.average_price - price) for order, price in filled),
        ZERO,
    )
    return Slippage(purpose, len(filled), value, paid, ratio(paid * 10_000, value))


def reference(order: OrderRecord, decided: Mapping[str, Decimal]) -> Decimal | None:
    """The price that an order was decided at; None where nothing says it."""
    intent = order.intent
    if intent.order_type in (OrderType.SL, OrderType.SL_M):
        return intent.trigger_price
    if intent.purpose is Purpose.ENTRY:
        return intent.price
    return intent.limit_price if intent.order_type is OrderType.LIMIT else decided.get(intent.intent_id)


def charges_by_kind(
    fills: Iterable[Fill], table: ChargeTable, on: Callable[[datetime], date]
) -> tuple[tuple[str, Decimal], ...]:
    """The charges of `fills` by kind, those that are zero left out; they add up to what was charged, exactly.

    A fill knows its sum alone, so the table is asked again for its parts. Where no reading of the table gives that
    sum (the broker charged by its own books), it stands under `not itemised`. `on` is the exchange's date of a
    fill.
    """
    kinds: dict[str, Decimal] = {}
    filled: dict[str, Decimal] = {}
    for fill in fills:
        before = filled.get(fill.intent_id, ZERO)
        filled[fill.intent_id] = before + fill.quantity * fill.price
        parts = _parts(fill, table, on(fill.filled_at), before)
        for name, amount in parts.items() if parts else ((NOT_ITEMISED, fill.charges),):
            kinds[name] = kinds.get(name, ZERO) + amount
    return tuple((name, amount) for name, amount in kinds.items() if amount)


def _parts(fill: Fill, table: ChargeTable, on: date, before: Decimal) -> dict[str, Decimal] | None:
    """The parts of a fill's charges: the first reading (taker, maker, with the depository's fee; brokerage by the
    order, of which `before` had filled, or by the fill; of shares, of the session or as delivery) that adds up."""
    readings = product(table.readings, dict.fromkeys((before, ZERO)), (False, True), (False, True))
    for one, earlier, depository, maker in readings:
        found = one.charges(
            fill.action, fill.quantity, fill.price, on, maker=maker, depository=depository, before=earlier
        )
        if found.total == fill.charges:
            return _named(found)
    return None


def _named(charges: Charges) -> dict[str, Decimal]:
    return {field.name: getattr(charges, field.name) for field in fields(charges) if field.name != "total"}

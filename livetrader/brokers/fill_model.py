"""What the simulated venue assumes of a fill: how much of a bar there is for us, and what is paid beyond its price."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from livetrader.domain.costs import ChargeTable
from livetrader.domain.order import Action, OrderIntent, OrderType
from livetrader.domain.session import Session
from livetrader.ports import Bars

BPS = Decimal(10_000)
UNBOUNDED = Decimal("Infinity")

SessionAt = Callable[[int], Session | None]
"""Finds the session of an instant in epoch seconds."""


@dataclass(frozen=True, slots=True)
class Deal:
    """`quantity` of an order met `price` on bar `row`, of which only the bars before it were known by then.

    `begun`: an earlier bar filled a part of the order. `forced`: it is what a session leaves over, closed by the venue
    at the last price; then `row` is the one after that price's.
    """

    intent: OrderIntent
    quantity: Decimal
    price: Decimal
    bars: Bars
    row: int
    begun: bool = False
    forced: bool = False


@dataclass(frozen=True, slots=True)
class FillModel:
    """The assumptions of the simulation, stated in every report. This is the fixed model: slippage is the same for all,
    and a bar fills whatever is wanted."""

    slippage_bps: Decimal
    charges: ChargeTable

    def first(self, intent: OrderIntent, bars: Bars) -> int:
        """The first bar that may fill an order."""
        return int(bars.ts.searchsorted(intent.effective))

    def stays(self, intent: OrderIntent) -> bool:  # noqa: ARG002 - all orders do
        """Whether an order waits for other bars than the first that may fill it."""
        return True

    def room(self, bars: Bars, row: int) -> Decimal:  # noqa: ARG002 - the same for all bars
        """How much of a bar an account may trade."""
        return UNBOUNDED

    def paid(self, deal: Deal, session_at: SessionAt) -> Decimal:  # noqa: ARG002 - the same in all sessions
        """The price of a deal, slippage included, unrounded."""
        intent, limit = deal.intent, deal.intent.limit_price
        if intent.order_type is OrderType.LIMIT:
            return deal.price
        price = self.slipped(deal.price, intent.action)
        return limit if limit is not None and intent.action.sign * (price - limit) > 0 else price

    def makes(self, deal: Deal) -> bool:
        """Whether the deal pays the maker's fee, where the table has one."""
        return deal.intent.order_type is OrderType.LIMIT

    def delivers(self, intent: OrderIntent) -> bool:  # noqa: ARG002 - the fixed model charges no depository's fee
        """Whether an order sells out of a demat account, for a fee on the day's first sale of a symbol."""
        return False

    def slipped(self, price: Decimal, action: Action) -> Decimal:
        """`price` moved against whoever does `action`."""
        return price * (1 + action.sign * self.slippage_bps / BPS)

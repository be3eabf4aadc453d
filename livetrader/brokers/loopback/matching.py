"""An order in the venue's own book, and the price at which it trades."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from livetrader.brokers.loopback.rules import TRIGGERED, ZERO, Ticket
from livetrader.domain.books import BrokerOrder
from livetrader.domain.instrument import Instrument
from livetrader.domain.order import OrderType
from livetrader.domain.order_state import OrderState

# What an order is with market protection.
PROTECTED: Mapping[OrderType, OrderType] = {OrderType.MARKET: OrderType.LIMIT, OrderType.SL_M: OrderType.SL}


@dataclass(slots=True)
class Order:
    """The truth about an order. `visible_at` is monotonic seconds; until then no book shows it.

    `reserved` is what it adds to the account's exposure; `traded` and `spent` are its signed quantity and cash. `limit`
    is the limit that market protection has given it.
    """

    order_id: str
    ticket: Ticket
    placed_at: datetime
    visible_at: float
    state: OrderState = OrderState.ACKED
    reason: str = ""
    filled: Decimal = ZERO
    value: Decimal = ZERO
    traded: Decimal = ZERO
    spent: Decimal = ZERO
    reserved: Decimal = ZERO
    triggered: bool = False
    chunked: bool = False
    limit: Decimal | None = None
    _line: BrokerOrder | None = None

    @property
    def remaining(self) -> Decimal:
        return self.ticket.quantity - self.filled

    def move(self, state: OrderState, reason: str = "") -> None:
        self.state, self.reason, self._line = state, reason or self.reason, None

    def amend(self, ticket: Ticket, limit: Decimal | None) -> None:
        self.ticket, self.limit, self._line = ticket, limit, None

    def fill(self, quantity: Decimal, price: Decimal, spent: Decimal) -> None:
        self.filled += quantity
        self.value += quantity * price
        self.traded += self.ticket.action.sign * quantity
        self.spent += spent
        self.move(OrderState.PARTIALLY_FILLED if self.remaining else OrderState.FILLED)

    def line(self, instrument: Instrument, *, tagged: bool) -> BrokerOrder:
        """The order as the book shows it; the same object until something changes, for books are read often."""
        if self._line is None:
            ticket = self.ticket
            self._line = BrokerOrder(
                broker_order_id=self.order_id,
                tag=ticket.tag if tagged else "",
                symbol=ticket.symbol,
                action=ticket.action,
                product=ticket.product,
                order_type=ticket.order_type if self.limit is None else PROTECTED[ticket.order_type],
                quantity=ticket.quantity,
                filled_quantity=self.filled,
                average_price=(self.value / self.filled).quantize(instrument.quantum) if self.filled else ZERO,
                state=self.state,
                placed_at=self.placed_at,
                limit_price=ticket.limit_price if self.limit is None else self.limit,
                trigger_price=ticket.trigger_price,
                reason=self.reason,
            )
        return self._line


def execution(order: Order, price: Decimal, *, arriving: bool) -> Decimal | None:
    """The price at which `order` trades when the market is at `price`, before slippage; None if it does not.

    A stop trades at the price that triggers it. A limit trades when the price is *through* it: at the market's price
    while the order is `arriving` (just placed, amended or triggered), at its limit once it rests. CLI.md, fill model.
    """
    ticket, sign = order.ticket, order.ticket.action.sign
    if ticket.order_type in TRIGGERED and not order.triggered:
        assert ticket.trigger_price is not None, "a stop has a trigger"
        if sign * (price - ticket.trigger_price) < 0:
            return None
        order.triggered = arriving = True
    if ticket.order_type in (OrderType.MARKET, OrderType.SL_M):
        return price
    assert ticket.limit_price is not None, "a limit order has a limit"
    if sign * (ticket.limit_price - price) <= 0:
        return None
    return price if arriving else ticket.limit_price

"""A broker's books as we read them: its orders, its trades, its positions, its cash."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from livetrader.domain.instrument import Product
from livetrader.domain.order import Action, OrderType
from livetrader.domain.order_state import OrderState

ZERO = Decimal(0)


class Identity(StrEnum):
    """How our orders are known in a broker's book. Source: ORDERS.md, "Facts to design around"."""

    CLIENT_ID = "client_id"  # the broker keeps our id, and finds an order by it
    TAG = "tag"  # the book carries our id, and has to be searched for it
    FINGERPRINT = "fingerprint"  # nothing of ours comes back: symbol, side, quantity, type and time have to do
    LOOSE_FINGERPRINT = "loose_fingerprint"  # nor the type: market protection shows MARKET as LIMIT, SL-M as SL

    @property
    def by_fingerprint(self) -> bool:
        return self in (Identity.FINGERPRINT, Identity.LOOSE_FINGERPRINT)


@dataclass(frozen=True, slots=True)
class BrokerOrder:
    """A line of the order book. `tag` is our intent id, empty where the broker does not keep one."""

    broker_order_id: str
    tag: str
    symbol: str
    action: Action
    product: Product
    order_type: OrderType
    quantity: Decimal
    filled_quantity: Decimal
    average_price: Decimal
    state: OrderState
    placed_at: datetime
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class BrokerTrade:
    """A line of the trade book. `charges` is None where the broker does not say them."""

    trade_id: str
    broker_order_id: str
    symbol: str
    action: Action
    product: Product
    quantity: Decimal
    price: Decimal
    charges: Decimal | None
    traded_at: datetime


@dataclass(frozen=True, slots=True)
class BrokerPosition:
    """What the broker says is held of a symbol in a product; `quantity` is signed, negative when short."""

    symbol: str
    product: Product
    quantity: Decimal
    average_price: Decimal


@dataclass(frozen=True, slots=True)
class Books:
    """All books, read in this order within one read: orders → trades → positions → cash."""

    orders: tuple[BrokerOrder, ...]
    trades: tuple[BrokerTrade, ...]
    positions: tuple[BrokerPosition, ...]
    cash: Decimal

    def position(self, symbol: str, product: Product) -> Decimal:
        """The signed quantity of a symbol in a product; zero where there is none."""
        held = (p.quantity for p in self.positions if (p.symbol, p.product) == (symbol, product))
        return sum(held, ZERO)

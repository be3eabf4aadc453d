"""An intent is what we want, an order is what the broker knows, a fill is what happened."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

from livetrader.domain.exit_plan import ExitPlan
from livetrader.domain.instrument import Product
from livetrader.domain.signal import Side


class Action(StrEnum):
    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        return 1 if self is Action.BUY else -1


class OrderType(StrEnum):
    MARKET = "MARKET"
    LIMIT = "LIMIT"
    SL = "SL"
    SL_M = "SL-M"


class TimeInForce(StrEnum):
    """How long an order works. GTC and GTD are kept by us, as day orders: see domain.parent."""

    DAY = "DAY"
    IOC = "IOC"


class Purpose(StrEnum):
    """What an intent does to the position; it is the leg in the intent's identity."""

    ENTRY = "entry"
    EXIT = "exit"
    STOP = "stop"  # the protective stop that rests at the venue while the position is held
    RECONCILE = "reconcile"  # never sent: what others did to the position, so that the fold over fills stays whole


def opening(side: Side) -> Action:
    """The action that opens a position of `side`."""
    return Action.BUY if side is Side.LONG else Action.SELL


def closing(side: Side) -> Action:
    """The action that closes a position of `side`."""
    return Action.SELL if side is Side.LONG else Action.BUY


def intent_id(account: str, strategy: str, symbol: str, as_of: int, action: Action, leg: str) -> str:
    """The identity of an intent: 20 characters of lower-case base32, a pure function of what it names.

    The same signal seen twice (a restart within the bar, two scans, a re-run of the hour) is therefore one
    intent. `as_of` is the bar's close in epoch seconds. Source: ORDERS.md, "The intent".
    """
    name = "\x1f".join((account, strategy, symbol, _moment(as_of), action.value, leg))
    # 15 bytes of the digest are 24 characters.
    return base64.b32encode(hashlib.sha256(name.encode()).digest()[:15])[:20].decode().lower()


@lru_cache(maxsize=8)  # many intents name one close
def _moment(as_of: int) -> str:
    return datetime.fromtimestamp(as_of, UTC).isoformat()


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """What we want to trade, before anybody was asked.

    `side` is the position's side, `action` what this intent does to it. `as_of` is the decision time in
    epoch seconds: the order may fill on bars that open at or after it. `price` is the price at the decision,
    for exposure and sanity. `reason` is the exit's reason, or the signal's tag for an entry. `exit` is the
    plan for closing the position that an entry opens, `entry_id` the entry whose position this intent closes.
    `amended` is when a modify last changed the terms (quantity, prices, reason), in epoch seconds. `parent_id` is the
    parent order that this intent is a child of, empty where it is nobody's.
    """

    intent_id: str
    account: str
    strategy: str
    symbol: str
    side: Side
    action: Action
    purpose: Purpose
    product: Product
    order_type: OrderType
    quantity: Decimal
    price: Decimal
    as_of: int
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    reason: str = ""
    exit: ExitPlan | None = None
    entry_id: str = ""
    amended: int | None = None
    parent_id: str = ""
    tif: TimeInForce = TimeInForce.DAY

    @property
    def effective(self) -> int:
        """The order in its present terms may fill on bars that open at or after this (epoch seconds)."""
        return self.as_of if self.amended is None else self.amended

    @property
    def trade(self) -> str:
        """The trade that an entry belongs to: its parent's, or its own."""
        return self.parent_id or self.intent_id

    @property
    def value(self) -> Decimal:
        """Quantity × price, in the account's currency."""
        return self.quantity * self.price


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution. Unique by (broker, `trade_id`); `price` is per unit; `charges` are what it cost."""

    broker: str
    trade_id: str
    intent_id: str
    symbol: str
    action: Action
    quantity: Decimal
    price: Decimal
    charges: Decimal
    filled_at: datetime

    @property
    def cash(self) -> Decimal:
        """What the fill adds to the cash: −signed quantity × price − charges (invariant I3)."""
        return -self.action.sign * self.quantity * self.price - self.charges

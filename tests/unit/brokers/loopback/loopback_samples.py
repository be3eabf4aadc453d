"""A loopback venue with one share, for the tests of its parts and for the contract of every venue."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from livetrader.brokers.loopback.exchange import Exchange
from livetrader.brokers.loopback.profiles import STRICT, Profile
from livetrader.brokers.loopback.rules import Ticket
from livetrader.constraints.verdict import Approved
from livetrader.domain.instrument import Instrument, Product
from livetrader.domain.order import Action, OrderIntent, OrderType, Purpose
from livetrader.domain.signal import Side
from livetrader.market.clock import VirtualClock

START = 1_790_000_000.0
INSTRUMENTS = {
    "INFY": Instrument("INFY", freeze_quantity=Decimal(1000), band=(Decimal(900), Decimal(1100))),
    "NIFTY25000PE": Instrument("NIFTY25000PE", lot=Decimal(75), freeze_quantity=Decimal(1800)),
}


def exchange(profile: Profile = STRICT, **changes: Any) -> Exchange:
    """An exchange at START with 1,000,000 in cash, where nothing has traded yet."""
    return Exchange(profile, VirtualClock(START), INSTRUMENTS, Decimal(1_000_000), **changes)


def ticket(tag: str = "a", quantity: int = 10, **changes: Any) -> Ticket:
    """A market order to buy INFY, unless told otherwise."""
    base = {
        "symbol": "INFY",
        "action": Action.BUY,
        "product": Product.MIS,
        "order_type": OrderType.MARKET,
        "quantity": Decimal(quantity),
    }
    return Ticket(tag, **{**base, **changes})


def intent(name: str = "a", quantity: int = 10, **changes: Any) -> OrderIntent:
    """An intent to buy INFY at the market, unless told otherwise."""
    base: dict[str, Any] = {
        "intent_id": name.ljust(20, "0"),
        "account": "main",
        "strategy": "momentum_long",
        "symbol": "INFY",
        "side": Side.LONG,
        "action": Action.BUY,
        "purpose": Purpose.ENTRY,
        "product": Product.MIS,
        "order_type": OrderType.MARKET,
        "quantity": Decimal(quantity),
        "price": Decimal(1000),
        "as_of": int(START),
    }
    return OrderIntent(**{**base, **changes})


def approved(name: str = "a", quantity: int = 10, **changes: Any) -> Approved:
    """That intent, past the gate."""
    return Approved(intent(name, quantity, **changes), ())

"""What the broker refuses, each with its code. Source: ORDERS.md, faults B11 and B12."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from livetrader.brokers.loopback.profiles import Profile
from livetrader.domain.instrument import Instrument, Product
from livetrader.domain.order import Action, OrderIntent, OrderType
from livetrader.domain.order_state import OrderState
from livetrader.ports import Outcome

ZERO = Decimal(0)
LIMITED = frozenset({OrderType.LIMIT, OrderType.SL})
TRIGGERED = frozenset({OrderType.SL, OrderType.SL_M})


class Rejected(Exception):
    """The broker's no: a `code` that does not change, and its reason in words."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


def refusal(code: str, reason: str) -> Outcome:
    """What a broker's parsed no means to us.

    "Duplicate" proves that an order with this identity is there, so its fate has to be looked up: to call the intent
    rejected would lose an order that lives.
    """
    state = OrderState.UNKNOWN if code == "duplicate" else OrderState.REJECTED
    return Outcome(state, reason=f"{code}: {reason}")


@dataclass(frozen=True, slots=True)
class Ticket:
    """What the broker is asked for. `protected`: it comes with market protection.

    `tag` is the client's id, `algo_id` what its algorithm is registered as.
    """

    tag: str
    symbol: str
    action: Action
    product: Product
    order_type: OrderType
    quantity: Decimal
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    protected: bool = True
    algo_id: str = ""

    @classmethod
    def of(cls, intent: OrderIntent, *, tag: str, protected: bool, algo_id: str = "") -> Ticket:
        return cls(
            tag,
            intent.symbol,
            intent.action,
            intent.product,
            intent.order_type,
            intent.quantity,
            intent.limit_price,
            intent.trigger_price,
            protected,
            algo_id,
        )


def check_form(ticket: Ticket, instrument: Instrument | None, profile: Profile) -> Instrument:
    """What every broker checks before it takes an order down. Raises Rejected."""
    if instrument is None:
        raise Rejected("symbol", f"{ticket.symbol} is not listed")
    if profile.tag_length is not None and len(ticket.tag) > profile.tag_length:
        raise Rejected("tag", f"the tag has {len(ticket.tag)} characters, {profile.tag_length} are allowed")
    if not ticket.quantity > 0 or ticket.quantity % instrument.lot:
        raise Rejected("lot", f"{ticket.quantity} is not a multiple of the lot {instrument.lot}")
    for name, price, used in (
        ("limit price", ticket.limit_price, LIMITED),
        ("trigger price", ticket.trigger_price, TRIGGERED),
    ):
        if (ticket.order_type in used) != (price is not None):
            raise Rejected("price", f"{ticket.order_type} {'needs a' if price is None else 'has no'} {name}")
    unbounded = ticket.order_type not in LIMITED
    if profile.needs_protection and unbounded and not ticket.protected:
        raise Rejected("protection", f"{ticket.order_type} needs market protection")
    return instrument


def check_risk(ticket: Ticket, instrument: Instrument, last: Decimal | None) -> None:
    """What the exchange's risk management checks, whatever is held. Raises Rejected."""
    freeze = instrument.freeze_quantity
    if freeze is not None and ticket.quantity > freeze:
        raise Rejected("freeze", f"{ticket.quantity} is above the freeze quantity {freeze}")
    for price in (ticket.limit_price, ticket.trigger_price):
        if price is not None:
            _check_price(price, instrument)
    trigger = ticket.trigger_price
    if trigger is not None and last is not None and ticket.action.sign * (last - trigger) >= 0:
        raise Rejected("trigger", f"the price {last} is already beyond the trigger {trigger}")


def _check_price(price: Decimal, instrument: Instrument) -> None:
    if not price > 0 or price % instrument.tick:
        raise Rejected("tick", f"{price} is not a multiple of the tick {instrument.tick}")
    band = instrument.band
    if band is not None and not band[0] <= price <= band[1]:
        raise Rejected("band", f"{price} is outside the circuit band {band[0]} to {band[1]}")

"""What a position is made of: lots, opened at one price each, the oldest first.

By average price a position is one lot, whose price moves as it grows. First in, first out, each fill that opens is a
lot of its own, and what closes takes the oldest first, a part of one where it does not take all of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

ZERO = Decimal(0)


class LotMethod(StrEnum):
    """Which part of a position a partial exit closes."""

    AVERAGE = "average"
    FIFO = "fifo"


@dataclass(frozen=True, slots=True)
class Lot:
    """A quantity (unsigned) that was opened at `price`, and its part of the charges of that. Of several fills at
    their average, `opened_at` is the first one's."""

    quantity: Decimal
    price: Decimal
    charges: Decimal
    opened_at: datetime


Lots = tuple[Lot, ...]


def grown(lots: Lots, lot: Lot, method: LotMethod) -> Lots:
    """`lots` with one more."""
    if method is LotMethod.FIFO:
        return (*lots, lot)
    held = lots[0] if lots else replace(lot, quantity=ZERO, price=ZERO, charges=ZERO)
    quantity = held.quantity + lot.quantity
    price = (held.quantity * held.price + lot.quantity * lot.price) / quantity
    return (Lot(quantity, price, held.charges + lot.charges, held.opened_at),)


def taken(lots: Lots, quantity: Decimal) -> tuple[Lots, Lots]:
    """The oldest `quantity` of `lots`, at most all of them, and what is left. A lot's charges are split by quantity."""
    closed: list[Lot] = []
    for i, lot in enumerate(lots):
        if lot.quantity > quantity:
            if not quantity:
                return tuple(closed), lots[i:]
            part = replace(lot, quantity=quantity, charges=lot.charges * quantity / lot.quantity)
            rest = replace(lot, quantity=lot.quantity - quantity, charges=lot.charges - part.charges)
            return (*closed, part), (rest, *lots[i + 1 :])
        closed.append(lot)
        quantity -= lot.quantity
    return tuple(closed), ()


def average_price(lots: Lots) -> Decimal:
    """The price of all of them together; zero where there is none."""
    if len(lots) < 2:
        return lots[0].price if lots else ZERO
    return sum((lot.quantity * lot.price for lot in lots), ZERO) / sum((lot.quantity for lot in lots), ZERO)

"""The account at the loopback venue: cash, what is held, and what its broker lets it hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from livetrader.brokers.loopback.rules import ZERO, Rejected, Ticket
from livetrader.domain.instrument import Product
from livetrader.domain.order import Action

Charge = Callable[[Action, Decimal, Decimal], Decimal]
BPS = Decimal(10_000)
PAISA = Decimal("0.01")


def flat(bps: Decimal) -> Charge:
    """Charges of `bps` of a trade's value, rounded half up to the paisa."""
    return lambda _action, quantity, price: (quantity * price * bps / BPS).quantize(PAISA, ROUND_HALF_UP)


@dataclass(slots=True)
class Holding:
    """A position of a symbol in a product; `quantity` is signed."""

    quantity: Decimal = ZERO
    average_price: Decimal = ZERO

    def add(self, quantity: Decimal, price: Decimal) -> None:
        """Trade the signed `quantity`: the average moves when the position grows and begins anew when it turns."""
        before, self.quantity = self.quantity, self.quantity + quantity
        if before * quantity >= 0:
            self.average_price = (before * self.average_price + quantity * price) / self.quantity
        elif self.quantity * before < 0:
            self.average_price = price


class Account:
    """Cash and holdings, changed by trades and by money that comes or goes; both exact.

    `leverage` × equity bounds the value of all positions and of the orders that would open more.
    """

    def __init__(self, cash: Decimal, charges: Charge, leverage: Decimal) -> None:
        self.cash = cash
        self.held: dict[tuple[str, Product], Holding] = {}
        self.charges = charges
        self._leverage = leverage

    def position(self, symbol: str, product: Product) -> Decimal:
        """What is held, signed; zero where nothing is."""
        holding = self.held.get((symbol, product))
        return ZERO if holding is None else holding.quantity

    def trade(self, ticket: Ticket, quantity: Decimal, price: Decimal) -> tuple[Decimal, Decimal]:
        """Book a trade. Returns its charges and what it added to the cash: −signed quantity × price − charges (I3)."""
        charges = self.charges(ticket.action, quantity, price)
        signed = ticket.action.sign * quantity
        spent = -signed * price - charges
        self.cash += spent
        self.held.setdefault((ticket.symbol, ticket.product), Holding()).add(signed, price)
        return charges, spent

    def growth(self, ticket: Ticket, quantity: Decimal) -> Decimal:
        """By how much `quantity` of the ticket grows the position. Raises Rejected for a short sale for delivery."""
        held = self.position(ticket.symbol, ticket.product)
        after = held + ticket.action.sign * quantity
        if ticket.product is Product.CNC and after < min(held, ZERO):
            raise Rejected("short", f"{held} {ticket.symbol} are held for delivery, {quantity} cannot be sold")
        return max(abs(after) - abs(held), ZERO)

    def check_funds(self, added: Decimal, reserved: Decimal, prices: Mapping[str, Decimal]) -> None:
        """Raises Rejected when `added` exposure, beside that of positions and orders, is more than equity carries."""
        values = [holding.quantity * prices.get(symbol, ZERO) for (symbol, _), holding in self.held.items()]
        needed = sum(map(abs, values), reserved + added)
        available = sum(values, self.cash) * self._leverage
        if needed > available:
            raise Rejected("funds", f"{needed} are needed, {available} are available")

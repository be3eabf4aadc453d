"""A parent order while it is under way: a fold over its children, rebuilt from the journal at every start."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from livetrader.domain.order import OrderIntent, OrderType
from livetrader.domain.order_state import OPEN, OrderState
from livetrader.domain.parent import GONE, Parent
from livetrader.engine.parents.schedule import TIMED, wanted

ZERO = Decimal(0)

Prices = tuple[Decimal | None, Decimal | None]
"""Limit and trigger of an order."""


def prices_of(intent: OrderIntent) -> Prices:
    return intent.limit_price, intent.trigger_price


@dataclass(slots=True)
class Child:
    """`quantity` is what was sent and `filled` what has filled; `works` is also that its fate is unknown.

    `prices` are its limit and its trigger; `outlived` says that it is to make room for one with other terms.
    """

    as_of: int
    quantity: Decimal
    prices: Prices = (None, None)
    filled: Decimal = ZERO
    works: bool = False
    state: OrderState = OrderState.INTENT
    outlived: bool = False

    @property
    def gone(self) -> Decimal:
        """What of it may not be sent again. One may be called FILLED before its fills are told."""
        untold = self.state is OrderState.FILLED and not self.filled
        return self.quantity if self.works or untold or self.state in GONE else self.filled


def child_of(intent: OrderIntent) -> Child:
    """A child that has not gone out."""
    return Child(intent.as_of, intent.quantity, prices_of(intent))


@dataclass(slots=True)
class UnderWay:
    """`over` says why nothing more goes out; empty while something may. `ended`: that is written down. `spent`: nothing
    more goes out, and what works goes on.

    `cancelled` says that somebody does not want a child of this session: at a session's end brokers call what they end
    by themselves so, too.
    """

    parent: Parent
    children: dict[str, Child] = field(default_factory=dict)
    over: str = ""
    ended: bool = False
    cancelled: bool = False
    spent: bool = False

    @property
    def entry(self) -> OrderIntent:
        return self.parent.entry

    @property
    def unsent(self) -> Decimal:
        """What has not gone out."""
        return self.entry.quantity - sum((child.gone for child in self.children.values()), ZERO)

    @property
    def rest(self) -> Decimal:
        """What may still go out: exposure, as what works is."""
        return ZERO if self.over or self.spent else self.unsent

    @property
    def filled(self) -> Decimal:
        return sum((child.filled for child in self.children.values()), ZERO)

    @property
    def works(self) -> bool:
        """Whether a child works, or may."""
        return any(child.works for child in self.children.values())

    @property
    def last(self) -> int | None:
        """The pass in which the latest child that went out was decided."""
        out = (child.as_of for child in self.children.values() if child.state is not OrderState.INTENT)
        return max(out, default=None)

    def wanted(self, now: int) -> Decimal:
        """How much is to go out in the pass of `now`, beside what has gone out in it already.

        While nobody takes a child at market (in a halt, at a circuit limit) the next one waits: they must not pile up.
        """
        before = [child for child in self.children.values() if child.as_of != now]
        timed = self.parent.schedule.algo in TIMED
        if timed and self.entry.order_type is OrderType.MARKET and any(child.works for child in before):
            return ZERO
        again = [child for child in self.children.values() if child.as_of == now]
        return wanted(
            self.parent.schedule,
            now,
            gone=sum((child.gone for child in before), ZERO),
            sent=sum((child.quantity for child in again if child.state is not OrderState.INTENT), ZERO),
            last=max((child.as_of for child in before), default=None),
            works=self.works,
        )

    def owns(self, entry: OrderIntent) -> bool:
        """Whether `entry` made the position that this parent builds: a child of it, or what it adds to."""
        return entry.parent_id == self.parent.name or entry.intent_id == self.entry.entry_id

    def opened(self, intent: OrderIntent) -> None:
        """A child is about to go out."""
        child = self.children.setdefault(intent.intent_id, child_of(intent))
        child.works, child.state = True, OrderState.SENT

    def closed(self, intent_id: str, state: OrderState, *, today: bool) -> None:
        """A child can fill no more, and has ended in `state`. How one of an earlier session ended says nothing."""
        child = self.children[intent_id]
        child.works, child.state = False, state
        if today:
            self._ended(child, state)

    def filled_more(self, intent_id: str, quantity: Decimal) -> None:
        """A child has filled, perhaps after its end."""
        if intent_id in self.children:
            self.children[intent_id].filled += quantity

    def recalled(self, intent: OrderIntent, state: OrderState, filled: Decimal, *, today: bool) -> None:
        """Take up a child of an earlier process as the journal has it."""
        child = self.children[intent.intent_id] = child_of(intent)
        child.filled, child.works, child.state = filled, state in OPEN, state
        if today and not child.works:
            self._ended(child, state)

    def _ended(self, child: Child, state: OrderState) -> None:
        """What the end of a child means for the rest. One with the terms of before was in the way of the next."""
        if child.filled < child.quantity:
            self.cancelled |= state is OrderState.CANCELLED and child.prices == prices_of(self.entry)
            if state is OrderState.REJECTED:
                self.over = self.over or "a child of it was rejected"

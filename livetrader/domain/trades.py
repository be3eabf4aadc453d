"""Round trips, folded from fills. The live book, the backtest and the queries use this one fold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal

from livetrader.domain.order import Action, Fill, OrderIntent
from livetrader.domain.position import Trade
from livetrader.domain.signal import Side

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class OpenPosition:
    """A round trip that is not over.

    `quantity` is what is still held, unsigned, and `average_price` the average of that part. `intent_id` is
    the entry's; `charges` are those of every fill so far, partial exits included.
    """

    symbol: str
    side: Side
    quantity: Decimal
    average_price: Decimal
    strategy: str
    intent_id: str
    opened_at: datetime
    charges: Decimal


class _Trip:
    """A round trip while it is being folded. Quantities are unsigned, values are quantity × price."""

    __slots__ = (
        "average",
        "charges",
        "entered",
        "entry",
        "entry_value",
        "exit_value",
        "held",
        "intent",
        "side",
    )

    def __init__(self, intent: OrderIntent, entry: Fill) -> None:
        self.intent = intent
        self.entry = entry
        self.side = Side.LONG if entry.action is Action.BUY else Side.SHORT
        self.held = self.entered = self.average = ZERO
        self.entry_value = self.exit_value = self.charges = ZERO

    def grow(self, quantity: Decimal, price: Decimal, charges: Decimal) -> None:
        value = quantity * price
        # As position.apply has it: a partial exit leaves the average of what is still held alone.
        self.average = (self.held * self.average + value) / (self.held + quantity)
        self.held += quantity
        self.entered += quantity
        self.entry_value += value
        self.charges += charges

    def shrink(self, quantity: Decimal, price: Decimal, charges: Decimal) -> None:
        self.held -= quantity
        self.exit_value += quantity * price
        self.charges += charges

    def closed(self, last: Fill, reason: str, timezone: tzinfo) -> Trade:
        gross = (self.exit_value - self.entry_value) * self.side.sign
        return Trade(
            trade_id=self.intent.intent_id,
            session=last.filled_at.astimezone(timezone).date(),
            strategy=self.intent.strategy,
            symbol=self.intent.symbol,
            side=self.side,
            quantity=self.entered,
            entry_at=self.entry.filled_at,
            entry_price=self.entry_value / self.entered,
            exit_at=last.filled_at,
            exit_price=self.exit_value / self.entered,
            exit_reason=str(reason),
            gross_pnl=gross,
            charges=self.charges,
            net_pnl=gross - self.charges,
        )

    def still_open(self) -> OpenPosition:
        return OpenPosition(
            symbol=self.intent.symbol,
            side=self.side,
            quantity=self.held,
            average_price=self.average,
            strategy=self.intent.strategy,
            intent_id=self.intent.intent_id,
            opened_at=self.entry.filled_at,
            charges=self.charges,
        )


def trades(
    orders: Mapping[str, OrderIntent], fills: Iterable[Fill], timezone: tzinfo
) -> tuple[list[Trade], list[OpenPosition]]:
    """The round trips that `fills`, in the order in which they were booked, make: closed ones and open ones.

    A trade runs from flat to flat in one symbol. Its name and strategy are those of the intent that opened
    it, its reason that of the intent whose fill closed it, its session the exchange's date (`timezone`) of
    that last fill: where the profit was made. Entry and exit price are quantity-weighted averages;
    `gross_pnl` is exact, from values and not from averages. A fill that turns the position closes one trade
    and opens the next, its charges split by quantity. Closed trades come in the order of their exits, open
    ones in the order of their entries. `orders` holds the intent of every fill; KeyError where it does not.
    """
    open_trips: dict[str, _Trip] = {}
    closed: list[Trade] = []
    for fill in fills:
        symbol, quantity, charges = fill.symbol, fill.quantity, fill.charges
        trip = open_trips.get(symbol)
        if trip is not None and fill.action.sign != trip.side.sign:
            part = min(quantity, trip.held)
            cost = charges if part == quantity else charges * part / quantity
            trip.shrink(part, fill.price, cost)
            quantity, charges = quantity - part, charges - cost
            if trip.held:
                continue
            del open_trips[symbol]
            closed.append(trip.closed(fill, orders[fill.intent_id].reason, timezone))
            if not quantity:
                continue
            trip = None
        if trip is None:
            trip = open_trips[symbol] = _Trip(orders[fill.intent_id], fill)
        trip.grow(quantity, fill.price, charges)
    return closed, [trip.still_open() for trip in open_trips.values()]

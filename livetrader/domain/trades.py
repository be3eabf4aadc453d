"""Round trips, folded from fills. The live book, the backtest and the queries use this one fold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal

from livetrader.domain.lots import Lot, LotMethod, Lots, average_price, grown, taken
from livetrader.domain.order import Action, Fill, OrderIntent
from livetrader.domain.position import Trade, profit
from livetrader.domain.signal import Side

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class OpenPosition:
    """A round trip that is not over.

    `quantity` is what is still held, unsigned, and `average_price` the average of that part. `intent_id` is
    the entry's; `charges` are those of every fill so far, partial exits included, and `realised` is what those have
    brought before charges. `lots` is what it is made of.
    """

    symbol: str
    side: Side
    quantity: Decimal
    average_price: Decimal
    strategy: str
    intent_id: str
    opened_at: datetime
    charges: Decimal
    realised: Decimal = ZERO
    lots: Lots = ()


@dataclass(frozen=True, slots=True)
class ClosedLot:
    """A lot, or a part of one, and the exit that closed it: what a tax return wants to know. `trade_id` names the round
    trip that it belongs to, `session` is the exchange's date of the exit, `holding_days` how many dates it was held
    over; `charges` are its part of those of both fills."""

    trade_id: str
    session: date
    strategy: str
    symbol: str
    side: Side
    quantity: Decimal
    opened_at: datetime
    open_price: Decimal
    closed_at: datetime
    close_price: Decimal
    holding_days: int
    charges: Decimal

    @property
    def gross_pnl(self) -> Decimal:
        return self.side.sign * self.quantity * (self.close_price - self.open_price)

    @property
    def net_pnl(self) -> Decimal:
        return self.gross_pnl - self.charges


class _Trip:
    """A round trip while it is being folded. Quantities are unsigned, values are quantity × price."""

    __slots__ = ("charges", "closings", "entered", "entry", "entry_value", "exit_value", "intent", "last", "lots",
        "method", "realised", "side")  # fmt: skip

    def __init__(self, intent: OrderIntent, entry: Fill, method: LotMethod) -> None:
        self.intent = intent
        self.entry = self.last = entry
        self.method = method
        self.side = Side.LONG if entry.action is Action.BUY else Side.SHORT
        self.lots: Lots = ()
        self.closings: list[tuple[Lot, Fill, Decimal]] = []
        self.entered = self.entry_value = self.exit_value = self.charges = self.realised = ZERO

    @property
    def held(self) -> Decimal:
        return sum((lot.quantity for lot in self.lots), ZERO)

    def grow(self, fill: Fill, quantity: Decimal, charges: Decimal) -> None:
        self.lots = grown(self.lots, Lot(quantity, fill.price, charges, fill.filled_at), self.method)
        self.entered += quantity
        self.entry_value += quantity * fill.price
        self.charges += charges

    def shrink(self, fill: Fill, quantity: Decimal, charges: Decimal) -> None:
        closed, self.lots = taken(self.lots, quantity)
        self.closings += [(lot, fill, charges * lot.quantity / quantity) for lot in closed]
        self.realised += profit(closed, fill.price, self.side)
        self.exit_value += quantity * fill.price
        self.charges += charges
        self.last = fill

    def closed_lots(self, timezone: tzinfo) -> list[ClosedLot]:
        intent = self.intent
        return [
            ClosedLot(
                trade_id=intent.intent_id,
                session=_date(fill, timezone),
                strategy=intent.strategy,
                symbol=intent.symbol,
                side=self.side,
                quantity=lot.quantity,
                opened_at=lot.opened_at,
                open_price=lot.price,
                closed_at=fill.filled_at,
                close_price=fill.price,
                holding_days=(_date(fill, timezone) - lot.opened_at.astimezone(timezone).date()).days,
                charges=lot.charges + charges,
            )
            for lot, fill, charges in self.closings
        ]

    def closed(self, reason: str, timezone: tzinfo) -> Trade:
        gross = (self.exit_value - self.entry_value) * self.side.sign
        return Trade(
            trade_id=self.intent.intent_id,
            session=_date(self.last, timezone),
            strategy=self.intent.strategy,
            symbol=self.intent.symbol,
            side=self.side,
            quantity=self.entered,
            entry_at=self.entry.filled_at,
            entry_price=self.entry_value / self.entered,
            exit_at=self.last.filled_at,
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
            average_price=average_price(self.lots),
            strategy=self.intent.strategy,
            intent_id=self.intent.intent_id,
            opened_at=self.entry.filled_at,
            charges=self.charges,
            realised=self.realised,
            lots=self.lots,
        )


def trades(
    orders: Mapping[str, OrderIntent],
    fills: Iterable[Fill],
    timezone: tzinfo,
    method: LotMethod = LotMethod.AVERAGE,
) -> tuple[list[Trade], list[OpenPosition]]:
    """The round trips that `fills`, in the order in which they were booked, make: closed ones and open ones.

    A trade runs from flat to flat in one symbol. Its name and strategy are those of the intent that opened
    it, its reason that of the intent whose fill closed it, its session the exchange's date (`timezone`) of
    that last fill: where the profit was made. Entry and exit price are quantity-weighted averages;
    `gross_pnl` is exact, from values and not from averages. A fill that turns the position closes one trade
    and opens the next, its charges split by quantity. Closed trades come in the order of their exits, open
    ones in the order of their entries. `orders` holds the intent of every fill; KeyError where it does not.
    `method` says what a position that is closed in part has realised, and the price of what is left.
    """
    closed, held = _trips(orders, fills, method)
    ended = [trip.closed(orders[trip.last.intent_id].reason, timezone) for trip in closed]
    return ended, [trip.still_open() for trip in held]


def closed_lots(orders: Mapping[str, OrderIntent], fills: Iterable[Fill], timezone: tzinfo) -> list[ClosedLot]:
    """What was closed, lot by lot, first in, first out, in the order of the exits; also of trades that are not over."""
    closed, held = _trips(orders, fills, LotMethod.FIFO)
    found = [lot for trip in (*closed, *held) for lot in trip.closed_lots(timezone)]
    return sorted(found, key=lambda lot: lot.closed_at)


def _trips(
    orders: Mapping[str, OrderIntent], fills: Iterable[Fill], method: LotMethod
) -> tuple[list[_Trip], list[_Trip]]:
    """The trips that are over, in the order of their ends, and those that are not, in the order of their entries."""
    open_trips: dict[str, _Trip] = {}
    closed: list[_Trip] = []
    for fill in fills:
        symbol, quantity, charges = fill.symbol, fill.quantity, fill.charges
        trip = open_trips.get(symbol)
        if trip is not None and fill.action.sign != trip.side.sign:
            part = min(quantity, trip.held)
            cost = charges if part == quantity else charges * part / quantity
            trip.shrink(fill, part, cost)
            quantity, charges = quantity - part, charges - cost
            if trip.lots:
                continue
            closed.append(open_trips.pop(symbol))
            if not quantity:
                continue
            trip = None
        if trip is None:
            trip = open_trips[symbol] = _Trip(orders[fill.intent_id], fill, method)
        trip.grow(fill, quantity, charges)
    return closed, list(open_trips.values())


def _date(fill: Fill, timezone: tzinfo) -> date:
    return fill.filled_at.astimezone(timezone).date()

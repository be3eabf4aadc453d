"""Positions and trades: folds over fills, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from livetrader.domain.lots import Lot, LotMethod, Lots, average_price, grown, taken
from livetrader.domain.order import Fill
from livetrader.domain.signal import Side

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Position:
    """What is held of a symbol. `quantity` is signed, negative when short; `average_price` is of what is open, which
    `lots` is made of."""

    symbol: str
    quantity: Decimal = ZERO
    average_price: Decimal = ZERO
    realised: Decimal = ZERO
    lots: Lots = ()

    @property
    def side(self) -> Side:
        return Side.LONG if self.quantity >= 0 else Side.SHORT

    def unrealised(self, price: Decimal) -> Decimal:
        """Profit of the open part at `price`, before charges."""
        return self.quantity * (price - self.average_price)


def apply(position: Position, fill: Fill, method: LotMethod = LotMethod.AVERAGE) -> Position:
    """The position after a fill: another lot while it grows, realised profit while it shrinks."""
    held = position.quantity
    after = held + fill.action.sign * fill.quantity
    if held * fill.action.sign >= 0:
        lot = Lot(fill.quantity, fill.price, fill.charges, fill.filled_at)
        lots = grown(position.lots, lot, method)
        return Position(position.symbol, after, average_price(lots), position.realised, lots)
    closed, lots = taken(position.lots, min(abs(held), fill.quantity))
    realised = position.realised + profit(closed, fill.price, position.side)
    if held * after < 0:  # turned round
        cost = fill.charges * abs(held) / fill.quantity
        lots = (Lot(abs(after), fill.price, fill.charges - cost, fill.filled_at),)
    return Position(position.symbol, after or ZERO, average_price(lots), realised, lots)


def profit(closed: Lots, price: Decimal, side: Side) -> Decimal:
    """What lots of `side` bring that are closed at `price`, before charges."""
    return sum((side.sign * lot.quantity * (price - lot.price) for lot in closed), ZERO)


def fold(symbol: str, fills: Iterable[Fill], method: LotMethod = LotMethod.AVERAGE) -> Position:
    """The position that `fills` of `symbol` leave, in their order."""
    position = Position(symbol)
    for fill in fills:
        position = apply(position, fill, method)
    return position


@dataclass(frozen=True, slots=True)
class Trade:
    """A round trip, from flat to flat. Money is exact; the JSON keys are CLI.md's."""

    trade_id: str
    session: date
    strategy: str
    symbol: str
    side: Side
    quantity: Decimal
    entry_at: datetime
    entry_price: Decimal
    exit_at: datetime
    exit_price: Decimal
    exit_reason: str
    gross_pnl: Decimal
    charges: Decimal
    net_pnl: Decimal

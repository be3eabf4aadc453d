"""Positions and trades: folds over fills, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from livetrader.domain.order import Fill
from livetrader.domain.signal import Side

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Position:
    """What is held of a symbol. `quantity` is signed, negative when short; `average_price` is of what is open."""

    symbol: str
    quantity: Decimal = ZERO
    average_price: Decimal = ZERO
    realised: Decimal = ZERO

    @property
    def side(self) -> Side:
        return Side.LONG if self.quantity >= 0 else Side.SHORT

    def unrealised(self, price: Decimal) -> Decimal:
        """Profit of the open part at `price`, before charges."""
        return self.quantity * (price - self.average_price)


def apply(position: Position, fill: Fill) -> Position:
    """The position after a fill: average price while it grows, realised profit while it shrinks."""
    signed = fill.action.sign * fill.quantity
    held = position.quantity
    after = held + signed
    if held * signed >= 0:
        average = (abs(held) * position.average_price + fill.quantity * fill.price) / abs(after)
        return Position(position.symbol, after, average, position.realised)
    closed = min(abs(held), fill.quantity) * (1 if held > 0 else -1)
    realised = position.realised + closed * (fill.price - position.average_price)
    if after == 0:
        return Position(position.symbol, ZERO, ZERO, realised)
    turned = held * after < 0
    return Position(position.symbol, after, fill.price if turned else position.average_price, realised)


def fold(symbol: str, fills: Iterable[Fill]) -> Position:
    """The position that `fills` of `symbol` leave, in their order."""
    position = Position(symbol)
    for fill in fills:
        position = apply(position, fill)
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

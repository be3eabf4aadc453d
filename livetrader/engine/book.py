"""What the account holds: a fold over fills and orders. Nothing in it is ever set by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from livetrader.constraints.gate import Exposure
from livetrader.domain.order import Fill, OrderIntent, Purpose
from livetrader.domain.order_state import OrderState
from livetrader.domain.position import Position, apply
from livetrader.domain.session import Session
from livetrader.domain.signal import Signal
from livetrader.engine.exits import ExitState, begin
from livetrader.engine.sizing import Sizer

ZERO = Decimal(0)

# An order in one of these may still fill, or may have filled without our knowing. INTENT is not one of them: no
# committed SENT, no call.
OPEN = frozenset({OrderState.SENT, OrderState.ACKED, OrderState.PARTIALLY_FILLED, OrderState.UNKNOWN})


@dataclass(slots=True)
class HeldPosition:
    """A position, the entry that made it, and its exit. `walked` is the close of the last bar it was tested on."""

    entry: OrderIntent
    position: Position
    exit: ExitState
    opened: int
    walked: int
    closing: str | None = None

    @property
    def margin(self) -> Decimal:
        """Quantity × average price: what it takes from the account at leverage 1."""
        return abs(self.position.quantity) * self.position.average_price


@dataclass(slots=True)
class Book:
    """The account in memory: rebuilt from the journal at every start.

    `base` is the capital that allocations are taken from: what the configuration says, or with `compound` the
    account's value at the session's start. `cash` is exact: starting capital plus the cash of all fills.
    """

    sizer: Sizer
    capital: Decimal
    compound: bool = False
    cash: Decimal = ZERO
    base: Decimal = ZERO
    day_cash: Decimal = ZERO
    session: Session | None = None
    positions: dict[str, HeldPosition] = field(default_factory=dict)
    orders: dict[str, OrderIntent] = field(default_factory=dict)
    unfilled: dict[str, Decimal] = field(default_factory=dict)
    entered: dict[str, OrderIntent] = field(default_factory=dict)
    closed_at: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cash = self.base = self.day_cash = self.capital

    def start(self, session: Session) -> None:
        """Begin a session: counts restart, and the day's money is counted from here."""
        self.session = session
        self.entered = {key: o for key, o in self.orders.items() if o.purpose is Purpose.ENTRY}
        self.closed_at = {}
        self.day_cash = self.cash + self._invested()
        self.base = self.day_cash if self.compound else self.capital

    def _invested(self) -> Decimal:
        """Open positions at their entry prices, signed."""
        return sum((p.position.quantity * p.position.average_price for p in self.positions.values()), ZERO)

    def open(self, intent: OrderIntent) -> None:
        """An order is about to go out: from here on it counts as exposure."""
        self.orders[intent.intent_id] = intent
        self.unfilled[intent.intent_id] = intent.quantity
        if intent.purpose is Purpose.ENTRY:
            self.entered[intent.intent_id] = intent
        else:
            self.positions[intent.symbol].closing = intent.intent_id

    def settle(self, intent_id: str) -> None:
        """An order can no longer fill: its reservation comes back, and its count if it never filled."""
        intent = self.orders.pop(intent_id, None)
        if intent is None:
            return
        filled = self.unfilled.pop(intent_id) < intent.quantity
        held = self.positions.get(intent.symbol)
        if intent.purpose is Purpose.ENTRY:
            if not filled:
                self.entered.pop(intent_id, None)
        elif held is not None and held.closing == intent_id:
            held.closing = None

    def book(self, fill: Fill, intent: OrderIntent, closes: int) -> None:
        """Apply a fill of `intent`; `closes` is when the bar that it happened in is known."""
        self.cash += fill.cash
        if intent.purpose is Purpose.ENTRY:
            self.entered[intent.intent_id] = intent
        if fill.intent_id in self.unfilled:
            self.unfilled[fill.intent_id] -= fill.quantity
        held = self.positions.get(fill.symbol)
        before = held.position if held is not None else Position(fill.symbol)
        after = apply(before, fill)
        if after.quantity == 0:
            self.positions.pop(fill.symbol, None)
            self.closed_at[fill.symbol] = closes
        elif held is None:
            self.positions[fill.symbol] = self._opened(intent, fill, after)
        else:
            held.position = after

    def _opened(self, intent: OrderIntent, fill: Fill, position: Position) -> HeldPosition:
        assert intent.exit is not None, "an entry carries its exit plan"
        tick = float(self.sizer.instrument(fill.symbol).tick)
        state = begin(intent.exit, position.side, float(fill.price), tick)
        filled = int(fill.filled_at.timestamp())
        return HeldPosition(intent, position, state, opened=filled, walked=filled)

    def value(self, prices: dict[str, Decimal]) -> Decimal:
        """The account's value with open positions at `prices`."""
        held = self.positions.values()
        return self.cash + sum((p.position.quantity * prices[p.position.symbol] for p in held), ZERO)

    @property
    def available(self) -> Decimal:
        """Money that is neither invested nor reserved, today's profits and losses included."""
        leverage = self.sizer.leverage
        invested = sum((p.margin for p in self.positions.values()), ZERO)
        entries = (o for o in self.orders.values() if o.purpose is Purpose.ENTRY)
        reserved = sum((self.unfilled[o.intent_id] * o.price for o in entries), ZERO)
        earned = self.cash + self._invested() - self.day_cash
        return self.base + earned - (invested + reserved) / leverage

    def exposure(self, now: int, signal: Signal) -> Exposure:
        """The account as the constraints see it when the bar of `signal` is decided.

        Exits are walked on finer bars than the signal's: a position that closed inside its bar closed on it.
        """
        assert self.session is not None, "a session has begun"
        by_strategy: dict[str, int] = {}
        for order in self.entered.values():
            by_strategy[order.strategy] = by_strategy.get(order.strategy, 0) + 1
        pending = {o.symbol for o in self.orders.values() if o.purpose is Purpose.ENTRY}
        return Exposure(
            now=now,
            session=self.session,
            held=set(self.positions),
            pending=pending - set(self.positions),
            closed={s for s, closes in self.closed_at.items() if signal.bar_open < closes <= signal.as_of},
            trades=len(self.entered),
            trades_by_strategy=by_strategy,
            available=self.available,
            leverage=self.sizer.leverage,
        )

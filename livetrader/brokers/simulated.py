"""The simulated venue: fills orders at the prices of the tape. Fill model: CLI.md.

A market order fills at the next available price: the open of the first bar that opens at or after its decision,
slippage against you. A stop (SL-M) fills on the bar that reaches its trigger: at the trigger, or at the open of a
bar that opens beyond it, slippage against you; with a limit (SL) no worse than that, and as a limit order from then
on. A limit fills when price trades *through* it, at the limit or at a
better open, without slippage. What is not filled by the session's end expires, except exits: a position held for
the session only (MIS) is closed by the venue at the symbol's last price, as brokers do, and the exit of one that is
held over waits for the next price.

Where the model bounds what a bar fills (`brokers.realistic`), the rest of an order fills on the bars after it, as a
market order's does: of a stop that was reached, too. A bar has room for all orders of a symbol together, and none for
the past: those before a fill are over, and one that gives an order its second part is spread over, and used up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal

from livetrader.brokers.fill_model import UNBOUNDED, Deal, FillModel
from livetrader.constraints.verdict import Approved
from livetrader.domain.instrument import Instrument, Product
from livetrader.domain.order import Action, Fill, OrderIntent, OrderType, Purpose, TimeInForce
from livetrader.domain.order_state import OrderState
from livetrader.domain.session import Session
from livetrader.ports import Bars, OrderRecord, OrderUpdate, Outcome, Tape

__all__ = ["FillModel", "SimulatedBroker"]

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Done:
    """What an order, or a bar, has filled: how much, and for how much money."""

    quantity: Decimal = ZERO
    value: Decimal = ZERO


NOTHING = Done()


@dataclass(slots=True)
class SimulatedBroker:
    """A venue in memory, driven by the tape and the `now` of each `updates` call.

    `session_at` finds the session of an instant: the one that a day order lives in, and whose date a fill has.
    `done` has the resting orders that have filled in part, `taken` each symbol's last bar with a fill (its open in
    epoch seconds) and what was taken from it. `bought` is the day on which a symbol's position was begun, `sold` the
    last one on which the symbol was sold.
    """

    tape: Tape
    model: FillModel
    instrument: Callable[[str], Instrument]
    session_at: Callable[[int], Session | None]
    name: str = "simulated"
    visibility_seconds: float = 0.0
    resting: dict[str, OrderIntent] = field(default_factory=dict)
    held: dict[str, Decimal] = field(default_factory=dict)
    done: dict[str, Done] = field(default_factory=dict)
    taken: dict[str, tuple[int, Decimal]] = field(default_factory=dict)
    bought: dict[str, date] = field(default_factory=dict)
    sold: dict[str, date] = field(default_factory=dict)
    final: bool = False
    _heard: int = 0

    def place(self, order: Approved) -> Outcome:
        intent = order.intent
        self.resting[intent.intent_id] = intent
        return Outcome(OrderState.ACKED, broker_order_id=f"sim-{intent.intent_id}")

    def modify(self, intent: OrderIntent) -> Outcome:
        if intent.intent_id not in self.resting:
            return Outcome(OrderState.REJECTED, reason="no such open order")
        self.resting[intent.intent_id] = intent
        return Outcome(OrderState.ACKED)

    def cancel(self, intent_id: str) -> Outcome:
        if intent_id not in self.resting:
            return Outcome(OrderState.REJECTED, reason="no such open order")
        self._end(intent_id)
        return Outcome(OrderState.CANCELLED)

    def updates(self, now: int) -> list[OrderUpdate]:
        """Match every resting order against the bars that have closed by `now`, in the order of placement."""
        self._heard = now
        found = [self._match(intent, now) for intent in list(self.resting.values())]
        return [update for update in found if update is not None]

    def find(self, order: OrderRecord) -> Outcome:
        known = order.intent.intent_id in self.resting
        return Outcome(OrderState.ACKED if known else OrderState.UNKNOWN)

    def position(self, symbol: str, product: Product) -> Decimal:  # noqa: ARG002 - a symbol has one product here
        return self.held.get(symbol, ZERO)

    def restore(self, resting: Iterable[OrderIntent], fills: Iterable[Fill]) -> None:
        """Take up the orders that the venue had when the process stopped, and what all fills have left."""
        self.resting = {intent.intent_id: intent for intent in resting}
        self.held, self.done, self.taken, self.bought, self.sold = {}, {}, {}, {}, {}
        for fill in fills:
            self._book(fill)
        self.done = {name: done for name, done in self.done.items() if name in self.resting}

    def close_market(self) -> None:
        """No further prices will come: what can only wait for one fills at the last."""
        self.final = True

    def next_event(self, intent: OrderIntent) -> int | None:
        """When more of a resting market order's fate will be known: the close of its bar, or of the session."""
        bars = self.tape.bars(intent.symbol)
        i = max(self.model.first(intent, bars), int(bars.closes.searchsorted(self._heard, side="right")))
        session = self._session(intent)
        if i < len(bars.ts) and (session is None or bars.ts[i] < session.closes):
            return int(bars.closes[i])
        return None if session is None else session.closes

    def _match(self, intent: OrderIntent, now: int) -> OrderUpdate | None:
        bars = self.tape.bars(intent.symbol)
        session = self._session(intent)
        end = now if session is None else min(now, session.closes)
        fills = list(self._parts(intent, bars, end))
        if self._left(intent) and (self.final or (session is not None and now >= session.closes)):
            return self._at_close(intent, bars, end, fills)
        if not self._left(intent):
            self._end(intent.intent_id)
            return OrderUpdate(intent.intent_id, OrderState.FILLED, tuple(fills))
        if not self._stays(intent) and self._missed(intent, bars, end):
            self._end(intent.intent_id)
            reason = "its bar has no more volume for us"
            return OrderUpdate(intent.intent_id, OrderState.EXPIRED, tuple(fills), reason=reason)
        return OrderUpdate(intent.intent_id, OrderState.PARTIALLY_FILLED, tuple(fills)) if fills else None

    def _parts(self, intent: OrderIntent, bars: Bars, end: int) -> Iterator[Fill]:
        """What the bars that have closed by `end` fill of an order, bar by bar."""
        row = self.model.first(intent, bars)
        # A stop that was reached is a market order from then on, or a limit order.
        reached = intent.intent_id in self.done
        last = len(bars.ts) if self._stays(intent) else min(row + 1, len(bars.ts))
        while self._left(intent) and row < last and bars.closes[row] <= end:
            price = execution(intent, bars, row, reached=reached)
            if price is not None:
                reached = True
                quantity = min(self._left(intent), self._room(intent.symbol, bars, row))
                if quantity > 0:
                    yield self._fill(intent, quantity, price, bars, row)
            reached = reached or (intent.order_type is OrderType.SL and _touches(intent, bars, row))
            row += 1

    def _stays(self, intent: OrderIntent) -> bool:
        """Whether an order waits for other bars than its first: one that is immediate or cancelled does not."""
        return intent.tif is not TimeInForce.IOC and self.model.stays(intent)

    def _missed(self, intent: OrderIntent, bars: Bars, end: int) -> bool:
        """Whether the one bar that an order was for is over."""
        row = self.model.first(intent, bars)
        return row < len(bars.ts) and int(bars.closes[row]) <= end

    def _left(self, intent: OrderIntent) -> Decimal:
        return intent.quantity - self.done.get(intent.intent_id, NOTHING).quantity

    def _room(self, symbol: str, bars: Bars, row: int) -> Decimal:
        """How much of a bar there is left for us."""
        room = self.model.room(bars, row)
        if room == UNBOUNDED:
            return room
        opened, (at, taken) = int(bars.ts[row]), self.taken.get(symbol, (0, ZERO))
        if opened < at:
            return ZERO
        left = room - taken if opened == at else room
        return self.instrument(symbol).round_down(left) if left > 0 else ZERO

    def _end(self, intent_id: str) -> None:
        del self.resting[intent_id]
        self.done.pop(intent_id, None)

    def _session(self, intent: OrderIntent) -> Session | None:
        """The session that a day order lives in; None for an exit or a stop that waits for the next."""
        if intent.purpose is not Purpose.ENTRY and intent.product is not Product.MIS:
            return None
        return session_of(intent, self.session_at)

    def _at_close(self, intent: OrderIntent, bars: Bars, end: int, fills: list[Fill]) -> OrderUpdate:
        """The session is over, or the data: what closes a position fills at the last price, anything else expires."""
        last = int(bars.closes.searchsorted(end, side="right")) - 1
        reduces = self.held.get(intent.symbol, ZERO) * intent.action.sign < 0
        closes = reduces and last >= 0 and intent.purpose is not Purpose.STOP
        if closes:
            fills.append(self._fill(intent, self._left(intent), float(bars.close[last]), bars, last + 1, at=end))
        self._end(intent.intent_id)
        if closes:
            return OrderUpdate(intent.intent_id, OrderState.FILLED, tuple(fills))
        reason = "no further price in the session"
        return OrderUpdate(intent.intent_id, OrderState.EXPIRED, tuple(fills), reason=reason)

    def _fill(
        self, intent: OrderIntent, quantity: Decimal, price: float, bars: Bars, row: int, at: int | None = None
    ) -> Fill:
        """An execution that met `price`: on bar `row`, or, of what the bars before it left over, at the close `at`."""
        instrument, done = self.instrument(intent.symbol), self.done.get(intent.intent_id)
        deal = Deal(intent, quantity, instrument.price(price), bars, row, begun=done is not None, forced=at is not None)
        paid = instrument.price(self.model.paid(deal, self.session_at))
        at = int(bars.ts[row]) if at is None else at
        filled_at = datetime.fromtimestamp(at, UTC)
        charges = self.model.charges.of(intent.product).charges(
            intent.action, quantity, paid, self._date(at, filled_at), maker=self.model.makes(deal),
            depository=self.model.delivers(intent) and self._first_delivery(intent.symbol, filled_at.date()),
            before=ZERO if done is None else done.value,
        )  # fmt: skip
        fill = Fill(
            broker=self.name,
            trade_id=f"sim-{intent.intent_id}" if done is None else f"sim-{intent.intent_id}-{at}",
            intent_id=intent.intent_id,
            symbol=intent.symbol,
            action=intent.action,
            quantity=quantity,
            price=paid,
            charges=charges.total,
            filled_at=filled_at,
        )
        self._book(fill)
        return fill

    def _first_delivery(self, symbol: str, on: date) -> bool:
        """Whether a sale is the day's first of shares that an earlier day brought into the account."""
        held = self.held.get(symbol, ZERO) > 0 and self.bought.get(symbol, on) < on
        return held and self.sold.get(symbol) != on

    def _book(self, fill: Fill) -> None:
        symbol, at, before = fill.symbol, int(fill.filled_at.timestamp()), self.held.get(fill.symbol, ZERO)
        if not before:
            self.bought[symbol] = fill.filled_at.date()
        if fill.action is Action.SELL:
            self.sold[symbol] = fill.filled_at.date()
        self.held[symbol] = before + fill.action.sign * fill.quantity
        done = self.done.get(fill.intent_id)
        last, taken = self.taken.get(symbol, (at, ZERO))
        self.taken[symbol] = at, UNBOUNDED if done is not None else fill.quantity + (taken if last == at else ZERO)
        done = done or NOTHING
        self.done[fill.intent_id] = Done(done.quantity + fill.quantity, done.value + fill.quantity * fill.price)

    def _date(self, at: int, filled_at: datetime) -> date:
        session = self.session_at(at)
        return filled_at.date() if session is None else session.date


def session_of(intent: OrderIntent, session_at: Callable[[int], Session | None]) -> Session | None:
    """The session that an order was decided in: what is decided at the very close belongs to the one that closes."""
    return session_at(intent.as_of) or session_at(intent.as_of - 1)


def execution(intent: OrderIntent, bars: Bars, i: int, *, reached: bool = False) -> float | None:
    """The price at which bar `i` executes the order, before slippage; None if it does not.

    A stop that an earlier bar has `reached` is a market order, or a limit order.
    """
    opens, sign = float(bars.open[i]), intent.action.sign
    if intent.order_type is OrderType.SL and not reached:
        trigger = float(intent.trigger_price or 0)
        if not _touches(intent, bars, i):
            return None
        if sign * (opens - trigger) < 0:  # within the bar, at the trigger
            return trigger if sign * (float(intent.limit_price or 0) - trigger) > 0 else None
    if intent.order_type is OrderType.MARKET or (reached and intent.order_type is OrderType.SL_M):
        return opens
    if intent.order_type is OrderType.SL_M:
        trigger = float(intent.trigger_price or 0)
        extreme = float(bars.high[i] if sign > 0 else bars.low[i])
        if sign * (opens - trigger) >= 0:
            return opens
        return trigger if sign * (extreme - trigger) >= 0 else None
    limit = float(intent.limit_price or 0)
    extreme = float(bars.low[i] if sign > 0 else bars.high[i])
    if sign * (limit - opens) > 0:
        return opens
    return limit if sign * (limit - extreme) > 0 else None


def _touches(intent: OrderIntent, bars: Bars, i: int) -> bool:
    """Whether bar `i` reaches the trigger of a stop."""
    sign = intent.action.sign
    extreme = float(bars.high[i] if sign > 0 else bars.low[i])
    return sign * (extreme - float(intent.trigger_price or 0)) >= 0

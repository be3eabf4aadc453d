"""The simulated venue: fills orders at the prices of the tape. Fill model: CLI.md.

A market order fills at the next available price: the open of the first bar that opens at or after its decision,
slippage against you. A stop (SL-M) fills on the bar that reaches its trigger: at the trigger, or at the open of a
bar that opens beyond it, slippage against you. A limit fills when price trades *through* it, at the limit or at a
better open, without slippage. What is not filled by the session's end expires, except exits: a position held for
the session only (MIS) is closed by the venue at the symbol's last price, as brokers do, and the exit of one that is
held over waits for the next price.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal

from livetrader.constraints.verdict import Approved
from livetrader.domain.costs import ChargeTable
from livetrader.domain.instrument import Instrument, Product
from livetrader.domain.order import Action, Fill, OrderIntent, OrderType, Purpose
from livetrader.domain.order_state import OrderState
from livetrader.domain.session import Session
from livetrader.ports import Bars, OrderRecord, OrderUpdate, Outcome, Tape

BPS = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class FillModel:
    """The assumptions of the simulation, stated in every report."""

    slippage_bps: Decimal
    charges: ChargeTable

    def slipped(self, price: Decimal, action: Action) -> Decimal:
        """`price` moved against whoever does `action`."""
        return price * (1 + action.sign * self.slippage_bps / BPS)


@dataclass(slots=True)
class SimulatedBroker:
    """A venue in memory, driven by the tape and the `now` of each `updates` call.

    `session_at` finds the session of an instant: the one that a day order lives in, and whose date a fill has.
    """

    tape: Tape
    model: FillModel
    instrument: Callable[[str], Instrument]
    session_at: Callable[[int], Session | None]
    name: str = "simulated"
    visibility_seconds: float = 0.0
    resting: dict[str, OrderIntent] = field(default_factory=dict)
    held: dict[str, Decimal] = field(default_factory=dict)
    final: bool = False

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
        if self.resting.pop(intent_id, None) is None:
            return Outcome(OrderState.REJECTED, reason="no such open order")
        return Outcome(OrderState.CANCELLED)

    def updates(self, now: int) -> list[OrderUpdate]:
        """Match every resting order against the bars that have closed by `now`, in the order of placement."""
        found = [self._match(intent, now) for intent in list(self.resting.values())]
        return [update for update in found if update is not None]

    def find(self, order: OrderRecord) -> Outcome:
        known = order.intent.intent_id in self.resting
        return Outcome(OrderState.ACKED if known else OrderState.UNKNOWN)

    def position(self, symbol: str, product: Product) -> Decimal:  # noqa: ARG002 - a symbol has one product here
        return self.held.get(symbol, Decimal(0))

    def restore(self, resting: list[OrderIntent], held: dict[str, Decimal]) -> None:
        """Take up the orders and positions that the venue had when the process stopped."""
        self.resting = {intent.intent_id: intent for intent in resting}
        self.held = dict(held)

    def close_market(self) -> None:
        """No further prices will come: what can only wait for one fills at the last."""
        self.final = True

    def next_event(self, intent: OrderIntent) -> int | None:
        """When the fate of a resting market order will be known: the close of its bar, or of the session."""
        bars = self.tape.bars(intent.symbol)
        i = int(bars.ts.searchsorted(intent.as_of))
        session = self._session(intent)
        if i < len(bars.ts) and (session is None or bars.ts[i] < session.closes):
            return int(bars.closes[i])
        return None if session is None else session.closes

    def _match(self, intent: OrderIntent, now: int) -> OrderUpdate | None:
        bars = self.tape.bars(intent.symbol)
        session = self._session(intent)
        end = now if session is None else min(now, session.closes)
        i = int(bars.ts.searchsorted(intent.effective))
        while i < len(bars.ts) and bars.closes[i] <= end:
            price = _execution(intent, bars, i)
            if price is not None:
                return self._fill(intent, price, int(bars.ts[i]))
            i += 1
        if self.final or (session is not None and now >= session.closes):
            return self._at_close(intent, bars, end)
        return None

    def _session(self, intent: OrderIntent) -> Session | None:
        """The session that a day order lives in; None for an exit or a stop that waits for the next."""
        if intent.purpose is not Purpose.ENTRY and intent.product is not Product.MIS:
            return None
        # What is decided at the very close still belongs to the session that closes.
        return self.session_at(intent.as_of) or self.session_at(intent.as_of - 1)

    def _at_close(self, intent: OrderIntent, bars: Bars, end: int) -> OrderUpdate:
        """The session is over, or the data: what closes a position fills at the last price, anything else expires."""
        last = int(bars.closes.searchsorted(end, side="right")) - 1
        reduces = self.held.get(intent.symbol, Decimal(0)) * intent.action.sign < 0
        if reduces and last >= 0 and intent.purpose is not Purpose.STOP:
            return self._fill(intent, float(bars.close[last]), end)
        del self.resting[intent.intent_id]
        return OrderUpdate(intent.intent_id, OrderState.EXPIRED, reason="no further price in the session")

    def _fill(self, intent: OrderIntent, price: float, at: int) -> OrderUpdate:
        instrument = self.instrument(intent.symbol)
        limit = intent.order_type is OrderType.LIMIT
        exact = instrument.price(price)
        paid = exact if limit else instrument.price(self.model.slipped(exact, intent.action))
        filled_at = datetime.fromtimestamp(at, UTC)
        charges = self.model.charges.charges(
            intent.action, intent.quantity, paid, self._date(at, filled_at), maker=limit
        )
        fill = Fill(
            broker=self.name,
            trade_id=f"sim-{intent.intent_id}",
            intent_id=intent.intent_id,
            symbol=intent.symbol,
            action=intent.action,
            quantity=intent.quantity,
            price=paid,
            charges=charges.total,
            filled_at=filled_at,
        )
        del self.resting[intent.intent_id]
        signed = intent.action.sign * intent.quantity
        self.held[intent.symbol] = self.held.get(intent.symbol, Decimal(0)) + signed
        return OrderUpdate(intent.intent_id, OrderState.FILLED, (fill,))

    def _date(self, at: int, filled_at: datetime) -> date:
        session = self.session_at(at)
        return filled_at.date() if session is None else session.date


def _execution(intent: OrderIntent, bars: Bars, i: int) -> float | None:
    """The price at which bar `i` executes the order, before slippage; None if it does not."""
    opens, sign = float(bars.open[i]), intent.action.sign
    if intent.order_type is OrderType.MARKET:
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

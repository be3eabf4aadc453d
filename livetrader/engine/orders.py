"""The order path: written ahead, sent once, resolved by what the broker reports. Contract: ORDERS.md."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from livetrader.constraints.verdict import Approved
from livetrader.domain.order import Fill, OrderIntent
from livetrader.domain.order_state import OrderState
from livetrader.engine.book import OPEN, Book
from livetrader.ports import Broker, Clock, Journal, OrderRecord, OrderUpdate, Outcome, Tape


@dataclass(slots=True)
class OrderPath:
    """Takes approved intents to the broker, and what comes back to the journal and the book.

    The SENT row is committed before the call, so a crash at any point leaves either nothing sent or a record
    that is looked up and never sent again.
    """

    journal: Journal
    broker: Broker
    book: Book
    tape: Tape
    clock: Clock

    def submit(self, order: Approved) -> OrderState:
        """Send an approved intent, once. One that the journal has is left alone, unless it was never sent."""
        intent = order.intent
        if not self.journal.intend(intent, self._at()) and not self._unsent(intent):
            return OrderState.SENT
        self.book.open(intent)
        self.journal.advance(intent.intent_id, OrderState.SENT, self._at())
        outcome = self.broker.place(order)
        self._record(intent.intent_id, outcome)
        return outcome.state

    def collect(self, now: int) -> list[Fill]:
        """Book what the broker reports until `now`. Each fill counts once."""
        fills: list[Fill] = []
        for update in self.broker.updates(now):
            fills.extend(fill for fill in update.fills if self._book(fill))
            self._settle(update)
        return fills

    def _unsent(self, intent: OrderIntent) -> bool:
        """Whether the journal has `intent` from a process, or a connection, that ended before the call."""
        record = self._recorded(intent.intent_id)
        return record.state is OrderState.INTENT and record.intent.quantity == intent.quantity

    def _recorded(self, intent_id: str) -> OrderRecord:
        return next(record for record in self.journal.orders() if record.intent.intent_id == intent_id)

    def _record(self, intent_id: str, outcome: Outcome) -> None:
        self.journal.advance(
            intent_id,
            outcome.state,
            self._at(),
            broker_order_id=outcome.broker_order_id,
            reason=outcome.reason,
        )
        if outcome.state not in OPEN:
            self.book.settle(intent_id)

    def _book(self, fill: Fill) -> bool:
        if not self.journal.book(fill, self._at()):
            return False
        # A fill may overtake the cancel that has settled its order (fault B10).
        intent = self.book.orders.get(fill.intent_id) or self._recorded(fill.intent_id).intent
        self.book.book(fill, intent, bar_close(self.tape, fill))
        return True

    def _settle(self, update: OrderUpdate) -> None:
        if update.state in OPEN:
            return
        if update.state is not OrderState.FILLED:  # the fills have moved it there
            self.journal.advance(update.intent_id, update.state, self._at(), reason=update.reason)
        self.book.settle(update.intent_id)

    def _at(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now(), UTC)


def bar_close(tape: Tape, fill: Fill) -> int:
    """When the bar in which `fill` happened is known; the fill's own time where no bar holds it."""
    bars = tape.bars(fill.symbol)
    at = int(fill.filled_at.timestamp())
    i = int(bars.ts.searchsorted(at, side="right")) - 1
    return int(bars.closes[i]) if i >= 0 and bars.closes[i] > at else at

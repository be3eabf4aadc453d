"""The order path: written ahead, sent once, resolved by what the broker reports. Contract: ORDERS.md."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from livetrader.constraints.verdict import Approved
from livetrader.domain.order import Fill
from livetrader.domain.order_state import OrderState
from livetrader.engine.book import Book
from livetrader.ports import Broker, Clock, Journal, OrderUpdate, Outcome, Tape


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
        """Send an approved intent, once. An intent that the journal has already is left alone."""
        intent = order.intent
        if not self.journal.intend(intent, self._at()):
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

    def _record(self, intent_id: str, outcome: Outcome) -> None:
        self.journal.advance(
            intent_id,
            outcome.state,
            self._at(),
            broker_order_id=outcome.broker_order_id,
            reason=outcome.reason,
        )
        if outcome.state.terminal:
            self.book.settle(intent_id, filled=False)

    def _book(self, fill: Fill) -> bool:
        if not self.journal.book(fill, self._at()):
            return False
        intent = self.book.orders.get(fill.intent_id)
        assert intent is not None, "the broker fills only what we sent"
        self.book.book(fill, intent, bar_close(self.tape, fill))
        return True

    def _settle(self, update: OrderUpdate) -> None:
        filled = update.state is OrderState.FILLED
        if update.state.terminal and not filled:
            self.journal.advance(update.intent_id, update.state, self._at(), reason=update.reason)
        if update.state.terminal:
            self.book.settle(update.intent_id, filled=filled or bool(update.fills))

    def _at(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now(), UTC)


def bar_close(tape: Tape, fill: Fill) -> int:
    """When the bar in which `fill` happened is known; the fill's own time where no bar holds it."""
    bars = tape.bars(fill.symbol)
    at = int(fill.filled_at.timestamp())
    i = int(bars.ts.searchsorted(at, side="right")) - 1
    return int(bars.closes[i]) if i >= 0 and bars.closes[i] > at else at

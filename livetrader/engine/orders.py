"""The order path: written ahead, sent once, resolved by what the broker reports. Contract: ORDERS.md."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import inf
from typing import Protocol

import structlog

from livetrader.constraints.verdict import Approved
from livetrader.domain.order import Fill, OrderIntent, Purpose
from livetrader.domain.order_state import OPEN, IllegalTransition, OrderState
from livetrader.engine.book import Book
from livetrader.errors import BrokerError, DataError, ReconcileMismatch, StoreError
from livetrader.ports import Broker, Clock, Journal, OrderRecord, OrderUpdate, Outcome, Tape, wall_time

log = structlog.get_logger(__name__)

# How often an entry that was certainly not sent (connection refused) is tried again, while it is fresh.
ATTEMPTS = 3

# An order is looked for this many times as long as the adapter says that a book may lag, and never less than a minute
# (an answer may be an old one): then it is given up.
PATIENCE = 2.0
LEAST_PATIENCE_SECONDS = 60.0

# Books that show things late show nothing new within this time, unless something was asked of the broker.
LOOK_SECONDS = 1.0

# Where the journal has no answer of the broker's: what the broker shows of such an order is the first that is seen.
UNSEEN = frozenset({OrderState.INTENT, OrderState.UNKNOWN, OrderState.ABANDONED})

# The latch of books that contradict each other: no entry goes out until somebody has looked.
MISMATCH = "mismatch"

# The latch of one symbol, and how many entries in it are rejected for one reason before it is put on.
SYMBOL_LATCH = "symbol:"
REJECTIONS = 3


class Permit(Protocol):
    """The last word before an order leaves: latches and locks as they are now."""

    def refuses(self, intent: OrderIntent) -> str:
        """Why `intent` may not go out; empty if it may. AlreadyRunning if the account is another process's now."""


class Unlimited:
    """Nothing to ask: no order leaves this process."""

    def refuses(self, intent: OrderIntent) -> str:  # noqa: ARG002 - everything is allowed
        return ""


@dataclass(slots=True)
class OrderPath:
    """Takes approved intents to the broker, and what comes back to the journal and the book.

    The SENT row is committed before the call, so a crash at any point leaves either nothing sent or a record
    that is looked up and never sent again. `fresh_seconds` is how long an entry that could not be sent may wait.
    """

    journal: Journal
    broker: Broker
    book: Book
    tape: Tape
    clock: Clock
    permit: Permit = field(default_factory=Unlimited)
    fresh_seconds: float = 60.0
    objection: Callable[[OrderIntent], str] = lambda _: ""
    """Why an entry that could not be sent at once may not go out any more; empty if it may."""
    silent_since: float | None = field(default=None, init=False)
    sent: int = field(default=0, init=False)
    unsent: dict[str, OrderIntent] = field(default_factory=dict, init=False)
    """What is written down and was not sent: exits and stops that will be, entries that an earlier process decided."""
    decided: int = field(default=0, init=False)
    """The last pass that was made whole."""
    recovered: float = field(default=0.0, init=False)
    """When this process took up what the one before had left, on the monotonic clock."""
    traded: dict[str, float] = field(default_factory=dict, init=False)
    """When the last fill of each symbol was heard of, on the monotonic clock."""
    doubtful: set[str] = field(default_factory=set, init=False)
    """Working orders whose last modify had no answer, and those that were found: which terms they have is not known."""
    _missed: dict[str, float] = field(default_factory=dict, init=False)
    _looked: float = field(default=-inf, init=False)
    _news: deque[OrderUpdate] = field(default_factory=deque, init=False)
    _waiting: dict[str, tuple[Approved, int]] = field(default_factory=dict, init=False)

    @property
    def horizon(self) -> float:
        """Seconds after which the broker's books show everything."""
        return PATIENCE * self.broker.visibility_seconds

    @property
    def patience(self) -> float:
        """Seconds for which an order of unknown fate is looked for."""
        return max(self.horizon, LEAST_PATIENCE_SECONDS)

    def submit(self, order: Approved) -> OrderState:
        """Send an approved intent, once. One that the journal has is left alone, unless it was never sent."""
        intent = order.intent
        if not self.journal.intend(intent, self._at()):
            record = self._recorded(intent.intent_id)
            if record.state is not OrderState.INTENT:
                return record.state
            if intent.purpose is Purpose.STOP:
                self.journal.amend(intent, self._at())  # its level may have moved since it was written down
            elif record.intent.quantity != intent.quantity:
                return record.state
        return self._send(order, attempt=1)

    def _send(self, order: Approved, attempt: int) -> OrderState:
        intent = order.intent
        refusal = self.permit.refuses(intent)
        if refusal:
            return self.refuse(intent, refusal)
        self.journal.advance(intent.intent_id, OrderState.SENT, self._at())
        self.unsent.pop(intent.intent_id, None)
        self.book.open(intent)
        self.sent += 1
        self._looked = -inf
        outcome = self.broker.place(order)
        try:
            self._record(intent.intent_id, outcome)
        except StoreError:
            # It is out, and the journal has no answer: it is looked up as if the answer had been lost.
            self.book.advance(intent.intent_id, OrderState.UNKNOWN)
            raise
        self._waiting.pop(intent.intent_id, None)
        if outcome.state is OrderState.INTENT and intent.purpose is Purpose.ENTRY:
            self._waiting[intent.intent_id] = (order, attempt)
            self.book.open(intent)  # it may go out yet, so what it takes stays reserved
        elif outcome.state is OrderState.INTENT:
            self.unsent[intent.intent_id] = intent
        return outcome.state

    def refuse(self, intent: OrderIntent, why: str) -> OrderState:
        """Record that our own side keeps an intent back, for good."""
        self.journal.intend(intent, self._at())
        self.journal.advance(intent.intent_id, OrderState.REFUSED, self._at(), reason=why)
        self._waiting.pop(intent.intent_id, None)
        self.unsent.pop(intent.intent_id, None)
        self.book.settle(intent.intent_id, OrderState.REFUSED)
        return OrderState.REFUSED

    def write_down(self, exit: OrderIntent) -> None:
        """Record an exit that goes out when nothing else works in its symbol any more."""
        self.journal.intend(exit, self._at())
        self.unsent[exit.intent_id] = exit

    def amend(self, intent: OrderIntent) -> OrderState:
        """Give a working order new terms. They are absolute: a doubtful answer is settled by asking again.

        What may fill is written down before it may fill: more quantity before the call, less after the answer.
        """
        before = self.book.orders[intent.intent_id]
        grows = intent.quantity > before.quantity
        if grows:
            self.journal.amend(intent, self._at())
        self._looked = -inf
        outcome = self.broker.modify(intent)
        if outcome.state is OrderState.ACKED:
            if not grows:
                self.journal.amend(intent, self._at())
            self.book.amend(intent)
            self.doubtful.discard(intent.intent_id)
        elif outcome.state is OrderState.UNKNOWN:
            self.doubtful.add(intent.intent_id)
        elif grows and intent.intent_id not in self.doubtful:
            self.journal.amend(before, self._at())
        return outcome.state

    def cancel(self, intent_id: str, reason: str) -> OrderState:
        """Ask for the end of a working order. Unless it is CANCELLED at once, `collect` will tell."""
        self._looked = -inf
        waits = self._waiting.pop(intent_id, None) is not None  # it is nowhere but here
        outcome = Outcome(OrderState.CANCELLED) if waits else self.broker.cancel(intent_id)
        if outcome.state is OrderState.CANCELLED:
            self.journal.advance(intent_id, OrderState.CANCELLED, self._at(), reason=reason)
            self.book.settle(intent_id, OrderState.CANCELLED)
        return outcome.state

    def collect(self, now: int) -> list[Fill]:
        """Book what the broker reports until `now`. Each fill counts once; silence is not news."""
        self._look(now)
        fills: list[Fill] = []
        while self._news:
            update = self._news[0]
            for fill in update.fills:
                with self._contradictions(update):
                    if self._book(fill, update.broker_order_id):
                        fills.append(fill)
            with self._contradictions(update):
                self._settle(update)
            self._news.popleft()
        return fills

    def _look(self, now: int) -> None:
        """Ask for news, unless that was done a moment ago: a pass that catches up with many bars asks once."""
        looked = self.clock.monotonic()
        if looked - self._looked < min(LOOK_SECONDS, self.broker.visibility_seconds):
            return
        try:
            self._news.extend(self.broker.updates(now))
            self.silent_since, self._looked = None, looked
        except BrokerError as error:
            if self.silent_since is None:
                log.warning("the broker's books cannot be read", error=str(error))
                self.silent_since = self.clock.now()

    @contextmanager
    def _contradictions(self, update: OrderUpdate) -> Iterator[None]:
        """News that cannot be true of our order stops entries and is told; it must not stand in the way of exits."""
        try:
            yield
        except (IllegalTransition, ReconcileMismatch) as error:
            self.journal.latch(MISMATCH, str(error), self._at())
            if self.journal.alert(f"{MISMATCH}:{update.intent_id}", str(error), self._at()):
                log.warning("the broker contradicts our books", intent_id=update.intent_id, error=str(error))

    def resolve(self) -> bool:
        """Look up the orders whose fate is unknown, and send again what was certainly never sent and is fresh.

        False if the broker could not be asked for one of them.
        """
        answered = True
        for intent_id in sorted(self.book.unknown):
            record = self._recorded(intent_id)
            if record.state is OrderState.SENT:
                self._record(intent_id, Outcome(OrderState.UNKNOWN, reason="the answer could not be written down"))
            try:
                self._judge(record, self.broker.find(record))
            except BrokerError as error:
                answered = False
                log.warning("an unknown order cannot be looked up", intent_id=intent_id, error=str(error))
        for intent_id, (order, attempt) in list(self._waiting.items()):
            fresh = attempt < ATTEMPTS and self.clock.now() - order.intent.as_of <= self.fresh_seconds
            if fresh and self.book.unresolved(order.intent.symbol):
                continue  # another one of its symbol may be out there
            objection = self.objection(order.intent) if fresh else "could not be sent in time"
            if not objection:
                self._send(order, attempt + 1)
                continue
            del self._waiting[intent_id]
            self.journal.advance(intent_id, OrderState.EXPIRED, self._at(), reason=objection)
            self.book.settle(intent_id)
        return answered

    def lapse(self) -> None:
        """The session is over: what was never sent will not be."""
        for record in self.journal.unsent():
            self.journal.advance(record.intent.intent_id, OrderState.EXPIRED, self._at(), reason="never sent")
            self.book.settle(record.intent.intent_id)
        for held in self.book.positions.values():
            held.intended = None
        self._waiting.clear()
        self.unsent.clear()

    def _judge(self, record: OrderRecord, found: Outcome) -> None:
        """Adopt an order that the book shows; abandon one that it had time to show and does not."""
        if found.state is not OrderState.UNKNOWN:
            log.info("an unknown order was found", intent_id=record.intent.intent_id, state=found.state)
            self.doubtful.add(record.intent.intent_id)
            self._record(record.intent.intent_id, found)
            return
        if self._looked_for(record.intent.intent_id) > self.patience:
            log.warning("an unknown order is nowhere: abandoned", intent_id=record.intent.intent_id)
            abandoned = Outcome(OrderState.ABANDONED, reason="not in the broker's book: it never arrived")
            self._record(record.intent.intent_id, abandoned)

    def _looked_for(self, intent_id: str) -> float:
        """Seconds since this process first looked for it in vain. Wall clocks are set; a new process begins anew."""
        now = self.clock.monotonic()
        self._missed = {one: since for one, since in self._missed.items() if one in self.book.unknown}
        return now - self._missed.setdefault(intent_id, now)

    def lose(self, intent_id: str) -> None:
        """The broker's book has not shown a working order for long: whatever it was, it works no more."""
        if self._recorded(intent_id).state in (OrderState.ACKED, OrderState.PARTIALLY_FILLED):
            log.warning("a working order is gone from the broker's book: abandoned", intent_id=intent_id)
            self._record(intent_id, Outcome(OrderState.ABANDONED, reason="gone from the broker's order book"))

    def take_up(self) -> None:
        """What an earlier process wrote down and did not send."""
        self.unsent = {record.intent.intent_id: record.intent for record in self.journal.unsent()}
        self.decided, self.recovered = self.journal.marked() or 0, self.clock.monotonic()
        recent = (one for one in self.journal.fills() if (self._at() - one.filled_at).total_seconds() <= self.horizon)
        self.traded = {fill.symbol: self.recovered for fill in recent}

    def withdraw(self, intent_id: str, reason: str) -> None:
        """Give up an intent that was never sent."""
        self.unsent.pop(intent_id, None)
        self.journal.advance(intent_id, OrderState.EXPIRED, self._at(), reason=reason)

    def drop_unsent(self, deciding: int) -> None:
        """An exit or a stop that was never sent lapses with its position; an entry, with the pass that decided it.

        `deciding` is the pass that is being made (0: none): what it decided before a crash, it decides again.
        """
        held = {position.entry.intent_id for position in self.book.positions.values()}
        stale = self.clock.monotonic() - self.recovered > self.fresh_seconds
        for intent_id, intent in list(self.unsent.items()):
            if intent.purpose is not Purpose.ENTRY:
                if intent.entry_id not in held:
                    self.withdraw(intent_id, "its position is closed")
            elif intent.as_of != deciding and (intent.as_of <= self.decided or stale):
                self.withdraw(intent_id, "never sent, and not decided again")

    def _recorded(self, intent_id: str) -> OrderRecord:
        record = self.journal.order(intent_id)
        if record is None:
            raise ReconcileMismatch(f"order {intent_id} is not in the journal: run `livetrader reconcile`")
        return record

    def _record(self, intent_id: str, outcome: Outcome) -> None:
        self.journal.advance(
            intent_id,
            outcome.state,
            self._at(),
            broker_order_id=outcome.broker_order_id,
            reason=outcome.reason,
        )
        intent = self.book.orders.get(intent_id)
        self.book.advance(intent_id, outcome.state)
        if intent is not None and outcome.state is OrderState.REJECTED and intent.purpose is Purpose.ENTRY:
            self._count_rejection(intent.symbol, outcome.reason)

    def _count_rejection(self, symbol: str, reason: str) -> None:
        """A broker that says the same no again and again will go on saying it (fault B11)."""
        if self.book.reject(symbol, reason) >= REJECTIONS:
            self.journal.latch(SYMBOL_LATCH + symbol, f"rejected {REJECTIONS} times: {reason}", self._at())

    def _book(self, fill: Fill, broker_order_id: str | None) -> bool:
        record = self._recorded(fill.intent_id)
        if record.state in UNSEEN:
            # Its answer was lost, and here it is: first the order, then what it filled.
            self._revive(record, broker_order_id)
        closes = bar_close(self.tape, fill)  # before the commit: what raises after it would keep the fill from the book
        if not self.journal.book(fill, self._at()):
            return False
        self.traded[fill.symbol] = self.clock.monotonic()
        # A fill may overtake the cancel that has settled its order (fault B10).
        intent = self.book.orders.get(fill.intent_id) or record.intent
        self.book.book(fill, intent, closes)
        if self.book.unfilled.get(fill.intent_id) == 0 and self._recorded(fill.intent_id).state is OrderState.FILLED:
            # The order book may be older than the trades, and call it open.
            self.book.settle(fill.intent_id, OrderState.FILLED)
        return True

    def _revive(self, record: OrderRecord, broker_order_id: str | None) -> None:
        if record.state is OrderState.INTENT:
            # It was sent by a process whose journal is lost: this one was restored from an old copy (fault D5).
            self.journal.advance(record.intent.intent_id, OrderState.SENT, self._at())
            self._waiting.pop(record.intent.intent_id, None)
            self.unsent.pop(record.intent.intent_id, None)
        if record.intent.intent_id not in self.book.orders:
            self.book.open(record.intent)
        self.doubtful.add(record.intent.intent_id)
        self._record(record.intent.intent_id, Outcome(OrderState.ACKED, broker_order_id))

    def _settle(self, update: OrderUpdate) -> None:
        record = self._recorded(update.intent_id)
        if record.state is OrderState.INTENT or (record.state in UNSEEN and update.state in OPEN):
            self._revive(record, update.broker_order_id)
            record = self._recorded(update.intent_id)
        if update.state not in OPEN:
            # FILLED is where the fills have moved it, unless the venue has it for less: a modify of unknown fate.
            # A process may have died between the two.
            if update.state is OrderState.FILLED and record.filled_quantity and record.state is not OrderState.FILLED:
                if record.filled_quantity < record.intent.quantity:
                    self.journal.amend(replace(record.intent, quantity=record.filled_quantity), self._at())
                self.journal.advance(update.intent_id, OrderState.FILLED, self._at())
            elif update.state is not OrderState.FILLED and update.state is not record.state:
                # Some brokers call REJECTED what the exchange ended after a part of it had filled.
                rejected = update.state is OrderState.REJECTED and record.filled_quantity > 0
                state = OrderState.CANCELLED if rejected else update.state
                self._record(update.intent_id, Outcome(state, update.broker_order_id, update.reason))
            self.book.settle(update.intent_id, update.state)

    def _at(self) -> datetime:
        return wall_time(self.clock)


def bar_close(tape: Tape, fill: Fill) -> int:
    """When the bar in which `fill` happened is known; the fill's own time where no bar holds it."""
    at = int(fill.filled_at.timestamp())
    try:
        bars = tape.bars(fill.symbol)
    except (DataError, StoreError):  # candles that cannot be read must not keep a fill from being booked
        return at
    i = int(bars.ts.searchsorted(at, side="right")) - 1
    return int(bars.closes[i]) if i >= 0 and bars.closes[i] > at else at

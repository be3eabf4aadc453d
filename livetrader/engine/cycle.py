"""One pass, from closed candles to orders. The file to read first.

A pass is keyed on time: everything that is known at `now` and was not at the pass before. In order:

    1. fills     what was decided at earlier closes has filled at the opens of bars that have closed since
    2. exits     stops and targets are tested on those bars; the square-off sends its orders
    3. entries   the bars that close at `now` are decided: signal → size → review → order

Live, paper, replay and backtest make the same pass. They differ in who calls it and when: a scheduler, a virtual
clock that stops at every bar's close, or one that skips the closes at which nothing can happen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Protocol

import structlog

from livetrader.constraints.gate import Rule, approve_exit, review
from livetrader.constraints.verdict import Approved
from livetrader.domain.exit_plan import ExitReason
from livetrader.domain.order import OrderIntent, OrderType, Purpose, closing, intent_id
from livetrader.domain.order_state import OrderState
from livetrader.domain.session import Session
from livetrader.domain.signal import Signal
from livetrader.engine.book import OPEN, Book, HeldPosition
from livetrader.engine.exits import walk
from livetrader.engine.orders import OrderPath, bar_close
from livetrader.ports import Clock, Decision, Journal, Tape

log = structlog.get_logger(__name__)


class Signals(Protocol):
    """Where signals come from."""

    def due(self, now: int) -> Sequence[Signal]:
        """The signals of the bars that close at `now`, in order of precedence."""


@dataclass(slots=True)
class Engine:
    """The flow, over its ports. `step` is a pass; everything else serves it."""

    journal: Journal
    path: OrderPath
    book: Book
    tape: Tape
    signals: Signals
    rules: Sequence[Rule]
    clock: Clock
    account: str
    entries_halted: bool = field(default=False)

    def start(self, session: Session) -> None:
        """Begin a session."""
        self.book.start(session)

    def step(self, now: int) -> None:
        """Make the pass of `now` (epoch seconds, a bar's close)."""
        self.path.collect(now)
        self._exits(now)
        self.path.collect(now)
        for signal in self.signals.due(now):
            if signal.exit:
                self._leave(signal)
            else:
                self._enter(signal)
        if self.book.session is not None and now == self.book.session.closes:
            self._end_session(now)
        self.journal.mark(now, self._at())

    def _enter(self, signal: Signal) -> None:
        intent = self.book.sizer.entry(signal, self.book.base)
        exposure = self.book.exposure(int(self.clock.now()), signal)
        verdict = review(intent, exposure, self.rules)
        self.journal.decide(Decision(signal, verdict), self._at())
        log.debug("decided", symbol=signal.symbol, strategy=signal.strategy, verdict=type(verdict).__name__)
        if isinstance(verdict, Approved) and not self.entries_halted:
            self.path.submit(verdict)

    def _leave(self, signal: Signal) -> None:
        held = self.book.positions.get(signal.symbol)
        if held is not None and held.closing is None and held.entry.strategy == signal.strategy:
            self.close(held, signal.as_of, ExitReason.SIGNAL)

    def _exits(self, now: int) -> None:
        for held in list(self.book.positions.values()):
            if held.closing is None:
                self._test(held, now)
            if held.closing is None and self._squares_off(held, now):
                assert self.book.session is not None, "positions are tested inside a session"
                self.close(held, self.book.session.square_off, ExitReason.SQUARE_OFF)

    def _test(self, held: HeldPosition, now: int) -> None:
        """Walk the exit over the bars that closed since it was last tested; send the exit if one reached it."""
        bars = self.tape.bars(held.entry.symbol)
        start = int(bars.ts.searchsorted(held.walked))
        end = int(bars.closes.searchsorted(now, side="right"))
        walked = walk(held.exit, bars.open, bars.high, bars.low, start, end)
        held.exit = walked.state
        if walked.bar is not None and walked.reason is not None:
            held.walked = int(bars.ts[walked.bar])
            self.close(held, held.walked, walked.reason)
        elif end > start:
            held.walked = int(bars.closes[end - 1])

    def _squares_off(self, held: HeldPosition, now: int) -> bool:
        plan, session = held.entry.exit, self.book.session
        return plan is not None and plan.square_off and session is not None and now >= session.square_off

    def close(self, held: HeldPosition, as_of: int, reason: ExitReason) -> None:
        """Send the order that closes a position; exits are never refused.

        A stop or target is an order at its level that the venue holds since `as_of`, the open of the bar that
        reached it. Anything else goes out at market.
        """
        entry, instrument = held.entry, self.book.sizer.instrument(held.entry.symbol)
        action = closing(entry.side)
        order_type, limit, trigger = OrderType.MARKET, None, None
        level = held.exit.stop
        if reason in (ExitReason.STOP, ExitReason.TRAILING):
            order_type, trigger = OrderType.SL_M, instrument.price(held.exit.stop)
        elif reason is ExitReason.TARGET:
            level = held.exit.target
            order_type, limit = OrderType.LIMIT, instrument.price(level)
        intent = OrderIntent(
            intent_id=intent_id(
                self.account, entry.strategy, entry.symbol, as_of, action, f"{Purpose.EXIT}:{entry.intent_id}"
            ),
            account=self.account,
            strategy=entry.strategy,
            symbol=entry.symbol,
            side=entry.side,
            action=action,
            purpose=Purpose.EXIT,
            product=entry.product,
            order_type=order_type,
            quantity=abs(held.position.quantity),
            price=trigger or limit or held.position.average_price,
            as_of=as_of,
            limit_price=limit,
            trigger_price=trigger,
            reason=reason,
        )
        self.path.submit(approve_exit(intent))

    def _end_session(self, now: int) -> None:
        """The session is over: what was never sent lapses, and what the account is worth is recorded."""
        for record in self.journal.orders():
            if record.state is OrderState.INTENT:
                self.journal.advance(record.intent.intent_id, OrderState.EXPIRED, self._at(), reason="never sent")
        self.journal.equity(now, self.value(now), self.book.cash, self._at())

    def finish(self, now: int) -> None:
        """The data ends: close what is open at the last price."""
        for held in list(self.book.positions.values()):
            if held.closing is None:
                self.close(held, now, ExitReason.END_OF_DATA)
        self.path.collect(now)

    def value(self, now: int) -> Decimal:
        """The account's value at the last prices known at `now`."""
        prices = {}
        for symbol in self.book.positions:
            bars = self.tape.bars(symbol)
            last = int(bars.closes.searchsorted(now, side="right")) - 1
            prices[symbol] = self.book.sizer.instrument(symbol).price(float(bars.close[last]))
        return self.book.value(prices)

    def recover(self, session: Session | None) -> None:
        """Rebuild the book from the journal: start-up and crash recovery are the same code."""
        records = {record.intent.intent_id: record for record in self.journal.orders()}
        started = False
        for fill in self.journal.fills():
            if session is not None and not started and fill.filled_at.timestamp() >= session.opens:
                self.start(session)
                started = True
            self.book.book(fill, records[fill.intent_id].intent, bar_close(self.tape, fill))
        if session is not None and not started:
            self.start(session)
        for record in records.values():
            if record.state in OPEN:
                self._reopen(record.intent, record.state)
                self.book.unfilled[record.intent.intent_id] -= record.filled_quantity

    def _reopen(self, intent: OrderIntent, state: OrderState) -> None:
        log.info("recovered", symbol=intent.symbol, intent_id=intent.intent_id, state=state)
        self.book.open(intent)

    def _at(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now(), UTC)

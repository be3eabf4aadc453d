"""One pass, from closed candles to orders. The file to read first.

A pass is keyed on time: everything that is known at `now` and was not at the pass before. In order:

    1. stops     each position's protective stop stands at the level that the closed bars have moved it to
    2. fills     what was decided at earlier closes, and those stops, filled on bars that have closed since
    3. exits     targets are tested on those bars; the square-off sends its orders
    4. parents   what is due of entries that go out over time
    5. entries   the bars that close at `now` are decided: signal → size → review → order

Live, paper, replay and backtest make the same pass. They differ in who calls it and when: a scheduler, a virtual
clock that stops at every bar's close, or one that skips the closes at which nothing can happen. Between passes a live
trader calls `monitor`, which decides nothing: it hears the broker and finishes what was begun.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Protocol

import structlog
from structlog.typing import FilteringBoundLogger

from livetrader.constraints.gate import Rule, review
from livetrader.constraints.rules.money import MoneyRule
from livetrader.constraints.rules.sanity import OF_ONE_ORDER
from livetrader.constraints.rules.score import RiskScore
from livetrader.constraints.verdict import Approved
from livetrader.domain.account import ExternalStatus
from livetrader.domain.exit_plan import ExitReason
from livetrader.domain.order import OrderIntent, OrderType, Purpose, TimeInForce
from livetrader.domain.parent import Schedule
from livetrader.domain.session import Session
from livetrader.domain.signal import Signal
from livetrader.engine.alerts import SymbolAlerts
from livetrader.engine.book import Book, HeldPosition
from livetrader.engine.closing import EXIT_ALERT, Closing
from livetrader.engine.exits import walk
from livetrader.engine.floor import PORTFOLIO_LATCH, flatten
from livetrader.engine.history import History
from livetrader.engine.orders import SYMBOL_LATCH, OrderPath
from livetrader.engine.overnight import CARRIED_LATCH
from livetrader.engine.parents.execution import Execution, Volumes, bar_seconds, planned
from livetrader.engine.parents.schedule import last_of, slices
from livetrader.engine.parents.sending import Parents
from livetrader.engine.protection import STOP_ALERT, Protection
from livetrader.engine.quoted import Quoted
from livetrader.engine.worth import last_prices
from livetrader.ports import Bars, Clock, Decision, Journal, Tape, wall_time

log = structlog.get_logger(__name__)

LOSS_LATCH = "daily_loss:"


class Signals(Protocol):
    """Where signals come from."""

    def due(self, now: int) -> Sequence[Signal]:
        """The signals of the bars that close at `now`, in order of precedence."""


@dataclass(slots=True)
class Engine:
    """The flow, over its ports. `step` is a pass; everything else serves it.

    `max_daily_loss` is how much a session may lose, in money, before it takes no more entries; an account worth no more
    than `floor` closes everything, and takes no entries until somebody has looked. `history` has the daily returns that
    rules look at, `volumes` what VWAP goes by. With `keeps_books` the broker has books apart from ours, and its orders
    do not fill by the tape: positions held over night are questioned until a Reconciler has compared them, and exits
    that nobody takes are told of. With `quoted` positions are left on quotes, too, between two bars.
    """

    journal: Journal
    path: OrderPath
    book: Book
    tape: Tape
    signals: Signals
    rules: Sequence[Rule]
    clock: Clock
    account: str
    max_daily_loss: Decimal | None = None
    keeps_books: bool = False
    floor: Decimal | None = None
    history: History | None = None
    quoted: Quoted | None = None
    volumes: Volumes | None = None
    closing: Closing = field(init=False)
    protection: Protection = field(init=False)
    parents: Parents = field(init=False)
    # Bound once: binding costs as much as half a review, also where the level is not shown.
    _log: FilteringBoundLogger = field(init=False, default_factory=log.bind)

    def __post_init__(self) -> None:
        overdue, bare = (SymbolAlerts(one, self.alert, self.settle_alert) for one in (EXIT_ALERT, STOP_ALERT))
        self.closing = Closing(self.path, self.book, overdue)
        self.protection = Protection(self.path, self.book, self.closing, bare)
        self.parents = Parents(self.path, self.book, [one for one in self.rules if isinstance(one, OF_ONE_ORDER)])
        self.path.objection = self._halted
        if any(isinstance(rule, MoneyRule | RiskScore) for rule in self.rules):
            self.book.prices = partial(last_prices, self.book, self.tape)

    def start(self, session: Session) -> None:
        """Begin a session. What it began with is written down: a restart must not forget what the day has lost."""
        self.book.start(session)
        if self.history is not None:
            self.book.returns = self.history(session)
        for name, latch in self.journal.latches().items():
            if name.startswith((SYMBOL_LATCH, CARRIED_LATCH)) and latch.since.timestamp() < session.opens:
                self.journal.unlatch(name, self._at())
        if self.max_daily_loss is not None:
            self.book.day_value = self.journal.day_start(session.date, self.value(session.opens), self._at())

    def step(self, now: int) -> None:
        """Make the pass of `now` (epoch seconds, a bar's close)."""
        self.heed_latches()
        self.path.resolve()
        self._protect(self.book.positions.values(), now)
        self._hear(now, deciding=now)
        if self._protect([held for held in self.book.positions.values() if held.stop is None], now):
            self.path.collect(now)
        sent = self.path.sent
        self._exits(now)
        if self.path.sent != sent:
            self.path.collect(now)
        self._watch_floor(now)
        flatten(self.closing, now)
        self.parents.work(now)
        for signal in self.signals.due(now):
            if signal.exit:
                self._leave(signal)
            else:
                self._enter(signal)
        if self.book.session is not None and now == self.book.session.closes:
            self._end_session(now)
        self.journal.mark(now, self._at())
        self.path.decided = now

    def monitor(self) -> None:
        """Between passes: hear the broker, resolve what is unknown, finish exits and stops that were begun."""
        self.heed_latches()
        self.path.resolve()
        now = int(self.clock.now())
        self._hear(now)
        for held in self._certain():
            if held.leaving is not None:
                self.closing.pursue(held)
            elif held.entry.purpose is not Purpose.ENTRY:
                self.closing.close(held, now, ExitReason.RECONCILE)
            else:
                if self.quoted is not None:
                    self.quoted.test(held, now)
                self.protection.keep(held, held.exit.stop, held.walked)
        if self.keeps_books:
            if self.floor is not None:
                flatten(self.closing, now)
            self.closing.watch()
            self._drop_stale(now)

    def _hear(self, now: int, deciding: int = 0) -> None:
        """Book what the broker reports until `now`, and end what no position needs any more."""
        self.path.collect(now)
        self.protection.sweep()
        self.parents.review(now, deciding=bool(deciding))
        self.path.drop_unsent(deciding)

    def _drop_stale(self, now: int) -> None:
        """Cancel market entries that a whole bar of their symbol has not filled: at a circuit limit nobody sells (M7).

        An order that is immediate or cancelled ends so, too: not every venue knows such orders.

        On the simulated venue bars fill as much as they have room for, and what they leave over stays: it depends on
        no clock of ours. In a halt there is no bar, here as there.
        """
        for entry in list(self.book.orders.values()):
            brief = entry.order_type is OrderType.MARKET or entry.tif is TimeInForce.IOC
            if entry.purpose is not Purpose.ENTRY or not brief:
                continue
            bars = self.tape.bars(entry.symbol)
            if bars.ts.searchsorted(entry.effective) < bars.closes.searchsorted(now, side="right"):
                self.path.cancel(entry.intent_id, "a bar has closed and it has not filled: its plan is old")

    def _certain(self) -> list[HeldPosition]:
        """The positions that are not in question."""
        return [held for symbol, held in self.book.positions.items() if symbol not in self.book.questioned]

    def alert(self, key: str, text: str) -> None:
        """Tell the operator, once, and until it is settled."""
        if self.journal.alert(key, text, self._at()):
            log.warning("alert", key=key, text=text)

    def settle_alert(self, key: str) -> None:
        """What an alert was about is in order again."""
        if self.journal.settle_alert(key, self._at()):
            log.info("alert settled", key=key)

    def _enter(self, signal: Signal) -> None:
        self._watch_loss(signal.as_of)
        intent = self.book.sizer.entry(signal, self.book.base)
        exposure = self.book.exposure(int(self.clock.now()), signal)
        verdict = review(intent, exposure, self.rules)
        self.journal.decide(Decision(signal, verdict), self._at())
        self._log.debug("decided", symbol=signal.symbol, strategy=signal.strategy, verdict=type(verdict).__name__)
        if isinstance(verdict, Approved):
            execution = self.book.sizer.holdings[intent.strategy].execution
            self.send(verdict, signal.as_of, self.planned(intent, execution))

    def planned(self, entry: OrderIntent, execution: Execution) -> Schedule | None:
        """The schedule of an entry, where it has one."""
        instrument, session = self.book.sizer.instrument(entry.symbol), self.book.session
        assert session is not None, "it was reviewed in one"
        width = bar_seconds(self.tape.bars(entry.symbol))
        return planned(entry, execution, instrument, session, self.volumes, width)

    def send(self, entry: Approved, now: int, schedule: Schedule | None = None) -> None:
        """An approved entry goes out at `now`: over time with a `schedule`, in pieces where one order is too large."""
        intent, session = entry.intent, self.book.session
        assert session is not None, "it was reviewed in one"
        instrument = self.book.sizer.instrument(intent.symbol)
        schedule = schedule or slices(intent, instrument, last_of(intent, session))
        if schedule is None:
            self.path.submit(entry)
        else:
            self.parents.begin(entry, schedule, now)

    def _leave(self, signal: Signal) -> None:
        for under in self.parents.of(signal.symbol):
            if under.entry.strategy == signal.strategy:
                self.parents.end(under, "a signal to leave")
        held = self.book.positions.get(signal.symbol)
        if held is not None and held.entry.strategy == signal.strategy and signal.symbol not in self.book.questioned:
            self.closing.close(held, signal.as_of, ExitReason.SIGNAL)

    def _protect(self, positions: Iterable[HeldPosition], now: int) -> bool:
        """Move the stops to where the closed bars have brought them. True if one was placed just now.

        The venue tests a bar at the level that was known at its open. Of several bars since the last pass only the
        last one matters, or the one that reaches the stop: until then levels were tighter than the venue's.
        """
        placed = False
        for held in list(positions):
            bars, start, end = self.closed_bars(held, now)
            if held.leaving is not None or (start == end and held.stop is not None):
                continue
            level, since = held.exit.stop, held.walked
            if end - start == 1:
                since = int(bars.ts[start])
            elif end > start:
                levels = walk(held.exit, bars.open, bars.high, bars.low, start, end).levels
                level, since = float(levels[-1]), int(bars.ts[start + len(levels) - 1])
            placed |= self.protection.keep(held, level, since)
        return placed

    def closed_bars(self, held: HeldPosition, now: int) -> tuple[Bars, int, int]:
        """The bars of a position that have closed since its exit was last tested: all bars, first, end."""
        bars = self.tape.bars(held.entry.symbol)
        return bars, int(bars.ts.searchsorted(held.walked)), int(bars.closes.searchsorted(now, side="right"))

    def _exits(self, now: int) -> None:
        session = self.book.session
        for held in self._certain():
            if held.leaving is not None:
                self.closing.press(held)
                self.closing.pursue(held)
            else:
                self._test(held, now)
            self._leave_rest(held, now)
            if held.leaving is None and session is not None and self._squares_off(held, now):
                self.closing.close(held, session.square_off, ExitReason.SQUARE_OFF)
            self.protection.keep(held, held.exit.stop, held.walked)

    def _leave_rest(self, held: HeldPosition, now: int) -> None:
        """What a target's bar has no room for leaves at market, at once: the simulated venue keeps no rest of it."""
        exit = self.book.orders.get(held.closing or "")
        if not self.keeps_books and exit is not None and exit.order_type is OrderType.LIMIT:
            self.path.collect(now)
            if held.closing is None and self.book.positions.get(held.entry.symbol) is held:
                held.retry_at = self.clock.monotonic()
                self.closing.pursue(held)

    def _test(self, held: HeldPosition, now: int) -> None:
        """Walk the exit over the bars that closed since it was last tested; leave if one reached it.

        The venue has filled a stop that was reached, and the position is not here any more. If it is, the venue's
        stop was not what it should be, and the position is closed at market.
        """
        if held.entry.purpose is not Purpose.ENTRY:
            self.closing.close(held, now, ExitReason.RECONCILE)
            return
        bars, start, end = self.closed_bars(held, now)
        reason = None
        if start < end:
            reason = held.advance(bars, end, walk(held.exit, bars.open, bars.high, bars.low, start, end))
        # A bar that `protect` has exempted from the exit's levels tells the time all the same.
        if reason is None and end and bars.closes[end - 1] >= held.due:
            reason = ExitReason.TIME
        if reason is not None:
            self.closing.close(held, held.walked, reason)

    def _squares_off(self, held: HeldPosition, now: int) -> bool:
        plan, session = held.entry.exit, self.book.session
        if plan is None or not plan.square_off or session is None or now < session.square_off:
            return False
        return not plan.overnight or held.opened < session.opens

    def _halted(self, entry: OrderIntent) -> str:
        """Why `entry` may not go out by now: what it was approved on may be over, the day have lost too much."""
        self.watch()
        self.heed_latches()
        return next(iter(self.book.halts.values()), "") or self.book.frozen.get(entry.symbol, "")

    @property
    def now(self) -> int:
        """The time between two passes, in epoch seconds; never before the last one, though the clock is set back."""
        return max(int(self.clock.now()), self.path.decided)

    def watch(self) -> None:
        """Lock entries out where the day has lost too much by now, or the account stands at its floor."""
        self._watch_loss(self.now)
        self._watch_floor(self.now)

    def _watch_loss(self, now: int) -> None:
        """Lock entries out for the rest of a session that has lost too much; a recovery does not open them again."""
        session, limit = self.book.session, self.max_daily_loss
        if limit is None or session is None:
            return
        lost = self.book.day_value - self.value(now)
        if lost >= limit:
            name, reason = loss_latch(session), f"lost {lost:.2f} of at most {limit:.2f} today"
            if self.journal.latch(name, reason, self._at()):
                self.alert(name, f"{reason}: no more entries this session")
                self.heed_latches()

    def _watch_floor(self, now: int) -> None:
        """Lock entries once the account is worth no more than its floor, until `resume`; the next look closes all."""
        if self.floor is None or PORTFOLIO_LATCH in self.book.halts or (value := self.value(now)) > self.floor:
            return
        reason = f"the account is worth {value:.2f}, its floor is {self.floor:.2f}"
        if self.journal.latch(PORTFOLIO_LATCH, reason, self._at()):
            self.alert(PORTFOLIO_LATCH, f"{reason}: closing everything, no more entries until `livetrader resume`")
        self.heed_latches()

    def heed_latches(self) -> None:
        """Take in what stops entries: latches are set by hand, by us, or by another process, and outlive restarts."""
        book, latches = self.book, self.journal.latches()
        today = None if book.session is None else loss_latch(book.session)
        halts, frozen = {}, {}
        for name, latch in latches.items():
            if name.startswith(SYMBOL_LATCH):
                frozen[name.removeprefix(SYMBOL_LATCH)] = latch.reason
            elif name == today or not name.startswith((LOSS_LATCH, CARRIED_LATCH)):
                halts[name] = latch.reason
        for one in book.foreigners:
            if one.status is ExternalStatus.FROZEN:
                frozen[one.symbol] = f"{one.kind} {one.quantity:+f} is not ours"
        frozen |= dict.fromkeys(book.differing, "its position differs from the broker's") | book.questioned
        if (halts, frozen) != (book.halts, book.frozen):
            book.halt(halts, frozen)

    def _end_session(self, now: int) -> None:
        """The session is over: what was never sent lapses, and what the account is worth is recorded."""
        self.path.lapse()
        self.journal.equity(now, self.value(now), self.book.cash, self._at())

    def finish(self, now: int) -> None:
        """The data ends: close what is open at the last price, and record what the account is worth after that."""
        held_over = list(self.book.positions.values())
        for held in held_over:
            self.closing.close(held, now, ExitReason.END_OF_DATA)
        self.path.collect(now)
        if held_over:
            self.journal.equity(now, self.value(now), self.book.cash, self._at())

    def value(self, now: int) -> Decimal:
        """The account's value at the last prices known at `now`."""
        return self.book.value(last_prices(self.book, self.tape, now))

    def _at(self) -> datetime:
        return wall_time(self.clock)


def loss_latch(session: Session) -> str:
    """The latch of a session that has lost too much; the next one is free of it."""
    return f"{LOSS_LATCH}{session.date}"

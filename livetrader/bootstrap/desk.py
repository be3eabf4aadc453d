"""An engine with what an operator does at it: of the session in progress, or where none is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from livetrader.bootstrap.account import Account
from livetrader.bootstrap.trader import assemble, cash_is_exact, last_close, simulated
from livetrader.bootstrap.workspace import NOT_LISTED, Instruments, Workspace
from livetrader.brokers.dry_run import ReadingDryRun
from livetrader.brokers.polled import PolledBroker
from livetrader.constraints.rules.sanity import LastClose
from livetrader.domain.session import Session
from livetrader.engine.book import Book
from livetrader.engine.by_hand.manual import Manual
from livetrader.engine.cycle import Engine
from livetrader.engine.market import LiveMarket, earlier_bars
from livetrader.engine.reconcile import Reconciler
from livetrader.engine.recovery import recover
from livetrader.engine.tape import NO_BARS, first, joined, traded
from livetrader.errors import ConfigError
from livetrader.ports import Bars, Clock, Tape


class StoredTape:
    """The stored bars of one session for any symbol, read when they are asked for, at most once a second.

    `market` has those of the symbols that it polls; `earlier` are the bars that held positions have been through.
    """

    def __init__(self, workspace: Workspace, session: Session, clock: Clock, market: LiveMarket | None = None) -> None:
        self._workspace, self._clock, self._market = workspace, clock, market
        self._polled = frozenset(() if market is None else market.symbols)
        self.session = session
        self.earlier: dict[str, Bars] = {}
        self._read: dict[str, tuple[float, Bars]] = {}

    def bars(self, symbol: str) -> Bars:
        if self._market is not None and symbol in self._polled:
            return self._market.bars(symbol)
        return self._stored(symbol)

    def _stored(self, symbol: str) -> Bars:
        now = self._clock.monotonic()
        at, bars = self._read.get(symbol, (-1.0, NO_BARS))
        if symbol not in self._read or now - at >= 1.0:
            bars = self._today(symbol)
            self._read[symbol] = now, bars
        return bars

    def _today(self, symbol: str) -> Bars:
        candles = self._workspace.candles
        finest = candles.finest((symbol,)).get(symbol)
        if finest is None:
            return NO_BARS
        bars = traded(candles.windows((symbol,), {finest: (self.session,)})[finest], 0)
        known = int(bars.closes.searchsorted(self._clock.now(), side="right"))
        before = self.earlier.get(symbol, NO_BARS)
        today = first(bars, known)
        return joined(before, today) if len(before.ts) else today


@dataclass(slots=True)
class Desk:
    """An engine, what holds its books against the broker's (None: no broker has any), and orders by hand."""

    engine: Engine
    reconciler: Reconciler | None
    manual: Manual


def seat(workspace: Workspace, account: Account, tape: Tape, strategies: tuple[str, ...]) -> Desk:
    """A desk over `tape`; its book is empty until the engine recovers."""
    broker = account.broker or simulated(workspace, account.journal, tape)
    listed = NOT_LISTED if account.master is None else account.master.instruments
    engine = assemble(workspace, account.journal, tape, account.clock, strategies, broker, account.permit, listed)
    close = last_close(tape)

    def price(symbol: str) -> Decimal | None:
        last = close(symbol, 0, int(account.clock.now()) + 1)
        return None if last is None else engine.book.sizer.instrument(symbol).price(last)

    def known_price(symbol: str) -> Decimal:
        held = engine.book.positions.get(symbol)
        return price(symbol) or (Decimal(0) if held is None else held.position.average_price)

    manual = Manual(engine, workspace.manual_rules(close, listed), price)
    if not isinstance(account.broker, PolledBroker | ReadingDryRun):
        return Desk(engine, None, manual)
    engine.keeps_books = True
    reconciler = Reconciler(
        account.journal, account.broker, engine.path, engine.book, account.clock, known_price, engine.alert,
        objection(workspace, listed, engine.book, close), cash_is_exact(workspace.settings),
    )  # fmt: skip
    return Desk(engine, reconciler, manual)


def objection(
    workspace: Workspace, listed: Instruments, book: Book, last_close: LastClose
) -> Callable[[str, int], str]:
    """Why a position held over night, or an order that lasts, may be of another share by now (M8); empty: no reason.

    The arguments are the symbol, and since when the position or the order is there, in epoch seconds.

    Bonus shares come days after the price has fallen for them: the ex-date and the day's band know before.
    """

    def found(symbol: str, since: int) -> str:
        session = book.session
        if listed and symbol not in listed:
            return "is not listed any more: has it another name?"
        if session is None:
            return ""
        opened = datetime.fromtimestamp(since, workspace.calendar.timezone).date()
        if opened < session.date in workspace.ex_dates.get(symbol, ()):
            return "has its ex-date today: a split or a bonus?"
        band = listed[symbol].band if listed else None
        last = last_close(symbol, 0, session.opens + 1)
        if band is not None and last is not None and not band[0] <= last <= band[1]:
            return f"closed at {last:g}, outside of today's band {band[0]:f} to {band[1]:f}: a split or a bonus?"
        return ""

    return found


def quiet_desk(workspace: Workspace, account: Account) -> Desk:
    """A desk without strategies, recovered from the journal: for commands, and for the time between sessions."""
    now = account.clock.now()
    session = workspace.calendar.at(now)
    tape = StoredTape(workspace, session or _last(workspace, now), account.clock)
    tape.earlier = earlier_bars(workspace.candles, workspace.calendar, account.journal, tape.session)
    if account.master is not None:
        account.master.read(tape.session.date)
    desk = seat(workspace, account, tape, ())
    desk.engine.history = workspace.history((), (tape.session,))
    recover(desk.engine, session)
    return desk


def _last(workspace: Workspace, now: float) -> Session:
    """The last session that has begun, else the next one."""
    calendar = workspace.calendar
    today: date = datetime.fromtimestamp(now, UTC).astimezone(calendar.timezone).date()
    found = [one for one in calendar.before(today + timedelta(days=1), 2) if one.opens <= now]
    following = calendar.after(today)
    if not found and following is None:
        raise ConfigError(f"the calendar {calendar.name} has no session: see `livetrader calendar show`")
    return found[-1] if found else following  # type: ignore[return-value]  # one of the two is there

"""`livetrader run`: the live loop on a real clock, session after session."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import structlog

from livetrader.bootstrap.account import Account, taken
from livetrader.bootstrap.commands import attend
from livetrader.bootstrap.comparing import Comparing
from livetrader.bootstrap.desk import Desk, StoredTape, quiet_desk, seat
from livetrader.bootstrap.feeding import feeding
from livetrader.bootstrap.lifecycle import Life
from livetrader.bootstrap.notifying import Outside, notifying, outside
from livetrader.bootstrap.quoting import quote, quoting
from livetrader.bootstrap.replay import market_of, opened
from livetrader.bootstrap.runs import recorded
from livetrader.bootstrap.silence import Silence
from livetrader.bootstrap.stopping import SETTLING_SECONDS, Stop
from livetrader.bootstrap.trader import require_broker
from livetrader.bootstrap.workspace import Workspace
from livetrader.brokers.dry_run import ReadingDryRun
from livetrader.brokers.polled import PolledBroker
from livetrader.config import Configuration
from livetrader.domain.order import Purpose
from livetrader.domain.session import Session
from livetrader.engine.by_hand.manual import NotDone
from livetrader.engine.live import LiveSession
from livetrader.errors import ReconcileMismatch, StoreError
from livetrader.market.calendar import load
from livetrader.marketdata.feed import Feed
from livetrader.marketdata.quote_feed import QuoteFeed
from livetrader.marketdata.recorded import Recorder
from livetrader.marketdata.store import CandleStore
from livetrader.notify.systemd import Systemd
from livetrader.ports import Clock, Notifier, wall_time
from livetrader.store.journal import SqlJournal
from livetrader.strategies.base import Strategy

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class SessionTrader:
    """Trades the sessions of the calendar as they come: what the scheduler drives.

    NSE has one session a day, and the loop ends with it, unless it is `endless` and waits for the next one; on a 24/7
    market the next one follows. Between sessions, and for commands without a loop, `desk` has an engine too, which
    decides nothing.
    """

    workspace: Workspace
    account: Account
    strategies: Sequence[Strategy]
    symbols: tuple[str, ...]
    notifier: Notifier
    life: Life
    endless: bool = False
    session: Session | None = field(default=None, init=False)
    live: LiveSession | None = field(default=None, init=False)
    comparing: Comparing | None = field(default=None, init=False)
    feed: Feed | None = field(default=None, init=False)
    quotes: QuoteFeed | None = field(default=None, init=False)
    silence: Silence = field(init=False)
    _desk: Desk | None = field(default=None, init=False)
    _stop: Stop | None = field(default=None, init=False)
    _recorder: Recorder | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.session = self._current()
        self.journal.settle_alert("store", self._at())
        self.silence = Silence(self.journal, self.clock, None)
        if isinstance(self.account.broker, PolledBroker | ReadingDryRun):
            settings = self.workspace.settings
            every, patience = settings.schedule.reconcile_seconds, settings.broker.patience_seconds
            self.comparing = Comparing(self.journal, self.clock, every, patience)
            self.comparing.begin()

    def listen(self, quotes: QuoteFeed | None) -> None:
        """Trade on these quotes, too, from the next session on, and on nothing while they are silent."""
        self.quotes = quotes
        self.silence = Silence(self.journal, self.clock, None if quotes is None else quotes.prices)
        self.silence.begin()

    @property
    def journal(self) -> SqlJournal:
        return self.account.journal

    @property
    def clock(self) -> Clock:
        return self.account.clock

    @property
    def desk(self) -> Desk:
        """The engine of the session, or of the time between sessions; made when it is first needed."""
        if self._desk is None:
            self._desk = quiet_desk(self.workspace, self.account)
        return self._desk

    def scan(self) -> None:
        """Open the session when it is time, and decide what is due."""
        session = self.session
        if session is None or self.clock.now() < session.opens:
            self.notifier.scanned()
            return
        with self._told():
            self.account.permit.keep()
            if self.live is None:
                if not self._listed(session) or not self._fed():
                    return
                self._open(session)
            assert self.live is not None, "it was opened just now"
            if self.desk.engine.path.silent_since is not None:
                return  # `monitor` waits for the broker: bars that close meanwhile are decided when it is back
            self.live.scan()
        self.notifier.scanned()
        if self.live.over:
            log.info("session over", session=session.date.isoformat())
            self.life.reason = "session over"
            self.live = self._desk = None
            self.close()
            self.session = self._following(session)

    def _open(self, session: Session) -> None:
        names = tuple(one.name for one in self.strategies)
        self._recorder = self.workspace.recorder(session, self.account.mode, self.clock)
        source = self._recorder or self.workspace.candles
        market = market_of(self.workspace, self.journal, session, self.strategies, self.symbols, source)
        tape = StoredTape(self.workspace, session, self.clock, market)
        tape.earlier = dict(market.earlier)
        self._desk = seat(self.workspace, self.account, tape, names)
        if self.quotes is not None:
            quote(self._desk, self.workspace, self.quotes)
        engine = self._desk.engine
        waits = self.workspace.waits(self.symbols)
        self.live = opened(self.workspace, engine, market, self.clock, self.strategies, waits)
        log.info("session open", session=session.date.isoformat(), symbols=len(self.symbols))
        if self.comparing is not None and self._desk.reconciler is not None:
            self.comparing.watch(self._desk.reconciler)

    def _fed(self) -> bool:
        """Whether the bars before now are there: a session is decided on what it begins with."""
        if self.feed is None or self.feed.ready:
            return True
        log.debug("waiting for the feed", feed=self.feed.health.text)
        return False

    def _listed(self, session: Session) -> bool:
        """Whether the day's instrument master is there; a session does not open on yesterday's ticks and lots."""
        master = self.account.master
        if master is None:
            return True
        if not master.read(session.date):
            return False
        missing = sorted(set(self.symbols) - master.instruments.keys())
        if missing:
            log.warning("the broker does not list these symbols: they take no entries", symbols=missing)
        return True

    def monitor(self) -> None:
        """Between passes: hear the broker, compare the books, do what the operator asks, say where positions stand."""
        with self._told():
            self.account.permit.keep()
            self.silence.watch()
            if self.live is not None or self.account.broker is not None:
                self.desk.engine.monitor()
                if self.comparing is not None and self.desk.reconciler is not None:
                    self.comparing.watch(self.desk.reconciler)
            self.attend()
        if self.live is not None:
            self._say_positions(self.live)
        if self._stop is not None and self._stop.done(self.desk, self.live is not None, self.clock.monotonic()):
            self.session = None
        if self.feed is not None and self._desk is not None:
            book = self._desk.engine.book
            self.feed.prefer((*book.positions, *(one.symbol for one in book.orders.values())))
            if self.quotes is not None:
                self.quotes.hold(book.positions)

    def attend(self) -> None:
        """Carry out the commands that were posted."""
        attend(self.journal, self.clock, lambda: self.desk, self.comparing, self.stop)

    def stop(self, flatten: bool) -> str:
        """Take no more entries, cancel those under way, close positions if asked to, then be over. NotDone where there
        is no trading session to stop."""
        if not self.life.adopt():
            raise NotDone("no trading session is open: see `livetrader session list`")
        if self._stop is None:
            self._stop = Stop(self.desk, flatten, self.clock.monotonic() + SETTLING_SECONDS)
        self._stop.flatten |= flatten
        self.account.permit.stopping = "the trading session is stopping"
        self.life.stopping("by hand")
        return self._stop.begin()

    def close(self) -> None:
        """End the tape of the session."""
        if self._recorder is not None:
            self._recorder.close()
            self._recorder = None

    def agree(self) -> None:
        """Compare books until they agree; ReconcileMismatch if they do not, BrokerError if they cannot be read."""
        if self.comparing is not None and self.desk.reconciler is not None:
            self.comparing.agree(self.desk.reconciler)

    def compare(self) -> None:
        """Compare books once, as far as there are any."""
        if self.comparing is not None and self.desk.reconciler is not None:
            self.comparing.compare(self.desk.reconciler)

    def once(self) -> None:
        """One scan, for cron, and what it sent is waited for, with its stops.

        Where the books do not agree before it, entries are halted, exits go out, and ReconcileMismatch ends it.
        """
        if self.session is not None and self.clock.now() >= self.session.opens:
            if self.feed is not None:
                self.feed.wait()
            apart: ReconcileMismatch | None = None
            if self.comparing is not None:
                try:
                    self.agree()
                except ReconcileMismatch as error:
                    apart = error
                self._desk = None
            self.scan()
            self.attend()
            self.settle()
            if apart is not None:
                raise apart

    def settle(self) -> None:
        """Hear the broker until entries and exits have ended, for some seconds."""
        until = self.clock.monotonic() + SETTLING_SECONDS
        while isinstance(self.account.broker, PolledBroker):
            engine = self.desk.engine
            engine.monitor()
            waits = [one for one in engine.book.orders.values() if one.purpose is not Purpose.STOP]
            if not waits and not any(one.leaving for one in engine.book.positions.values()):
                return
            if self.clock.monotonic() >= until:
                return
            self.clock.sleep(0.5)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """A database that fails ends the process: no record, no order. Stops rest at the broker."""
        try:
            yield
        except StoreError as error:
            log.error("no order without a record: stopping; protective stops stay at the broker", error=str(error))
            with suppress(StoreError):
                self.journal.alert("store", f"stopped, because the state cannot be written: {error}", self._at())
            raise

    def _say_positions(self, live: LiveSession) -> None:
        for held in live.engine.book.positions.values():
            bars = live.engine.tape.bars(held.entry.symbol)
            last = float(bars.close[-1]) if len(bars.close) else float("nan")
            quantity = str(held.position.quantity)
            log.debug("position", symbol=held.entry.symbol, quantity=quantity, last=last, stop=held.exit.stop)

    def status(self) -> None:
        """One line: what is open, how much was traded, how old the data is."""
        if self.live is None:
            opens = None if self.session is None else self.session.open_at.isoformat()
            log.info("waiting", session_opens=opens)
            return
        engine = self.live.engine
        log.info(
            "status",
            positions=len(engine.book.positions),
            trades=len(engine.book.entered),
            value=f"{engine.value(self.live.decided):.2f}",
            decided=datetime.fromtimestamp(self.live.decided, UTC).isoformat(),
            passes=self.live.passes,
            fenced=sorted(self.live.signals.fenced) or None,
            latches=sorted(self.journal.latches()) or None,
            feed=None if self.feed is None else self.feed.health.text,
            quotes=None if self.quotes is None else self.quotes.text,
        )

    def ended(self, how: str) -> str:
        """Why it has stopped: what it had come to itself, else how its loop was ended."""
        if not self.over:
            self.life.reason = how
        return self.life.reason

    @property
    def over(self) -> bool:
        return self.session is None

    def _current(self) -> Session | None:
        """The session in progress, else today's if it is still to open, or was begun and not brought to its end."""
        now, marked = int(self.clock.now()), self.journal.marked() or 0
        calendar = self.workspace.calendar
        session = calendar.at(now)
        if session is None:
            today = calendar.session_on(datetime.fromtimestamp(now, calendar.timezone).date())
            if today is not None and (now < today.opens or today.opens <= marked):
                session = today
        found = None if session is None or session.closes <= marked else session
        return self.next_session() if found is None and self.endless else found

    def _following(self, session: Session) -> Session | None:
        """The session that begins where this one ends, on a market that never closes; the next one, if endless."""
        following = self.workspace.calendar.after(session.date)
        if following is None or (following.opens > session.closes and not self.endless):
            return None
        return following

    def next_session(self) -> Session | None:
        """The next session after today, for the message that there is none now."""
        today = datetime.fromtimestamp(self.clock.now(), self.workspace.calendar.timezone).date()
        return self.workspace.calendar.after(today)

    def _at(self) -> datetime:
        return wall_time(self.clock)


@contextmanager
def trading(
    configuration: Configuration,
    clock: Clock,
    *,
    strategies: Sequence[str] | None = None,
    max_symbols: int | None = None,
    once: bool = False,
    endless: bool = False,
    candles: CandleStore | None = None,
    service: Systemd | None = None,
) -> Iterator[SessionTrader]:
    """A trader that holds the account of its mode. Raises before anything is opened if it may not run.

    The operator is told what it does; with `once`, not that it comes and goes. Of several in one process each has a
    store of `candles` that is open already, and stays so, and tells the process's `service` of its scans: the heartbeat
    is the process's, too.
    """
    with Workspace(configuration, read_only=True, shared=candles) as workspace:
        require_live(workspace, clock)
        chosen = workspace.strategies(strategies)
        symbols = workspace.known(workspace.symbols(limit=max_symbols))
        world = outside(configuration)
        if service is not None:
            world = replace(world, service=service, heartbeat=None)
        with _begun(workspace, clock, chosen, symbols, world, once=once, endless=endless) as trader:
            yield trader


@contextmanager
def attending(configuration: Configuration, clock: Clock) -> Iterator[SessionTrader]:
    """A trader without strategies and symbols, for commands where no other one runs.

    What it does, the next run tells: whoever closes a position by hand waits for nothing else.
    """
    with Workspace(configuration, read_only=True) as workspace:
        require_live(workspace, clock)
        with _begun(workspace, clock, (), (), Outside(), once=True) as trader:
            trader.session = None
            yield trader


def require_live(workspace: Workspace, clock: Clock) -> None:
    """CalendarError or ConfigError where live orders may not be sent at all; nothing in other modes."""
    if workspace.settings.mode == "live":
        at = wall_time(clock)
        other = workspace.settings.market.only_while_closed
        for calendar in (workspace.calendar, *(() if other is None else (load(other),))):
            calendar.require_live(at.astimezone(calendar.timezone).date())
        require_broker(workspace.settings, workspace.configuration.where("broker.kind", "broker", "mode"))


@contextmanager
def _begun(
    workspace: Workspace, clock: Clock, strategies: Sequence[Strategy], symbols: tuple[str, ...], world: Outside, *,
    once: bool, endless: bool = False,
) -> Iterator[SessionTrader]:  # fmt: skip
    settings = workspace.settings
    with ExitStack() as stack:
        account = stack.enter_context(taken(settings, clock, workspace.configuration.secret))
        life = Life(workspace.configuration, account.journal, clock)
        notifier = stack.enter_context(notifying(workspace.configuration, world, clock))
        stack.enter_context(recorded(account.journal, clock, settings.mode, settings.digest()))
        trader = SessionTrader(workspace, account, strategies, symbols, notifier, life, endless)
        stack.enter_context(life)
        if symbols and not (once or trader.over):
            life.begin()
        stack.callback(trader.close)
        if symbols and not trader.over:
            trader.feed = stack.enter_context(feeding(workspace, clock, symbols))
        listens = None if once else trader.feed
        trader.listen(stack.enter_context(quoting(workspace, clock, symbols, listens)))
        notifier.start(announced=not (once or trader.over))
        life.ready()
        yield trader

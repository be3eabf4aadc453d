"""`livetrader run`: the live loop on a real clock, session after session."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from livetrader.bootstrap.replay import live_session
from livetrader.bootstrap.runs import recorded
from livetrader.bootstrap.trader import ACCOUNT
from livetrader.bootstrap.workspace import Workspace
from livetrader.config import Configuration
from livetrader.domain.session import Session
from livetrader.engine.live import LiveSession
from livetrader.errors import ConfigError
from livetrader.ports import Clock
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal
from livetrader.store.location import lock_path
from livetrader.store.lock import hold
from livetrader.strategies.base import Strategy

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class SessionTrader:
    """Trades the sessions of the calendar as they come: what the scheduler drives.

    NSE has one session a day, and the loop ends with it; on a 24/7 market the next one follows.
    """

    workspace: Workspace
    journal: SqlJournal
    clock: Clock
    mode: str
    strategies: Sequence[Strategy]
    symbols: tuple[str, ...]
    session: Session | None = None
    live: LiveSession | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.session = self._current()

    def scan(self) -> None:
        """Open the session when it is time, and decide what is due."""
        session = self.session
        if session is None or self.clock.now() < session.opens:
            return
        if self.live is None:
            self.live, _ = live_session(
                self.workspace, self.journal, self.clock, session, self.strategies, self.symbols,
                self._waits(), self.mode,
            )  # fmt: skip
            log.info("session open", session=session.date.isoformat(), symbols=len(self.symbols))
        self.live.scan()
        if self.live.over:
            log.info("session over", session=session.date.isoformat())
            self.live = None
            self.session = self._following(session)

    def _waits(self) -> tuple[float, float]:
        """How long bars may be late: some of a close's, and all of them."""
        settings = self.workspace.settings
        patience = settings.constraints.bar_max_age_seconds or settings.schedule.bar_grace_seconds
        return settings.schedule.bar_grace_seconds, patience

    def monitor(self) -> None:
        """Say where each open position stands."""
        if self.live is None:
            return
        for held in self.live.engine.book.positions.values():
            bars = self.live.market.bars(held.entry.symbol)
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
        )

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
        return None if session is None or session.closes <= marked else session

    def _following(self, session: Session) -> Session | None:
        """The session that begins where this one ends, on a market that never closes."""
        following = self.workspace.calendar.after(session.date)
        return following if following is not None and following.opens == session.closes else None

    def next_session(self) -> Session | None:
        """The next session after today, for the message that there is none now."""
        today = datetime.fromtimestamp(self.clock.now(), self.workspace.calendar.timezone).date()
        return self.workspace.calendar.after(today)


@contextmanager
def trading(
    configuration: Configuration,
    clock: Clock,
    *,
    strategies: Sequence[str] | None = None,
    max_symbols: int | None = None,
) -> Iterator[SessionTrader]:
    """A trader that holds the lock and the journal of its mode. Raises before anything is opened if it may not run."""
    settings = configuration.settings
    mode = settings.mode
    at = datetime.fromtimestamp(clock.now(), UTC)
    with ExitStack() as stack:
        workspace = stack.enter_context(Workspace(configuration, read_only=True))
        if mode == "live":
            workspace.calendar.require_live(at.astimezone(workspace.calendar.timezone).date())
            raise ConfigError("mode: live: no broker is configured; use `--mode paper` or `--dry-run`")
        chosen = workspace.strategies(strategies)
        symbols = workspace.known(workspace.symbols(limit=max_symbols))
        stack.enter_context(hold(lock_path(settings.state.url, mode), at))
        engine = open_state(settings.state.url, mode, ACCOUNT)
        journal = SqlJournal(engine)
        stack.callback(journal.close)
        with recorded(journal, clock, mode, settings.digest()):
            yield SessionTrader(workspace, journal, clock, mode, chosen, symbols)

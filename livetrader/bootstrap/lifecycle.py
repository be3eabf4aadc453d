"""The life of a trading session, written down step by step as the process that trades goes through it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType

import structlog

from livetrader.bootstrap.sessions import totals, worth
from livetrader.bootstrap.state import exchange_zone
from livetrader.config import Configuration
from livetrader.domain.trading_session import TradingSession, TradingState
from livetrader.errors import LiveTraderError, StoreError
from livetrader.ports import Clock, wall_time
from livetrader.store.journal import SqlJournal

log = structlog.get_logger(__name__)


@dataclass
class Life:
    """The session that a process trades in, if it is in one. Use it in a `with`: how that ends is how the session does.

    `reason` is why it stops where nothing goes wrong.
    """

    configuration: Configuration
    journal: SqlJournal
    clock: Clock
    reason: str = field(default="stopped", init=False)
    _id: int | None = field(default=None, init=False)

    def begin(self) -> None:
        """Go on with the session that a killed process has left, else begin one, after what ended by an error."""
        last = self._last()
        if last is not None and last.state is TradingState.STOPPING:
            self._id = last.id
            self._stop("stopped; the process was killed meanwhile")
            last = None
        if last is not None and last.state.open:
            self.journal.rejoin_trading_session(last.id, self._at())
            self._id = last.id
            log.info("the trading session goes on", id=last.id, since=last.started_at.isoformat())
            return
        self.reset()
        settings = self.configuration.settings
        capital = worth(self.journal, settings.capital.amount, exchange_zone(self.configuration))
        made = self.journal.begin_trading_session(settings.portfolio, settings.mode, capital, self._at())
        self._id = made.id
        log.info("trading session begun", id=made.id)

    def adopt(self) -> bool:
        """Take up the session that a killed process has left, to stop it; False if none is open."""
        last = self._last()
        if self._id is None and last is not None and last.state.open:
            self._id = last.id
        return self._id is not None

    def ready(self) -> None:
        """All that trading takes is there."""
        if self._state() is TradingState.STARTING:
            self._advance(TradingState.RUNNING)

    def stopping(self, reason: str) -> None:
        """It takes no more entries, and ends when what is under way has ended."""
        self.reason = reason
        if self._state() in (TradingState.STARTING, TradingState.RUNNING):
            self._advance(TradingState.STOPPING, reason=reason)

    def reset(self) -> bool:
        """The operator has seen how the last session ended; False if it did not end by an error."""
        last = self._last()
        if last is None or last.state is not TradingState.ERROR:
            return False
        self.journal.advance_trading_session(last.id, TradingState.STOPPED, self._at())
        return True

    def __enter__(self) -> Life:
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        if self._id is None:
            return
        if isinstance(error, Exception):
            self._fail(error)
        else:
            self.stopping(self.reason if error is None else "interrupted")
            self._stop(self.reason)

    def _stop(self, reason: str) -> None:
        self._end(TradingState.STOPPED, reason, 0)

    def _fail(self, error: Exception) -> None:
        code = error.exit_code if isinstance(error, LiveTraderError) else 1
        try:
            self._end(TradingState.ERROR, str(error) or type(error).__name__, code)
        except StoreError as why:
            # It stays open, as after a kill, and the next start goes on with it.
            log.warning("the end of the trading session cannot be written", error=str(why))

    def _end(self, state: TradingState, reason: str, code: int) -> None:
        session = self._held()
        made = totals(session, self.journal, exchange_zone(self.configuration))
        self.journal.advance_trading_session(session.id, state, self._at(), reason=reason, exit_code=code, totals=made)
        self._id = None
        log.info("trading session over", id=session.id, state=state.value, net_pnl=str(made.net_pnl))

    def _advance(self, state: TradingState, reason: str = "") -> None:
        self.journal.advance_trading_session(self._held().id, state, self._at(), reason=reason)

    def _held(self) -> TradingSession:
        return next(one for one in self.journal.trading_sessions() if one.id == self._id)

    def _state(self) -> TradingState | None:
        return None if self._id is None else self._held().state

    def _last(self) -> TradingSession | None:
        return next(reversed(self.journal.trading_sessions()), None)

    def _at(self) -> datetime:
        return wall_time(self.clock)

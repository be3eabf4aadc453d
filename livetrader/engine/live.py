"""The live loop's side of a session: poll, and make a pass for every close that has not been decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from livetrader.domain.session import Session
from livetrader.domain.signal import Signal
from livetrader.engine.cycle import Engine
from livetrader.engine.garbage import uncollected
from livetrader.engine.live_signals import LiveSignals, Opening, warmed
from livetrader.engine.market import LiveMarket
from livetrader.engine.recovery import recover
from livetrader.engine.signals import SignalFinder
from livetrader.errors import DataError, StoreError
from livetrader.ports import Clock

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class LiveSession:
    """One session of the live loop, in live, paper, dry-run and replay alike.

    `scan` is what the scheduler calls. It is keyed on which bars have closed since the last scan, so a late or a
    skipped call loses nothing: each close is decided once, in order, and the freshness rule judges its age. At a
    real clock it waits for the bars of symbols that are still to come (`_waits`).
    """

    engine: Engine
    market: LiveMarket
    finder: SignalFinder
    clock: Clock
    session: Session
    grace_seconds: float = 0.0
    patience_seconds: float = 0.0
    decided: int = 0
    opening: Opening = field(init=False)
    signals: LiveSignals = field(init=False)
    scans: int = 0
    passes: int = 0

    def open(self) -> None:
        """Warm up, and take up where the journal says that the last process stopped."""
        marked = self.engine.journal.marked() or 0
        self.decided = max(marked, self.session.opens)
        self.market.poll(self.decided, 0)
        self.opening = warmed(self.finder, self.session)
        self.signals = self.opening.signals(self.decided)
        self.engine.signals = self
        recover(self.engine, self.session)

    def scan(self) -> bool:
        """Decide every close that is due. True if there was one."""
        self.scans += 1
        now = int(self.clock.now())
        pending = self.market.closes(self.decided, now)
        if not pending:
            return False
        try:
            if self.market.poll(now, self.decided):
                log.warning("late or corrected bars: indicators are recalculated, decisions stand")
                self.signals = self.opening.signals(self.decided)
        except (DataError, StoreError) as error:
            if not self.patience_seconds:
                raise  # a replay: nothing will come later
            # As if the feed were silent: what is held is still protected, and leaves when it is time.
            log.warning("the candles cannot be read", error=str(error))
        if self._waits(pending[-1], now):
            pending.pop()
        for close in pending:
            self.decide(close)
        return bool(pending)

    def decide(self, close: int) -> None:
        """Make the pass of one close."""
        with uncollected():
            self.engine.step(close)
        self.decided = close
        self.passes += 1

    def due(self, now: int) -> Sequence[Signal]:
        """The signals of the rows that close at `now`: the engine's source."""
        return self.signals.on_close(self.market.rows_closing(now))

    @property
    def over(self) -> bool:
        return self.decided >= self.session.closes

    def _waits(self, close: int, now: int) -> bool:
        """Whether to hold the pass of `close` back for bars that may still come.

        Some symbols are given `grace_seconds`. A feed that has brought none at all is late as a whole, and is given
        `patience_seconds`; only the square-off does not wait for it.
        """
        arrived, age = self.market.arrived(close), now - close
        if arrived == 0 and close != self.session.square_off:
            return age < max(self.grace_seconds, self.patience_seconds)
        return age < self.grace_seconds and arrived < len(self.market.tape.finest)

"""A session of fifty shares: its candles with real dirt, when a feed brings them, and the prices within each bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np

from livetrader.bootstrap.practice import Tape
from livetrader.domain.candles import CandleColumns, Interval
from livetrader.domain.session import Session
from livetrader.market.calendar import load as calendar
from livetrader.marketdata.simulated import INDEX, simulate
from livetrader.marketdata.store import CandleStore

DAY = date(2026, 11, 20)  # a Friday, with all of its month before it
WARMUP_SESSIONS, SEED = 60, 5
BAR = Interval.M5
SYMBOLS = tuple(f"STOCK{i:02}" for i in range(50))
LISTED = (*SYMBOLS, INDEX)

# Each bar comes a second after its close. Every hour those of these symbols are late, and of these come once more.
ARRIVES_SECONDS, LATE_SECONDS = 1, 40
LATE, CORRECTED = frozenset({"STOCK11", "STOCK12"}), frozenset({"STOCK21", "STOCK22"})
BARS_AN_HOUR = 12


def sessions() -> tuple[Session, ...]:
    """The session of the day, last, and those that its indicators need."""
    nse, first = calendar("nse"), DAY.replace(day=1)
    return nse.before(first, WARMUP_SESSIONS) + nse.sessions(first, DAY)


@dataclass
class Market:
    """`day` are the bars of the session; those before it go into the store that `fill` is given."""

    session: Session = field(init=False)
    day: CandleColumns = field(init=False)
    tape: Tape = field(init=False)
    _history: CandleColumns = field(init=False)
    _pending: list[tuple[int, CandleColumns]] = field(init=False)

    def __post_init__(self) -> None:
        days = sessions()
        self.session = days[-1]
        candles = simulate(LISTED, days, SEED)
        opens = self.session.opens
        self._history, self.day = candles.rows(candles.ts < opens), candles.rows(candles.ts >= opens)
        self._pending = sorted(self._arrivals(), key=lambda one: one[0])
        self.tape = Tape(candles, days)
        names = [self.day.symbols[code] for code in self.day.symbol]
        self._bars = set(zip(names, self.day.ts.tolist(), strict=True))

    def fill(self, store: CandleStore) -> None:
        store.upsert(BAR, self._history)

    def bring(self, store: CandleStore, now: float) -> None:
        """Store the bars that have arrived, as a feed does."""
        while self._pending and self._pending[0][0] <= now:
            store.upsert(BAR, self._pending.pop(0)[1])

    def closed(self, before: int) -> set[tuple[str, int]]:
        """The bars that have closed by then, by symbol and open."""
        return {key for key in self._bars if key[1] + BAR.seconds <= before}

    def _arrivals(self) -> Sequence[tuple[int, CandleColumns]]:
        found = []
        names = np.array(self.day.symbols)[self.day.symbol]
        late, corrected = np.isin(names, list(LATE)), np.isin(names, list(CORRECTED))
        for number, ts in enumerate(np.unique(self.day.ts).tolist()):
            rows, hourly = self.day.ts == ts, number % BARS_AN_HOUR == BARS_AN_HOUR - 1
            at = ts + BAR.seconds
            found.append((at + ARRIVES_SECONDS, self.day.rows(rows & ~(late & hourly))))
            if hourly:
                more = self.day.rows(rows & corrected)
                found.append((at + LATE_SECONDS, self.day.rows(rows & late)))
                found.append((at + LATE_SECONDS, replace(more, volume=more.volume + 1)))
        return found

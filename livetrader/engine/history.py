"""The daily returns that rules about volatility and correlation look at: of completed sessions, from stored candles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from livetrader.domain.candles import Floats, Interval
from livetrader.domain.session import Session
from livetrader.market.calendar import Calendar
from livetrader.ports import CandleSource

# A quarter's returns need one close more.
RETURNS = 60

TAIL_SECONDS = 1800

Returns = Mapping[str, tuple[float, ...]]
"""By symbol the returns of the last RETURNS sessions, oldest first, as fractions; NaN where a day's is not known."""

History = Callable[[Session], Returns]
"""The returns that are known when a session begins."""


@dataclass
class DailyHistory:
    """The daily returns of `symbols` before each of `sessions`; of other symbols they are read when they are asked for.

    A return is from a session's last close to the next session's: NaN where the symbol did not trade in one of them, or
    on an ex-date, whose step is no return. Only `sessions` and those before them are ever read, so a session's returns
    do not depend on which others are there.
    """

    source: CandleSource
    calendar: Calendar
    symbols: Sequence[str]
    sessions: Sequence[Session]
    ex_dates: Mapping[str, Sequence[date]] = field(default_factory=dict)
    _days: dict[date, int] = field(init=False)
    _returns: dict[str, Floats] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        earlier = self.calendar.before(self.sessions[0].date, RETURNS + 1)
        self._span = (*earlier, *self.sessions)
        self._days = {session.date: row for row, session in enumerate(self._span)}
        self._read(self.symbols)

    def __call__(self, session: Session) -> Returns:
        return _Before(self, self._days[session.date])

    def of(self, symbol: str, row: int) -> tuple[float, ...]:
        """The returns of `symbol` before the session in `row`."""
        if symbol not in self._returns:
            self._read((symbol,))
        # The step into the first row is not known; the one into the session itself is not known yet.
        return tuple(self._returns[symbol][max(row - RETURNS, 1) : row].tolist())

    def _closes(self, symbols: tuple[str, ...], session: Session) -> Floats:
        """The last close of each symbol in a session; NaN where it did not trade in it.

        As a rule it stands in the session's last bars: the whole session is read for those symbols only that have none
        there, which at 2,000 symbols is the difference between ten seconds and one.
        """
        last = np.full(len(symbols), np.nan)
        bars = self.source.poll(
            symbols, Interval.M5, max(session.closes - TAIL_SECONDS, session.opens) - 1, session.closes
        )
        last[bars.symbol] = bars.close  # in order of time: the last one counts
        rest = tuple(symbols[i] for i in np.flatnonzero(np.isnan(last)))
        if rest:
            last[np.isnan(last)] = self.source.windows(rest, {Interval.D1: (session,)})[Interval.D1].close[0]
        return last

    def _read(self, symbols: Sequence[str]) -> None:
        if not symbols:
            return
        close = np.vstack([self._closes(tuple(symbols), session) for session in self._span])
        steps = np.full(close.shape, np.nan)
        steps[1:] = close[1:] / close[:-1] - 1.0
        for column, symbol in enumerate(symbols):
            for day in self.ex_dates.get(symbol, ()):
                if day in self._days:
                    steps[self._days[day], column] = np.nan
            self._returns[symbol] = np.ascontiguousarray(steps[:, column])


@dataclass(frozen=True)
class _Before(Mapping[str, tuple[float, ...]]):
    """What is known before the session in `row`, put into numbers for the symbols that are asked for."""

    history: DailyHistory
    row: int
    _known: dict[str, tuple[float, ...]] = field(default_factory=dict)

    def __getitem__(self, symbol: str) -> tuple[float, ...]:
        found = self._known.get(symbol)
        if found is None:
            found = self._known[symbol] = self.history.of(symbol, self.row)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self.history.symbols)

    def __len__(self) -> int:
        return len(self.history.symbols)

"""Ticks → candles: the bars of one interval, by the exchange's own time of each trade.

A bar is given away only if nothing of it can be missing: its symbol was subscribed to from before it opened until
after it closed, without a break, and what the day had traded before it is known. Of all others the history says what
they were.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

from livetrader.domain.candles import CandleColumns
from livetrader.domain.interval import Interval
from livetrader.domain.session import Session
from livetrader.domain.tick import Tick

# A bar is given this long after its close: no trade takes longer to get here, and no two clocks differ by more.
GRACE_SECONDS = 2.0

# What was traded longer before the open is of another day, whose count of volume says nothing of today's.
PRE_OPEN_SECONDS = 3600.0


@dataclass(slots=True)
class _Bar:
    """The trades of a bar until now. `began` and `ended` are the times of its first and last, `volume` the day's."""

    open: float
    high: float
    low: float
    close: float
    began: float
    ended: float
    volume: float
    closes: int
    watched: bool
    """Whether its symbol was subscribed to from before it opened."""

    def take(self, tick: Tick) -> None:
        price = tick.price
        self.high, self.low = max(self.high, price), min(self.low, price)
        if tick.at < self.began:
            self.open, self.began = price, tick.at
        if tick.at >= self.ended:
            self.close, self.ended = price, tick.at
            if not math.isnan(tick.volume):
                self.volume = tick.volume


class SessionAt:
    """The session that an instant lies in, or None, as `session_at` has it: the last one is remembered."""

    def __init__(self, session_at: Callable[[float], Session | None]) -> None:
        self._session_at = session_at
        self._last: Session | None = None

    def __call__(self, instant: float) -> Session | None:
        last = self._last
        if last is None or not last.opens <= instant < last.closes:
            last = self._last = self._session_at(instant)
        return last


class TickBars:
    """Folds ticks of `symbols` into bars of `interval`, over the sessions that `session_at` gives for an instant.

    What it gives depends on what it was told and when (epoch seconds), and not on how often it is asked. Symbols of
    `volumeless` (indices) have bars without volume. One thread at a time may use it.
    """

    def __init__(
        self,
        interval: Interval,
        symbols: Collection[str],
        session_at: Callable[[float], Session | None],
        volumeless: Collection[str] = (),
        grace: float = GRACE_SECONDS,
    ) -> None:
        self.interval = interval
        self._symbols = frozenset(symbols)
        self._session_at = SessionAt(session_at)
        self._volumeless = frozenset(volumeless)
        self._grace = grace
        self._since: dict[str, float] = {}
        self._bars: dict[tuple[int, str], _Bar] = {}
        self._counted: dict[str, tuple[float, float]] = {}
        self._due = math.inf
        self._ready: list[tuple[str, int, _Bar]] = []
        self._given: dict[str, int] = {}

    def subscribed(self, symbols: Collection[str], at: float) -> None:
        """From now on all trades of `symbols` are told."""
        for symbol in self._symbols.intersection(symbols):
            self._since.setdefault(symbol, at)

    def lost(self, at: float) -> None:
        """The feed is gone: bars that were not over are incomplete, and what is traded meanwhile is not counted."""
        self._take(at)
        for kept in (self._since, self._bars, self._counted):
            kept.clear()
        self._due = math.inf

    def add(self, tick: Tick, at: float) -> None:
        """A tick that came at `at`. One that is too late for its bar counts for the volume before the next."""
        if at >= self._due:
            self._take(at)
        if tick.symbol not in self._symbols:
            return
        slot = self._slot(tick.at)
        if slot is None or slot[1] + self._grace <= at:
            if tick.at < self._due - self._grace:  # what is traded after a bar says nothing of what was before it
                self._count(tick.symbol, tick.at, tick.volume)
            return
        opens, closes = slot
        bar = self._bars.get((opens, tick.symbol))
        if bar is not None:
            bar.take(tick)
            return
        price, watched = tick.price, self._since.get(tick.symbol, math.inf) + self._grace <= opens
        self._bars[opens, tick.symbol] = _Bar(
            price, price, price, price, tick.at, tick.at, tick.volume, closes, watched
        )  # fmt: skip
        self._due = min(self._due, closes + self._grace)

    def closed(self, at: float) -> CandleColumns:
        """The bars that are whole, were over by `at`, and have not been given before, ordered by (ts, symbol)."""
        self._take(at)
        found, self._ready = self._ready, []
        symbols = sorted({symbol for symbol, _, _ in found})
        place = {symbol: i for i, symbol in enumerate(symbols)}
        found.sort(key=lambda one: (one[1], one[0]))
        bars = [bar for _, _, bar in found]
        fields = ([getattr(bar, name) for bar in bars] for name in ("open", "high", "low", "close", "volume"))
        return CandleColumns(
            tuple(symbols),
            np.array([ts for _, ts, _ in found], np.int64),
            np.array([place[symbol] for symbol, _, _ in found], np.int32),
            *(np.array(values, np.float64) for values in fields),
        )

    def _take(self, at: float) -> None:
        """Finish the bars that are over by `at`, oldest first: each says what was traded before the next."""
        over = sorted(key for key, bar in self._bars.items() if bar.closes + self._grace <= at)
        for opens, symbol in over:
            bar = self._bars.pop((opens, symbol))
            before = self._before(symbol, opens)
            self._count(symbol, bar.ended, bar.volume)
            bar.volume = 0.0 if symbol in self._volumeless else bar.volume - before
            # Not so of NaN, of a count that has fallen, and of a bar that was given before the clock was set back.
            if bar.watched and bar.volume >= 0 and opens > self._given.get(symbol, 0):
                self._given[symbol] = opens
                self._ready.append((symbol, opens, bar))
        self._due = min((bar.closes for bar in self._bars.values()), default=math.inf) + self._grace

    def _before(self, symbol: str, opens: int) -> float:
        """What the day had traded of a symbol before the bar that opened then; NaN if nobody knows."""
        session = self._session_at(opens)
        assert session is not None, "a bar has a session"
        at, volume = self._counted.get(symbol, (-math.inf, math.nan))
        if at >= session.opens - PRE_OPEN_SECONDS:
            return volume
        return 0.0 if self._since.get(symbol, math.inf) + self._grace <= session.opens else math.nan

    def _count(self, symbol: str, at: float, volume: float) -> None:
        if not math.isnan(volume) and at >= self._counted.get(symbol, (-math.inf, 0.0))[0]:
            self._counted[symbol] = at, volume

    def _slot(self, at: float) -> tuple[int, int] | None:
        """Open and close of the bar that an instant lies in; None where nothing is traded."""
        session = self._session_at(at)
        if session is None or not any(opens <= at < closes for opens, closes in session.parts):
            return None
        opens = session.opens + int(at - session.opens) // self.interval.seconds * self.interval.seconds
        return opens, min(opens + self.interval.seconds, session.closes)

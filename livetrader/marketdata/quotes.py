"""The last price of each symbol as a feed tells it, and whether the feed is alive.

A feed may be dead in three ways: its connection is gone, it is there and nothing comes, or what comes never changes.
A tick that repeats the one before it is not heard, so the last two look the same here: the price grows old.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from threading import Lock

from livetrader.domain.candles import CandleColumns
from livetrader.domain.interval import Interval
from livetrader.domain.session import Session
from livetrader.domain.tick import LastPrice, Tick
from livetrader.marketdata.ticks import GRACE_SECONDS, SessionAt, TickBars
from livetrader.ports import Clock, Quotes

# A price that is further from the last one has to be told twice before it is one (fault B15).
JUMP_PCT = 20.0


class LastPrices:
    """Implements ports.Quotes and ports.TickListener: safe to be told by one thread and asked by others.

    A feed of which nothing new has come for `silent_seconds` while a session trades is silent. Every tick that is
    believed goes into `bars`, which `closed` gives. `session_at` is the calendar's.
    """

    def __init__(
        self,
        clock: Clock,
        session_at: Callable[[float], Session | None],
        silent_seconds: float,
        bars: Sequence[TickBars] = (),
        jump_pct: float = JUMP_PCT,
    ) -> None:
        self._clock = clock
        self._session_at = SessionAt(session_at)
        self._silent_seconds = silent_seconds
        self._bars = tuple(bars)
        self._jump = jump_pct / 100
        self._lock = Lock()
        self._last: dict[str, Tick] = {}
        self._before: dict[str, float] = {}
        self._heard: dict[str, float] = {}
        self._doubted: dict[str, float] = {}
        self._symbols: set[str] = set()
        self._why = "it has not been made yet"
        self._news = self._anything = self._connected = -math.inf
        self._offset = self._wall_offset()
        self.dropped: Counter[str] = Counter()
        """How many ticks were not heard, by reason."""

    # What the feed tells.

    def subscribed(self, symbols: Collection[str]) -> None:
        with self._lock:
            if not self._symbols:
                self._connected = self._clock.monotonic()
            self._symbols |= set(symbols)
            self._why = ""
            for bars in self._bars:
                bars.subscribed(symbols, self._clock.now())

    def lost(self, why: str) -> None:
        with self._lock:
            self._why = why
            self._symbols.clear()
            self._break()

    def tick(self, tick: Tick) -> None:
        with self._lock:
            self._anything = self._clock.monotonic()
            self._heed_clock()
            if self._believed(tick):
                self._news = self._heard[tick.symbol]
                at = self._clock.now()
                for bars in self._bars:
                    bars.add(tick, at)

    def told(self, ticks: Iterable[Tick]) -> None:
        """Prices from elsewhere, while the feed is silent: they are no sign of its life, and make no bars."""
        with self._lock:
            for tick in ticks:
                self._believed(tick)

    def stale(self) -> bool:
        with self._lock:
            since = max(self._news, self._connected)
            return self._quiet_for(since) > self._silent_seconds

    # What is asked of it.

    def last(self, symbol: str) -> LastPrice | None:
        with self._lock:
            tick = self._last.get(symbol)
            if tick is None:
                return None
            age = self._clock.monotonic() - self._heard[symbol]
            return LastPrice(tick.price, self._before[symbol], age)

    def silence(self) -> str:
        with self._lock:
            quiet = self._quiet_for(self._news)
            if quiet <= self._silent_seconds:
                return ""
            if self._why:
                return f"no quotes for {quiet:.0f} s: the connection is down: {self._why}"
            if self._quiet_for(self._anything) <= self._silent_seconds:
                return f"quotes come, and none has changed for {quiet:.0f} s: the feed is frozen"
            return f"no quote of {len(self._symbols)} symbols for {quiet:.0f} s, though the connection is up"

    @property
    def watched(self) -> int:
        """How many symbols are subscribed to at the moment."""
        with self._lock:
            return len(self._symbols)

    def closed(self, at: float) -> dict[Interval, CandleColumns]:
        """The bars that are whole and were over by `at` (epoch seconds), each given once."""
        with self._lock:
            self._heed_clock()
            return {bars.interval: bars.closed(at) for bars in self._bars}

    def _believed(self, tick: Tick) -> bool:
        """Take in a tick that says something new and can be true."""
        symbol, last = tick.symbol, self._last.get(tick.symbol)
        if not 0 < tick.price < math.inf:
            self.dropped["no price"] += 1
            return False
        if last is not None and not _says_more(tick, last):
            self.dropped["repeated"] += 1
            return False
        if last is not None and self._leaps(tick.price, last.price):
            doubted = self._doubted.get(symbol)
            self._doubted[symbol] = tick.price
            if doubted is None or self._leaps(tick.price, doubted):
                self.dropped["leaps"] += 1
                return False
        self._doubted.pop(symbol, None)
        self._before[symbol] = math.nan if last is None else last.price
        self._last[symbol] = tick
        self._heard[symbol] = self._clock.monotonic()
        return True

    def _leaps(self, price: float, other: float) -> bool:
        return abs(price - other) > self._jump * other

    def _quiet_for(self, since: float) -> float:
        """For how long nothing has come since `since`, not counting what lies outside of a session."""
        now = self._clock.now()
        session = self._session_at(now)
        if session is None:
            return 0.0
        opened = next((opens for opens, closes in session.parts if opens <= now < closes), now)
        return min(self._clock.monotonic() - since, now - opened)

    def _heed_clock(self) -> None:
        """Times before and after a clock was set do not belong into one bar."""
        offset, before = self._wall_offset(), self._offset
        self._offset = offset  # it drifts, too
        if abs(offset - before) > GRACE_SECONDS:
            self._break()
            for bars in self._bars:
                bars.subscribed(self._symbols, self._clock.now())

    def _break(self) -> None:
        for bars in self._bars:
            bars.lost(self._clock.now())

    def _wall_offset(self) -> float:
        """The wall clock against the one that nobody sets: both as of one moment, however long this thread waits."""
        while True:
            before, now, after = self._clock.monotonic(), self._clock.now(), self._clock.monotonic()
            if after - before < GRACE_SECONDS:
                return now - after


class QuoteAges:
    """How old quotes are, as it was when it was first asked for in a second: a rule looks twice, while others write."""

    def __init__(self, quotes: Quotes) -> None:
        self._quotes = quotes
        self._now = 0
        self._ages: dict[str, float | None] = {}

    def __call__(self, symbol: str, now: int) -> float | None:
        """The age in seconds of a symbol's last quote at `now`, the present epoch second; None if there is none."""
        if now != self._now:
            self._now, self._ages = now, {}
        if symbol not in self._ages:
            last = self._quotes.last(symbol)
            self._ages[symbol] = None if last is None else last.age_seconds
        return self._ages[symbol]


def _says_more(tick: Tick, last: Tick) -> bool:
    """Whether a tick is of another trade than the one before it: by price, by volume, or by time where none is told."""
    if tick.price != last.price:
        return True
    if math.isnan(tick.volume) or math.isnan(last.volume):
        return tick.at > last.at
    return tick.volume != last.volume

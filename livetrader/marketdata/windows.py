"""Windows of stored candles: the one place where bad bars are dropped and longer bars are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

import numpy as np

from livetrader.domain.candles import FIELDS, CandleColumns, CandleWindow, Floats, Interval, Ints, grid
from livetrader.domain.session import Session
from livetrader.market.calendar import Calendar
from livetrader.marketdata.aggregate import aggregate
from livetrader.marketdata.flaws import FLAWS, SOUND, Codes, Flaw, price_flaws
from livetrader.marketdata.store import CandleStore

__all__ = ["Dirt", "Loaded", "StoredCandles", "aggregate", "day_bounds", "judge", "place"]


@dataclass(frozen=True, slots=True)
class Dirt:
    """How many bars were dropped, by symbol and flaw."""

    counts: Mapping[tuple[str, Flaw], int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def by_flaw(self) -> dict[Flaw, int]:
        return {flaw: sum(n for (_, f), n in self.counts.items() if f is flaw) for _, flaw in self.counts}


class Loaded(NamedTuple):
    """A window and what was dropped in building it."""

    window: CandleWindow
    dirt: Dirt


class StoredCandles:
    """The candles of a store on a calendar's grid: the CandleSource of every mode.

    5m bars come from the 5m table, or from 1m bars for a symbol that has no 5m bars stored. 15m, hourly and
    daily bars are made from those, or are the table's own for a symbol that has neither; 1m bars are only
    ever the table's. The choice is by what the store holds of a symbol at all, so it does not depend on the
    dates asked for; it is made when a window is built, and `poll` keeps to it, so that its bars continue the
    window.
    """

    def __init__(self, store: CandleStore, calendar: Calendar) -> None:
        self.store = store
        self.calendar = calendar
        self._stored: dict[Interval, frozenset[str]] = {}

    def window(self, symbols: Sequence[str], interval: Interval, sessions: Sequence[Session]) -> CandleWindow:
        """The sound bars of `symbols` over `sessions` (in order of date), on the calendar's full grid.

        A symbol without bars is a column of NaN. Raises StoreError.
        """
        return self.load(symbols, interval, sessions).window

    def load(self, symbols: Sequence[str], interval: Interval, sessions: Sequence[Session]) -> Loaded:
        """As `window`, with an account of the bars that were dropped."""
        self._look()
        return self._load(tuple(symbols), interval, tuple(sessions), None)

    def finest(self, symbols: Sequence[str]) -> dict[str, Interval]:
        """The finest stored interval of each symbol; a symbol with nothing stored is absent."""
        self._look()
        finest: dict[str, Interval] = {}
        for interval in Interval:
            for symbol in self._stored[interval].intersection(symbols).difference(finest):
                finest[symbol] = interval
        return {symbol: finest[symbol] for symbol in symbols if symbol in finest}

    def poll(self, symbols: Sequence[str], interval: Interval, after: int, now: int) -> CandleColumns:
        """The sound bars with ts > `after` that have closed by `now`, ordered by (ts, place in `symbols`).

        Their values are those that `window` gives. Only the rows from `after` on are read, so `after` should
        be recent. Raises StoreError; CalendarError where the calendar does not know the dates.
        """
        if not self._stored:
            self._look()
        timezone = self.calendar.timezone
        sessions = self.calendar.sessions(_date(after, timezone), _date(now, timezone))
        ts, closes, _, _ = grid(sessions, interval)
        closed = np.flatnonzero((ts > after) & (closes <= now))
        if not len(closed):
            return _flat(_empty(tuple(symbols), interval))
        cut = int(ts[closed[0]]), int(closes[closed[-1]])
        return _flat(self._load(tuple(symbols), interval, sessions, cut).window)

    def _look(self) -> None:
        held = self.store.intervals()
        self._stored = {i: self.store.symbols(i) if i in held else frozenset() for i in Interval}

    def _load(
        self,
        symbols: tuple[str, ...],
        interval: Interval,
        sessions: tuple[Session, ...],
        cut: tuple[int, int] | None,
    ) -> Loaded:
        """Bars of the slots with cut[0] <= ts < cut[1] (all, if None)."""
        finer = tuple(symbol for symbol in symbols if self._is_made(symbol, interval))
        if not finer:
            return self._read(symbols, interval, sessions, cut)
        made = self._load(finer, Interval.M1 if interval is Interval.M5 else Interval.M5, sessions, cut)
        window = aggregate(made.window, interval)
        if len(finer) == len(symbols):
            return Loaded(window, made.dirt)
        own = tuple(symbol for symbol in symbols if symbol not in set(finer))
        read = self._read(own, interval, sessions, cut)
        return Loaded(_beside(symbols, window, read.window), Dirt({**made.dirt.counts, **read.dirt.counts}))

    def _is_made(self, symbol: str, interval: Interval) -> bool:
        if interval is Interval.M1:
            return False
        has_1m, has_5m = symbol in self._stored[Interval.M1], symbol in self._stored[Interval.M5]
        return has_1m and not has_5m if interval is Interval.M5 else has_1m or has_5m

    def _read(
        self,
        symbols: tuple[str, ...],
        interval: Interval,
        sessions: tuple[Session, ...],
        cut: tuple[int, int] | None,
    ) -> Loaded:
        if not sessions:
            return Loaded(_empty(symbols, interval), Dirt())
        # Whole days, so that bars outside the session are seen and counted.
        bounds = day_bounds(sessions[0].date, sessions[-1].date, self.calendar.timezone)
        start, end = bounds if cut is None or interval is Interval.D1 else cut
        bars = self.store.read(interval, start, end, symbols)
        return place(bars, interval, sessions, self.calendar.timezone, cut)


def place(
    bars: CandleColumns,
    interval: Interval,
    sessions: Sequence[Session],
    timezone: tzinfo,
    cut: tuple[int, int] | None = None,
) -> Loaded:
    """Put bars on the grid of `sessions`, dropping the unsound ones; a volume that is no number >= 0 is 0.

    `cut` keeps only the grid's slots with cut[0] <= ts < cut[1].
    """
    slots = grid(sessions, interval)
    rows, codes = judge(bars, interval, sessions, timezone)
    if cut is not None:
        low, high = (int(row) for row in np.searchsorted(slots[0], cut))
        slots = (slots[0][low:high], slots[1][low:high], slots[2][low:high], slots[3][low:high])
        outside = (codes == SOUND) & ((rows < low) | (rows >= high))
        codes[outside] = FLAWS.index(Flaw.OFF_SESSION)
        rows = rows - low
    sound = np.flatnonzero(codes == SOUND)
    volume = np.where(np.isfinite(bars.volume) & (bars.volume >= 0), bars.volume, 0.0)
    fields = [bars.open, bars.high, bars.low, bars.close, volume]
    shape = len(slots[0]), len(bars.symbols)
    cells = rows[sound] * shape[1] + bars.symbol[sound]
    wide = [_scatter(shape, cells, values[sound]) for values in fields]
    window = CandleWindow(interval, bars.symbols, tuple(sessions), *slots, *wide)
    return Loaded(window, _account(bars, codes))


def judge(bars: CandleColumns, interval: Interval, sessions: Sequence[Session], timezone: tzinfo) -> tuple[Ints, Codes]:
    """The grid row of each bar, and its flaw as an index into FLAWS (SOUND if it has none).

    The row is meaningless for a bar outside the session or off the grid. A daily bar belongs to the session
    of its exchange date, because vendors stamp days at midnight, at the open and in UTC.
    """
    if interval is Interval.D1:
        bounds = np.array([day_bounds(s.date, s.date, timezone) for s in sessions], np.int64).reshape(-1, 2)
        rows, inside = _within(bars.ts, bounds)
        missed = ~inside
    else:
        slots = grid(sessions, interval)[0]
        rows = np.searchsorted(slots, bars.ts)
        missed = np.append(slots, -1)[rows] != bars.ts
        parts = np.array([part for s in sessions for part in s.parts], np.int64).reshape(-1, 2)
        _, inside = _within(bars.ts, parts)
    codes = price_flaws(bars)
    codes[missed & inside & (codes == SOUND)] = FLAWS.index(Flaw.MISALIGNED)
    codes[missed & ~inside] = FLAWS.index(Flaw.OFF_SESSION)
    return rows, codes


def day_bounds(first: date, last: date, timezone: tzinfo) -> tuple[int, int]:
    """Epoch seconds of the midnights (in `timezone`) before `first` and after `last`."""
    start = datetime.combine(first, time(), timezone)
    end = datetime.combine(last + timedelta(days=1), time(), timezone)
    return int(start.timestamp()), int(end.timestamp())


def _within(ts: Ints, spans: Ints) -> tuple[Ints, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """The last of the sorted `[start, end)` spans begun at each instant, and whether it still lasts."""
    index = np.searchsorted(spans[:, 0], ts, side="right") - 1
    ends = np.append(spans[:, 1], np.iinfo(np.int64).min)
    return index, ts < ends[index]


def _scatter(shape: tuple[int, int], cells: Ints, values: Floats) -> Floats:
    wide = np.full(shape[0] * shape[1], np.nan)
    wide[cells] = values
    return wide.reshape(shape)


def _account(bars: CandleColumns, codes: Codes) -> Dirt:
    unsound = np.flatnonzero(codes != SOUND)
    keys, counts = np.unique(bars.symbol[unsound].astype(np.int64) * len(FLAWS) + codes[unsound], return_counts=True)
    pairs = zip(keys.tolist(), counts.tolist(), strict=True)
    return Dirt({(bars.symbols[k // len(FLAWS)], FLAWS[k % len(FLAWS)]): count for k, count in pairs})


def _beside(symbols: tuple[str, ...], left: CandleWindow, right: CandleWindow) -> CandleWindow:
    """The columns of two windows on the same grid, in the order of `symbols`."""
    place_of = {symbol: i for i, symbol in enumerate(left.symbols + right.symbols)}
    order = np.array([place_of[symbol] for symbol in symbols])
    fields = [np.hstack((getattr(left, name), getattr(right, name)))[:, order] for name in FIELDS]
    return CandleWindow(
        left.interval, symbols, left.sessions, left.ts, left.closes, left.session, left.minute,
        *(np.ascontiguousarray(values) for values in fields),
    )  # fmt: skip


def _flat(window: CandleWindow) -> CandleColumns:
    rows, codes = np.nonzero(~np.isnan(window.open))
    fields = (getattr(window, name)[rows, codes] for name in FIELDS)
    return CandleColumns(window.symbols, window.ts[rows], codes.astype(np.int32), *fields)


def _empty(symbols: tuple[str, ...], interval: Interval) -> CandleWindow:
    fields = [np.empty((0, len(symbols))) for _ in FIELDS]
    return CandleWindow(interval, symbols, (), *grid((), interval), *fields)


def _date(instant: int, timezone: tzinfo) -> date:
    return datetime.fromtimestamp(instant, UTC).astimezone(timezone).date()

"""Windows of stored candles: read once, put on the calendar's grid, longer bars made from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from functools import cached_property
from itertools import groupby
from typing import NamedTuple

import numpy as np

from livetrader.domain.candles import FIELDS, CandleColumns, CandleWindow, Interval, empty_columns, grid
from livetrader.domain.session import Session
from livetrader.market.calendar import Calendar
from livetrader.marketdata.aggregate import aggregate
from livetrader.marketdata.placing import Dirt, Loaded, day_bounds, place
from livetrader.marketdata.store import CandleStore

READ_BARS = 300_000  # bars read at once: about 60 MB while they are put in place; more or fewer is slower


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
        return self.windows(symbols, {interval: sessions})[interval]

    def windows(
        self, symbols: Sequence[str], sessions: Mapping[Interval, Sequence[Session]]
    ) -> dict[Interval, CandleWindow]:
        """A `window` of each interval, over sessions of its own: bars that several are made from are read once."""
        return {interval: loaded.window for interval, loaded in self.load(symbols, sessions).items()}

    def load(self, symbols: Sequence[str], sessions: Mapping[Interval, Sequence[Session]]) -> dict[Interval, Loaded]:
        """As `windows`, with an account of the bars that were dropped."""
        self._look()
        names, timezone = tuple(symbols), self.calendar.timezone
        loaded = {i: Loaded(_blank(names, i, tuple(days)), Dirt()) for i, days in sessions.items()}
        runs = _runs(sessions, self._most(names, sessions))
        for i, run in enumerate(runs):
            # Whole days, and those until the next run, so that bars outside the sessions are seen and counted.
            start, end = day_bounds(run.sessions[0].date, run.sessions[-1].date, timezone)
            if i + 1 < len(runs):
                following = runs[i + 1].sessions[0].date
                end, _ = day_bounds(following, following, timezone)
            reading = self._reading(names, run.sessions, (start, end), None)
            for interval in run.intervals:
                window, dirt = reading.bars(interval)
                _fill(loaded[interval].window, window)
                loaded[interval] = Loaded(loaded[interval].window, loaded[interval].dirt + dirt)
        return loaded

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
        timezone, names = self.calendar.timezone, tuple(symbols)
        sessions = self.calendar.sessions(_date(after, timezone), _date(now, timezone))
        ts, closes, _, _ = grid(sessions, interval)
        closed = np.flatnonzero((ts > after) & (closes <= now))
        if not len(closed):
            return empty_columns(names)
        cut = int(ts[closed[0]]), int(closes[closed[-1]])
        days = day_bounds(sessions[0].date, sessions[-1].date, timezone)
        return self._reading(names, sessions, days, cut).bars(interval).window.flat()

    def _look(self) -> None:
        held = self.store.intervals()
        self._stored = {i: self.store.symbols(i) if i in held else frozenset() for i in Interval}

    def _reading(
        self,
        symbols: tuple[str, ...],
        sessions: tuple[Session, ...],
        days: tuple[int, int],
        cut: tuple[int, int] | None,
    ) -> _Reading:
        fine, five = (self._stored[interval].intersection(symbols) for interval in (Interval.M1, Interval.M5))
        return _Reading(self.store, self.calendar.timezone, symbols, fine | five, fine - five, sessions, days, cut)

    def _most(self, symbols: tuple[str, ...], sessions: Mapping[Interval, Sequence[Session]]) -> int:
        """How many sessions to read at a time, so that besides the windows little is in memory."""
        minutes = Interval.M1 in sessions or self._stored[Interval.M1].intersection(symbols) - self._stored[Interval.M5]
        seconds = (Interval.M1 if minutes else Interval.M5).seconds
        span = max((one.closes - one.opens for some in sessions.values() for one in some), default=seconds)
        return max(READ_BARS * seconds // (span * max(len(symbols), 1)), 1)


@dataclass(frozen=True)
class _Reading:
    """The bars of some symbols over a run of sessions: each table is read once, whatever is made of it.

    5m and longer bars of the symbols in `made` come from 5m bars, and those of the symbols in `fine` from 1m bars.
    What is read lies within `days`; the slots with cut[0] <= ts < cut[1] are wanted (all, if None).
    """

    store: CandleStore
    timezone: tzinfo
    symbols: tuple[str, ...]
    made: frozenset[str]
    fine: frozenset[str]
    sessions: tuple[Session, ...]
    days: tuple[int, int]
    cut: tuple[int, int] | None
    _tables: dict[tuple[Interval, tuple[str, ...]], Loaded] = field(default_factory=dict)

    def bars(self, interval: Interval) -> Loaded:
        if interval is Interval.M1:
            return self._table(interval, self.symbols)
        made, own = _parted(self.symbols, self.made)
        return self._mixed(interval, self.symbols, self._five if made else None, own)

    @cached_property
    def _five(self) -> Loaded:
        """The 5m bars of the symbols in `made`."""
        made, _ = _parted(self.symbols, self.made)
        fine, own = _parted(made, self.fine)
        return self._mixed(Interval.M5, made, self._table(Interval.M1, fine) if fine else None, own)

    def _mixed(
        self, interval: Interval, symbols: tuple[str, ...], finer: Loaded | None, own: tuple[str, ...]
    ) -> Loaded:
        """The bars of `symbols`: made from the finer ones, but the table's for those in `own`."""
        if finer is None:
            return self._table(interval, own)
        window = aggregate(finer.window, interval)
        if not own:
            return Loaded(window, finer.dirt)
        read = self._table(interval, own)
        return Loaded(_beside(symbols, window, read.window), finer.dirt + read.dirt)

    def _table(self, interval: Interval, symbols: tuple[str, ...]) -> Loaded:
        key = interval, symbols
        if key not in self._tables:
            start, end = self.days if self.cut is None or interval is Interval.D1 else self.cut
            bars = self.store.read(interval, start, end, symbols)
            self._tables[key] = place(bars, interval, self.sessions, self.timezone, self.cut)
        return self._tables[key]


class _Run(NamedTuple):
    """Sessions that are read at once, and the intervals that want them."""

    intervals: tuple[Interval, ...]
    sessions: tuple[Session, ...]


def _runs(wanted: Mapping[Interval, Sequence[Session]], most: int) -> list[_Run]:
    """All that is wanted, in order of date, at most `most` sessions a run."""
    wanting: dict[Session, list[Interval]] = {}
    for interval, sessions in wanted.items():
        for session in sessions:
            wanting.setdefault(session, []).append(interval)
    runs: list[_Run] = []
    for intervals, group in groupby(sorted(wanting, key=lambda s: s.date), key=lambda s: tuple(wanting[s])):
        some = tuple(group)
        runs += [_Run(intervals, some[i : i + most]) for i in range(0, len(some), most)]
    return runs


def _blank(symbols: tuple[str, ...], interval: Interval, sessions: tuple[Session, ...]) -> CandleWindow:
    """A window whose fields are still to be filled."""
    slots = grid(sessions, interval)
    fields = (np.empty((len(slots[0]), len(symbols))) for _ in FIELDS)
    return CandleWindow(interval, symbols, sessions, *slots, *fields)


def _fill(window: CandleWindow, part: CandleWindow) -> None:
    start = int(window.ts.searchsorted(part.ts[0]))
    for name in FIELDS:
        getattr(window, name)[start : start + len(part.ts)] = getattr(part, name)


def _beside(symbols: tuple[str, ...], left: CandleWindow, right: CandleWindow) -> CandleWindow:
    """The columns of two windows on the same grid, in the order of `symbols`."""
    place_of = {symbol: i for i, symbol in enumerate(left.symbols + right.symbols)}
    order = np.array([place_of[symbol] for symbol in symbols])
    fields = [np.hstack((getattr(left, name), getattr(right, name)))[:, order] for name in FIELDS]
    return CandleWindow(
        left.interval, symbols, left.sessions, left.ts, left.closes, left.session, left.minute,
        *(np.ascontiguousarray(values) for values in fields),
    )  # fmt: skip


def _parted(symbols: tuple[str, ...], some: frozenset[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those of `symbols` that are in `some`, and the others."""
    return tuple(s for s in symbols if s in some), tuple(s for s in symbols if s not in some)


def _date(instant: int, timezone: tzinfo) -> date:
    return datetime.fromtimestamp(instant, UTC).astimezone(timezone).date()

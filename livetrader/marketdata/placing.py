"""Bars on the calendar's grid: the one place where bad bars are dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

import numpy as np

from livetrader.domain.candles import CandleColumns, CandleWindow, Floats, Interval, Ints, grid
from livetrader.domain.session import Session
from livetrader.marketdata.flaws import FLAWS, SOUND, Codes, Flaw, price_flaws


@dataclass(frozen=True, slots=True)
class Dirt:
    """How many bars were dropped, by symbol and flaw."""

    counts: Mapping[tuple[str, Flaw], int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def __add__(self, other: Dirt) -> Dirt:
        return Dirt(Counter(self.counts) + Counter(other.counts))

    def by_flaw(self) -> dict[Flaw, int]:
        return {flaw: sum(n for (_, f), n in self.counts.items() if f is flaw) for _, flaw in self.counts}


class Loaded(NamedTuple):
    """A window and what was dropped in building it."""

    window: CandleWindow
    dirt: Dirt


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
    # Once for all bars of a time, which follow each other in a store.
    first = np.flatnonzero(np.diff(bars.ts, prepend=np.iinfo(np.int64).min))
    ts, count = bars.ts[first], np.diff(first, append=len(bars))
    if interval is Interval.D1:
        bounds = np.array([day_bounds(s.date, s.date, timezone) for s in sessions], np.int64).reshape(-1, 2)
        rows, inside = _within(ts, bounds)
        missed = ~inside
    else:
        slots = grid(sessions, interval)[0]
        rows = np.searchsorted(slots, ts)
        missed = np.append(slots, -1)[rows] != ts
        parts = np.array([part for s in sessions for part in s.parts], np.int64).reshape(-1, 2)
        _, inside = _within(ts, parts)
    codes = price_flaws(bars)
    codes[np.repeat(missed & inside, count) & (codes == SOUND)] = FLAWS.index(Flaw.MISALIGNED)
    codes[np.repeat(missed & ~inside, count)] = FLAWS.index(Flaw.OFF_SESSION)
    return np.repeat(rows, count), codes


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

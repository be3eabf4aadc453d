"""The tape: each symbol's traded bars at its finest stored interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from livetrader.domain.candles import FIELDS, CandleWindow, Interval
from livetrader.ports import Bars

_NEVER, _NOTHING = np.empty(0, np.int64), np.empty(0)
_COLUMNS = ("ts", "closes", *FIELDS)
NO_BARS = Bars(_NEVER, _NEVER, *(_NOTHING for _ in FIELDS))


@dataclass(slots=True)
class WindowTape:
    """A tape over windows in memory; `finest` names the window that each symbol's bars come from."""

    windows: Mapping[Interval, CandleWindow]
    finest: Mapping[str, Interval]
    _columns: dict[str, tuple[CandleWindow, int]] = field(init=False)
    _cache: dict[str, Bars] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        place = {i: {s: k for k, s in enumerate(w.symbols)} for i, w in self.windows.items()}
        self._columns = {
            symbol: (self.windows[interval], place[interval][symbol])
            for symbol, interval in self.finest.items()
            if interval in place and symbol in place[interval]
        }

    def bars(self, symbol: str) -> Bars:
        found = self._cache.get(symbol)
        if found is None:
            column = self._columns.get(symbol)
            found = self._cache[symbol] = NO_BARS if column is None else traded(*column)
        return found

    def forget(self) -> None:
        """The windows have changed."""
        self._cache.clear()


def traded(window: CandleWindow, column: int) -> Bars:
    """The bars that the symbol in `column` traded."""
    rows = np.flatnonzero(~np.isnan(window.close[:, column]))
    fields = (np.ascontiguousarray(getattr(window, name)[rows, column]) for name in FIELDS)
    return Bars(window.ts[rows], window.closes[rows], *fields)


def joined(before: Bars, after: Bars) -> Bars:
    """Two runs of bars, one after the other."""
    return Bars(*(np.concatenate((getattr(before, name), getattr(after, name))) for name in _COLUMNS))


def first(bars: Bars, count: int) -> Bars:
    """The `count` oldest bars."""
    return Bars(*(getattr(bars, name)[:count] for name in _COLUMNS))

"""The candles of blocks: a block begins K sessions before the first session of the calendar month (STRATEGIES.md)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np

from livetrader.domain.candles import FIELDS, CandleWindow, Interval, grid
from livetrader.domain.session import Session
from livetrader.indicators.context import window_cut
from livetrader.indicators.graph import Series
from livetrader.market.calendar import Calendar
from livetrader.ports import CandleSource


def block(calendar: Calendar, series: Series, month: date, last: date) -> tuple[Session, ...]:
    """The sessions of the block of `month` until `last`."""
    return calendar.before(month, series.warmup_sessions) + calendar.sessions(month, last)


class Blocks:
    """The blocks of some series, month after month. A bar that several series or months share is read once."""

    def __init__(
        self, source: CandleSource, calendar: Calendar, symbols: Sequence[str], needs: Iterable[Series]
    ) -> None:
        """`symbols` are those of a series that names none of its own."""
        self.source, self.calendar = source, calendar
        self.symbols, self.needs = tuple(symbols), tuple(needs)
        self._blocks: dict[Series, tuple[Session, ...]] = {}
        self._held: dict[str | None, dict[Interval, _Held]] = {series.symbol: {} for series in self.needs}

    def read(self, month: date, last: date) -> None:
        """Go to the blocks of `month` until `last`. Months come in order."""
        self._blocks = {series: block(self.calendar, series, month, last) for series in self.needs}
        for symbol, held in self._held.items():
            longest: dict[Interval, tuple[Session, ...]] = {}
            for series, sessions in self._blocks.items():
                if series.symbol == symbol:
                    longest[series.interval] = max(longest.get(series.interval, ()), sessions, key=len)
            missing = {i: held.setdefault(i, _Held()).missing(sessions) for i, sessions in longest.items()}
            read = self.source.windows(self.symbols if symbol is None else (symbol,), missing)
            for i, sessions in longest.items():
                held[i].go(sessions, read[i])

    def windows(self, symbols: slice = slice(None)) -> dict[Series, CandleWindow]:
        """Every series over its block; one that names no symbol, for `symbols` of the source's order."""
        wide = {
            (symbol, i): one.window(symbols if symbol is None else slice(None))
            for symbol, held in self._held.items()
            for i, one in held.items()
        }
        return {series: cut(wide[series.symbol, series.interval], one) for series, one in self._blocks.items()}


@dataclass(slots=True)
class _Held:
    """The candles of one interval over a run of sessions, in parts as they were read."""

    sessions: tuple[Session, ...] = ()
    parts: list[CandleWindow] = field(default_factory=list)

    def missing(self, sessions: tuple[Session, ...]) -> tuple[Session, ...]:
        return tuple(s for s in sessions if not self.sessions or s.opens > self.sessions[-1].opens)

    def go(self, sessions: tuple[Session, ...], read: CandleWindow) -> None:
        """Hold `sessions`, of which those that were missing have been read, and no earlier ones."""
        kept = (cut(part, [s for s in part.sessions if s.opens >= sessions[0].opens]) for part in self.parts)
        self.sessions, self.parts = sessions, [*(part for part in kept if len(part.ts)), read]

    def window(self, symbols: slice) -> CandleWindow:
        first, *more = self.parts
        if not more:
            return window_cut(first, slice(None), symbols)
        fields = (np.concatenate([getattr(part, name)[:, symbols] for part in self.parts]) for name in FIELDS)
        slots = grid(self.sessions, first.interval)
        return CandleWindow(first.interval, first.symbols[symbols], self.sessions, *slots, *fields)


def cut(window: CandleWindow, sessions: Sequence[Session]) -> CandleWindow:
    """The rows of `sessions`, a run of the window's own sessions, as views, counted from the first."""
    if not sessions:
        return window.rows(0, 0)
    offset = next(i for i, s in enumerate(window.sessions) if s.date == sessions[0].date)
    start, end = np.searchsorted(window.session, (offset, offset + len(sessions)))
    rows = window.rows(int(start), int(end))
    return replace(rows, sessions=tuple(sessions), session=rows.session - np.int32(offset))

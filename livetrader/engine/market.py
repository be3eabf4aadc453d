"""The live market: the current session's bars as they arrive, and the tape that they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import numpy as np

from livetrader.domain.candles import FIELDS, CandleColumns, CandleWindow, Interval, Ints, empty_window
from livetrader.domain.session import Session
from livetrader.engine.tape import NO_BARS, WindowTape, joined, traded
from livetrader.market.calendar import Calendar
from livetrader.ports import Bars, CandleSource, Journal

# Rows behind the last decided one that each poll reads again, to notice late and corrected bars.
LOOK_BACK_ROWS = 2


@dataclass(slots=True)
class LiveMarket:
    """Polls the source for closed bars of one session, and keeps them on the session's grid.

    `earlier` are bars of sessions before this one, for symbols whose position is held over.
    """

    source: CandleSource
    symbols: tuple[str, ...]
    session: Session
    intervals: frozenset[Interval]
    earlier: Mapping[str, Bars] = field(default_factory=dict)
    windows: dict[Interval, CandleWindow] = field(init=False)
    tape: WindowTape = field(init=False)
    _stored: dict[Interval, Ints] = field(init=False)
    """The columns of the symbols that are stored at each interval."""

    def __post_init__(self) -> None:
        finest = self.source.finest(self.symbols)
        needed = self.intervals | set(finest.values())
        # Shortest first: a poll reads one after the other, and what comes between two reads must not make a bar that
        # has arrived a longer one that lacks it.
        ordered = sorted(needed, key=lambda one: one.seconds)
        self.windows = {i: empty_window(i, self.symbols, self.session) for i in ordered}
        self.tape = WindowTape(self.windows, finest)
        at = np.array([finest.get(symbol, "") for symbol in self.symbols])
        self._stored = {interval: np.flatnonzero(at == interval) for interval in self.windows}

    def poll(self, now: int, decided: int) -> bool:
        """Read the bars that have closed by `now`. True if one says something new of rows known at `decided`."""
        late = False
        for interval, window in self.windows.items():
            if not len(window.closes) or window.closes[0] > now:
                continue
            past = int(window.closes.searchsorted(decided, side="right"))
            after = int(window.ts[max(past - LOOK_BACK_ROWS, 0)]) - 1
            late |= _place(window, self.source.poll(self.symbols, interval, after, now), past)
        self.tape.forget()
        return late

    def bars(self, symbol: str) -> Bars:
        """The tape of `symbol`: held-over sessions first."""
        today = self.tape.bars(symbol)
        before = self.earlier.get(symbol, NO_BARS)
        return joined(before, today) if len(before.ts) else today

    def closes(self, after: int, until: int) -> list[int]:
        """Every instant in (after, until] at which a row of any interval is known; the square-off, too."""
        found = {int(c) for w in self.windows.values() for c in w.closes} | {self.session.square_off}
        return sorted(c for c in found if after < c <= until)

    def rows_closing(self, at: int) -> dict[Interval, CandleWindow]:
        """The one row of each interval that is known at `at`."""
        rows = {}
        for interval in self.intervals:
            window = self.windows[interval]
            row = int(window.closes.searchsorted(at))
            if row < len(window.closes) and window.closes[row] == at:
                rows[interval] = window.rows(row, row + 1)
        return rows

    def arrived(self, at: int) -> int:
        """How many symbols have the bar that closes at `at`, at the interval that they are stored at.

        Longer bars are made of those, also when the last of them is still to come.
        """
        found = 0
        for interval, columns in self._stored.items():
            window = self.windows[interval]
            row = int(window.closes.searchsorted(at))
            if row < len(window.closes) and window.closes[row] == at:
                found += int((~np.isnan(window.close[row, columns])).sum())
        return found


def earlier_bars(source: CandleSource, calendar: Calendar, journal: Journal, session: Session) -> dict[str, Bars]:
    """The bars that held-over positions have been through, from each one's entry until `session` opens."""
    held: dict[str, Decimal] = {}
    since: dict[str, datetime] = {}
    for fill in journal.fills():
        if not held.get(fill.symbol):
            since[fill.symbol] = fill.filled_at
        held[fill.symbol] = held.get(fill.symbol, Decimal(0)) + fill.action.sign * fill.quantity
    finest = source.finest([symbol for symbol, quantity in held.items() if quantity])
    bars = {}
    for symbol, interval in finest.items():
        first = since[symbol].astimezone(calendar.timezone).date()
        sessions = [s for s in calendar.sessions(first, session.date) if s.closes <= session.opens]
        bars[symbol] = traded(source.windows((symbol,), {interval: sessions})[interval], 0)
    return bars


def _place(window: CandleWindow, columns: CandleColumns, past: int) -> bool:
    """Write bars on the grid. True if one says something new of the first `past` rows."""
    rows = np.searchsorted(window.ts, columns.ts)
    on_grid = (rows < len(window.ts)) & (window.ts[np.minimum(rows, len(window.ts) - 1)] == columns.ts)
    rows, symbols = rows[on_grid], columns.symbol[on_grid]
    news = False
    for name in FIELDS:
        values, target = getattr(columns, name)[on_grid], getattr(window, name)
        old = rows < past
        news |= bool((target[rows[old], symbols[old]] != values[old]).any())
        target[rows, symbols] = values
    return news

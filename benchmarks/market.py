"""A market in memory for the benchmarks: simulated candles behind the port that the engine reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from livetrader.bootstrap.workspace import Workspace
from livetrader.config import load
from livetrader.domain.candles import FIELDS, CandleColumns, CandleWindow, Interval, grid
from livetrader.domain.session import Session
from livetrader.engine.blocks import cut
from livetrader.engine.signals import TILE
from livetrader.market.calendar import Calendar
from livetrader.marketdata.aggregate import aggregate
from livetrader.marketdata.simulated import INDEX, simulate

WARMUP_SESSIONS = 60


def stocks(count: int) -> tuple[str, ...]:
    return tuple(f"STOCK{i:04}" for i in range(count))


def simulated(symbols: Sequence[str], sessions: Sequence[Session], seed: int = 1) -> CandleWindow:
    """5-minute bars of the simulated market, without dirt, on the calendar's grid."""
    slots = grid(sessions, Interval.M5)
    fields = [np.empty((len(slots[0]), len(symbols))) for _ in FIELDS]
    for start in range(0, len(symbols), TILE):
        tile = slice(start, start + TILE)
        columns = simulate(symbols[tile], sessions, seed, dirt=False)
        for name, values in zip(FIELDS, fields, strict=True):
            values[:, tile] = getattr(columns, name).reshape(len(values), -1)
    return CandleWindow(Interval.M5, tuple(symbols), tuple(sessions), *slots, *fields)


class MemoryCandles:
    """A CandleSource over 5-minute bars in memory; longer bars are made as they are read."""

    def __init__(self, symbols: Sequence[str], sessions: Sequence[Session], seed: int = 1) -> None:
        self.stocks, self.index = simulated(symbols, sessions, seed), simulated((INDEX,), sessions, seed)
        self._place = {symbol: i for i, symbol in enumerate(symbols)}
        self._polled: dict[Interval, CandleWindow] = {}

    @property
    def sessions(self) -> tuple[Session, ...]:
        return self.stocks.sessions

    @property
    def bars(self) -> int:
        return self.stocks.close.size

    @property
    def bytes(self) -> int:
        return sum(getattr(self.stocks, name).nbytes for name in FIELDS)

    def finest(self, symbols: Sequence[str]) -> Mapping[str, Interval]:
        return dict.fromkeys((s for s in symbols if s in self._place or s == INDEX), Interval.M5)

    def window(self, symbols: Sequence[str], interval: Interval, sessions: Sequence[Session]) -> CandleWindow:
        return self.windows(symbols, {interval: sessions})[interval]

    def windows(
        self, symbols: Sequence[str], sessions: Mapping[Interval, Sequence[Session]]
    ) -> dict[Interval, CandleWindow]:
        """All symbols, the usual case, are views of what is held."""
        return {i: aggregate(self._of(symbols, some), i) for i, some in sessions.items()}

    def _of(self, symbols: Sequence[str], sessions: Sequence[Session]) -> CandleWindow:
        held = cut(self.index if tuple(symbols) == (INDEX,) else self.stocks, sessions)
        if held.symbols == tuple(symbols):
            return held
        columns = [self._place[symbol] for symbol in symbols]
        fields = {name: getattr(held, name)[:, columns] for name in FIELDS}
        return replace(held, symbols=tuple(symbols), **fields)

    def poll(self, symbols: Sequence[str], interval: Interval, after: int, now: int) -> CandleColumns:
        """Bars of the session of `now`: made once, so that a poll costs what moving its bars costs."""
        session = next(s for s in self.sessions if s.opens < now <= s.closes)
        held = self._polled.get(interval)
        if held is None or held.sessions != (session,):
            held = self._polled[interval] = self.window(symbols, interval, (session,))
        begin, end = np.searchsorted(held.ts, after, "right"), np.searchsorted(held.closes, now, "right")
        rows = held.rows(int(begin), int(end))
        row, symbol = np.nonzero(~np.isnan(rows.close))
        fields = (getattr(rows, name)[row, symbol] for name in FIELDS)
        return CandleColumns(rows.symbols, rows.ts[row], symbol.astype(np.int32), *fields)


def workspace(directory: Path, symbols: Sequence[str], **settings: str) -> Workspace:
    """The shipped settings over an empty store; `settings` are as `capital__amount="1"`."""
    environment = {"LIVETRADER__CANDLES__URL": "sqlite://", "LIVETRADER__SYMBOLS": ",".join(symbols)}
    environment |= {f"LIVETRADER__{name.upper()}": value for name, value in settings.items()}
    return Workspace(load(None, environ=environment, directory=directory))


def trading(directory: Path, count: int, first: date, last: date, **settings: str) -> Workspace:
    """A workspace whose candles are a simulated market of `count` stocks, from the warm-up of `first` to `last`."""
    symbols = stocks(count)
    made = workspace(directory, symbols, **settings)
    sessions = sessions_of(made.calendar, first, last)
    made.__dict__["candles"] = MemoryCandles(symbols, sessions)
    # A run asks the store whether there is anything to trade at all.
    made.store.upsert(Interval.M5, simulate(symbols[:1], sessions, seed=1, dirt=False))
    return made


def sessions_of(calendar: Calendar, first: date, last: date) -> tuple[Session, ...]:
    """The sessions from the start of the longest block of first's month until `last`."""
    return calendar.before(first.replace(day=1), WARMUP_SESSIONS) + calendar.sessions(first.replace(day=1), last)

"""A market in memory for the benchmarks: simulated candles behind the port that the engine reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import numpy as np

from livetrader.bootstrap.workspace import Workspace
from livetrader.config import load
from livetrader.domain.candles import FIELDS, CandleColumns, CandleWindow, Interval, grid
from livetrader.domain.session import Session
from livetrader.engine.signals import TILE, cut
from livetrader.market.calendar import Calendar
from livetrader.marketdata.aggregate import aggregate
from livetrader.marketdata.simulated import INDEX, simulate

WARMUP_SESSIONS = 60


def stocks(count: int) -> tuple[str, ...]:
    return tuple(f"STOCK{i:04}" for i in range(count))


def simulated(symbols: Sequence[str], sessions: Sequence[Session], seed: int = 1) -> CandleWindow:
    """5-minute bars of the simulated market, without dirt, on the calendar's grid."""
    columns = simulate(symbols, sessions, seed, dirt=False)
    shape = (len(columns) // len(symbols), len(symbols))
    fields = (getattr(columns, name).reshape(shape) for name in FIELDS)
    return CandleWindow(Interval.M5, tuple(symbols), tuple(sessions), *grid(sessions, Interval.M5), *fields)


class MemoryCandles:
    """A CandleSource over 5-minute bars in memory, in tiles of symbols; longer bars are made as they are read."""

    def __init__(self, symbols: Sequence[str], sessions: Sequence[Session], seed: int = 1) -> None:
        self.symbols = tuple(symbols)
        tiles = [self.symbols[i : i + TILE] for i in range(0, len(symbols), TILE)]
        self.tiles = [simulated(tile, sessions, seed) for tile in (*tiles, (INDEX,))]
        self._tile_of = {symbol: tile for tile in self.tiles for symbol in tile.symbols}
        self._polled: dict[Interval, CandleWindow] = {}

    @property
    def bars(self) -> int:
        return sum(tile.close.size for tile in self.tiles)

    @property
    def bytes(self) -> int:
        return sum(getattr(tile, name).nbytes for tile in self.tiles for name in FIELDS)

    def finest(self, symbols: Sequence[str]) -> Mapping[str, Interval]:
        return dict.fromkeys((s for s in symbols if s in self._tile_of), Interval.M5)

    def window(self, symbols: Sequence[str], interval: Interval, sessions: Sequence[Session]) -> CandleWindow:
        """A tile's own symbols, the usual case, are views of it."""
        tiles = list({id(tile): tile for tile in map(self._tile_of.__getitem__, symbols)}.values())
        parts = [aggregate(cut(tile, sessions), interval) for tile in tiles]
        if len(parts) == 1 and parts[0].symbols == tuple(symbols):
            return parts[0]
        one, wide = parts[0], np.empty((len(FIELDS), len(parts[0].ts), len(symbols)))
        place = {symbol: i for i, symbol in enumerate(symbols)}
        for part in parts:
            held = [i for i, symbol in enumerate(part.symbols) if symbol in place]
            into = [place[part.symbols[i]] for i in held]
            for values, name in zip(wide, FIELDS, strict=True):
                values[:, into] = getattr(part, name)[:, held]
        return CandleWindow(
            interval, tuple(symbols), one.sessions, one.ts, one.closes, one.session, one.minute, *wide
        )  # fmt: skip

    def poll(self, symbols: Sequence[str], interval: Interval, after: int, now: int) -> CandleColumns:
        """Bars of the session of `now`: made once, so that a poll costs what moving its bars costs."""
        session = next(s for s in self.tiles[0].sessions if s.opens < now <= s.closes)
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

"""The market of a simulated account: a short session of bars or two, and the prices on the way through each bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np

from livetrader.brokers.loopback.faults import Chance
from livetrader.domain.candles import Ints
from livetrader.domain.instrument import Instrument
from livetrader.domain.interval import Interval
from livetrader.domain.session import Session
from livetrader.engine.tape import first
from livetrader.ports import Bars, Clock

OPENS = int(datetime(2026, 2, 2, 3, 45, tzinfo=UTC).timestamp())
BAR, DAY = Interval.M5.seconds, 86400
SYMBOLS = ("AAA", "BBB", "CCC")
TICK = Decimal("0.05")
INSTRUMENT = Instrument("", TICK)
# Shares, and one that is traded in parts as coins are: quantities of it have no exact float.
INSTRUMENTS = {"CCC": Instrument("CCC", TICK, Decimal("0.001"))}

# When, after a bar's open, its open, two extremes and close are traded.
MOMENTS = (0, 100, 200, BAR - 1)

Row = tuple[float, float, float, float]
"""Open, high, low, close."""


@dataclass(frozen=True, slots=True)
class Market:
    """`prices[symbol]` are its rows, one a bar, on the tick grid. All sessions have as many bars."""

    sessions: tuple[Session, ...]
    prices: dict[str, list[Row]]
    bars: dict[str, Bars]

    @property
    def session(self) -> Session:
        """The first session."""
        return self.sessions[0]

    @property
    def bars_a_day(self) -> int:
        return (self.session.closes - self.session.opens) // BAR

    def opening(self, bar: int) -> int:
        """When a bar opens; after the last one, as if the session went on."""
        day = min(bar // self.bars_a_day, len(self.sessions) - 1)
        return self.sessions[day].opens + (bar - day * self.bars_a_day) * BAR

    def path(self, bar: int) -> list[tuple[int, dict[str, float]]]:
        """The prices of a bar in the order of trading: (instant, price by symbol)."""
        start = self.opening(bar)
        rows = {symbol: self.prices[symbol][bar] for symbol in self.prices}
        # Falling bars reach the high first.
        order = {symbol: (0, 2, 1, 3) if row[3] >= row[0] else (0, 1, 2, 3) for symbol, row in rows.items()}
        return [
            (start + moment, {symbol: row[order[symbol][i]] for symbol, row in rows.items()})
            for i, moment in enumerate(MOMENTS)
        ]


def market(chance: Chance, count: int, days: int = 1) -> Market:
    """A random walk of `count` bars, squared off three bars before the end; of two days, two bars before each end."""
    return priced({symbol: _walk(chance, count) for symbol in SYMBOLS}, 4 - min(days, 2), days)


def priced(prices: dict[str, list[Row]], before_end: int, days: int = 1) -> Market:
    """The market of these prices over so many days, squared off so many bars before the end of each."""
    count = len(next(iter(prices.values()))) // days
    sessions = tuple(_session(OPENS + day * DAY, count, before_end) for day in range(days))
    ts = np.concatenate([one.opens + BAR * np.arange(count, dtype=np.int64) for one in sessions])
    return Market(sessions, prices, {symbol: _bars(ts, rows) for symbol, rows in prices.items()})


def _session(opens: int, count: int, before_end: int) -> Session:
    closes = opens + count * BAR
    return Session(datetime.fromtimestamp(opens, UTC).date(), ((opens, closes),), closes - before_end * BAR)


def _walk(chance: Chance, count: int) -> list[Row]:
    last, rows = 2000, []
    for _ in range(count):
        opens = last + _between(chance, -6, 6)
        close = opens + _between(chance, -16, 16)
        high, low = max(opens, close) + _between(chance, 0, 8), min(opens, close) - _between(chance, 0, 8)
        rows.append((opens / 20, high / 20, low / 20, close / 20))
        last = close
    return rows


def _between(chance: Chance, low: int, high: int) -> int:
    return low + int(chance.random() * (high - low + 1))


def _bars(ts: Ints, rows: Sequence[Row]) -> Bars:
    opens, high, low, close = (np.array(column) for column in zip(*rows, strict=True))
    return Bars(ts, ts + BAR, opens, high, low, close, np.full(len(rows), np.inf))


@dataclass(frozen=True, slots=True)
class MarketClock:
    """The market's own time, by which a broker dates what happens. The machine's clock, `clock`, may be set meanwhile.

    Implements ports.Clock.
    """

    clock: Clock

    def now(self) -> float:
        return OPENS + self.clock.monotonic()

    def monotonic(self) -> float:
        return self.clock.monotonic()

    def sleep(self, seconds: float) -> None:
        self.clock.sleep(seconds)


@dataclass(slots=True)
class ArrivedTape:
    """The bars that have closed by the market's own time, whatever the machine's clock says."""

    market: Market
    arrived: int = 0

    def bars(self, symbol: str) -> Bars:
        return first(self.market.bars[symbol], self.arrived)

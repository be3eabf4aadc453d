"""A history as a broker would have it, in memory: what the tests of fetching and feeding ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

from livetrader.domain.candle import Candle
from livetrader.domain.interval import Interval
from livetrader.domain.session import Session
from livetrader.market.calendar import Calendar
from livetrader.ports import Clock


def candle(ts: int, price: float = 100.0, volume: float = 10.0) -> Candle:
    return Candle(ts, price, price + 1, price - 1, price, volume)


def day_of(session: Session, interval: Interval = Interval.M5, price: float = 100.0) -> list[Candle]:
    """A bar for each slot, each a rupee above the one before."""
    return [candle(ts, price + i) for i, ts in enumerate(session.slots(interval.seconds))]


@dataclass
class History:
    """Implements ports.CandleHistory: every bar of every session that has closed by the clock, unless told otherwise.

    `answers`, by symbol, replaces what comes: an error to raise, or a function of the bars that would come.
    """

    calendar: Calendar
    clock: Clock
    answers: dict[str, Exception | Callable[[list[Candle]], list[Candle]]] = field(default_factory=dict)
    asked: list[tuple[str, Interval, date, date]] = field(default_factory=list)
    name: str = "test"
    history_seconds: float = 0.0

    def history(self, symbol: str, interval: Interval, first: date, last: date, /) -> Sequence[Candle]:
        self.asked.append((symbol, interval, first, last))
        bars = [bar for session in self.calendar.sessions(first, last) for bar in day_of(session, interval)]
        bars = [bar for bar in bars if bar.ts + interval.seconds <= self.clock.now()]
        answer = self.answers.get(symbol)
        if isinstance(answer, Exception):
            raise answer
        return bars if answer is None else answer(bars)

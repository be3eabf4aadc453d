"""The crypto strategies of STRATEGIES.md: 5m bars, the session is the UTC day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from livetrader.domain.candles import Interval
from livetrader.indicators import ta
from livetrader.indicators.graph import Candles, Node
from livetrader.strategies.base import Strategy


@dataclass(frozen=True)
class SmaCross(Strategy):
    """The fast average crosses the slow one."""

    name: ClassVar = "sma_cross"
    interval: ClassVar = Interval.M5
    side: ClassVar = None

    fast: int = 20
    slow: int = 50

    def indicators(self, c: Candles) -> Mapping[str, Node]:
        fast, slow = ta.sma(c.close, self.fast), ta.sma(c.close, self.slow)
        return {
            "entry_long": ta.crossed_above(fast, slow),
            "entry_short": ta.crossed_below(fast, slow),
            "sma_fast": fast,
            "sma_slow": slow,
        }


@dataclass(frozen=True)
class MacdMomentum(Strategy):
    """The MACD histogram changes sign while the close is on the same side of its long average.

    A zero histogram belongs to neither sign.
    """

    name: ClassVar = "macd_momentum"
    interval: ClassVar = Interval.M5
    side: ClassVar = None

    fast: int = 12
    slow: int = 26
    signal: int = 9
    trend: int = 200

    def indicators(self, c: Candles) -> Mapping[str, Node]:
        _, _, histogram = ta.macd(c.close, self.fast, self.slow, self.signal)
        average = ta.ema(c.close, self.trend)
        before = ta.prev(histogram)
        return {
            "entry_long": (before < 0) & (histogram > 0) & (c.close > average),
            "entry_short": (before > 0) & (histogram < 0) & (c.close < average),
            "histogram": histogram,
            "ema": average,
        }


@dataclass(frozen=True)
class RsiReversion(Strategy):
    """The RSI comes back from an extreme."""

    name: ClassVar = "rsi_reversion"
    interval: ClassVar = Interval.M5
    side: ClassVar = None

    length: int = 14
    oversold: float = 30.0
    overbought: float = 70.0

    def indicators(self, c: Candles) -> Mapping[str, Node]:
        rsi = ta.rsi(c.close, self.length)
        return {
            "entry_long": ta.crossed_above(rsi, self.oversold),
            "entry_short": ta.crossed_below(rsi, self.overbought),
            "rsi": rsi,
        }

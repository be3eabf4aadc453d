"""The equity intraday strategies 8 to 12, exactly as STRATEGIES.md states them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from functools import reduce
from operator import and_
from typing import ClassVar

from livetrader.domain.candles import Interval
from livetrader.domain.signal import Side
from livetrader.indicators import blocks, ta
from livetrader.indicators.graph import Candles, Node
from livetrader.strategies.base import Strategy

FROM_SECOND_5M = (time(9, 20), time(13, 45))
FROM_SECOND_15M = (time(9, 30), time(13, 45))


@dataclass(frozen=True)
class _EquityIntraday(Strategy):
    """What the five have in common: an initial breakout, effort, volatility, and the index's trend."""

    trend_adx_min: float = 20.0

    def observed(self, c: Candles, *, bullish: bool) -> tuple[Node, Node, dict[str, Node]]:
        """Whether the breakout to that side has happened, its zone, and everything by its name in STRATEGIES.md."""
        happened, zone = blocks.initial_breakout(c, bullish=bullish)
        named = {
            "bullish_zone_pct" if bullish else "bearish_zone_pct": zone,
            "effort": blocks.effort(c),
            "volatility": blocks.volatility(c),
            "index_trend": blocks.index_trend(c, self.trend_symbol, adx_min=self.trend_adx_min),
        }
        return happened, zone, named


def _averages(c: Candles) -> dict[str, Node]:
    return {f"ema{n}": ta.ema(c.close, n) for n in (50, 100, 200)}


def _all(*conditions: Node) -> Node:
    return reduce(and_, conditions)


@dataclass(frozen=True)
class BreakoutFadeShort(_EquityIntraday):
    """Sell a breakout that took much volume and turns: a bearish zero-lag MACD cross above the range."""

    name: ClassVar = "breakout_fade_short"
    id: ClassVar = "8"
    interval: ClassVar = Interval.M15
    side: ClassVar = Side.SHORT
    window: ClassVar = FROM_SECOND_15M
    precedence: ClassVar = 3
    presets: ClassVar = {
        "original": {},
        "large_cap": {"zone_min": 0.1, "effort_min": 0.5, "trend_adx_min": 8.0},
    }

    zone_min: float = 0.8
    zone_max: float = 1.3
    effort_min: float = 1.0
    volatility_max: float = 0.04

    def indicators(self, c: Candles) -> Mapping[str, Node]:
        happened, zone, named = self.observed(c, bullish=True)
        macd, signal = blocks.zl_macd(c)
        entry = _all(
            happened,
            zone > self.zone_min,
            zone < self.zone_max,
            ta.crossed_below(macd, signal),
            named["effort"] > self.effort_min,
            named["volatility"] < self.volatility_max,
            named["index_trend"] >= 0,
        )
        return {"entry": entry, **named, "zl_macd": macd, "zl_signal": signal}


@dataclass(frozen=True)
class BreakdownFadeLong(_EquityIntraday):
    """Buy a breakdown that took little volume and turns: a bullish zero-lag MACD cross below the range."""

    name: ClassVar = "breakdown_fade_long"
    id: ClassVar = "12"
    interval: ClassVar = Interval.M15
    side: ClassVar = Side.LONG
    window: ClassVar = FROM_SECOND_15M
    precedence: ClassVar = 1
    presets: ClassVar = {
        "original": {},
        "large_cap": {"zone_min": 0.15, "effort_max": 0.6, "trend_adx_min": 8.0},
    }

    zone_min: float = 1.0
    effort_min: float = 0.0
    effort_max: float = 0.4
    volatility_max: float = 0.04

    def indicators(self, c: Candles) -> Mapping[str, Node]:
        happened, zone, named = self.observed(c, bullish=False)
        macd, signal = blocks.zl_macd(c)
        entry = _all(
            happened,
            zone > self.zone_min,
            ta.crossed_above(macd, signal),
            named["effort"] > self.effort_min,
            named["effort"] < self.effort_max,
            named["volatility"] < self.volatility_max,
            named["index_trend"] <= 0,
        )
        return {"entry": entry, **named, "zl_macd": macd, "zl_signal": signal}


@dataclass(frozen=True)
class MomentumShort(_EquityIntraday):
    """Sell a volatile stock below its range and its averages on a strong falling bar."""

    name: ClassVar = "momentum_short"
    id: ClassVar = "10"
    interval: ClassVar = Interval.M5
    side: ClassVar = Side.SHORT
    window: ClassVar = FROM_SECOND_5M
    precedence: ClassVar = 4
    presets: ClassVar = {
        "original": {},
        "large_cap": {"zone_min": 0.1, "volatility_min": 0.025, "trend_adx_min": 8.0},
    }

    zone_min: float = 0.6
    effort_min: float = 0.3
    effort_max: float = 0.7
    volatility_min: float = 0.04

    def indicators(self, c: Candles) -> Mapping[str, Node]:
        happened, zone, named = self.observed(c, bullish=False)
        averages = _averages(c)
        entry = _all(
            happened,
            zone > self.zone_min,
            *(c.close < average for average in averages.values()),
            blocks.bearish_range_bar(c),
            named["effort"] > self.effort_min,
            named["effort"] < self.effort_max,
            named["volatility"] > self.volatility_min,
            named["index_trend"] != 1,
        )
        return {"entry": entry, **named, **averages}


@dataclass(frozen=True)
class MomentumLong(_EquityIntraday):
    """Buy a volatile stock above its range and its averages on a strong rising bar, at little effort."""

    name: ClassVar = "momentum_long"
    id: ClassVar = "11"
    interval: ClassVar = Interval.M5
    side: ClassVar = Side.LONG
    window: ClassVar = FROM_SECOND_5M
    precedence: ClassVar = 2
    presets: ClassVar = {
        "original": {},
        "large_cap": {"zone_min": 0.1, "volatility_min": 0.025, "effort_max": 0.5, "trend_adx_min": 8.0},
    }

    zone_min: float = 0.8
    effort_min: float = 0.0
    effort_max: float = 0.3
    volatility_min: float = 0.04

    def indicators(self, c: Candles) -> Mapping[str, Node]:
        happened, zone, named = self.observed(c, bullish=True)
        averages = _averages(c)
        entry = _all(
            happened,
            zone > self.zone_min,
            *(c.close > average for average in averages.values()),
            blocks.bullish_range_bar(c),
            named["effort"] > self.effort_min,
            named["effort"] < self.effort_max,
            named["volatility"] > self.volatility_min,
            named["index_trend"] != -1,
        )
        return {"entry": entry, **named, **averages}


@dataclass(frozen=True)
class ExhaustionShort(_EquityIntraday):
    """Sell a calm stock that stands above its range and its averages and works hard for it."""

    name: ClassVar = "exhaustion_short"
    id: ClassVar = "9"
    interval: ClassVar = Interval.M5
    side: ClassVar = Side.SHORT
    window: ClassVar = FROM_SECOND_5M
    precedence: ClassVar = 5
    presets: ClassVar = {"original": {}, "large_cap": {"zone_min": 0.1, "trend_adx_min": 8.0}}

    zone_min: float = 0.8
    effort_min: float = 0.3
    effort_max: float = 0.6
    volatility_max: float = 0.04

    def indicators(self, c: Candles) -> Mapping[str, Node]:
        happened, zone, named = self.observed(c, bullish=True)
        averages = _averages(c)
        entry = _all(
            happened,
            zone > self.zone_min,
            *(c.close > average for average in averages.values()),
            blocks.bullish_range_bar(c),
            named["effort"] > self.effort_min,
            named["effort"] < self.effort_max,
            named["volatility"] < self.volatility_max,
            named["index_trend"] != 1,
        )
        return {"entry": entry, **named, **averages}

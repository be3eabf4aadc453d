"""The building blocks of the built-in strategies.

The order of the arithmetic is part of their definition: it decides near-ties.
"""

from __future__ import annotations

import numpy as np

from livetrader.domain.candles import Interval
from livetrader.indicators.averages import ema, sma, zlema
from livetrader.indicators.elementwise import where
from livetrader.indicators.graph import Candles, Node, constant
from livetrader.indicators.oscillators import dmi, macd
from livetrader.indicators.ranges import true_range
from livetrader.indicators.sessions import (
    last_session,
    session_high,
    session_high_before,
    session_low,
    session_low_before,
    session_mean,
    session_volume,
    since_first_in_session,
)


def daily_atr10(c: Candles, warmup: int = 60) -> Node:
    """EMA(10) of the daily true range, as of the last completed session that the symbol traded."""
    return last_session(ema(true_range(c.daily(warmup)), 10))


def daily_volume10(c: Candles, warmup: int = 60) -> Node:
    """Mean volume of the last 10 completed sessions that the symbol traded."""
    return last_session(sma(c.daily(warmup).volume, 10))


def daily_close10(c: Candles, warmup: int = 60) -> Node:
    """Mean close of the last 10 completed sessions that the symbol traded."""
    return last_session(sma(c.daily(warmup).close, 10))


def volatility(c: Candles, warmup: int = 60) -> Node:
    """The daily range as a part of the price."""
    return daily_atr10(c, warmup) / daily_close10(c, warmup)


def initial_breakout(c: Candles, bullish: bool) -> tuple[Node, Node]:
    """The session's first close beyond its earlier bars' extreme, on a bar in that direction.

    Returns whether it has happened, from its own close on, and how far beyond the extreme it closed, in
    percent (the zone; NaN before).
    """
    if bullish:
        extreme = session_high_before(c)
        breaks = (c.close > extreme) & (c.close > c.open)
        zone = (c.close - extreme) / extreme * 100.0
    else:
        extreme = session_low_before(c)
        breaks = (c.close < extreme) & (c.close < c.open)
        zone = (extreme - c.close) / c.close * 100.0
    return since_first_in_session(breaks, zone)


def effort(c: Candles, warmup: int = 60) -> Node:
    """How much volume each unit of range took in the session so far, this bar's included."""
    volume = session_volume(c) / daily_volume10(c, warmup)
    moved = (session_high(c) - session_low(c)) / daily_atr10(c, warmup)
    return volume / moved


def mean_range(c: Candles, skip_minutes: int = 30) -> Node:
    """Mean of high − low over the session's bars so far that open `skip_minutes` or more after its open."""
    return session_mean(where(c.minute >= skip_minutes, c.high - c.low, np.nan))


def bullish_range_bar(c: Candles, factor: float = 0.7) -> Node:
    """A wide bar that closed up, in the upper half of its way from open to high."""
    wide = (c.high - c.low) > factor * mean_range(c)
    return wide & (c.close > c.open) & (c.close > c.open + 0.5 * (c.high - c.open))


def bearish_range_bar(c: Candles, factor: float = 0.7) -> Node:
    """A wide bar that closed down, in the lower half of its way from open to low."""
    wide = (c.high - c.low) > factor * mean_range(c)
    return wide & (c.close < c.open) & (c.close < c.low + 0.5 * (c.open - c.low))


def zl_macd(c: Candles, fast: int = 12, slow: int = 26, signal: int = 9) -> tuple[Node, Node]:
    """Zero-lag MACD of the close, ZLEMA(fast) − ZLEMA(slow), and its EMA(signal)."""
    line = zlema(c.close, fast) - zlema(c.close, slow)
    return line, ema(line, signal)


def index_trend(
    c: Candles,
    symbol: str | None,
    adx_min: float = 20.0,
    interval: Interval | str = Interval.M15,
    warmup: int = 60,
) -> Node:
    """The trend of an index as of the last bar of the calendar's previous session: +1, −1 or 0.

    NaN if that bar is missing or ADX(125) is still undefined there. 0 everywhere without a symbol.
    """
    if symbol is None:
        return constant(0.0)
    index = c.other(symbol, interval, warmup)
    fast, slow = ema(index.close, 50), ema(index.close, 200)
    strength, plus, minus = dmi(index, 125)
    line, signal, _ = macd(index.close, 20, 50, 10)
    strong = strength > adx_min
    up = (index.close > fast) & (fast > slow) & strong & (plus > minus) & (line > signal)
    down = (index.close < fast) & (fast < slow) & strong & (plus < minus) & (line < signal)
    trend = where(up, 1.0, where(down, -1.0, 0.0))
    return last_session(where(strength == strength, trend, np.nan))

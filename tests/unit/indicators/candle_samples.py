"""Random candles on a calendar's grid, and every indicator at once, for the tests of this folder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np

from livetrader.domain.candles import FIELDS, CandleWindow, Floats, Interval, grid
from livetrader.domain.session import Session
from livetrader.indicators import ta
from livetrader.indicators.context import evaluate_block
from livetrader.indicators.graph import Candles, Node, Series
from livetrader.indicators.plan import Array

MAIN = Series(None, Interval.M5, 10)
DAILY = Series(None, Interval.D1, 60)
INDEX = Series("NIFTY", Interval.M15, 60)


def sessions(count: int, minutes: int = 375, first: date = date(2026, 1, 5)) -> tuple[Session, ...]:
    """Consecutive days of `minutes` from 03:45 UTC."""
    made = []
    for i in range(count):
        day = first + timedelta(days=i)
        opens = int(datetime(day.year, day.month, day.day, 3, 45, tzinfo=UTC).timestamp())
        made.append(Session(day, ((opens, opens + minutes * 60),), opens + minutes * 60))
    return tuple(made)


def window(
    days: tuple[Session, ...],
    symbols: int,
    seed: int,
    interval: Interval = Interval.M5,
    gaps: float = 0.1,
    tick: float = 0.0,
) -> CandleWindow:
    """Random walks in which each bar of a symbol is missing with probability `gaps`.

    With `tick` > 0 prices are rounded to it, which makes equal prices and bars without range.
    """
    rng = np.random.default_rng(seed)
    ts, closes, session, minute = grid(days, interval)
    shape = len(ts), symbols
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.003, shape), axis=0))
    opened = close * (1.0 + rng.normal(0.0, 0.002, shape))
    high = np.maximum(opened, close) * (1.0 + np.abs(rng.normal(0.0, 0.001, shape)))
    low = np.minimum(opened, close) * (1.0 - np.abs(rng.normal(0.0, 0.001, shape)))
    volume = rng.integers(0, 1000, shape).astype(float)
    prices = [opened, high, low, close]
    if tick:
        prices = [np.round(price / tick) * tick for price in prices]
    missing = rng.random(shape) < gaps
    fields = [np.where(missing, np.nan, field) for field in (*prices, volume)]
    names = tuple(f"S{i}" for i in range(symbols))
    return CandleWindow(interval, names, days, ts, closes, session, minute, *fields)


def blank(candles: CandleWindow, rows: slice, symbols: slice) -> CandleWindow:
    """A copy in which those bars were not traded."""
    fields = {name: getattr(candles, name).copy() for name in FIELDS}
    for field in fields.values():
        field[rows, symbols] = np.nan
    return replace(candles, **fields)


def everything(c: Candles) -> dict[str, Node]:
    """Every kernel and every block, with lengths short enough to have values in small windows."""
    adx, plus, minus = ta.dmi(c, 5)
    line, signal, histogram = ta.macd(c.close, 3, 6, 4)
    zero_lag, zero_lag_signal = ta.zl_macd(c)
    up, up_zone = ta.initial_breakout(c, bullish=True)
    down, down_zone = ta.initial_breakout(c, bullish=False)
    return {
        "close": c.close, "minute": c.minute, "ema": ta.ema(c.close, 7), "sma": ta.sma(c.close, 5),
        "rma": ta.rma(c.close, 5), "zlema": ta.zlema(c.close, 5), "atr": ta.atr(c, 5),
        "true_range": ta.true_range(c), "rsi": ta.rsi(c.close, 5), "line": line, "signal": signal,
        "histogram": histogram, "adx": adx, "plus": plus, "minus": minus, "highest": ta.highest(c.high, 6),
        "lowest": ta.lowest(c.low, 6), "std": ta.std(c.close, 6), "prev": ta.prev(c.close),
        "prev3": ta.prev(c.close, 3), "above": ta.crossed_above(c.close, ta.ema(c.close, 7)),
        "below": ta.crossed_below(c.close, ta.ema(c.close, 7)), "session_high": ta.session_high(c),
        "session_low": ta.session_low(c), "high_before": ta.session_high_before(c),
        "low_before": ta.session_low_before(c), "session_volume": ta.session_volume(c),
        "session_bar": ta.session_bar(c), "first": ta.first_in_session(c.close > ta.prev(c.close)),
        "mean_range": ta.mean_range(c), "zero_lag": zero_lag, "zero_lag_signal": zero_lag_signal, "up": up,
        "up_zone": up_zone, "down": down, "down_zone": down_zone, "bull_bar": ta.bullish_range_bar(c),
        "bear_bar": ta.bearish_range_bar(c), "effort": ta.effort(c), "volatility": ta.volatility(c),
        "trend": ta.index_trend(c, "NIFTY"), "nothing": ta.index_trend(c, None) + 0.5,
        "ratio": (c.close - c.open) / (c.high - c.low), "mixed": ~(c.close > c.open) | (c.volume != 0),
    }  # fmt: skip


def all_windows(main: CandleWindow, seed: int, days: int = 12) -> dict[Series, CandleWindow]:
    """Windows of every series that `everything` needs: `days` sessions before the main ones, and those."""
    first = main.sessions[0].date - timedelta(days=days)
    before = sessions(days, first=first)
    return {
        MAIN: main,
        DAILY: window(before + main.sessions, len(main.symbols), seed + 1, Interval.D1),
        INDEX: window(before + main.sessions, 1, seed + 2, Interval.M15, gaps=0.02),
    }


def same_bits(a: Array, b: Array) -> bool:
    """Equal shapes and bits; one NaN is as good as another."""
    if a.dtype != np.float64:
        return bool(np.array_equal(a, b))
    nan = np.isnan(a) & np.isnan(b)
    return a.shape == b.shape and bool(((a.view(np.int64) == b.view(np.int64)) | nan).all())


def different(a: Mapping[str, Array], b: Mapping[str, Array]) -> list[str]:
    """The names whose values differ in any bit."""
    assert a.keys() == b.keys()
    return [name for name in a if not same_bits(np.ascontiguousarray(a[name]), np.ascontiguousarray(b[name]))]


def traded(values: Array, candles: CandleWindow, symbol: int) -> Floats:
    """The values on the bars that the symbol traded."""
    column: Floats = values[~np.isnan(candles.close[:, symbol]), symbol]
    return column


def digest() -> str:
    """A hash of every indicator on a small window, for comparing processes."""
    windows = all_windows(window(sessions(2, 120), 3, seed=7), seed=7)
    values = evaluate_block(everything(Candles(MAIN)), MAIN, windows)
    total = hashlib.sha256()
    for name in sorted(values):
        column = values[name]
        total.update(np.where(np.isnan(column), np.nan, column).tobytes())
    return total.hexdigest()

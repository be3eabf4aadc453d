"""`index_trend`: the trend of the index as of the last bar of the previous session."""

from __future__ import annotations

import math

import numpy as np
import talib

from livetrader.domain.session import Session
from livetrader.market.calendar import Calendar
from tests.oracle.bars import M15, NAN, Bar, Days, bars_of, block, ema

WARMUP = 60


def trend_of(bars: list[Bar], adx_min: float) -> float:
    """+1, −1 or 0 on the last of the block's 15m bars; NaN where ADX(125) is undefined."""
    high = np.array([bar.high for bar in bars])
    low = np.array([bar.low for bar in bars])
    close = np.array([bar.close for bar in bars])
    adx = float(talib.ADX(high, low, close, 125)[-1])
    plus = float(talib.PLUS_DI(high, low, close, 125)[-1])
    minus = float(talib.MINUS_DI(high, low, close, 125)[-1])
    if math.isnan(adx):
        return NAN

    closes = close.tolist()
    ema50, ema200 = ema(closes, 50)[-1], ema(closes, 200)[-1]
    lines = [fast - slow for fast, slow in zip(ema(closes, 20), ema(closes, 50), strict=True)]
    line, signal = lines[-1], ema(lines, 10)[-1]
    last = closes[-1]
    if last > ema50 > ema200 and adx > adx_min and plus > minus and line > signal:
        return 1.0
    if last < ema50 < ema200 and adx > adx_min and minus > plus and line < signal:
        return -1.0
    return 0.0


def index_trend(days15: Days, calendar: Calendar, session: Session, adx_min: float) -> float:
    """The trend for `session`, in its own block; NaN if the previous session's last 15m slot is missing."""
    earlier = block(calendar, session.date, WARMUP)[:-1]
    if not earlier:
        return NAN
    bars = bars_of(earlier, days15)
    last_slot = earlier[-1].slots(M15)[-1]
    if not bars or bars[-1].ts != last_slot:
        return NAN
    return trend_of(bars, adx_min)

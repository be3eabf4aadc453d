"""The crypto strategies: 24/7, a session is a UTC day, 5m bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import talib

from livetrader.market.calendar import Calendar
from tests.oracle.bars import (
    NAN,
    Bar,
    OracleSignal,
    bars_of,
    block,
    by_session,
    ema,
    stored_sessions,
    total,
    utc,
)

WARMUP = 10
STRATEGIES = ("sma_cross", "macd_momentum", "rsi_reversion")

Sides = list[str | None]


def sma(values: Sequence[float], n: int) -> list[float]:
    """Mean of the last n values, summed oldest first; NaN until there are n."""
    return [total(values[i - n + 1 : i + 1]) / n if i >= n - 1 else NAN for i in range(len(values))]


def sma_cross(closes: Sequence[float]) -> Sides:
    fast, slow = sma(closes, 20), sma(closes, 50)
    sides: Sides = [None] * len(closes)
    for i in range(1, len(closes)):
        if fast[i - 1] <= slow[i - 1] and fast[i] > slow[i]:
            sides[i] = "long"
        elif fast[i - 1] >= slow[i - 1] and fast[i] < slow[i]:
            sides[i] = "short"
    return sides


def macd_momentum(closes: Sequence[float]) -> Sides:
    line = [a - b for a, b in zip(ema(closes, 12), ema(closes, 26), strict=True)]
    histogram = [a - b for a, b in zip(line, ema(line, 9), strict=True)]
    trend = ema(closes, 200)
    sides: Sides = [None] * len(closes)
    for i in range(1, len(closes)):
        if histogram[i - 1] < 0 < histogram[i] and closes[i] > trend[i]:
            sides[i] = "long"
        elif histogram[i - 1] > 0 > histogram[i] and closes[i] < trend[i]:
            sides[i] = "short"
    return sides


def rsi_reversion(closes: Sequence[float]) -> Sides:
    rsi = talib.RSI(np.array(closes, dtype=float), 14).tolist() if closes else []
    sides: Sides = [None] * len(closes)
    for i in range(1, len(closes)):
        if rsi[i - 1] <= 30 and rsi[i] > 30:
            sides[i] = "long"
        elif rsi[i - 1] >= 70 and rsi[i] < 70:
            sides[i] = "short"
    return sides


RULES = {"sma_cross": sma_cross, "macd_momentum": macd_momentum, "rsi_reversion": rsi_reversion}


def crypto_signals(
    candles: Mapping[str, Sequence[Bar]],
    calendar: Calendar,
    first: date,
    last: date,
    *,
    symbols: Sequence[str],
    strategies: Sequence[str] = STRATEGIES,
) -> list[OracleSignal]:
    """Every signal of the days `first..last`: the first of each strategy, symbol and UTC day, either side.

    Ordered by the bar's close, then in the order of the page's strategies, then of `symbols`.
    """
    sessions = stored_sessions(calendar, first, last, WARMUP)
    found: list[OracleSignal] = []
    for symbol in symbols:
        days = by_session(candles.get(symbol, ()), sessions)
        for session in sessions:
            today = days.get(session.date, [])
            if not first <= session.date <= last or not today:
                continue
            bars = bars_of(block(calendar, session.date, WARMUP), days)
            closes = [bar.close for bar in bars]
            for strategy in strategies:
                sides = RULES[strategy](closes)[len(bars) - len(today) :]
                fired = [(bar, side) for bar, side in zip(today, sides, strict=True) if side is not None]
                for bar, side in fired[:1]:
                    inputs = {"close": bar.close}
                    found.append(OracleSignal(strategy, symbol, utc(bar.ts), side, inputs))
    return sorted(found, key=lambda s: (s.bar_open_utc, STRATEGIES.index(s.strategy_id), symbols.index(s.symbol)))

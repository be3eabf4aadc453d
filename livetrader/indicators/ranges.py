"""Ranges and extremes. A window is of bars that the symbol traded."""

from __future__ import annotations

import math

import numpy as np

from livetrader.domain.candles import Floats
from livetrader.errors import StrategyError
from livetrader.indicators.averages import bars, rma
from livetrader.indicators.graph import Candles, Node, Operand, call, numeric
from livetrader.indicators.kernel import kernel


@kernel("fff", "f", params=1)
def _true_range(high: Floats, low: Floats, close: Floats, out: Floats, state: Floats, seed: float) -> None:
    for t in range(close.shape[0]):
        for s in range(close.shape[1]):
            last = state[0, s]
            span = high[t, s] - low[t, s]
            up = abs(high[t, s] - last)
            down = abs(low[t, s] - last)
            widest = max(span, max(up, down))
            first = span if seed == 1.0 else np.nan
            out[t, s] = first if np.isnan(last) else widest
            state[0, s] = last if np.isnan(close[t, s]) else close[t, s]


@kernel("f", "f")
def _highest(x: Floats, out: Floats, state: Floats) -> None:
    newest = state.shape[0] - 1
    for t in range(x.shape[0]):
        for s in range(x.shape[1]):
            out[t, s] = x[t, s]
        for i in range(newest):
            for s in range(x.shape[1]):
                state[i, s] = state[i, s] if np.isnan(x[t, s]) else state[i + 1, s]
                out[t, s] = state[i, s] if state[i, s] > out[t, s] else out[t, s]
        for s in range(x.shape[1]):
            state[newest, s] = state[newest, s] if np.isnan(x[t, s]) else x[t, s]
            out[t, s] = np.nan if np.isnan(state[0, s]) else out[t, s]


@kernel("f", "f", params=2)
def _deviation(x: Floats, out: Floats, state: Floats, length: float, ddof: float) -> None:
    # Two passes over the distances from the newest value, oldest first: a constant series has exactly none,
    # and there are no running sums, which would depend on where they started.
    for t in range(x.shape[0]):
        for s in range(x.shape[1]):
            now = x[t, s]
            if np.isnan(now):
                out[t, s] = np.nan
                continue
            total = 0.0
            for i in range(state.shape[0] - 1):
                state[i, s] = state[i + 1, s]
                total += state[i, s] - now
            state[state.shape[0] - 1, s] = now
            mean = total / length
            squares = 0.0
            for i in range(state.shape[0]):
                distance = state[i, s] - now - mean
                squares += distance * distance
            out[t, s] = math.sqrt(squares / (length - ddof))


def true_range(c: Candles, seed: bool = True) -> Node:
    """max(H−L, |H−prev C|, |L−prev C|); on the block's first bar H−L, or NaN with `seed=False` (TA-Lib's)."""
    return call(_true_range, (c.high, c.low, c.close), (float(seed),))


def atr(c: Candles, length: int = 14) -> Node:
    """Average true range, TA-Lib's ATR: Wilder's smoothing of the true ranges from the second bar on.

    The first value is on the bar with index `length`.
    """
    return rma(true_range(c, seed=False), length)


def highest(x: Operand, length: int) -> Node:
    """The highest of the last `length` values; NaN until there are as many."""
    return call(_highest, (numeric(x),), memory=bars(length))


def lowest(x: Operand, length: int) -> Node:
    """The lowest of the last `length` values; NaN until there are as many."""
    return -highest(-numeric(x), length)


def std(x: Operand, length: int, ddof: int = 0) -> Node:
    """Standard deviation of the last `length` values, over `length − ddof`; NaN until there are as many.

    `ddof` 0 is TA-Lib's STDDEV, 1 is pandas' and pandas-ta's default.
    """
    if bars(length) <= ddof:
        raise StrategyError(f"std over {length} bars needs ddof below {length}, not {ddof}")
    return call(_deviation, (numeric(x),), (length, ddof), memory=length)

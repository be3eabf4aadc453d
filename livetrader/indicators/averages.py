"""Moving averages. A window is of bars that the symbol traded."""

from __future__ import annotations

import numpy as np

from livetrader.domain.candles import Floats
from livetrader.errors import StrategyError
from livetrader.indicators.graph import Node, Operand, call, numeric
from livetrader.indicators.kernel import kernel


@kernel("f", "f", params=1)
def _ema(x: Floats, out: Floats, state: Floats, alpha: float) -> None:
    # pandas' order of operations, its division by a sum of weights that is nearly 1 and its shortcut for a
    # constant series included: that is what makes the bits equal.
    keep = 1.0 - alpha
    weight = keep + alpha
    for t in range(x.shape[0]):
        for s in range(x.shape[1]):
            now = x[t, s]
            last = state[0, s]
            moved = (keep * last + alpha * now) / weight
            new = last if last == now else moved
            new = now if np.isnan(last) else new
            out[t, s] = np.nan if np.isnan(now) else new
            state[0, s] = last if np.isnan(now) else new


@kernel("f", "f", params=1)
def _mean(x: Floats, out: Floats, state: Floats, length: float) -> None:
    # The sum is made anew on each bar, oldest first: a running sum would depend on where it started.
    oldest, newest = 0, state.shape[0] - 1
    for t in range(x.shape[0]):
        for s in range(x.shape[1]):
            out[t, s] = 0.0
        for i in range(oldest, newest):
            for s in range(x.shape[1]):
                state[i, s] = state[i, s] if np.isnan(x[t, s]) else state[i + 1, s]
                out[t, s] += state[i, s]
        for s in range(x.shape[1]):
            now = x[t, s]
            state[newest, s] = state[newest, s] if np.isnan(now) else now
            out[t, s] = (out[t, s] + now) / length


@kernel("f", "f", params=1, fill=0.0)
def _rma(x: Floats, out: Floats, state: Floats, length: float) -> None:
    # state: the sum until there are `length` values, the average from then on; how many values there were
    for t in range(x.shape[0]):
        for s in range(x.shape[1]):
            now = x[t, s]
            last = state[0, s]
            count = state[1, s] + 1.0
            new = last + now
            new = new / length if count == length else new
            new = (last * (length - 1.0) + now) / length if count > length else new
            out[t, s] = np.nan if np.isnan(now) or count < length else new
            state[0, s] = last if np.isnan(now) else new
            state[1, s] = state[1, s] if np.isnan(now) else min(count, length)


def ema(x: Operand, length: int) -> Node:
    """Exponential moving average, alpha = 2 / (length + 1), seeded with the first value.

    `Series.ewm(span=length, adjust=False).mean()` on the traded bars, bit for bit; no minimum count.
    """
    alpha = 1.0 / (1.0 + (bars(length) - 1.0) / 2.0)
    return call(_ema, (numeric(x),), (alpha,))


def sma(x: Operand, length: int) -> Node:
    """Simple moving average of the last `length` values; NaN until there are as many."""
    return call(_mean, (numeric(x),), (bars(length),), memory=length)


mean = sma


def rma(x: Operand, length: int) -> Node:
    """Wilder's smoothing, alpha = 1 / length, seeded as in TA-Lib: the mean of the first `length` values."""
    return call(_rma, (numeric(x),), (bars(length),), memory=2)


def zlema(x: Operand, length: int) -> Node:
    """Zero-lag EMA: 2·EMA − EMA of EMA."""
    once = ema(x, length)
    return 2.0 * once - ema(once, length)


def bars(length: int) -> int:
    """`length`, if it is a whole number of bars from 1 up; StrategyError if not."""
    if not isinstance(length, int) or isinstance(length, bool) or length < 1:
        raise StrategyError(f"{length!r} is no length: give a whole number of bars, 1 or more")
    return length

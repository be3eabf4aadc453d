"""RSI, MACD and directional movement."""

from __future__ import annotations

import numpy as np

from livetrader.domain.candles import Floats
from livetrader.errors import StrategyError
from livetrader.indicators.averages import bars, ema
from livetrader.indicators.graph import Candles, Node, Operand, call, numeric, outputs
from livetrader.indicators.kernel import kernel

ZERO = 1e-14
"""What TA-Lib takes for zero."""


@kernel("f", "f", params=2)
def _rsi(x: Floats, out: Floats, state: Floats, length: float, zero: float) -> None:
    # state: the last value; gains and losses (sums over the first `length` changes, averages from then on);
    # how many changes there were
    for t in range(x.shape[0]):
        for s in range(x.shape[1]):
            now, last = x[t, s], state[0, s]
            if np.isnan(now):
                out[t, s] = np.nan
                continue
            state[0, s] = now
            if np.isnan(last):
                state[1, s], state[2, s], state[3, s] = 0.0, 0.0, 0.0
                out[t, s] = np.nan
                continue
            gain, loss = max(now - last, 0.0), max(last - now, 0.0)
            count = state[3, s] + 1.0
            if count > length:
                gain = (state[1, s] * (length - 1.0) + gain) / length
                loss = (state[2, s] * (length - 1.0) + loss) / length
            else:
                gain, loss = state[1, s] + gain, state[2, s] + loss
                if count == length:
                    gain, loss = gain / length, loss / length
            state[1, s], state[2, s], state[3, s] = gain, loss, min(count, length)
            share = 100.0 * (gain / (gain + loss)) if gain + loss >= zero else 0.0
            out[t, s] = share if count >= length else np.nan


@kernel("fff", "fff", params=2)
def _dmi(
    high: Floats,
    low: Floats,
    close: Floats,
    adx: Floats,
    plus: Floats,
    minus: Floats,
    state: Floats,
    length: float,
    zero: float,
) -> None:
    # state: high, low and close of the last bar; smoothed +DM, −DM and true range; sum of DX, then ADX; bars
    for t in range(close.shape[0]):
        for s in range(close.shape[1]):
            adx[t, s], plus[t, s], minus[t, s] = np.nan, np.nan, np.nan
            if np.isnan(close[t, s]):
                continue
            last_high, last_low, last_close = state[0, s], state[1, s], state[2, s]
            state[0, s], state[1, s], state[2, s] = high[t, s], low[t, s], close[t, s]
            if np.isnan(last_close):
                for i in range(3, 8):
                    state[i, s] = 0.0
                continue
            index = min(state[7, s] + 1.0, 2.0 * length)
            state[7, s] = index
            up, down = high[t, s] - last_high, last_low - low[t, s]
            if index >= length:
                for i in range(3, 6):
                    state[i, s] -= state[i, s] / length
            if down > 0.0 and up < down:
                state[4, s] += down
            elif up > 0.0 and up > down:
                state[3, s] += up
            span = max(high[t, s] - low[t, s], max(abs(high[t, s] - last_close), abs(low[t, s] - last_close)))
            state[5, s] += span
            if index < length:
                continue
            plus[t, s], minus[t, s], dx = 0.0, 0.0, np.nan
            if state[5, s] >= zero:
                plus[t, s] = 100.0 * (state[3, s] / state[5, s])
                minus[t, s] = 100.0 * (state[4, s] / state[5, s])
                total = plus[t, s] + minus[t, s]
                if total >= zero:
                    dx = 100.0 * (abs(minus[t, s] - plus[t, s]) / total)
            if index < 2.0 * length:
                state[6, s] += 0.0 if np.isnan(dx) else dx
                if index == 2.0 * length - 1.0:
                    state[6, s] /= length
            elif not np.isnan(dx):
                state[6, s] = (state[6, s] * (length - 1.0) + dx) / length
            if index >= 2.0 * length - 1.0:
                adx[t, s] = state[6, s]


def rsi(x: Operand, length: int = 14) -> Node:
    """Relative strength index, TA-Lib's RSI: the first value is on the bar with index `length`.

    0 where there was no change at all, as in TA-Lib.
    """
    return call(_rsi, (numeric(x),), (bars(length), ZERO), memory=4)


def macd(x: Operand, fast: int = 12, slow: int = 26, signal: int = 9) -> tuple[Node, Node, Node]:
    """Line EMA(fast) − EMA(slow), its EMA(signal), and line − signal; from the first bar on."""
    line = ema(x, fast) - ema(x, slow)
    average = ema(line, signal)
    return line, average, line - average


def dmi(c: Candles, length: int = 14) -> tuple[Node, Node, Node]:
    """TA-Lib's ADX (from the bar with index 2·length − 1 on), +DI and −DI (from `length` on)."""
    if bars(length) < 2:
        raise StrategyError("ADX and DI need a length of 2 bars or more")
    adx, plus, minus = outputs(_dmi, (c.high, c.low, c.close), (length, ZERO), memory=8)
    return adx, plus, minus


def adx(c: Candles, length: int = 14) -> Node:
    """Average directional index (see `dmi`)."""
    return dmi(c, length)[0]


def plus_di(c: Candles, length: int = 14) -> Node:
    """Plus directional indicator (see `dmi`)."""
    return dmi(c, length)[1]


def minus_di(c: Candles, length: int = 14) -> Node:
    """Minus directional indicator (see `dmi`)."""
    return dmi(c, length)[2]

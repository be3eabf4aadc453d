"""Everything that a strategy's `indicators(c)` is written with: `from livetrader.indicators import ta`.

A length counts bars that the symbol traded. On a bar that it did not trade, numbers are NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from livetrader.indicators.averages import ema, mean, rma, sma, zlema
from livetrader.indicators.bars import crossed_above, crossed_below, prev
from livetrader.indicators.blocks import (
    bearish_range_bar,
    bullish_range_bar,
    daily_atr10,
    daily_close10,
    daily_volume10,
    effort,
    index_trend,
    initial_breakout,
    mean_range,
    volatility,
    zl_macd,
)
from livetrader.indicators.elementwise import abs, maximum, minimum, where
from livetrader.indicators.graph import Node, Operand, constant, node, numeric
from livetrader.indicators.operations import PerSymbol
from livetrader.indicators.oscillators import adx, dmi, macd, minus_di, plus_di, rsi
from livetrader.indicators.ranges import atr, highest, lowest, std, true_range
from livetrader.indicators.sessions import (
    first_in_session,
    last_session,
    session_bar,
    session_high,
    session_high_before,
    session_highest,
    session_low,
    session_low_before,
    session_lowest,
    session_mean,
    session_sum,
    session_volume,
    since_first_in_session,
)


def per_symbol(function: Callable[..., Any], *inputs: Operand) -> Node:
    """`function` run on each symbol's traded bars since the start of the block: pandas-ta, TA-Lib, your own.

    It gets a pandas Series for each input (index: bar opens, UTC) without NaN, and returns as many values, or
    None for all NaN. Slow: live it sees the whole history on every bar. It must not look ahead, nor depend on
    how much follows: `livetrader strategies check` finds out.
    """
    return node(PerSymbol(function), tuple(numeric(one) for one in inputs))


__all__ = [
    "abs", "adx", "atr", "bearish_range_bar", "bullish_range_bar", "constant", "crossed_above",
    "crossed_below", "daily_atr10", "daily_close10", "daily_volume10", "dmi", "effort", "ema",
    "first_in_session", "highest", "index_trend", "initial_breakout", "last_session", "lowest", "macd",
    "maximum", "mean", "mean_range", "minimum", "minus_di", "per_symbol", "plus_di", "prev", "rma",
    "rsi", "session_bar", "session_high", "session_high_before", "session_highest", "session_low",
    "session_low_before", "session_lowest", "session_mean", "session_sum", "session_volume",
    "since_first_in_session", "sma", "std", "true_range", "volatility", "where", "zl_macd", "zlema",
]  # fmt: skip

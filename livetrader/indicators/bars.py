"""The bars before this one. A symbol's previous bar is the previous that it traded."""

from __future__ import annotations

import numpy as np

from livetrader.domain.candles import Floats
from livetrader.errors import StrategyError
from livetrader.indicators.averages import bars
from livetrader.indicators.graph import Node, Operand, call, field, numeric
from livetrader.indicators.kernel import kernel


@kernel("ff", "f")
def _prev(x: Floats, close: Floats, out: Floats, state: Floats) -> None:
    # `close` tells whether the bar was traded: `x` may be NaN on a bar that was.
    newest = state.shape[0] - 1
    for t in range(x.shape[0]):
        for s in range(x.shape[1]):
            out[t, s] = np.nan if np.isnan(close[t, s]) else state[0, s]
        for i in range(newest):
            for s in range(x.shape[1]):
                state[i, s] = state[i, s] if np.isnan(close[t, s]) else state[i + 1, s]
        for s in range(x.shape[1]):
            state[newest, s] = state[newest, s] if np.isnan(close[t, s]) else x[t, s]


def prev(x: Operand, length: int = 1) -> Node:
    """The value `length` traded bars ago. It crosses sessions, but not the start of the block.

    NaN where there is no such bar, or `x` was NaN on it.
    """
    values = numeric(x)
    return values if values.series is None else call(_prev, (values, traded(values)), memory=bars(length))


def crossed_above(a: Operand, b: Operand) -> Node:
    """True on a bar where `a` > `b`, if on the previous traded bar `a` <= `b`."""
    a, b = numeric(a), numeric(b)
    return (prev(a) <= prev(b)) & (a > b)


def crossed_below(a: Operand, b: Operand) -> Node:
    """True on a bar where `a` < `b`, if on the previous traded bar `a` >= `b`."""
    a, b = numeric(a), numeric(b)
    return (prev(a) >= prev(b)) & (a < b)


def traded(x: Node) -> Node:
    """The close of the series that `x` runs along: NaN where the symbol did not trade."""
    if x.series is None:
        raise StrategyError(f"{x!r} runs along no series: combine it with a field of candles first")
    return field(x.series, "close")

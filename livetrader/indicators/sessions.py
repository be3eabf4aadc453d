"""What happened in the session so far. A session's first bar is the first that the symbol has in it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from livetrader.domain.candles import Floats
from livetrader.indicators.bars import traded
from livetrader.indicators.graph import Candles, Node, Operand, node, numeric, outputs, truth
from livetrader.indicators.kernel import kernel
from livetrader.indicators.operations import LastSession

Truths = npt.NDArray[np.bool_]


@kernel("f", "ff", by_session=True)
def _session_highest(x: Floats, new_session: Truths, so_far: Floats, before: Floats, state: Floats) -> None:
    for t in range(x.shape[0]):
        if new_session[t]:
            state[0, :] = np.nan
        for s in range(x.shape[1]):
            now, best = x[t, s], state[0, s]
            new = now if now > best or np.isnan(best) else best
            before[t, s] = np.nan if np.isnan(now) else best
            so_far[t, s] = np.nan if np.isnan(now) else new
            state[0, s] = new


@kernel("f", "ff", by_session=True, fill=0.0)
def _session_sum(x: Floats, new_session: Truths, total: Floats, count: Floats, state: Floats) -> None:
    for t in range(x.shape[0]):
        if new_session[t]:
            state[:, :] = 0.0
        for s in range(x.shape[1]):
            now = x[t, s]
            total[t, s] = state[0, s] + now
            count[t, s] = np.nan if np.isnan(now) else state[1, s] + 1.0
            state[0, s] = state[0, s] if np.isnan(now) else total[t, s]
            state[1, s] = state[1, s] if np.isnan(now) else count[t, s]


@kernel("bff", "bbf", by_session=True)
def _session_first(
    condition: Truths,
    x: Floats,
    close: Floats,
    new_session: Truths,
    first: Truths,
    happened: Truths,
    held: Floats,
    state: Floats,
) -> None:
    # state: whether it has happened (1.0), and the value of `x` when it did
    for t in range(close.shape[0]):
        if new_session[t]:
            state[:, :] = np.nan
        for s in range(close.shape[1]):
            now = not np.isnan(close[t, s])
            first[t, s] = now and condition[t, s] and np.isnan(state[0, s])
            if first[t, s]:
                state[0, s], state[1, s] = 1.0, x[t, s]
            happened[t, s] = now and state[0, s] == 1.0
            held[t, s] = state[1, s] if now else np.nan


def session_highest(x: Operand) -> Node:
    """The highest value of the session so far, this bar's included."""
    return outputs(_session_highest, (numeric(x),))[0]


def session_lowest(x: Operand) -> Node:
    """The lowest value of the session so far, this bar's included."""
    return -session_highest(-numeric(x))


def session_sum(x: Operand) -> Node:
    """The sum of the session's values so far, this bar's included, in order of time."""
    return outputs(_session_sum, (numeric(x),), memory=2)[0]


def session_mean(x: Operand) -> Node:
    """The mean of the session's values so far, this bar's included."""
    total, count = outputs(_session_sum, (numeric(x),), memory=2)
    return total / count


def session_high(c: Candles) -> Node:
    """The session's high so far, this bar's included."""
    return session_highest(c.high)


def session_low(c: Candles) -> Node:
    """The session's low so far, this bar's included."""
    return session_lowest(c.low)


def session_high_before(c: Candles) -> Node:
    """The high of the session's bars before this one; NaN on the first."""
    return outputs(_session_highest, (c.high,))[1]


def session_low_before(c: Candles) -> Node:
    """The low of the session's bars before this one; NaN on the first."""
    return -outputs(_session_highest, (-c.low,))[1]


def session_volume(c: Candles) -> Node:
    """The session's volume so far, this bar's included."""
    return session_sum(c.volume)


def session_bar(c: Candles) -> Node:
    """How many bars the symbol has traded in the session, this one included."""
    return outputs(_session_sum, (c.close,), memory=2)[1]


def first_in_session(condition: Node) -> Node:
    """True on the session's first traded bar where `condition` is true, and on no other."""
    close = traded(truth(condition))
    return outputs(_session_first, (condition, close, close), memory=2)[0]


def since_first_in_session(condition: Node, x: Operand) -> tuple[Node, Node]:
    """Whether `condition` has been true in the session, this bar included; and `x` when it first was.

    On a bar that the symbol did not trade: false and NaN.
    """
    close = traded(truth(condition))
    _, happened, held = outputs(_session_first, (condition, numeric(x), close), memory=2)
    return happened, held


def last_session(x: Node) -> Node:
    """A value of another series, as of the last session completed before this one: constant in a session.

    Of the symbol's own bars: its value on the last that the symbol traded. Of another symbol's: the value on
    the last bar of the calendar's previous session, NaN (or false) where that bar is missing.
    """
    values = numeric(x)
    if values.series is None:
        return x
    lent = node(LastSession(), (values,))
    return lent == 1.0 if x.boolean else lent

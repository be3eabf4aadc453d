"""Longer bars from shorter ones, on the calendar's grid."""

from __future__ import annotations

import numba as nb
import numpy as np

from livetrader.domain.candles import FIELDS, CandleWindow, Floats, Interval, Ints


def aggregate(window: CandleWindow, interval: Interval) -> CandleWindow:
    """The bars of `interval` that the window's rows belong to, in a window of their own.

    Bars are counted from the session's open. Open is the first traded bar's, high the highest, low the
    lowest, close the last's, volume the sum in time order (float64); NaN in all five where no bar was traded.
    Every bar depends on its own rows alone: a year and a single bar's rows give the same bits. A window that
    begins or ends inside a bar gives that bar from the rows it has. Raises ValueError for an interval that is
    shorter than the window's or not a multiple of it.
    """
    if interval == window.interval:
        return window
    if interval.seconds % window.interval.seconds or interval.seconds < window.interval.seconds:
        raise ValueError(f"cannot make {interval.value} bars from {window.interval.value} bars")
    opens = np.array([session.opens for session in window.sessions], np.int64)
    closes = np.array([session.closes for session in window.sessions], np.int64)
    # As Session.slots: in a session shorter than the bar, the session is the bar.
    step = np.minimum(interval.seconds, closes - opens)
    session = window.session
    slot = opens[session] + (window.ts - opens[session]) // step[session] * step[session]
    first = np.flatnonzero(np.diff(slot, prepend=-1))
    ts, session = slot[first], session[first]
    bounds = np.append(first, len(slot))
    fields = _fold(*(getattr(window, name) for name in FIELDS), bounds)  # type: ignore[call-arg]  # numba's stub
    return CandleWindow(
        interval, window.symbols, window.sessions, ts, np.minimum(ts + interval.seconds, closes[session]),
        session, ((ts - opens[session]) // 60).astype(np.int32), *fields,
    )  # fmt: skip


@nb.njit(cache=True)
def _fold(
    open_: Floats, high: Floats, low: Floats, close: Floats, volume: Floats, bounds: Ints
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Fold the rows `bounds[i]..bounds[i + 1]` into row i; row by row, so that memory is read in order."""
    rows, width = len(bounds) - 1, open_.shape[1]
    opens, highs, lows = np.full((rows, width), np.nan), np.empty((rows, width)), np.empty((rows, width))
    closes, volumes = np.empty((rows, width)), np.empty((rows, width))
    for row in range(rows):
        highs[row], lows[row], closes[row], volumes[row] = np.nan, np.nan, np.nan, np.nan
        for part in range(bounds[row], bounds[row + 1]):
            for i in range(width):
                if np.isnan(open_[part, i]):
                    continue
                if np.isnan(opens[row, i]):
                    opens[row, i], volumes[row, i] = open_[part, i], volume[part, i]
                    highs[row, i], lows[row, i] = high[part, i], low[part, i]
                else:
                    highs[row, i] = max(highs[row, i], high[part, i])
                    lows[row, i] = min(lows[row, i], low[part, i])
                    volumes[row, i] += volume[part, i]
                closes[row, i] = close[part, i]
    return opens, highs, lows, closes, volumes

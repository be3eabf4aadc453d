"""One bar, as a feed gives it; many of them are `candles.CandleColumns`. Without numpy, for those who read few."""

from __future__ import annotations

from typing import NamedTuple


class Candle(NamedTuple):
    """A bar by its open in epoch seconds; a daily bar by midnight UTC of its exchange date. NaN where nothing is said.

    Nothing is promised of the prices: they are what somebody else has said.
    """

    ts: int
    open: float
    high: float
    low: float
    close: float
    volume: float

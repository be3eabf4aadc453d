"""The prefix gate: is what a bar says the same whether or not later bars are there?

value(t | start of block .. t) == value(t | start .. end of block), bit for bit. It is the proof that backtest
and live agree, and it finds look-ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from livetrader.domain.candles import CandleWindow
from livetrader.indicators.graph import Series
from livetrader.indicators.plan import Array

Evaluate = Callable[[Mapping[Series, CandleWindow]], Mapping[str, Array]]
"""Windows in, named arrays (rows of the main window, symbols) out."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A value that later bars change. `bar_open` is in epoch seconds."""

    name: str
    symbol: str
    bar_open: int
    prefix: float
    whole: float

    def __str__(self) -> str:
        at = np.datetime64(self.bar_open, "s")
        return (
            f"{self.name} of {self.symbol} at {at}Z is {self.prefix!r} at the bar's close and {self.whole!r} "
            "once later bars are known: it looks ahead, or depends on where the data ends"
        )


def prefix_gate(
    evaluate: Evaluate,
    main: Series,
    windows: Mapping[Series, CandleWindow],
    rng: np.random.Generator,
    probes: int = 20,
) -> list[Violation]:
    """The violations at `probes` random rows of the main window (all rows, if it has no more), in time order.

    Other windows end for a probe where they do live: with what is known at the open of the row's session.
    At a row, each name is reported for the first symbol that it concerns.
    """
    window = windows[main]
    height = window.shape[0]
    whole = evaluate(windows)
    found = []
    for row in np.sort(rng.choice(height, min(probes, height), replace=False)).tolist():
        cut = {series: _until(each, row, window, series == main) for series, each in windows.items()}
        prefix = evaluate(cut)
        for name in whole:
            then, now = prefix[name][row], whole[name][row]
            for i in np.flatnonzero(~_same_bits(then, now))[:1]:
                place = name, window.symbols[i], int(window.ts[row])
                found.append(Violation(*place, then[i].item(), now[i].item()))
    return found


def _until(window: CandleWindow, row: int, main: CandleWindow, is_main: bool) -> CandleWindow:
    if is_main:
        return window.rows(0, row + 1)
    opens = main.sessions[main.session[row]].opens
    return window.rows(0, int(np.searchsorted(window.closes, opens, side="right")))


def _same_bits(a: Array, b: Array) -> npt.NDArray[np.bool_]:
    """Equal bit for bit; any NaN is the same as any other."""
    if a.dtype != np.float64:
        return np.asarray(a == b)
    return np.asarray((a.view(np.int64) == b.view(np.int64)) | (np.isnan(a) & np.isnan(b)))

"""Any function of pandas series, run on each symbol's traded bars since the start of the block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from livetrader.domain.candles import Floats, Ints
from livetrader.errors import StrategyError


class History:
    """What a `per_symbol` node remembers: its inputs on every row since the start of the block.

    Slow by design: the function sees each symbol's whole history on every run.
    """

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        """`name` is a value that needs it: errors begin with it."""
        self.function, self.name = function, name
        self.ts: Ints = np.empty(0, np.int64)
        self.inputs: list[Floats] = []

    def run(self, ts: Ints, inputs: tuple[Floats, ...], out: Floats) -> None:
        """Append rows of the inputs, each (rows, symbols), and write the values there to `out`."""
        seen = self.inputs or [np.empty((0, out.shape[1]))] * len(inputs)
        self.ts = np.concatenate([self.ts, ts])
        self.inputs = [np.concatenate(pair) for pair in zip(seen, inputs, strict=True)]
        traded = np.logical_not(np.isnan(self.inputs).any(axis=0))
        out[:] = np.nan
        first = len(self.ts) - len(ts)
        for symbol in np.flatnonzero(traded[first:].any(axis=0)):
            rows = np.flatnonzero(traded[:, symbol])
            now = rows >= first
            out[rows[now] - first, symbol] = self._values(rows, int(symbol))[now]

    def _values(self, rows: Ints, symbol: int) -> Floats:
        index = pd.DatetimeIndex(self.ts[rows].astype("datetime64[s]")).tz_localize("UTC")
        try:
            values = self.function(*(pd.Series(one[rows, symbol], index) for one in self.inputs))
            if values is None:  # pandas-ta's answer to too few bars
                return np.full(len(rows), np.nan)
            found = np.asarray(values, np.float64)
        except Exception as error:
            what = " ".join(str(error).split())  # one line, also of what pandas says in several
            raise self._failed(f"{type(error).__name__}: {what}") from error
        if found.shape != rows.shape:
            raise self._failed(f"returned an array of shape {found.shape} for {len(rows)} bars: return one value a bar")
        return found

    def _failed(self, what: str) -> StrategyError:
        called = getattr(self.function, "__name__", self.function)
        return StrategyError(f"{self.name}: per_symbol: {called}: {what}")

    @staticmethod
    def join(parts: list[History]) -> History:
        """The histories of adjoining groups of symbols, over the same rows, as one."""
        whole = History(parts[0].function, parts[0].name)
        whole.ts = parts[0].ts
        inputs = zip(*(part.inputs for part in parts), strict=True)
        whole.inputs = [np.concatenate(arrays, axis=1) for arrays in inputs]
        return whole

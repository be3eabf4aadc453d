"""Named values as pandas frames, made when they are looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from livetrader.domain.candles import Ints
from livetrader.errors import StrategyError
from livetrader.indicators.plan import Array


class Frames(Mapping[str, pd.DataFrame]):
    """What a strategy's `entries(f)` gets: `f.close` or `f["close"]`, time × symbol.

    `values` are arrays (rows, symbols), `ts` the rows' bar opens in epoch seconds. Rows are named by bar open
    (UTC), columns by symbol. A frame is a view of its array, which the next row may overwrite: read only.
    """

    def __init__(self, values: Mapping[str, Array], ts: Ints, symbols: Sequence[str]) -> None:
        self._values = values
        self.ts = ts
        self._columns = pd.Index(symbols)
        self._index: pd.DatetimeIndex | None = None
        self._made: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._made:
            if self._index is None:
                self._index = pd.DatetimeIndex(self.ts.astype("datetime64[s]")).tz_localize("UTC")
            self._made[name] = pd.DataFrame(self._values[name], self._index, self._columns, copy=False)
        return self._made[name]

    def __getattr__(self, name: str) -> pd.DataFrame:
        # Private names are never indicators; looking them up here would recurse while an instance is copied.
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            known = ", ".join(sorted(self._values))
            raise StrategyError(f"no f.{name}: indicators(c) gives {known}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

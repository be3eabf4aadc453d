"""Markets for the acceptance tests: candles in a store on disk, and settings that look at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from livetrader.bootstrap.research import Request
from livetrader.bootstrap.workspace import Workspace
from livetrader.config import Configuration, load
from livetrader.domain.candles import FIELDS, CandleColumns, Interval
from livetrader.marketdata.store import open_store
from tests.oracle.bars import Bar, is_traded

Candles = Mapping[str, Sequence[Bar]]


@dataclass(frozen=True)
class Market:
    """A store in `folder`, and what to trade in it: symbols and the sessions first..last."""

    folder: Path
    symbols: tuple[str, ...]
    first: date
    last: date
    calendar: str = "nse"

    def configuration(self, settings: Mapping[str, object] | None = None) -> Configuration:
        """The built-in defaults on this store, with `settings` (dotted path to value) over them."""
        chosen = {
            "candles.url": f"sqlite:///{self.folder / 'candles.db'}",
            "state.url": f"sqlite:///{self.folder / 'state.db'}",
            "market.calendar": self.calendar,
            "symbols": ",".join(self.symbols) + ",",
            **(settings or {}),
        }
        return load(
            None, flags={key: ("test", value) for key, value in chosen.items()}, environ={}, directory=self.folder
        )

    def workspace(self, settings: Mapping[str, object] | None = None) -> Workspace:
        return Workspace(self.configuration(settings), read_only=True)

    def request(self, **changes: object) -> Request:
        return Request(**{"first": self.first, "last": self.last, **changes})  # type: ignore[arg-type]


def store(folder: Path, candles: Mapping[Interval, CandleColumns]) -> None:
    """Put candles into the store of `folder`."""
    with open_store(f"sqlite:///{folder / 'candles.db'}") as opened:
        for interval, columns in candles.items():
            opened.upsert(interval, columns)


def columns(candles: Candles) -> CandleColumns:
    """Bars by symbol in the long form that a store takes, in the order given."""
    symbols = tuple(candles)
    rows = np.array([bar for symbol in symbols for bar in candles[symbol]], float).reshape(-1, 6)
    place = np.repeat(np.arange(len(symbols), dtype=np.int32), [len(candles[s]) for s in symbols])
    return CandleColumns(symbols, rows[:, 0].astype(np.int64), place, *rows.T[1:])


def columns_of(table: pd.DataFrame) -> CandleColumns:
    """A vendor's table (symbol, ts, open … volume) in the long form that a store takes."""
    codes, symbols = pd.factorize(table["symbol"])
    ts = table["ts"].astype("datetime64[s, UTC]").astype("int64").to_numpy()
    fields = [table[name].to_numpy(float) for name in FIELDS]
    return CandleColumns(tuple(symbols), ts, codes.astype(np.int32), *fields)


def minutes(bars: Sequence[Bar], seed: int) -> list[Bar]:
    """1m bars, some of them missing, whose 5m bars lie within `bars`.

    Price goes from the open to one extreme, to the other and to the close.
    """
    rng = np.random.default_rng(seed)
    found = []
    for bar in filter(is_traded, bars):
        first, second = (bar.low, bar.high) if rng.random() < 0.5 else (bar.high, bar.low)
        path = [bar.open, _middle(bar.open, first), first, _middle(first, second), second, bar.close]
        for i, (a, b) in enumerate(pairwise(path)):
            if rng.random() > 0.03:
                found.append(Bar(bar.ts + 60 * i, a, max(a, b), min(a, b), b, bar.volume // 5))
    return found


def _middle(a: float, b: float) -> float:
    return round(round((a + b) * 10) / 20, 2)

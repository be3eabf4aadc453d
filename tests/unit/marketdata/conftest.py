"""Candles, calendars and stores for the tests of market data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from livetrader.domain.candles import CandleColumns
from livetrader.market.calendar import Calendar, load
from livetrader.marketdata.store import CandleStore, open_store

Row = tuple[str, int, float, float, float, float, float]


class Make:
    """Builds CandleColumns from rows of (symbol, ts, open, high, low, close, volume)."""

    @staticmethod
    def bars(*rows: Row, symbols: tuple[str, ...] | None = None) -> CandleColumns:
        names = symbols if symbols is not None else tuple(sorted({row[0] for row in rows}))
        fields = (np.array([row[2 + i] for row in rows], np.float64) for i in range(5))
        return CandleColumns(
            names,
            np.array([row[1] for row in rows], np.int64),
            np.array([names.index(row[0]) for row in rows], np.int32),
            *fields,
        )

    @staticmethod
    def plain(symbol: str, ts: int, price: float = 100.0, volume: float = 10.0) -> Row:
        return symbol, ts, price, price + 1, price - 1, price + 0.5, volume


@pytest.fixture
def make() -> type[Make]:
    return Make


@pytest.fixture
def nse() -> Calendar:
    return load("nse")


@pytest.fixture
def store() -> Iterator[CandleStore]:
    with open_store("sqlite://") as opened:
        yield opened


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real candles, which is not part of the project."""
    folder = Path(__file__).resolve().parents[3] / "../shared/data"
    if not folder.is_dir():
        pytest.skip("no folder of real candles beside the project (../shared/data)")
    return folder

"""A paper state, and frames of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from livetrader.dashboard.data import Feed, Frame, Limits, read
from livetrader.market.calendar import Calendar
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal
from livetrader.store.queries import open_queries
from tests.unit.dashboard.desk import NOON

LIMITS = Limits(Decimal(100_000), Decimal(1), 3, 5, Decimal(2))
PRICES = {"INFY": Decimal(1510), "TCS": Decimal(3602)}

FrameMaker = Callable[..., Frame]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'state.db'}"


@pytest.fixture
def journal(url: str) -> Iterator[SqlJournal]:
    opened = SqlJournal(open_state(url, "paper", "main"))
    yield opened
    opened.close()


@pytest.fixture
def frame(url: str, nse: Calendar) -> FrameMaker:
    """A function that reads a frame of the state, at noon unless told otherwise."""

    def make(prices: Mapping[str, Decimal] = PRICES, now: float = NOON.timestamp(), limits: Limits = LIMITS) -> Frame:
        def feed(_symbols: Sequence[str], at: float) -> Feed:
            return Feed(prices, int(at) - 5 if prices else None, 300)

        with open_queries(url, "paper") as queries:
            return read(queries, nse, limits, feed, now)

    return make

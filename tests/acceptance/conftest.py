"""The markets that several acceptance tests share, each made once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import markets
import pandas as pd
import pytest
import structlog
from markets import Market

from livetrader.domain.candles import Interval
from livetrader.market.calendar import Calendar, load
from tests.oracle.candles import generate


@pytest.fixture(autouse=True)
def _warnings_only() -> Iterator[None]:
    """A line for each of thousands of decisions would bury what a failing test has to say."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def drill(tmp_path_factory: pytest.TempPathFactory, nse: Calendar) -> Market:
    """Ten stocks around the two-part Saturday of 2 March 2024, over a month's end.

    STOCK00 and STOCK01 have 1m bars beside their 5m bars, STOCK02 has 1m bars alone. `actions.csv` has ex-dates,
    `sectors.csv` the sectors of nine.
    """
    folder = tmp_path_factory.mktemp("drill")
    candles = generate(nse, date(2023, 11, 15), date(2024, 3, 11), stocks=10, seed=7)
    fine = {f"STOCK0{i}": markets.minutes(candles[f"STOCK0{i}"], seed=i) for i in range(3)}
    coarse = {symbol: bars for symbol, bars in candles.items() if symbol != "STOCK02"}
    markets.store(folder, {Interval.M5: markets.columns(coarse), Interval.M1: markets.columns(fine)})
    (folder / "actions.csv").write_text(
        "symbol,ex_date\nSTOCK03,2024-02-20\nSTOCK03,2024-03-01\nSTOCK05,2024-03-02\nSTOCK07,2024-03-03\n"
    )
    (folder / "sectors.csv").write_text(
        "symbol,sector\n" + "".join(f"STOCK0{i},{'bank' if i % 2 else 'steel'}\n" for i in range(9))
    )
    symbols = tuple(symbol for symbol in coarse if symbol not in ("NIFTY", *fine))
    return Market(folder, symbols, date(2024, 2, 28), date(2024, 3, 5))


@pytest.fixture(scope="session")
def muhurat(tmp_path_factory: pytest.TempPathFactory, nse: Calendar) -> Market:
    """Six stocks around the Muhurat hour of 1 November 2024, the first session of its month."""
    folder = tmp_path_factory.mktemp("muhurat")
    candles = generate(nse, date(2024, 7, 20), date(2024, 11, 8), stocks=6, seed=11)
    markets.store(folder, {Interval.M5: markets.columns(candles)})
    return Market(folder, tuple(candles)[1:], date(2024, 10, 28), date(2024, 11, 6))


@pytest.fixture(scope="session")
def coins(tmp_path_factory: pytest.TempPathFactory) -> Market:
    """Four symbols that trade around the clock, over a month's end."""
    folder = tmp_path_factory.mktemp("coins")
    candles = generate(load("24x7"), date(2025, 6, 18), date(2025, 7, 2), stocks=4, seed=3)
    markets.store(folder, {Interval.M5: markets.columns(candles)})
    return Market(folder, tuple(candles)[1:], date(2025, 6, 30), date(2025, 7, 2), calendar="24x7")


def _vendors(folder: Path, shared: Path, names: str) -> Market:
    for name in names:
        table = pd.read_parquet(shared / f"nse_5m_vendor_{name}.parquet")
        markets.store(folder, {Interval.M5: markets.columns_of(table)})
    with markets.open_store(f"sqlite:///{folder / 'candles.db'}") as opened:
        symbols = sorted(opened.symbols(Interval.M5) - {"NIFTY", "SENSEX"})
    return Market(folder, tuple(symbols), date(2026, 2, 2), date(2026, 3, 30))


@pytest.fixture(scope="session")
def vendor_b(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Market:
    """The real candles of the vendor that has the index too."""
    return _vendors(tmp_path_factory.mktemp("vendor_b"), shared, "b")


@pytest.fixture(scope="session")
def vendors(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Market:
    """The real candles of both vendors in one store; where both have a bar, it is vendor b's."""
    return _vendors(tmp_path_factory.mktemp("vendors"), shared, "ab")

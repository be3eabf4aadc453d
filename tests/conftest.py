"""What the tests of every part may ask for."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture.providers import Constants, HypothesisProvider

if TYPE_CHECKING:
    from livetrader.domain.candles import CandleColumns, Interval
    from livetrader.market.calendar import Calendar
    from livetrader.marketdata.store import CandleStore
    from tests.postgres import PostgresServer

ROOT = Path(__file__).parents[1]

# A shared machine stalls now and then, so no example has a deadline. In CI each run has the same examples.
settings.register_profile("livetrader", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("livetrader")
if "CI" in os.environ:
    # Else it draws on the constants of whatever modules a process has loaded by then.
    HypothesisProvider._local_constants = Constants()  # type: ignore[assignment]

# A job in a shell's background does not hear Ctrl+C, nor does what it starts. What tests start has to.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first. A file is one process's, which makes what its tests share once."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real market data beside the project; the test is skipped where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("real market data (../shared/data) is absent on this machine")
    return folder


@pytest.fixture(scope="session")
def nse() -> Calendar:
    """The calendar of the National Stock Exchange."""
    from livetrader.market.calendar import load

    return load("nse")


@pytest.fixture
def candle_store(tmp_path: Path) -> Iterator[Callable[..., CandleStore]]:
    """A function that makes an embedded store of the candles given by interval, closed after the test."""
    from livetrader.marketdata.store import open_store

    with ExitStack() as opened:

        def make(candles: dict[Interval, CandleColumns], name: str = "candles.db") -> CandleStore:
            store = opened.enter_context(open_store(f"sqlite:///{tmp_path / name}"))
            for interval, columns in candles.items():
                store.upsert(interval, columns)
            return store

        yield make


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL of this process's own, which a test may restart. Where it cannot start, the test fails."""
    from tests.postgres import PostgresServer

    server = PostgresServer()
    yield server
    server.remove()


@pytest.fixture
def new_postgres(request: pytest.FixtureRequest) -> Iterator[Callable[[str], str]]:
    """A function that makes an empty database on one of `tests.postgres.SERVERS` and gives its DSN."""
    from tests.postgres import OUTSIDE, new_database

    with ExitStack() as made:

        def make(server: str) -> str:
            outside = os.environ[OUTSIDE] if server == "outside" else None
            return made.enter_context(new_database(outside or request.getfixturevalue("postgres_server").dsn))

        yield make


@pytest.fixture
def postgres(new_postgres: Callable[[str], str]) -> str:
    """The DSN of a new, empty database on our own server."""
    return new_postgres("postgresql")

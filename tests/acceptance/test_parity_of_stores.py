"""Where candles lie changes nothing: SQLite, our own tables in PostgreSQL and mapped ones give the same trades.

The mapped tables are as unlike ours as they can be: other names, decimals, times in the exchange's zone at the bar's
close, numbers of milliseconds, and symbols with a prefix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from markets import Market
from runs import assert_same, backtest, replayed

from livetrader.bootstrap.research import Request, find_signals
from livetrader.bootstrap.results import RunResult
from livetrader.domain.candles import CandleColumns, Interval
from livetrader.marketdata.postgres.reader import PostgresReader
from livetrader.marketdata.store import open_store
from tests.postgres import PostgresServer, cut_connections, execute, new_database

pytestmark = pytest.mark.slow

MADE = {
    Interval.M1: "CREATE TABLE minutes (t bigint, ticker text, o float8, h float8, l float8, c float8, v integer)",
    Interval.M5: "CREATE TABLE feed.bars (closes timestamp, instrument varchar(40), first numeric(10,2),"
    " top numeric, bottom numeric, last numeric, quantity bigint)",
}
FILLED = {
    Interval.M1: "INSERT INTO minutes SELECT extract(epoch FROM ts) * 1000, 'NSE:' || symbol, open, high, low, close,"
    " volume FROM livetrader.candles_1m ORDER BY symbol, ts",
    Interval.M5: "INSERT INTO feed.bars SELECT (ts + interval '5 minutes') AT TIME ZONE 'Asia/Kolkata', symbol,"
    " open, high::text::numeric, low::text::numeric, close, volume FROM livetrader.candles_5m ORDER BY symbol DESC, ts",
}
INDEXED = ("CREATE INDEX ON minutes (t)", "CREATE INDEX ON feed.bars (closes, instrument)")
TABLES = {
    "1m": {
        "table": "minutes", "time": "t", "time_unit": "ms", "symbol": "ticker", "symbol_prefix": "NSE:",
        "open": "o", "high": "h", "low": "l", "close": "c", "volume": "v",
    },
    "5m": {
        "table": "feed.bars", "time": "closes", "stamp": "close", "symbol": "instrument",
        "open": "first", "high": "top", "low": "bottom", "close": "last", "volume": "quantity",
    },
}  # fmt: skip
UNLIMITED: Mapping[str, object] = {
    "constraints.max_open_positions": None,
    "constraints.max_trades_per_day": None,
    "constraints.max_trades_per_strategy": None,
    "capital.allocation_pct": 12,
}
# Symbols with 5m bars, with 1m bars beside them, and with 1m bars alone; a session in two parts, a month's end.
ASKED: Mapping[str, object] = {
    "symbols": "STOCK00,STOCK01,STOCK02,STOCK03,STOCK07",
    "first": date(2024, 2, 29),
    "last": date(2024, 3, 4),
}


@contextmanager
def filled(server: PostgresServer, market: Market) -> Iterator[str]:
    """The DSN of a database with a market's candles: in tables of ours, and in tables as somebody else may have."""
    with new_database(server.dsn) as dsn:
        with open_store(f"sqlite:///{market.folder / 'candles.db'}") as source, open_store(dsn) as target:
            for interval in source.intervals():
                target.upsert(interval, source.read(interval, 0, 2**40))
        execute(dsn, "CREATE SCHEMA feed")
        for interval, statement in MADE.items():
            execute(dsn, statement)
            execute(dsn, FILLED[interval])
        for statement in INDEXED:
            execute(dsn, statement)
        yield dsn


@pytest.fixture(scope="module")
def stores(postgres_server: PostgresServer, drill: Market) -> Iterator[Mapping[str, Mapping[str, object]]]:
    """What the settings say of each store with the candles of `drill`."""
    with filled(postgres_server, drill) as dsn:
        yield {"own tables": {"candles.url": dsn}, "mapped tables": {"candles.url": dsn, "candles.tables": TABLES}}


@pytest.fixture(scope="module")
def expected(drill: Market) -> RunResult:
    """The backtest from SQLite."""
    result = backtest(drill, UNLIMITED, drill.request(**ASKED))
    assert len(result.trades) >= 4
    assert any(trade.exit_at.minute % 5 for trade in result.trades), "exits on 1m bars"
    return result


Stores = Mapping[str, Mapping[str, object]]


@pytest.mark.parametrize("store", ["own tables", "mapped tables"])
def test_a_backtest_gives_what_it_gave_from_sqlite(
    drill: Market, stores: Stores, expected: RunResult, store: str
) -> None:
    """Trades, decisions, orders, account value and the document, with the hash of the candles in it."""
    assert_same(expected, backtest(drill, {**UNLIMITED, **stores[store]}, drill.request(**ASKED)))


@pytest.mark.parametrize("store", ["own tables", "mapped tables"])
def test_the_live_loop_gives_what_the_backtest_gave_from_sqlite(
    drill: Market, stores: Stores, expected: RunResult, store: str, tmp_path: Path
) -> None:
    """With its process ended in the middle of a session and started anew."""
    session = expected.sessions[1]
    settings, stops = {**UNLIMITED, **stores[store]}, [(session.opens + session.closes) // 2]
    assert_same(expected, replayed(drill, settings, drill.request(**ASKED), tmp_path, stops))


def test_two_processes_find_the_signals_that_one_found(drill: Market, stores: Stores) -> None:
    asked = drill.request()
    with drill.workspace() as workspace:
        signals = find_signals(workspace, asked)
    with drill.workspace(stores["mapped tables"]) as workspace:
        assert find_signals(workspace, Request(asked.first, asked.last, workers=2)) == signals
    assert len(signals) > 10


@pytest.mark.parametrize("fault", ["cut", "restarted"])
def test_a_backtest_goes_on_where_the_server_comes_back(
    drill: Market,
    stores: Stores,
    expected: RunResult,
    postgres_server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
) -> None:
    """Every third read finds its connection gone."""
    url = str(stores["own tables"]["candles.url"])
    faults: Mapping[str, Callable[[], object]] = {
        "cut": lambda: cut_connections(url),
        "restarted": postgres_server.restart,
    }
    read, reads = PostgresReader.read, []

    def failing(self: PostgresReader, *arguments: object) -> CandleColumns:
        reads.append(arguments)
        if len(reads) % 3 == 0:
            faults[fault]()
        return read(self, *arguments)  # type: ignore[arg-type]  # handed on

    monkeypatch.setattr(PostgresReader, "read", failing)
    assert_same(expected, backtest(drill, {**UNLIMITED, **stores["own tables"]}, drill.request(**ASKED)))
    assert len(reads) >= 6

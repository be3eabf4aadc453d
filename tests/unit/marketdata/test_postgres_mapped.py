"""Users' own tables: whatever they are called and made of, they are read as ours are, and never written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import psycopg
import pytest

from livetrader.domain.candles import FIELDS, CandleColumns, Interval
from livetrader.errors import ConfigError, StoreError
from livetrader.market.calendar import load
from livetrader.marketdata.content import Coverage
from livetrader.marketdata.mapping import TableMapping
from livetrader.marketdata.postgres.mapped import MappedCandleStore
from livetrader.marketdata.store import CandleStore, Layout, open_store
from livetrader.marketdata.windows import StoredCandles
from tests.postgres import cut_connections, execute

IST = ZoneInfo("Asia/Kolkata")
M5, M15 = Interval.M5, Interval.M15
T0 = 1_769_485_500  # 2026-01-27 09:15 IST
END = 2**40
PLAIN = TableMapping(
    table="ohlc", time="time", symbol="symbol", open="open", high="high", low="low", close="close", volume="volume",
    stamp="open", timezone="Asia/Kolkata", time_unit="s", symbol_prefix="", symbol_suffix="",
)  # fmt: skip
COLUMNS = "symbol text, open float8, high float8, low float8, close float8, volume float8"
ROWS = [("A", T0, 100.05), ("B", T0, 0.1 + 0.2), ("A", T0 + 300, 100.1), ("B", T0 + 600, 7.0)]

Opener = Callable[..., MappedCandleStore]


@pytest.fixture
def mapped(postgres: str) -> Iterator[Opener]:
    """A function that opens a store over tables, by interval."""
    with ExitStack() as opened:

        def make(**tables: TableMapping) -> CandleStore:
            layout = Layout(tables={Interval[name]: table for name, table in tables.items()})
            return opened.enter_context(open_store(postgres, layout=layout))

        yield make


def fill(
    dsn: str, table: str, time: str, symbol: str = "%(symbol)s", rows: list[tuple[str, int, float]] = ROWS
) -> None:
    """Insert `rows` into a table's columns in the order time, symbol, open … volume; `time` is SQL of `%(ts)s`."""
    prices = "%(price)s, %(price)s + 1, %(price)s - 1, %(price)s, %(price)s * 10"
    with psycopg.connect(dsn, autocommit=True) as connection:
        for name, ts, price in rows:
            connection.execute(
                f"INSERT INTO {table} VALUES ({time}, {symbol}, {prices})", {"symbol": name, "ts": ts, "price": price}
            )


def rows(columns: CandleColumns) -> list[tuple[str, int, float]]:
    names = [columns.symbols[code] for code in columns.symbol]
    return list(zip(names, columns.ts.tolist(), columns.open.tolist(), strict=True))


# The type of the column `time`, how it is filled, and what the mapping says of it.
TIMES = {
    "with time zone": ("timestamptz", "to_timestamp(%(ts)s)", {}),
    "without, in the exchange's": ("timestamp", "to_timestamp(%(ts)s) AT TIME ZONE 'Asia/Kolkata'", {}),
    "without, in UTC": ("timestamp", "to_timestamp(%(ts)s) AT TIME ZONE 'UTC'", {"timezone": "UTC"}),
    "seconds": ("integer", "%(ts)s", {}),
    "milliseconds": ("bigint", "%(ts)s::bigint * 1000", {"time_unit": "ms"}),
    "microseconds": ("numeric", "%(ts)s::bigint * 1000000", {"time_unit": "us"}),
    "seconds with a fraction": ("double precision", "%(ts)s", {}),
    "the close": ("timestamptz", "to_timestamp(%(ts)s + 300)", {"stamp": "close"}),
    "the close in milliseconds": ("bigint", "(%(ts)s::bigint + 300) * 1000", {"time_unit": "ms", "stamp": "close"}),
    "the close, without": (
        "timestamp", "to_timestamp(%(ts)s + 300) AT TIME ZONE 'Asia/Kolkata'", {"stamp": "close"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "time", "changes"), TIMES.values(), ids=TIMES.keys())
def test_times_of_any_kind_are_the_opens_of_bars(
    postgres: str, mapped: Opener, kind: str, time: str, changes: dict[str, str]
) -> None:
    """In every answer of the store, and at both ends of a read: the start counts, the end does not."""
    execute(postgres, f"CREATE TABLE ohlc (time {kind}, {COLUMNS})")
    fill(postgres, "ohlc", time)
    store = mapped(M5=replace(PLAIN, **changes))
    by_time = sorted(ROWS, key=lambda row: (row[1], row[0]))
    assert rows(store.read(M5, 0, END)) == by_time
    assert rows(store.read(M5, T0, T0 + 600)) == by_time[:3]
    assert rows(store.read(M5, T0 + 1, T0 + 300)) == []
    assert store.coverage(M5) == {"A": Coverage(T0, T0 + 300, 2), "B": Coverage(T0, T0 + 600, 2)}
    assert store.dates(IST) == [date(2026, 1, 27)]


def test_daily_bars_may_have_a_date(postgres: str, mapped: Opener) -> None:
    """Which is midnight at the exchange, as the grid takes any time of that day."""
    execute(postgres, f"CREATE TABLE ohlc (time date, {COLUMNS})")
    execute(postgres, "INSERT INTO ohlc VALUES ('2026-01-27', 'A', 1, 2, 1, 2, 5), ('2026-01-28', 'A', 2, 3, 2, 3, 5)")
    store = mapped(D1=PLAIN)
    midnight = T0 - (9 * 60 + 15) * 60
    assert store.read(Interval.D1, 0, END).ts.tolist() == [midnight, midnight + 86_400]
    assert store.read(Interval.D1, midnight + 1, END).ts.tolist() == [midnight + 86_400]
    assert store.dates(IST) == [date(2026, 1, 27), date(2026, 1, 28)]


# The table's columns, and the symbol as it has it.
TYPES = {
    "varchar and numeric": (
        "symbol varchar(20), o numeric(12,2), h numeric, l numeric, c numeric, v bigint",
        "%(symbol)s",
    ),
    "enum and integers": ("symbol ticker, o float8, h float8, l float8, c float8, v float8", "%(symbol)s::ticker"),
    "char": ("symbol char(8), o float8, h float8, l float8, c float8, v numeric", "%(symbol)s"),
    "domain": ("symbol name_of_it, o price, h price, l price, c price, v price", "%(symbol)s"),
}


@pytest.mark.parametrize(("columns", "symbol"), TYPES.values(), ids=TYPES.keys())
def test_prices_and_symbols_may_be_of_any_type(postgres: str, mapped: Opener, columns: str, symbol: str) -> None:
    """A price of 100.05 is the same number whether it was stored as a decimal or as a float."""
    execute(postgres, "CREATE TYPE ticker AS ENUM ('B', 'A')")
    execute(postgres, "CREATE DOMAIN price AS numeric CHECK (value >= 0)")
    execute(postgres, "CREATE DOMAIN name_of_it AS varchar(9)")
    execute(postgres, f'CREATE TABLE "My ""Own"" Bars" (t timestamptz, {columns})')
    fill(postgres, '"My ""Own"" Bars"', "to_timestamp(%(ts)s)", symbol, [("B", T0, 7.0), ("A", T0, 100.05)])
    names = {"time": "t", "open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
    store = mapped(M5=replace(PLAIN, table='My "Own" Bars', **names))
    assert rows(store.read(M5, 0, END)) == [("A", T0, 100.05), ("B", T0, 7.0)]
    # A name that an enum does not have is a symbol without bars, in short and in long reads.
    for end in (T0 + 300, END):
        assert rows(store.read(M5, T0, end, ["none", "B"])) == [("B", T0, 7.0)]
    assert store.symbols(M5) == {"A", "B"}


def test_a_prefix_and_a_suffix_are_taken_off_and_rows_without_them_are_not_seen(postgres: str, mapped: Opener) -> None:
    execute(postgres, f"CREATE TABLE ohlc (time timestamptz, {COLUMNS})")
    stored = ["NSE:A-EQ", "NSE:M&M-EQ", "BSE:A-EQ", "NSE:A-BE", "A", "NSE:-EQ", None]
    fill(postgres, "ohlc", "to_timestamp(%(ts)s)", rows=[(name, T0, float(i)) for i, name in enumerate(stored)])
    store = mapped(M5=replace(PLAIN, symbol_prefix="NSE:", symbol_suffix="-EQ"))
    for end in (T0 + 300, END):
        assert rows(store.read(M5, T0, end)) == [("A", T0, 0.0), ("M&M", T0, 1.0)]
        assert rows(store.read(M5, T0, end, ["M&M", "A"])) == [("A", T0, 0.0), ("M&M", T0, 1.0)]
    assert store.symbols(M5) == store.coverage(M5).keys() == {"A", "M&M"}


def test_missing_and_infinite_values_and_rows_without_a_time_are_no_numbers_and_no_bars(
    postgres: str, mapped: Opener
) -> None:
    execute(postgres, f"CREATE TABLE ohlc (time timestamptz, {COLUMNS})")
    execute(postgres, f"INSERT INTO ohlc VALUES (to_timestamp({T0}), 'A', NULL, 'infinity', 1, 'NaN', NULL)")
    execute(postgres, "INSERT INTO ohlc VALUES (NULL, 'A', 1, 1, 1, 1, 1), ('infinity', 'A', 1, 1, 1, 1, 1)")
    store = mapped(M5=PLAIN)
    assert store.coverage(M5) == {"A": Coverage(T0, T0, 1)}
    assert (store.symbols(M5), store.dates(IST)) == ({"A"}, [date(2026, 1, 27)])
    read = store.read(M5, 0, END)
    assert read.ts.tolist() == [T0]
    assert np.isnan([getattr(read, name)[0] for name in FIELDS]).tolist() == [True, True, False, True, True]


def test_a_bar_that_is_there_twice_counts_once_and_the_larger_one(postgres: str, mapped: Opener) -> None:
    """Fault M3 on a table without a key: whoever wrote it again had seen more of it."""
    execute(postgres, f"CREATE TABLE ohlc (time timestamptz, {COLUMNS})")
    fill(
        postgres, "ohlc", "to_timestamp(%(ts)s)", rows=[("A", T0, 5.0), ("A", T0, 6.0), ("A", T0, 4.0), ("B", T0, 1.0)]
    )
    store = mapped(M5=PLAIN)
    for end in (T0 + 300, END):
        assert rows(store.read(M5, T0, end)) == [("A", T0, 6.0), ("B", T0, 1.0)]


def test_intervals_are_the_mapped_ones_that_hold_bars(postgres: str, mapped: Opener) -> None:
    for name in ("one", "two"):
        execute(postgres, f"CREATE TABLE {name} (time timestamptz, {COLUMNS})")
    fill(postgres, "two", "to_timestamp(%(ts)s)")
    store = mapped(M1=replace(PLAIN, table="public.one"), H1=replace(PLAIN, table="public.two"))
    assert store.intervals() == (Interval.H1,)
    assert (len(store.read(M5, 0, END)), store.symbols(M5), store.coverage(M5)) == (0, frozenset(), {})
    assert store.digest([M5], ["A"], 0, END) == store.digest([Interval.M1], ["A"], 0, END)


@pytest.mark.parametrize("index", ["", "CREATE INDEX ON ohlc (symbol, time)"], ids=["scanned", "by an index"])
def test_symbols_that_come_later_are_found(postgres: str, mapped: Opener, index: str) -> None:
    execute(postgres, f"CREATE TABLE ohlc (time timestamptz, {COLUMNS})")
    execute(postgres, index or "SELECT")
    store = mapped(M5=PLAIN)
    assert store.symbols(M5) == frozenset()
    fill(postgres, "ohlc", "to_timestamp(%(ts)s)")
    assert store.symbols(M5) == {"A", "B"}
    fill(postgres, "ohlc", "to_timestamp(%(ts)s)", rows=[("C", T0 + 600, 1.0)])
    assert store.symbols(M5) == {"A", "B", "C"}


def test_the_version_differs_whenever_something_was_written(postgres: str, mapped: Opener) -> None:
    execute(postgres, f"CREATE TABLE ohlc (time timestamptz, {COLUMNS})")
    store = mapped(M5=PLAIN)
    with psycopg.connect(postgres) as writer:
        writer.execute("INSERT INTO ohlc VALUES (now(), 'A', 1, 1, 1, 1, 1)")
        before = store.version()
        assert store.version() == before, "nothing was committed"
        writer.commit()
    assert store.version() != before


def test_nothing_is_written_to_tables_that_are_not_ours(postgres: str, mapped: Opener) -> None:
    execute(postgres, f"CREATE TABLE ohlc (time timestamptz, {COLUMNS})")
    store = mapped(M5=PLAIN)
    with pytest.raises(StoreError, match=r"candles\.tables are filled by others and only read here; to store candles"):
        store.upsert(M5, store.read(M5, 0, END))
    with pytest.raises(StoreError, match="read-only"):
        store._session.run(lambda connection: connection.execute("DELETE FROM ohlc"))


def test_a_mapped_store_outlives_a_connection_that_is_lost(postgres: str, mapped: Opener) -> None:
    execute(postgres, f"CREATE TABLE ohlc (time timestamptz, {COLUMNS})")
    fill(postgres, "ohlc", "to_timestamp(%(ts)s)")
    store = mapped(M5=PLAIN)
    assert cut_connections(postgres) == 1
    assert len(store.read(M5, 0, END)) == len(ROWS)


class TestWrongMappings:
    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"table": "ohcl"}, "candles.tables.5m.table: there is no table or view ohcl that this user may see"),
            ({"table": "other.ohlc"}, "candles.tables.5m.table: there is no table or view other.ohlc"),
            ({"table": 'x"; DROP TABLE ohlc; --'}, "candles.tables.5m.table: there is no table or view"),
            ({"time": "ts"}, "candles.tables.5m.time: ohlc has no column ts; it has time, symbol, open, high"),
            ({"volume": "symbol"}, "candles.tables.5m.volume: symbol is text, which is not a number"),
            ({"time": "symbol"}, "candles.tables.5m.time: symbol is text, which is not a time"),
        ],
        ids=["table", "schema", "not a name", "column", "text for a number", "text for a time"],
    )
    def test_a_mapping_that_does_not_fit_names_the_setting(
        self, postgres: str, mapped: Opener, changes: dict[str, str], problem: str
    ) -> None:
        execute(postgres, f"CREATE TABLE ohlc (time timestamptz, {COLUMNS})")
        with pytest.raises(ConfigError) as caught:
            mapped(M5=replace(PLAIN, **changes))
        assert str(caught.value).startswith(problem)
        assert "\n" not in str(caught.value)
        assert execute(postgres, "SELECT count(*) FROM ohlc") == [(0,)]

    def test_all_problems_of_all_tables_come_at_once(self, postgres: str, mapped: Opener) -> None:
        execute(postgres, f"CREATE TABLE ohlc (time timestamptz, {COLUMNS})")
        with pytest.raises(ConfigError) as caught:
            mapped(
                M5=replace(PLAIN, open="o", close="c"), H1=replace(PLAIN, stamp="close"), M1=replace(PLAIN, table="x")
            )
        assert [line.partition(":")[0] for line in caught.value.problems] == [
            "candles.tables.5m.open", "candles.tables.5m.close", "candles.tables.1h.stamp", "candles.tables.1m.table",
        ]  # fmt: skip


class TestSlowness:
    @pytest.mark.parametrize(
        ("index", "slow"),
        [
            ("", True),
            ("CREATE INDEX ON ohlc (symbol, time)", True),
            ("CREATE INDEX ON ohlc (time, symbol)", False),
            ("CREATE INDEX ON ohlc USING brin (time)", False),
        ],
        ids=["no index", "symbol first", "time first", "brin"],
    )
    def test_a_table_without_an_index_on_the_time_is_named_with_what_to_do(
        self, postgres: str, mapped: Opener, index: str, slow: bool
    ) -> None:
        execute(postgres, f"CREATE TABLE ohlc (time timestamptz, {COLUMNS})")
        execute(postgres, index or "SELECT")
        warnings = mapped(M5=PLAIN).warnings()
        assert len(warnings) == slow
        for line in warnings:
            assert line.startswith(
                "candles.tables.5m: no index of ohlc begins with time, so every poll reads the whole"
            )
            execute(postgres, line.partition("; run ")[2])
        assert mapped(M5=PLAIN).warnings() == []

    def test_nothing_is_said_of_a_view_and_of_our_own_tables(self, postgres: str, mapped: Opener) -> None:
        execute(postgres, f"CREATE TABLE below (time timestamptz, {COLUMNS})")
        execute(postgres, "CREATE VIEW ohlc AS TABLE below")
        assert mapped(M5=PLAIN).warnings() == []
        with open_store(postgres) as own, open_store("sqlite://") as file:
            assert own.warnings() == file.warnings() == []


class TestUnfinishedBars:
    """A real-time continuous aggregate is a view that has the bucket in progress too (M5: unclosed bars)."""

    @pytest.fixture
    def aggregate(self, postgres: str, mapped: Opener) -> StoredCandles:
        execute(postgres, f"CREATE TABLE minutes (time timestamptz PRIMARY KEY, {COLUMNS})")
        execute(
            postgres,
            "CREATE VIEW ohlc AS SELECT date_bin('5 minutes', time, '2000-01-01') AS time, symbol,"
            " (array_agg(open ORDER BY time))[1] AS open, max(high) AS high, min(low) AS low,"
            " (array_agg(close ORDER BY time DESC))[1] AS close, sum(volume) AS volume"
            " FROM minutes GROUP BY 1, 2",
        )
        return StoredCandles(mapped(M5=PLAIN), load("nse"))

    def test_a_bucket_is_polled_when_it_has_closed_and_then_whole(
        self, postgres: str, aggregate: StoredCandles
    ) -> None:
        for minute in range(7):
            ts = T0 + 60 * minute
            fill(postgres, "minutes", "to_timestamp(%(ts)s)", rows=[("A", ts, 100.0 + minute)])
            seen = aggregate.poll(("A",), M5, T0 - 1, ts + 59)
            assert len(aggregate.store.read(M5, T0, T0 + 600)) == 1 + minute // 5, "the view has it"
            assert seen.ts.tolist() == ([T0] if ts + 59 >= T0 + 300 else [])
        assert (seen.open.tolist(), seen.close.tolist(), seen.high.tolist()) == ([100.0], [104.0], [105.0])
        assert seen.volume.tolist() == [sum(1000.0 + 10 * minute for minute in range(5))]

    def test_longer_bars_made_of_them_wait_for_their_own_close(self, postgres: str, aggregate: StoredCandles) -> None:
        for minute in range(16):
            fill(postgres, "minutes", "to_timestamp(%(ts)s)", rows=[("A", T0 + 60 * minute, 100.0 + minute)])
        assert aggregate.poll(("A",), M15, T0 - 1, T0 + 899).ts.tolist() == []
        closed = aggregate.poll(("A",), M15, T0 - 1, T0 + 900)
        assert (closed.ts.tolist(), closed.close.tolist()) == ([T0], [114.0])

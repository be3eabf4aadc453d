"""Candles in one SQLite file, read and written through ADBC.

The candle file is touched by ADBC alone. ADBC brings its own copy of the SQLite library, and two copies in
one process (`sqlite3` or SQLAlchemy beside it) break POSIX file locks: when one copy closes the file, the
kernel drops the other's locks, and a writer elsewhere can corrupt the database. So nothing in livetrader
opens this file in another way, and the state database is another file. Other processes may use what they
like.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, tzinfo
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import adbc_driver_manager.dbapi
import adbc_driver_sqlite.dbapi as adbc
import numpy as np
import pyarrow as pa

from livetrader.domain.candles import FIELDS, CandleColumns, Interval, empty_columns
from livetrader.errors import StoreError
from livetrader.marketdata.content import Coverage, UpsertCounts, dates_of, digest


# ADBC takes Ctrl+C for itself while a call runs, to cancel the call. SQLite's driver cannot be cancelled: the call
# runs to its end, its result is thrown away, an error of the driver is raised in its place, and nobody else ever
# hears of the Ctrl+C. So calls are made plainly, as ADBC itself makes them on Windows and outside the main thread:
# Python's own handler then comes after the call.
def _plain_call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[Any, Any], _cancel: object) -> Any:
    return function(*args, **kwargs)


adbc_driver_manager.dbapi._blocking_call = _plain_call  # type: ignore[attr-defined, assignment]  # private

SCHEMA_VERSION = 1
LOCK_WAIT_MS = 10_000
CHUNK_ROWS = 250_000  # rows merged at once: bounds the memory of a large import
# A read of more than one stored symbol in MOST reads all of them; of one in FEW or less, looks each one up.
MOST, FEW = 2, 50

_BARS = f"""(ts INTEGER NOT NULL, symbol TEXT NOT NULL, {", ".join(f"{name} REAL" for name in FIELDS)},
    PRIMARY KEY (ts, symbol)) WITHOUT ROWID, STRICT"""
_COVERAGE = """coverage (interval TEXT NOT NULL, symbol TEXT NOT NULL, first INTEGER NOT NULL,
    last INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (interval, symbol)) WITHOUT ROWID, STRICT"""
# ADBC infers a column's type from its first rows, so a NULL travels as infinity, which no price is.
_FIELDS = f"ts, symbol, {', '.join(f'ifnull({name}, 9e999)' for name in FIELDS)}"
_ALL = f"SELECT {_FIELDS} FROM {{bars}} WHERE ts >= ?1 AND ts < ?2"
_NAMED = f"{_ALL} AND symbol IN (SELECT value FROM json_each(?3))"
# Looks the symbols up at each of the times, which are themselves found by look-ups: the key is (ts, symbol).
_SOUGHT = f"""WITH RECURSIVE times(at) AS (SELECT min(ts) FROM {{bars}} WHERE ts >= ?1 AND ts < ?2
    UNION ALL SELECT (SELECT min(ts) FROM {{bars}} WHERE ts > at AND ts < ?2) FROM times WHERE at IS NOT NULL)
    SELECT {_FIELDS} FROM times CROSS JOIN json_each(?3) CROSS JOIN {{bars}} ON ts = at AND symbol = value"""
_DIFFERS = " OR ".join(f"bar.{name} IS NOT new.{name}" for name in FIELDS)


class SqliteCandleStore:
    """A candle store in one SQLite file (WAL), shared with readers and writers in other processes.

    `candles_<interval>` holds the bars, keyed (ts, symbol) so that a poll reads one short range; `coverage`
    is kept in the same transaction as the bars, because counting them would scan the table.
    """

    def __init__(self, path: str, *, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        self._writes = 0
        if not read_only and path != ":memory:":
            self._make_folder()
        elif read_only and not _holds_something(Path(path)):
            raise StoreError(f"{path}: no candle store there; fill one with `livetrader data import` or `data fetch`")
        # A URI, so that `?mode=ro` can be said; quoting keeps `#`, `?` and spaces in names harmless.
        uri = path if path == ":memory:" else f"file:{quote(path)}{'?mode=ro' if read_only else ''}"
        with self._mapped():
            self._connection = adbc.connect(uri, autocommit=True)
        try:
            with self._mapped():
                self._run(f"PRAGMA busy_timeout = {LOCK_WAIT_MS}")
                self._prepare()
        except BaseException:
            self.close()
            raise

    def read(self, interval: Interval, start: int, end: int, symbols: Sequence[str] | None = None) -> CandleColumns:
        query, parameters = self._query(interval, symbols)
        with self._mapped(), self._connection.cursor() as cursor:
            # Larger batches than the default 1,024 rows cost fewer Arrow allocations.
            cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": "65536"})
            cursor.execute(f"{query} ORDER BY ts, symbol", (start, end, *parameters))
            table = cursor.fetch_arrow_table()
        return _columns(table, symbols)

    def upsert(
        self, interval: Interval, columns: CandleColumns, progress: Callable[[int], None] | None = None
    ) -> UpsertCounts:
        if self.read_only:
            raise StoreError(f"{self.path}: the candle store was opened read-only and takes no candles")
        table = _table(columns)
        totals = np.zeros(3, np.int64)
        with self._mapped(), self._transaction():
            for start in range(0, len(table), CHUNK_ROWS):
                totals += self._merge(interval, table.slice(start, CHUNK_ROWS))
                if progress is not None:
                    progress(min(start + CHUNK_ROWS, len(table)))
        self._writes += int(totals[0] + totals[1] > 0)
        return UpsertCounts(*(int(total) for total in totals))

    def coverage(self, interval: Interval) -> dict[str, Coverage]:
        query = "SELECT symbol, first, last, count FROM coverage WHERE interval = ? ORDER BY symbol"
        with self._mapped():
            rows = self._run(query, (interval.value,))
        return {symbol: Coverage(first, last, count) for symbol, first, last, count in rows}

    def symbols(self, interval: Interval) -> frozenset[str]:
        with self._mapped():
            rows = self._run("SELECT symbol FROM coverage WHERE interval = ?", (interval.value,))
        return frozenset(symbol for (symbol,) in rows)

    def intervals(self) -> tuple[Interval, ...]:
        with self._mapped():
            stored = {interval for (interval,) in self._run("SELECT DISTINCT interval FROM coverage")}
        return tuple(interval for interval in Interval if interval.value in stored)

    def dates(self, timezone: tzinfo) -> list[date]:
        found: set[date] = set()
        for interval in self.intervals():
            first = partial(self._first, f"SELECT min(ts) FROM candles_{interval.value} WHERE ts >= ?")
            with self._mapped():
                found |= dates_of(first, -(2**62), timezone)
        return sorted(found)

    def version(self) -> int:
        # data_version counts the commits of other connections only; both counts only ever rise.
        with self._mapped():
            ((others,),) = self._run("PRAGMA data_version")
        return int(others) + self._writes

    def digest(self, intervals: Sequence[Interval], symbols: Sequence[str], start: int, end: int) -> str:
        return digest((interval, self.read(interval, start, end, symbols)) for interval in set(intervals))

    def warnings(self) -> list[str]:
        return []

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, query: str, parameters: tuple[object, ...] | None = None) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(query, parameters)
            return list(cursor.fetchall())

    def _first(self, query: str, at: int) -> int | None:
        ((ts,),) = self._run(query, (at,))
        return None if ts is None else int(ts)

    def _query(self, interval: Interval, symbols: Sequence[str] | None) -> tuple[str, tuple[str, ...]]:
        """How to read the bars of `symbols`: a scan of all costs a fifth of what it costs to read them, and more with
        the names in hand; a look-up costs two bars."""
        bars = f"candles_{interval.value}"
        with self._mapped():
            ((stored,),) = self._run("SELECT count(*) FROM coverage WHERE interval = ?", (interval.value,))
        if symbols is None or len(symbols) > stored // MOST:
            return _ALL.format(bars=bars), ()
        query = _SOUGHT if len(symbols) <= stored // FEW else _NAMED
        return query.format(bars=bars), (json.dumps(sorted(set(symbols))),)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._run("BEGIN IMMEDIATE")
        try:
            yield
            self._run("COMMIT")
        except BaseException:
            # SQLite may have rolled back by itself (disk full), and then has nothing left to undo.
            with suppress(adbc.Error):
                self._run("ROLLBACK")
            raise

    def _merge(self, interval: Interval, chunk: pa.Table) -> tuple[int, int, int]:
        """Merge one chunk through a temporary table; counts of inserted, changed and unchanged bars."""
        bars = f"candles_{interval.value}"
        self._run("DELETE FROM temp.incoming")
        with self._connection.cursor() as cursor:
            cursor.executemany("INSERT OR REPLACE INTO temp.incoming VALUES (?, ?, ?, ?, ?, ?, ?)", chunk)
        ((given, known, changed),) = self._run(
            f"SELECT count(*), count(bar.ts), ifnull(sum(bar.ts IS NOT NULL AND ({_DIFFERS})), 0)"
            f" FROM temp.incoming AS new LEFT JOIN {bars} AS bar USING (ts, symbol)"
        )
        if given > known:
            self._run(
                "INSERT INTO coverage SELECT ?, new.symbol, min(new.ts), max(new.ts), count(*)"
                f" FROM temp.incoming AS new LEFT JOIN {bars} AS bar USING (ts, symbol) WHERE bar.ts IS NULL"
                " GROUP BY new.symbol ON CONFLICT (interval, symbol) DO UPDATE SET"
                " count = count + excluded.count, first = min(first, excluded.first),"
                " last = max(last, excluded.last)",
                (interval.value,),
            )
        if given > known or changed:
            updates = ", ".join(f"{name} = excluded.{name}" for name in FIELDS)
            self._run(
                f"INSERT INTO {bars} SELECT * FROM temp.incoming WHERE true"
                f" ON CONFLICT (ts, symbol) DO UPDATE SET {updates}"
            )
        return given - known, changed, known - changed

    def _prepare(self) -> None:
        """Check the schema, or make it in an empty file."""
        if not self.read_only and not self._tables():
            if self.path != ":memory:":
                self._write_ahead()
            with self._transaction():
                if not self._tables():  # another process may have been first
                    self._create()
        self._check_version()
        if not self.read_only:
            self._run(f"CREATE TEMP TABLE incoming {_BARS}")

    def _write_ahead(self) -> None:
        """Put the file into write-ahead mode. For this SQLite itself waits for nobody, whatever the busy timeout."""
        from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

        others = retry_if_exception(lambda error: "database is locked" in str(error))
        tries = Retrying(retry=others, stop=stop_after_delay(LOCK_WAIT_MS / 1000), wait=wait_fixed(0.02), reraise=True)
        tries(self._run, "PRAGMA journal_mode = WAL")

    def _create(self) -> None:
        for interval in Interval:
            self._run(f"CREATE TABLE candles_{interval.value} {_BARS}")
        self._run(f"CREATE TABLE {_COVERAGE}")
        self._run("CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT")
        self._run("INSERT INTO schema_version VALUES (?)", (SCHEMA_VERSION,))

    def _tables(self) -> frozenset[str]:
        return frozenset(name for (name,) in self._run("SELECT name FROM sqlite_schema WHERE type = 'table'"))

    def _check_version(self) -> None:
        if not {"schema_version", "coverage"} <= self._tables():
            raise StoreError(f"{self.path}: not a livetrader candle store; set candles.url to another file")
        ((version,),) = self._run("SELECT max(version) FROM schema_version")
        if version is None or version < SCHEMA_VERSION:
            raise StoreError(f"{self.path}: made by an older livetrader; run `livetrader db migrate`")
        if version > SCHEMA_VERSION:
            raise StoreError(f"{self.path}: made by a newer livetrader; update livetrader")

    def _make_folder(self) -> None:
        try:
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{self.path}: cannot make the folder ({error.strerror})") from error

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except adbc.Error as error:
            raise StoreError(f"{self.path}: {_advice(str(error))}") from error


def _holds_something(path: Path) -> bool:
    """Not so for the empty file of a process that was ended before it had made a store of it."""
    return path.exists() and (not path.is_file() or path.stat().st_size > 0)


_ADVICE = {
    "database is locked": "another process has kept the candle store locked; end it or try again",
    "disk is full": "the disk is full; free some space",
    "disk I/O error": "the disk is full, or fails; free some space, or see the system's log",
    "readonly database": "the candle store is read-only; allow writing to the file and its folder",
    "file is not a database": "not an SQLite file; set candles.url to another file",
    "malformed": "the candle store is damaged; restore a backup or import the candles again",
    "failed to open": "cannot open the candle store; check the path and its permissions",
    "unable to open": "cannot open the candle store; check the path and its permissions",
}


def _advice(message: str) -> str:
    for part, advice in _ADVICE.items():
        if part in message:
            return advice
    return f"the candle store failed ({' '.join(message.split())}); run `livetrader doctor`"


def _columns(table: pa.Table, symbols: Sequence[str] | None) -> CandleColumns:
    if not len(table):
        return empty_columns(symbols or ())
    # Encoded by chunks and then combined: the other way round copies every name.
    coded = table.column(1).dictionary_encode().combine_chunks()
    found = coded.dictionary.to_pylist()
    names = tuple(symbols) if symbols is not None else tuple(sorted(found))
    place = {name: code for code, name in enumerate(names)}
    codes = np.array([place.get(name, -1) for name in found], np.int32)[coded.indices.to_numpy()]
    read = (table.column(2 + i).to_numpy() for i in range(len(FIELDS)))
    fields = [np.where(np.isinf(field), np.nan, field) for field in read]
    ts = np.array(table.column(0).to_numpy())
    if place.keys() >= set(found):
        return CandleColumns(names, ts, codes, *fields)
    asked = np.flatnonzero(codes >= 0)
    return CandleColumns(names, ts[asked], codes[asked], *(field[asked] for field in fields))


def _table(columns: CandleColumns) -> pa.Table:
    names = pa.array(columns.symbols, pa.string())
    fields = {"ts": columns.ts, "symbol": names.take(pa.array(columns.symbol))}
    for name in FIELDS:
        field = getattr(columns, name)
        fields[name] = pa.array(np.where(np.isfinite(field), field, np.nan), pa.float64(), from_pandas=True)
    return pa.table(fields)

"""Candles in tables of our own, in a PostgreSQL or TimescaleDB database."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from psycopg import sql

from livetrader.domain.candles import FIELDS, CandleColumns, Interval
from livetrader.errors import StoreError
from livetrader.marketdata.content import Coverage, UpsertCounts
from livetrader.marketdata.postgres.arrays import Labels, Times
from livetrader.marketdata.postgres.reader import PostgresReader
from livetrader.marketdata.postgres.schema import Timescale, make, require
from livetrader.marketdata.postgres.session import Connection, Session
from livetrader.marketdata.postgres.table import own_table

CHUNK_ROWS = 250_000  # bars merged at once: bounds the memory of a large import

_NAMES = ", ".join(FIELDS)
_PARAMETERS = ", ".join(f"%({name})s" for name in FIELDS)
_GIVEN = ", ".join(f"nullif({name}, 'NaN') AS {name}" for name in FIELDS)
_STORED = ", ".join(f"bar.{name}" for name in FIELDS)
_UPDATES = ", ".join(f"{name} = excluded.{name}" for name in FIELDS)
# All of it is one statement: a bar that is known and does not differ is not touched.
_MERGE = f"""
WITH given AS MATERIALIZED (
    SELECT ts, symbol, {_GIVEN}
    FROM unnest(%(ts)s, %(symbol)s, {_PARAMETERS}) AS g(ts, symbol, {_NAMES})),
new AS MATERIALIZED (
    SELECT given.*, bar.ts IS NOT NULL AS known,
        ({_STORED}) IS DISTINCT FROM ({", ".join(f"given.{name}" for name in FIELDS)}) AS differs
    FROM given LEFT JOIN {{bars}} AS bar USING (ts, symbol)),
written AS (
    INSERT INTO {{bars}} (ts, symbol, {_NAMES})
    SELECT ts, symbol, {_NAMES} FROM new WHERE NOT known OR differs
    ON CONFLICT (ts, symbol) DO UPDATE SET {_UPDATES}),
added AS MATERIALIZED (
    SELECT symbol, min(ts) AS first, max(ts) AS last, count(*) AS count FROM new WHERE NOT known GROUP BY symbol),
covered AS (
    UPDATE {{coverage}} AS held SET first = least(held.first, added.first),
        last = greatest(held.last, added.last), count = held.count + added.count
    FROM added WHERE held.interval = {{interval}} AND held.symbol = added.symbol RETURNING held.symbol),
listed AS (
    INSERT INTO {{coverage}} SELECT {{interval}}, symbol, first, last, count FROM added
    WHERE symbol NOT IN (SELECT symbol FROM covered))
SELECT count(*) FILTER (WHERE NOT known), count(*) FILTER (WHERE known AND differs),
    count(*) FILTER (WHERE known AND NOT differs) FROM new"""


class PostgresCandleStore(PostgresReader):
    """A candle store in one schema, shared with readers and writers in other processes.

    `candles_<interval>` holds the bars, keyed (ts, symbol) so that a poll reads one short range, hypertables where
    TimescaleDB is there and `timescale` allows; `coverage` is kept in the same transaction as the bars, because
    counting them would scan the table. With `notify` each change is announced on that channel, with the interval.
    """

    def __init__(
        self,
        url: str,
        schema: str,
        *,
        read_only: bool = False,
        timescale: Timescale = "auto",
        notify: str | None = None,
    ) -> None:
        super().__init__(Session(url, read_only=read_only), {i: own_table(schema, i) for i in Interval})
        self.read_only = read_only
        self._notify = notify
        self._coverage, self._version = (sql.Identifier(schema, name) for name in ("coverage", "schema_version"))
        try:
            if not read_only:
                self._session.run(lambda connection: make(connection, schema, timescale))
            self._session.run(lambda connection: require(connection, schema, self._session.where))
        except BaseException:
            self.close()
            raise

    def upsert(
        self, interval: Interval, columns: CandleColumns, progress: Callable[[int], None] | None = None
    ) -> UpsertCounts:
        if self.read_only:
            raise StoreError(f"{self._session.where}: the candle store was opened read-only and takes no candles")
        columns = _by_time(columns)

        def store(connection: Connection) -> UpsertCounts:
            with connection.transaction():
                # One writer at a time: what a merge finds stored stays so until it has written. Readers do not wait.
                connection.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(self._coverage))
                totals = np.zeros(3, np.int64)
                for start in range(0, len(columns), CHUNK_ROWS):
                    totals += self._merge(connection, interval, columns, slice(start, start + CHUNK_ROWS))
                    if progress is not None:
                        progress(min(start + CHUNK_ROWS, len(columns)))
                if totals[0] or totals[1]:
                    self._note(connection, interval)
            return UpsertCounts(*(int(total) for total in totals))

        # Done again after a connection that was lost with its answer, it finds its bars there and changes nothing.
        return self._session.run(store)

    def coverage(self, interval: Interval) -> dict[str, Coverage]:
        query = sql.SQL(
            "SELECT symbol, date_part('epoch', first)::bigint, date_part('epoch', last)::bigint, count"
            " FROM {} WHERE interval = %s ORDER BY symbol"
        )
        rows = self._all(query.format(self._coverage), [interval.value])
        return {symbol: Coverage(*held) for symbol, *held in rows}

    def symbols(self, interval: Interval) -> frozenset[str]:
        query = sql.SQL("SELECT symbol FROM {} WHERE interval = %s").format(self._coverage)
        return frozenset(symbol for (symbol,) in self._all(query, [interval.value]))

    def intervals(self) -> tuple[Interval, ...]:
        stored = {
            interval for (interval,) in self._all(sql.SQL("SELECT DISTINCT interval FROM {}").format(self._coverage))
        }
        return tuple(interval for interval in Interval if interval.value in stored)

    def version(self) -> int:
        return int(self._one(sql.SQL("SELECT max(changes) FROM {}").format(self._version)))

    def warnings(self) -> list[str]:
        return []

    def _merge(self, connection: Connection, interval: Interval, columns: CandleColumns, rows: slice) -> list[int]:
        """Merge one chunk; counts of inserted, changed and unchanged bars."""
        query = sql.SQL(_MERGE).format(
            bars=self._tables[interval].relation, coverage=self._coverage, interval=interval.value
        )
        values: dict[str, object] = {
            "ts": Times(columns.ts[rows]),
            "symbol": Labels(columns.symbols, columns.symbol[rows]),
            **{name: np.where(np.isfinite(field := getattr(columns, name)[rows]), field, np.nan) for name in FIELDS},
        }
        return list(connection.execute(query, values).fetchall()[0])

    def _note(self, connection: Connection, interval: Interval) -> None:
        connection.execute(sql.SQL("UPDATE {} SET changes = changes + 1").format(self._version))
        if self._notify is not None:
            connection.execute("SELECT pg_notify(%s, %s)", [self._notify, interval.value])


def _by_time(columns: CandleColumns) -> CandleColumns:
    """`columns` by time, without the earlier ones of bars of the same symbol and time.

    A table whose rows lie as they are polled is read in a fraction of the time.
    """
    key = columns.ts * max(len(columns.symbols), 1) + columns.symbol
    if (np.diff(key) > 0).all():
        return columns
    _, latest = np.unique(key[::-1], return_index=True)
    kept = len(columns) - 1 - latest
    return columns.rows(kept)

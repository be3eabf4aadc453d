"""Candles in users' own tables, which are read and never written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import NoReturn

from psycopg import sql

from livetrader.domain.candles import CandleColumns, Interval
from livetrader.errors import ConfigError, StoreError
from livetrader.marketdata.content import Coverage
from livetrader.marketdata.mapping import TableMapping
from livetrader.marketdata.postgres.mapping import leading_columns, mapped_table, slow
from livetrader.marketdata.postgres.reader import BEYOND, EARLIEST, PostgresReader
from livetrader.marketdata.postgres.session import Connection, Session
from livetrader.marketdata.postgres.table import Table

_COVERAGE = sql.SQL("SELECT {}, {}, {}, count(*) FROM {} WHERE {} GROUP BY 1")
_SEEN = sql.SQL("SELECT {symbol}, {last} FROM {relation} WHERE {within} GROUP BY 1")
# From each symbol to the next one in the index, in place of a look at every bar.
_LEAPING = sql.SQL("""WITH RECURSIVE found(symbol) AS (
    SELECT min({symbol}) FROM {relation} UNION ALL
    SELECT (SELECT min({symbol}) FROM {relation} WHERE {symbol} > found.symbol) FROM found WHERE symbol IS NOT NULL)
    SELECT symbol, (SELECT {last} FROM {relation} WHERE {within}) FROM found WHERE symbol IS NOT NULL""")
_ALWAYS = {"start": EARLIEST, "end": BEYOND}


class MappedCandleStore(PostgresReader):
    """A candle store over tables or views that others fill. The session is read-only."""

    def __init__(self, url: str, tables: Mapping[Interval, TableMapping]) -> None:
        self._tables: dict[Interval, Table] = {}
        super().__init__(Session(url, read_only=True), self._tables)
        self._mappings = tables
        self._indexed: dict[Interval, frozenset[str] | None] = {}
        self._seen: dict[Interval, tuple[int, frozenset[str]]] = {}
        try:
            self._session.run(self._map)
        except BaseException:
            self.close()
            raise

    def upsert(
        self,
        interval: Interval,  # noqa: ARG002 - the port's parameters; whatever they are, the answer is no
        columns: CandleColumns,  # noqa: ARG002 - as above
        progress: Callable[[int], None] | None = None,  # noqa: ARG002 - as above
    ) -> NoReturn:
        raise StoreError(
            f"{self._session.where}: candles.tables are filled by others and only read here; to store candles, take "
            "candles.tables out"
        )

    def coverage(self, interval: Interval) -> dict[str, Coverage]:
        """As the port has it; counting reads the whole table."""
        table = self._tables.get(interval)
        if table is None:
            return {}
        query = _COVERAGE.format(table.symbol, table.epoch("min"), table.epoch("max"), table.relation, table.within)
        rows = self._all(query, _ALWAYS)
        found = {name: Coverage(*held) for stored, *held in rows if (name := table.named(stored)) is not None}
        return dict(sorted(found.items()))

    def symbols(self, interval: Interval) -> frozenset[str]:
        """As the port has it. Looks at all bars the first time, then at those since the last one that it has seen."""
        table = self._tables.get(interval)
        if table is None:
            return frozenset()
        since, seen = self._seen.get(interval, (EARLIEST, frozenset()))
        leaps = since == EARLIEST and self._mappings[interval].symbol in (self._indexed[interval] or ())
        query = (_LEAPING if leaps else _SEEN).format(
            symbol=table.symbol, relation=table.relation, last=table.epoch("max"), within=table.within
        )
        rows = [row for row in self._all(query, {"start": since, "end": BEYOND}) if row[1] is not None]
        if rows:
            names = (table.named(stored) for stored, _ in rows)
            since, seen = max(last for _, last in rows), seen.union(name for name in names if name is not None)
            self._seen[interval] = since, seen
        return seen

    def intervals(self) -> tuple[Interval, ...]:
        query = sql.SQL("SELECT EXISTS (SELECT FROM {})")
        return tuple(i for i in Interval if i in self._tables and self._one(query.format(self._tables[i].relation)))

    def version(self) -> int:
        """As the port has it, and another number too when anything else in the database was written."""
        # What is visible is what had been committed at the snapshot: the same snapshot, the same content.
        snapshot = self._one(sql.SQL("SELECT pg_current_snapshot()::text"))
        return int.from_bytes(blake2b(snapshot.encode(), digest_size=8).digest())

    def warnings(self) -> list[str]:
        """The tables in which no index begins with the time: there, every poll reads all bars."""
        found = (slow(self._mappings[i], i, leading) for i, leading in self._indexed.items())
        return [line for line in found if line is not None]

    def _map(self, connection: Connection) -> None:
        problems: list[str] = []
        for interval, mapping in self._mappings.items():
            try:
                self._tables[interval] = mapped_table(connection, mapping, interval)
                self._indexed[interval] = leading_columns(connection, mapping)
            except ConfigError as error:
                problems += error.problems
        if problems:
            raise ConfigError(problems)

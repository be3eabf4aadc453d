"""What reading candles from PostgreSQL is, whoever made the tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from datetime import date, tzinfo
from functools import lru_cache, partial
from types import TracebackType
from typing import Any, Self

import numpy as np
from psycopg import sql

from livetrader.domain.candles import FIELDS, CandleColumns, Interval
from livetrader.marketdata.bars import Bars, Naming, joined, naming, ordered
from livetrader.marketdata.content import dates_of, digest
from livetrader.marketdata.postgres.arrays import Names, floats, seconds, texts
from livetrader.marketdata.postgres.session import Connection, Session
from livetrader.marketdata.postgres.table import Table

# A short read (a poll) is one row of arrays, a long one a row for each close: the index has them in that order.
SHORT_SLOTS = 8
CHUNK_SLOTS = 4_000_000  # symbols × slots read at once: bounds the memory of both sides
MANY_SYMBOLS = 4_000  # taken for a read of all
# As many as a read names to the server. To leave the others out here costs less than to look for many names there.
FEW_SYMBOLS = 256  # a short read
SOME_SYMBOLS = 1_000  # a long one
# Epoch seconds that PostgreSQL takes for a time, and the year 2100: what lies outside, as infinity does, is no bar's.
EARLIEST, BEYOND = -(2**37), 4_102_444_800

_ARRAYS = ", ".join(f"array_agg({{{name}}})" for name in ("symbol", "ts", *FIELDS))
_SHORT = f"SELECT {_ARRAYS} FROM {{relation}} WHERE {{within}}{{named}}"
_QUERY = {True: sql.SQL(_SHORT), False: sql.SQL(f"{_SHORT} GROUP BY {{time}}")}
# By the index, from one close to the next, with the same symbols in the same order: nobody has to sort, and their names
# are taken apart once. Several processes, and a bitmap of pages, would find them in an order of their own.
_IN_ORDER = """SELECT set_config('max_parallel_workers_per_gather', '0', true),
    set_config('enable_bitmapscan', 'off', true)"""
_NOTHING: tuple[tuple[Any, ...], ...] = ((),) * (2 + len(FIELDS))
_NAMED = sql.SQL(" AND {} = ANY(%(symbols)s)")

Span = tuple[int, int]
Values = Sequence[object] | Mapping[str, object]


class PostgresReader:
    """Reads bars of the tables of a database, by interval."""

    def __init__(self, session: Session, tables: Mapping[Interval, Table]) -> None:
        self._session = session
        self._tables = tables
        self._queries: dict[tuple[Interval, bool, bool], bytes] = {}

    def read(self, interval: Interval, start: int, end: int, symbols: Sequence[str] | None = None) -> CandleColumns:
        span = max(start, EARLIEST), min(end, BEYOND)

        def parts(connection: Connection) -> list[Bars]:
            spans = self._spans(connection, interval, span, symbols)
            return [self._part(connection, interval, one, symbols) for one in spans]

        return joined(self._session.run(parts) if interval in self._tables else [], symbols)

    def dates(self, timezone: tzinfo) -> list[date]:
        found: set[date] = set()
        for table in self._tables.values():
            query = sql.SQL("SELECT {} FROM {} WHERE {}").format(table.epoch("min"), table.relation, table.within)
            found |= dates_of(partial(self._first, query), EARLIEST, timezone)
        return sorted(found)

    def digest(self, intervals: Sequence[Interval], symbols: Sequence[str], start: int, end: int) -> str:
        return digest((interval, self.read(interval, start, end, symbols)) for interval in set(intervals))

    def close(self) -> None:
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _spans(
        self, connection: Connection, interval: Interval, span: Span, symbols: Sequence[str] | None
    ) -> list[Span]:
        """`span` in parts that are read at once, oldest first."""
        slots = CHUNK_SLOTS // max(MANY_SYMBOLS if symbols is None else len(symbols), 1)
        step = max(slots, SHORT_SLOTS) * interval.seconds
        start, end = span
        if end - start <= step:
            return [span]
        table = self._tables[interval]
        query = sql.SQL("SELECT {}, {} FROM {} WHERE {}").format(
            table.epoch("min"), table.epoch("max"), table.relation, table.within
        )
        ((first, last),) = connection.execute(query, {"start": start, "end": end}).fetchall()
        if first is None:
            return []
        end = min(end, last + 1)
        return [(begin, min(begin + step, end)) for begin in range(max(start, first), end, step)]

    def _part(self, connection: Connection, interval: Interval, span: Span, symbols: Sequence[str] | None) -> Bars:
        table = self._tables[interval]
        short = span[1] - span[0] <= SHORT_SLOTS * interval.seconds
        names, asked = (None, Names()) if symbols is None else _asked(table.prefix, table.suffix, tuple(symbols))
        named = symbols is not None and len(symbols) <= (FEW_SYMBOLS if short else SOME_SYMBOLS)
        values = {"start": span[0], "end": span[1], "symbols": asked}
        with connection.transaction() if not short else nullcontext(), connection.cursor(binary=True) as cursor:
            if not short:
                cursor.execute(_IN_ORDER)
            rows = cursor.execute(self._query(interval, short, named), values).fetchall()
        stored, ts, *fields = zip(*rows, strict=True) if rows and rows[0][0] is not None else _NOTHING
        names = names or naming(*_found(table, {text for column in set(stored) for text in texts(column)}))
        ranks = {column: names.rank(texts(column)) for column in set(stored)}
        rank = np.concatenate([ranks[column] for column in stored]) if stored else np.empty(0, np.int32)
        return ordered(names, rank, seconds(ts), [floats(field) for field in fields])

    def _query(self, interval: Interval, short: bool, named: bool) -> bytes:
        key = interval, short, named
        if key not in self._queries:
            table = self._tables[interval]
            query = _QUERY[short].format(
                symbol=table.symbol, ts=table.ts, time=table.time, relation=table.relation, within=table.within,
                named=_NAMED.format(table.symbol) if named else sql.SQL(""),
                **dict(zip(FIELDS, table.fields, strict=True)),
            )  # fmt: skip
            self._queries[key] = query.as_bytes()
        return self._queries[key]

    def _first(self, query: sql.Composed, at: int) -> int | None:
        ts = self._one(query, {"start": at, "end": BEYOND})
        return None if ts is None else int(ts)

    def _all(self, query: sql.SQL | sql.Composed, values: Values = ()) -> list[tuple[Any, ...]]:
        return self._session.run(lambda connection: connection.execute(query, values).fetchall())

    def _one(self, query: sql.SQL | sql.Composed, values: Values = ()) -> Any:
        ((value,),) = self._all(query, values)
        return value


@lru_cache(maxsize=16)  # every poll names the same symbols
def _asked(prefix: str, suffix: str, symbols: tuple[str, ...]) -> tuple[Naming, Names]:
    stored = Names(f"{prefix}{symbol}{suffix}" for symbol in symbols)
    return naming(symbols, stored), stored


def _found(table: Table, stored: Iterable[str | None]) -> tuple[list[str], list[str]]:
    """Our names of what is stored, sorted, and what the table calls them."""
    pairs = sorted((name, one) for one in stored if one is not None and (name := table.named(one)) is not None)
    return [name for name, _ in pairs], [one for _, one in pairs]

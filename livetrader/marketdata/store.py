"""What a candle store promises, whatever database is behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, tzinfo
from types import TracebackType
from typing import Literal, Protocol, Self

from livetrader.domain.candles import CandleColumns, Interval
from livetrader.marketdata.content import Coverage, UpsertCounts
from livetrader.marketdata.location import file_of
from livetrader.marketdata.mapping import TableMapping
from livetrader.servers import on_server


class CandleStore(Protocol):
    """Candles by interval, symbol and open time. A store belongs to the thread that opened it.

    It keeps whatever bars it is given, a missing field as NaN: bad bars are dropped once, when a window is
    built. Every method raises StoreError, in one line, when the database cannot answer.
    """

    def read(self, interval: Interval, start: int, end: int, symbols: Sequence[str] | None = None) -> CandleColumns:
        """The bars with `start <= ts < end`, ordered by (ts, symbol).

        The result's `symbols` are those asked for, in that order (present or not), else those found, sorted.
        """
        ...

    def upsert(
        self, interval: Interval, columns: CandleColumns, progress: Callable[[int], None] | None = None
    ) -> UpsertCounts:
        """Store bars, all or none. Of two bars of the same symbol and time the later one counts.

        `progress` is told, now and then, how many bars have been written.
        """
        ...

    def coverage(self, interval: Interval) -> dict[str, Coverage]:
        """What is stored of each symbol, sorted by symbol."""
        ...

    def symbols(self, interval: Interval) -> frozenset[str]:
        """The symbols that have at least one bar."""
        ...

    def intervals(self) -> tuple[Interval, ...]:
        """The intervals that hold bars, finest first."""
        ...

    def dates(self, timezone: tzinfo) -> list[date]:
        """The dates, in `timezone`, on which any bar of any interval opens."""
        ...

    def version(self) -> int:
        """A number that differs whenever the content has changed, by us or by another process. Cheap.

        It has a meaning only between two calls on the same store object.
        """
        ...

    def digest(self, intervals: Sequence[Interval], symbols: Sequence[str], start: int, end: int) -> str:
        """Hexadecimal BLAKE2b-128 of the content, whatever the order in which it was stored or asked for."""
        ...

    def warnings(self) -> list[str]:
        """What makes the store slow, and what to do about it, a line each."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Layout:
    """How candles lie in a PostgreSQL database, and what may be done there. An SQLite file has none.

    Our own tables are in the schema `schema`, hypertables with TimescaleDB: `auto`, where the database has it; `on`;
    `off`. Where `tables` has any, they are read in place of ours, and nothing is written. With `notify` each change of
    our own tables is announced on that channel.
    """

    schema: str = "livetrader"
    timescale: Literal["auto", "on", "off"] = "auto"
    tables: Mapping[Interval, TableMapping] = field(default_factory=dict)
    notify: str | None = None


def open_store(url: str, *, read_only: bool = False, layout: Layout | None = None) -> CandleStore:
    """The store at an SQLAlchemy-style URL: `sqlite:///relative.db`, `sqlite:////absolute.db`, `sqlite://`, or
    `postgresql://user:password@host:5432/database`.

    An SQLite file and its folder, and our own tables in PostgreSQL, are made when absent, unless `read_only`. Raises
    ConfigError for a URL that is not understood or a mapping that does not fit, StoreError for a database that cannot
    be used.
    """
    # Here, because Arrow and psycopg take long to import.
    if not on_server(url):
        from livetrader.marketdata.sqlite import SqliteCandleStore

        return SqliteCandleStore(file_of(url) or ":memory:", read_only=read_only)
    layout = layout or Layout()
    if layout.tables:
        from livetrader.marketdata.postgres.mapped import MappedCandleStore

        return MappedCandleStore(url, layout.tables)
    from livetrader.marketdata.postgres.own import PostgresCandleStore

    return PostgresCandleStore(
        url, layout.schema, read_only=read_only, timescale=layout.timescale, notify=layout.notify
    )  # fmt: skip

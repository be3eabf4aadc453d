"""What a candle store promises, whatever database is behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, tzinfo
from types import TracebackType
from typing import Protocol, Self

from livetrader.domain.candles import CandleColumns, Interval
from livetrader.errors import ConfigError
from livetrader.marketdata.content import Coverage, UpsertCounts


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

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_store(url: str, *, read_only: bool = False) -> CandleStore:
    """The store at an SQLAlchemy-style URL: `sqlite:///relative.db`, `sqlite:////absolute.db`, `sqlite://`.

    The file and its folder are made when absent, unless `read_only`. Raises ConfigError for a URL that is not
    understood, StoreError for a database that cannot be used.
    """
    # Here, because Arrow takes long to import, and reading the configuration needs `file_of` alone.
    from livetrader.marketdata.sqlite import SqliteCandleStore

    return SqliteCandleStore(file_of(url) or ":memory:", read_only=read_only)


def file_of(url: str) -> str:
    """The file that a candle store's URL names, empty for one in memory; ConfigError for another kind of URL."""
    scheme, separator, path = url.partition("://")
    if scheme != "sqlite" or not separator or (path and not path.startswith("/")):
        # The rest of the URL may hold a password, so only its scheme is shown.
        raise ConfigError(f"candles.url: {scheme!r} is not a candle store; write sqlite:///path/to/candles.db")
    return path[1:]

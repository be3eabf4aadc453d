"""What a candle store says of its content, whatever database is behind it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

import numpy as np

from livetrader.domain.candles import FIELDS, CandleColumns, Interval


@dataclass(frozen=True, slots=True)
class Coverage:
    """What is stored of one symbol at one interval: opens of the first and last bar (epoch seconds), bars."""

    first: int
    last: int
    count: int


@dataclass(frozen=True, slots=True)
class UpsertCounts:
    """What an upsert did, in bars. A second upsert of the same bars gives `unchanged` alone."""

    inserted: int
    changed: int
    unchanged: int


def dates_of(first: Callable[[int], int | None], start: int, timezone: tzinfo) -> set[date]:
    """The dates, in `timezone`, on which bars open at or after `start`; `first` is the first open at or after a time.

    One look-up a day on an index, in place of a scan of every bar.
    """
    found: set[date] = set()
    ts = first(start)
    while ts is not None:
        day = datetime.fromtimestamp(ts, UTC).astimezone(timezone).date()
        found.add(day)
        following = day + timedelta(days=1)
        midnight = datetime(following.year, following.month, following.day, tzinfo=timezone)
        ts = first(int(midnight.timestamp()))
    return found


def digest(parts: Iterable[tuple[Interval, CandleColumns]]) -> str:
    """Hexadecimal BLAKE2b-128 over each interval's bars, symbols in sorted order, each in time order.

    Arrays are hashed as little-endian int64 and float64, NaN with one spelling; a symbol without bars adds
    nothing.
    """
    hashed = hashlib.blake2b(digest_size=16)
    for interval, columns in sorted(parts, key=lambda part: part[0].seconds):
        order = np.lexsort((columns.ts, columns.symbol))
        bounds = np.searchsorted(columns.symbol[order], np.arange(len(columns.symbols) + 1))
        for code in sorted(range(len(columns.symbols)), key=columns.symbols.__getitem__):
            rows = order[bounds[code] : bounds[code + 1]]
            if not len(rows):
                continue
            hashed.update(f"{interval.value}\n{columns.symbols[code]}\n{len(rows)}\n".encode())
            hashed.update(columns.ts[rows].astype("<i8").tobytes())
            for name in FIELDS:
                field = getattr(columns, name)[rows]
                hashed.update(np.where(np.isnan(field), np.nan, field).astype("<f8").tobytes())
    return hashed.hexdigest()

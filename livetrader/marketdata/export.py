"""Candles out of a store, into one CSV or Parquet file that `imports` reads back value for value."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from livetrader.domain.candles import FIELDS, CandleColumns, Interval
from livetrader.errors import DataError, UsageError
from livetrader.files import unwritable
from livetrader.marketdata.store import CandleStore

_SPAN = 30 * 86_400  # seconds read at once: bounds the memory of a long export
_CSV = pa.schema([("symbol", pa.string()), ("ts", pa.string()), *((name, pa.float64()) for name in FIELDS)])
_PARQUET = _CSV.set(1, pa.field("ts", pa.timestamp("s", "UTC")))


def export(
    store: CandleStore,
    path: Path,
    interval: Interval,
    *,
    symbols: Sequence[str] | None = None,
    start: int | None = None,
    end: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write the bars with `start <= ts < end` (epoch seconds; None: all) to a .csv or .parquet file.

    Columns are symbol, ts (the bar's open: ISO 8601 UTC in CSV, a timestamp in Parquet), open, high, low,
    close, volume; rows are ordered by (ts, symbol). The file appears whole or not at all. `progress` is told
    the bars written so far. Returns their number. Raises UsageError for another kind of file, DataError if
    there are no bars, UsageError or StoreError (a full disk) if the file cannot be written.
    """
    if path.suffix not in (".csv", ".parquet"):
        raise UsageError(f"{path}: name a .csv or a .parquet file")
    wanted = None if symbols is None else set(symbols)
    held = [c for symbol, c in store.coverage(interval).items() if wanted is None or symbol in wanted]
    earliest, beyond = min((c.first for c in held), default=0), max((c.last + 1 for c in held), default=0)
    start = earliest if start is None else max(start, earliest)
    end = beyond if end is None else min(end, beyond)
    if start >= end:
        raise DataError(f"{path}: no {interval.value} candles of these symbols and dates are stored")
    partial = path.with_name(path.name + ".partial")
    schema = _CSV if path.suffix == ".csv" else _PARQUET
    written = 0
    try:
        with _writer(partial, schema) as writer:
            for begin in range(start, end, _SPAN):
                bars = store.read(interval, begin, min(begin + _SPAN, end), symbols)
                writer.write_table(_table(bars, schema))
                written += len(bars)
                if progress is not None:
                    progress(written)
        os.replace(partial, path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        with suppress(OSError):  # it may never have been there, nor its folder
            partial.unlink()
    return written


def _writer(path: Path, schema: pa.Schema) -> pacsv.CSVWriter | pq.ParquetWriter:
    return pacsv.CSVWriter(path, schema) if schema is _CSV else pq.ParquetWriter(path, schema)


def _table(bars: CandleColumns, schema: pa.Schema) -> pa.Table:
    symbol = pa.array(bars.symbols, pa.string()).take(pa.array(bars.symbol))
    ts = pa.array(bars.ts).cast(pa.timestamp("s", "UTC"))
    if schema is _CSV:
        ts = pc.strftime(ts, "%Y-%m-%dT%H:%M:%SZ")
    fields = (pa.array(getattr(bars, name), pa.float64(), from_pandas=True) for name in FIELDS)
    return pa.table([symbol, ts, *fields], schema=schema)

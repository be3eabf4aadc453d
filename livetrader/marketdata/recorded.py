"""The tape of a session: the bars as the live loop saw them, and when. A day can be decided again as it was.

A store changes after the fact: late bars come, corrections too. So what every poll of a session brought is appended to
a file, an Arrow stream; each process that traded the session has one of its own. Only what was not known before is
written: at 2,000 symbols about 7 MB a day of 5m bars.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import structlog

from livetrader.domain.candles import FIELDS, CandleColumns, CandleWindow, Interval, Ints, empty_window
from livetrader.domain.session import Session
from livetrader.errors import DataError, StoreError
from livetrader.ports import CandleSource, Clock, wall_time

log = structlog.get_logger(__name__)

# A row without a symbol says when a poll was made that brought nothing.
NO_SYMBOL = -1

_SCHEMA = pa.schema(
    [
        ("polled_at", pa.int64()),
        ("seconds", pa.int32()),
        ("ts", pa.int64()),
        ("symbol", pa.int32()),
        *((name, pa.float64()) for name in FIELDS),
    ]
)


def tape_folder(folder: Path, mode: str, day: date) -> Path:
    """Where the tape of a mode's session is: a file for each process."""
    return folder / mode / day.isoformat()


class Recorder:
    """Implements ports.CandleSource: `source`, with what is read of `session` written to a file in `folder`.

    A tape that cannot be written is given up with a warning: trading does not depend on it.
    """

    def __init__(self, source: CandleSource, folder: Path, session: Session, clock: Clock) -> None:
        self._source, self._folder, self._session, self._clock = source, folder, session, clock
        self._seen: dict[Interval, CandleWindow] = {}
        self._symbols: tuple[str, ...] = ()
        self._file: io.BufferedWriter | None = None
        self._stream: pa.RecordBatchStreamWriter | None = None

    def windows(
        self, symbols: Sequence[str], sessions: Mapping[Interval, Sequence[Session]]
    ) -> Mapping[Interval, CandleWindow]:
        found = self._source.windows(symbols, sessions)
        if self._stream is not None:
            for interval, window in found.items():
                if self._session in window.sessions:
                    self._write(interval, self._news(interval, _renamed(window.flat(), self._symbols)))
        return found

    def finest(self, symbols: Sequence[str]) -> Mapping[str, Interval]:
        found = self._source.finest(symbols)
        if self._stream is None:
            self._begin(tuple(symbols), found)
        return found

    def poll(self, symbols: Sequence[str], interval: Interval, after: int, now: int) -> CandleColumns:
        columns = self._source.poll(symbols, interval, after, now)
        if self._stream is not None:
            self._write(interval, self._news(interval, columns))
        return columns

    def close(self) -> None:
        """End the tape. One that a killed process left without an end is read as far as it goes."""
        try:
            if self._stream is not None:
                self._stream.close()
            if self._file is not None:
                self._file.close()
        except OSError as error:
            self._give_up(error)
        self._stream = self._file = None

    def _begin(self, symbols: tuple[str, ...], finest: Mapping[str, Interval]) -> None:
        self._symbols = symbols
        about = {"symbols": list(symbols), "finest": {symbol: one.value for symbol, one in finest.items()}}
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = (self._folder / f"{wall_time(self._clock):%Y%m%dT%H%M%S.%f}.arrows").open("wb")
            self._stream = pa.ipc.new_stream(
                self._file, _SCHEMA.with_metadata({"about": json.dumps(about)}),
                options=pa.ipc.IpcWriteOptions(compression="lz4"),
            )  # fmt: skip
            self._file.flush()
        except OSError as error:
            self._give_up(error)

    def _news(self, interval: Interval, columns: CandleColumns) -> CandleColumns:
        """Those of `columns` that were not known, or were known otherwise."""
        seen = self._seen.setdefault(interval, empty_window(interval, self._symbols, self._session))
        rows = np.searchsorted(seen.ts, columns.ts)
        on_grid = (rows < len(seen.ts)) & (seen.ts[np.minimum(rows, len(seen.ts) - 1)] == columns.ts)
        fresh = np.zeros(len(columns), bool)
        rows, symbol = rows[on_grid], columns.symbol[on_grid]
        for name in FIELDS:
            values, known = getattr(columns, name)[on_grid], getattr(seen, name)
            fresh[on_grid] |= known[rows, symbol] != values
            known[rows, symbol] = values
        return columns.rows(fresh)

    def _write(self, interval: Interval, news: CandleColumns) -> None:
        count = max(len(news), 1)
        nothing = not len(news)
        parts = [
            np.full(count, int(self._clock.now())), np.full(count, interval.seconds, np.int32),
            np.zeros(1, np.int64) if nothing else news.ts,
            np.full(1, NO_SYMBOL, np.int32) if nothing else news.symbol,
            *(np.full(1, np.nan) if nothing else getattr(news, name) for name in FIELDS),
        ]  # fmt: skip
        assert self._stream is not None, "asked before"
        assert self._file is not None, "they come together"
        try:
            self._stream.write_batch(pa.record_batch([pa.array(part) for part in parts], schema=_SCHEMA))
            self._file.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        log.warning("the tape of the session cannot be written", folder=str(self._folder), error=error.strerror)
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
        self._stream = self._file = None


@dataclass(frozen=True)
class RecordedDay:
    """Implements ports.CandleSource for one session: its bars come from the tape, as they came; others from `source`.

    `runs` has the instants at which the live loop looked, for each process that traded the session.
    """

    source: CandleSource
    clock: Clock
    session: Session
    symbols: tuple[str, ...]
    interval_of: Mapping[str, Interval]
    rows: Mapping[Interval, tuple[Ints, CandleColumns]]
    runs: tuple[tuple[int, ...], ...]

    def finest(self, symbols: Sequence[str]) -> Mapping[str, Interval]:
        return {symbol: self.interval_of[symbol] for symbol in symbols if symbol in self.interval_of}

    def poll(self, symbols: Sequence[str], interval: Interval, after: int, now: int) -> CandleColumns:
        known = self._known(interval, after)
        closed = np.minimum(known.ts + interval.seconds, self.session.closes) <= now
        return _renamed(known.rows(closed), tuple(symbols))

    def windows(
        self, symbols: Sequence[str], sessions: Mapping[Interval, Sequence[Session]]
    ) -> Mapping[Interval, CandleWindow]:
        found = dict(self.source.windows(symbols, sessions))
        for window in found.values():
            if self.session in window.sessions:
                self._fill(window)
        return found

    def _fill(self, window: CandleWindow) -> None:
        """The session's rows of `window` as they were known by now."""
        day = slice(*np.searchsorted(window.ts, (self.session.opens, self.session.closes)))
        known = _renamed(self._known(window.interval, self.session.opens - 1), window.symbols)
        rows = np.searchsorted(window.ts, known.ts)
        for name in FIELDS:
            values = getattr(window, name)
            values[day] = np.nan
            values[rows, known.symbol] = getattr(known, name)

    def _known(self, interval: Interval, after: int) -> CandleColumns:
        """What has come by now of the bars that open after `after`, the last word on each."""
        polled_at, columns = self.rows[interval]
        latest_first = np.flatnonzero((polled_at <= int(self.clock.now())) & (columns.ts > after))[::-1]
        keys = np.stack((columns.ts[latest_first], columns.symbol[latest_first]))
        _, first = np.unique(keys, axis=1, return_index=True)
        return columns.rows(latest_first[first])


def read_tape(folder: Path, source: CandleSource, clock: Clock, session: Session) -> RecordedDay:
    """The tape of `session`. DataError if there is none, or nothing on it."""
    symbols: dict[str, int] = {}
    finest: dict[str, Interval] = {}
    parts: list[pa.Table] = []
    for path in sorted(folder.glob("*.arrows")):
        table = _stream(path)
        if len(table):
            about = json.loads(table.schema.metadata[b"about"])
            codes = [symbols.setdefault(name, len(symbols)) for name in about["symbols"]]
            coded = np.array([*codes, NO_SYMBOL], np.int32)[table.column("symbol").to_numpy()]
            finest |= {name: Interval(one) for name, one in about["finest"].items()}
            parts.append(table.replace_schema_metadata().set_column(3, "symbol", pa.array(coded)))
    if not parts:
        raise DataError(f"{folder}: no tape of {session.date}: `run` records the sessions that it trades")
    runs = tuple(tuple(np.unique(part.column("polled_at").to_numpy()).tolist()) for part in parts)
    whole, names = pa.concat_tables(parts), tuple(symbols)
    rows = {interval: _rows(whole, interval, names) for interval in Interval}
    return RecordedDay(source, clock, session, names, finest, rows, runs)


def _stream(path: Path) -> pa.Table:
    """What a process wrote; one that was killed may have left half a batch, which is not read."""
    batches: list[pa.RecordBatch] = []
    try:
        with pa.OSFile(str(path)) as file, suppress(pa.ArrowInvalid):
            batches.extend(pa.ipc.open_stream(file))
    except OSError as error:
        raise StoreError(f"{path}: the tape cannot be read: {error}") from error
    return pa.Table.from_batches(batches, None if batches else _SCHEMA)


def _rows(whole: pa.Table, interval: Interval, names: tuple[str, ...]) -> tuple[Ints, CandleColumns]:
    chosen = (whole.column("seconds").to_numpy() == interval.seconds) & (whole.column("symbol").to_numpy() >= 0)
    columns = {field.name: whole.column(field.name).to_numpy()[chosen] for field in whole.schema}
    del columns["seconds"]
    polled_at = columns.pop("polled_at")
    return polled_at, CandleColumns(symbols=names, **columns)


def _renamed(columns: CandleColumns, symbols: tuple[str, ...]) -> CandleColumns:
    """The bars of `symbols` only, by their places there, ordered by (ts, place)."""
    place = {name: i for i, name in enumerate(symbols)}
    codes = np.array([place.get(name, NO_SYMBOL) for name in columns.symbols], np.int32)
    symbol = codes[columns.symbol]
    chosen = np.flatnonzero(symbol >= 0)
    chosen = chosen[np.lexsort((symbol[chosen], columns.ts[chosen]))]
    return replace(columns, symbols=symbols, symbol=symbol).rows(chosen)

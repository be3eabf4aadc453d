"""Candle files into a store: one file, one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import numpy as np

from livetrader.domain.candles import FIELDS, CandleColumns, Interval, Ints
from livetrader.errors import CalendarError, DataError
from livetrader.market.calendar import Calendar
from livetrader.marketdata.flaws import FLAWS, SOUND, Flaw, price_flaws
from livetrader.marketdata.formats import FileBars, parse_file
from livetrader.marketdata.placing import judge
from livetrader.marketdata.store import CandleStore

Progress = Callable[[str, int, int], None]
"""Called with a file's name, the bars of it stored so far, and its bars in all."""

Judge = Calendar | Callable[[], Calendar] | None
"""What says where the bars of a file belong; a function is asked once they are stored, for an observed calendar."""

_SPLIT = "time within a second"


@dataclass(frozen=True, slots=True)
class Rejection:
    """Rows that were not stored, by reason, and the first of them (numbered as in the file)."""

    reason: str
    count: int
    first_row: int


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of one file's rows.

    `repeated` rows said again what another row says, `conflicting` ones something else (the last counts).
    `naive_as` is the time zone that times without an offset were taken in. Bars outside sessions or off the
    interval's grid are stored, and dropped when windows are built; their counts are None where no calendar
    was given, or it does not know the dates. `first` and `last` are ISO 8601 UTC.
    """

    path: str
    interval: str
    rows: int
    symbols: tuple[str, ...]
    first: str
    last: str
    inserted: int
    changed: int
    unchanged: int
    rejected: tuple[Rejection, ...]
    repeated: int
    conflicting: int
    conflicting_row: int | None
    naive_as: str | None
    no_volume: bool
    off_session: int | None
    misaligned: int | None

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def import_files(
    store: CandleStore,
    paths: Iterable[Path],
    interval: Interval,
    *,
    timezone: tzinfo,
    symbol: str | None = None,
    strict: bool = False,
    calendar: Judge = None,
    progress: Progress | None = None,
) -> list[ImportReport]:
    """Store the candles of CSV and Parquet files; importing a file again changes nothing.

    Rows without sane prices are left out and counted; under `strict` one such row is an error. Raises
    UsageError for a file that is not there, DataError for one that cannot be understood or is of another
    interval, StoreError; nothing of that file is then stored, and files before it are.
    """
    return [_import_file(store, Path(path), interval, timezone, symbol, strict, calendar, progress) for path in paths]


def _import_file(
    store: CandleStore,
    path: Path,
    interval: Interval,
    timezone: tzinfo,
    symbol: str | None,
    strict: bool,
    calendar: Judge,
    progress: Progress | None,
) -> ImportReport:
    file = parse_file(path, timezone, symbol)
    sound, rejected = _sift(file)
    worst = max(rejected, key=lambda rejection: rejection.count, default=None)
    if worst is not None and (strict or not sound.any()):
        what = f"{len(file.bars) - int(sound.sum())} of {len(file.bars)} rows are unusable"
        raise DataError(f"{path}: {what} ({worst.reason}, first in row {worst.first_row}); nothing stored")
    bars, rows = file.bars.rows(np.flatnonzero(sound)), file.rows[sound]
    order = np.lexsort((np.arange(len(bars)), bars.symbol, bars.ts))
    bars, rows = bars.rows(order), rows[order]
    _check_spacing(path, bars, interval)
    bars, repeated, conflicts = _distinct(bars, rows)
    tell = None if progress is None else (lambda done: progress(path.name, done, len(bars)))
    counts = store.upsert(interval, bars, tell)
    off_session, misaligned = _misplaced(bars, interval, calendar() if callable(calendar) else calendar)
    return ImportReport(
        path=str(path), interval=interval.value, rows=len(file.bars),
        symbols=tuple(bars.symbols[code] for code in np.unique(bars.symbol)),
        first=_iso(bars.ts[0]), last=_iso(bars.ts[-1]),
        inserted=counts.inserted, changed=counts.changed, unchanged=counts.unchanged,
        rejected=rejected, repeated=repeated, conflicting=len(conflicts),
        conflicting_row=int(conflicts.min()) if len(conflicts) else None,
        naive_as=str(timezone) if file.naive else None, no_volume=file.no_volume,
        off_session=off_session, misaligned=misaligned,
    )  # fmt: skip


def _sift(file: FileBars) -> tuple[np.ndarray[tuple[int], np.dtype[np.bool_]], tuple[Rejection, ...]]:
    """Which rows are sound, and an account of the others."""
    codes = price_flaws(file.bars)
    reasons = {flaw.value: codes == code for code, flaw in enumerate(FLAWS)}
    reasons[_SPLIT] = file.split & (codes == SOUND)
    rejected = tuple(
        Rejection(reason, int(found.sum()), int(file.rows[found][0]))
        for reason, found in reasons.items()
        if found.any()
    )
    return (codes == SOUND) & ~file.split, rejected


def _distinct(bars: CandleColumns, rows: Ints) -> tuple[CandleColumns, int, Ints]:
    """Bars sorted by time, symbol and row without those that a later row repeats or contradicts."""
    again = (bars.ts[1:] == bars.ts[:-1]) & (bars.symbol[1:] == bars.symbol[:-1])
    fields = [getattr(bars, name) for name in FIELDS]
    same = np.logical_and.reduce([(f[1:] == f[:-1]) | (np.isnan(f[1:]) & np.isnan(f[:-1])) for f in fields])
    kept = np.append(~again, True)
    return bars.rows(np.flatnonzero(kept)), int((again & same).sum()), rows[1:][again & ~same]


def _check_spacing(path: Path, bars: CandleColumns, interval: Interval) -> None:
    """Refuse a file whose usual spacing is another interval's. Sparse bars, some multiple apart, may pass."""
    order = np.lexsort((bars.ts, bars.symbol))
    ts, codes = bars.ts[order], bars.symbol[order]
    steps = np.diff(ts)[(codes[1:] == codes[:-1]) & (ts[1:] > ts[:-1])]
    spacings, counts = np.unique(steps, return_counts=True)
    if counts.max(initial=0) < 3:
        return  # too few to tell
    usual = int(spacings[np.argmax(counts)])
    fitting = next((other for other in Interval if other.seconds == usual), None)
    if fitting is not None and fitting is not interval:
        raise DataError(f"{path}: bars are {fitting.value} apart, not {interval.value}; say --interval {fitting.value}")
    if fitting is None and usual % interval.seconds:
        known = ", ".join(other.value for other in Interval)
        raise DataError(f"{path}: bars are {usual} seconds apart, not {interval.value}; the intervals are {known}")


def _misplaced(
    bars: CandleColumns, interval: Interval, calendar: Calendar | None
) -> tuple[int, int] | tuple[None, None]:
    """Bars outside sessions, and bars off the grid."""
    if calendar is None:
        return None, None
    first, last = (datetime.fromtimestamp(ts, calendar.timezone).date() for ts in (bars.ts[0], bars.ts[-1]))
    try:
        sessions = calendar.sessions(first, last)
    except CalendarError:
        return None, None  # old candles may be stored; using them needs a calendar that knows the dates
    _, codes = judge(bars, interval, sessions, calendar.timezone)
    off_session, misaligned = (codes == FLAWS.index(flaw) for flaw in (Flaw.OFF_SESSION, Flaw.MISALIGNED))
    return int(off_session.sum()), int(misaligned.sum())


def _iso(ts: int) -> str:
    return datetime.fromtimestamp(ts, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

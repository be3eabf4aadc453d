"""What is wrong with stored candles: findings by kind, symbol and date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from livetrader.domain.candles import CandleColumns, Interval
from livetrader.market.calendar import Calendar
from livetrader.marketdata.detectors import DETECTORS, Finding, Kind, Subject, disagreements, duplicates
from livetrader.marketdata.placing import day_bounds, judge, place
from livetrader.marketdata.store import CandleStore

__all__ = ["Finding", "Kind", "QualityReport", "check"]

_TILE = 200  # symbols examined at once: bounds memory


@dataclass(frozen=True, slots=True)
class QualityReport:
    """The findings on one interval's bars over some dates, ordered by kind, symbol and date."""

    interval: Interval
    first: date
    last: date
    symbols: tuple[str, ...]
    sessions: int
    bars: int
    findings: tuple[Finding, ...]

    def by_kind(self) -> dict[Kind, int]:
        """What was counted of each kind that was found: the sum of its findings' counts."""
        kinds = [kind for kind in Kind if any(finding.kind is kind for finding in self.findings)]
        return {kind: sum(f.count for f in self.findings if f.kind is kind) for kind in kinds}

    def as_dict(self) -> dict[str, object]:
        return {
            "interval": self.interval.value,
            "from": self.first.isoformat(),
            "to": self.last.isoformat(),
            "symbols": list(self.symbols),
            "sessions": self.sessions,
            "bars": self.bars,
            "by_kind": {kind.value: count for kind, count in self.by_kind().items()},
            "findings": [finding.as_dict() for finding in self.findings],
        }


def check(
    store: CandleStore,
    calendar: Calendar,
    interval: Interval,
    symbols: Sequence[str] | None,
    first: date,
    last: date,
    against: CandleStore | CandleColumns | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> QualityReport:
    """Examine the bars stored of `symbols` (None: all) from `first` to `last`, exchange dates inclusive.

    `against` is a second source to compare with: another store, or a file's bars. Duplicates exist only
    there, because a store holds one bar a time. `progress` is told symbols done and in all. Raises
    StoreError; CalendarError for dates that the calendar does not know.
    """
    coverage = store.coverage(interval)
    names = tuple(symbols) if symbols is not None else tuple(coverage)
    sessions = calendar.sessions(first, last)
    start, end = day_bounds(first, last, calendar.timezone)
    # Late and early are told by what the other symbols have, not by the dates that were asked for.
    held = [coverage[name] for name in names if name in coverage]
    begins, ends = min((c.first for c in held), default=end), max((c.last for c in held), default=start)
    earliest = sum(session.closes <= begins for session in sessions)
    latest = sum(session.opens <= ends for session in sessions) - 1
    findings: list[Finding] = []
    count = 0
    for at in range(0, len(names), _TILE):
        tile = names[at : at + _TILE]
        bars = store.read(interval, start, end, tile)
        window = place(bars, interval, sessions, calendar.timezone).window
        _, codes = judge(bars, interval, sessions, calendar.timezone)
        subject = Subject(bars, codes, window, calendar.timezone, earliest, latest)
        for detect in DETECTORS:
            findings.extend(detect(subject))
        if against is not None:
            other = _other(against, interval, start, end, tile)
            findings.extend(duplicates(other, calendar.timezone))
            findings.extend(disagreements(window, place(other, interval, sessions, calendar.timezone).window))
        count += len(bars)
        if progress is not None:
            progress(at + len(tile), len(names))
    ordered = sorted(findings, key=lambda finding: (list(Kind).index(finding.kind), finding.symbol, finding.date))
    return QualityReport(interval, first, last, names, len(sessions), count, tuple(ordered))


def _other(
    against: CandleStore | CandleColumns, interval: Interval, start: int, end: int, symbols: tuple[str, ...]
) -> CandleColumns:
    """The second source's bars of `symbols`."""
    if not isinstance(against, CandleColumns):
        return against.read(interval, start, end, symbols)
    codes = {symbol: code for code, symbol in enumerate(symbols)}
    coded = np.array([codes.get(symbol, -1) for symbol in against.symbols], np.int32)[against.symbol]
    rows = np.flatnonzero((coded >= 0) & (against.ts >= start) & (against.ts < end))
    return replace(against, symbols=symbols, symbol=coded).rows(rows)

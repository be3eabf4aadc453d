"""One function for each thing that can be wrong with a symbol's candles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from livetrader.domain.candles import FIELDS, CandleColumns, CandleWindow, Floats
from livetrader.marketdata.flaws import FLAWS, SOUND, Codes, Flaw

Mask = npt.NDArray[np.bool_]

SPIKE_RETURNS = 12.0  # a spike moves this many times the symbol's median absolute return,
SPIKE_LEAST = 0.005  # at least this much,
SPIKE_BACK = 0.5  # and the next bar takes back at least this share of it
FLAT_SECONDS = 900  # bars frozen at one price for so long (three bars at least) are a flat run
CLOSE_DIFFERS = 0.005  # relative difference of two sources' closes
VOLUME_DIFFERS = 2.0  # ratio of two sources' volumes


class Kind(StrEnum):
    """What is wrong; the order is the report's."""

    ABSENT = "absent"
    LATE_LISTING = "late_listing"
    STOPS_EARLY = "stops_early"
    SESSION_MISSING = "session_missing"
    ONE_BAR_SESSION = "one_bar_session"
    GAP = "gap"
    BAD_PRICE = "bad_price"
    MISALIGNED = "misaligned"
    OFF_SESSION = "off_session"
    GHOST_BAR = "ghost_bar"
    ZERO_VOLUME_OPEN = "zero_volume_open"
    FLAT_RUN = "flat_run"
    SPIKE = "spike"
    DUPLICATE = "duplicate"
    CLOSE_DIFFERS = "close_differs"
    VOLUME_DIFFERS = "volume_differs"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found of one symbol on one exchange date: how many times, and the first instance in words."""

    kind: Kind
    symbol: str
    date: date
    count: int
    example: str

    def as_dict(self) -> dict[str, object]:
        return {
            "kind": self.kind.value,
            "symbol": self.symbol,
            "date": self.date.isoformat(),
            "count": self.count,
            "example": self.example,
        }


@dataclass(frozen=True, slots=True)
class Subject:
    """What the detectors look at: the bars as stored, the flaw of each, and the window of the sound ones.

    `earliest` and `latest` are the places in the window's sessions where anything is stored of any symbol.
    """

    bars: CandleColumns
    codes: Codes
    window: CandleWindow
    timezone: tzinfo
    earliest: int
    latest: int

    def traded(self) -> npt.NDArray[np.int64]:
        """Sound bars by session and symbol."""
        starts = np.searchsorted(self.window.session, np.arange(len(self.window.sessions)))
        if not len(starts):
            return np.zeros((0, len(self.window.symbols)), np.int64)
        return np.add.reduceat(~np.isnan(self.window.close), starts, axis=0, dtype=np.int64)


def attendance(subject: Subject) -> Iterator[Finding]:
    """Sessions without bars, or with one alone, and symbols that begin late or stop early."""
    window, traded = subject.window, subject.traded()
    slots = np.bincount(window.session, minlength=len(window.sessions))
    for i, symbol in enumerate(window.symbols):
        present = np.flatnonzero(traded[:, i])
        if not len(present):
            for session in window.sessions[:1]:
                yield Finding(Kind.ABSENT, symbol, session.date, len(window.sessions), "no sound bar in the period")
            continue
        dates = [session.date for session in window.sessions]
        first, last = int(present[0]), int(present[-1])
        if first > subject.earliest:
            missed = first - subject.earliest
            yield Finding(Kind.LATE_LISTING, symbol, dates[first], missed, f"first session {dates[first]}")
        if last < subject.latest:
            missed = subject.latest - last
            yield Finding(Kind.STOPS_EARLY, symbol, dates[last], missed, f"last session {dates[last]}")
        for row in np.flatnonzero(traded[first : last + 1, i] == 0) + first:
            yield Finding(Kind.SESSION_MISSING, symbol, dates[row], 1, f"0 of {slots[row]} bars")
        for row in np.flatnonzero((traded[:, i] == 1) & (slots > 1)):
            yield Finding(Kind.ONE_BAR_SESSION, symbol, dates[row], 1, f"1 of {slots[row]} bars")


def gaps(subject: Subject) -> Iterator[Finding]:
    """Bars missing from sessions that have more than one."""
    missing = np.isnan(subject.window.close) & (subject.traded() > 1)[subject.window.session]
    yield from _wide(Kind.GAP, subject.window, missing)


def flawed(subject: Subject) -> Iterator[Finding]:
    """Bars that no window holds: bad prices, off the grid, outside the session (flat after it: ghosts)."""
    bars, codes = subject.bars, subject.codes
    outside, askew = codes == FLAWS.index(Flaw.OFF_SESSION), codes == FLAWS.index(Flaw.MISALIGNED)
    flat = (bars.open == bars.high) & (bars.high == bars.low) & (bars.low == bars.close)
    ghost = outside & flat & _after_close(subject)
    kinds = (
        (Kind.BAD_PRICE, (codes != SOUND) & ~outside & ~askew),
        (Kind.MISALIGNED, askew),
        (Kind.OFF_SESSION, outside & ~ghost),
        (Kind.GHOST_BAR, ghost),
    )
    for kind, found in kinds:
        yield from _long(kind, bars, found, subject.timezone, codes)


def _after_close(subject: Subject) -> Mask:
    """Which bars open at or after the close of a session, on its date."""
    closes = {session.date: session.closes for session in subject.window.sessions}
    stamps, place = np.unique(subject.bars.ts, return_inverse=True)
    late = [ts >= closes.get(_date(ts, subject.timezone), ts + 1) for ts in stamps.tolist()]
    return np.array(late, bool)[place]


def zero_volume_opens(subject: Subject) -> Iterator[Finding]:
    """Sessions whose first bar has no volume, of symbols that have some on the day."""
    window = subject.window
    starts = np.searchsorted(window.session, np.arange(len(window.sessions)))
    if not len(starts):
        return
    some = np.add.reduceat(np.nan_to_num(window.volume), starts, axis=0) > 0
    found = np.zeros(window.shape, bool)
    found[starts] = (window.volume[starts] == 0) & some
    yield from _wide(Kind.ZERO_VOLUME_OPEN, window, found)


def flat_runs(subject: Subject) -> Iterator[Finding]:
    """Runs of bars without any movement: open, high, low and close all at the previous bar's close."""
    window = subject.window
    still = (window.high == window.low) & (window.close == window.high) & (window.open == window.close)
    still[1:] &= (window.close[1:] == window.close[:-1]) & (window.session[1:] == window.session[:-1])[:, None]
    length = max(3, FLAT_SECONDS // window.interval.seconds)
    runs = np.zeros(window.shape, np.int32)
    count = np.zeros(window.shape[1], np.int32)
    for row in range(len(runs)):
        count = np.where(still[row], count + 1, 0)
        runs[row] = count
    found = runs >= length
    for row in range(len(runs) - 2, -1, -1):  # the run's earlier bars belong to it
        found[row] |= found[row + 1] & (runs[row + 1] > 1) & (runs[row] > 0)
    yield from _wide(Kind.FLAT_RUN, window, found, lambda row, i: f"frozen at {window.close[row, i]:g}")


def spikes(subject: Subject) -> Iterator[Finding]:
    """Closes that leap, by the symbol's own measure, and come back on the next bar."""
    window = subject.window
    if len(window.ts) < 3:
        return
    moves = np.diff(np.log(window.close), axis=0)
    moves[window.session[1:] != window.session[:-1]] = np.nan  # a night is no leap
    usual = _median(np.abs(moves))
    leap, back = moves[:-1], moves[1:]
    found = np.zeros(window.shape, bool)
    found[1:-1] = (
        (np.abs(leap) > SPIKE_RETURNS * usual)
        & (np.abs(leap) > SPIKE_LEAST)
        & (np.sign(back) == -np.sign(leap))
        & (np.abs(back) > SPIKE_BACK * np.abs(leap))
    )
    close = window.close
    yield from _wide(
        Kind.SPIKE, window, found,
        lambda row, i: f"close {close[row - 1, i]:g}, {close[row, i]:g}, {close[row + 1, i]:g}",
    )  # fmt: skip


def duplicates(bars: CandleColumns, timezone: tzinfo) -> Iterator[Finding]:
    """Bars that have the time and symbol of an earlier one."""
    order = np.lexsort((np.arange(len(bars)), bars.ts, bars.symbol))
    again = np.diff(bars.ts[order], prepend=-1) == 0
    again &= np.diff(bars.symbol[order], prepend=-1) == 0
    found = np.zeros(len(bars), bool)
    found[order] = again
    yield from _long(Kind.DUPLICATE, bars, found, timezone, None)


def disagreements(here: CandleWindow, there: CandleWindow) -> Iterator[Finding]:
    """Bars that two sources both have, with different closes or volumes."""
    close = np.abs(here.close / there.close - 1) > CLOSE_DIFFERS
    more, less = np.fmax(here.volume, there.volume), np.fmin(here.volume, there.volume)
    volume = ~np.isnan(here.close) & ~np.isnan(there.close) & (more > VOLUME_DIFFERS * less)
    for kind, field, found in ((Kind.CLOSE_DIFFERS, "close", close), (Kind.VOLUME_DIFFERS, "volume", volume)):
        ours, theirs = getattr(here, field), getattr(there, field)
        yield from _wide(kind, here, found, _versus(ours, theirs))


DETECTORS: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    attendance, gaps, flawed, zero_volume_opens, flat_runs, spikes,
)  # fmt: skip


def _versus(ours: Floats, theirs: Floats) -> Callable[[int, int], str]:
    return lambda row, i: f"{ours[row, i]:g} here, {theirs[row, i]:g} there"


def _wide(
    kind: Kind, window: CandleWindow, found: Mask, say: Callable[[int, int], str] | None = None
) -> Iterator[Finding]:
    """Findings from a mask over a window: one for each session and symbol."""
    rows, columns = np.nonzero(found)
    keys = columns.astype(np.int64) * len(window.sessions) + window.session[rows]
    _, firsts, counts = np.unique(keys, return_index=True, return_counts=True)
    for first, count in zip(firsts.tolist(), counts.tolist(), strict=True):
        row, column = int(rows[first]), int(columns[first])
        day = window.sessions[window.session[row]].date
        example = _iso(window.ts[row]) + (f" {say(row, column)}" if say is not None else "")
        yield Finding(kind, window.symbols[column], day, count, example)


def _long(kind: Kind, bars: CandleColumns, found: Mask, timezone: tzinfo, codes: Codes | None) -> Iterator[Finding]:
    """Findings from a mask over bars: one for each date and symbol."""
    grouped: dict[tuple[int, date], list[int]] = {}
    for row in np.flatnonzero(found).tolist():
        grouped.setdefault((int(bars.symbol[row]), _date(int(bars.ts[row]), timezone)), []).append(row)
    for (symbol, day), rows in grouped.items():
        prices = " ".join(f"{getattr(bars, name)[rows[0]]:g}" for name in FIELDS)
        what = f"{FLAWS[codes[rows[0]]].value}: " if codes is not None else ""
        yield Finding(kind, bars.symbols[symbol], day, len(rows), f"{_iso(bars.ts[rows[0]])} {what}{prices}")


def _median(values: Floats) -> Floats:
    """The median of each column's numbers, NaN for a column without any (where numpy would warn)."""
    ordered = np.sort(values, axis=0)
    counts = np.count_nonzero(~np.isnan(values), axis=0)
    middle = ordered[np.maximum(counts - 1, 0) // 2, np.arange(values.shape[1])]
    return np.where(counts > 0, middle, np.nan)


def _date(ts: int, timezone: tzinfo) -> date:
    return datetime.fromtimestamp(ts, timezone).date()


def _iso(ts: int | np.int64) -> str:
    return datetime.fromtimestamp(int(ts), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

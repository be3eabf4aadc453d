"""What a broker's history is asked for, and what is believed of its answers.

A history is a server's cache of a broker's cache: it may lack the last bars, or days; give bars that are still forming,
of other days or off the grid; stamp days in another time zone; and fill the time in which nobody traded with candles of
its own making. Only bars that the calendar has a place for are taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta, tzinfo
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from livetrader.domain.candle import Candle
from livetrader.domain.candles import CandleColumns, Interval, Ints, columns_of, grid
from livetrader.domain.session import Session
from livetrader.marketdata.flaws import FLAWS, SOUND, Codes, Flaw
from livetrader.marketdata.placing import day_bounds, judge
from livetrader.marketdata.store import CandleStore

FORMING = "still forming"
NOBODY_TRADED = "no volume at one price: nobody traded"

# A broker gives so many days of one symbol at once; of longer ranges a server makes several calls, and a long wait.
INTRADAY_SPAN, DAILY_SPAN = timedelta(days=60), timedelta(days=2000)

READ_SESSIONS = 20  # sessions examined at once: bounds memory
_DAY = 86_400


class Piece(NamedTuple):
    """What one call asks for: the bars of a symbol over some sessions, one after the other."""

    symbol: str
    interval: Interval
    sessions: tuple[Session, ...]

    @property
    def days(self) -> tuple[date, date]:
        return self.sessions[0].date, self.sessions[-1].date


@dataclass(frozen=True, slots=True)
class Accepted:
    """What is believed of an answer: `bars`, stamped by their opens; how many were left out, by reason.

    `short` has the sessions with fewer bars than slots: what came, and what could have come.
    """

    bars: CandleColumns
    left_out: Mapping[str, int]
    short: Mapping[date, tuple[int, int]]


def known_at(sessions: Sequence[Session], interval: Interval, timezone: tzinfo) -> Ints:
    """When a history has the bar of each slot of the grid: once its whole length is over, a day's after midnight."""
    if interval is Interval.D1:
        return np.array([day_bounds(one.date, one.date, timezone)[1] for one in sessions], np.int64)
    return grid(sessions, interval)[0] + interval.seconds


def accept(piece: Piece, candles: Sequence[Candle], timezone: tzinfo, now: float, *, traded: bool) -> Accepted:
    """Judge an answer that came by `now`. Of what is not `traded`, such as an index, nobody tells a volume."""
    bars = columns_of(piece.symbol, candles)
    ts, _, session, _ = grid(piece.sessions, piece.interval)
    known = known_at(piece.sessions, piece.interval, timezone)
    rows, codes = judge(bars, piece.interval, piece.sessions, timezone)
    if piece.interval is Interval.D1:  # a day that is stamped otherwise may be the one after it
        codes[(bars.ts % _DAY != 0) & (codes == SOUND)] = FLAWS.index(Flaw.MISALIGNED)
    placed = np.minimum(rows, len(ts) - 1)
    sound = codes == SOUND
    forming = sound & (known[placed] > now)
    invented = sound & ~forming & _invented(bars) if traded else np.zeros(len(bars), bool)
    kept = np.flatnonzero(sound & ~forming & ~invented)
    left_out = {reason: int(count.sum()) for reason, count in _reasons(codes, forming, invented) if count.any()}
    held = np.bincount(session[np.unique(placed[kept])], minlength=len(piece.sessions))
    expected = np.bincount(session[known <= now], minlength=len(piece.sessions))
    short = {
        one.date: (int(has), int(could))
        for one, has, could in zip(piece.sessions, held, expected, strict=True)
        if has < could
    }
    return Accepted(replace(bars.rows(kept), ts=ts[placed[kept]]), left_out, short)


def missing(
    store: CandleStore,
    symbols: Sequence[str],
    interval: Interval,
    sessions: Sequence[Session],
    timezone: tzinfo,
    now: float,
) -> Iterator[Piece]:
    """What has to be asked for until the store has every bar of `sessions` that a history has by `now`.

    A session is whole when it has a bar for each of its slots. So one in which a symbol did not trade for a while is
    asked for anew by whoever comes next: from the store alone, nobody can tell it from one with a hole.
    """
    held = np.vstack([
        _counts(store, symbols, interval, sessions[i : i + READ_SESSIONS], timezone)
        for i in range(0, len(sessions), READ_SESSIONS)
    ] or [np.empty((0, len(symbols)), np.int64)])  # fmt: skip
    _, _, session, _ = grid(sessions, interval)
    expected = np.bincount(session[known_at(sessions, interval, timezone) <= now], minlength=len(sessions))
    for i, symbol in enumerate(symbols):
        lacking = np.flatnonzero(held[:, i] < expected)
        yield from _pieces(symbol, interval, sessions, lacking)


def whole(symbol: str, interval: Interval, sessions: Sequence[Session]) -> Iterator[Piece]:
    """All of `sessions`, whatever the store has."""
    yield from _pieces(symbol, interval, sessions, np.arange(len(sessions)))


def _pieces(
    symbol: str, interval: Interval, sessions: Sequence[Session], wanted: npt.NDArray[np.intp]
) -> Iterator[Piece]:
    """The wanted sessions and those between them, in as few calls as a broker allows."""
    span = DAILY_SPAN if interval is Interval.D1 else INTRADAY_SPAN
    starts: list[int] = []
    for place, index in enumerate(wanted):
        if not starts or sessions[index].date - sessions[wanted[starts[-1]]].date >= span:
            starts.append(place)
    for start, end in pairwise((*starts, len(wanted))):
        yield Piece(symbol, interval, tuple(sessions[wanted[start] : wanted[end - 1] + 1]))


def _counts(
    store: CandleStore, symbols: Sequence[str], interval: Interval, sessions: Sequence[Session], timezone: tzinfo
) -> npt.NDArray[np.int64]:
    """How many slots are held, of each session (rows) and symbol (columns)."""
    bars = store.read(interval, *day_bounds(sessions[0].date, sessions[-1].date, timezone), symbols)
    rows, codes = judge(bars, interval, sessions, timezone)
    _, _, session, _ = grid(sessions, interval)
    sound = codes == SOUND
    # A day may be stored under two stamps, an import's and ours.
    cells = np.unique(rows[sound] * len(symbols) + bars.symbol[sound])
    places = session[cells // len(symbols)] * len(symbols) + cells % len(symbols)
    return np.bincount(places, minlength=len(sessions) * len(symbols)).reshape(len(sessions), len(symbols))


def _invented(bars: CandleColumns) -> npt.NDArray[np.bool_]:
    flat = (bars.open == bars.close) & (bars.high == bars.low) & (bars.open == bars.high)
    found: npt.NDArray[np.bool_] = flat & (bars.volume == 0)
    return found


def _reasons(
    codes: Codes, forming: npt.NDArray[np.bool_], invented: npt.NDArray[np.bool_]
) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    yield from ((flaw.value, codes == code) for code, flaw in enumerate(FLAWS))
    yield FORMING, forming
    yield NOBODY_TRADED, invented

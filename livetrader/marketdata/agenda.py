"""What a feed has to ask for, and in which order: each series after each of its closes, until the bar is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np

from livetrader.domain.candles import Interval, Ints, grid
from livetrader.domain.session import Session
from livetrader.market.calendar import Calendar
from livetrader.marketdata.fetching import Series
from livetrader.marketdata.history import Piece, known_at

# A bar that is not there yet: the broker is late, or nobody traded. After so many tries it is not waited for any more.
TRIES, AGAIN_SECONDS = 3, 5.0


class Bar(NamedTuple):
    """A slot of the calendar's grid: its open, and when a history has it, in epoch seconds."""

    session: Session
    ts: int
    known: int


@dataclass(slots=True)
class _Line:
    """A series. `answered` is when its last bar was known that it has, or that is not waited for any more.

    `holes` are earlier sessions that are asked for once, with the next bar; `asking` is the bar that a question in
    flight is about; `met`: nobody waits for its first answer any more.
    """

    holes: tuple[Session, ...] = ()
    answered: int = 0
    asking: Bar | None = None
    tries: int = 0
    not_before: float = 0.0
    met: bool = False


class Agenda:
    """Pure book-keeping, on the instants that it is told. CalendarError where the calendar does not know the day."""

    def __init__(self, calendar: Calendar, delay_seconds: float) -> None:
        self._calendar = calendar
        self._delay = delay_seconds
        self._lines: dict[Series, _Line] = {}

    def __contains__(self, series: Series) -> bool:
        return series in self._lines

    @property
    def caught_up(self) -> bool:
        """Whether each series has been answered, or refused, since it is followed."""
        return all(line.met for line in self._lines.values())

    def follow(self, series: Series, holes: Sequence[Session], now: float, *, again: Sequence[Session] = ()) -> None:
        """Ask for a series from now on. `holes` are the sessions of the last days of which bars are missing.

        Where there is none, `again` are sessions to be asked for nevertheless, which nobody waits for.
        """
        last = self._last(series[1], now)
        whole = _Line(tuple(again), answered=last.known if last else 0, met=True)
        self._lines[series] = _Line(tuple(holes)) if holes else whole

    def due(self, now: float, monotonic: float, first: Sequence[str], others: Sequence[str]) -> list[Piece]:
        """What is to be asked for now: of the symbols in `first`, then what was not asked before, then the rest."""
        place = {symbol: i for i, symbol in enumerate(dict.fromkeys((*first, *others)))}
        last = self._lasts(now)
        found = []
        for (symbol, interval), line in self._lines.items():
            bar = last[interval]
            wanted = bar is not None and (line.holes or bar.known > line.answered)
            if bar and wanted and not line.asking and monotonic >= line.not_before:
                begins = line.holes[0].date if line.holes else bar.session.date
                sessions = self._calendar.sessions(begins, bar.session.date)
                rank = symbol not in first, line.tries, place.get(symbol, len(place)), interval.seconds
                found.append((rank, Piece(symbol, interval, sessions)))
        return [piece for _, piece in sorted(found, key=lambda one: one[0])]

    def asked(self, piece: Piece, now: float) -> None:
        """A piece that was due at `now` is asked for."""
        self._lines[piece.symbol, piece.interval].asking = self._last(piece.interval, now - self._delay)

    def answered(self, piece: Piece, newest: int | None, monotonic: float) -> None:
        """An answer came whose last bar opens at `newest` (epoch seconds; None: it has none)."""
        line, bar = self._line(piece)
        line.holes = ()
        line.tries += 1
        if (newest is not None and newest >= bar.ts) or line.tries >= TRIES:
            line.answered, line.tries = max(line.answered, bar.known), 0
        else:
            line.not_before = monotonic + AGAIN_SECONDS

    def refused(self, piece: Piece) -> None:
        """The history does not know the symbol: it is asked again after the next close."""
        line, bar = self._line(piece)
        line.holes, line.answered = (), max(line.answered, bar.known)

    def unanswered(self, piece: Piece, monotonic: float) -> None:
        """No answer: it is to be asked again, after the others."""
        line, _ = self._line(piece)
        line.not_before = monotonic + AGAIN_SECONDS

    def arrived(self, series: Series, ts: int, now: float) -> None:
        """A bar was stored by somebody else. It counts if those before it are there: holes are still asked for."""
        line = self._lines.get(series)
        if line is None:
            return
        opens, known, _ = self._slots(series[1], now)
        row = int(opens.searchsorted(ts))
        if row < len(opens) and opens[row] == ts and (row == 0 or known[row - 1] <= line.answered):
            line.answered, line.tries = max(line.answered, int(known[row])), 0

    def behind(self, now: float) -> tuple[tuple[str, ...], float]:
        """The symbols whose last bar is still to come, and for how many seconds the oldest of those is overdue."""
        last = self._lasts(now)
        late: dict[str, float] = {}
        for (symbol, interval), line in self._lines.items():
            bar = last[interval]
            if bar and bar.known > line.answered:
                late[symbol] = max(late.get(symbol, 0.0), now - bar.known)
        return tuple(late), max(late.values(), default=0.0)

    def _line(self, piece: Piece) -> tuple[_Line, Bar]:
        """The series of a question that is in flight no more, and the bar that it was about."""
        line = self._lines[piece.symbol, piece.interval]
        bar, line.asking, line.met = line.asking, None, True
        assert bar is not None, "it was asked"
        return line, bar

    def _lasts(self, now: float) -> dict[Interval, Bar | None]:
        return {interval: self._last(interval, now - self._delay) for interval in {one for _, one in self._lines}}

    def _last(self, interval: Interval, now: float) -> Bar | None:
        """The last bar that is known at `now`."""
        opens, known, sessions = self._slots(interval, now)
        row = int(known.searchsorted(now, side="right")) - 1
        return None if row < 0 else Bar(sessions[row], int(opens[row]), int(known[row]))

    def _slots(self, interval: Interval, now: float) -> tuple[Ints, Ints, list[Session]]:
        """Opens of the slots of the last two sessions that have begun or are today's, when each is known, whose it is.

        Two, because a market that never closes has its last bar of a day on the next one.
        """
        zone = self._calendar.timezone
        today = datetime.fromtimestamp(now, UTC).astimezone(zone).date()
        sessions = self._calendar.before(today + timedelta(days=1), 2)
        opens, _, session, _ = grid(sessions, interval)
        return opens, np.asarray(known_at(sessions, interval, zone)), [sessions[i] for i in session]

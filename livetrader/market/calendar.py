"""When a market trades: sessions by date and by instant, and the dates between which that is known."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from difflib import get_close_matches
from functools import cache
from operator import attrgetter
from typing import NamedTuple, overload
from zoneinfo import ZoneInfo

from livetrader.domain.session import Session
from livetrader.errors import CalendarError, ConfigError
from livetrader.market import nse

NAMES = ("nse", "24x7", "observed")

_DATE, _OPENS = attrgetter("date"), attrgetter("opens")
_DAY = 86_400
_EPOCH = date(1970, 1, 1).toordinal()


class Day(NamedTuple):
    """A line of `livetrader calendar show`. `parts` is exchange time, or says why there is no session."""

    date: date
    kind: str
    parts: str
    provenance: str


@dataclass(frozen=True, eq=False, repr=False)
class Calendar:
    """The sessions of one market, known for every date from `valid_from` to `valid_until` inclusive.

    `trading` holds the sessions, oldest first; `listed` the dates that differ from the market's rule, and
    `rule` is the provenance of all others. Dates are the exchange's, instants epoch seconds.
    """

    name: str
    version: str
    timezone: ZoneInfo
    valid_from: date
    valid_until: date
    trading: Sequence[Session]
    listed: Mapping[date, nse.ListedDay]
    rule: str

    def session_on(self, day: date) -> Session | None:
        """The session of `day`; None on a day without one. Raises CalendarError outside validity."""
        found = self.sessions(day, day)
        return found[0] if found else None

    def sessions(self, first: date, last: date) -> tuple[Session, ...]:
        """The sessions from `first` to `last` inclusive, oldest first; the same error as `session_on`."""
        self._require(first)
        self._require(last)
        low = bisect_left(self.trading, first, key=_DATE)
        return tuple(self.trading[low : bisect_right(self.trading, last, lo=low, key=_DATE)])

    def before(self, day: date, count: int) -> tuple[Session, ...]:
        """The `count` sessions before `day`, oldest first; fewer where the calendar begins.

        Raises CalendarError when dates past validity lie before `day`.
        """
        if day > self.valid_until:
            self._require(date.fromordinal(day.toordinal() - 1))
        end = bisect_left(self.trading, day, key=_DATE)
        return tuple(self.trading[max(0, end - count) : end])

    def after(self, day: date) -> Session | None:
        """The next session after `day`; None past validity. Raises CalendarError before validity."""
        if day < self.valid_from:
            self._require(date.fromordinal(day.toordinal() + 1))
        index = bisect_right(self.trading, day, key=_DATE)
        return self.trading[index] if index < len(self.trading) else None

    def at(self, instant: float) -> Session | None:
        """The session with opens <= `instant` < closes, the pause between its parts included, or None.

        None past validity as well: it is `require_live` that refuses such a day.
        """
        index = bisect_right(self.trading, instant, key=_OPENS) - 1
        if index < 0:
            return None
        session = self.trading[index]
        return session if instant < session.closes else None

    def describe(self, first: date, last: date) -> tuple[Day, ...]:
        """Every session, holiday and announced session from `first` to `last`, oldest first."""
        rows = {session.date: self._trading_day(session) for session in self.sessions(first, last)}
        for day, listed in self.listed.items():
            if first <= day <= last and day not in rows:
                text = "closed" if listed.hours is not None else "hours unknown, not traded"
                rows[day] = Day(day, listed.kind, text, listed.provenance)
        return tuple(sorted(rows.values()))

    def require_live(self, day: date) -> None:
        """Raise CalendarError unless orders may be sent on `day` by this calendar."""
        if self.name == "observed":
            raise CalendarError(
                "market.calendar: 'observed' is for research and cannot go live: set it to 'nse' or '24x7'"
            )
        self._require(day)

    def _require(self, day: date) -> None:
        if not self.valid_from <= day <= self.valid_until:
            raise CalendarError(
                f"{day} is outside the {self.name} calendar, which knows {self.valid_from} to "
                f"{self.valid_until} (version {self.version}): update livetrader, or add the year to "
                "livetrader/market/data/nse.csv; to research stored candles set market.calendar to 'observed'"
            )

    def _trading_day(self, session: Session) -> Day:
        midnight = int(datetime.combine(session.date, time(), self.timezone).timestamp())
        parts = " ".join("-".join(_hhmm(end - midnight) for end in part) for part in session.parts)
        listed = self.listed.get(session.date)
        return Day(session.date, session.kind, parts, listed.provenance if listed else self.rule)


def load(
    name: str, *, square_off: time | None = None, dates: Callable[[ZoneInfo], Iterable[date]] | None = None
) -> Calendar:
    """The calendar `nse`, `24x7`, or `observed` where `dates` says on which exchange dates there were candles.

    `square_off` is the exchange time at which a regular NSE session squares off (default 15:20); a UTC day
    has none. Raises ConfigError for other names and for a time outside the regular session.
    """
    if name == "observed" and dates is not None:
        return observed(dates(nse.IST), square_off=square_off)
    if name == "24x7":
        return _utc()
    if name == "nse":
        return _nse(_checked(square_off))
    if name == "observed":
        raise ConfigError("market.calendar: 'observed' is made from the dates of stored candles, not loaded")
    close = get_close_matches(name.lower(), NAMES, 1, 0.4)
    hint = f"did you mean '{close[0]}'?" if close else "use one of " + ", ".join(NAMES)
    raise ConfigError(f"market.calendar: there is no calendar '{name}': {hint}")


def observed(dates: Iterable[date], *, square_off: time | None = None) -> Calendar:
    """A calendar with sessions on exactly `dates` (exchange dates), in NSE's hours. It knows every date."""
    trading = tuple(nse.sessions_on(dates, _checked(square_off)))
    known = nse.listing()
    special = {s.date: known.days[s.date] for s in trading if s.kind != "regular"}
    first, last = date.min, date.max
    return Calendar("observed", known.version, nse.IST, first, last, trading, special, "in the store")


@cache
def _nse(square_off: time) -> Calendar:
    known = nse.listing()
    trading = tuple(nse.sessions(square_off))
    first, last = known.valid_from, known.valid_until
    return Calendar("nse", known.version, nse.IST, first, last, trading, known.days, "regular week")


@cache
def _utc() -> Calendar:
    return Calendar("24x7", "1", ZoneInfo("UTC"), date.min, date.max, _UtcDays(), {}, "every UTC day")


class _UtcDays(Sequence[Session]):
    """Every day there is as a session, made when asked for; the index is the day's ordinal less one."""

    def __len__(self) -> int:
        return date.max.toordinal()

    @overload
    def __getitem__(self, index: int) -> Session: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Session, ...]: ...
    def __getitem__(self, index: int | slice) -> Session | tuple[Session, ...]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(len(self))[index])
        ordinal = range(len(self))[index] + 1
        opens = (ordinal - _EPOCH) * _DAY
        return Session(date.fromordinal(ordinal), ((opens, opens + _DAY),), opens + _DAY)


def _checked(square_off: time | None) -> time:
    at = nse.SQUARE_OFF if square_off is None else square_off
    if not nse.OPENS < at <= nse.CLOSES:
        raise ConfigError(
            f"market.square_off: {at:%H:%M} is not inside the session: "
            f"use a time after {nse.OPENS:%H:%M} and up to {nse.CLOSES:%H:%M} exchange time"
        )
    return at


def _hhmm(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds % 3600 // 60:02}"

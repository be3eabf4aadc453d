"""Our calendar against the broker's market timings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Protocol

from livetrader.domain.session import Session
from livetrader.market import nse
from livetrader.market.calendar import Calendar


class Timings(Protocol):
    """A broker that tells its hours."""

    def timings(self, day: date) -> dict[str, tuple[datetime, datetime]]:
        """Open and close (UTC) of each exchange that is open on a day."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A day on which two calendars differ; hours are exchange time, or `closed`."""

    date: date
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """`trusted` is whether the broker's hours could be compared, and not only the days: it reckons them in the time
    zone of its host, so they count only where its regular sessions open when NSE's do."""

    days: int
    trusted: bool
    differences: Sequence[Difference]


def days_from(first: date, count: int, calendar: Calendar) -> list[date]:
    """So many days from `first` on, without those that `calendar` does not reach."""
    days = (first + timedelta(days=i) for i in range(count))
    return [day for day in days if day <= calendar.valid_until]


def compare(broker: Timings, calendar: Calendar, exchange: str, days: Sequence[date]) -> Comparison:
    """Ask for each of `days`. CalendarError for a day that ours does not know, BrokerError where theirs does not
    answer."""
    theirs = {day: broker.timings(day).get(exchange) for day in days}
    ours = {day: calendar.session_on(day) for day in days}
    regular = [theirs[day] for day, one in ours.items() if one is not None and one.kind == "regular" and theirs[day]]
    trusted = bool(regular) and all(one is not None and _opens(one[0]) == nse.OPENS for one in regular)
    found = [
        Difference(day, _ours(ours[day]), _theirs(theirs[day], trusted))
        for day in days
        if _differ(ours[day], theirs[day], trusted)
    ]
    return Comparison(len(days), trusted, found)


def _differ(ours: Session | None, theirs: tuple[datetime, datetime] | None, trusted: bool) -> bool:
    if ours is None or theirs is None:
        return (ours is None) != (theirs is None)
    return trusted and (ours.open_at, ours.close_at) != theirs


def _opens(instant: datetime) -> time:
    return instant.astimezone(nse.IST).time()


def _ours(session: Session | None) -> str:
    return "closed" if session is None else _span(session.open_at, session.close_at)


def _theirs(hours: tuple[datetime, datetime] | None, trusted: bool) -> str:
    return "closed" if hours is None else _span(*hours) if trusted else "open"


def _span(opens: datetime, closes: datetime) -> str:
    return f"{opens.astimezone(nse.IST):%H:%M}-{closes.astimezone(nse.IST):%H:%M}"

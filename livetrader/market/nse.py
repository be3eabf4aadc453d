"""The sessions of the National Stock Exchange of India, from the versioned facts of `data/nse.csv`."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from livetrader.domain.session import Session
from livetrader.errors import CalendarError

IST: Final = ZoneInfo("Asia/Kolkata")
OPENS, CLOSES = time(9, 15), time(15, 30)
SQUARE_OFF: Final = time(15, 20)
DATA: Final = Path(__file__).with_name("data") / "nse.csv"

Hours = tuple[tuple[time, time], ...]
REGULAR: Final[Hours] = ((OPENS, CLOSES),)


@dataclass(frozen=True, slots=True)
class ListedDay:
    """A date on which NSE differs from its regular week.

    `hours` are the parts of its session in exchange time: empty on a holiday, None where a session was
    announced but its hours are not known (it is not traded). `provenance` says how the row is known.
    """

    kind: str
    hours: Hours | None
    provenance: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The data file: what is listed, and the dates (inclusive) between which the list is complete."""

    version: str
    valid_from: date
    valid_until: date
    days: dict[date, ListedDay]

    def trades(self, day: date) -> bool:
        """Whether `day` has a session of known hours."""
        listed = self.days.get(day)
        return day.weekday() < 5 if listed is None else bool(listed.hours)


def sessions(square_off: time) -> Iterator[Session]:
    """Every session of the listing's period, oldest first; `square_off` is the regular session's."""
    known = listing()
    period = range(known.valid_from.toordinal(), known.valid_until.toordinal() + 1)
    return sessions_on(filter(known.trades, map(date.fromordinal, period)), square_off)


def sessions_on(days: Iterable[date], square_off: time) -> Iterator[Session]:
    """Sessions on exactly `days`, oldest first: listed hours on a special session's day, else regular."""
    known = listing()
    for day in sorted(set(days)):
        listed = known.days.get(day)
        if listed is not None and listed.hours:
            yield session(day, listed.hours, listed.kind, square_off)
        else:
            yield session(day, REGULAR, "regular", square_off)


def session(day: date, hours: Hours, kind: str, square_off: time) -> Session:
    """The session of `day`.

    It squares off as long before its close as a regular session does. The configured time holds where it lies
    inside the session with that margin left; elsewhere (an evening hour, a morning drill) the margin alone
    counts, but never from before the open.
    """
    parts = tuple((_instant(day, opens), _instant(day, closes)) for opens, closes in hours)
    opens, closes = parts[0][0], parts[-1][1]
    configured = _instant(day, square_off)
    latest = closes - (_instant(day, CLOSES) - configured)
    at = configured if opens < configured <= latest else max(opens, latest)
    return Session(day, parts, at, kind)


def _instant(day: date, at: time) -> int:
    return int(datetime.combine(day, at, IST).timestamp())


@cache
def listing() -> Listing:
    """The data file, read once. Raises CalendarError, naming the line, where it is malformed."""
    return read(DATA)


def read(path: Path) -> Listing:
    """Read a listing: `# key: value` lines for version and validity, CSV `date,kind,hours,provenance`."""
    lines = path.read_text(encoding="utf-8").splitlines()
    header = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# ") and ": " in line)
    days: dict[date, ListedDay] = {}
    for number, line in enumerate(lines, 1):
        if not line or line.startswith(("#", "date,")):
            continue
        try:
            day, listed = _row(next(csv.reader([line])))
        except ValueError as problem:
            raise CalendarError(f"{path}:{number}: {problem}: correct the line") from problem
        if day in days:
            raise CalendarError(f"{path}:{number}: {day} is listed twice: remove one of the lines")
        days[day] = listed
    try:
        first, last = (date.fromisoformat(header[key]) for key in ("valid_from", "valid_until"))
        return Listing(header["version"], first, last, days)
    except (KeyError, ValueError) as problem:
        raise CalendarError(f"{path}: version, valid_from or valid_until: {problem}: correct it") from problem


def _row(fields: list[str]) -> tuple[date, ListedDay]:
    day, kind, hours, provenance = fields
    parts = None if hours == "unknown" else tuple(_part(text) for text in hours.split())
    if (parts == ()) != (kind == "holiday"):
        raise ValueError("a holiday has no hours, and every other day has some (or 'unknown')")
    ends = [end for part in parts or () for end in part]
    if any(early >= late for early, late in pairwise(ends)):
        raise ValueError(f"the hours {hours!r} do not ascend")
    return date.fromisoformat(day), ListedDay(kind, parts, provenance)


def _part(text: str) -> tuple[time, time]:
    opens, closes = text.split("-")
    return time.fromisoformat(opens), time.fromisoformat(closes)

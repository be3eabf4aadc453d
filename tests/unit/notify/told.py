"""A reader over a journal, and what it makes of what was written."""

from __future__ import annotations

from decimal import Decimal
from zoneinfo import ZoneInfo

from livetrader.notify.events import Day, Event, Reader
from livetrader.store.journal import SqlJournal

IST = ZoneInfo("Asia/Kolkata")


def money(value: Decimal) -> str:
    return f"{value:+}"


def reader(journal: SqlJournal, since: int | None = None) -> Reader:
    """A reader of a process that began at row `since`: now, unless it is given."""
    return Reader(journal, IST, money, journal.head() if since is None else since, lambda _: Day(("a day",), None))


def events(made: Reader, after: int = 0) -> list[Event]:
    """The events of all rows after `after`."""
    found = made.tail.entries(made.kinds, after, made.tail.head(), 10_000)
    return [event for entry in found if (event := made.event(entry)) is not None]


def texts(made: Reader, after: int = 0) -> list[tuple[str, str]]:
    """Severity and words of each."""
    return [(event.severity.name.lower(), event.text()) for event in events(made, after)]

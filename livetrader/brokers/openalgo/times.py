"""OpenAlgo's times: naive text of Indian time, in a form of each broker's own, or a count since 1970."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from livetrader.brokers.openalgo.answers import Unreadable, amount
from livetrader.brokers.openalgo.symbols import MONTHS
from livetrader.market.nse import IST

_CLOCK = r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?(?: ?([AP]M))?"
_DAY = r"(\d{1,2})[-/ ](\d{1,2}|[A-Z]{3})[-/ ](\d{4})"
_DAY_FIRST = re.compile(f"{_DAY},? {_CLOCK}", re.IGNORECASE)
_CLOCK_FIRST = re.compile(f"{_CLOCK},? {_DAY}", re.IGNORECASE)
_CLOCK_ONLY = re.compile(_CLOCK, re.IGNORECASE)

# A time of day that lies further ahead than this was yesterday's: no two clocks differ by so much.
AHEAD = timedelta(hours=1)

# Seconds since 1970 lie between these from 2001 to 2096; whatever is more counts milliseconds.
FIRST_SECOND, LAST_SECOND = Decimal(10) ** 9, 4 * Decimal(10) ** 9


def moment(said: object, now: datetime) -> datetime:
    """`2026-11-21 10:46:18`, `28-Aug-2025 09:59:10`, `10:46:18 21-11-2026`, `09:59:10 AM`, a count since 1970: in UTC.

    `now` gives the day to a time of day alone. Unreadable for anything else.
    """
    if isinstance(said, int | Decimal) or (isinstance(said, str) and said.strip().isdecimal()):
        return datetime.fromtimestamp(float(epoch(said)), UTC)
    if not isinstance(said, str):
        raise Unreadable(f"{said!r} is no time")
    try:
        return _read(said.strip(), now.astimezone(IST)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Unreadable(f"{said!r} is no time") from error


def epoch(count: object) -> Decimal:
    """Seconds since 1970 of a count of them, or of milliseconds. Unreadable if it is none."""
    seconds = amount(count)
    seconds = seconds / 1000 if seconds > LAST_SECOND else seconds
    if not FIRST_SECOND <= seconds <= LAST_SECOND:
        raise Unreadable(f"{count!r} is no time")
    return seconds


def _read(text: str, now: datetime) -> datetime:
    if match := _DAY_FIRST.fullmatch(text):
        return _at(_date(*match.groups()[:3]), match.groups()[3:])
    if match := _CLOCK_FIRST.fullmatch(text):
        return _at(_date(*match.groups()[4:]), match.groups()[:4])
    if match := _CLOCK_ONLY.fullmatch(text):
        at = _at(now.date(), match.groups())
        return at - timedelta(days=1) if at - now > AHEAD else at
    at = datetime.fromisoformat(text)
    return at if at.tzinfo is not None else at.replace(tzinfo=IST)


def _date(day: str, month: str, year: str) -> date:
    return date(int(year), int(month) if month.isdigit() else MONTHS.index(month.upper()) + 1, int(day))


def _at(day: date, clock: tuple[str | None, ...]) -> datetime:
    """That time of the day: hour, minute, second, and AM or PM."""
    hour, minute, second = (int(part or 0) for part in clock[:3])
    if clock[3]:
        if not 1 <= hour <= 12:
            raise ValueError("no hour of half a day")
        hour = hour % 12 + (12 if clock[3].upper() == "PM" else 0)
    return datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=IST)

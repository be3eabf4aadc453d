"""OpenAlgo's times: naive text of Indian time, in a form of each broker's own."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from livetrader.brokers.openalgo.answers import Unreadable
from livetrader.brokers.openalgo.symbols import MONTHS
from livetrader.market.nse import IST

_CLOCK = r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?"
_DAY_FIRST = re.compile(rf"(\d{{1,2}})-(\d{{1,2}}|[A-Za-z]{{3}})-(\d{{4}}) {_CLOCK}")
_CLOCK_ONLY = re.compile(_CLOCK)

# A time of day that lies further ahead than this was yesterday's: no two clocks differ by so much.
AHEAD = timedelta(hours=1)


def moment(text: object, now: datetime) -> datetime:
    """`2026-11-21 10:46:18`, `28-Aug-2025 09:59:10`, `29-12-2025 11:10:38` or `09:59:10` in UTC.

    `now` gives the day to a time of day alone. Unreadable for anything else.
    """
    if not isinstance(text, str):
        raise Unreadable(f"{text!r} is no time")
    try:
        return _read(text.strip(), now.astimezone(IST)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Unreadable(f"{text!r} is no time") from error


def _read(text: str, now: datetime) -> datetime:
    if match := _DAY_FIRST.fullmatch(text):
        day, month, year, *clock = match.groups()
        number = int(month) if month.isdigit() else MONTHS.index(month.upper()) + 1
        return _at(date(int(year), number, int(day)), clock)
    if match := _CLOCK_ONLY.fullmatch(text):
        at = _at(now.date(), match.groups())
        return at - timedelta(days=1) if at - now > AHEAD else at
    at = datetime.fromisoformat(text)
    return at if at.tzinfo is not None else at.replace(tzinfo=IST)


def _at(day: date, clock: list[str | None] | tuple[str | None, ...]) -> datetime:
    hour, minute, second = (int(part or 0) for part in clock)
    return datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=IST)

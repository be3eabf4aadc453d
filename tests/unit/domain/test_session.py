"""A session's slots: where its bars open, whatever its hours."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.domain.session import Session

OPENS = int(datetime(2026, 2, 2, 3, 45, tzinfo=UTC).timestamp())


def session(*minutes: tuple[int, int]) -> Session:
    """Parts in minutes from 09:15 IST."""
    parts = tuple((OPENS + 60 * start, OPENS + 60 * end) for start, end in minutes)
    return Session(date(2026, 2, 2), parts, parts[-1][1])


def slots(of: Session, minutes: int) -> list[int]:
    """The opens of the bars, in minutes from the open."""
    return [(slot - of.opens) // 60 for slot in of.slots(60 * minutes)]


REGULAR = session((0, 375))
TWO_PARTS = session((0, 45), (135, 195))
HOUR = session((0, 60))


@pytest.mark.parametrize(
    ("of", "minutes", "count", "first", "last"),
    [
        pytest.param(REGULAR, 5, 75, 0, 370, id="5m"),
        pytest.param(REGULAR, 1, 375, 0, 374, id="1m"),
        pytest.param(REGULAR, 15, 25, 0, 360, id="15m"),
        pytest.param(REGULAR, 60, 7, 0, 360, id="hourly: 15:15 closes with the session"),
        pytest.param(REGULAR, 1440, 1, 0, 0, id="daily"),
        pytest.param(HOUR, 1440, 1, 0, 0, id="daily of an hour's session"),
        pytest.param(HOUR, 60, 1, 0, 0, id="hourly of an hour's session"),
        pytest.param(TWO_PARTS, 5, 21, 0, 190, id="5m of two parts: none in the pause"),
        pytest.param(TWO_PARTS, 60, 3, 0, 180, id="hourly of two parts: each that any trading lies in"),
        pytest.param(session((0, 1440)), 60, 24, 0, 1380, id="a UTC day"),
    ],
)
def test_the_slots_of_a_session(of: Session, minutes: int, count: int, first: int, last: int) -> None:
    found = slots(of, minutes)
    assert (len(found), found[0], found[-1]) == (count, first, last)


def test_a_pause_has_no_bar_that_lies_in_it() -> None:
    assert slots(TWO_PARTS, 15) == [0, 15, 30, 135, 150, 165, 180]
    assert slots(TWO_PARTS, 60) == [0, 120, 180], "09:15–10:15, 11:15–12:15 and 12:15–12:30"


@given(
    start=st.integers(1, 300),
    pause=st.integers(0, 200),
    length=st.integers(1, 300),
    minutes=st.sampled_from([1, 5, 15, 60]),
)
def test_every_traded_minute_lies_in_exactly_one_slot(start: int, pause: int, length: int, minutes: int) -> None:
    of = session((0, start), (start + pause, start + pause + length))
    step = min(minutes, start + pause + length)
    found = slots(of, minutes)
    traded = [m for m in range(start + pause + length) if m < start or m >= start + pause]
    for minute in traded:
        assert len([s for s in found if s <= minute < s + step]) == 1
    assert all(any(s <= m < s + step for m in traded) for s in found), "no slot is without trading"


def test_instants_and_datetimes_agree() -> None:
    assert (REGULAR.opens, REGULAR.closes) == (OPENS, OPENS + 375 * 60)
    assert REGULAR.open_at == datetime(2026, 2, 2, 3, 45, tzinfo=UTC)
    assert REGULAR.close_at == datetime(2026, 2, 2, 10, 0, tzinfo=UTC)
    assert TWO_PARTS.closes == OPENS + 195 * 60

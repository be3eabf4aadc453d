"""Calendars: which days trade, when, and where their knowledge ends."""

from __future__ import annotations

import pickle
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.errors import CalendarError, ConfigError
from livetrader.market import calendar
from livetrader.market.calendar import Calendar

IST = ZoneInfo("Asia/Kolkata")
NSE = calendar.load("nse")
UTC_DAYS = calendar.load("24x7")
FIRST, LAST = date(2015, 1, 1), date(2026, 12, 31)

in_nse = st.dates(FIRST, LAST)
any_calendar = st.sampled_from([NSE, UTC_DAYS, calendar.observed([date(2024, 3, 2), date(2026, 1, 15)])])


def ist(day: str, at: str) -> int:
    return int(datetime.fromisoformat(f"{day}T{at}:00").replace(tzinfo=IST).timestamp())


def hhmm(instant: int) -> str:
    return datetime.fromtimestamp(instant, IST).strftime("%H:%M")


SPECIAL = [
    # date, kind, parts, square-off
    ("2024-01-23", "regular", "09:15-15:30", "15:20"),
    ("2015-02-28", "budget", "09:15-15:30", "15:20"),
    ("2015-11-11", "muhurat", "17:45-18:45", "18:35"),
    ("2016-10-30", "muhurat", "18:30-19:30", "19:20"),
    ("2019-10-27", "muhurat", "18:15-19:15", "19:05"),
    ("2020-02-01", "budget", "09:15-15:30", "15:20"),
    ("2021-02-24", "outage", "09:15-17:00", "15:20"),
    ("2021-11-04", "muhurat", "18:15-19:15", "19:05"),
    ("2023-11-12", "muhurat", "18:15-19:15", "19:05"),
    ("2024-01-20", "special", "09:15-15:30", "15:20"),
    ("2024-03-02", "drill", "09:15-10:00 11:30-12:30", "12:20"),
    ("2024-05-18", "drill", "09:15-10:00 11:30-12:30", "12:20"),
    ("2024-11-01", "muhurat", "18:00-19:00", "18:50"),
    ("2025-02-01", "budget", "09:15-15:30", "15:20"),
    ("2025-10-21", "muhurat", "13:45-14:45", "14:35"),
    ("2026-02-01", "budget", "09:15-15:30", "15:20"),
]


@pytest.mark.parametrize(("day", "kind", "parts", "square_off"), SPECIAL, ids=[row[0] for row in SPECIAL])
def test_special_sessions_have_their_own_hours_and_square_off(day: str, kind: str, parts: str, square_off: str) -> None:
    session = NSE.session_on(date.fromisoformat(day))
    assert session is not None
    assert session.date == date.fromisoformat(day)
    assert session.kind == kind
    assert " ".join(f"{hhmm(opens)}-{hhmm(closes)}" for opens, closes in session.parts) == parts
    assert hhmm(session.square_off) == square_off


@pytest.mark.parametrize(
    "day",
    ["2015-01-26", "2019-04-29", "2020-04-10", "2023-06-29", "2024-05-20", "2025-10-22", "2026-01-15",
     "2026-03-21", "2026-06-06", "2026-11-08"],
    ids=["republic-day", "election", "good-friday", "moved-holiday", "late-election", "after-muhurat",
         "late-holiday", "mock-saturday", "plain-saturday", "unknown-hours"],
)  # fmt: skip
def test_closed_days_have_no_session(day: str) -> None:
    assert NSE.session_on(date.fromisoformat(day)) is None


def test_each_year_keeps_its_number_of_sessions() -> None:
    """Weekdays less holidays plus special sessions; a lost or doubled row of the data changes a count."""
    counts = Counter(session.date.year for session in NSE.sessions(FIRST, LAST))
    assert [counts[year] for year in range(2015, 2026)] == [
        248, 247, 248, 246, 245, 252, 248, 248, 246, 249, 249,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("configured", "expected"),
    [
        (time(15, 0), {"2024-01-23": "15:00", "2024-11-01": "18:30", "2024-03-02": "12:00"}),
        (time(15, 30), {"2024-01-23": "15:30", "2024-11-01": "19:00", "2021-02-24": "15:30"}),
        (time(14, 0), {"2024-01-23": "14:00", "2024-11-01": "18:00", "2025-10-21": "13:45"}),
    ],
    ids=["earlier", "at-the-close", "margin-longer-than-muhurat"],
)
def test_square_off_follows_the_configured_time(configured: time, expected: dict[str, str]) -> None:
    nse = calendar.load("nse", square_off=configured)
    sessions = {day: nse.session_on(date.fromisoformat(day)) for day in expected}
    assert {day: hhmm(session.square_off) for day, session in sessions.items() if session} == expected


@pytest.mark.parametrize("wrong", [time(9, 15), time(15, 31), time(0, 0)], ids=["open", "after-close", "midnight"])
def test_a_square_off_outside_the_session_is_a_configuration_error(wrong: time) -> None:
    with pytest.raises(ConfigError, match=r"^market\.square_off: .*09:15 and up to 15:30"):
        calendar.load("nse", square_off=wrong)
    with pytest.raises(ConfigError, match="square_off"):
        calendar.observed([date(2026, 1, 5)], square_off=wrong)


@given(in_nse, st.times(time(9, 16), time(15, 30)))
def test_square_off_lies_within_its_session(day: date, configured: time) -> None:
    for session in calendar.observed([day], square_off=configured.replace(second=0, microsecond=0)).trading:
        assert session.opens <= session.square_off <= session.closes


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nsee", "did you mean 'nse'"),
        ("NSE", "did you mean 'nse'"),
        ("24/7", "did you mean '24x7'"),
        ("moon", "use one of nse, 24x7, observed"),
        ("observed", "stored candles"),
    ],
)
def test_an_unknown_name_is_a_configuration_error_with_a_suggestion(name: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as error:
        calendar.load(name)
    assert len(error.value.problems) == 1
    assert str(error.value).startswith("market.calendar: ")


@pytest.mark.parametrize("day", [FIRST - timedelta(1), LAST + timedelta(1), date.min, date.max], ids=str)
def test_a_date_that_nse_does_not_know_is_an_error_and_never_an_empty_answer(day: date) -> None:
    for ask in (NSE.session_on, NSE.require_live, lambda d: NSE.sessions(d, d), lambda d: NSE.describe(d, d)):
        with pytest.raises(CalendarError, match=r"market/data/nse\.csv") as error:
            ask(day)
        assert str(day) in str(error.value)
        assert "\n" not in str(error.value)


def test_a_span_that_reaches_past_validity_is_an_error() -> None:
    with pytest.raises(CalendarError, match="2027-01-01 is outside"):
        NSE.sessions(date(2026, 12, 1), date(2027, 1, 1))
    with pytest.raises(CalendarError, match="2014-12-31 is outside"):
        NSE.sessions(date(2014, 12, 31), date(2015, 2, 1))


def test_before_and_after_at_the_ends_of_the_calendar() -> None:
    opening = NSE.sessions(FIRST, date(2015, 1, 6))
    assert NSE.before(date(2015, 1, 7), 50) == opening
    assert NSE.before(FIRST, 5) == ()
    assert NSE.before(LAST + timedelta(1), 1)[0].date == LAST
    assert NSE.after(LAST) is None
    assert NSE.after(FIRST - timedelta(1)) == opening[0]
    with pytest.raises(CalendarError, match="2027-01-01 is outside"):
        NSE.before(date(2027, 1, 2), 1)
    with pytest.raises(CalendarError, match="2014-12-31 is outside"):
        NSE.after(date(2014, 12, 30))


@given(any_calendar, in_nse, st.integers(0, 40))
def test_before_is_the_tail_of_the_sessions_and_after_leads_back(cal: Calendar, day: date, count: int) -> None:
    found = cal.before(day, count)
    since = found[0].date if len(found) == count > 0 else FIRST  # fewer: all that there are
    if count > 0:
        assert found == tuple(s for s in cal.sessions(since, day) if s.date < day)
    assert len(found) <= count
    following = cal.after(day)
    if following is not None:
        assert following.date > day
        assert cal.sessions(day, following.date)[-1] == following
        assert not [s for s in cal.sessions(day, following.date) if day < s.date < following.date]


@given(any_calendar, st.integers(ist("2015-01-01", "00:00"), ist("2026-12-31", "23:59")))
def test_at_agrees_with_the_session_of_the_date(cal: Calendar, instant: int) -> None:
    """`at` gives the session exactly where opens <= instant < closes, judged by the exchange's date."""
    session = cal.session_on(datetime.fromtimestamp(instant, cal.timezone).date())
    inside = session is not None and session.opens <= instant < session.closes
    assert cal.at(instant) == (session if inside else None)


@pytest.mark.parametrize(
    ("day", "at", "open_"),
    [
        ("2026-01-05", "09:14", False), ("2026-01-05", "09:15", True), ("2026-01-05", "15:29", True),
        ("2026-01-05", "15:30", False), ("2024-03-02", "10:30", True), ("2024-03-02", "12:30", False),
        ("2026-01-15", "11:00", False), ("2027-01-04", "11:00", False), ("2014-06-02", "11:00", False),
    ],
    ids=["before", "open", "last-minute", "close", "pause", "drill-over", "holiday", "in-2027", "in-2014"],
)  # fmt: skip
def test_at_counts_the_open_and_the_pause_but_not_the_close(day: str, at: str, open_: bool) -> None:
    session = NSE.at(ist(day, at))
    assert (session is not None) is open_
    assert session is None or session.date == date.fromisoformat(day)


def test_sessions_are_inclusive_and_oldest_first() -> None:
    days = [session.date for session in NSE.sessions(date(2026, 1, 30), date(2026, 2, 2))]
    assert days == [date(2026, 1, 30), date(2026, 2, 1), date(2026, 2, 2)]
    assert NSE.sessions(date(2026, 2, 2), date(2026, 1, 30)) == ()


@given(st.dates())
def test_a_utc_day_is_a_session_of_24_hours_whatever_the_date(day: date) -> None:
    session = UTC_DAYS.session_on(day)
    assert session is not None
    midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    assert session.parts == ((midnight, midnight + 86400),)
    assert session.square_off == session.closes
    assert UTC_DAYS.at(midnight) == UTC_DAYS.at(midnight + 86399) == session
    assert UTC_DAYS.describe(day, day)[0].parts == "00:00-24:00"


def test_utc_days_follow_each_other_to_the_ends_of_time() -> None:
    assert [s.date for s in UTC_DAYS.before(date(2024, 3, 1), 2)] == [date(2024, 2, 28), date(2024, 2, 29)]
    assert UTC_DAYS.before(date.min, 3) == ()
    assert UTC_DAYS.after(date.max) is None
    assert len(UTC_DAYS.sessions(date(2025, 1, 1), date(2025, 12, 31))) == 365
    assert calendar.load("24x7", square_off=time(15, 20)).session_on(date(2025, 1, 1)) == UTC_DAYS.at(1735689600)


def test_observed_sessions_are_exactly_the_dates_given() -> None:
    days = [date(2027, 5, 3), date(2026, 3, 21), date(2024, 3, 2), date(2026, 11, 8), date(2026, 3, 21)]
    cal = calendar.observed(iter(days), square_off=time(15, 0))
    rows = cal.describe(date.min, date.max)
    assert [tuple(row) for row in rows] == [
        (date(2024, 3, 2), "drill", "09:15-10:00 11:30-12:30", "observed"),
        (date(2026, 3, 21), "regular", "09:15-15:30", "in the store"),
        (date(2026, 11, 8), "regular", "09:15-15:30", "in the store"),
        (date(2027, 5, 3), "regular", "09:15-15:30", "in the store"),
    ]
    assert [hhmm(s.square_off) for s in cal.trading] == ["12:00", "15:00", "15:00", "15:00"]


@given(st.sets(st.dates(FIRST, date(2040, 1, 1)), max_size=5), st.dates())
def test_observed_answers_for_every_date(dates: set[date], day: date) -> None:
    cal = calendar.observed(dates)
    assert (cal.session_on(day) is not None) is (day in dates)
    assert [s.date for s in cal.before(day, 9)] == sorted(d for d in dates if d < day)
    following = cal.after(day)
    assert (following.date if following else None) == min((d for d in dates if d > day), default=None)


@given(st.sets(in_nse, min_size=1, max_size=30))
def test_observed_and_nse_agree_on_every_day_that_nse_trades(dates: set[date]) -> None:
    """Research on an observed calendar must not change the hours or square-off of a real session."""
    cal = calendar.observed(dates)
    for day in dates:
        assert NSE.session_on(day) in (None, cal.session_on(day))


def test_observed_is_refused_live_and_the_others_are_not() -> None:
    with pytest.raises(CalendarError, match="cannot go live"):
        calendar.observed([date(2026, 1, 5)]).require_live(date(2026, 1, 5))
    NSE.require_live(LAST)
    UTC_DAYS.require_live(date(2035, 1, 1))


def test_describe_shows_sessions_holidays_and_announced_sessions_with_their_provenance() -> None:
    rows = NSE.describe(date(2026, 11, 6), date(2026, 11, 11))
    assert [tuple(row) for row in rows] == [
        (date(2026, 11, 6), "regular", "09:15-15:30", "regular week"),
        (date(2026, 11, 8), "muhurat", "hours unknown, not traded", "unverified"),
        (date(2026, 11, 9), "regular", "09:15-15:30", "regular week"),
        (date(2026, 11, 10), "holiday", "closed", "published"),
        (date(2026, 11, 11), "regular", "09:15-15:30", "regular week"),
    ]


def test_a_loaded_calendar_is_shared_and_survives_a_worker_process() -> None:
    """Sweeps send calendars to worker processes; the answers there are the same."""
    assert calendar.load("nse") is calendar.load("nse", square_off=time(15, 20))
    for cal in (NSE, UTC_DAYS, calendar.observed([date(2024, 3, 2)])):
        twin = pickle.loads(pickle.dumps(cal))
        assert twin.session_on(date(2024, 3, 2)) == cal.session_on(date(2024, 3, 2)) is not None
        assert (twin.name, twin.version, twin.timezone) == (cal.name, cal.version, cal.timezone)

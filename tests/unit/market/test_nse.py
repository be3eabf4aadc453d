"""The NSE listing: the file is read strictly, and it agrees with published lists and with real candles."""

from __future__ import annotations

import csv
from datetime import date, datetime
from pathlib import Path

import pandas as pd
import pytest

from livetrader.errors import CalendarError
from livetrader.market import calendar, nse

SHARED = Path(__file__).parents[3] / "../shared/data"
NSE = calendar.load("nse")

HEADER = "# version: 1\n# valid_from: 2026-01-01\n# valid_until: 2026-12-31\ndate,kind,hours,provenance\n"


def shared(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not in ../shared/data on this machine")
    return path


def test_the_file_is_complete_and_without_weekend_holidays() -> None:
    known = nse.listing()
    assert (known.valid_from, known.valid_until) == (date(2015, 1, 1), date(2026, 12, 31))
    assert known.version
    assert {listed.provenance for listed in known.days.values()} == {
        "observed", "published", "derived", "unverified",
    }  # fmt: skip
    assert not [day for day, listed in known.days.items() if listed.hours == () and day.weekday() > 4]
    years = {day.year for day, listed in known.days.items() if listed.kind == "holiday"}
    assert years == set(range(2015, 2027))


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("2026-02-30,holiday,,published", r":5: .*correct the line"),
        ("2026-01-26,holiday,", r":5: not enough values"),
        ("2026-01-26,holiday,09:15-15:30,published", r":5: a holiday has no hours"),
        ("2026-11-08,muhurat,,published", r":5: a holiday has no hours"),
        ("2026-11-08,muhurat,18:15,published", r":5: not enough values"),
        ("2026-11-08,muhurat,19:15-18:15,published", r":5: the hours .* do not ascend"),
        ("2026-11-08,muhurat,18:15-18:15,published", r":5: the hours .* do not ascend"),
        ("2026-11-08,drill,09:15-11:00 10:30-12:00,published", r":5: the hours .* do not ascend"),
        ("2026-01-26,holiday,,published\n2026-01-26,holiday,,published", r":6: 2026-01-26 is listed twice"),
    ],
    ids=[
        "no-such-date",
        "fields",
        "open-holiday",
        "hours-missing",
        "half-hours",
        "backwards",
        "empty",
        "overlap",
        "twice",
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, row: str, says: str) -> None:
    path = tmp_path / "nse.csv"
    path.write_text(HEADER + row + "\n", encoding="utf-8")
    with pytest.raises(CalendarError, match=says) as error:
        nse.read(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("line", ["# version: 1\n", "# valid_until: 2026-12-31\n"], ids=["version", "validity"])
def test_a_missing_header_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "nse.csv"
    path.write_text(HEADER.replace(line, ""), encoding="utf-8")
    with pytest.raises(CalendarError, match=line[2:9]):
        nse.read(path)


def test_unknown_hours_are_kept_and_not_traded(tmp_path: Path) -> None:
    path = tmp_path / "nse.csv"
    path.write_text(HEADER + "2026-11-06,muhurat,unknown,published\n", encoding="utf-8")
    known = nse.read(path)
    assert known.days[date(2026, 11, 6)] == nse.ListedDay("muhurat", None, "published")
    assert not known.trades(date(2026, 11, 6))
    assert known.trades(date(2026, 11, 9))


@pytest.mark.parametrize("year", [2024, 2025, 2026])
def test_holidays_agree_with_the_published_list(year: int) -> None:
    lines = shared(f"nse_holidays_{year}.csv").read_text().split()
    published = {datetime.strptime(line, "%d-%b-%Y").date() for line in lines}  # noqa: DTZ007 - dates only
    weekdays = pd.bdate_range(f"{year}-01-01", f"{year}-12-31").date
    closed = {day for day in weekdays if (s := NSE.session_on(day)) is None or s.kind == "muhurat"}
    # Diwali of 2024 is missing from its list: the day is only known there as a Muhurat session.
    assert closed - {date(2024, 11, 1)} == {day for day in published if day.weekday() < 5}
    held = [session for day in published if (session := NSE.session_on(day))]
    assert {session.kind for session in held} <= {"muhurat"}


def test_special_sessions_agree_with_the_collected_list() -> None:
    rows = list(csv.DictReader(shared("nse_special_sessions.csv").read_text().splitlines()))
    assert len(rows) > 10
    for row in rows:
        day = date.fromisoformat(row["date"])
        listed = nse.listing().days[day]
        if not row["open_ist"]:
            assert listed.hours is None
            continue
        assert listed.hours is not None
        opens, closes = listed.hours[0][0], listed.hours[-1][1]
        assert (f"{opens:%H:%M}", f"{closes:%H:%M}") == (row["open_ist"], row["close_ist"]), day
        assert listed.provenance == row["provenance"].split()[0], day


# Sessions that a file lacks although it spans them, and dates with bars on which nobody traded.
CANDLES = [
    ("nse_5m_vendor_a", {"2026-02-01", "2026-02-02"}, set()),
    ("nse_5m_vendor_b", set(), {"2026-03-21"}),
    ("nse_1m_vendor_b", set(), set()),
    ("nse_1m_2016", set(), set()),
]


@pytest.mark.parametrize(("name", "missing", "mock"), CANDLES, ids=[row[0] for row in CANDLES])
def test_sessions_are_the_days_that_real_candles_show(name: str, missing: set[str], mock: set[str]) -> None:
    """Every date with a healthy number of on-session bars is a session, and the other way round."""
    candles = pd.read_parquet(shared(f"{name}.parquet"), columns=["symbol", "ts"])
    seconds = pd.to_datetime(candles["ts"], utc=True).dt.as_unit("s").astype("int64")
    instants = seconds.drop_duplicates().sort_values()
    days = pd.to_datetime(instants, unit="s", utc=True).dt.tz_convert("Asia/Kolkata").dt.date
    spacing = 60 if "_1m_" in name else 300
    hours = calendar.observed(days)
    on_session = days[[hours.at(instant) is not None for instant in instants]].value_counts()
    healthy = {day for day, bars in on_session.items() if bars >= 0.9 * 375 * 60 / spacing}
    known = {session.date for session in NSE.sessions(min(days), max(days))}
    assert healthy - known == set()
    assert {str(day) for day in known - healthy} == missing
    assert {str(day) for day in set(days) - known} == mock


def test_the_budget_sunday_of_2026_was_traded_in_full() -> None:
    """One vendor lacks it; the other has all of it, with every index and stock moving."""
    candles = pd.read_parquet(shared("nse_5m_vendor_b.parquet"))
    local = pd.to_datetime(candles["ts"], utc=True).dt.tz_convert("Asia/Kolkata")
    sunday = candles[local.dt.date == date(2026, 2, 1)]
    session = NSE.session_on(date(2026, 2, 1))
    assert session is not None
    assert set(sunday.groupby("symbol").size()) == {len(session.slots(300))}
    assert (sunday.groupby("symbol")["close"].nunique() > 20).all()

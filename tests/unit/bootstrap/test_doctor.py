"""What the doctor says at a time of its own: calendars that end, clocks that differ, feeds that are behind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.bootstrap.doctor import examination, local, online
from livetrader.bootstrap.doctor.examination import examine
from livetrader.bootstrap.doctor.findings import Finding, Level, Said, exit_code, failed, ok
from livetrader.bootstrap.doctor.hours import compare
from livetrader.bootstrap.doctor.subject import Subject
from livetrader.bootstrap.workspace import Workspace
from livetrader.config import Configuration, load
from livetrader.domain.candles import Interval
from livetrader.errors import (
    AlreadyRunning,
    AuthExpired,
    BrokerUnavailable,
    CalendarError,
    ConfigError,
    DataError,
    LiveTraderError,
    StoreError,
)
from livetrader.market.calendar import Calendar
from livetrader.market.clock import VirtualClock
from livetrader.marketdata.simulated import INDEX, simulate
from livetrader.marketdata.store import open_store
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal

SYMBOLS = ("TCS", "INFY")
FRIDAY = date(2026, 2, 27)
CONFIG = (
    f"symbols: '{','.join(SYMBOLS)}'\ncandles: {{url: 'sqlite:///candles.db'}}\nstate: {{url: 'sqlite:///state.db'}}\n"
)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nse: Calendar) -> Path:
    """A folder with candles up to 11:00 of a Friday."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(CONFIG)
    sessions = (*nse.before(FRIDAY, 2), *nse.sessions(FRIDAY, FRIDAY))
    columns = simulate((*SYMBOLS, INDEX), sessions, seed=1, dirt=False)
    with open_store("sqlite:///candles.db") as store:
        store.upsert(Interval.M5, columns)
        until = int(instant(2026, 2, 27, 11))
        kept = store.read(Interval.M5, 0, until)
    (tmp_path / "candles.db").unlink()
    with open_store("sqlite:///candles.db") as store:
        store.upsert(Interval.M5, kept)
    return tmp_path


def instant(year: int, month: int, day: int, hour: int, minute: int = 0) -> float:
    """An exchange time."""
    return datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp() - 19_800


def configured(folder: Path, more: str = "") -> Configuration:
    (folder / "config.yaml").write_text(CONFIG + more)
    return load(folder / "config.yaml", environ={})


def said(configuration: Configuration, at: float, check: str) -> list[Finding]:
    found = examine(configuration, VirtualClock(at), live=False)
    return [one.finding for one in found if one.check == check]


@pytest.mark.parametrize(
    ("at", "level", "what", "code"),
    [
        (instant(2026, 2, 27, 8), Level.OK, "the next session is Fri 27 Feb 09:15 to 15:30", 0),
        (instant(2026, 2, 28, 8), Level.OK, "no session today; the next session is Mon 02 Mar", 0),
        (instant(2026, 12, 10, 8), Level.WARN, "ends in 21 days, on 2026-12-31", 0),
        (instant(2027, 2, 1, 8), Level.FAIL, "2027-02-01 is outside the nse calendar", 78),
    ],
    ids=["a session", "a weekend", "it ends soon", "it has ended"],
)
def test_the_calendar_says_today_and_how_long_it_goes_on(
    desk: Path, at: float, level: Level, what: str, code: int
) -> None:
    (found,) = said(configured(desk), at, "calendar")
    assert (found.level, found.exit_code) == (level, code)
    assert what in found.what


@pytest.mark.parametrize(
    ("at", "level", "what"),
    [
        (instant(2026, 2, 27, 11, 0), Level.OK, "the newest bar closed at Fri 27 Feb 2026 11:00; 2 of 2 symbols"),
        (instant(2026, 2, 27, 11, 5), Level.OK, "closed at Fri 27 Feb 2026 11:00"),
        (instant(2026, 2, 27, 11, 30), Level.WARN, "30 min before it should have"),
        (instant(2026, 3, 2, 9, 20), Level.WARN, "closed at Fri 27 Feb 2026 11:00, 270 min before it should have"),
        (instant(2026, 3, 2, 12), Level.WARN, "none of the session of 2026-03-02; the newest bar is of Fri 27 Feb"),
    ],
    ids=["just closed", "the next one is due", "the feed stopped", "before the first close", "a session is missing"],
)
def test_the_age_of_candles_is_counted_by_the_calendar(desk: Path, at: float, level: Level, what: str) -> None:
    found = said(configured(desk), at, "candles")
    assert any(one.level is level and what in one.what for one in found), found


def test_a_clock_that_was_set_back_is_found(desk: Path) -> None:
    journal = SqlJournal(open_state("sqlite:///state.db", "paper", "simulated"))
    later = datetime.fromtimestamp(instant(2026, 2, 27, 10), UTC)
    journal.start_run(later, mode="paper", version="1", config_hash="0" * 16)
    journal.close()
    found = said(configured(desk), instant(2026, 2, 27, 9), "clock")
    (behind,) = [one for one in found if one.level is Level.FAIL]
    assert (behind.exit_code, behind.remedy) == (78, "`timedatectl set-ntp true`")
    assert behind.what.startswith("the clock is 1:00:00 behind the last run")
    assert all(one.level is Level.OK for one in said(configured(desk), instant(2026, 2, 27, 10, 1), "clock"))


@pytest.mark.parametrize(
    ("at", "ends"),
    [
        (instant(2026, 2, 26, 20), "Fri 27 Feb 06:00"),
        (instant(2026, 2, 27, 5), "Fri 27 Feb 06:00"),
        (instant(2026, 2, 27, 8), None),
        (instant(2026, 2, 27, 12), None),
        (instant(2026, 2, 27, 16), "Mon 02 Mar 06:00"),
        (instant(2026, 2, 28, 12), "Mon 02 Mar 06:00"),
    ],
    ids=["the evening before", "too early", "the morning", "in the session", "after the close", "a weekend"],
)
def test_a_login_that_ends_before_the_next_session_is_told_of(desk: Path, at: float, ends: str | None) -> None:
    """OpenAlgo does not say how old it is; brokers end all of them in the morning."""
    with Workspace(configured(desk), read_only=True) as workspace:
        found = list(online._until_the_morning(Subject(workspace, VirtualClock(at), live=True)))
    assert [one.level for one in found] == ([] if ends is None else [Level.WARN])
    assert all(f"ends about {ends}" in one.what and "`livetrader login openalgo`" in one.remedy for one in found)


@pytest.fixture
def told() -> Iterator[tuple[str, list[str]]]:
    """A server's URL, and the Date that it answers with."""
    date_of: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response_only(404)
            self.send_header("Date", date_of[0])
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}", date_of
        http.shutdown()
        thread.join()


@pytest.mark.allow_hosts(["127.0.0.1"])
@pytest.mark.parametrize(
    ("skew", "level"),
    [(0, Level.OK), (-1, Level.OK), (5, Level.WARN), (-5, Level.WARN), (90, Level.FAIL), (-3600, Level.FAIL)],
)
def test_the_clock_is_held_against_the_brokers(
    desk: Path, told: tuple[str, list[str]], skew: int, level: Level
) -> None:
    url, date_of = told
    now = instant(2026, 2, 27, 8)
    date_of.append(format_datetime(datetime.fromtimestamp(now + skew, UTC), usegmt=True))
    broker = f"broker: {{kind: loopback, url: '{url}'}}\n"
    (found,) = said(configured(desk, broker), now, "clock")
    assert found.level is level, found
    assert found.exit_code == (78 if level is Level.FAIL else 0)


def test_a_broken_check_does_not_hide_what_the_others_find(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Subject) -> Iterator[Finding]:
        yield ok("so far")
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr(examination, "HERE", (("broken", broken), ("disk", local.disk)))
    first, second, *others = examine(configured(desk), VirtualClock(instant(2026, 2, 27, 8)), live=False)
    assert first.finding.what == "so far"
    assert second.finding.what == "the check itself failed: ZeroDivisionError: division by zero"
    assert {one.check for one in others} == {"disk"}
    assert exit_code([first, second, *others]) == 1


@pytest.mark.parametrize(
    "error",
    [
        AuthExpired,
        BrokerUnavailable,
        ConfigError,
        CalendarError,
        StoreError,
        AlreadyRunning,
        DataError,
        LiveTraderError,
    ],
)
def test_every_error_comes_with_a_command_that_mends_it(error: type[LiveTraderError]) -> None:
    (found,) = failed("state", error("what, where"))
    assert (found.level, found.what, found.exit_code) == (Level.FAIL, "what, where", error.exit_code)
    assert "`" in found.remedy


def test_the_candles_have_another_remedy_than_the_state() -> None:
    error = StoreError("cannot be read")
    assert "db check" in failed("state", error)[0].remedy
    assert "data check" in failed("candles", error)[0].remedy


CODES = (78, 75, 74, 77, 69)


@given(st.sets(st.sampled_from(CODES)), st.integers(0, 3))
def test_the_exit_code_is_that_of_what_a_start_meets_first(codes: set[int], fine: int) -> None:
    found = [Said("x", Finding(Level.FAIL, "", "", code)) for code in sorted(codes)]
    found += [Said("x", ok("fine"))] * fine
    assert exit_code(found) == next((code for code in CODES if code in codes), 0)


class Told:
    """A broker that tells hours: `late` minutes after NSE's, and none on the days of `closed`."""

    def __init__(self, calendar: Calendar, late: int = 0, closed: tuple[date, ...] = (), longer: int = 0) -> None:
        self.calendar, self.late, self.closed, self.longer = calendar, late, closed, longer

    def timings(self, day: date) -> dict[str, tuple[datetime, datetime]]:
        session = self.calendar.session_on(day)
        if session is None or day in self.closed:
            return {}
        late, longer = timedelta(minutes=self.late), timedelta(minutes=self.longer)
        return {"NSE": (session.open_at + late, session.close_at + late + longer)}


WEEK = [date(2026, 2, 23) + timedelta(days=i) for i in range(7)]


@pytest.mark.parametrize(
    ("told", "trusted", "differences"),
    [
        ({}, True, []),
        ({"late": 330}, False, []),
        ({"closed": (date(2026, 2, 25),)}, True, [("2026-02-25", "09:15-15:30", "closed")]),
        ({"late": 330, "closed": (date(2026, 2, 25),)}, False, [("2026-02-25", "09:15-15:30", "closed")]),
        ({"longer": 60}, True, [(f"2026-02-{day}", "09:15-15:30", "09:15-16:30") for day in range(23, 28)]),
    ],
    ids=["the same", "a host on UTC", "a holiday", "a holiday, on UTC", "another close"],
)
def test_hours_count_only_where_a_regular_session_opens_at_0915(
    nse: Calendar, told: dict[str, object], trusted: bool, differences: list[tuple[str, str, str]]
) -> None:
    found = compare(Told(nse, **told), nse, "NSE", WEEK)  # type: ignore[arg-type]
    assert (found.days, found.trusted) == (7, trusted)
    assert [(str(one.date), one.ours, one.theirs) for one in found.differences] == differences

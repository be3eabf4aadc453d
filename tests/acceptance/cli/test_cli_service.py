"""`livetrader run` as systemd sees it: ready, fed by scans, and stopping; also where there is nothing to do."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from calls import Told, finish, start, until
from lone_strategy import IDLE, section

from livetrader.domain.candles import Interval
from livetrader.market.calendar import load
from livetrader.market.clock import SystemClock
from livetrader.marketdata.simulated import simulate
from livetrader.marketdata.store import open_store
from tests.unit.notify.service_manager import heard

CONFIG = """\
symbols: "BTCUSDT,"
market: {calendar: 24x7, trend_symbol: null}
candles: {url: "sqlite:///candles.db"}
state: {url: "sqlite:///state.db"}
venue: {charges: none, tick: 0.01, lot: 0.0001}
"""


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as listening:
        listening.bind(str(tmp_path / "notify"))
        yield listening


def test_a_service_says_that_it_is_ready_that_it_scans_and_that_it_stops(
    empty: Path, tmp_path: Path, manager: socket.socket
) -> None:
    (empty / "config.yaml").write_text(CONFIG + section("idle"))
    (empty / "idle.py").write_text(IDLE)
    calendar = load("24x7")
    today = datetime.fromtimestamp(SystemClock().now(), UTC).date()
    days = [*calendar.before(today, 2), *calendar.sessions(today, today)]
    with open_store(f"sqlite:///{empty / 'candles.db'}") as store:
        store.upsert(Interval.M5, simulate(("BTCUSDT",), days, 3, dirt=False))
    process = start("run", cwd=empty, NOTIFY_SOCKET=str(tmp_path / "notify"))
    words: list[str] = []

    def scanned() -> bool:
        words.extend(heard(manager))
        return "WATCHDOG=1" in words

    until(scanned, process)
    process.send_signal(signal.SIGTERM)
    told: Told = finish(process)
    words += heard(manager)
    assert told.code == 0, told
    assert words[0] == "READY=1"
    assert set(words[1:-1]) == {"WATCHDOG=1"}
    assert words[-1] == "STOPPING=1"


def test_a_day_without_a_session_is_a_start_that_succeeded(desk: Path, tmp_path: Path, manager: socket.socket) -> None:
    """systemd would take the end of a service that never was ready for a failure, and start it again."""
    text = (desk / "config.yaml").read_text()
    (desk / "config.yaml").write_text(f"{text}market: {{calendar: observed}}\n")
    told = finish(start("run", "--no-input", cwd=desk, NOTIFY_SOCKET=str(tmp_path / "notify")))
    assert told.code == 0, told
    assert heard(manager) == ["READY=1", "STOPPING=1"]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("livetrader do", {"doctor"}), ("livetrader calendar ", {"show", "check"}), ("livetrader doctor --l", {"--live"})],
)
def test_the_shell_is_told_what_may_follow(empty: Path, typed: str, offered: set[str]) -> None:
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split(" ")) - 1)}
    told = finish(start(cwd=empty, _LIVETRADER_COMPLETE="complete_bash", **words))
    assert offered <= set(told.out.split()), told
    assert "Traceback" not in "".join(told.err)


def test_the_script_for_the_shell_asks_by_the_variable_that_is_heard(empty: Path) -> None:
    told = finish(start("--show-completion", cwd=empty, SHELL="/bin/bash"))
    if told.code:
        pytest.skip("the shell that the tests run in is none that can be completed in")
    assert "_LIVETRADER_COMPLETE=" in told.out

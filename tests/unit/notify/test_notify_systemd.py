"""systemd hears of a service what it has to, and its watchdog is fed by completed scans only."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from livetrader.market.clock import VirtualClock
from livetrader.notify.notifications import Notifications
from livetrader.notify.systemd import Systemd
from tests.unit.notify.service_manager import heard

START = 1_772_164_800.0


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """systemd's end of the socket, and what NOTIFY_SOCKET says of it."""
    name = str(tmp_path / "notify") if request.param == "file" else f"@{tmp_path.name}-livetrader"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as listening:
        listening.bind(name if request.param == "file" else f"\0{name[1:]}")
        yield listening, name


def test_a_service_is_ready_is_watched_and_stops(manager: tuple[socket.socket, str]) -> None:
    listening, address = manager
    clock = VirtualClock(START)
    made = Notifications((), None, clock, Systemd(address, clock))
    made.start(announced=True)
    assert heard(listening) == ["READY=1"]
    clock.sleep(600)
    assert heard(listening) == [], "time alone does not feed the watchdog"
    made.scanned()
    assert heard(listening) == ["WATCHDOG=1"]
    made.close(0.0)
    assert heard(listening)[0] == "STOPPING=1"


def test_a_scan_a_second_is_not_told_each(manager: tuple[socket.socket, str]) -> None:
    listening, address = manager
    clock = VirtualClock(START)
    told, words = Systemd(address, clock), []
    for _ in range(60):
        told.scanned()
        clock.sleep(1)
        words += heard(listening)  # a socket holds ten that nobody has read
    assert words == ["WATCHDOG=1"] * 12


def test_the_status_says_when_the_last_scan_was(manager: tuple[socket.socket, str]) -> None:
    listening, address = manager
    Systemd(address, VirtualClock(START)).scanned()
    assert listening.recv(4096).decode().splitlines()[1] == "STATUS=last completed scan at 04:00:00 UTC"


@pytest.mark.parametrize("address", [None, "", "/nowhere/notify", "@nobody-listens-here"])
def test_where_nobody_listens_nothing_happens(address: str | None) -> None:
    told = Systemd(address, VirtualClock(START))
    told.ready()
    told.scanned()
    told.stopping()

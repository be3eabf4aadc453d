"""The disk of a trading state is full (fault D3): entries halt, exits go on in the ballast's room, the operator is told.

Every disk here is a real one, of a few megabytes.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import live_desk
import pytest
from calls import Told, finish, until

from livetrader.bootstrap.account import taken
from livetrader.bootstrap.room import DISK
from livetrader.config import Settings, load
from livetrader.domain.order import Purpose
from livetrader.errors import StoreError
from livetrader.market.clock import VirtualClock
from livetrader.store import ballast
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal
from livetrader.store.location import ballast_path
from tests.unit.engine.trading_samples import intent

Call = Callable[..., Told]
Disk = Callable[[int], Path]

START = 1_790_000_000.0
AT = datetime.fromtimestamp(START, UTC)
ROOM_KB = (ballast.BALLAST_BYTES >> 10) + 4096


def fill_up(disk: Path, spare: int = 0) -> Path:
    """Leave no room but `spare` bytes; the file that takes it."""
    filler = disk / "filler"
    with filler.open("ab") as file:
        for _ in range(100):
            room = shutil.disk_usage(disk).free - spare
            with suppress(OSError):  # a trader that runs takes some of it meanwhile
                os.posix_fallocate(file.fileno(), 0, filler.stat().st_size + room)
                break
    assert shutil.disk_usage(disk).free == spare
    return filler


def settings(folder: Path, mode: str = "paper") -> Settings:
    flags = {"state.url": ("test", f"sqlite:///{folder}/state.db"), "mode": ("test", mode)}
    return load(None, flags=flags, environ={"XDG_CONFIG_HOME": str(folder)}, directory=folder).settings


def write_until(done: Callable[[], object], journal: SqlJournal) -> int:
    """Write flows until something has come to pass; how many. The log takes some writes more in room that it has."""
    for written in range(2000):
        if done():
            return written
        journal.flow(Decimal(written), "a write", AT)
    pytest.fail("it never came to pass")


def test_d3_when_the_disk_is_full_entries_halt_and_exits_go_on(small_disk: Disk) -> None:
    """The write that met the full disk is committed, once, together with the latch and the alert."""
    disk = small_disk(ROOM_KB)
    found = settings(disk)
    file = ballast_path(found.state.url, "paper")
    with taken(found, VirtualClock(START)) as account:
        journal = account.journal
        assert file.stat().st_blocks * 512 >= ballast.BALLAST_BYTES, "room that is really taken"
        filler = fill_up(disk)
        written = write_until(lambda: not file.exists(), journal)
        assert [flow.amount for flow in journal.flows()] == [Decimal(i) for i in range(written)]
        assert "the disk of the state is full" in journal.latches()[DISK].reason
        assert [alert.key for alert in journal.alerts()] == [DISK]
        assert account.permit.refuses(intent()).startswith("disk: ")
        assert account.permit.refuses(intent(purpose=Purpose.EXIT)) == ""
        write_until(lambda: len(journal.flows()) == written + 200, journal)
        assert journal.verify_audit() > written + 200
        filler.unlink()


def test_d3_when_the_ballast_is_used_up_too_nothing_is_written_and_nothing_is_lost(small_disk: Disk) -> None:
    disk = small_disk(ROOM_KB)
    found = settings(disk)
    file = ballast_path(found.state.url, "paper")
    with taken(found, VirtualClock(START)) as account:
        journal = account.journal
        fill_up(disk)
        written = write_until(lambda: not file.exists(), journal)
        filler = fill_up(disk)
        with pytest.raises(StoreError, match="the disk is full") as raised:
            write_until(lambda: False, journal)
        assert "\n" not in str(raised.value)
        committed = journal.flows()
        assert len(committed) >= written
        filler.unlink()
        journal.flow(Decimal(1), "there is room again", AT)
        assert len(journal.flows()) == len(committed) + 1
        journal.verify_audit()


def test_a_disk_without_room_for_the_ballast_halts_entries_from_the_start(small_disk: Disk) -> None:
    disk = small_disk(ROOM_KB)
    found = settings(disk)
    fill_up(disk, spare=2 << 20)
    with taken(found, VirtualClock(START)) as account:
        assert "no room for 8 MB of ballast" in account.permit.refuses(intent())
        assert not ballast_path(found.state.url, "paper").exists()


def test_a_state_that_nobody_trades_on_has_no_ballast(desk: Path) -> None:
    assert (desk / "state.replay.db").exists()
    assert not list(desk.glob("*.ballast"))


@pytest.fixture
def small_desk(small_disk: Disk, empty: Path) -> Iterator[live_desk.LiveDesk]:
    made = live_desk.make(small_disk(ROOM_KB + 4096), "strict")
    yield made
    made.broker.stop()


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_d3_the_operator_is_told_closes_his_position_and_resumes_when_there_is_room(
    small_desk: live_desk.LiveDesk, call: Call
) -> None:
    """Through a running trader, whose process does not end."""

    def status(name: str) -> list[str]:
        return [one.get("name", one.get("key")) for one in json.loads(call("status", "--json").out)[name]]

    def flat() -> bool:
        return json.loads(call("positions", "--json").out) == [] and not small_desk.broker.open_orders()

    file = small_desk.folder / "state.live.db.ballast"
    trader = small_desk.run()
    try:
        stop = f"{small_desk.last['BTCUSDT'] * 0.97:.2f}"
        assert call("buy", "BTCUSDT", "0.5", "--stop", stop).code == 0
        until(lambda: len(small_desk.broker.open_orders()) == 1, trader)
        filler = fill_up(small_desk.folder)
        until(lambda: call("cancel", "nothing").code and not file.exists(), trader)

        assert (status("latches"), status("alerts")) == (["disk"], ["disk"])
        call("buy", "ETHUSDT", "0.1").fails(1, "disk: the disk of the state is full")
        assert "still on: disk" in call("resume").out
        assert call("close", "BTCUSDT").code == 0
        until(flat, trader)

        filler.unlink()
        assert "taken off: disk" in call("resume").out
        assert file.stat().st_size == ballast.BALLAST_BYTES
        assert (status("latches"), status("alerts")) == ([], [])
        assert call("buy", "ETHUSDT", "0.1").code == 0
        assert trader.poll() is None
    finally:
        trader.terminate()
        told = finish(trader)
    assert told.code == 0, told


def test_a_copy_of_a_state_that_was_taken_while_the_disk_was_full_is_whole(small_disk: Disk, tmp_path: Path) -> None:
    """What is in the write-ahead log counts as well, and a kill at the worst moment takes nothing back."""
    disk = small_disk(ROOM_KB)
    found = settings(disk)
    file = ballast_path(found.state.url, "paper")
    with taken(found, VirtualClock(START)) as account:
        fill_up(disk)
        write_until(lambda: not file.exists(), account.journal)
        for path in disk.glob("state.paper.db*"):
            shutil.copy(path, tmp_path / path.name)
        rows = account.journal.verify_audit()
    with closing(SqlJournal(open_state(f"sqlite:///{tmp_path}/state.db", "paper", "simulated"))) as copied:
        assert copied.verify_audit() == rows
        assert DISK in copied.latches()
    with closing(sqlite3.connect(tmp_path / "state.paper.db")) as read:
        assert read.execute("PRAGMA integrity_check").fetchall() == [("ok",)]

"""Databases that are damaged, foreign or newer, disks that are full or read-only: exit code 74, and nothing lost."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from calls import COMMAND, Told, finish, holds, start, until

from livetrader.marketdata.store import open_store
from livetrader.store.migrations import newest

Call = Callable[..., Told]

DAY = ("--from", "2026-02-27", "--to", "2026-02-27")
OF_CANDLES = [
    ("scan",),
    ("signals", *DAY),
    ("backtest", *DAY),
    ("replay", "--date", "2026-02-27"),
    ("run", "--once"),
    ("data", "check"),
    ("data", "export", "x.csv", "--interval", "5m"),
    ("data", "import", "good.csv", "--interval", "5m"),
]
OF_STATE = [
    *((name, "--mode", "replay") for name in ("status", "positions", "orders", "trades", "report")),
    ("why", "TCS", "--mode", "replay"),
    ("replay", "--date", "2026-02-27"),
    ("replay", "--date", "2026-02-27", "--resume"),
]
GOOD = "symbol,ts,open,high,low,close,volume\nTCS,2026-02-02 09:15:00,10,12,9,11,5\n"


def many() -> str:
    """A file of 20,000 candles that the desk has not."""
    days = [f"2025-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 29)]
    bars = [f"{day} 09:{minute}:00,10,12,9,11,5" for day in days for minute in (15, 20, 25)]
    rows = [f"NEW{i},{bar}" for i in range(20) for bar in bars]
    return "\n".join((GOOD.splitlines()[0], *rows, ""))


def no_database(path: Path) -> None:
    path.write_bytes(os.urandom(9000))


def damage(path: Path) -> None:
    """Keep the first page, and write noise over the others."""
    content = path.read_bytes()
    path.write_bytes(content[:4096] + os.urandom(len(content) - 4096))


def foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()


def newer(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(schema_version)")]
        values = ", ".join("9" if name == "version" else "'2026-01-01T00:00:00.000000Z'" for name in columns)
        connection.execute(f"INSERT INTO schema_version VALUES ({values})")
    connection.close()


CANDLE_FAULTS = {
    "no database": (no_database, "not an SQLite file; set candles.url to another file"),
    "damaged": (damage, "is damaged; restore a backup or import the candles again"),
    "foreign": (foreign, "not a livetrader candle store; set candles.url to another file"),
    "newer": (newer, "made by a newer livetrader; update livetrader"),
}
STATE_FAULTS = {
    "no database": (no_database, "is not a database: set state.url to another file, or move this one away"),
    "damaged": (damage, "is damaged: move it away and restore a backup"),
    "foreign": (foreign, "holds another program's tables: set state.url to a database of its own"),
    "newer": (newer, f"made by a newer livetrader (schema 9, this one knows {newest()}): update livetrader"),
}


@pytest.mark.parametrize("fault", CANDLE_FAULTS)
def test_a_candle_store_that_is_not_ours_to_read_is_named_and_kept(fault: str, desk: Path, call: Call) -> None:
    break_, told = CANDLE_FAULTS[fault]
    (desk / "good.csv").write_text(GOOD)
    break_(desk / "candles.db")
    content, replayed = (desk / "candles.db").read_bytes(), call("trades", "--mode", "replay").out
    for arguments in OF_CANDLES:
        call(*arguments).fails(74, "candles.db: ", told)
    assert (desk / "candles.db").read_bytes() == content
    assert call("trades", "--mode", "replay").out == replayed, "the earlier replay is still there"
    assert not (desk / "state.paper.db").exists()


@pytest.mark.parametrize("fault", STATE_FAULTS)
def test_a_state_that_is_not_ours_to_write_is_named_and_kept(fault: str, desk: Path, call: Call) -> None:
    break_, told = STATE_FAULTS[fault]
    path = desk / "state.replay.db"
    break_(path)
    content = path.read_bytes()
    for arguments in OF_STATE:
        call(*arguments).fails(74, "state.replay.db: ", told)
    assert path.read_bytes() == content


def test_the_empty_files_of_a_killed_process_are_as_good_as_none(desk: Path, call: Call) -> None:
    (desk / "state.replay.db").write_bytes(b"")
    call("status", "--mode", "replay").fails(74, "there is no state yet")
    assert call("replay", "--date", "2026-02-27").code == 0
    (desk / "candles.db").write_bytes(b"")
    call("scan").fails(74, "no candle store there; fill one with `livetrader data import`")
    (desk / "good.csv").write_text(GOOD)
    assert call("data", "import", "good.csv", "--interval", "5m").code == 0


def test_the_state_of_another_mode_is_not_taken(desk: Path, call: Call) -> None:
    (desk / "state.paper.db").write_bytes((desk / "state.replay.db").read_bytes())
    call("status").fails(74, "belongs to mode 'replay', not 'paper'")
    call("run").fails(74, "belongs to mode 'replay', not 'paper'")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("data", "import", "new.csv", "--interval", "5m"), "candles.db: the disk is full; free some space"),
        (("replay", "--date", "2026-02-27"), "full"),
        (("backtest", *DAY, "--out", "results"), "cannot be written (No space left on device)"),
        (("signals", *DAY, "--out", "signals.csv"), "cannot be written (No space left on device)"),
        (("data", "export", "all.csv", "--interval", "5m"), "cannot be written (No space left on device)"),
        (("data", "export", "all.parquet", "--interval", "5m"), "cannot be written (No space left on device)"),
        (("init", "new"), "cannot be written (No space left on device)"),
        (("demo",), "cannot be written (No space left on device)"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_on_a_full_disk_nothing_is_half_written_and_all_goes_on_once_there_is_room(
    arguments: tuple[str, ...], told: str, desk: Path, small_disk: Callable[[int], Path], call: Call
) -> None:
    disk = small_disk(60_000)
    for name in ("config.yaml", "candles.db"):
        (disk / name).write_bytes((desk / name).read_bytes())
    stored = (disk / "candles.db").read_bytes()
    (disk / "new.csv").write_text(many())
    kept = {path: path.read_bytes() for path in disk.iterdir()}
    # Another reader has the store open: it needs no more room to be read.
    with open_store(f"sqlite:///{disk / 'candles.db'}", read_only=True) as store:
        store.intervals()
        ballast = fill_up(disk)
        call(*arguments).fails(74, told)
        ballast.unlink()
    found = [path for path in disk.rglob("*") if path.is_file() and path.stat().st_size]
    assert not [path for path in found if path.suffix == ".partial"]
    assert {path: path.read_bytes() for path in kept} == kept
    assert (disk / "candles.db").read_bytes() == stored
    assert call(*arguments).code == 0


def fill_up(disk: Path) -> Path:
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(65536))
    assert shutil.disk_usage(disk).free == 0
    return ballast


def test_a_full_disk_under_stdout_is_told(empty: Path) -> None:
    with open("/dev/full", "w") as full:
        process = subprocess.Popen(
            [*COMMAND, "config", "schema"],
            cwd=empty,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
        told = finish(process)
    assert told.code == 74
    assert told.err == (
        "error: output: cannot be written (No space left on device); free some space, or name another disk",
    )


READ_ONLY_REFUSES = [
    (("replay", "--date", "2026-02-27"), "state.replay.db"),
    (("run", "--once"), "state.paper.db"),
    (("backtest", *DAY, "--out", "results"), "results: cannot be written (Read-only file system)"),
    (("report", "--mode", "replay", "--format", "html"), "cannot be written (Read-only file system)"),
    (("data", "import", "good.csv", "--interval", "5m"), "the candle store is read-only"),
    (("data", "export", "x.csv", "--interval", "5m"), "cannot be written (Read-only file system)"),
    (("data", "simulate", "--force"), "is read-only"),
    (("init", "new"), "cannot be written (Read-only file system)"),
    (("demo",), "cannot be written (Read-only file system)"),
]


def test_a_read_only_disk_can_be_read_and_each_write_is_refused_in_a_line(
    desk: Path, small_disk: Callable[[int], Path], call: Call
) -> None:
    disk = small_disk(40_000)
    for path in desk.glob("*.*"):
        (disk / path.name).write_bytes(path.read_bytes())
    (disk / "good.csv").write_text(GOOD)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    for arguments in (
        ("status", "--mode", "replay"),
        ("trades", "--mode", "replay"),
        ("why", "TCS", "--mode", "replay"),
        ("report", "--mode", "replay"),
        ("scan", "--at", "2026-02-27 10:15"),
        ("backtest", *DAY),
        ("data", "check"),
    ):
        told = call(*arguments)
        assert (told.code, told.err) == (0, ()), arguments
    for arguments, what in READ_ONLY_REFUSES:
        call(*arguments).fails(74, what)


def test_a_folder_in_the_place_of_a_database_is_told(empty: Path, call: Call) -> None:
    (empty / "data" / "candles.db").mkdir(parents=True)
    (empty / "data" / "state.paper.db").mkdir()
    call("scan").fails(74, "candles.db: cannot open the candle store")
    call("status").fails(74, "state.paper.db: ")


def test_a_file_that_may_not_grow_is_told(desk: Path) -> None:
    """The limit of `ulimit -f`: as a quota, and root is not above it."""
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
        "from livetrader.__main__ import main; main()"
    )
    (desk / "new.csv").write_text(many())
    stored = (desk / "candles.db").read_bytes()
    process = subprocess.Popen(
        [sys.executable, "-c", code, "data", "import", "new.csv", "--interval", "5m"],
        cwd=desk, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    finish(process).fails(74, "candles.db: the disk is full")
    assert (desk / "candles.db").read_bytes() == stored


def test_p4_two_at_once_on_one_state_is_75(desk: Path, call: Call) -> None:
    held = start("replay", "--date", "2026-02-27", "--speed", "1", cwd=desk)
    try:
        until(lambda: holds(desk / "state.replay.db.lock"), held)
        call("replay", "--date", "2026-02-27").fails(75, f"process {held.pid} has held the lock since")
        # It holds the lock before it has made its state anew.
        until(lambda: "running" in call("status", "--mode", "replay", "--json").out, held)
    finally:
        held.terminate()
    assert finish(held).code == 0

"""One trader per state."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from livetrader.errors import AlreadyRunning, StoreError
from livetrader.store.location import lock_path
from livetrader.store.lock import Holder, hold, holder

HOLD_AND_WAIT = """
import sys
from datetime import datetime, UTC
from pathlib import Path
from livetrader.store.lock import hold
with hold(Path(sys.argv[1]), datetime(2026, 2, 2, 3, 45, tzinfo=UTC)):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return lock_path(f"sqlite:///{tmp_path}/data/state.db", "live")


@pytest.fixture
def other(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock."""
    command = [sys.executable, "-c", HOLD_AND_WAIT, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_lock_is_beside_the_state(path: Path) -> None:
    assert path.name == "state.live.db.lock"


def test_a_second_trader_is_told_who_holds_the_lock_and_since_when(
    path: Path, other: subprocess.Popen[str], at: datetime
) -> None:
    """Fault P4: exit code 75."""
    assert holder(path) == Holder(other.pid, datetime(2026, 2, 2, 3, 45, tzinfo=UTC))
    with pytest.raises(AlreadyRunning) as raised, hold(path, at):
        pytest.fail("two traders hold one lock")
    assert raised.value.exit_code == 75
    message = str(raised.value)
    assert message.startswith(f"{path}: process {other.pid} has held the lock since 2026-02-02 03:45:00 UTC")
    assert holder(path) == Holder(other.pid, datetime(2026, 2, 2, 3, 45, tzinfo=UTC)), "and it is not disturbed"


def test_the_lock_dies_with_its_process(path: Path, other: subprocess.Popen[str], at: datetime) -> None:
    """Fault P1: SIGKILL leaves nothing to clean up by hand."""
    other.kill()
    other.wait()
    assert holder(path) is None
    with hold(path, at):
        assert holder(path) == Holder(os.getpid(), at)


def test_the_lock_is_free_after_the_block_however_it_ended(path: Path, at: datetime) -> None:
    with pytest.raises(RuntimeError), hold(path, at):
        raise RuntimeError
    assert holder(path) is None
    with hold(path, at + timedelta(seconds=1)):
        pass


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"pid": 1', '{"pid": "x", "since": "y"}'])
def test_a_lock_file_that_says_nothing_does_not_hurt(path: Path, at: datetime, content: str) -> None:
    path.parent.mkdir()
    path.write_text(content)
    assert holder(path) is None
    with hold(path, at):
        assert holder(path) == Holder(os.getpid(), at)


def test_nobody_holds_a_lock_that_was_never_made(path: Path) -> None:
    assert holder(path) is None
    assert not path.parent.exists()


def test_a_lock_that_cannot_be_made_is_a_store_error(tmp_path: Path, at: datetime) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="see that the directory"), hold(tmp_path / "file/x.lock", at):
        pytest.fail("held a lock without a file")

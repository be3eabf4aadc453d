"""One trader per state: a lock that the kernel drops when its process dies, however it dies."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from livetrader.errors import AlreadyRunning
from livetrader.store.faults import file_faults


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock, as it wrote itself; None where it could not be read."""

    pid: int | None
    since: datetime | None


@contextmanager
def hold(path: Path, at: datetime) -> Iterator[None]:
    """Hold the lock file `path` (location.lock_path) for the block; `at` is shown to whoever finds it held.

    AlreadyRunning, naming the process that holds it and since when; StoreError where the file cannot be made.
    The file stays: deleting it would let two processes hold locks of the same name.
    """
    with file_faults(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    with file:
        if not _take(file):
            raise AlreadyRunning(_sentence(path, _read(file)))
        _write(file, json.dumps({"pid": os.getpid(), "since": at.isoformat()}))
        try:
            yield
        finally:
            _write(file, "")


def holder(path: Path) -> Holder | None:
    """Who holds the lock now; None if nobody does. Safe to ask at any time."""
    try:
        file = path.open("r", encoding="utf-8")
    except OSError:
        return None
    with file:
        found = _read(file)
        # The lock is tried, for an instant, only when a living process has that number: not while one starts.
        if found.pid is None or not _alive(found.pid) or _take(file, fcntl.LOCK_SH):
            return None
        return found


def _take(file: IO[str], kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(file: IO[str], content: str) -> None:
    # Past Python's buffer: what a full disk did not take must not be tried again when the file is closed.
    with file_faults(file.name):
        os.ftruncate(file.fileno(), 0)
        os.pwrite(file.fileno(), content.encode(), 0)


def _read(file: IO[str]) -> Holder:
    file.seek(0)
    try:
        said = json.loads(file.read())
        return Holder(int(said["pid"]), datetime.fromisoformat(said["since"]))
    except (ValueError, KeyError, TypeError):
        return Holder(None, None)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _sentence(path: Path, found: Holder) -> str:
    who = "another process" if found.pid is None else f"process {found.pid}"
    since = "" if found.since is None else f" since {found.since:%Y-%m-%d %H:%M:%S %Z}"
    return f"{path}: {who} has held the lock{since}: stop it, or use another state.url"

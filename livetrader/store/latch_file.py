"""The kill latch as a file beside the state: it needs no database, no lock and no livetrader to be put on.

`touch data/state.live.db.kill` stops a trader whose database is locked, damaged or full. It is the file's being there
that counts; what it says is for people.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from livetrader.store.faults import file_faults
from livetrader.store.rows import stamp


def is_on(path: Path) -> bool:
    """Whether the file `path` (location.kill_path) is there, be it a broken link; StoreError where that cannot be told,
    which is no permission to trade."""
    with file_faults(path):
        try:
            path.lstat()
        except FileNotFoundError:
            return False
        return True


def put_on(path: Path, reason: str, at: datetime) -> bool:
    """Make the file, durably. False if it is there already: it is left as it is. StoreError where it cannot be made."""
    with file_faults(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            return False
        try:
            # On a full disk it stays empty, and on.
            with suppress(OSError):
                os.write(descriptor, f"{stamp(at)} {reason}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        _settle(path.parent)
        return True


def take_off(path: Path) -> bool:
    """Remove the file, durably. False if it was not there. StoreError where it cannot be removed."""
    with file_faults(path):
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        _settle(path.parent)
        return True


def _settle(folder: Path) -> None:
    """A file's coming and going is the folder's content: it too has to reach the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

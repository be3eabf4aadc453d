"""Room on the disk that nobody else can take, for the day when it is full: exits have to be written down (fault D3).

A file beside a SQLite state. Whoever hears that the disk is full removes it, and goes on in its room.
"""

from __future__ import annotations

import os
from pathlib import Path

from livetrader.store.faults import Full, file_faults

# An exit with all that follows it writes some 300 kB of log before SQLite uses that room again.
BALLAST_BYTES = 8 << 20


def make(path: Path) -> None:
    """Take the room, if it is not taken yet. Full where the disk has not so much; StoreError where it fails."""
    with file_faults(path):
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    try:
        # Not a sparse file: the blocks are ours from now on.
        os.posix_fallocate(descriptor, 0, BALLAST_BYTES)
        os.fsync(descriptor)
    except OSError as error:
        path.unlink(missing_ok=True)
        size = BALLAST_BYTES >> 20
        raise Full(f"{path}: no room for {size} MB of ballast ({error.strerror}): free some space") from error
    finally:
        os.close(descriptor)


def drop(path: Path) -> bool:
    """Give the room back. False if there was none."""
    with file_faults(path):
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        return True

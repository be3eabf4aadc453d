"""Files that people asked for: there whole or not at all; what stops that, in one line."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from livetrader.errors import LiveTraderError, StoreError, UsageError

# Errors that no other path on the same disk would cure.
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)


def write(path: Path, content: str | bytes) -> Path:
    """Write `content` (text as UTF-8), making the folder if need be; an older file stays until the new one is whole.

    UsageError for a place where nothing can be written, StoreError for a disk that is full or fails.
    """
    target = path.resolve()
    # A pipe or /dev/null is written to; only a file may be replaced.
    direct = target.exists() and not target.is_file()
    partial = target if direct else target.with_name(f"{target.name}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_bytes(content.encode() if isinstance(content, str) else content)
            if not direct:
                os.replace(partial, target)
        finally:
            if not direct:
                partial.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error
    return path


def make_folder(path: Path) -> None:
    """Make a folder that files will go to, unless it is there; errors as `write`."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> LiveTraderError:
    """The error to raise for a file or folder that could not be written."""
    if error.errno in DISK:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = "free some space, or name another disk" if full else "name another disk"
        return StoreError(f"{path}: cannot be written ({_reason(error)}); {advice}")
    return UsageError(f"{path}: cannot be written ({_reason(error)}); name another place")


def _reason(error: OSError) -> str:
    if isinstance(error, FileExistsError):
        # What making a folder says where a file has its name.
        return os.strerror(errno.ENOTDIR)
    # Arrow's errors have a number, and a page of text in place of its meaning.
    return os.strerror(error.errno) if error.errno else str(error)

"""What is SQLite's own: how a state file is opened, and what its errors mean to the operator.

Free of SQLAlchemy, whose import alone costs more than the whole time that `livetrader status` has.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from livetrader.errors import StoreError

# A writer waits this long for another one; the journal tries three times.
BUSY_SECONDS = 2.0

_FAULTS = {
    sqlite3.SQLITE_FULL: "the database or the disk is full: free space, nothing was committed",
    sqlite3.SQLITE_BUSY: "locked by another process for too long: see which one writes, then try again",
    sqlite3.SQLITE_LOCKED: "locked by another connection: see which one writes, then try again",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: see that its directory exists and may be written to",
    sqlite3.SQLITE_READONLY: "is read-only: see the permissions of the file and its directory",
    sqlite3.SQLITE_NOTADB: "is not a database: set state.url to another file, or move this one away",
    sqlite3.SQLITE_IOERR: "the disk failed to read or write: see the system's log, nothing was committed",
    sqlite3.SQLITE_CORRUPT: "is damaged: move it away and restore a backup, then run `livetrader reconcile`",
    sqlite3.SQLITE_PERM: "access was denied: see the permissions of the file and its directory",
}


def primary_code(error: BaseException | None) -> int:
    """SQLite's result code without its extension (of SQLITE_IOERR_READ: SQLITE_IOERR); 0 for others."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def busy(error: BaseException) -> bool:
    """Whether another process held the write lock for longer than the busy timeout."""
    return primary_code(error) == sqlite3.SQLITE_BUSY


def fault(error: BaseException | None, where: Path | str) -> StoreError:
    """A driver's error as one line: where, what, what to do."""
    known = _FAULTS.get(primary_code(error))
    if known is not None:
        return StoreError(f"{where}: {known}")
    detail = " ".join(str(error).split())
    return StoreError(f"{where}: {detail}: run `livetrader doctor`")


@contextmanager
def faults(where: Path | str) -> Iterator[None]:
    """Raise what the driver and the file system report as StoreError."""
    try:
        yield
    except sqlite3.Error as error:
        raise fault(error, where) from error
    except OSError as error:
        raise StoreError(f"{where}: {error.strerror}: see that the directory may be written to") from error


def make(path: Path) -> None:
    """Make an empty state file in write-ahead mode, which it keeps: readers and a writer do not wait for each
    other. Raises sqlite3.Error."""
    connection = _open(path, "mode=rwc")
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()


def connect(path: Path, access: str, synchronous: str = "FULL") -> sqlite3.Connection:
    """Open a state file, `rw` or `ro`. Raises sqlite3.Error.

    With `synchronous` FULL a commit has reached the disk when it returns. With NORMAL or OFF it survives the death of
    the process; a power cut may take back the last ones (NORMAL) or damage the file (OFF).

    Transactions are begun by hand (isolation_level None): what the driver begins by itself is deferred, and a
    deferred read-then-write fails at once when another process writes, whatever the busy timeout (fault D2).
    """
    connection = _open(path, f"mode={access}")
    try:
        if access == "ro":
            _probe(connection)
        else:
            connection.execute(f"PRAGMA synchronous={synchronous}")
            connection.execute("PRAGMA foreign_keys=ON")
    except sqlite3.OperationalError:
        connection.close()
        if access != "ro" or path.with_name(f"{path.name}-wal").exists():
            raise
        # Nobody has it open, and we may not make the files that reading a WAL takes: it cannot change.
        return _open(path, "mode=ro&immutable=1")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _open(path: Path, options: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?{options}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


def _probe(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA query_only=ON")
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()


def backup(path: Path, copy: Path) -> None:
    """Copy a database that others may be using. Raises sqlite3.Error."""
    source, target = connect(path, "ro"), sqlite3.connect(copy)
    try:
        source.backup(target)
    finally:
        source.close()
        target.close()

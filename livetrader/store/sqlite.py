"""What is SQLite's own: how a state file is opened and copied, and what its errors mean to the operator.

Free of SQLAlchemy, whose import alone costs more than the whole time that `livetrader status` has.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from livetrader.errors import StoreError
from livetrader.store import ballast
from livetrader.store.driver import NOTHING, Connection
from livetrader.store.faults import Busy, Full, NoState, file_faults
from livetrader.store.location import ballast_of, has_state
from livetrader.store.rows import Row

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
# A disk that takes no more because of a quota is an I/O error to SQLite.
_KINDS = {sqlite3.SQLITE_BUSY: Busy, sqlite3.SQLITE_FULL: Full, sqlite3.SQLITE_IOERR_WRITE: Full}


def fault(error: sqlite3.Error, where: Path | str) -> StoreError:
    """A driver's error as one line: where, what, what to do."""
    code = getattr(error, "sqlite_errorcode", 0)
    primary = code & 0xFF  # of SQLITE_IOERR_READ: SQLITE_IOERR
    kind = _KINDS.get(code) or _KINDS.get(primary) or StoreError
    known = _FAULTS.get(primary)
    if known is not None:
        return kind(f"{where}: {known}")
    detail = " ".join(str(error).split())
    return StoreError(f"{where}: {detail}: run `livetrader doctor`")


@contextmanager
def _faults(where: Path | str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise fault(error, where) from error


class SqliteConnection:
    """Implements driver.Connection.

    Statements go to one cursor, which keeps what it has prepared: SQLAlchemy's way to it takes several times as long
    as SQLite itself.
    """

    def __init__(self, driver: sqlite3.Connection, where: Path) -> None:
        self._driver = driver
        self._where = where
        self._cursor = driver.cursor()
        self._cursor.row_factory = sqlite3.Row

    @property
    def dialect(self) -> str:
        return "sqlite"

    def begin(self) -> None:
        self.execute("BEGIN IMMEDIATE")

    def snapshot(self) -> None:
        self.execute("BEGIN")

    def commit(self) -> None:
        self.execute("COMMIT")

    def roll_back(self) -> None:
        with _faults(self._where):
            # What the database has rolled back by itself needs no second one.
            if self._driver.in_transaction:
                self._cursor.execute("ROLLBACK")

    def execute(self, sql: str, values: Mapping[str, Any] = NOTHING) -> int:
        try:
            return self._cursor.execute(sql, values).rowcount
        except sqlite3.Error as error:
            raise fault(error, self._where) from error

    def select(self, sql: str, values: Mapping[str, Any] = NOTHING) -> Sequence[Row]:
        try:
            return self._cursor.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise fault(error, self._where) from error

    def make(self, statements: Iterable[str]) -> None:
        for statement in statements:
            self.execute(statement)

    def tables(self) -> set[str]:
        return {row["name"] for row in self.select("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def now(self) -> datetime:
        said = self.select("SELECT current_timestamp AS now")[0]["now"]
        return datetime.fromisoformat(said).replace(tzinfo=UTC)

    def damage(self) -> str:
        said = self.select("PRAGMA integrity_check(1)")[0]["integrity_check"]
        return "" if said == "ok" else " ".join(said.split())

    def close(self) -> None:
        self._driver.close()


@dataclass(frozen=True, slots=True)
class SqliteDatabase:
    """Implements driver.Database: a file in write-ahead mode.

    With `synchronous` FULL a commit has reached the disk when it returns. With NORMAL or OFF it survives the death of
    the process; a power cut may take back the last ones (NORMAL) or damage the file (OFF).
    """

    path: Path
    read_only: bool = False
    synchronous: str = "FULL"

    @property
    def where(self) -> str:
        return str(self.path)

    @property
    def dialect(self) -> str:
        return "sqlite"

    def connect(self, *, create: bool = False) -> SqliteConnection:
        if not has_state(self.path):
            if not create or self.read_only:
                raise NoState(self.where)
            with file_faults(self.path):
                self.path.parent.mkdir(parents=True, exist_ok=True)
            make(self.path)
        with _faults(self.path):
            return SqliteConnection(_connect(self.path, self.read_only, self.synchronous), self.path)

    def backup(self, connection: Connection, version: int) -> str:  # noqa: ARG002 - SQLite copies past a writer
        copy = self.path.with_name(f"{self.path.name}.schema{version}.bak")
        with _faults(self.path):
            source, target = _connect(self.path, True, self.synchronous), sqlite3.connect(copy)
            try:
                source.backup(target)
            finally:
                source.close()
                target.close()
        return str(copy)

    def doubts(self) -> str:
        return ""

    def relieve(self) -> bool:
        return ballast.drop(ballast_of(self.path))

    def wipe(self) -> None:
        for suffix in ("", "-wal", "-shm", "-journal"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)


def make(path: Path) -> None:
    """Make an empty state file in write-ahead mode, which it keeps: readers and a writer do not wait for each
    other. Raises StoreError."""
    from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

    # For this mode SQLite itself waits for nobody, whatever the busy timeout.
    others = retry_if_exception_type(Busy)
    Retrying(retry=others, stop=stop_after_delay(BUSY_SECONDS), wait=wait_fixed(0.02), reraise=True)(_make, path)


def _make(path: Path) -> None:
    with _faults(path):
        driver = _open(path, "mode=rwc")
        try:
            driver.execute("PRAGMA journal_mode=WAL")
        finally:
            driver.close()


def _connect(path: Path, read_only: bool, synchronous: str) -> sqlite3.Connection:
    """Transactions are begun by hand (isolation_level None): what the driver begins by itself is deferred, and a
    deferred read-then-write fails at once when another process writes, whatever the busy timeout (fault D2)."""
    driver = _open(path, f"mode={'ro' if read_only else 'rw'}")
    try:
        if read_only:
            _probe(driver)
        else:
            driver.execute(f"PRAGMA synchronous={synchronous}")
            driver.execute("PRAGMA foreign_keys=ON")
    except sqlite3.OperationalError:
        driver.close()
        if not read_only or path.with_name(f"{path.name}-wal").exists():
            raise
        # Nobody has it open, and we may not make the files that reading a WAL takes: it cannot change.
        return _open(path, "mode=ro&immutable=1")
    except sqlite3.Error:
        driver.close()
        raise
    return driver


def _open(path: Path, options: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?{options}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


def _probe(driver: sqlite3.Connection) -> None:
    driver.execute("PRAGMA query_only=ON")
    driver.execute("SELECT count(*) FROM sqlite_master").fetchone()

"""One connection that writes: units of work, each with its rows of the audit log."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import RLock

from sqlalchemy import Engine, PoolProxiedConnection
from tenacity import Retrying, retry_if_exception, stop_after_attempt

from livetrader.errors import StoreError
from livetrader.store.audit import link
from livetrader.store.database import faults
from livetrader.store.rows import Row, Values, canonical, stamp
from livetrader.store.sqlite import busy, fault
from livetrader.store.tables import audit, insertion

_HEAD = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1"
_APPEND = insertion(audit)

# The first attempt has waited for the busy timeout, and so does each of these; beginning again is safe because
# nothing was written yet.
_AGAIN = Retrying(retry=retry_if_exception(busy), stop=stop_after_attempt(2), reraise=True)


class Writer:
    """Raises StoreError for whatever the database cannot do. Threads take turns, a whole unit each.

    Statements go to the driver's own cursor, which keeps what it has prepared: SQLAlchemy's way to it takes several
    times as long as SQLite itself. A connection that failed is closed, and the next unit starts on a new one from
    what is really in the database (fault D1): whether a COMMIT arrived is read, never assumed.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._where = str(engine.url.database)
        self._turn = RLock()
        self._connection: PoolProxiedConnection | None = None
        self._head: tuple[int, str] | None = None
        self._failed = False
        self._open()

    def close(self) -> None:
        with self._turn:
            self._drop()
            self._engine.dispose()

    def _open(self) -> sqlite3.Cursor:
        if self._connection is None:
            with faults(self._where):
                self._connection = self._engine.raw_connection()
            self._cursor: sqlite3.Cursor = self._connection.cursor()  # type: ignore[assignment]  # the driver's own
            self._cursor.row_factory = sqlite3.Row
        return self._cursor

    def _drop(self) -> None:
        """Close the connection, and with it whatever transaction it was in."""
        if self._connection is not None:
            self._connection.invalidate()
            self._connection = None

    @contextmanager
    def unit(self) -> Iterator[None]:
        """One commit for all that is written in the block; nothing of it if an exception leaves the block.

        A unit inside a unit is part of the outer one.
        """
        with self._turn:
            if self._head is not None:
                yield
                return
            try:
                self._begin()
                yield
                self._require_whole()
                self._commit()
            except BaseException:
                self._roll_back()
                raise
            finally:
                self._head, self._failed = None, False

    def _begin(self) -> None:
        try:
            cursor = self._open()
            try:
                cursor.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if not busy(error):
                    raise
                _AGAIN(cursor.execute, "BEGIN IMMEDIATE")
            self._head = tuple(cursor.execute(_HEAD).fetchone())
        except sqlite3.Error as error:
            if not busy(error):
                self._drop()
            raise fault(error, self._where) from error

    def _commit(self) -> None:
        try:
            self._cursor.execute("COMMIT")
        except sqlite3.Error as error:
            self._drop()
            raise fault(error, self._where) from error

    def _roll_back(self) -> None:
        try:
            # What the database has rolled back by itself needs no second one.
            if self._connection is not None and self._cursor.connection.in_transaction:
                self._cursor.execute("ROLLBACK")
        except sqlite3.Error:
            self._drop()

    def _require_whole(self) -> None:
        """The database may have rolled back by itself: what is written after that would be committed on its own."""
        if self._failed:
            raise StoreError(f"{self._where}: a statement of this unit failed: none of it was committed")

    def execute(self, sql: str, values: Values) -> int:
        """Run a statement inside a unit; the number of rows that it touched."""
        assert self._head is not None, "writes happen inside a unit"
        self._require_whole()
        try:
            return self._cursor.execute(sql, values).rowcount
        except sqlite3.Error as error:
            self._failed = True
            raise fault(error, self._where) from error

    def append(self, kind: str, payload: Values, at: datetime) -> int:
        """Write the next row of the audit log inside a unit; its number."""
        assert self._head is not None, "writes happen inside a unit"
        last, previous = self._head
        seq, when, said = last + 1, stamp(at), canonical(payload)
        digest = link(previous, seq, when, kind, said)
        row = {"seq": seq, "at": when, "kind": kind, "payload": said, "previous": previous, "hash": digest}
        self.execute(_APPEND, row)
        self._head = (seq, digest)
        return seq

    def select(self, sql: str, /, **values: object) -> Sequence[Row]:
        """Rows as they are now; inside a unit, with what the unit has written."""
        with self._turn:
            try:
                return self._open().execute(sql, values).fetchall()
            except sqlite3.Error as error:
                if self._head is None:
                    self._drop()
                self._failed = self._head is not None
                raise fault(error, self._where) from error

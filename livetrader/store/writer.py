"""One connection that writes: units of work, each with its rows of the audit log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from threading import RLock

from sqlalchemy import Engine, Executable, RootTransaction, insert, select, text
from tenacity import Retrying, retry_if_exception, stop_after_attempt

from livetrader.errors import StoreError
from livetrader.store.audit import link
from livetrader.store.database import begin_write, busy, faults
from livetrader.store.rows import Row, Values, canonical, stamp
from livetrader.store.tables import audit

_HEAD = select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)
_APPEND = insert(audit)

# SQLAlchemy keeps what it compiled with the statement's object.
_text = lru_cache(text)

# Each attempt waits for the busy timeout by itself; beginning again is safe because nothing was written yet.
_BEGIN = Retrying(retry=retry_if_exception(busy), stop=stop_after_attempt(3), reraise=True)


class Writer:
    """Raises StoreError for whatever the database cannot do. Threads take turns, a whole unit each."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._where = str(engine.url.database)
        self._turn = RLock()
        self._head: tuple[int, str] | None = None
        self._failed = False
        with faults(self._where):
            self._connection = engine.connect()

    def close(self) -> None:
        self._connection.close()
        self._engine.dispose()

    @contextmanager
    def unit(self) -> Iterator[None]:
        """One commit for all that is written in the block; nothing of it if an exception leaves the block.

        A unit inside a unit is part of the outer one.
        """
        with self._turn:
            if self._head is not None:
                yield
                return
            with faults(self._where):
                transaction = _BEGIN(self._begin)
            try:
                yield
                if self._failed:
                    raise StoreError(f"{self._where}: a write of this unit failed: none of it was committed")
            except BaseException:
                transaction.rollback()
                raise
            else:
                with faults(self._where):
                    transaction.commit()
            finally:
                self._head, self._failed = None, False

    def _begin(self) -> RootTransaction:
        transaction = self._connection.begin()
        try:
            begin_write(self._connection)
            head = self._connection.execute(_HEAD).one()
        except BaseException:
            transaction.rollback()
            raise
        self._head = (head.seq, head.hash)
        return transaction

    def execute(self, statement: Executable, values: Values) -> int:
        """Run a statement inside a unit; the number of rows that it touched."""
        assert self._head is not None, "writes happen inside a unit"
        try:
            with faults(self._where):
                return self._connection.execute(statement, values).rowcount
        except StoreError:
            # The database may have rolled back all of the unit by itself: it must not look committed.
            self._failed = True
            raise

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
        with self._turn, faults(self._where):
            if self._head is not None:
                return self._connection.execute(_text(sql), values).mappings().all()
            with self._connection.begin():
                return self._connection.execute(_text(sql), values).mappings().all()

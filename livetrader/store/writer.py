"""One connection that writes: units of work, each with its rows of the audit log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import RLock
from typing import Any, TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_after_delay, wait_exponential

from livetrader.errors import StoreError
from livetrader.store.audit import link
from livetrader.store.driver import Connection, Database
from livetrader.store.faults import Busy, Full, Lost
from livetrader.store.rows import Row, Values, canonical, stamp
from livetrader.store.tables import audit, insertion

T = TypeVar("T")
Head = tuple[int, str]
"""Number and hash of the audit log's last row."""

_HEAD = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1"
_HASH = "SELECT hash FROM audit WHERE seq = :seq"
_APPEND = insertion(audit)

# A server that restarts is waited for so long; an order that waits longer has missed its bar anyway.
RECONNECT_SECONDS = 10.0

# The first attempt has waited for the lock's timeout, and so does each of these; beginning again is safe because
# nothing was written yet.
_AGAIN = Retrying(retry=retry_if_exception_type(Busy), stop=stop_after_attempt(2), reraise=True)


@dataclass(slots=True)
class _Unit:
    """What has been done since the log ended with `start`; it ends with `head` now."""

    start: Head
    head: Head
    done: list[tuple[str, Mapping[str, Any], int]] = field(default_factory=list)
    failed: bool = False
    relieved: bool = False


class Writer:
    """Raises StoreError for whatever the database cannot do. Threads take turns, a whole unit each.

    A connection that failed is closed, and the next unit starts on a new one from what is really in the database
    (fault D1): whether a COMMIT arrived is read, never assumed. A connection that was lost is made anew, and the unit
    under way is done again on it, if nobody has written since it began: then all that it read still holds.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = RLock()
        self._connection: Connection | None = None
        self._unit: _Unit | None = None
        self._committed: Head | None = None
        self._proven = False
        self.on_full: Callable[[], None] = lambda: None
        """Called inside the unit that has used up the ballast (fault D3)."""
        self._open()

    def close(self) -> None:
        with self._turn:
            self._drop()

    def _open(self) -> Connection:
        if self._connection is None:
            self._connection = self._database.connect()
            self._proven = False
        return self._connection

    def _held(self) -> Connection:
        """The connection of the transaction under way: on a new one, each statement would be committed on its own."""
        assert self._connection is not None, "a unit whose connection is gone has failed"
        return self._connection

    def _drop(self) -> None:
        """Close the connection, and with it whatever transaction it was in."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def unit(self) -> Iterator[None]:
        """One commit for all that is written in the block; nothing of it if an exception leaves the block.

        A unit inside a unit is part of the outer one.
        """
        with self._turn:
            if self._unit is not None:
                yield
                return
            unit = self._unit = self._begun()
            try:
                yield
                self._commit(unit)
                self._committed = unit.head
            except BaseException:
                self._roll_back()
                raise
            finally:
                self._unit = None

    def _begun(self) -> _Unit:
        try:
            head = self._begin()
        except Lost:
            head = _patiently(self._begin)
        return _Unit(head, head)

    def _begin(self) -> Head:
        """Take the write lock; the end of the log under it."""
        connection = self._open()
        try:
            try:
                connection.begin()
            except Busy:
                _AGAIN(connection.begin)
            last = connection.select(_HEAD)[0]
            self._prove()
        except StoreError:
            self._drop()
            raise
        return last["seq"], last["hash"]

    def _prove(self) -> None:
        """See that a new connection leads to the log that we wrote: a standby or a backup may be behind it."""
        if not self._proven and self._committed is not None and not self._has(self._committed):
            raise StoreError(
                f"{self._database.where}: row {self._committed[0]} of the audit log was committed and is not there: "
                "this is an older copy; start again, and see `livetrader reconcile`"
            )
        self._proven = True

    def _commit(self, unit: _Unit) -> None:
        self._require_whole(unit)
        if unit.relieved:
            unit.relieved = False
            self.on_full()
        try:
            self._held().commit()
        except Full as error:
            self._recover(error, lambda: self._commit(unit))
        except Lost:
            self._drop()
            _patiently(lambda: self._settle(unit))
        except StoreError:
            self._drop()
            raise

    def _settle(self, unit: _Unit) -> None:
        """Find out what became of a COMMIT without an answer, and do the unit again if it did not arrive.

        The write lock is given to nobody before the transaction that had it has ended: what is read under it stands.
        """
        head = self._begin()
        try:
            if not unit.done or (unit.head != unit.start and self._has(unit.head)):
                self._roll_back()
                return
            self._redo(unit, head)
            self._held().commit()
        except Lost:
            self._drop()
            raise

    def _has(self, head: Head) -> bool:
        """Whether the log has, or had, that end."""
        seq, digest = head
        return [row["hash"] for row in self._held().select(_HASH, {"seq": seq})] == [digest]

    def _redo(self, unit: _Unit, head: Head) -> None:
        """Do again what the unit has done, on a log that ends where it began. StoreError for any other."""
        connection = self._held()
        counts = (connection.execute(sql, values) == count for sql, values, count in unit.done)
        if head != unit.start or not all(counts):
            raise StoreError(
                f"{self._database.where}: another process wrote while the connection was away: nothing of this unit "
                "was committed, start again"
            )

    def _recover(self, error: StoreError, again: Callable[[], T]) -> T:
        """Do `again` what failed, after what the unit did before it. Raises `error` where that is no remedy."""
        unit = self._unit

        def attempt() -> T:
            try:
                if unit is not None:
                    self._redo(unit, self._begin())
                return again()
            except Lost:
                self._drop()
                raise

        if isinstance(error, Lost):
            self._drop()
            return _patiently(attempt)
        if isinstance(error, Full) and unit is not None and self._database.relieve():
            unit.relieved = True
            self._roll_back()
            return attempt()
        raise error

    def _roll_back(self) -> None:
        try:
            if self._connection is not None:
                self._connection.roll_back()
        except StoreError:
            self._drop()

    def _require_whole(self, unit: _Unit) -> None:
        """The database may have rolled back by itself: what is written after that would be committed on its own."""
        if unit.failed:
            raise StoreError(f"{self._database.where}: a statement of this unit failed: none of it was committed")

    def _run(self, act: Callable[[], T]) -> T:
        """Do something in the database; what cannot be remedied fails the unit, or costs the connection."""
        try:
            try:
                return act()
            except StoreError as error:
                return self._recover(error, act)
        except StoreError:
            if self._unit is None:
                self._drop()
            else:
                self._unit.failed = True
            raise

    def execute(self, sql: str, values: Values) -> int:
        """Run a statement inside a unit; the number of rows that it touched."""
        unit = self._unit
        assert unit is not None, "writes happen inside a unit"
        self._require_whole(unit)
        count = self._run(lambda: self._held().execute(sql, values))
        unit.done.append((sql, values, count))
        return count

    def append(self, kind: str, payload: Values, at: datetime) -> int:
        """Write the next row of the audit log inside a unit; its number."""
        assert self._unit is not None, "writes happen inside a unit"
        last, previous = self._unit.head
        seq, when, said = last + 1, stamp(at), canonical(payload)
        digest = link(previous, seq, when, kind, said)
        row = {"seq": seq, "at": when, "kind": kind, "payload": said, "previous": previous, "hash": digest}
        self.execute(_APPEND, row)
        self._unit.head = (seq, digest)
        return seq

    def select(self, sql: str, /, **values: object) -> Sequence[Row]:
        """Rows as they are now; inside a unit, with what the unit has written."""
        with self._turn:
            return self._run(lambda: self._open().select(sql, values))


def _patiently(act: Callable[[], T]) -> T:
    """Do it once there is a connection; Lost if there is none for too long."""
    tries = Retrying(
        retry=retry_if_exception_type(Lost),
        wait=wait_exponential(multiplier=0.05, max=1),
        stop=stop_after_delay(RECONNECT_SECONDS),
        reraise=True,
    )
    return tries(act)

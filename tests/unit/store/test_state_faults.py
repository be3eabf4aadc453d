"""The database fails (faults D1, D2, D3): what is told, what stays, and that nothing is taken for committed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from livetrader.domain.order import OrderIntent
from livetrader.domain.order_state import OrderState
from livetrader.errors import StoreError
from livetrader.store import sqlite, tables
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal
from livetrader.store.location import state_path

OrderMaker = Callable[..., OrderIntent]


def one_line(error: pytest.ExceptionInfo[StoreError], path: Path) -> None:
    """Each message is one line that says where, what, and what to do."""
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    assert message.count(": ") >= 2


class Cursor:
    """The driver's cursor, with `before` called ahead of a statement and `after` when it has succeeded."""

    def __init__(self, cursor: sqlite3.Cursor, sql: str, before: Any = None, after: Any = None) -> None:
        self.cursor, self.sql, self.before, self.after = cursor, sql, before, after

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql == self.sql and self.before is not None:
            self.before()
        done = self.cursor.execute(sql, *values)
        if sql == self.sql and self.after is not None:
            self.after()
        return done

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cursor, name)


def tamper(journal: SqlJournal, sql: str, **steps: Any) -> None:
    connection = journal._writer._connection
    connection._cursor = Cursor(connection._cursor, sql, **steps)


# --- D1: the connection is lost -----------------------------------------------------------------------------


def lost() -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    raise error


@pytest.mark.parametrize(
    ("sql", "when", "committed"),
    [
        ("BEGIN IMMEDIATE", "before", False),
        ("BEGIN IMMEDIATE", "after", False),
        ("COMMIT", "before", False),
        ("COMMIT", "after", True),
    ],
    ids=["no_begin", "after_begin", "before_commit", "after_commit"],
)
def test_d1_what_a_lost_connection_left_is_read_before_anything_is_done(
    url: str, journal: SqlJournal, at: datetime, order: OrderMaker, sql: str, when: str, committed: bool
) -> None:
    """Whether the COMMIT arrived is unknown to whoever asked for it: it is an error, so nothing is sent. The next unit
    starts from what the database holds."""
    journal.intend(order("a"), at)
    tamper(journal, sql, **{when: lost})
    with pytest.raises(StoreError, match="the disk failed to read or write") as raised:
        journal.advance("a", OrderState.SENT, at)
    one_line(raised, state_path(url, "paper"))
    assert journal.orders()[0].state is (OrderState.SENT if committed else OrderState.INTENT)
    assert journal.intend(order("b"), at)
    assert journal.verify_audit() == 3 + committed


def test_d1_a_connection_that_is_lost_within_a_unit_loses_all_of_it(
    journal: SqlJournal, at: datetime, order: OrderMaker
) -> None:
    def lose_it() -> None:
        with journal.unit():
            journal.intend(order("a"), at)
            journal._writer._connection._cursor.connection.close()
            journal.intend(order("b"), at)

    with pytest.raises(StoreError):
        lose_it()
    assert journal.orders() == []
    assert journal.intend(order("a"), at)
    assert journal.verify_audit() == 2


def test_d1_a_connection_that_is_lost_between_units_is_an_error_once(
    journal: SqlJournal, at: datetime, order: OrderMaker
) -> None:
    journal._writer._connection._cursor.connection.close()
    with pytest.raises(StoreError):
        journal.intend(order("a"), at)
    assert journal.intend(order("a"), at)
    journal._writer._connection._cursor.connection.close()
    with pytest.raises(StoreError):
        journal.orders()
    assert len(journal.orders()) == 1


# --- D2: somebody else writes -------------------------------------------------------------------------------


def test_d2_a_lock_held_by_another_process_is_waited_for_and_then_reported(
    url: str, at: datetime, order: OrderMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bounded, and over as soon as the other one commits."""
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.02)
    path = state_path(url, "paper")
    journal = SqlJournal(open_state(url, "paper", "main"))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked by another process") as raised:
        journal.intend(order("a"), at)
    one_line(raised, path)
    assert journal.orders() == [], "reading does not wait"
    other.execute("ROLLBACK")
    other.close()
    assert journal.intend(order("a"), at)
    journal.close()


def test_d2_a_lock_that_is_let_go_in_time_is_never_noticed(
    url: str, at: datetime, order: OrderMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The retry is the journal's own: here the busy timeout of one attempt is too short by far."""
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.0)
    journal = SqlJournal(open_state(url, "paper", "main"))
    other = sqlite3.connect(state_path(url, "paper"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    begun = []

    def commit_before_the_second() -> None:
        begun.append(1)
        if len(begun) == 2:
            other.execute("COMMIT")

    tamper(journal, "BEGIN IMMEDIATE", before=commit_before_the_second)
    assert journal.intend(order("a"), at)
    assert len(begun) == 2
    other.close()
    journal.close()


# --- D3: no room --------------------------------------------------------------------------------------------


def room_for(journal: SqlJournal, pages: int) -> None:
    """Make the disk as good as full: so many pages are left."""
    driver = journal._writer._connection._cursor
    used = driver.execute("PRAGMA page_count").fetchone()[0]
    driver.execute(f"PRAGMA max_page_count = {used + pages}")


def test_d3_a_full_disk_stops_the_order_and_loses_nothing(
    url: str, journal: SqlJournal, at: datetime, order: OrderMaker
) -> None:
    """No durable row, no order; what was committed stays, and it goes on when there is room."""
    room_for(journal, 4)
    committed = 0
    with pytest.raises(StoreError, match="the disk is full") as raised:  # noqa: PT012 (fails at an unknown one)
        while journal.intend(order(f"order-{committed}"), at):
            committed += 1
    one_line(raised, state_path(url, "paper"))
    assert [r.intent.intent_id for r in journal.orders()] == [f"order-{i}" for i in range(committed)]

    room_for(journal, 1000)
    assert journal.intend(order(f"order-{committed}"), at)
    assert journal.verify_audit() == committed + 2


def test_d3_a_unit_that_swallowed_a_failed_write_does_not_look_committed(
    journal: SqlJournal, at: datetime, order: OrderMaker
) -> None:
    """SQLite may have rolled back by itself; a commit after that would succeed, with nothing in it."""
    room_for(journal, 0)

    def fill_the_disk() -> None:
        with journal.unit():
            for i in range(2_000):
                try:
                    journal.intend(order(f"order-{i}"), at)
                except StoreError:
                    room_for(journal, 1000)  # and what comes after it is not committed on its own

    with pytest.raises(StoreError, match="none of it was committed"):
        fill_the_disk()
    assert journal.orders() == []


@pytest.mark.parametrize(
    "sql",
    [tables.insertion(tables.audit), "SELECT seq FROM orders WHERE intent_id = :intent_id"],
    ids=["a_write", "a_read"],
)
def test_d3_after_the_database_rolled_back_by_itself_a_unit_writes_nothing_more(
    journal: SqlJournal, at: datetime, order: OrderMaker, sql: str
) -> None:
    """Outside the transaction that is no more, each statement would be a commit of its own."""
    driver = journal._writer._connection._cursor.connection

    def roll_back_and_fail() -> None:
        if driver.in_transaction:
            driver.execute("ROLLBACK")
            lost()

    tamper(journal, sql, before=roll_back_and_fail)

    def go_on_regardless() -> None:
        with journal.unit():
            with suppress(StoreError):
                journal.intend(order("a"), at)
            with suppress(StoreError):
                journal.latch("halt", "", at)

    with pytest.raises(StoreError):
        go_on_regardless()
    assert (journal.orders(), journal.latches()) == ([], {})
    assert journal.verify_audit() == 1

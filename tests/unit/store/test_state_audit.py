"""The audit log: append-only for everybody, and whatever was done to it all the same shows (invariant I6)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime

import pytest

from livetrader.domain.order import OrderIntent
from livetrader.domain.order_state import OrderState
from livetrader.errors import StoreError
from livetrader.store.journal import SqlJournal
from livetrader.store.location import state_path

OrderMaker = Callable[..., OrderIntent]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit SET payload = '{}' WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 2",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT 2, at, kind, '{}', previous, hash FROM audit WHERE seq = 2",
        "INSERT INTO audit SELECT 9, at, kind, payload, previous, hash FROM audit WHERE seq = 2",
    ],
    ids=["update", "delete", "delete_all", "replace", "gap"],
)
def test_the_audit_log_only_grows(url: str, journal: SqlJournal, at: datetime, order: OrderMaker, sql: str) -> None:
    """Invariant I6, for any program that has the file open."""
    journal.intend(order("a"), at)
    anybody = sqlite3.connect(state_path(url, "paper"))
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        anybody.execute(sql)
    anybody.close()


@pytest.mark.parametrize(
    ("tampering", "says"),
    [
        (
            "UPDATE audit SET payload = replace(payload, '\"10\"', '\"11\"') WHERE seq = 2",
            "row 2 was changed",
        ),
        ("UPDATE audit SET at = '' WHERE seq = 3", "row 3 was changed"),
        ("DELETE FROM audit WHERE seq = 2", "row 2 is missing"),
        ("DELETE FROM audit WHERE kind = 'intend' AND seq = 4", "row of orders names row 4"),
        ("DELETE FROM orders WHERE seq = 4", "the row of orders that row 4 made is missing"),
    ],
    ids=["payload", "time", "row_deleted", "tail_deleted", "table_row_deleted"],
)
def test_tampering_shows(
    url: str, journal: SqlJournal, at: datetime, order: OrderMaker, tampering: str, says: str
) -> None:
    """With the triggers out of the way, which whoever owns the file can do, the chain still tells."""
    journal.intend(order("a"), at)
    journal.advance("a", OrderState.SENT, at)
    journal.intend(order("b"), at)
    assert journal.verify_audit() == 4
    with sqlite3.connect(state_path(url, "paper")) as owner:
        owner.execute("DROP TRIGGER audit_no_update")
        owner.execute("DROP TRIGGER audit_no_delete")
        owner.execute(tampering)
    owner.close()
    with pytest.raises(StoreError, match=says):
        journal.verify_audit()


def test_what_changes_nothing_is_not_logged(journal: SqlJournal, at: datetime, order: OrderMaker) -> None:
    journal.intend(order("a"), at)
    journal.mark(1000, at)
    rows = journal.verify_audit()
    journal.intend(order("a"), at)
    journal.mark(1000, at)
    assert journal.verify_audit() == rows

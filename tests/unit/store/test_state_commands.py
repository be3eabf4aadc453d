"""The command queue: posted by one process, answered by another, while both write."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from livetrader.domain.account import Answer, Command
from livetrader.domain.order import OrderIntent
from livetrader.domain.order_state import OrderState
from livetrader.store.journal import SqlJournal
from livetrader.store.queries import open_queries
from tests.databases import on_each_database

OrderMaker = Callable[..., OrderIntent]

pytestmark = on_each_database


def test_a_command_waits_until_it_is_answered(url: str, journal: SqlJournal, tmp_path: Path, at: datetime) -> None:
    later = at + timedelta(seconds=1)
    halt = journal.post("halt", {"reason": "lunch – बंद"}, at)
    close = journal.post("close", {"symbol": "INFY", "quantity": "10"}, at)
    assert journal.commands() == [
        Command(halt, "halt", {"reason": "lunch – बंद"}, at),
        Command(close, "close", {"symbol": "INFY", "quantity": "10"}, at),
    ]
    assert journal.answered(halt) is None
    assert journal.answer(halt, "halted", True, later)
    assert journal.answer(close, "no position in INFY", False, later)
    assert journal.commands() == []
    with open_queries(url, "paper", tmp_path) as queries:
        assert queries.answered(halt) == journal.answered(halt) == Answer("halted", True, later)
        assert queries.answered(close) == Answer("no position in INFY", False, later)
        assert queries.commands() == []
    assert journal.verify_audit() == 5


def test_a_command_has_one_answer(journal: SqlJournal, at: datetime) -> None:
    """A trader that died after it answered does not answer otherwise when it is back."""
    asked = journal.post("halt", {}, at)
    assert journal.answer(asked, "halted", True, at)
    assert not journal.answer(asked, "was halted already", False, at)
    assert journal.answered(asked) == Answer("halted", True, at)
    assert not journal.answer(999, "", True, at)
    assert journal.verify_audit() == 3


# Posts commands as fast as it can, as another process than the one that trades.
POSTER = """
import sys
from datetime import datetime, UTC
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal

journal = SqlJournal(open_state(sys.argv[1], "paper", "main", create=False))
print("ready", flush=True)
for i in range(int(sys.argv[2])):
    journal.post("note", {"number": str(i)}, datetime(2026, 2, 2, 4, 0, tzinfo=UTC))
journal.close()
"""


def test_two_processes_write_one_unbroken_log(url: str, journal: SqlJournal, at: datetime, order: OrderMaker) -> None:
    """D2: each unit reads the log's head under the write lock, so neither breaks the other's chain."""
    posts, answered, orders = 60, 0, 0
    with subprocess.Popen([sys.executable, "-c", POSTER, url, str(posts)], stdout=subprocess.PIPE, text=True) as poster:
        assert poster.stdout is not None
        assert poster.stdout.readline() == "ready\n"
        while answered < posts:
            journal.intend(order(f"order-{orders}"), at)
            journal.advance(f"order-{orders}", OrderState.SENT, at)
            orders += 1
            for command in journal.commands():
                assert command.arguments == {"number": str(answered)}, "in the order of posting"
                assert journal.answer(command.id, "noted", True, at)
                answered += 1
            assert poster.poll() in (None, 0)
    assert poster.returncode == 0
    assert journal.verify_audit() == 1 + 2 * posts + 2 * orders
    assert [record.state for record in journal.orders()] == [OrderState.SENT] * orders

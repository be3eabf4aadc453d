"""An older schema is refused until it is migrated by hand, with a backup (fault D6)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from livetrader.constraints.verdict import Approved
from livetrader.domain.order import OrderIntent
from livetrader.domain.order_state import OrderState
from livetrader.errors import StoreError
from livetrader.store import migrations, sqlite
from livetrader.store.database import migrate, open_state
from livetrader.store.driver import Connection
from livetrader.store.journal import SqlJournal
from livetrader.store.location import state_path
from livetrader.store.queries import open_queries
from tests.databases import on_each_database, on_postgresql
from tests.postgres import execute

OrderMaker = Callable[..., OrderIntent]

# A state as the first released schema wrote it: a decision, an order that was filled in part, one not yet sent.
SCHEMA_1 = Path(__file__).with_name("state_schema_1.sql")


@pytest.fixture
def old(url: str) -> Path:
    path = state_path(url, "paper")
    sqlite.make(path)
    with sqlite3.connect(path) as made:
        made.executescript(SCHEMA_1.read_text())
    made.close()
    return path


def dump(path: Path) -> list[str]:
    with sqlite3.connect(path) as read:
        content = list(read.iterdump())
    read.close()
    return content


def schema(path: Path) -> dict[str, object]:
    """Tables with their columns, and the names of all indices and triggers."""
    with sqlite3.connect(path) as read:
        names = read.execute("SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall()
        tables = [name for kind, name in names if kind == "table"]
        columns = {name: read.execute(f"PRAGMA table_info({name})").fetchall() for name in tables}
        uniques = {name: sorted(i[2:4] for i in read.execute(f"PRAGMA index_list({name})")) for name in tables}
    read.close()
    return {"names": sorted(names), "columns": columns, "uniques": uniques}


def test_schema_1_is_refused_until_it_is_migrated(url: str, old: Path) -> None:
    before = dump(old)
    says = "has schema 1 of 5: run `livetrader db migrate`"
    with pytest.raises(StoreError, match=says):
        open_state(url, "paper", "main")
    with pytest.raises(StoreError, match=says), open_queries(url, "paper"):
        pytest.fail("read a schema that it does not know")
    assert dump(old) == before, "and it is left alone"


def test_schema_1_becomes_todays_and_keeps_all_that_it_held(url: str, old: Path) -> None:
    copy = migrate(url, "paper")
    assert copy == str(old.with_name("state.paper.db.schema1.bak"))
    journal = SqlJournal(open_state(url, "paper", "main"))
    assert journal.verify_audit() == 9
    bought, planned = journal.orders()
    assert (bought.state, bought.filled_quantity, bought.broker_order_id) == (OrderState.PARTIALLY_FILLED, 4, "B1")
    assert bought.sent_at == datetime(2026, 2, 2, 4, 0, 1, tzinfo=UTC), "told by the log"
    assert (planned.state, planned.sent_at) == (OrderState.INTENT, None)
    assert (planned.intent.entry_id, planned.intent.amended, planned.algo_id) == ("", None, "")
    assert (journal.open_orders(), journal.unsent()) == ([bought], [planned])
    (decision,) = journal.decisions(since=0, until=2000)
    assert isinstance(decision.verdict, Approved)
    assert decision.verdict.intent == bought.intent
    assert (journal.marked(), journal.equities()) == (1000, [(1000, Decimal("99.50"), 1)])
    assert journal.latches() == {}
    journal.advance("b", OrderState.SENT, datetime(2026, 2, 2, 5, tzinfo=UTC))
    journal.close()
    assert migrate(url, "paper") is None, "once is enough"


def test_a_migrated_state_has_the_schema_of_a_new_one(url: str, tmp_path: Path, old: Path) -> None:
    migrate(url, "paper")
    open_state(f"sqlite:///{tmp_path}/new.db", "paper", "main")
    assert schema(old) == schema(tmp_path / "new.paper.db")


def test_the_copy_made_before_holds_all_that_there_was(url: str, old: Path) -> None:
    before = dump(old)
    copy = migrate(url, "paper")
    assert copy is not None
    assert dump(Path(copy)) == before


def test_a_migration_that_fails_changes_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(connection: Connection) -> None:
        connection.execute("ALTER TABLE orders ADD COLUMN venue TEXT")
        connection.execute("ALTER TABLE nowhere ADD COLUMN venue TEXT")

    open_state(url, "paper", "main")
    before = schema(state_path(url, "paper"))
    with monkeypatch.context() as newer:
        newer.setattr(migrations, "MIGRATIONS", [*migrations.MIGRATIONS, half])
        with pytest.raises(StoreError, match="no such table"):
            migrate(url, "paper")
    open_state(url, "paper", "main")
    assert schema(state_path(url, "paper")) == before


def step(connection: Connection) -> None:
    """What the next schema might bring."""
    connection.execute("ALTER TABLE orders ADD COLUMN venue TEXT")
    connection.execute("UPDATE orders SET venue = 'NSE'")


def half(connection: Connection) -> None:
    step(connection)
    connection.execute("ALTER TABLE nowhere ADD COLUMN venue TEXT")


@on_postgresql
def test_in_postgresql_the_copy_is_a_schema_beside_it(
    url: str, journal: SqlJournal, at: datetime, order: OrderMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.intend(order("a"), at)
    monkeypatch.setattr(migrations, "MIGRATIONS", [*migrations.MIGRATIONS, step])
    with pytest.raises(StoreError, match="has schema 5 of 6: run `livetrader db migrate`"):
        open_state(url, "paper", "main")
    assert migrate(url, "paper") == "schema livetrader_paper_schema5_bak"
    assert execute(url, "SELECT intent_id, venue FROM livetrader_paper.orders") == [("a", "NSE")]
    for table in ("audit", "meta", "schema_version", "leases"):
        before = execute(url, f"SELECT * FROM livetrader_paper_schema5_bak.{table}")
        after = execute(url, f"SELECT * FROM livetrader_paper.{table}")
        assert before == after[: len(before)]
    again = SqlJournal(open_state(url, "paper", "main"))
    assert (again.verify_audit(), len(again.orders())) == (2, 1)
    again.close()
    assert migrate(url, "paper") is None, "once is enough"


@on_postgresql
def test_in_postgresql_a_migration_that_fails_changes_nothing_and_leaves_no_copy(
    url: str, journal: SqlJournal, at: datetime, order: OrderMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.intend(order("a"), at)
    with monkeypatch.context() as newer:
        newer.setattr(migrations, "MIGRATIONS", [*migrations.MIGRATIONS, half])
        with pytest.raises(StoreError, match='relation "nowhere" does not exist'):
            migrate(url, "paper")
    assert execute(url, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'livetrader%'") == [("livetrader_paper",)]
    again = SqlJournal(open_state(url, "paper", "main"))
    assert len(again.orders()) == 1
    again.close()


@on_each_database
def test_a_newer_schema_is_not_migrated(
    url: str, journal: SqlJournal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert journal.orders() == []
    monkeypatch.setattr(migrations, "MIGRATIONS", [])
    for act in (migrate, lambda url, mode: open_state(url, mode, "main")):
        with pytest.raises(StoreError, match="made by a newer livetrader"):
            act(url, "paper")
    with pytest.raises(StoreError, match="made by a newer livetrader"), open_queries(url, "paper", tmp_path):
        pytest.fail("read a schema that it does not know")

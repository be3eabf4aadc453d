"""The state in PostgreSQL: whose it is, what is refused, and what lies where."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from livetrader.domain.order import OrderIntent
from livetrader.errors import ConfigError, StoreError
from livetrader.store.database import open_state, wipe
from livetrader.store.dialects import database_of
from livetrader.store.faults import NoState
from livetrader.store.journal import SqlJournal
from livetrader.store.location import kill_path, lock_path, place
from livetrader.store.queries import exists, open_queries
from tests.databases import on_each_database, on_postgresql
from tests.postgres import execute

OrderMaker = Callable[..., OrderIntent]
SECRET = "canary-of-a-password"


@pytest.mark.parametrize(
    ("url", "mode", "shown"),
    [
        ("postgresql://host/db", "paper", "postgresql://host/db, schema livetrader_paper"),
        ("postgres://me@host:5433/db", "dry-run", "postgresql://host:5433/db, schema livetrader_dry_run"),
        (f"postgresql+psycopg://me:{SECRET}@host/db", "live", "postgresql://host/db, schema livetrader_live"),
        (f"postgresql:///db?host=/run&password={SECRET}", "live", "postgresql:///run/db, schema livetrader_live"),
        ("postgresql://", "live", "postgresql://localhost, schema livetrader_live"),
    ],
)
def test_the_mode_is_in_the_schemas_name_and_no_password_is_shown(url: str, mode: str, shown: str) -> None:
    assert place(url, mode) == shown
    assert SECRET not in repr(database_of(url, mode))


def test_the_lock_and_the_kill_file_are_named_by_the_schema(tmp_path: Path) -> None:
    url = "postgresql://host/db"
    assert lock_path(url, "dry-run", tmp_path) == tmp_path / "livetrader_dry_run.lock"
    assert kill_path(url, "live", tmp_path) == tmp_path / "livetrader_live.kill"
    with pytest.raises(ValueError, match="directory"):
        lock_path(url, "live")


@on_each_database
def test_modes_do_not_share_a_state(url: str, at: datetime, order: OrderMaker) -> None:
    paper, live = (SqlJournal(open_state(url, mode, "main")) for mode in ("paper", "live"))
    paper.intend(order("a"), at)
    assert live.orders() == []
    paper.close()
    live.close()


@on_each_database
def test_what_was_committed_is_there_after_a_restart(url: str, at: datetime, order: OrderMaker) -> None:
    """Fault P3: the same bar decided again after a restart is the same intent."""
    for again in (False, True):
        with closing(SqlJournal(open_state(url, "paper", "main"))) as journal:
            assert journal.intend(order("a"), at) is not again


@on_each_database
@pytest.mark.parametrize("options", [{"create": False}, {"read_only": True}], ids=str)
def test_a_state_that_is_not_there_is_not_made_for_a_reader(url: str, options: dict[str, bool], tmp_path: Path) -> None:
    with pytest.raises(NoState, match="there is no state yet: `livetrader run` makes it") as raised:
        open_state(url, "paper", "main", **options)
    assert str(raised.value).startswith(f"{place(url, 'paper')}: ")
    with pytest.raises(NoState), open_queries(url, "paper", tmp_path):
        pytest.fail("read what is not there")
    assert not exists(url, "paper")


CHANGES = {
    "another_program": ("DROP TABLE meta", "another program's tables"),
    "newer": ("INSERT INTO schema_version VALUES (99, '')", "newer livetrader .schema 99, this one knows 5.: update"),
    "another_mode": ("UPDATE meta SET mode = 'live'", "belongs to mode 'live', not 'paper'"),
    "another_account": ("UPDATE meta SET account = 'mother'", "belongs to account 'mother', not 'main'"),
}


@on_postgresql
@pytest.mark.parametrize("change", CHANGES)
def test_a_schema_that_is_not_ours_is_refused(url: str, change: str) -> None:
    sql, told = CHANGES[change]
    open_state(url, "paper", "main")
    execute(url, f"SET search_path = livetrader_paper; {sql}")
    with pytest.raises(StoreError, match=told) as raised:
        open_state(url, "paper", "main")
    assert str(raised.value).startswith(f"{place(url, 'paper')}: ")


@on_postgresql
def test_a_state_is_made_whole_or_not_at_all(url: str) -> None:
    """What else there is of our names in the schema was not made by us, and is left alone."""
    execute(url, "CREATE SCHEMA livetrader_paper; CREATE FUNCTION livetrader_paper.audit_only_grows() RETURNS int"
            " LANGUAGE sql AS 'SELECT 1'")  # fmt: skip
    with pytest.raises(StoreError, match='"audit_only_grows" already exists'):
        open_state(url, "paper", "main")
    assert not exists(url, "paper")


@on_each_database
def test_a_read_only_state_is_read_and_not_written(
    url: str, journal: SqlJournal, at: datetime, order: OrderMaker
) -> None:
    journal.intend(order("a"), at)
    with closing(SqlJournal(open_state(url, "paper", "main", read_only=True))) as reader:
        assert [r.intent.intent_id for r in reader.orders()] == ["a"]
        with pytest.raises(StoreError, match="is read-only"):
            reader.intend(order("b"), at)


@on_each_database
def test_only_a_replay_can_be_wiped(url: str) -> None:
    for mode in ("replay", "paper"):
        open_state(url, mode, "main")
    wipe(url, "replay")
    assert not exists(url, "replay")
    with pytest.raises(StoreError, match="only a replay's state can be wiped"):
        wipe(url, "paper")
    assert exists(url, "paper")
    open_state(url, "replay", "main")


@on_each_database
def test_a_check_counts_what_is_there_and_names_what_is_not_whole(
    url: str, journal: SqlJournal, tmp_path: Path, at: datetime, order: OrderMaker
) -> None:
    journal.intend(order("a"), at)
    journal.latch("halt", "", at)
    with open_queries(url, "paper", tmp_path) as queries:
        rows = queries.check()
    assert {name: rows[name] for name in ("audit", "latches", "orders")} == {"audit": 3, "latches": 1, "orders": 1}
    with journal.unit():
        journal._writer.execute("DELETE FROM orders", {})
    with (
        open_queries(url, "paper", tmp_path) as queries,
        pytest.raises(StoreError, match="the row of orders that row 2 made is missing"),
    ):
        queries.check()


@on_postgresql
def test_texts_sort_by_their_bytes_whatever_the_databases_language(url: str, journal: SqlJournal, at: datetime) -> None:
    for name in ("b", "B", "a", "_", "é"):
        journal.latch(name, "", at)
    assert list(journal.latches()) == ["B", "_", "a", "b", "é"]
    collations = execute(
        url, "SELECT DISTINCT collation_name FROM information_schema.columns"
        " WHERE table_schema = 'livetrader_paper' AND data_type = 'text'"
    )  # fmt: skip
    assert collations == [("C",)]


@on_postgresql
def test_reading_a_state_imports_its_driver_and_nothing_heavier(url: str, tmp_path: Path) -> None:
    open_state(url, "paper", "main")
    heavy = ("sqlalchemy", "pandas", "numba", "pyarrow", "tenacity")
    code = (
        "import sys\nfrom pathlib import Path\nfrom livetrader.store.queries import open_queries\n"
        f"with open_queries({url!r}, 'paper', Path({str(tmp_path)!r})) as queries: queries.status()\n"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_state_in_sqlite_does_not_import_the_other_driver() -> None:
    code = "import sys, livetrader.store.journal, livetrader.store.queries; print('psycopg' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_url_of_neither_is_a_configuration_error() -> None:
    for url in ("mysql://h/d", "postgresql+asyncpg://h/d", "state.db"):
        with pytest.raises(ConfigError, match=r"state\.url .* names no database"):
            open_state(url, "paper", "main")

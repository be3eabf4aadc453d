"""The state's file: whose it is, what is refused, and what each failure tells the operator."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from livetrader.domain.order import OrderIntent
from livetrader.domain.order_state import OrderState
from livetrader.errors import ConfigError, StoreError
from livetrader.store.database import open_state, template, wipe
from livetrader.store.journal import SqlJournal
from livetrader.store.location import state_path
from livetrader.store.sqlite import make

OrderMaker = Callable[..., OrderIntent]


def one_line(error: pytest.ExceptionInfo[StoreError], path: Path) -> str:
    """Each message is one line that says where, what, and what to do."""
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    assert message.count(": ") >= 2
    return message


@pytest.mark.parametrize(
    ("url", "mode", "file"),
    [
        ("sqlite:///data/state.db", "paper", "data/state.paper.db"),
        ("sqlite:////var/state.db", "dry-run", "/var/state.dry-run.db"),
        ("sqlite:///state", "live", "state.live"),
        ("sqlite:///a.b/c.d.sqlite", "replay", "a.b/c.d.replay.sqlite"),
    ],
)
def test_the_mode_is_in_the_files_name(url: str, mode: str, file: str) -> None:
    assert state_path(url, mode) == Path(file)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "mysql://h/d", "state.db"])
def test_a_url_that_names_no_sqlite_file_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigError, match=r"state\.url"):
        state_path(url, "paper")


def test_a_commit_is_on_the_disk_before_it_returns(journal: SqlJournal) -> None:
    """Invariant I6 rests on these; readers and the writer do not wait for each other."""
    driver = journal._writer._connection._cursor
    settings = {
        name: driver.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous", "foreign_keys")
    }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_several_make_one_state_at_once(tmp_path: Path) -> None:
    """For write-ahead mode SQLite waits for nobody: the later ones try again. A round in eight needs it."""
    with ThreadPoolExecutor(4) as threads:
        for number in range(40):
            list(threads.map(make, [tmp_path / f"{number}.db"] * 4))


def test_a_missing_directory_is_made(tmp_path: Path) -> None:
    open_state(f"sqlite:///{tmp_path}/new/dir/state.db", "paper", "main")
    assert (tmp_path / "new/dir/state.paper.db").exists()


@pytest.mark.parametrize("options", [{"create": False}, {"read_only": True}], ids=str)
@pytest.mark.parametrize("empty", [False, True], ids=["missing", "empty"])
def test_a_state_that_is_not_there_is_not_made_for_a_reader(url: str, options: dict[str, bool], empty: bool) -> None:
    path = state_path(url, "paper")
    if empty:
        path.touch()
    with pytest.raises(StoreError, match="there is no state yet") as raised:
        open_state(url, "paper", "main", **options)
    one_line(raised, path)
    assert path.exists() == empty


def garbage(path: Path) -> None:
    path.write_bytes(b"PAR1" * 4096)


def strangers(path: Path) -> None:
    """Another program's database: a candle store has a schema_version too."""
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE schema_version (version INTEGER)")
    other.close()


def made_with(path: Path, sql: str) -> None:
    open_state(f"sqlite:///{path.parent}/state.db", "paper", "main")
    with sqlite3.connect(path) as mine:
        mine.execute(sql)
    mine.close()


def newer(path: Path) -> None:
    made_with(path, "INSERT INTO schema_version VALUES (99, '')")


def of_live(path: Path) -> None:
    made_with(path, "UPDATE meta SET mode = 'live'")


def of_another_account(path: Path) -> None:
    made_with(path, "UPDATE meta SET account = 'mother'")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (garbage, "is not a database"),
        (strangers, "another program's tables"),
        (newer, "newer livetrader .schema 99, this one knows 5.: update"),
        (of_live, "belongs to mode 'live', not 'paper'"),
        (of_another_account, "belongs to account 'mother', not 'main'"),
        (Path.mkdir, "cannot be opened"),
    ],
    ids=["not_a_database", "another_program", "newer", "another_mode", "another_account", "a_directory"],
)
def test_a_file_that_is_not_ours_is_refused_and_left_alone(url: str, make: Callable[[Path], None], says: str) -> None:
    path = state_path(url, "paper")
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(StoreError, match=says) as raised:
        open_state(url, "paper", "main")
    one_line(raised, path)
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_a_path_through_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError) as raised:
        open_state(f"sqlite:///{tmp_path}/file/state.db", "paper", "main")
    one_line(raised, tmp_path / "file/state.paper.db")


def test_a_read_only_state_is_read_and_not_written(
    url: str, journal: SqlJournal, at: datetime, order: OrderMaker
) -> None:
    journal.intend(order("a"), at)
    reader = SqlJournal(open_state(url, "paper", "main", read_only=True))
    assert [r.intent.intent_id for r in reader.orders()] == ["a"]
    with pytest.raises(StoreError, match="is read-only") as raised:
        reader.intend(order("b"), at)
    one_line(raised, state_path(url, "paper"))
    reader.close()


def test_threads_take_turns(journal: SqlJournal, at: datetime, order: OrderMaker) -> None:
    """A unit of one thread holds nothing of another's, and the log has no gaps."""

    def write(thread: int) -> None:
        for i in range(10):
            with journal.unit():
                journal.intend(order(f"{thread}-{i}"), at)
                journal.advance(f"{thread}-{i}", OrderState.SENT, at)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    names = [r.intent.intent_id for r in journal.orders()]
    assert sorted(names) == [f"{thread}-{i}" for thread in range(4) for i in range(10)]
    assert {r.state for r in journal.orders()} == {OrderState.SENT}
    assert journal.verify_audit() == 1 + 2 * 40


def test_only_a_replay_can_be_wiped(url: str) -> None:
    for mode in ("replay", "paper", "live"):
        open_state(url, mode, "main")
    wipe(url, "replay")
    assert not state_path(url, "replay").exists()
    for mode in ("paper", "live"):
        with pytest.raises(StoreError, match="only a replay's state can be wiped"):
            wipe(url, mode)
        assert state_path(url, mode).exists()


@pytest.mark.parametrize(("asked", "mode", "level"), [(None, "live", 2), (None, "replay", 1), ("OFF", "paper", 0)])
def test_how_durable_a_commit_is_can_be_chosen(url: str, asked: str | None, mode: str, level: int) -> None:
    """Live and paper wait for the disk unless somebody says otherwise."""
    journal = SqlJournal(open_state(url, mode, "main", synchronous=asked))
    assert journal._writer._connection._cursor.execute("PRAGMA synchronous").fetchone()[0] == level
    journal.close()


def test_a_template_is_a_state_in_which_nothing_happened(url: str, at: datetime, order: OrderMaker) -> None:
    """What a simulation starts each of its thousands of scenarios from."""
    path = state_path(url, "paper")
    path.write_bytes(template("paper", "main"))
    journal = SqlJournal(open_state(url, "paper", "main", create=False))
    assert (journal.verify_audit(), journal.orders()) == (1, [])
    assert journal.intend(order("a"), at)
    assert journal._writer._connection._cursor.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    journal.close()
    assert template("paper", "main") is template("paper", "main"), "and it is made once"
    with pytest.raises(StoreError, match="belongs to account 'main'"):
        open_state(url, "paper", "mother")

"""The kill file: it stops trading by being there, whoever made it and whatever the database is doing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from livetrader.errors import StoreError
from livetrader.store.journal import SqlJournal
from livetrader.store.latch_file import is_on, put_on, take_off
from livetrader.store.location import kill_path, state_path
from livetrader.store.queries import open_queries


@pytest.fixture
def path(url: str) -> Path:
    return kill_path(url, "paper")


def test_it_lies_beside_the_state_of_its_mode(tmp_path: Path, url: str) -> None:
    assert kill_path(url, "live") == tmp_path / "state.live.db.kill"


def test_it_is_on_from_its_making_to_its_removal(path: Path, at: datetime) -> None:
    assert not is_on(path)
    assert put_on(path, "by hand", at)
    assert is_on(path)
    assert path.read_text() == "2026-02-02T04:00:00.000000Z by hand\n"
    assert not put_on(path, "again", at)
    assert path.read_text() == "2026-02-02T04:00:00.000000Z by hand\n"
    assert take_off(path)
    assert not is_on(path)
    assert not take_off(path)


def test_it_makes_the_folder_that_it_lies_in(tmp_path: Path, at: datetime) -> None:
    assert put_on(tmp_path / "data" / "state.live.db.kill", "", at)


HANDS: dict[str, Callable[[Path], None]] = {
    "touched": Path.touch,
    "a_folder": Path.mkdir,
    "a_broken_link": lambda path: path.symlink_to("nowhere"),
}


@pytest.mark.parametrize("make", HANDS.values(), ids=HANDS)
def test_whatever_lies_there_is_on(path: Path, make: Callable[[Path], None], at: datetime) -> None:
    make(path)
    assert is_on(path)
    assert not put_on(path, "", at)


def test_it_works_while_another_process_locks_the_database(url: str, journal: SqlJournal, path: Path) -> None:
    assert journal.latches() == {}
    other = sqlite3.connect(state_path(url, "paper"), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    path.touch()
    assert is_on(path)
    with open_queries(url, "paper") as queries:
        assert queries.status().killed
    other.close()


def test_where_it_cannot_be_told_there_is_no_permission(tmp_path: Path, at: datetime) -> None:
    (tmp_path / "file").touch()
    lost = tmp_path / "file" / "state.live.db.kill"
    for ask in (is_on, lambda path: put_on(path, "", at), take_off):
        with pytest.raises(StoreError) as raised:
            ask(lost)
        assert str(raised.value).startswith(f"{lost}: ")
        assert "\n" not in str(raised.value)

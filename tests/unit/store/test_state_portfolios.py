"""Portfolios have states of their own, in one database: what is written of one is read of no other."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from livetrader.errors import StoreError
from livetrader.store.database import open_state, wipe
from livetrader.store.journal import SqlJournal
from livetrader.store.location import kill_path, lock_path, place, state_path
from livetrader.store.queries import exists, open_queries
from tests.databases import on_each_database

PLACES = {
    "sqlite": ("sqlite:///data/state.db", "data/state.crypto.dry-run.db"),
    "postgresql": ("postgresql://host/db", "postgresql://host/db, schema livetrader_crypto_dry_run"),
}


@pytest.mark.parametrize(("url", "where"), PLACES.values(), ids=PLACES)
def test_the_portfolio_is_in_the_name(url: str, where: str) -> None:
    assert place(url, "crypto.dry-run") == where


def test_so_it_is_in_those_of_lock_and_kill_file(tmp_path: Path) -> None:
    file = state_path(f"sqlite:///{tmp_path}/state.db", "crypto.live")
    assert lock_path(f"sqlite:///{tmp_path}/state.db", "crypto.live") == file.with_name("state.crypto.live.db.lock")
    assert kill_path("postgresql://host/db", "crypto.live", tmp_path) == tmp_path / "livetrader_crypto_live.kill"


@on_each_database
def test_what_is_written_of_one_is_read_of_no_other(url: str, tmp_path: Path, at: datetime) -> None:
    names = ("paper", "nse.paper", "crypto.paper")
    for name in names:
        journal = SqlJournal(open_state(url, name, name))
        journal.latch("halt", name, at)
        journal.close()
    for name in names:
        with open_queries(url, name, tmp_path) as queries:
            assert [one.reason for one in queries.latches().values()] == [name]
            assert (queries.status().mode, queries.status().account) == ("paper", name)
    assert not exists(url, "crypto.live")


@on_each_database
def test_a_replay_of_one_is_wiped_alone(url: str) -> None:
    for name in ("crypto.replay", "nse.replay", "crypto.paper"):
        open_state(url, name, "simulated")
    wipe(url, "crypto.replay")
    assert [exists(url, name) for name in ("crypto.replay", "nse.replay", "crypto.paper")] == [False, True, True]
    with pytest.raises(StoreError, match="only a replay's state can be wiped"):
        wipe(url, "crypto.paper")


def test_a_file_of_another_portfolio_is_refused(tmp_path: Path) -> None:
    """Whoever renames a state does not make it another portfolio's."""
    url = f"sqlite:///{tmp_path}/state.db"
    open_state(url, "nse.paper", "simulated/nse")
    state_path(url, "nse.paper").rename(state_path(url, "crypto.paper"))
    with pytest.raises(StoreError, match=r"belongs to mode 'nse\.paper', not 'crypto\.paper'"):
        open_state(url, "crypto.paper", "simulated/crypto")

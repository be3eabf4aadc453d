"""New candles are announced, and heard; what is not heard, the next poll sees."""

from __future__ import annotations

import threading

import psycopg
import pytest

from livetrader.domain.candles import CandleColumns, Interval
from livetrader.marketdata.postgres import notify
from livetrader.marketdata.postgres.notify import listening
from livetrader.marketdata.store import Layout, open_store
from tests.postgres import PostgresServer, cut_connections
from tests.threads import PATIENCE
from tests.unit.marketdata.conftest import Make

CHANNEL = "New Candles"
LAYOUT = Layout(notify=CHANNEL)


class Bell:
    """Counts how often it rang."""

    def __init__(self) -> None:
        self.rung = 0
        self._changed = threading.Condition()

    def ring(self) -> None:
        with self._changed:
            self.rung += 1
            self._changed.notify_all()

    def await_(self, count: int) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.rung >= count, PATIENCE)


def bars(price: float) -> CandleColumns:
    return Make.bars(Make.plain("A", 1_769_485_500, price))


def test_a_change_of_the_candles_wakes_and_one_that_changes_nothing_does_not(postgres: str) -> None:
    bell = Bell()
    with open_store(postgres, layout=LAYOUT) as store, listening(postgres, CHANNEL, bell.ring):
        assert bell.await_(1), "at first, for what was written before anybody listened"
        store.upsert(Interval.M5, bars(100.0))
        assert bell.await_(2)
        store.upsert(Interval.M5, bars(100.0))
        store.upsert(Interval.M1, bars(100.0))
        assert bell.await_(3)
    assert bell.rung == 3


def test_who_writes_symbol_by_symbol_wakes_once(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "BURST_SECONDS", 0.5)
    bell = Bell()
    with listening(postgres, CHANNEL, bell.ring):
        assert bell.await_(1)
        with psycopg.connect(postgres, autocommit=True) as writer:
            for _ in range(20):
                writer.execute("SELECT pg_notify(%s, '5m')", [CHANNEL])
        assert bell.await_(2)
    assert bell.rung == 2


def test_a_listener_comes_back_with_the_server(
    postgres: str, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And wakes then, because it may have missed something."""
    monkeypatch.setattr(notify, "RETRY_SECONDS", 0.05)
    bell = Bell()
    with listening(postgres, CHANNEL, bell.ring):
        assert bell.await_(1)
        assert cut_connections(postgres) == 1
        assert bell.await_(2)
        postgres_server.restart()
        assert bell.await_(3)


def test_a_listener_without_a_server_harms_nobody() -> None:
    bell = Bell()
    with listening("postgresql://me@/market?host=/no/such/folder", CHANNEL, bell.ring):
        pass
    assert bell.rung == 0

"""The state in PostgreSQL under every command that asks for it: the same words, the same values."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import live_desk
import pytest
from calls import Told, ended, finish, start, until

from livetrader.errors import StoreError
from livetrader.store.queries import open_queries
from tests.postgres import PostgresServer, as_user, new_database, new_role

Call = Callable[..., Told]

REPLAY = ("replay", "--date", "2026-02-27")
READING = (
    ("trades", "--mode", "replay", "--json"),
    ("orders", "--mode", "replay", "--json"),
    ("positions", "--mode", "replay", "--json"),
    ("why", "TCS", "--mode", "replay", "--json"),
    ("report", "--mode", "replay"),
    ("report", "--mode", "replay", "--json"),
)


@pytest.fixture
def dsn(postgres_server: PostgresServer) -> Iterator[str]:
    with new_database(postgres_server.dsn) as found:
        yield found


@pytest.fixture
def on_server(dsn: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """From here on the state is in PostgreSQL."""
    monkeypatch.setenv("LIVETRADER__STATE__URL", dsn)
    return dsn


@pytest.mark.usefixtures("desk")
def test_a_replay_and_all_that_is_read_of_it_are_the_same_as_in_sqlite(
    dsn: str, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = [call(*arguments) for arguments in READING]
    monkeypatch.setenv("LIVETRADER__STATE__URL", dsn)
    for _ in range(2):  # the second one clears the first
        assert call(*REPLAY).code == 0
    assert [call(*arguments) for arguments in READING] == expected
    status = json.loads(call("status", "--mode", "replay", "--json").out)
    assert (status["running"], status["exit_reason"]) == (False, "stopped")
    assert re.fullmatch(r"postgresql://.*, schema livetrader_replay", status["state"])
    call("status").fails(74, "schema livetrader_paper: there is no state yet", "there is one of replay")
    assert call(*REPLAY, "--resume").code == 0
    assert "audit" in call("db", "check", "--mode", "replay").out
    assert call("db", "migrate", "--mode", "replay").out.endswith("schema livetrader_replay: is of today's schema\n")


def test_a_running_process_is_seen_and_keeps_a_second_one_out(desk: Path, on_server: str, call: Call) -> None:
    """Its lock lies in the folder of the settings, and its state is read while it writes."""
    process = start(*REPLAY, "--speed", "1", cwd=desk)
    try:
        until((desk / "data" / "livetrader_replay.lock").exists, process)
        until(lambda: '"running": true' in call("status", "--mode", "replay", "--json").out, process)
        call(*REPLAY).fails(75, f"process {process.pid} has held the lock since")
    finally:
        process.terminate()
    assert finish(process).code == 0
    assert on_server not in (desk / "data" / "livetrader_replay.lock").read_text()


def test_halts_and_kills_of_an_operator_stand_in_the_database_and_in_the_folder(
    desk: Path, on_server: str, call: Call
) -> None:
    assert call("halt", "lunch").code == 0
    assert call("kill", "--yes").code == 0
    assert (desk / "data" / "livetrader_paper.kill").exists()
    status = json.loads(call("status", "--json").out)
    assert (status["killed"], [one["name"] for one in status["latches"]]) == (True, ["halt", "kill"])
    assert "taken off: halt, kill" in call("resume", "--yes").out
    assert not (desk / "data" / "livetrader_paper.kill").exists()
    with open_queries(on_server, "paper", desk / "data") as queries:
        assert queries.latches() == {}


@pytest.mark.usefixtures("desk")
def test_a_password_comes_from_the_environment_and_is_shown_nowhere(
    dsn: str, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_role(dsn, "guarded_trader", "hunter2secret")
    monkeypatch.setenv("LIVETRADER__STATE__URL", as_user(dsn, "guarded_trader"))
    monkeypatch.setenv("STATE_DB_PASSWORD", "canary-of-a-password")
    shown = [call("status"), call("config", "show"), call("db", "check"), call("halt", "x")]
    shown[0].fails(74, "schema livetrader_paper: no connection: ", "password authentication failed")
    monkeypatch.setenv("STATE_DB_PASSWORD", "hunter2secret")
    shown += [call("status"), call("config", "show"), call("halt", "x")]
    shown[-1].fails(74, "permission denied for database")
    for told in shown:
        assert "canary-of-a-password" not in told.out + "".join(told.err)
        assert "hunter2secret" not in told.out + "".join(told.err)


def test_a_server_that_is_away_is_one_line(
    desk: Path, postgres_server: PostgresServer, on_server: str, call: Call
) -> None:
    postgres_server.stop()
    try:
        for arguments in (("status",), ("db", "check"), ("db", "migrate"), ("halt", "x"), ("run", "--once"), REPLAY):
            call(*arguments).fails(74, "no connection: ", "see that the server runs")
        assert "by the file" in call("kill", "--yes").out, "which needs no database"
        assert (desk / "data" / "livetrader_paper.kill").exists()
    finally:
        postgres_server.start()


@pytest.fixture
def live(empty: Path) -> Iterator[live_desk.LiveDesk]:
    made = live_desk.make(empty, "strict")
    yield made
    made.broker.stop()


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_d1_a_live_trader_outlives_its_server_and_nothing_is_lost_or_there_twice(
    live: live_desk.LiveDesk, postgres_server: PostgresServer, on_server: str, call: Call
) -> None:
    """Restarted between an entry and its exit, and once more as if its machine had gone."""

    def ready() -> bool:
        try:
            with open_queries(on_server, "live", live.folder / "data") as queries:
                status = queries.status()
                return status.lease is not None and bool(status.marked) and "reconcile" not in status.latches
        except StoreError:
            return False  # it is being made

    def positions() -> list[str]:
        return [one["symbol"] for one in json.loads(call("positions", "--json").out)]

    with ended(start("run", "--yes-live", cwd=live.folder)) as trader:
        until(ready, trader)
        stop = f"{live.last['BTCUSDT'] * 0.97:.2f}"
        assert call("buy", "BTCUSDT", "0.5", "--stop", stop).code == 0
        until(lambda: len(live.broker.open_orders()) == 1 and positions() == ["BTCUSDT"], trader)
        for crash in (False, True):
            postgres_server.stop(crash=crash)
            postgres_server.start()
            assert call("reconcile").code == 0
        assert call("close", "BTCUSDT").code == 0
        until(lambda: not positions() and not live.broker.open_orders(), trader)
        trader.terminate()
        assert finish(trader).code == 0
    filled = [one["ticket"]["action"] for one in live.broker.state()["orders"] if one["state"] == "FILLED"]
    assert filled == ["BUY", "SELL"], "one order in, one out"
    assert call("db", "check").code == 0

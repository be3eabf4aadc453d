"""The state's PostgreSQL fails (faults D1, D2, D3, P4): no order is lost or doubled, and a line tells what it is."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Timer

import psycopg
import pytest
from cut_wire import CutWire

from livetrader.bootstrap.account import LEASE_SECONDS, taken
from livetrader.config import Settings, load
from livetrader.domain.order import OrderIntent
from livetrader.domain.order_state import OrderState
from livetrader.errors import AlreadyRunning, ConfigError, LiveTraderError, StoreError
from livetrader.market.clock import VirtualClock
from livetrader.store import postgres, writer
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal
from livetrader.store.location import place
from livetrader.store.queries import open_queries
from tests.postgres import PostgresServer, as_user, cut_connections, execute, new_role
from tests.threads import PATIENCE
from tests.unit.engine.trading_samples import intent

AT = datetime(2026, 2, 2, 4, 0, tzinfo=UTC)
SECRET = "canary-of-a-password"


@pytest.fixture
def dsn(postgres: str) -> str:
    return postgres


@pytest.fixture
def journal(dsn: str) -> Iterator[SqlJournal]:
    opened = SqlJournal(open_state(dsn, "live", "main"))
    yield opened
    opened.close()


@pytest.fixture
def wire(dsn: str) -> Iterator[CutWire]:
    with tempfile.TemporaryDirectory() as folder, closing(CutWire(dsn, Path(folder))) as made:
        yield made


@pytest.fixture
def wired(wire: CutWire) -> Iterator[SqlJournal]:
    opened = SqlJournal(open_state(wire.dsn, "live", "main"))
    yield opened
    opened.close()


def order(name: str) -> OrderIntent:
    return intent(intent_id=name)


def send(journal: SqlJournal, name: str, between: Callable[[], object] = lambda: None) -> None:
    """An order's first two steps in one unit, with something in between."""
    with journal.unit():
        journal.intend(order(name), AT)
        between()
        journal.advance(name, OrderState.SENT, AT)


def require_whole(journal: SqlJournal, *names: str) -> None:
    """Those orders were sent, each once and in this order, and the log says nothing else."""
    sent = [one.intent.intent_id for one in journal.orders() if one.state is OrderState.SENT]
    assert sent == [*names]
    assert journal.verify_audit() == 1 + 2 * len(names)


def one_line(error: pytest.ExceptionInfo[LiveTraderError], dsn: str, mode: str = "live") -> str:
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith(f"{place(dsn, mode)}: ")
    assert message.count(": ") >= 2
    assert SECRET not in message + repr(error.value) + repr(error.value.__cause__)
    return message


# --- D1: the connection is lost -----------------------------------------------------------------------------


def test_d1_a_connection_that_was_cut_between_units_is_not_noticed(dsn: str, journal: SqlJournal) -> None:
    for name in "abc":
        send(journal, name)
        assert cut_connections(dsn) == 1
    require_whole(journal, *"abc")


def test_d1_a_connection_that_is_cut_within_a_unit_costs_time_only(dsn: str, journal: SqlJournal) -> None:
    """Nothing of it was committed, and nobody has written since: it is done again, reads and writes."""
    send(journal, "a", between=lambda: cut_connections(dsn))
    require_whole(journal, "a")


@pytest.mark.parametrize("cut", ["before", "after", "frozen"])
def test_d1_what_became_of_a_commit_without_an_answer_is_read(
    wired: SqlJournal, wire: CutWire, cut: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It arrived or it did not; while the server still thinks about it, its lock is waited for."""
    monkeypatch.setattr(postgres, "IDLE_SECONDS", 0.5)
    wired._writer._drop()
    wire.cut = cut
    send(wired, "a")
    assert wire.cuts == 1
    send(wired, "b")
    require_whole(wired, "a", "b")


@pytest.mark.parametrize("cut", ["before", "after"])
def test_d1_an_unlogged_commit_without_an_answer_is_done_again(wired: SqlJournal, wire: CutWire, cut: str) -> None:
    """A renewal has no row in the log, and is the same twice."""
    number = wired.lease("mumbai", 30.0, AT)
    assert number is not None
    wire.cut = cut
    assert wired.renew(number, AT + timedelta(seconds=20))
    assert wire.cuts == 1
    assert wired.lease("pune", 30.0, AT + timedelta(seconds=49)) is None


def test_d1_a_unit_is_not_done_again_on_top_of_what_others_wrote(dsn: str, journal: SqlJournal) -> None:
    """What it has read may not hold any more: it fails, whole, and the next one reads anew."""

    def cut_and_write() -> None:
        cut_connections(dsn)
        with closing(SqlJournal(open_state(dsn, "live", "main"))) as other:
            other.latch("halt", "by hand", AT)

    with pytest.raises(StoreError, match="another process wrote") as raised:
        send(journal, "a", between=cut_and_write)
    one_line(raised, dsn)
    assert (journal.orders(), list(journal.latches())) == ([], ["halt"])
    send(journal, "a")
    assert journal.verify_audit() == 4


def test_d5_a_server_that_comes_back_without_what_was_committed_is_not_written_to(
    dsn: str, journal: SqlJournal
) -> None:
    """A standby that was behind, or a backup: our books know more than it does."""
    send(journal, "a")
    execute(
        dsn,
        "SET search_path = livetrader_live; SET session_replication_role = replica;"
        " DELETE FROM orders; DELETE FROM audit WHERE seq > 1",
    )
    cut_connections(dsn)
    with pytest.raises(StoreError, match="row 3 of the audit log was committed and is not there") as raised:
        send(journal, "b")
    one_line(raised, dsn)
    assert journal.orders() == []


@pytest.mark.parametrize("crash", [False, True], ids=["restarted", "crashed"])
@pytest.mark.parametrize("when", ["between", "within"])
def test_d1_a_server_that_restarts_is_waited_for(
    postgres_server: PostgresServer, journal: SqlJournal, when: str, crash: bool
) -> None:
    """Away for a second, while an order is being written."""
    reached, gone = Event(), Event()

    def wait_until_it_is_gone() -> None:
        reached.set()
        assert gone.wait(PATIENCE)

    def write() -> None:
        if when == "between":
            wait_until_it_is_gone()
        send(journal, "b", between=wait_until_it_is_gone if when == "within" else lambda: None)

    send(journal, "a")
    # The server belongs to the thread that starts it: it is the order that is written in another one.
    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(write)
        assert reached.wait(PATIENCE)
        postgres_server.stop(crash=crash)
        gone.set()
        with pytest.raises(TimeoutError):
            written.result(1.0)
        postgres_server.start()
        written.result()
    require_whole(journal, "a", "b")


def test_d1_a_server_that_stays_away_is_told_and_its_return_is_enough(
    postgres_server: PostgresServer, dsn: str, journal: SqlJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "RECONNECT_SECONDS", 0.3)
    send(journal, "a")
    postgres_server.stop()
    try:
        for act in (lambda: send(journal, "b"), journal.orders, lambda: open_state(dsn, "live", "main")):
            with pytest.raises(StoreError, match="no connection: ") as raised:
                act()
            one_line(raised, dsn)
    finally:
        postgres_server.start()
    require_whole(journal, "a")
    send(journal, "b")
    require_whole(journal, "a", "b")


# --- D2, D3 and what else a server may do ---------------------------------------------------------------------


def test_d2_a_lock_held_by_another_process_is_waited_for_and_then_reported(
    dsn: str, journal: SqlJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "BUSY_SECONDS", 0.05)
    journal._writer._drop()
    with closing(SqlJournal(open_state(dsn, "live", "main"))) as other:
        with other.unit(), pytest.raises(StoreError, match="locked by another process") as raised:
            send(journal, "a")
        one_line(raised, dsn)
        assert journal.orders() == [], "reading does not wait"
        send(journal, "a")
        require_whole(other, "a")


def test_d2_a_lock_that_is_let_go_in_time_is_never_noticed(
    dsn: str, journal: SqlJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "BUSY_SECONDS", 0.3)
    journal._writer._drop()
    other = open_state(dsn, "live", "main").connect()
    other.begin()
    Timer(0.45, other.close).start()
    send(journal, "a")
    require_whole(journal, "a")


def test_a_statement_that_takes_too_long_is_told(
    dsn: str, journal: SqlJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "STATEMENT_SECONDS", 0.1)
    journal._writer._drop()
    with pytest.raises(StoreError, match="took too long") as raised:
        journal._select("SELECT pg_sleep(5)")
    one_line(raised, dsn)
    send(journal, "a")


# What the server does to a statement, by the SQLSTATE that it says it with, and what is told.
FAILURES = {
    "disk_full": ("53100", "the server's disk is full: free space there"),
    "io_error": ("58030", "the server's disk failed"),
    "damaged": ("XX001", "is damaged: restore a backup"),
    "anything_else": ("P0001", "a trigger's own words: run `livetrader doctor`"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_d3_a_statement_that_the_server_cannot_do_fails_its_unit_whole(
    dsn: str, journal: SqlJournal, failure: str
) -> None:
    state, told = FAILURES[failure]
    execute(
        dsn,
        "CREATE FUNCTION livetrader_live.fail() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION 'a trigger''s own words' USING ERRCODE = '{state}'; END $$;"
        "CREATE TRIGGER fail BEFORE UPDATE ON livetrader_live.orders EXECUTE FUNCTION livetrader_live.fail()",
    )
    with pytest.raises(StoreError, match=told) as raised:
        send(journal, "a")
    one_line(raised, dsn)
    assert (journal.orders(), journal.verify_audit()) == ([], 1)
    execute(dsn, "DROP FUNCTION livetrader_live.fail() CASCADE")
    send(journal, "a")
    require_whole(journal, "a")


def test_a_read_only_server_is_told_and_can_be_read(dsn: str, journal: SqlJournal, tmp_path: Path) -> None:
    """A standby, or default_transaction_read_only."""
    send(journal, "a")
    database = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    execute(dsn, f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    cut_connections(dsn)
    with pytest.raises(StoreError, match="is read-only: name the primary server") as raised:
        send(journal, "b")
    one_line(raised, dsn)
    with open_queries(dsn, "live", tmp_path) as queries:
        assert [one.intent.intent_id for one in queries.orders()] == ["a"]


def test_a_wrong_password_is_told_and_not_shown(dsn: str) -> None:
    new_role(dsn, "guarded_trader", "the-right-one")
    wrong = as_user(dsn, "guarded_trader", SECRET)
    with pytest.raises(StoreError, match="password authentication failed") as raised:
        open_state(wrong, "live", "main")
    assert "guarded_trader" in one_line(raised, dsn)
    assert SECRET not in place(wrong, "live")


def test_a_database_or_a_host_that_is_not_there_is_told(dsn: str) -> None:
    nowhere = dsn.replace("livetrader_test", "nowhere")
    with pytest.raises(StoreError, match="does not exist") as raised:
        open_state(nowhere, "live", "main")
    one_line(raised, nowhere)
    gone = f"postgresql://me:{SECRET}@127.0.0.1:1/trading"
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:1/trading, schema livetrader_live: no connection: ") as raised:
        open_state(gone, "live", "main")
    one_line(raised, gone)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{SECRET}/x@host/db",
        f"postgresql://me:{SECRET}#x@host/db",
        f"postgresql://me:{SECRET}?x@host/db",
        f"postgresql://me:12/{SECRET}@host/db",
        f"postgresql://me:x@host:{SECRET}/db",
        f"postgresql://me:x@host/db?nonsense={SECRET}",
        f"postgresql://me:x@host/db?password={SECRET}%",
    ],
)
def test_a_url_that_cannot_be_read_is_a_configuration_error_that_shows_nothing_of_it(url: str) -> None:
    with pytest.raises(ConfigError, match=r"state\.url cannot be read") as raised:
        open_state(url, "live", "main")
    assert SECRET not in str(raised.value) + repr(raised.value)


def test_a_role_that_may_not_do_it_is_told_what_to_grant(dsn: str, tmp_path: Path) -> None:
    new_role(dsn, "visitor")
    visitor = as_user(dsn, "visitor")
    with pytest.raises(StoreError, match=r"permission denied for database .*: grant the role") as raised:
        open_state(visitor, "live", "main")
    one_line(raised, dsn)
    open_state(dsn, "live", "main")
    with pytest.raises(StoreError, match="USAGE on the schema") as raised, open_queries(visitor, "live", tmp_path):
        pytest.fail("read what it may not")
    one_line(raised, dsn)
    execute(dsn, "GRANT USAGE ON SCHEMA livetrader_live TO visitor")
    execute(dsn, "GRANT SELECT ON ALL TABLES IN SCHEMA livetrader_live TO visitor")
    with open_queries(visitor, "live", tmp_path) as queries:
        assert queries.verify_audit() == 1
    with closing(SqlJournal(open_state(visitor, "live", "main"))) as journal:
        with pytest.raises(StoreError, match="permission denied for table audit: grant the role") as raised:
            journal.latch("halt", "", AT)
        one_line(raised, dsn)


def test_a_role_that_may_not_make_schemas_trades_in_one_that_it_was_given(dsn: str) -> None:
    new_role(dsn, "trader")
    execute(dsn, "CREATE SCHEMA livetrader_live AUTHORIZATION trader")
    with closing(SqlJournal(open_state(as_user(dsn, "trader"), "live", "main"))) as journal:
        send(journal, "a")
        require_whole(journal, "a")


# --- durability, and the guard of the log ---------------------------------------------------------------------


def test_commits_wait_for_the_disk_whatever_the_server_is_set_to(dsn: str) -> None:
    database = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    execute(dsn, f"ALTER DATABASE {database} SET synchronous_commit = off")
    for mode, asked, found in (("live", None, "on"), ("replay", None, "off"), ("paper", "OFF", "off")):
        made = open_state(dsn, mode, "main", synchronous=asked)
        with closing(made.connect()) as connection:
            assert connection.select("SHOW synchronous_commit")[0]["synchronous_commit"] == found
    assert "fsync off" in open_state(dsn, "live", "main").doubts(), "as the servers of these tests run"
    assert open_state(dsn, "replay", "main").doubts() == ""


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit SET payload = '{}' WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 2",
        "TRUNCATE audit CASCADE",
        "INSERT INTO audit SELECT 9, at, kind, payload, previous, hash FROM audit WHERE seq = 2",
        "INSERT INTO audit SELECT 2, at, kind, '{}', previous, hash FROM audit WHERE seq = 2"
        " ON CONFLICT (seq) DO UPDATE SET payload = excluded.payload",
    ],
    ids=["update", "delete", "truncate", "gap", "upsert"],
)
def test_the_audit_log_only_grows_even_for_a_superuser(dsn: str, journal: SqlJournal, sql: str) -> None:
    send(journal, "a")
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        execute(dsn, f"SET search_path = livetrader_live; {sql}")
    require_whole(journal, "a")


def test_a_text_that_postgresql_cannot_hold_is_kept_as_far_as_it_can(journal: SqlJournal) -> None:
    """A broker's words are no reason to stop."""
    journal.latch("symbol:INFY", "rejected: \0 – नहीं", AT)
    assert journal.latches()["symbol:INFY"].reason == "rejected: � – नहीं"
    assert journal.verify_audit() == 2


# --- P4: one trader -------------------------------------------------------------------------------------------


def settings(dsn: str, folder: Path) -> Settings:
    flags = {"state.url": ("test", dsn), "state.directory": ("test", str(folder))}
    environment = {"XDG_CONFIG_HOME": str(folder)}
    return load(None, flags=flags, environ=environment, directory=folder).settings


def test_p4_two_hosts_on_one_database_are_kept_apart_by_the_lease(dsn: str, tmp_path: Path) -> None:
    """The lock file of the one is nothing to the other, not even where both call themselves the same."""
    clock = VirtualClock(AT.timestamp())
    for name in ("mumbai", "pune"):
        (tmp_path / name).mkdir()
    with taken(settings(dsn, tmp_path / "mumbai"), clock) as first:
        assert (tmp_path / "mumbai" / "livetrader_paper.lock").exists()
        with pytest.raises(AlreadyRunning, match="process"), taken(settings(dsn, tmp_path / "mumbai"), clock):
            pass
        with pytest.raises(AlreadyRunning, match="another host"), taken(settings(dsn, tmp_path / "pune"), clock):
            pass
        clock.advance_to(clock.now() + LEASE_SECONDS + 1)
        with taken(settings(dsn, tmp_path / "pune"), clock) as second:
            assert second.permit.refuses(order("a")) == ""
            with pytest.raises(AlreadyRunning, match="another host"):
                first.permit.refuses(order("a"))


def test_the_kill_file_lies_in_the_folder_of_the_settings(dsn: str, tmp_path: Path) -> None:
    with taken(settings(dsn, tmp_path), VirtualClock(AT.timestamp())) as account:
        (tmp_path / "livetrader_paper.kill").touch()
        assert account.permit.refuses(order("a")).startswith("kill:")
        with open_queries(dsn, "paper", tmp_path) as queries:
            assert queries.status().killed

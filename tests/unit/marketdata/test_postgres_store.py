"""Our own tables in PostgreSQL: what is made there, what is refused, and what a fault does."""

from __future__ import annotations

import multiprocessing
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from urllib.parse import urlsplit

import numpy as np
import psycopg
import pytest

from livetrader.domain.candles import FIELDS, CandleColumns, Interval
from livetrader.errors import ConfigError, LiveTraderError, StoreError
from livetrader.marketdata.content import UpsertCounts
from livetrader.marketdata.location import place_of
from livetrader.marketdata.postgres import reader as reading
from livetrader.marketdata.postgres import session
from livetrader.marketdata.postgres.own import PostgresCandleStore
from livetrader.marketdata.store import CandleStore, Layout, open_store
from tests.postgres import PostgresServer, as_user, cut_connections, execute, new_role

M5 = Interval.M5
T0 = 1_769_485_500  # 2026-01-27 09:15 IST
END = 2**40
SECRET = "hunter2secret"


@pytest.fixture
def store(postgres: str) -> Iterator[CandleStore]:
    with open_store(postgres) as opened:
        yield opened


def bars(symbols: int = 3, slots: int = 4, price: float = 100.0, first: int = T0) -> CandleColumns:
    """A bar of every symbol in every slot; each has prices of its own."""
    ts = np.repeat(first + 300 * np.arange(slots), symbols)
    codes = np.tile(np.arange(symbols, dtype=np.int32), slots)
    fields = [price + codes + np.arange(len(ts)) / 128 + i for i in range(len(FIELDS))]
    return CandleColumns(tuple(f"S{i:03}" for i in range(symbols)), ts, codes, *fields)


def same(one: CandleColumns, other: CandleColumns) -> bool:
    return one.symbols == other.symbols and all(
        np.array_equal(getattr(one, name), getattr(other, name), equal_nan=name in FIELDS)
        for name in ("ts", "symbol", *FIELDS)
    )


def refusal(kind: type[LiveTraderError], work: Callable[[], object]) -> str:
    """The message of the error that `work` raises: one line, without a password."""
    with pytest.raises(kind) as caught:
        work()
    message = str(caught.value)
    assert "\n" not in message
    assert SECRET not in message
    return message


class TestTables:
    def test_candles_lie_in_a_schema_of_their_own_where_sql_finds_them(self, postgres: str) -> None:
        with open_store(postgres, layout=Layout(schema="Market")) as store:
            store.upsert(M5, bars(1, 1))
        (row,) = execute(postgres, 'SELECT extract(epoch FROM ts)::bigint, symbol, open FROM "Market".candles_5m')
        assert row == (T0, "S000", 100.0)

    def test_a_missing_value_is_null_for_others_and_a_null_is_missing_for_us(
        self, store: CandleStore, postgres: str
    ) -> None:
        columns = bars(2, 1)
        columns.volume[:] = np.nan
        store.upsert(M5, columns)
        assert execute(postgres, "SELECT count(*) FROM livetrader.candles_5m WHERE volume IS NULL") == [(2,)]
        assert np.isnan(store.read(M5, 0, END).volume).all()

    def test_two_schemas_are_two_stores(self, store: CandleStore, postgres: str) -> None:
        store.upsert(M5, bars())
        with open_store(postgres, layout=Layout(schema="other")) as other:
            assert other.intervals() == ()

    @pytest.mark.parametrize("slots", [1, 8, 100])
    @pytest.mark.parametrize("asked", [None, 5, 300], ids=["all", "few", "many"])
    def test_a_read_in_many_parts_gives_the_same_bars(
        self, store: CandleStore, monkeypatch: pytest.MonkeyPatch, slots: int, asked: int | None
    ) -> None:
        """Short reads and long ones, of all symbols, of few and of many, whole or part by part, named there or here."""
        store.upsert(M5, bars(300, 21))
        names = None if asked is None else [f"S{i:03}" for i in range(asked)][::-1]
        whole = store.read(M5, T0, T0 + 300 * slots, names)
        assert len(whole) == (asked or 300) * min(slots, 21)
        monkeypatch.setattr(reading, "CHUNK_SLOTS", 1)
        monkeypatch.setattr(reading, "SHORT_SLOTS", 3)
        monkeypatch.setattr(reading, "SOME_SYMBOLS", 2)
        assert same(store.read(M5, T0, T0 + 300 * slots, names), whole)

    def test_a_large_upsert_is_merged_in_parts_and_stored_as_one(
        self, store: CandleStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("livetrader.marketdata.postgres.own.CHUNK_ROWS", 5)
        told: list[int] = []
        assert store.upsert(M5, bars(3, 4), told.append) == UpsertCounts(12, 0, 0)
        assert told == [5, 10, 12]
        assert store.coverage(M5)["S000"].count == 4

    def test_sqlite_and_postgresql_hold_the_same_content_and_say_so(self, store: CandleStore) -> None:
        columns = bars(20, 30)
        columns.open[::7] = np.nan
        with open_store("sqlite://") as other:
            for one in (store, other):
                one.upsert(M5, columns)
                one.upsert(Interval.M1, bars(2, 3))
            names = [f"S{i:03}" for i in range(21)]
            assert store.digest(tuple(Interval), names, 0, END) == other.digest(tuple(Interval), names, 0, END)
            for read in (lambda s: s.read(M5, 0, END), lambda s: s.read(M5, T0 + 300, T0 + 600, names[::-1])):
                assert same(read(store), read(other))
            assert store.coverage(M5) == other.coverage(M5)


class TestTimescale:
    # The extension itself is not on a test machine: one of its name notes what it is asked for.
    FUNCTION = (
        "CREATE TABLE @extschema@.made (relation regclass, chunk interval);"
        "CREATE FUNCTION @extschema@.create_hypertable(relation regclass, time_column_name name,"
        " chunk_time_interval interval, create_default_indexes boolean) RETURNS void LANGUAGE sql AS"
        " $$INSERT INTO @extschema@.made VALUES (relation, chunk_time_interval)$$;"
    )

    @pytest.fixture
    def extended(self, postgres_server: PostgresServer, postgres: str) -> Iterator[str]:
        folder = postgres_server.folder / "extension"
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        (folder / "timescaledb.control").write_text("default_version = '1'\nrelocatable = false\nschema = 'ts'\n")
        (folder / "timescaledb--1.sql").write_text(self.FUNCTION)
        postgres_server.restart(extension_control_path=f"$system:{postgres_server.folder}")
        execute(postgres, "CREATE SCHEMA ts")
        execute(postgres, "CREATE EXTENSION timescaledb SCHEMA ts")
        yield postgres
        postgres_server.restart()

    @pytest.mark.parametrize(("timescale", "made"), [("auto", 5), ("on", 5), ("off", 0)])
    def test_tables_are_hypertables_where_the_extension_is_there_and_wanted(
        self, extended: str, timescale: str, made: int
    ) -> None:
        with open_store(extended, layout=Layout(timescale=timescale)) as store:  # type: ignore[arg-type]  # a parameter
            assert store.upsert(M5, bars()).inserted == 12
        assert len(execute(extended, "SELECT * FROM ts.made")) == made

    def test_where_it_is_wanted_and_missing_nothing_is_made(self, postgres: str) -> None:
        message = refusal(ConfigError, lambda: open_store(postgres, layout=Layout(timescale="on")))
        assert message.startswith("candles.timescale: the database has no TimescaleDB; run CREATE EXTENSION")
        assert execute(postgres, "SELECT FROM pg_namespace WHERE nspname = 'livetrader'") == []


class TestRefused:
    def test_nothing_to_read(self, postgres: str) -> None:
        assert "data import" in refusal(StoreError, lambda: open_store(postgres, read_only=True))

    def test_a_schema_of_something_else(self, postgres: str) -> None:
        execute(postgres, "CREATE SCHEMA livetrader CREATE TABLE orders (id integer)")
        for read_only in (False, True):
            message = refusal(StoreError, lambda: open_store(postgres, read_only=read_only))  # noqa: B023 - used at once
            assert "set candles.db_schema to another name" in message

    @pytest.mark.parametrize(("version", "word"), [(99, "a newer livetrader; update"), (0, "an older livetrader")])
    def test_a_store_of_another_version(self, postgres: str, version: int, word: str) -> None:
        open_store(postgres).close()
        execute(postgres, f"UPDATE livetrader.schema_version SET version = {version}")
        assert word in refusal(StoreError, lambda: open_store(postgres))

    @pytest.mark.parametrize(
        ("user", "password", "word"),
        [
            ("guarded_reader", "wrong", "the password is wrong; correct TIMESCALE_DB_PASSWORD"),
            ("guarded_reader", None, "asks for a password; set TIMESCALE_DB_PASSWORD"),
            ("guarded_reader", SECRET, "permission denied for database"),
            ("nobody_knows", None, "has no such user; correct candles.url"),
        ],
        ids=["wrong password", "no password", "may not make the schema", "unknown user"],
    )
    def test_a_user_who_may_not(self, postgres: str, user: str, password: str | None, word: str) -> None:
        new_role(postgres, "guarded_reader", SECRET)
        message = refusal(StoreError, lambda: open_store(as_user(postgres, user, password)))
        assert word in message
        assert message.startswith(f"{place_of(postgres)}: ")

    def test_a_reader_who_may_only_read(self, postgres: str, store: CandleStore) -> None:
        store.upsert(M5, bars())
        new_role(postgres, "reader")
        execute(postgres, "GRANT USAGE ON SCHEMA livetrader TO reader")
        execute(postgres, "GRANT SELECT ON ALL TABLES IN SCHEMA livetrader TO reader")
        with open_store(as_user(postgres, "reader")) as reader:
            assert len(reader.read(M5, 0, END)) == 12
            message = refusal(StoreError, lambda: reader.upsert(M5, bars()))
        assert "permission denied for table coverage; grant the role what docs/postgresql.md lists" in message

    @pytest.mark.parametrize(
        ("url", "word"),
        [
            ("postgresql://me:{}@127.0.0.1:1/market", "127.0.0.1:1/market: the server cannot be reached"),
            ("postgresql://me:{}@/market?host=/no/such/folder", "cannot be reached"),
        ],
        ids=["nobody listens", "no socket"],
    )
    def test_a_server_that_is_not_there(self, url: str, word: str) -> None:
        assert word in refusal(StoreError, lambda: open_store(url.format(SECRET)))

    def test_a_host_that_nobody_knows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def unknown(*_: object, **__: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        message = refusal(StoreError, lambda: open_store(f"postgresql://me:{SECRET}@no-such-host/market"))
        assert message == "postgresql://no-such-host/market: the host is not known; correct candles.url"

    def test_a_database_that_is_not_there(self, postgres: str) -> None:
        message = refusal(StoreError, lambda: open_store(postgres.replace("livetrader_test", "nothing")))
        assert "no such database; correct candles.url, or make it with CREATE DATABASE" in message

    @pytest.mark.parametrize(
        "url",
        [
            "postgresql://me:{}/x@host/db",
            "postgresql://me:{}#x@host/db",
            "postgresql://me:{}?x@host/db",
            "postgresql://me:12/{}@host/db",
            "postgresql://me:x@host:{}/db",
            "postgresql://me:x@host/db?nonsense={}",
            "postgresql://me:x@host/db?password={}%",
        ],
    )
    def test_a_url_that_cannot_be_read_is_not_shown(self, url: str) -> None:
        message = refusal(ConfigError, lambda: open_store(url.format(SECRET)))
        assert message.startswith("candles.url: cannot be read; ")

    @pytest.mark.parametrize(
        ("url", "place"),
        [
            ("postgresql://me:pw@host:5433/db?sslmode=require", "postgresql://host:5433/db"),
            ("postgres://host/db", "postgresql://host/db"),
            ("postgresql+psycopg://me@/db?host=/run/pg", "postgresql:///run/pg/db"),
            ("sqlite:///data/candles.db", "sqlite:///data/candles.db"),
        ],
    )
    def test_a_store_is_named_by_host_and_database_alone(self, url: str, place: str) -> None:
        assert place_of(url) == place


class TestFaults:
    @pytest.mark.parametrize("fault", ["cut", "restarted", "crashed"])
    def test_a_read_outlives_a_connection_that_is_lost(
        self, store: CandleStore, postgres: str, postgres_server: PostgresServer, fault: str
    ) -> None:
        store.upsert(M5, bars())
        if fault == "cut":
            assert cut_connections(postgres) == 1
        else:
            postgres_server.stop(crash=fault == "crashed")
            postgres_server.start()
        assert same(store.read(M5, 0, END), bars())

    def test_a_read_waits_for_a_server_that_is_about_to_start(
        self, store: CandleStore, postgres_server: PostgresServer
    ) -> None:
        store.upsert(M5, bars())
        postgres_server.stop()
        with ThreadPoolExecutor(1) as pool:
            read = pool.submit(store.read, M5, 0, END)
            with suppress(TimeoutError):
                read.result(0.3)
            assert not read.done(), "nobody answers yet"
            postgres_server.start()
            assert same(read.result(), bars())

    def test_a_server_that_stays_away_ends_the_read_with_one_line(
        self, store: CandleStore, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.upsert(M5, bars())
        monkeypatch.setattr(session, "RECONNECT_SECONDS", 0.3)
        postgres_server.stop()
        try:
            message = refusal(StoreError, lambda: store.read(M5, 0, END))
        finally:
            postgres_server.start()
        assert "cannot be reached" in message
        assert len(store.read(M5, 0, END)) == 12

    def test_an_upsert_that_was_cut_before_its_commit_is_done_again_and_once(
        self, store: CandleStore, postgres: str
    ) -> None:
        cuts: list[int] = []

        def cut(_: int) -> None:
            if not cuts:
                cuts.append(cut_connections(postgres))

        assert store.upsert(M5, bars(), cut) == UpsertCounts(12, 0, 0)
        assert cuts == [1]
        assert same(store.read(M5, 0, END), bars())
        assert store.coverage(M5)["S000"].count == 4

    def test_a_table_that_another_keeps_locked(self, postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(session, "LOCK_SECONDS", 0.05)
        with open_store(postgres) as store, psycopg.connect(postgres) as holder:
            holder.execute("LOCK TABLE livetrader.candles_5m, livetrader.coverage")
            for work in (lambda: store.read(M5, 0, END), lambda: store.upsert(M5, bars())):
                assert "another process has kept the candles locked" in refusal(StoreError, work)
            holder.rollback()
            assert store.upsert(M5, bars()).inserted == 12

    def test_a_statement_that_takes_too_long(self, postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(session, "STATEMENT_SECONDS", 0.05)
        with open_store(postgres) as store, psycopg.connect(postgres) as holder:
            holder.execute("LOCK TABLE livetrader.candles_5m")
            assert "a statement took too long" in refusal(StoreError, lambda: store.read(M5, 0, END))
            holder.rollback()
            assert len(store.read(M5, 0, END)) == 0

    def test_a_replica_is_read_and_not_written(self, postgres: str) -> None:
        open_store(postgres).close()
        name = urlsplit(postgres).path.strip("/")
        execute(postgres, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        with open_store(postgres) as store:
            assert len(store.read(M5, 0, END)) == 0
            message = refusal(StoreError, lambda: store.upsert(M5, bars()))
        assert "the database is read-only; name the primary server" in message

    def test_a_session_for_reading_cannot_write_whatever_it_is_asked(self, postgres: str) -> None:
        open_store(postgres).close()
        with PostgresCandleStore(postgres, "livetrader", read_only=True) as store:
            store.read_only = False
            assert "read-only" in refusal(StoreError, lambda: store.upsert(M5, bars()))

    def test_a_full_disk_stores_nothing_and_says_so(self, store: CandleStore, postgres: str) -> None:
        """The server reports it at whatever it writes: here a trigger does, after the bars were taken."""
        execute(
            postgres,
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
            " $$BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END$$;"
            "CREATE TRIGGER full_disk AFTER INSERT ON livetrader.coverage EXECUTE FUNCTION full_disk()",
        )
        assert "the server's disk is full; free some space there" in refusal(
            StoreError, lambda: store.upsert(M5, bars())
        )
        assert len(store.read(M5, 0, END)) == 0

    def test_a_table_that_somebody_dropped(self, store: CandleStore, postgres: str) -> None:
        execute(postgres, "DROP TABLE livetrader.candles_5m")
        message = refusal(StoreError, lambda: store.read(M5, 0, END))
        assert 'relation "livetrader.candles_5m" does not exist; restore a backup' in message


def fill(url: str, symbol: str) -> None:
    """In a process of its own: two bars of `symbol`, then the same again, many times."""
    with open_store(url) as store:
        for price in range(20):
            columns = bars(1, 2, float(price))
            store.upsert(
                M5, CandleColumns((symbol,), columns.ts, columns.symbol, *(getattr(columns, n) for n in FIELDS))
            )


def test_writers_of_the_same_bars_neither_fail_nor_count_twice(postgres: str) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=fill, args=(postgres, "SAME")) for _ in range(2)]
    for process in writers:
        process.start()
    for process in writers:
        process.join()
        assert process.exitcode == 0
    with open_store(postgres) as store:
        assert store.coverage(M5)["SAME"].count == 2
        assert len(store.read(M5, 0, END)) == 2

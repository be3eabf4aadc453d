"""What every candle store promises. A further store joins by a case of the fixture `url`."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livetrader.domain.candles import FIELDS, CandleColumns, Interval
from livetrader.errors import ConfigError, LiveTraderError, StoreError
from livetrader.marketdata.content import Coverage, UpsertCounts, digest
from livetrader.marketdata.store import CandleStore, open_store
from tests.postgres import SERVERS
from tests.threads import PATIENCE

IST = ZoneInfo("Asia/Kolkata")
T0 = 1_769_485_500  # 2026-01-27 09:15 IST
END = 2**40
M5 = Interval.M5


@pytest.fixture(params=["sqlite file", "sqlite in memory", *SERVERS])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path, new_postgres: Callable[[str], str]) -> str:
    """The URL of a place for a new store."""
    if request.param in SERVERS:
        return new_postgres(request.param)
    return "sqlite://" if "memory" in request.param else f"sqlite:///{tmp_path}/new folder/candles #1.db"


@pytest.fixture
def store(anywhere: str) -> Iterator[CandleStore]:
    with open_store(anywhere) as opened:
        yield opened


def bars(*rows: tuple[str, int, float]) -> CandleColumns:
    """Bars of (symbol, ts, price), in the order given."""
    names = tuple(sorted({symbol for symbol, _, _ in rows}))
    price = np.array([p for _, _, p in rows], np.float64)
    return CandleColumns(
        names,
        np.array([ts for _, ts, _ in rows], np.int64),
        np.array([names.index(symbol) for symbol, _, _ in rows], np.int32),
        price, price + 1, price - 1, price + 0.5, price * 10,
    )  # fmt: skip


def rows(columns: CandleColumns) -> list[tuple[str, int, float]]:
    names = [columns.symbols[code] for code in columns.symbol]
    return list(zip(names, columns.ts.tolist(), columns.open.tolist(), strict=True))


def test_reads_back_what_was_stored_ordered_by_time_and_symbol(store: CandleStore) -> None:
    store.upsert(M5, bars(("B", T0 + 300, 4.0), ("B", T0, 2.0), ("A", T0, 0.1 + 0.2)))
    read = store.read(M5, T0, T0 + 301)
    assert rows(read) == [("A", T0, 0.1 + 0.2), ("B", T0, 2.0), ("B", T0 + 300, 4.0)]
    assert read.symbols == ("A", "B")
    np.testing.assert_array_equal(read.volume, read.open * 10)
    np.testing.assert_array_equal(read.high, read.open + 1)


def test_the_end_of_a_read_is_exclusive_and_its_start_inclusive(store: CandleStore) -> None:
    store.upsert(M5, bars(("A", T0, 1.0), ("A", T0 + 300, 2.0), ("A", T0 + 600, 3.0)))
    assert rows(store.read(M5, T0, T0 + 600)) == [("A", T0, 1.0), ("A", T0 + 300, 2.0)]


def test_a_read_of_named_symbols_keeps_their_order_and_those_without_bars(store: CandleStore) -> None:
    store.upsert(M5, bars(("A", T0, 1.0), ("B", T0, 2.0), ("M&M", T0, 3.0)))
    read = store.read(M5, 0, END, ["M&M", "nothing 'here'", "A"])
    assert read.symbols == ("M&M", "nothing 'here'", "A")
    assert sorted(rows(read)) == [("A", T0, 1.0), ("M&M", T0, 3.0)]


@pytest.mark.parametrize("asked", [1, 3, 20, 80, 149, 150], ids=lambda n: f"{n} of 150")
def test_a_read_of_named_symbols_gives_the_same_bars_as_a_read_of_all(store: CandleStore, asked: int) -> None:
    """However few or many are named: symbols with gaps and off the grid, and one that is not stored."""
    rng = np.random.default_rng(asked)
    kept = [(f"S{i:03}", T0 + 300 * t + (i == 7)) for t in range(12) for i in range(150) if rng.random() < 0.7]
    store.upsert(M5, bars(*((symbol, ts, float(n)) for n, (symbol, ts) in enumerate(kept))))
    names = [*(f"S{i:03}" for i in (7, *rng.permutation([i for i in range(150) if i != 7])[: asked - 1])), "none"]
    read = store.read(M5, T0 + 300, T0 + 3_000, names)
    expected = [row for row in rows(store.read(M5, T0 + 300, T0 + 3_000)) if row[0] in names]
    assert len(expected) >= asked
    assert rows(read) == expected
    assert read.symbols == tuple(names)


def test_an_empty_store_answers_with_nothing(store: CandleStore) -> None:
    empty = store.read(M5, 0, END, ["A"])
    assert (len(empty), empty.symbols, empty.ts.dtype, empty.open.dtype) == (0, ("A",), np.int64, np.float64)
    assert (store.coverage(M5), store.symbols(M5), store.intervals(), store.dates(IST)) == ({}, set(), (), [])
    assert store.upsert(M5, bars()) == UpsertCounts(0, 0, 0)


def test_intervals_are_kept_apart_and_listed_finest_first(store: CandleStore) -> None:
    store.upsert(Interval.H1, bars(("A", T0, 1.0)))
    store.upsert(Interval.M1, bars(("A", T0, 2.0)))
    assert store.intervals() == (Interval.M1, Interval.H1)
    assert rows(store.read(Interval.H1, 0, END)) == [("A", T0, 1.0)]
    assert len(store.read(M5, 0, END)) == 0


def test_upsert_counts_what_it_inserted_changed_and_left(store: CandleStore) -> None:
    assert store.upsert(M5, bars(("A", T0, 1.0), ("B", T0, 2.0))) == UpsertCounts(2, 0, 0)
    assert store.upsert(M5, bars(("A", T0, 1.0), ("B", T0, 2.0))) == UpsertCounts(0, 0, 2)
    mixed = bars(("A", T0, 1.0), ("B", T0, 2.5), ("C", T0, 3.0))
    assert store.upsert(M5, mixed) == UpsertCounts(1, 1, 1)
    assert rows(store.read(M5, 0, END)) == [("A", T0, 1.0), ("B", T0, 2.5), ("C", T0, 3.0)]


def test_of_two_bars_of_one_time_in_an_upsert_the_later_counts(store: CandleStore) -> None:
    assert store.upsert(M5, bars(("A", T0, 1.0), ("A", T0, 9.0))).inserted == 1
    assert rows(store.read(M5, 0, END)) == [("A", T0, 9.0)]


def test_missing_values_come_back_as_nan_even_where_a_whole_column_is_missing(store: CandleStore) -> None:
    holey = bars(*((f"S{i}", T0, 1.0 + i) for i in range(5)))
    holey.open[:] = np.nan
    holey.close[2] = np.nan
    holey.volume[1] = np.inf
    assert store.upsert(M5, holey) == UpsertCounts(5, 0, 0)
    assert store.upsert(M5, holey) == UpsertCounts(0, 0, 5)
    read = store.read(M5, 0, END)
    assert np.isnan(read.open).all()
    assert np.isnan(read.close).tolist() == [False, False, True, False, False]
    assert np.isnan(read.volume).tolist() == [False, True, False, False, False]


def test_coverage_follows_every_upsert(store: CandleStore) -> None:
    store.upsert(M5, bars(("A", T0 + 300, 1.0), ("B", T0, 1.0)))
    store.upsert(M5, bars(("A", T0, 1.0), ("A", T0 + 300, 5.0), ("A", T0 + 900, 1.0)))
    assert store.coverage(M5) == {"A": Coverage(T0, T0 + 900, 3), "B": Coverage(T0, T0, 1)}
    assert store.symbols(M5) == {"A", "B"}


def test_a_failed_upsert_stores_nothing(store: CandleStore) -> None:
    store.upsert(M5, bars(("A", T0, 1.0)))
    before = store.coverage(M5), store.version()

    def fail(done: int) -> None:
        raise RuntimeError(f"after {done}")

    with pytest.raises(RuntimeError, match="after 2"):
        store.upsert(M5, bars(("A", T0, 7.0), ("B", T0, 7.0)), fail)
    assert (store.coverage(M5), store.version()) == before
    assert rows(store.read(M5, 0, END)) == [("A", T0, 1.0)]
    assert store.upsert(M5, bars(("B", T0, 7.0))).inserted == 1


def test_dates_are_those_of_the_time_zone_over_all_intervals(store: CandleStore) -> None:
    late = 1_769_538_600  # 2026-01-27 18:30 UTC, midnight of the 28th in India
    store.upsert(M5, bars(("A", T0, 1.0), ("A", late, 1.0)))
    store.upsert(Interval.M1, bars(("A", late + 5 * 86_400, 1.0)))
    assert store.dates(IST) == [date(2026, 1, 27), date(2026, 1, 28), date(2026, 2, 2)]
    assert store.dates(ZoneInfo("UTC")) == [date(2026, 1, 27), date(2026, 2, 1)]


def test_version_changes_with_the_content_and_only_with_it(store: CandleStore) -> None:
    seen = [store.version()]
    store.upsert(M5, bars(("A", T0, 1.0)))
    seen.append(store.version())
    store.upsert(M5, bars(("A", T0, 1.0)))
    assert store.version() == seen[-1]
    store.upsert(M5, bars(("A", T0, 2.0)))
    seen.append(store.version())
    assert len(set(seen)) == 3


PRICES = st.sampled_from([1.0, 2.0, float("nan"), 0.1])
SOME_BARS = st.dictionaries(
    st.tuples(st.sampled_from("ABC"), st.integers(0, 3)), PRICES, min_size=1, max_size=8
)  # fmt: skip


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=SOME_BARS, data=st.data())
def test_digest_depends_on_the_content_alone(content: dict[tuple[str, int], float], data: st.DataObject) -> None:
    """Neither the order of insertion nor that of the question matters; any changed bar does."""
    given_rows = [(symbol, T0 + 300 * i, price) for (symbol, i), price in content.items()]
    shuffled = data.draw(st.permutations(given_rows))
    with open_store("sqlite://") as one, open_store("sqlite://") as other:
        one.upsert(M5, bars(*given_rows))
        for row in shuffled:
            other.upsert(M5, bars(row))
        first = one.digest([M5, Interval.M1], "ABC", 0, END)
        assert first == other.digest([Interval.M1, M5], "CBA", 0, END)
        assert first == digest([(M5, one.read(M5, 0, END))])
        symbol, ts, _ = shuffled[0]
        other.upsert(M5, bars((symbol, ts, 3.0)))
        assert first != other.digest([M5], "ABC", 0, END)


def test_digest_tells_interval_symbol_and_range_apart(store: CandleStore) -> None:
    store.upsert(M5, bars(("A", T0, 1.0), ("B", T0, 1.0), ("A", T0 + 300, 1.0)))
    store.upsert(Interval.M1, bars(("A", T0, 1.0)))
    questions = [
        ([M5], "A", END),
        ([M5], "B", END),
        ([M5], "A", T0 + 1),
        ([Interval.M1], "A", END),
        ([M5], "", END),
    ]
    answers = {store.digest(intervals, tuple(symbols), 0, end) for intervals, symbols, end in questions}
    assert len(answers) == len(questions)


class TestShared:
    """Two connections, and two processes, on one store."""

    @pytest.fixture(params=["sqlite", *SERVERS])
    def url(self, request: pytest.FixtureRequest, tmp_path: Path, new_postgres: Callable[[str], str]) -> str:
        return new_postgres(request.param) if request.param in SERVERS else f"sqlite:///{tmp_path}/candles.db"

    def test_a_reader_sees_what_a_writer_committed_and_its_version_changes(self, url: str) -> None:
        with open_store(url) as writer, open_store(url, read_only=True) as reader:
            before = reader.version()
            assert reader.version() == before
            writer.upsert(M5, bars(("A", T0, 1.0)))
            assert reader.version() != before
            assert rows(reader.read(M5, 0, END)) == [("A", T0, 1.0)]

    def test_several_make_one_store_at_once(self, tmp_path: Path) -> None:
        """For write-ahead mode SQLite waits for nobody: the later ones try again. A round in fifty needs it."""
        with ThreadPoolExecutor(4) as threads:
            for number in range(40):
                url = f"sqlite:///{tmp_path}/{number}.db"
                for opened in [threads.submit(open_store, url) for _ in range(4)]:
                    opened.result(PATIENCE).close()

    def test_a_read_only_store_refuses_to_write(self, url: str) -> None:
        open_store(url).close()
        with open_store(url, read_only=True) as reader, pytest.raises(StoreError, match="read-only"):
            reader.upsert(M5, bars(("A", T0, 1.0)))

    def test_processes_write_and_read_at_once_without_losing_a_bar(self, url: str) -> None:
        """Four processes create and fill the same new store while this one reads it."""
        context = multiprocessing.get_context("spawn")
        writers = [context.Process(target=write_bars, args=(url, f"S{i}")) for i in range(4)]
        for process in writers:
            process.start()
        with open_store(url) as reader:
            while any(process.is_alive() for process in writers):
                counts = [c.count for c in reader.coverage(M5).values()]
                assert all(count % 50 == 0 for count in counts)  # whole upserts only
        for process in writers:
            process.join()
            assert process.exitcode == 0
        with open_store(url, read_only=True) as reader:
            assert {s: c.count for s, c in reader.coverage(M5).items()} == {f"S{i}": 500 for i in range(4)}
            assert len(reader.read(M5, 0, END)) == 2000


def write_bars(url: str, symbol: str) -> None:
    with open_store(url) as store:
        for batch in range(10):
            store.upsert(M5, bars(*((symbol, T0 + 300 * (50 * batch + i), 1.0) for i in range(50))))


def spoil(path: Path, statement: str) -> None:
    """Run SQL on a store's file in a process of its own: never two SQLite libraries on it in this one."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=run_sql, args=(str(path), statement))
    process.start()
    process.join()
    assert process.exitcode == 0


def run_sql(path: str, statement: str) -> None:
    import sqlite3

    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


class TestUnusable:
    """Every failure is one line that names the file and what to do."""

    @staticmethod
    def refusal(kind: type[LiveTraderError], url: str, *, read_only: bool = False) -> str:
        with pytest.raises(kind) as caught:
            open_store(url, read_only=read_only)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    @pytest.mark.parametrize("url", ["", "candles.db", "mysql://me:secret@host/db", "sqlite:candles", "sqlite://x"])
    def test_urls_that_name_no_store_are_refused_without_showing_a_password(self, url: str) -> None:
        message = self.refusal(ConfigError, url)
        assert message.startswith("candles.url")
        assert "secret" not in message

    def test_a_file_that_is_no_database(self, tmp_path: Path) -> None:
        (tmp_path / "x.db").write_text("symbol,ts,open\n" * 100)
        assert "not an SQLite file" in self.refusal(StoreError, f"sqlite:///{tmp_path}/x.db")

    def test_a_database_of_something_else(self, tmp_path: Path) -> None:
        spoil(tmp_path / "x.db", "CREATE TABLE orders (id INTEGER)")
        assert "not a livetrader candle store" in self.refusal(StoreError, f"sqlite:///{tmp_path}/x.db")

    @pytest.mark.parametrize(
        ("version", "word"), [(99, "made by a newer livetrader; update"), (0, "made by an older livetrader")]
    )
    def test_a_store_of_another_version(self, tmp_path: Path, version: int, word: str) -> None:
        open_store(f"sqlite:///{tmp_path}/x.db").close()
        spoil(tmp_path / "x.db", f"UPDATE schema_version SET version = {version}")
        for read_only in (False, True):
            assert word in self.refusal(StoreError, f"sqlite:///{tmp_path}/x.db", read_only=read_only)

    def test_nothing_to_read(self, tmp_path: Path) -> None:
        assert "data import" in self.refusal(StoreError, f"sqlite:///{tmp_path}/x.db", read_only=True)
        assert not (tmp_path / "x.db").exists()

    def test_a_folder_that_cannot_be_made_or_is_in_the_way(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        assert "cannot make the folder" in self.refusal(StoreError, f"sqlite:///{tmp_path}/file/x.db")
        assert "cannot open" in self.refusal(StoreError, f"sqlite:///{tmp_path}")

    def test_a_store_locked_by_another_writer(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from livetrader.marketdata import sqlite

        monkeypatch.setattr(sqlite, "LOCK_WAIT_MS", 20)
        url = f"sqlite:///{tmp_path}/x.db"
        with open_store(url) as holder, open_store(url) as other:

            def meanwhile(_: int) -> None:
                with pytest.raises(StoreError, match="locked"):
                    other.upsert(M5, bars(("B", T0, 1.0)))

            holder.upsert(M5, bars(("A", T0, 1.0)), meanwhile)
            assert other.upsert(M5, bars(("B", T0, 1.0))).inserted == 1

    def test_a_full_disk_stores_nothing_and_says_so(self, tmp_path: Path) -> None:
        from livetrader.marketdata.sqlite import SqliteCandleStore

        with SqliteCandleStore(str(tmp_path / "x.db")) as store:
            store._run("PRAGMA max_page_count = 20")
            many = bars(*((f"S{i}", T0 + 300 * j, 1.0) for i in range(50) for j in range(100)))
            with pytest.raises(StoreError, match="disk is full"):
                store.upsert(M5, many)
            assert store.intervals() == ()
            assert store.upsert(M5, bars(("A", T0, 1.0))).inserted == 1


def test_all_fields_survive_bit_for_bit(store: CandleStore) -> None:
    rng = np.random.default_rng(7)
    columns = bars(*(("A", T0 + 300 * i, 1.0) for i in range(500)))
    for name in FIELDS:
        getattr(columns, name)[:] = rng.random(500) * 10.0 ** rng.integers(-8, 12, 500)
    store.upsert(M5, columns)
    read = store.read(M5, 0, END)
    for name in FIELDS:
        assert getattr(read, name).tobytes() == getattr(columns, name).tobytes()

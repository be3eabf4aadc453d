"""Windows: what is dropped and counted, where bars come from, and polled bars that continue a window."""

from __future__ import annotations

import math
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livetrader.domain.candles import FIELDS, CandleColumns, Interval, grid
from livetrader.market.calendar import Calendar, load
from livetrader.marketdata.aggregate import aggregate
from livetrader.marketdata.flaws import Flaw
from livetrader.marketdata.store import CandleStore, open_store
from livetrader.marketdata.windows import StoredCandles

if TYPE_CHECKING:
    from conftest import Make, Row

DAY = date(2026, 1, 27)
OPEN = 1_769_485_500  # 09:15 IST of that day
NAN, INF = math.nan, math.inf
M1, M5, M15, H1, D1 = Interval


def sessions(calendar: Calendar, days: int = 1) -> tuple:  # type: ignore[type-arg]  # of sessions
    return calendar.before(date(2026, 1, 28), days)


def test_a_window_has_every_slot_of_the_calendar_and_nan_where_nothing_traded(
    store: CandleStore, nse: Calendar, make: type[Make]
) -> None:
    store.upsert(M5, make.bars(make.plain("B", OPEN + 300, 50.0)))
    window = StoredCandles(store, nse).window(["A", "B"], M5, sessions(nse, 2))
    assert window.shape == (150, 2)
    np.testing.assert_array_equal(window.ts, grid(sessions(nse, 2), M5)[0])
    assert np.isnan(window.open[:, 0]).all()
    row = 76
    assert [getattr(window, name)[row, 1] for name in FIELDS] == [50.0, 51.0, 49.0, 50.5, 10.0]
    for name in FIELDS:
        field = getattr(window, name)
        assert field.flags.c_contiguous
        assert np.isnan(np.delete(field[:, 1], row)).all()


BAD: dict[str, tuple[tuple[float, float, float, float], Flaw]] = {
    "open missing": ((NAN, 3, 1, 2), Flaw.MISSING),
    "close missing": ((2, 3, 1, NAN), Flaw.MISSING),
    "high infinite": ((2, INF, 1, 2), Flaw.MISSING),  # a store keeps what is not finite as missing
    "zero": ((2, 3, 0, 2), Flaw.NOT_POSITIVE),
    "negative": ((-2, 3, 1, 2), Flaw.NOT_POSITIVE),
    "high below close": ((2, 2.5, 1, 3), Flaw.HIGH_TOO_LOW),
    "high below low": ((2, 1, 1.5, 1), Flaw.HIGH_TOO_LOW),
    "low above open": ((1, 3, 1.5, 2), Flaw.LOW_TOO_HIGH),
}


@pytest.mark.parametrize(("prices", "flaw"), BAD.values(), ids=BAD.keys())
def test_a_bad_bar_is_not_traded_and_is_counted(
    store: CandleStore, nse: Calendar, make: type[Make], prices: tuple[float, float, float, float], flaw: Flaw
) -> None:
    store.upsert(M5, make.bars(("A", OPEN, *prices, 5.0), make.plain("A", OPEN + 300)))
    window, dirt = StoredCandles(store, nse).load(["A"], {M5: sessions(nse)})[M5]
    assert all(math.isnan(getattr(window, name)[0, 0]) for name in FIELDS)
    assert window.close[1, 0] == 100.5
    assert dirt.counts == {("A", flaw): 1}


@pytest.mark.parametrize("volume", [NAN, -1.0, INF])
def test_a_volume_that_is_no_number_is_zero_and_the_bar_is_traded(
    store: CandleStore, nse: Calendar, make: type[Make], volume: float
) -> None:
    store.upsert(M5, make.bars(make.plain("A", OPEN, volume=volume)))
    window, dirt = StoredCandles(store, nse).load(["A"], {M5: sessions(nse)})[M5]
    assert (window.close[0, 0], window.volume[0, 0], dirt.total) == (100.5, 0.0, 0)


@pytest.mark.parametrize(
    ("offset", "flaw"),
    [
        pytest.param(-300, Flaw.OFF_SESSION, id="before the open"),
        pytest.param(375 * 60, Flaw.OFF_SESSION, id="the 15:30 ghost"),
        pytest.param(60, Flaw.MISALIGNED, id="off the grid"),
        pytest.param(-9 * 3600, Flaw.OFF_SESSION, id="in the night"),
    ],
)
def test_bars_off_session_or_grid_are_dropped_and_counted(
    store: CandleStore, nse: Calendar, make: type[Make], offset: int, flaw: Flaw
) -> None:
    store.upsert(M5, make.bars(make.plain("A", OPEN + offset), make.plain("B", OPEN)))
    window, dirt = StoredCandles(store, nse).load(["A", "B"], {M5: sessions(nse)})[M5]
    assert np.isnan(window.close[:, 0]).all()
    assert dirt.counts == {("A", flaw): 1}
    assert dirt.by_flaw() == {flaw: 1}


def test_bars_in_the_pause_of_a_two_part_session_are_off_session(
    store: CandleStore, nse: Calendar, make: type[Make]
) -> None:
    session = nse.session_on(date(2024, 3, 2))
    assert session is not None
    rows = [make.plain("A", ts) for ts in range(session.opens, session.closes, 300)]
    store.upsert(M5, make.bars(*rows))
    window, dirt = StoredCandles(store, nse).load(["A"], {M5: [session]})[M5]
    assert not np.isnan(window.close).any()
    assert dirt.counts == {("A", Flaw.OFF_SESSION): len(rows) - len(window.ts)}
    assert len(window.ts) == 9 + 12


class TestSources:
    """Where an interval's bars come from."""

    @pytest.fixture
    def source(self, store: CandleStore, nse: Calendar, make: type[Make]) -> StoredCandles:
        """`both` has 1m and 5m bars, `fine` 1m, `five` 5m, `coarse` 15m, 1h and 1d bars alone."""
        for name in ("both", "fine"):
            store.upsert(M1, make.bars(*(make.plain(name, OPEN + 60 * i, 11.0 + i) for i in range(20))))
        for name in ("both", "five"):
            store.upsert(M5, make.bars(*(make.plain(name, OPEN + 300 * i, 500.0) for i in range(4))))
        store.upsert(M15, make.bars(make.plain("coarse", OPEN, 1500.0), make.plain("five", OPEN, 2.0)))
        store.upsert(H1, make.bars(make.plain("coarse", OPEN, 6000.0)))
        store.upsert(D1, make.bars(make.plain("coarse", OPEN, 86400.0), make.plain("both", OPEN, 2.0)))
        return StoredCandles(store, nse)

    @pytest.mark.parametrize(
        ("interval", "first_opens", "traded"),
        [
            pytest.param(M1, [11, 11, NAN, NAN], [20, 20, 0, 0], id="1m"),
            pytest.param(M5, [500, 11, 500, NAN], [4, 4, 4, 0], id="5m"),
            pytest.param(M15, [500, 11, 500, 1500], [2, 2, 2, 1], id="15m"),
            pytest.param(H1, [500, 11, 500, 6000], [1, 1, 1, 1], id="1h"),
            pytest.param(D1, [500, 11, 500, 86400], [1, 1, 1, 1], id="1d"),
        ],
    )
    def test_each_symbol_takes_its_own_source(
        self,
        source: StoredCandles,
        nse: Calendar,
        interval: Interval,
        first_opens: list[float],
        traded: list[int],
    ) -> None:
        names = ("both", "fine", "five", "coarse")
        window = source.window(names, interval, sessions(nse))
        assert window.symbols == names
        np.testing.assert_array_equal(window.open[0], first_opens)
        assert (~np.isnan(window.close)).sum(axis=0).tolist() == traded
        np.testing.assert_array_equal(window.ts, grid(sessions(nse), interval)[0])
        assert window.close.flags.c_contiguous

    def test_a_symbol_is_the_same_whatever_is_asked_for_beside_it(self, source: StoredCandles, nse: Calendar) -> None:
        names = ("coarse", "five", "both", "fine")
        for interval in Interval:
            together = source.window(names, interval, sessions(nse))
            for i, name in enumerate(names):
                alone = source.window([name], interval, sessions(nse))
                np.testing.assert_array_equal(alone.close[:, 0], together.close[:, i])

    def test_finest_names_the_shortest_stored_interval_and_omits_the_unknown(self, source: StoredCandles) -> None:
        finest = source.finest(["coarse", "unknown", "both", "five"])
        assert list(finest.items()) == [("coarse", M15), ("both", M1), ("five", M5)]


class TestSeveralIntervals:
    """Windows that are read together are those that are read alone."""

    names = ("five", "fine", "coarse", "unknown")

    @pytest.fixture
    def filled(self, store: CandleStore, nse: Calendar) -> CandleStore:
        """Eight sessions of bars with gaps; some are bad, and some lie on the weekend between them."""
        rng = np.random.default_rng(1)
        for interval, names in ((M1, ("fine",)), (M5, ("five",)), (D1, ("coarse", "five"))):
            ts = np.concatenate([grid(sessions(nse, 8), interval)[0], [OPEN - 2 * 86_400 + 60, OPEN - 3 * 86_400]])
            ts = np.repeat(ts[rng.random(len(ts)) < 0.9], len(names))
            price = rng.random(len(ts)) + 100
            bad = np.where(rng.random(len(ts)) < 0.02, -1.0, 1.0)
            codes = np.resize(np.arange(len(names), dtype=np.int32), len(ts))
            fields = price, price + 1, price - 1, price * bad, rng.random(len(ts)) * 1e6
            store.upsert(interval, CandleColumns(names, ts, codes, *fields))
        return store

    @pytest.fixture
    def wanted(self, nse: Calendar) -> dict[Interval, tuple]:  # type: ignore[type-arg]  # of sessions
        return {i: sessions(nse, days) for i, days in ((M1, 2), (M5, 3), (M15, 5), (H1, 5), (D1, 8))}

    @pytest.mark.parametrize("bars", [1, 1_000, 4_000, 10**9], ids=lambda n: f"{n} bars at a time")
    def test_bars_and_dirt_are_those_of_each_alone(
        self, filled: CandleStore, nse: Calendar, wanted: dict, bars: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = StoredCandles(filled, nse)
        monkeypatch.setattr("livetrader.marketdata.windows.READ_BARS", 10**9)
        alone = {interval: source.load(self.names, {interval: days})[interval] for interval, days in wanted.items()}
        monkeypatch.setattr("livetrader.marketdata.windows.READ_BARS", bars)
        together = source.load(self.names, wanted)
        assert together.keys() == wanted.keys()
        for interval, (window, dirt) in together.items():
            assert window.sessions == wanted[interval]
            assert not np.isnan(window.close[:, 1]).all()
            for name in ("ts", "closes", "session", "minute", *FIELDS):
                assert getattr(window, name).tobytes() == getattr(alone[interval].window, name).tobytes(), name
            assert dirt.counts == alone[interval].dirt.counts
        assert any(flaw is Flaw.OFF_SESSION for _, flaw in together[D1].dirt.counts)

    def test_the_store_is_asked_for_no_bar_twice(
        self, filled: CandleStore, nse: Calendar, wanted: dict, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read, asked = filled.read, []

        def spied(interval: Interval, start: int, end: int, symbols: tuple[str, ...]) -> CandleColumns:
            asked.extend((interval, symbol, day) for symbol in symbols for day in range(start, end, 86_400))
            return read(interval, start, end, symbols)

        monkeypatch.setattr(filled, "read", spied)
        monkeypatch.setattr("livetrader.marketdata.windows.READ_BARS", 2_000)
        StoredCandles(filled, nse).windows(("five", "fine"), {i: wanted[i] for i in (M5, M15, H1, D1)})
        assert len(asked) == len(set(asked))
        assert {(interval, symbol) for interval, symbol, _ in asked} == {(M5, "five"), (M1, "fine")}


@pytest.mark.parametrize("offset", [0, -33_300, -13_500], ids=["at the open", "midnight IST", "midnight UTC"])
def test_a_daily_bar_belongs_to_its_date_however_it_is_stamped(
    store: CandleStore, nse: Calendar, make: type[Make], offset: int
) -> None:
    store.upsert(D1, make.bars(make.plain("A", OPEN + offset)))
    window, dirt = StoredCandles(store, nse).load(["A"], {D1: sessions(nse, 3)})[D1]
    assert np.isnan(window.close[:, 0]).tolist() == [True, True, False]
    assert window.ts[2] == OPEN
    assert dirt.total == 0


def test_no_sessions_give_an_empty_window(store: CandleStore, nse: Calendar) -> None:
    assert StoredCandles(store, nse).window(["A"], M15, ()).shape == (0, 1)


class TestPoll:
    """Closed bars after an instant."""

    @pytest.fixture
    def source(self, store: CandleStore, nse: Calendar, make: type[Make]) -> StoredCandles:
        rows: list[Row] = [make.plain(s, OPEN + 300 * i, 100.0 + i) for s in ("A", "B") for i in range(-2, 77)]
        rows[10] = ("A", rows[10][1], NAN, 1.0, 1.0, 1.0, 1.0)
        rows.append(make.plain("A", OPEN + 3_601))
        store.upsert(M5, make.bars(*rows))
        return StoredCandles(store, nse)

    @staticmethod
    def opens(bars: CandleColumns) -> list[tuple[str, int]]:
        return [(bars.symbols[c], (ts - OPEN) // 60) for c, ts in zip(bars.symbol, bars.ts.tolist(), strict=True)]

    def test_gives_the_bar_that_just_closed_and_not_the_one_that_forms(self, source: StoredCandles) -> None:
        assert self.opens(source.poll(["B", "A"], M5, OPEN, OPEN + 600)) == [("B", 5), ("A", 5)]
        assert self.opens(source.poll(["B", "A"], M5, OPEN, OPEN + 599)) == []

    def test_gives_all_that_closed_since(self, source: StoredCandles) -> None:
        polled = source.poll(["B"], M5, OPEN - 1, OPEN + 1_000)
        assert self.opens(polled) == [("B", 0), ("B", 5), ("B", 10)]
        assert polled.close.tolist() == [100.5, 101.5, 102.5]

    def test_leaves_out_bad_misaligned_and_off_session_bars(self, source: StoredCandles) -> None:
        polled = source.poll(["A"], M5, OPEN - 86_400, OPEN + 86_400)
        minutes = [minute for _, minute in self.opens(polled)]
        assert minutes == [5 * i for i in range(75) if i != 8]

    def test_makes_longer_bars_only_when_they_are_closed(self, source: StoredCandles) -> None:
        assert self.opens(source.poll(["B"], M15, OPEN - 1, OPEN + 1_799)) == [("B", 0)]
        polled = source.poll(["B"], M15, OPEN - 1, OPEN + 900)
        assert (polled.open[0], polled.close[0], polled.volume[0]) == (100.0, 102.5, 30.0)

    def test_the_last_hourly_bar_closes_with_the_session(self, source: StoredCandles) -> None:
        assert self.opens(source.poll(["B"], H1, OPEN + 18_000, OPEN + 22_500)) == [("B", 360)]
        assert self.opens(source.poll(["B"], H1, OPEN + 18_000, OPEN + 22_499)) == []

    def test_a_day_without_sessions_gives_nothing(self, source: StoredCandles) -> None:
        sunday = OPEN + 5 * 86_400 + 86_400  # 2 February, before the open
        assert len(source.poll(["A"], M5, sunday - 90_000, sunday - 10)) == 0
        assert source.poll(["A"], M5, sunday - 90_000, sunday - 10).symbols == ("A",)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32),
    steps=st.lists(st.integers(30, 4_000), min_size=1, max_size=20),
    data=st.data(),
)
def test_polled_bars_are_those_of_the_window_bit_for_bit(seed: int, steps: list[int], data: st.DataObject) -> None:
    """Whenever it is polled and from whatever source: nothing is lost, added or altered."""
    calendar, rng = load("nse"), np.random.default_rng(seed)
    days = sessions(calendar, 2)
    interval = data.draw(st.sampled_from([M5, M15, H1]))
    with open_store("sqlite://") as store:
        for stored, name in ((M1, "fine"), (M5, "five")):
            ts = grid(days, stored)[0]
            ts = ts[rng.random(len(ts)) < 0.7]
            if not len(ts):
                continue
            price, codes = rng.random((2, len(ts))) + 100, np.zeros(len(ts), np.int32)
            fields = price[0], price.max(axis=0), price.min(axis=0), price[1], rng.random(len(ts)) * 1e6
            store.upsert(stored, CandleColumns((name,), ts, codes, *fields))
        source = StoredCandles(store, calendar)
        window = source.window(("five", "fine"), interval, days)
        rows, columns = np.nonzero(~np.isnan(window.open))
        after = days[0].opens - 1
        polled = []
        for now in [*np.cumsum(steps) + after, days[-1].closes]:
            got = source.poll(("five", "fine"), interval, after, int(now))
            polled.append(got)
            after = int(got.ts[-1]) if len(got) else after
        # A late row of an already polled time cannot happen here: all is stored beforehand.
        assert np.concatenate([p.ts for p in polled]).tolist() == window.ts[rows].tolist()
        assert np.concatenate([p.symbol for p in polled]).tolist() == columns.tolist()
        for name in FIELDS:
            ours = np.concatenate([getattr(p, name) for p in polled])
            assert ours.tobytes() == getattr(window, name)[rows, columns].tobytes()


def test_a_window_of_longer_bars_is_the_aggregate_of_the_shorter_window(
    store: CandleStore, nse: Calendar, make: type[Make]
) -> None:
    store.upsert(M5, make.bars(*(make.plain("A", OPEN + 300 * i, 90.0 + i) for i in range(0, 75, 2))))
    source = StoredCandles(store, nse)
    direct = source.window(["A"], D1, sessions(nse))
    indirect = aggregate(source.window(["A"], M5, sessions(nse)), D1)
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(direct, name), getattr(indirect, name))
    assert direct.volume[0, 0] == 380.0

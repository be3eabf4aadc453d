"""Signals against the oracle's: two readings of one page must come to the same on the same candles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path

import markets
import pytest
from markets import Market

from livetrader.bootstrap.research import find_signals
from livetrader.domain.candles import Interval
from livetrader.domain.signal import Signal
from livetrader.market.calendar import Calendar, load
from tests.oracle import Bar, OracleSignal, crypto_signals, signals
from tests.oracle.__main__ import read
from tests.oracle.candles import generate
from tests.oracle.crypto import STRATEGIES

PRESETS = ("original", "large_cap")
TOLERANCE = 1e-9

DRILL = 1
# By seed: the first date stored, and the period looked at. The two-part Saturday of 2 March 2024 lies in the first,
# the Muhurat hour of 21 October 2025 in the second, a month's end in both.
PERIODS = {
    DRILL: (date(2023, 11, 20), date(2024, 2, 20), date(2024, 3, 28)),
    2: (date(2025, 7, 1), date(2025, 10, 6), date(2025, 11, 7)),
}
_, FIRST, LAST = PERIODS[DRILL]


@cache
def candles(seed: int) -> dict[str, list[Bar]]:
    stored, _, last = PERIODS[seed]
    return generate(load("nse"), stored, last, stocks=8, seed=seed)


@cache
def expected(seed: int, preset: str) -> list[OracleSignal]:
    """The oracle's signals of a period."""
    _, first, last = PERIODS[seed]
    stocks = tuple(candles(seed))[1:]
    return signals(candles(seed), load("nse"), first, last, symbols=stocks, preset=preset)


def market(
    folder: Path, bars: Mapping[str, Sequence[Bar]], first: date = FIRST, last: date = LAST, calendar: str = "nse"
) -> Market:
    """`bars` in a store; all symbols but the index are traded."""
    markets.store(folder, {Interval.M5: markets.columns(bars)})
    return Market(folder, tuple(s for s in bars if s != "NIFTY"), first, last, calendar)


def found(where: Market, settings: Mapping[str, object] | None = None, **changes: object) -> list[Signal]:
    with where.workspace(settings) as workspace:
        return find_signals(workspace, where.request(**changes))


def keys(ours: Sequence[Signal]) -> list[tuple[str, str, int, str]]:
    return [(s.strategy_id, s.symbol, s.bar_open, s.side.value) for s in ours]


def oracle_keys(theirs: Sequence[OracleSignal]) -> list[tuple[str, str, int, str]]:
    return [(s.strategy_id, s.symbol, int(s.bar_open_utc.timestamp()), s.side) for s in theirs]


def assert_agree(ours: Sequence[Signal], theirs: Sequence[OracleSignal]) -> None:
    """The same signals in the same order, on the same inputs."""
    assert keys(ours) == oracle_keys(theirs)
    for mine, its in zip(ours, theirs, strict=True):
        assert mine.inputs, "a signal names the values that its rule looked at"
        for name, value in mine.inputs.items():
            assert value == pytest.approx(its.inputs[name], rel=TOLERANCE, abs=TOLERANCE), (name, mine)


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("seed", PERIODS)
def test_the_equity_strategies_agree(seed: int, preset: str, tmp_path: Path) -> None:
    """Strategies 8 to 12 on eight stocks with gaps, late listings, sessions of one bar and damaged bars."""
    _, first, last = PERIODS[seed]
    theirs = expected(seed, preset)
    assert len(theirs) > 10
    assert_agree(found(market(tmp_path, candles(seed), first, last), preset=preset), theirs)


@pytest.mark.slow
def test_the_equity_strategies_agree_on_real_candles(vendor_b: Market, shared: Path, nse: Calendar) -> None:
    """With ghost bars, missing opens and an index of its own."""
    first, last = date(2026, 3, 2), date(2026, 3, 30)
    bars = read([shared / "nse_5m_vendor_b.parquet"])
    theirs = signals(bars, nse, first, last, symbols=vendor_b.symbols, preset="large_cap")
    assert len(theirs) > 50
    assert_agree(found(vendor_b, first=first, last=last, preset="large_cap"), theirs)


@pytest.mark.slow
def test_every_equity_strategy_fires_in_these_markets() -> None:
    fired = {signal.strategy_id for seed in PERIODS for signal in expected(seed, "large_cap")}
    assert fired == {"8", "9", "10", "11", "12"}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_the_crypto_strategies_agree(seed: int, tmp_path: Path) -> None:
    """Over a month's end, on symbols that trade around the clock."""
    days, first, last = load("24x7"), date(2025, 6, 26), date(2025, 7, 5)
    bars = generate(days, date(2025, 5, 20), last, stocks=4, seed=seed)
    where = market(tmp_path, bars, first, last, "24x7")
    theirs = crypto_signals(bars, days, first, last, symbols=where.symbols)
    assert {signal.strategy_id for signal in theirs} == set(STRATEGIES)
    assert keys(found(where, strategies=STRATEGIES)) == oracle_keys(theirs)


@pytest.mark.slow
def test_corporate_actions_begin_a_new_block_as_in_the_oracle(nse: Calendar, tmp_path: Path) -> None:
    """Ex-dates in the warm-up, on a month's first session, within it, twice in a month, on a day without a session, and
    a split at one of them that leaves the prices before it twice as high."""
    bars = dict(candles(DRILL))
    ex_dates = {
        "STOCK00": [date(2024, 1, 31)],
        "STOCK01": [date(2024, 3, 1)],
        "STOCK02": [date(2024, 3, 12)],
        "STOCK03": [date(2024, 2, 22), date(2024, 3, 4), date(2024, 3, 15)],
        "STOCK05": [date(2024, 3, 10)],
        "STOCK07": [date(2024, 3, 29)],
    }
    split = int(datetime(2024, 3, 12, tzinfo=nse.timezone).timestamp())
    bars["STOCK02"] = [_doubled(bar) if bar.ts < split else bar for bar in bars["STOCK02"]]
    where = market(tmp_path, bars)
    actions = tmp_path / "actions.csv"
    lines = [f"{symbol},{day}" for symbol, days in ex_dates.items() for day in days]
    actions.write_text("\n".join(["symbol,ex_date", *lines, ""]))
    theirs = signals(bars, nse, FIRST, LAST, symbols=where.symbols, preset="large_cap", ex_dates=ex_dates)
    ours = found(where, {"market.corporate_actions": str(actions)}, preset="large_cap")
    assert_agree(ours, theirs)
    assert keys(ours) != keys(found(where, preset="large_cap"))


def _doubled(bar: Bar) -> Bar:
    return bar._replace(open=bar.open * 2, high=bar.high * 2, low=bar.low * 2, close=bar.close * 2)


@pytest.mark.slow
def test_without_a_trend_symbol_the_filter_is_off(nse: Calendar, tmp_path: Path) -> None:
    """More fires than with it, though the index is not stored at all."""
    bars = {symbol: each for symbol, each in candles(DRILL).items() if symbol != "NIFTY"}
    where = market(tmp_path, bars)
    theirs = signals(bars, nse, FIRST, LAST, symbols=where.symbols, preset="large_cap", trend_symbol=None)
    ours = found(where, {"market.trend_symbol": None}, preset="large_cap")
    assert_agree(ours, theirs)
    assert {s.inputs["index_trend"] for s in ours} == {0.0}
    assert found(where, preset="large_cap") == []


@pytest.mark.slow
@pytest.mark.parametrize(("missing", "fires"), [(3, False), (2, True)], ids=["all of the last 15m slot", "part of it"])
def test_a_hole_at_the_index_last_slot_means_no_entries_on_the_next_session(
    missing: int, fires: bool, nse: Calendar, tmp_path: Path
) -> None:
    """`missing` of the index's last 5m bars are taken out of February's last session; the next is March's first."""
    bars = dict(candles(DRILL))
    before, day = nse.sessions(date(2024, 2, 29), date(2024, 3, 1))
    bars["NIFTY"] = [bar for bar in bars["NIFTY"] if not before.closes - 300 * missing <= bar.ts < before.closes]
    where = market(tmp_path, bars, day.date, day.date)
    theirs = signals(bars, nse, day.date, day.date, symbols=where.symbols, preset="large_cap")
    ours = found(where, preset="large_cap")
    assert_agree(ours, theirs)
    assert bool(ours) == fires

"""Promises of the simulated market: it is reproducible, sound, alive, and dirty where it says so."""

from __future__ import annotations

from collections import Counter
from datetime import date
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livetrader.domain.candles import CandleColumns, Floats, Interval
from livetrader.domain.session import Session
from livetrader.errors import UsageError
from livetrader.market.calendar import Calendar, load
from livetrader.marketdata.simulated import INDEX, simulate
from tests.oracle.bars import Bar, by_session, enlarge_days
from tests.oracle.rules import signals
from tests.oracle.trend import index_trend

NSE = load("nse")
SESSIONS = NSE.sessions(date(2025, 11, 1), date(2026, 3, 31))[-70:]
STOCKS = tuple(f"STOCK{i:02}" for i in range(24))
SYMBOLS = (*STOCKS, INDEX)
SLOTS = 75
FIELDS = ("ts", "symbol", "open", "high", "low", "close", "volume")


@pytest.fixture(scope="module")
def clean() -> CandleColumns:
    return simulate(SYMBOLS, SESSIONS, 1, dirt=False)


@pytest.fixture(scope="module")
def dirty() -> CandleColumns:
    return simulate(SYMBOLS, SESSIONS, 1)


def wide(candles: CandleColumns, field: str, sessions: int = len(SESSIONS)) -> Floats:
    """One field of clean candles, as sessions × slots × symbols."""
    return np.asarray(getattr(candles, field), np.float64).reshape(sessions, -1, len(candles.symbols))


def of(candles: CandleColumns, symbol: str) -> dict[str, Floats]:
    rows = candles.symbol == candles.symbols.index(symbol)
    return {name: np.asarray(getattr(candles, name)[rows], np.float64) for name in FIELDS}


def bars_of(candles: CandleColumns, symbol: str) -> list[Bar]:
    columns = of(candles, symbol)
    rows = zip(*(columns[name].tolist() for name in FIELDS if name != "symbol"), strict=True)
    return [Bar(int(ts), *prices) for ts, *prices in rows]


def same(a: dict[str, Floats], b: dict[str, Floats]) -> bool:
    return all(np.array_equal(a[name], b[name]) for name in FIELDS if name != "symbol")


def test_the_same_arguments_give_the_same_candles_and_another_seed_others(dirty: CandleColumns) -> None:
    again, other = simulate(SYMBOLS, SESSIONS, 1), simulate(SYMBOLS, SESSIONS, 2)
    assert all(np.array_equal(getattr(dirty, name), getattr(again, name)) for name in FIELDS)
    assert not same(of(dirty, STOCKS[0]), of(other, STOCKS[0]))


def test_seed_1_is_this_market_on_every_machine_and_python(dirty: CandleColumns) -> None:
    """Change the digest only with the model: demos and documents quote this market's trades."""
    digest = sha256()
    for name in ("open", "high", "low", "close"):
        digest.update(np.rint(getattr(dirty, name) * 20).astype("<i8").tobytes())
    assert digest.hexdigest()[:16] == "1814dc50be471fec"


def test_a_symbol_does_not_depend_on_the_others(clean: CandleColumns) -> None:
    alone = simulate((STOCKS[5],), SESSIONS, 1, dirt=False)
    assert same(of(alone, STOCKS[5]), of(clean, STOCKS[5]))


def test_clean_candles_fill_every_slot_of_every_symbol_in_order(clean: CandleColumns) -> None:
    slots = [slot for session in SESSIONS for slot in session.slots(300)]
    assert np.array_equal(clean.ts, np.repeat(slots, len(SYMBOLS)))
    assert np.array_equal(clean.symbol, np.tile(np.arange(len(SYMBOLS)), len(slots)))


@pytest.mark.parametrize(
    ("day", "bars"),
    [
        pytest.param(date(2025, 10, 21), 12, id="Muhurat, one hour"),
        pytest.param(date(2024, 3, 2), 21, id="two-part Saturday"),
        pytest.param(date(2026, 2, 1), 75, id="budget Sunday"),
    ],
)
def test_special_sessions_have_the_calendar_s_slots(nse: Calendar, day: date, bars: int) -> None:
    session = nse.session_on(day)
    assert session is not None
    assert len(simulate(("A",), [session], 1, dirt=False)) == bars


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**63),
    interval=st.sampled_from(Interval),
    first=st.integers(0, 60),
    count=st.integers(0, 4),
    dirt=st.booleans(),
)
def test_any_market_has_sound_bars(seed: int, interval: Interval, first: int, count: int, dirt: bool) -> None:
    sessions: tuple[Session, ...] = SESSIONS[first : first + count]
    c = simulate(("A", "B", INDEX), sessions, seed, interval=interval, dirt=dirt)
    assert np.all(c.low >= 0.05)
    assert np.all((c.low <= np.minimum(c.open, c.close)) & (np.maximum(c.open, c.close) <= c.high))
    for prices in (c.open, c.high, c.low, c.close):
        assert np.array_equal(prices, np.rint(prices * 20) / 20), "a price is off the tick"
    assert np.array_equal(c.volume, np.rint(c.volume))
    assert np.all(c.volume >= (0 if dirt else 1))
    order = c.ts * 3 + c.symbol
    assert np.all(np.diff(order) > 0), "not in order, or a bar twice"


def test_volume_is_u_shaped(clean: CandleColumns) -> None:
    by_slot = wide(clean, "volume")[:, :, :-1].mean(axis=(0, 2))
    opening, noon, closing = by_slot[:6].mean(), by_slot[30:45].mean(), by_slot[-6:].mean()
    assert opening > 1.5 * closing > 1.5 * 1.2 * noon


def test_the_index_has_a_tick_count_that_does_not_follow_the_session(clean: CandleColumns) -> None:
    by_slot = wide(clean, "volume")[:, :, -1].mean(axis=0)
    assert by_slot.max() < 1.1 * by_slot.min()


def true_ranges(candles: CandleColumns) -> tuple[Floats, Floats]:
    """True range of each session but the first, and its close; sessions × symbols."""
    high, low = wide(candles, "high").max(axis=1), wide(candles, "low").min(axis=1)
    close = wide(candles, "close")[:, -1]
    return np.maximum(high[1:], close[:-1]) - np.minimum(low[1:], close[:-1]), close[1:]


def test_daily_volatility_spans_1_2_to_5_percent(clean: CandleColumns) -> None:
    ranges, close = true_ranges(clean)
    volatility = (ranges / close).mean(axis=0)[:-1]
    assert 0.010 < volatility.min() < 0.018
    assert 0.035 < volatility.max() < 0.055


def test_effort_spans_a_twentieth_to_two(clean: CandleColumns) -> None:
    """`effort` as in the strategies' rules, with whole-history means in place of the last ten sessions'."""
    ranges, _ = true_ranges(clean)
    volume = wide(clean, "volume").cumsum(axis=1)
    highest = np.maximum.accumulate(wide(clean, "high"), axis=1)
    lowest = np.minimum.accumulate(wide(clean, "low"), axis=1)
    share = volume / volume[:, -1].mean(axis=0)
    moved = (highest - lowest) / ranges.mean(axis=0)
    effort = share[:, 2:, :-1] / moved[:, 2:, :-1]
    assert np.percentile(effort, 0.1) < 0.1
    assert np.percentile(effort, 99.9) > 2


def test_breakouts_of_the_opening_range_hold_and_fail(clean: CandleColumns) -> None:
    high, close = wide(clean, "high")[:, :, :-1], wide(clean, "close")[:, :, :-1]
    opening = high[:, :3].max(axis=1)
    broke = close[:, 3:].max(axis=1) > opening
    held = (close[:, -1] > opening)[broke].mean()
    assert broke.mean() > 0.4
    assert 0.3 < held < 0.8


def test_the_index_trends_up_and_down_at_times_and_mostly_not(dirty: CandleColumns) -> None:
    """`index_trend` of the preset `large_cap`, whose ADX threshold is 8."""
    days = enlarge_days(SESSIONS, by_session(bars_of(dirty, INDEX), SESSIONS), 900)
    trends = Counter(index_trend(days, NSE, session, 8) for session in SESSIONS[12:])
    assert set(trends) == {-1.0, 0.0, 1.0}
    assert trends[0.0] > 20


def test_every_built_in_strategy_fires_under_the_large_cap_preset(dirty: CandleColumns) -> None:
    bars = {symbol: bars_of(dirty, symbol) for symbol in SYMBOLS}
    first, last = SESSIONS[-6].date, SESSIONS[-1].date
    found = signals(bars, NSE, first, last, symbols=STOCKS, preset="large_cap")
    fired = Counter(signal.strategy_id for signal in found)
    assert set(fired) == {"8", "9", "10", "11", "12"}
    assert 0.1 < len(found) / (6 * len(STOCKS)) < 1.5


def test_dirt_is_of_every_kind_and_in_few_symbols(clean: CandleColumns, dirty: CandleColumns) -> None:
    full = SLOTS * len(SESSIONS)
    bars = Counter(dirty.symbol.tolist())
    missing = sorted(full - bars[i] for i in range(len(STOCKS)))
    assert missing == [-1] + [0] * 20 + [1, SLOTS - 1, SLOTS * 35], "ghost, missing bar, one-bar day, late listing"
    assert Counter(dirty.symbol[dirty.volume == 0].tolist()).most_common(1)[0][1] == 10, "zero-volume opens"
    jumps = [i for i in range(len(STOCKS)) if np.abs(np.diff(np.log(of(dirty, STOCKS[i])["close"]))).max() > 0.2]
    assert len(jumps) == 1, "one spike"
    touched = [symbol for symbol in SYMBOLS if not same(of(clean, symbol), of(dirty, symbol))]
    assert len(touched) == 7


def test_the_ghost_bar_is_flat_and_opens_at_the_last_close(dirty: CandleColumns) -> None:
    assert dirty.ts[-1] == SESSIONS[-1].closes > dirty.ts[-2]
    last = of(dirty, dirty.symbols[dirty.symbol[-1]])["close"][-2]
    assert [getattr(dirty, name)[-1] for name in FIELDS[2:]] == [last, last, last, last, 0]


def test_the_index_has_a_hole_but_never_lacks_a_session_s_last_slot(dirty: CandleColumns) -> None:
    slots = of(dirty, INDEX)["ts"]
    assert len(slots) == SLOTS * len(SESSIONS) - 6
    assert {session.slots(900)[-1] for session in SESSIONS} <= set(slots.tolist())


@pytest.mark.parametrize(
    ("symbols", "seed", "message"),
    [
        pytest.param(("A",), -1, "seed -1 is negative", id="negative seed"),
        pytest.param(("A", "B", "A"), 1, "listed twice", id="symbol twice"),
    ],
)
def test_a_wrong_call_says_what_to_do(symbols: tuple[str, ...], seed: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        simulate(symbols, SESSIONS[:1], seed)


def test_nothing_asked_is_nothing_given() -> None:
    assert len(simulate((), SESSIONS[:1], 1)) == 0
    assert len(simulate(("A",), (), 1)) == 0

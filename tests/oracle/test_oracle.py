"""Pins the oracle's conventions and building blocks to the page, by hand-worked examples."""

from __future__ import annotations

import math
from datetime import date

import pytest

from livetrader.domain.session import Session
from livetrader.market.calendar import load
from tests.oracle.bars import H1, M15, NAN, Bar, block, by_session, divide, ema, enlarge, total
from tests.oracle.facts import (
    daily_facts,
    effort,
    is_bearish_range_bar,
    is_bullish_range_bar,
    mean_range,
    zero_lag_macd_facts,
    zone_pct,
)
from tests.oracle.trend import index_trend, trend_of

NSE = load("nse")
DAY = date(2024, 2, 15)
MINUTE = 60


def session_on(day: date) -> Session:
    session = NSE.session_on(day)
    assert session is not None
    return session


SESSION = session_on(DAY)


def bars_at(minutes: list[int], *rows: tuple[float, float, float, float]) -> list[Bar]:
    """Bars opening `minutes` after the session's open, from rows of open, high, low, close."""
    return [Bar(SESSION.opens + m * MINUTE, *row, 1.0) for m, row in zip(minutes, rows, strict=True)]


GOOD = Bar(SESSION.opens, 100.0, 102.0, 99.0, 101.0, 10.0)


@pytest.mark.parametrize(
    "bar",
    [
        pytest.param(GOOD._replace(ts=SESSION.opens - 300), id="before the session"),
        pytest.param(GOOD._replace(ts=SESSION.closes), id="15:30 ghost"),
        pytest.param(GOOD._replace(ts=SESSION.opens + 60), id="off the grid"),
        pytest.param(GOOD._replace(ts=session_on(date(2024, 2, 16)).opens + 86400), id="mock Saturday"),
        pytest.param(GOOD._replace(close=NAN), id="no close"),
        pytest.param(GOOD._replace(open=0.0, low=0.0), id="zero open"),
        pytest.param(GOOD._replace(low=-1.0), id="negative low"),
        pytest.param(GOOD._replace(high=99.0, low=102.0), id="high below low"),
        pytest.param(GOOD._replace(high=100.5), id="high below close"),
        pytest.param(GOOD._replace(high=math.inf), id="infinite high"),
    ],
)
def test_a_bar_outside_the_grid_or_without_sound_prices_is_dropped(bar: Bar) -> None:
    assert by_session([bar], NSE.sessions(DAY, date(2024, 2, 19))) == {}


@pytest.mark.parametrize(("volume", "kept"), [(0.0, 0.0), (NAN, 0.0), (7.0, 7.0)])
def test_a_bar_is_traded_whatever_its_volume(volume: float, kept: float) -> None:
    assert by_session([GOOD._replace(volume=volume)], [SESSION]) == {DAY: [GOOD._replace(volume=kept)]}


def test_bars_are_sorted_into_their_sessions() -> None:
    later, earlier = GOOD._replace(ts=SESSION.opens + 600), GOOD._replace(ts=SESSION.opens + 300)
    assert by_session([later, earlier], [SESSION]) == {DAY: [earlier, later]}


def test_of_two_bars_at_one_time_the_later_one_given_stays() -> None:
    assert by_session([GOOD._replace(volume=1.0), GOOD], [SESSION]) == {DAY: [GOOD]}


def test_a_larger_bar_exists_if_one_of_its_bars_does() -> None:
    bars = bars_at([5, 10, 35], (10, 12, 9, 11), (11, 13, 10, 12), (20, 21, 19, 20))
    assert enlarge(SESSION, bars, M15) == [
        Bar(SESSION.opens, 10, 13, 9, 12, 2.0),
        Bar(SESSION.opens + 30 * MINUTE, 20, 21, 19, 20, 1.0),
    ]


def test_the_last_hourly_bar_opens_at_15_15_and_closes_with_the_session() -> None:
    bars = bars_at([360, 370], (10, 12, 9, 11), (11, 13, 10, 12))
    assert enlarge(SESSION, bars, H1) == [Bar(SESSION.opens + 6 * H1, 10, 13, 9, 12, 2.0)]


@pytest.mark.parametrize(
    ("day", "warmup", "start"),
    [
        pytest.param(date(2024, 3, 15), 10, date(2024, 2, 16), id="counted from the month, not the day"),
        pytest.param(date(2024, 3, 1), 10, date(2024, 2, 16), id="the month's first session"),
        pytest.param(date(2024, 4, 1), 18, date(2024, 3, 2), id="a two-part Saturday counts as one"),
        pytest.param(date(2024, 4, 1), 19, date(2024, 3, 1), id="the session before it"),
    ],
)
def test_a_block_starts_k_sessions_before_the_month(day: date, warmup: int, start: date) -> None:
    sessions = block(NSE, day, warmup)
    assert (sessions[0].date, sessions[-1].date) == (start, day)


@pytest.mark.parametrize(
    ("ex_dates", "start"),
    [
        ([date(2024, 2, 20), date(2024, 3, 5)], date(2024, 3, 5)),
        ([date(2024, 3, 16)], date(2024, 2, 16)),
        ([date(2024, 3, 15)], date(2024, 3, 15)),
    ],
    ids=["the latest one", "one to come", "today"],
)
def test_a_corporate_action_starts_a_block_at_its_ex_date(ex_dates: list[date], start: date) -> None:
    assert block(NSE, date(2024, 3, 15), 10, ex_dates)[0].date == start


def test_ema_is_recursive_and_seeded_with_the_first_value() -> None:
    assert ema([1.0, 2.0, 3.0], 3) == [1.0, 1.5, 2.25]


def test_division_by_zero_is_nan() -> None:
    assert math.isnan(divide(1.0, 0.0))
    assert math.isnan(divide(0.0, 0.0))


def test_totals_are_plain_sums_left_to_right() -> None:
    assert total([0.1] * 10) == 0.9999999999999999


def daily(*rows: tuple[float, float, float], volume: float = 100.0) -> list[Bar]:
    return [Bar(i, close, high, low, close, volume) for i, (high, low, close) in enumerate(rows)]


def test_daily_atr10_begins_with_high_minus_low_and_then_sees_gaps() -> None:
    """True ranges 4, then max(2, |15 − 10|, |13 − 10|) = 5: EMA(10) is 4 + (5 − 4) × 2/11."""
    facts = daily_facts(daily((12, 8, 10), (15, 13, 14)))
    assert facts["daily_atr10"] == pytest.approx(4 + 2 / 11, rel=1e-15)
    assert math.isnan(facts["volatility"])


def test_daily_means_need_ten_sessions_and_take_the_last_ten() -> None:
    rows = [(11.0, 9.0, 10.0)] * 10
    assert math.isnan(daily_facts(daily(*rows[:9]))["daily_volume10"])
    assert daily_facts(daily(*rows)) == {"daily_atr10": 2, "daily_volume10": 100, "volatility": 0.2}
    eleventh = [*daily((999, 1, 500), volume=1e9), *daily(*rows)]
    assert daily_facts(eleventh)["daily_volume10"] == 100


UP, FLAT, DOWN = (100, 101, 100, 101), (100, 100, 100, 100), (100, 100, 98, 98)


@pytest.mark.parametrize(
    ("rows", "bullish", "bearish"),
    [
        pytest.param([FLAT], NAN, NAN, id="never on the first bar"),
        pytest.param([FLAT, UP], 1.0, NAN, id="on its own close"),
        pytest.param([FLAT, (100, 100.5, 100, 100)], NAN, NAN, id="a close at the prior high is none"),
        pytest.param([FLAT, (102, 102, 101, 101), (101, 104, 101, 103)], 100 / 102, NAN, id="needs close > open"),
        pytest.param([FLAT, UP, (101, 111, 101, 110)], 1.0, NAN, id="the first one stays"),
        pytest.param([FLAT, DOWN], NAN, 200 / 98, id="bearish is in percent of the close"),
        pytest.param([FLAT, UP, (100, 100, 98, 98)], 1.0, 200 / 98, id="both, independently"),
    ],
)
def test_initial_breakout_sets_the_zone(
    rows: list[tuple[float, float, float, float]], bullish: float, bearish: float
) -> None:
    bars = bars_at([5 * i for i in range(len(rows))], *rows)
    assert zone_pct(bars, bullish=True) == pytest.approx(bullish, rel=1e-12, nan_ok=True)
    assert zone_pct(bars, bullish=False) == pytest.approx(bearish, rel=1e-12, nan_ok=True)


def test_effort_is_share_of_volume_over_share_of_range() -> None:
    """2 of 8 volume so far is 0.25; a range of 3 of 6 is 0.5: effort 0.5."""
    bars = bars_at([0, 5], (100, 101, 100, 100), (100, 102, 99, 100))
    assert effort(bars, {"daily_volume10": 8.0, "daily_atr10": 6.0}) == 0.5


@pytest.mark.parametrize("nothing", ["volume", "range"])
def test_effort_is_nan_without_a_daily_volume_or_a_range(nothing: str) -> None:
    row = FLAT if nothing == "range" else UP
    volume = 0.0 if nothing == "volume" else 8.0
    assert math.isnan(effort(bars_at([0], row), {"daily_volume10": volume, "daily_atr10": 6.0}))


def test_mean_range_leaves_out_the_first_30_minutes_by_the_clock() -> None:
    bars = bars_at([20, 25, 30, 60], (9, 19, 9, 9), (9, 19, 9, 9), (9, 11, 9, 9), (9, 13, 9, 9))
    assert math.isnan(mean_range(bars[:2], SESSION))
    assert mean_range(bars[:3], SESSION) == 2
    assert mean_range(bars, SESSION) == 3


@pytest.mark.parametrize(
    ("row", "mean", "bullish", "bearish"),
    [
        pytest.param((100, 102, 100, 101.5), 2.0, True, False, id="bullish"),
        pytest.param((100, 102, 100, 101.0), 2.0, False, False, id="a close at half way is not"),
        pytest.param((102, 102, 100, 100.5), 2.0, False, True, id="bearish"),
        pytest.param((102, 102, 100, 101.0), 2.0, False, False, id="a close at half way is not, bearish"),
        pytest.param((100, 107, 100, 106.0), 10.0, False, False, id="a range of exactly 0.7 means is not"),
        pytest.param((100, 102, 100, 101.5), NAN, False, False, id="no mean yet"),
    ],
)
def test_range_bars(row: tuple[float, float, float, float], mean: float, bullish: bool, bearish: bool) -> None:
    bar = bars_at([0], row)[0]
    assert (is_bullish_range_bar(bar, mean), is_bearish_range_bar(bar, mean)) == (bullish, bearish)


def test_zero_lag_macd_crosses_when_it_leaves_its_signal_and_only_then() -> None:
    facts = zero_lag_macd_facts([100.0, 100.0, 101.0, 102.0, 95.0])
    assert [f["cross_up"] for f in facts] == [0, 0, 1, 0, 0]
    assert [f["cross_down"] for f in facts] == [0, 0, 0, 0, 1]


def test_zero_lag_macd_by_hand_on_the_second_bar() -> None:
    """A step of 1: EMA(n) = a, EMA of EMA = a², ZLEMA = 2a − a² with a = 2/(n + 1)."""
    fast, slow = 2 / 13, 2 / 27
    line = (2 * fast - fast**2) - (2 * slow - slow**2)
    facts = zero_lag_macd_facts([0.0, 1.0])[1]
    assert facts["zl_macd"] == pytest.approx(line, rel=1e-12)
    assert facts["zl_signal"] == pytest.approx(line * 0.2, rel=1e-12)


def ramp(n: int, step: float) -> list[Bar]:
    """Index bars that move by `step` each."""
    mids = [10000 + step * i for i in range(n)]
    return [Bar(i, m, m + 5, m - 5, m + step / 4, 1.0) for i, m in enumerate(mids)]


@pytest.mark.parametrize(("step", "trend"), [(3.0, 1.0), (-3.0, -1.0), (0.0, 0.0)], ids=["up", "down", "flat"])
def test_trend_follows_the_index(step: float, trend: float) -> None:
    accelerating = [b._replace(close=b.close + step * i * i / 1e4) for i, b in enumerate(ramp(600, step))]
    sound = [b._replace(high=max(b.high, b.close), low=min(b.low, b.close)) for b in accelerating]
    assert trend_of(sound, 20.0) == trend


def test_trend_is_zero_while_adx_is_low() -> None:
    assert trend_of(ramp(600, 3.0), 100.0) == 0


def test_trend_is_nan_until_adx_has_250_bars() -> None:
    assert math.isnan(trend_of(ramp(249, 3.0), 20.0))
    assert not math.isnan(trend_of(ramp(250, 3.0), 20.0))


def index_days(days: int = 30) -> dict[date, list[Bar]]:
    """15m bars of an index in the `days` sessions before DAY."""
    sessions = NSE.before(DAY, days)
    slots = [slot for session in sessions for slot in session.slots(M15)]
    bars = [bar._replace(ts=slot) for bar, slot in zip(ramp(len(slots), 3.0), slots, strict=True)]
    return {s.date: [b for b in bars if s.opens <= b.ts < s.closes] for s in sessions}


def test_index_trend_needs_the_last_slot_of_the_previous_session_and_no_other() -> None:
    days = index_days()
    yesterday, before = sorted(days)[-1], sorted(days)[-2]
    assert not math.isnan(index_trend(days | {before: days[before][:-1]}, NSE, SESSION, 20.0))
    assert not math.isnan(index_trend(days | {yesterday: days[yesterday][-1:]}, NSE, SESSION, 20.0))
    assert math.isnan(index_trend(days | {yesterday: days[yesterday][:-1]}, NSE, SESSION, 20.0))
    assert math.isnan(index_trend({}, NSE, SESSION, 20.0))


def test_index_trend_does_not_see_the_session_itself() -> None:
    days = index_days()
    crash = [Bar(slot, 1.0, 2.0, 0.5, 1.0, 1.0) for slot in SESSION.slots(M15)]
    assert index_trend(days | {DAY: crash}, NSE, SESSION, 20.0) == index_trend(days, NSE, SESSION, 20.0)

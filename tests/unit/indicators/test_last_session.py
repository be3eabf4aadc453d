"""Values lent from one series to another: from completed sessions only."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
import talib
from candle_samples import DAILY, INDEX, MAIN, all_windows, blank, everything, same_bits, sessions, window

from livetrader.domain.candles import CandleWindow, Floats, Interval
from livetrader.domain.session import Session
from livetrader.indicators import ta
from livetrader.indicators.context import context_of, evaluate_block
from livetrader.indicators.graph import Candles, Node, Series

C = Candles(MAIN)
TREND = ta.index_trend(C, "NIFTY", adx_min=8.0)


@pytest.fixture(scope="module")
def windows() -> dict[Series, CandleWindow]:
    """Twenty sessions, and sixty before them for the other series."""
    return all_windows(window(sessions(20, 60), 3, seed=31), seed=31, days=60)


def per_session(node: Node, windows: dict[Series, CandleWindow]) -> Floats:
    """The node's value on each session of the main window, by symbol."""
    values = evaluate_block({"x": node}, MAIN, windows)["x"]
    starts = np.flatnonzero(np.diff(windows[MAIN].session, prepend=-1))
    result: Floats = values[starts]
    return result


def expected_trend(index: CandleWindow, session: Session, adx_min: float) -> float:
    """STRATEGIES.md's rule on the index bars before `session`, with pandas' EMAs and TA-Lib's ADX and DI."""
    before = index.closes <= session.opens
    columns = [one[before, 0] for one in (index.high, index.low, index.close)]
    if np.isnan(columns[2][-1]):
        return np.nan
    there = ~np.isnan(columns[2])
    high, low, close = (one[there] for one in columns)

    def ema(x: pd.Series[float], n: int) -> pd.Series[float]:
        return x.ewm(span=n, adjust=False).mean()

    closes = pd.Series(close)
    line = ema(closes, 20) - ema(closes, 50)
    last = [one.iloc[-1] for one in (closes, ema(closes, 50), ema(closes, 200), line, ema(line, 10))]
    adx, plus, minus = (f(high, low, close, 125)[-1] for f in (talib.ADX, talib.PLUS_DI, talib.MINUS_DI))
    if np.isnan(adx):
        return np.nan
    if last[0] > last[1] > last[2] and adx > adx_min and plus > minus and last[3] > last[4]:
        return 1.0
    if last[0] < last[1] < last[2] and adx > adx_min and plus < minus and last[3] < last[4]:
        return -1.0
    return 0.0


@pytest.mark.parametrize(
    ("adx_min", "values"),
    [(0.0, {-1.0, 0.0, 1.0}), (8.0, {-1.0, 0.0, 1.0}), (20.0, {0.0})],
    ids=["no minimum", "large_cap", "original"],
)
def test_index_trend_reads_as_it_is_defined(adx_min: float, values: set[float]) -> None:
    """On each of 120 sessions it is what the definition says; ADX(125) of a random walk never passes 20."""
    seen: set[float] = set()
    for seed in range(6):
        windows = all_windows(window(sessions(20, 60), 2, seed), seed, days=60)
        found = per_session(ta.index_trend(C, "NIFTY", adx_min), windows)
        expected = [expected_trend(windows[INDEX], s, adx_min) for s in windows[MAIN].sessions]
        for symbol in range(2):
            np.testing.assert_array_equal(found[:, symbol], expected)
        seen.update(float(value) for value in expected if not np.isnan(value))
    assert seen == values


def test_a_missing_last_slot_of_the_index_means_nan_and_a_hole_elsewhere_does_not(
    windows: dict[Series, CandleWindow],
) -> None:
    index = windows[INDEX]
    last = int(np.searchsorted(index.closes, windows[MAIN].sessions[4].opens, side="right")) - 1
    full = {**windows, INDEX: replace(index, **dense(index))}
    assert not np.isnan(per_session(TREND, full)).any()
    found = per_session(TREND, {**windows, INDEX: blank(full[INDEX], slice(last, last + 1), slice(0, 1))})
    assert np.flatnonzero(np.isnan(found[:, 0])).tolist() == [4]
    found = per_session(TREND, {**windows, INDEX: blank(full[INDEX], slice(last - 3, last), slice(0, 1))})
    assert not np.isnan(found).any()


def dense(index: CandleWindow) -> dict[str, Floats]:
    """Fields without holes."""
    filled = window(index.sessions, 1, seed=77, interval=Interval.M15, gaps=0.0)
    return {name: getattr(filled, name) for name in ("open", "high", "low", "close", "volume")}


def test_an_index_without_its_last_session_does_not_lend_an_older_value(
    windows: dict[Series, CandleWindow],
) -> None:
    """The window ends a session early: the session after it gets NaN, not yesterday's yesterday."""
    cut = {**windows, INDEX: replace(windows[INDEX], **dense(windows[INDEX]))}
    end = int(np.searchsorted(cut[INDEX].closes, windows[MAIN].sessions[-2].opens, side="right"))
    found = per_session(TREND, {**cut, INDEX: cut[INDEX].rows(0, end)})
    assert np.isnan(found[:, 0]).tolist() == [False] * 19 + [True]


def test_an_undefined_adx_means_nan(windows: dict[Series, CandleWindow]) -> None:
    """249 bars are not enough, 250 are."""
    index = replace(windows[INDEX], **dense(windows[INDEX]))
    end = int(np.searchsorted(index.closes, windows[MAIN].sessions[0].opens, side="right"))
    for count, undefined in ((249, True), (250, False)):
        late = blank(index, slice(0, end - count), slice(0, 1))
        found = per_session(TREND, {**windows, INDEX: late})
        assert np.isnan(found[0, 0]) == undefined


def test_without_a_trend_symbol_the_trend_is_zero(windows: dict[Series, CandleWindow]) -> None:
    trend = ta.index_trend(C, None)
    values = evaluate_block({"trend": trend, "rule": (trend >= 0) & (C.volume >= 0)}, MAIN, windows)
    assert set(values["trend"].ravel()) == {0.0}
    assert values["rule"][~np.isnan(windows[MAIN].close)].all()


def test_a_symbols_own_daily_value_is_of_the_last_session_it_traded(
    windows: dict[Series, CandleWindow],
) -> None:
    close = ta.last_session(C.daily().close)
    found = per_session(close, windows)
    daily = windows[DAILY]
    days = [session.date for session in daily.sessions]
    frame = pd.DataFrame(daily.close, index=days).ffill()
    expected = frame.loc[[s.date - timedelta(days=1) for s in windows[MAIN].sessions]].to_numpy()
    assert same_bits(found, np.ascontiguousarray(expected))
    assert np.isnan(daily.close[59:79]).any(), "the sample has sessions that a symbol skipped"


def test_daily_averages_need_ten_traded_sessions(windows: dict[Series, CandleWindow]) -> None:
    daily = windows[DAILY]
    young = {**windows, DAILY: blank(daily, slice(0, 55), slice(0, 1))}
    volume = per_session(ta.daily_volume10(C), young)[:, 0]
    seen = np.cumsum(~np.isnan(young[DAILY].close[:, 0]))[59:79]
    assert np.isnan(volume).tolist() == (seen < 10).tolist()
    atr = per_session(ta.daily_atr10(C), young)[:, 0]
    assert not np.isnan(atr[seen > 0]).any()


def test_what_live_knows_at_the_open_gives_the_same_bits(windows: dict[Series, CandleWindow]) -> None:
    """Windows that end with the previous session, as they do live, lend what the whole block lends."""
    nodes = list(everything(C).values())
    whole = context_of(nodes, windows, windows[MAIN].sessions, 3)
    for i in (0, 7, 19):
        today = windows[MAIN].sessions[: i + 1]
        known = {
            series: one.rows(0, int(np.searchsorted(one.closes, today[-1].opens, side="right")))
            for series, one in windows.items()
            if series != MAIN
        }
        live = context_of(nodes, known, today, 3)
        for node, values in whole.items():
            assert same_bits(np.ascontiguousarray(live[node]), np.ascontiguousarray(values[: i + 1]))


def test_a_truth_value_is_lent_as_one(windows: dict[Series, CandleWindow]) -> None:
    daily = C.daily()
    rising = ta.last_session(daily.close > ta.prev(daily.close))
    assert per_session(rising & (C.volume >= 0), windows).any()
    assert evaluate_block({"x": rising}, MAIN, windows)["x"].dtype == np.bool_


def test_a_lent_value_may_itself_be_lent(windows: dict[Series, CandleWindow]) -> None:
    """The index's own daily close, seen from the index's bars, seen from the symbols' bars."""
    index = C.other("NIFTY", "15m")
    chained = ta.last_session(index.close * 0.0 + ta.last_session(index.daily().close))
    daily = window(windows[DAILY].sessions, 1, seed=8, interval=Interval.D1, gaps=0.0)
    full = {
        **windows,
        INDEX: replace(windows[INDEX], **dense(windows[INDEX])),
        Series("NIFTY", Interval.D1, 60): daily,
    }
    found = per_session(chained, full)[:, 0]
    np.testing.assert_array_equal(found, daily.close[58:78, 0])


def test_nothing_is_lent_before_the_other_series_begins(windows: dict[Series, CandleWindow]) -> None:
    late = {**windows, DAILY: window(windows[MAIN].sessions[5:], 3, seed=9, interval=Interval.D1, gaps=0.0)}
    found = per_session(ta.last_session(C.daily().close), late)
    assert np.isnan(found[:6]).all()
    assert not np.isnan(found[6:]).any()


def test_a_session_that_opens_as_the_last_one_closes_knows_it() -> None:
    """Markets that never close: yesterday's daily bar is complete at today's open."""
    days = sessions(4, minutes=1440)
    daily = window(days, 1, seed=1, interval=Interval.D1, gaps=0.0)
    found = per_session(ta.last_session(C.daily().close), {MAIN: window(days, 1, seed=2, gaps=0.0), DAILY: daily})
    np.testing.assert_array_equal(found[1:], daily.close[:-1])
    assert np.isnan(found[0, 0])

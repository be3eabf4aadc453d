"""The building blocks against a slow reading of their definitions, one bar of one symbol at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from candle_samples import DAILY, MAIN, all_windows, same_bits, sessions, traded, window
from hypothesis import given, settings
from hypothesis import strategies as st

from livetrader.domain.candles import CandleWindow
from livetrader.indicators import ta
from livetrader.indicators.context import evaluate_block
from livetrader.indicators.graph import Candles, Series

NAN = float("nan")
C = Candles(MAIN)
UP, UP_ZONE = ta.initial_breakout(C, bullish=True)
DOWN, DOWN_ZONE = ta.initial_breakout(C, bullish=False)
NODES = {
    "prior_high": ta.session_high_before(C),
    "prior_low": ta.session_low_before(C),
    "session_high": ta.session_high(C),
    "session_low": ta.session_low(C),
    "session_volume": ta.session_volume(C),
    "session_bar": ta.session_bar(C),
    "up": UP,
    "up_zone": UP_ZONE,
    "down": DOWN,
    "down_zone": DOWN_ZONE,
    "mean_range": ta.mean_range(C),
    "bull_bar": ta.bullish_range_bar(C),
    "bear_bar": ta.bearish_range_bar(C),
    "effort": ta.effort(C),
    "volatility": ta.volatility(C),
    "first_up": ta.first_in_session(C.close > C.open),
}


@dataclass(frozen=True)
class Bar:
    row: int
    session: int
    minute: int
    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass
class Daily:
    """The daily values that a session looks at."""

    atr10: float = NAN
    volume10: float = NAN
    close10: float = NAN


def bars_of(candles: CandleWindow, symbol: int) -> list[Bar]:
    fields = (candles.open, candles.high, candles.low, candles.close, candles.volume)
    return [
        Bar(row, int(candles.session[row]), int(candles.minute[row]), *(float(f[row, symbol]) for f in fields))
        for row in range(len(candles.ts))
        if not np.isnan(candles.close[row, symbol])
    ]


def daily_values(days: Sequence[Bar]) -> Daily:
    """From the sessions that the symbol completed and traded, oldest first."""
    ranges = [
        day.high - day.low
        if before is None
        else max(day.high - day.low, abs(day.high - before.close), abs(day.low - before.close))
        for before, day in zip([None, *days], days, strict=False)
    ]
    values = Daily()
    if ranges:
        values.atr10 = float(pd.Series(ranges).ewm(span=10, adjust=False).mean().iloc[-1])
    if len(days) >= 10:
        values.volume10 = sum(day.volume for day in days[-10:]) / 10
        values.close10 = sum(day.close for day in days[-10:]) / 10
    return values


def divide(a: float, b: float) -> float:
    return NAN if b == 0 else a / b


def reading(bars: Sequence[Bar], daily: Daily) -> Iterator[dict[str, float]]:
    """What STRATEGIES.md says of each bar of one session of one symbol."""
    up_zone = down_zone = NAN
    up = down = was_up = False
    for i, bar in enumerate(bars):
        before, so_far = bars[:i], bars[: i + 1]
        prior_high = max((b.high for b in before), default=NAN)
        prior_low = min((b.low for b in before), default=NAN)
        if not up and bar.close > prior_high and bar.close > bar.open:
            up, up_zone = True, (bar.close - prior_high) / prior_high * 100
        if not down and bar.close < prior_low and bar.close < bar.open:
            down, down_zone = True, (prior_low - bar.close) / bar.close * 100
        high, low = max(b.high for b in so_far), min(b.low for b in so_far)
        volume = sum(b.volume for b in so_far)
        late = [b.high - b.low for b in so_far if b.minute >= 30]
        mean_range = sum(late) / len(late) if late and bar.minute >= 30 else NAN
        wide = (bar.high - bar.low) > 0.7 * mean_range
        share, moved = divide(volume, daily.volume10), divide(high - low, daily.atr10)
        first_up = bar.close > bar.open and not was_up
        was_up = was_up or bar.close > bar.open
        yield {
            "prior_high": prior_high,
            "prior_low": prior_low,
            "session_high": high,
            "session_low": low,
            "session_volume": volume,
            "session_bar": i + 1,
            "up": up,
            "up_zone": up_zone,
            "down": down,
            "down_zone": down_zone,
            "mean_range": mean_range,
            "bull_bar": wide and bar.close > bar.open and bar.close > bar.open + 0.5 * (bar.high - bar.open),
            "bear_bar": wide and bar.close < bar.open and bar.close < bar.low + 0.5 * (bar.open - bar.low),
            "effort": divide(share, moved),
            "volatility": divide(daily.atr10, daily.close10),
            "first_up": first_up,
        }


def readings(windows: dict[Series, CandleWindow], symbol: int) -> pd.DataFrame:
    main, days = windows[MAIN], windows[DAILY]
    daily_bars = bars_of(days, symbol)
    rows: list[dict[str, float]] = []
    for i, session in enumerate(main.sessions):
        completed = [bar for bar in daily_bars if days.sessions[bar.session].date < session.date]
        of_session = [bar for bar in bars_of(main, symbol) if bar.session == i]
        rows += reading(of_session, daily_values(completed))
    return pd.DataFrame(rows, columns=list(NODES))


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    gaps=st.sampled_from([0.0, 0.1, 0.5, 0.95]),
    days=st.integers(0, 14),
    tick=st.sampled_from([0.0, 0.05, 1.0]),
)
def test_blocks_read_as_they_are_defined(seed: int, gaps: float, days: int, tick: float) -> None:
    """Bit for bit: on dense and sparse symbols, young and old listings, fine and coarse ticks."""
    windows = all_windows(window(sessions(3, 150), 2, seed, gaps=gaps, tick=tick), seed, days)
    values = evaluate_block(NODES, MAIN, windows)
    for symbol in range(2):
        expected = readings(windows, symbol)
        for name in NODES:
            found = traded(values[name], windows[MAIN], symbol)
            assert same_bits(found, expected[name].to_numpy(found.dtype)), name


def test_on_bars_that_were_not_traded_nothing_holds() -> None:
    windows = all_windows(window(sessions(2), 3, seed=2, gaps=0.3), seed=2)
    missing = np.isnan(windows[MAIN].close)
    for name, values in evaluate_block(NODES, MAIN, windows).items():
        if name != "volatility":  # a constant of the session
            assert not values[missing].any() or np.isnan(values[missing].astype(float)).all(), name


def test_the_opening_half_hour_counts_by_the_clock() -> None:
    """A symbol whose first bar comes late has no warm-up of its own: its first bar counts."""
    windows = all_windows(window(sessions(1), 1, seed=3, gaps=0.0), seed=3)
    main = windows[MAIN]
    for field in (main.open, main.high, main.low, main.close, main.volume):
        field[:8] = np.nan
    result = evaluate_block({"x": ta.mean_range(C)}, MAIN, windows)["x"][:, 0]
    assert np.isnan(result[:8]).all()
    assert result[8] == main.high[8, 0] - main.low[8, 0]


def test_a_breakout_may_fire_on_its_own_bar_and_never_on_the_first() -> None:
    windows = all_windows(window(sessions(1, 20), 1, seed=4, gaps=0.0), seed=4)
    main = windows[MAIN]
    main.open[:, 0], main.high[:, 0], main.low[:, 0] = (1, 2, 3, 9), (2, 3, 4, 9), (1, 2, 3, 1)
    main.close[:, 0] = (2, 2.5, 4, 1)
    values = evaluate_block({"up": UP, "zone": UP_ZONE, "down": DOWN}, MAIN, windows)
    assert values["up"][:, 0].tolist() == [False, True, True, True]
    assert values["zone"][1:, 0].tolist() == [25.0, 25.0, 25.0]
    assert values["down"][:, 0].tolist() == [False, False, False, False]


def test_near_ties_of_range_bars_go_by_the_written_order() -> None:
    """Closes within rounding of the middle, on prices of 0.05: C > O + 0.5 (H−O), C < L + 0.5 (O−L)."""
    windows = all_windows(window(sessions(8), 1, seed=6, gaps=0.0), seed=6)
    main = windows[MAIN]
    rng = np.random.default_rng(6)
    half = rng.integers(1, 40, len(main.ts)) * 0.05
    main.open[:, 0] = np.round(rng.integers(2_000, 60_000, len(main.ts)) * 0.05, 2)
    for up, outer, name in ((1, main.high, "bull_bar"), (-1, main.low, "bear_bar")):
        main.high[:], main.low[:] = main.open + 4.0, main.open - 4.0
        outer[:, 0] = np.round(main.open[:, 0] + up * 2 * half, 2)
        main.close[:, 0] = np.round(main.open[:, 0] + up * half, 2)
        found = evaluate_block({name: NODES[name]}, MAIN, windows)[name][:, 0]
        expected = readings(windows, 0)[name].to_numpy(bool)
        assert found.tolist() == expected.tolist()
        assert 0.05 < expected.mean() < 0.95, "the sample has ties that fall either way"


@pytest.mark.parametrize("gaps", [0.0, 0.3])
def test_zero_lag_macd_is_made_of_pandas_averages(gaps: float) -> None:
    candles = window(sessions(5), 2, seed=5, gaps=gaps)
    line, signal = ta.zl_macd(C)
    values = evaluate_block({"line": line, "signal": signal}, MAIN, {MAIN: candles})

    def average(x: pd.Series[float], n: int) -> pd.Series[float]:
        return x.ewm(span=n, adjust=False).mean()

    for symbol in range(2):
        close = pd.Series(traded(candles.close, candles, symbol))
        zl = {n: 2 * average(close, n) - average(average(close, n), n) for n in (12, 26)}
        expected = zl[12] - zl[26]
        assert same_bits(traded(values["line"], candles, symbol), expected.to_numpy())
        assert same_bits(traded(values["signal"], candles, symbol), average(expected, 9).to_numpy())

"""Indicators against pandas, TA-Lib and pandas-ta, on walks with and without gaps.

With gaps a symbol's values are those of its traded bars alone, put back where the bars were.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import talib
from candle_samples import MAIN, same_bits, sessions, traded, window
from hypothesis import given, settings
from hypothesis import strategies as st

from livetrader.domain.candles import CandleWindow, Floats, Interval, grid
from livetrader.indicators import ta
from livetrader.indicators.context import evaluate_block
from livetrader.indicators.graph import Candles, Node

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its import uses names that pandas is about to drop
    import pandas_ta_classic as pandas_ta

C = Candles(MAIN)
DATA = Path(__file__).parents[3] / "../shared/data"

Bars = dict[str, Floats]


def values(node: Node, candles: CandleWindow) -> Floats:
    result: Floats = evaluate_block({"x": node}, MAIN, {MAIN: candles})["x"]
    return result


def bars(candles: CandleWindow, symbol: int) -> Bars:
    return {
        name: traded(getattr(candles, name), candles, symbol) for name in ("open", "high", "low", "close", "volume")
    }


def deviation(closes: Floats, length: int) -> Floats:
    """numpy's standard deviation of each window; running sums, TA-Lib's and pandas', are off by 1e-9 on
    real prices."""
    windows = np.lib.stride_tricks.sliding_window_view(closes, length)
    return np.concatenate([np.full(length - 1, np.nan), windows.std(axis=1)])


def real_candles() -> CandleWindow:
    """RELIANCE and INFY as a vendor delivered them, one session a date."""
    path = DATA / "nse_5m_vendor_a.parquet"
    if not path.exists():
        pytest.skip(f"no real candles at {path}")
    frame = pd.read_parquet(path)
    symbols = sorted(frame["symbol"].unique())[:2]
    frame = frame[frame["symbol"].isin(symbols)]
    first, last = frame["ts"].min(), frame["ts"].max()
    days = sessions((last.date() - first.date()).days + 1, first=first.date())
    ts, closes, session, minute = grid(days, Interval.M5)
    index = pd.to_datetime(ts, unit="s", utc=True)
    fields = [
        frame.pivot(index="ts", columns="symbol", values=name).reindex(index)[symbols].to_numpy(np.float64, copy=True)
        for name in ("open", "high", "low", "close", "volume")
    ]
    return CandleWindow(Interval.M5, tuple(symbols), days, ts, closes, session, minute, *fields)


MARKETS = {
    "no gaps": lambda: window(sessions(12), 3, seed=1, gaps=0.0),
    "gaps": lambda: window(sessions(14), 3, seed=2, gaps=0.25),
    "coarse ticks": lambda: window(sessions(12), 3, seed=3, gaps=0.1, tick=0.5),
    "real": real_candles,
}


@pytest.fixture(params=MARKETS, scope="module")
def market(request: pytest.FixtureRequest) -> CandleWindow:
    return MARKETS[request.param]()


EXACT: dict[str, tuple[Node, Callable[[Bars], object]]] = {
    **{
        f"ema {n}": (
            ta.ema(C.close, n),
            lambda b, n=n: pd.Series(b["close"]).ewm(span=n, adjust=False).mean(),
        )
        for n in (1, 2, 3, 9, 10, 12, 26, 50, 100, 125, 200)
    },
    "highest": (ta.highest(C.high, 20), lambda b: talib.MAX(b["high"], 20)),
    "lowest": (ta.lowest(C.low, 20), lambda b: talib.MIN(b["low"], 20)),
    "prev": (ta.prev(C.close, 3), lambda b: pd.Series(b["close"]).shift(3)),
    "sma is the sum, oldest first, over n": (
        ta.sma(C.close, 5),
        lambda b: [NAN] * 4 + [sum(b["close"][i - 4 : i + 1].tolist()) / 5 for i in range(4, len(b["close"]))],
    ),
}
NAN = float("nan")

CLOSE_TO: dict[str, tuple[Node, Callable[[Bars], object]]] = {
    "sma": (ta.sma(C.close, 20), lambda b: talib.SMA(b["close"], 20)),
    "mean": (ta.mean(C.close, 7), lambda b: talib.SMA(b["close"], 7)),
    "std": (ta.std(C.close, 20), lambda b: deviation(b["close"], 20)),
    "std, ddof 1": (
        ta.std(C.close, 10, ddof=1),
        lambda b: pandas_ta.stdev(pd.Series(b["close"]), 10, ddof=1),
    ),
    "atr 14": (ta.atr(C, 14), lambda b: talib.ATR(b["high"], b["low"], b["close"], 14)),
    "atr 2": (ta.atr(C, 2), lambda b: talib.ATR(b["high"], b["low"], b["close"], 2)),
    "true range": (ta.true_range(C, seed=False), lambda b: talib.TRANGE(b["high"], b["low"], b["close"])),
    "rsi 14": (ta.rsi(C.close, 14), lambda b: talib.RSI(b["close"], 14)),
    "rsi 2": (ta.rsi(C.close, 2), lambda b: talib.RSI(b["close"], 2)),
    "adx 14": (ta.adx(C, 14), lambda b: talib.ADX(b["high"], b["low"], b["close"], 14)),
    "adx 125": (ta.adx(C, 125), lambda b: talib.ADX(b["high"], b["low"], b["close"], 125)),
    "plus_di": (ta.plus_di(C, 125), lambda b: talib.PLUS_DI(b["high"], b["low"], b["close"], 125)),
    "minus_di": (ta.minus_di(C, 14), lambda b: talib.MINUS_DI(b["high"], b["low"], b["close"], 14)),
    "rma of a true range is atr": (
        ta.rma(ta.true_range(C, seed=False), 9),
        lambda b: talib.ATR(b["high"], b["low"], b["close"], 9),
    ),
    "zlema": (
        ta.zlema(C.close, 12),
        lambda b: (lambda e: 2 * e - e.ewm(span=12, adjust=False).mean())(
            pd.Series(b["close"]).ewm(span=12, adjust=False).mean()
        ),
    ),
}


@pytest.mark.parametrize("name", EXACT)
def test_equal_to_the_reference_bit_for_bit(name: str, market: CandleWindow) -> None:
    node, reference = EXACT[name]
    result = values(node, market)
    for symbol in range(len(market.symbols)):
        expected = np.asarray(reference(bars(market, symbol)), np.float64)
        assert same_bits(traded(result, market, symbol), expected)


@pytest.mark.parametrize("name", CLOSE_TO)
def test_equal_to_the_reference_with_the_same_undefined_bars(name: str, market: CandleWindow) -> None:
    """1e-9 apart at most, and NaN on exactly the same bars."""
    node, reference = CLOSE_TO[name]
    result = values(node, market)
    for symbol in range(len(market.symbols)):
        expected = np.asarray(reference(bars(market, symbol)), np.float64)
        np.testing.assert_allclose(traded(result, market, symbol), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["ema 50", "prev"])
def test_bars_that_were_not_traded_are_nan(name: str, market: CandleWindow) -> None:
    assert np.isnan(values(EXACT[name][0], market)[np.isnan(market.close)]).all()


def test_macd_agrees_with_pandas_ta_after_the_warm_up() -> None:
    """pandas-ta seeds its EMAs with a mean and starts late; the difference has faded after 1,000 bars."""
    candles = window(sessions(20), 1, seed=4, gaps=0.0)
    reference = pandas_ta.macd(pd.Series(candles.close[:, 0]), 12, 26, 9, talib=False).to_numpy()[1000:]
    line, signal, histogram = (values(node, candles)[1000:, 0] for node in ta.macd(C.close))
    np.testing.assert_allclose(np.column_stack([line, histogram, signal]), reference, rtol=0, atol=1e-9)


@pytest.mark.parametrize("length", [2, 3, 7, 14])
@settings(max_examples=40, deadline=None)
@given(
    closes=st.lists(st.integers(1, 4), min_size=20, max_size=70),
    spans=st.lists(st.integers(0, 2), min_size=70, max_size=70),
)
def test_wilder_indicators_follow_talib_where_nothing_moves(length: int, closes: list[int], spans: list[int]) -> None:
    """On few distinct prices gains, ranges and movements are often exactly zero: TA-Lib's special cases."""
    candles = window(sessions(1, 5 * len(closes)), 1, seed=0, gaps=0.0)
    candles.close[:, 0] = closes
    candles.high[:, 0] = candles.close[:, 0] + spans[: len(closes)]
    candles.low[:, 0] = candles.close[:, 0] - spans[::-1][: len(closes)]
    high, low, close = candles.high[:, 0], candles.low[:, 0], candles.close[:, 0]
    pairs = {
        "rsi": (ta.rsi(C.close, length), talib.RSI(close, length)),
        "adx": (ta.adx(C, length), talib.ADX(high, low, close, length)),
        "plus": (ta.plus_di(C, length), talib.PLUS_DI(high, low, close, length)),
        "minus": (ta.minus_di(C, length), talib.MINUS_DI(high, low, close, length)),
        "atr": (ta.atr(C, length), talib.ATR(high, low, close, length)),
    }
    for name, (node, expected) in pairs.items():
        np.testing.assert_allclose(values(node, candles)[:, 0], expected, rtol=1e-9, atol=1e-9, err_msg=name)


def test_true_range_of_the_first_bar_is_its_range() -> None:
    """The page's daily ATR is defined from the first session on; TA-Lib's true range is not."""
    candles = window(sessions(1), 1, seed=5, gaps=0.0)
    assert values(ta.true_range(C), candles)[0, 0] == candles.high[0, 0] - candles.low[0, 0]
    assert np.isnan(values(ta.true_range(C, seed=False), candles)[0, 0])


def test_a_constant_series_has_no_deviation_and_a_constant_average() -> None:
    candles = window(sessions(1), 1, seed=6, gaps=0.0)
    candles.close[:] = 100.1
    assert set(values(ta.std(C.close, 10), candles)[9:, 0]) == {0.0}
    assert set(values(ta.ema(C.close, 10), candles)[:, 0]) == {100.1}


def test_prev_is_the_previous_traded_bar_even_if_undefined_there() -> None:
    """A NaN on a traded bar is that bar's value: it is not skipped to find an older one."""
    candles = window(sessions(1, 25), 1, seed=1, gaps=0.0)
    candles.close[:, 0] = [1.0, NAN, 2.0, 3.0, 4.0]
    candles.open[:, 0] = [1.0, NAN, 0.0, 3.0, 8.0]
    np.testing.assert_array_equal(values(ta.prev(C.close), candles)[:, 0], [NAN, NAN, 1.0, 2.0, 3.0])
    ratio = C.close / C.open
    np.testing.assert_array_equal(values(ta.prev(ratio), candles)[:, 0], [NAN, NAN, 1.0, NAN, 1.0])


def test_crosses_are_seen_over_a_gap_and_only_then() -> None:
    candles = window(sessions(1, 35), 1, seed=1, gaps=0.0)
    candles.close[:, 0] = [1.0, NAN, 3.0, 2.0, 2.0, 3.0, 1.0]
    above = values(ta.crossed_above(C.close, 2), candles)[:, 0]
    below = values(ta.crossed_below(C.close, 2), candles)[:, 0]
    assert above.tolist() == [False, False, True, False, False, True, False]
    assert below.tolist() == [False, False, False, False, False, False, True]

"""Any pandas or TA-Lib function on each symbol's traded bars."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import talib
from candle_samples import MAIN, different, sessions, traded, window

from livetrader.domain.candles import CandleWindow
from livetrader.errors import StrategyError
from livetrader.indicators import ta
from livetrader.indicators.context import evaluate_block, window_cut
from livetrader.indicators.evaluate import Evaluator, session_starts
from livetrader.indicators.graph import Candles

C = Candles(MAIN)


@pytest.fixture(scope="module")
def candles() -> CandleWindow:
    return window(sessions(3, 150), 4, seed=11, gaps=0.2)


def median(close: pd.Series[float]) -> pd.Series[float]:
    return close.rolling(5).median()


def test_the_function_sees_traded_bars_only_and_its_values_go_back_to_them(candles: CandleWindow) -> None:
    node = ta.per_symbol(talib.CCI, C.high, C.low, C.close)
    result = evaluate_block({"x": node}, MAIN, {MAIN: candles})["x"]
    assert np.isnan(result[np.isnan(candles.close)]).all()
    for i in range(4):
        high, low, close = (traded(one, candles, i) for one in (candles.high, candles.low, candles.close))
        np.testing.assert_array_equal(traded(result, candles, i), talib.CCI(high, low, close))


def test_it_gets_series_indexed_by_bar_open(candles: CandleWindow) -> None:
    def hour(close: pd.Series[float]) -> pd.Series[float]:
        index = close.index
        assert isinstance(index, pd.DatetimeIndex)
        return pd.Series(index.hour, index)

    result = evaluate_block({"x": ta.per_symbol(hour, C.close)}, MAIN, {MAIN: candles})["x"]
    assert set(traded(result, candles, 0)) == {3, 4, 5, 6}


def test_row_by_row_and_joined_equals_the_whole_block(candles: CandleWindow) -> None:
    nodes = {"x": ta.per_symbol(median, ta.ema(C.close, 3)), "twice": ta.per_symbol(median, C.close) * 2.0}
    whole = evaluate_block(nodes, MAIN, {MAIN: candles})
    starts = session_starts(candles)
    tiles = []
    for tile in (slice(0, 1), slice(1, 4)):
        evaluator = Evaluator(nodes, len(candles.symbols[tile]), 50)
        evaluator.run(window_cut(candles, slice(0, 50), tile), starts[:50])
        tiles.append(evaluator)
    live = Evaluator.join(tiles)
    for row in range(50, 60):
        result = live.run(candles.rows(row, row + 1), starts[row : row + 1])
        assert different(dict(result), {name: values[row : row + 1] for name, values in whole.items()}) == []


def test_none_means_undefined(candles: CandleWindow) -> None:
    """pandas-ta answers None where there are too few bars."""
    result = evaluate_block({"x": ta.per_symbol(lambda _: None, C.close)}, MAIN, {MAIN: candles})["x"]
    assert np.isnan(result).all()


def test_a_result_of_another_length_is_refused(candles: CandleWindow) -> None:
    node = ta.per_symbol(lambda close: close.dropna().iloc[1:], C.close)
    with pytest.raises(StrategyError, match="one value a bar"):
        evaluate_block({"x": node}, MAIN, {MAIN: candles})


def test_what_the_function_raises_is_one_line_that_names_the_value_and_the_function(candles: CandleWindow) -> None:
    def broken(_: pd.Series[float]) -> pd.Series[float]:
        raise ValueError("no\nsuch thing")

    nodes = {"mine.good": C.close, "mine.bad": ta.ema(ta.per_symbol(broken, C.close), 3)}
    with pytest.raises(StrategyError) as told:
        evaluate_block(nodes, MAIN, {MAIN: candles})
    assert str(told.value) == "mine.bad: per_symbol: broken: ValueError: no such thing"


def test_a_symbol_without_a_bar_is_left_alone(candles: CandleWindow) -> None:
    """TA-Lib raises on empty input; a symbol that never traded does not reach it."""
    empty = candles.columns(0, 2)
    for field in (empty.open, empty.high, empty.low, empty.close, empty.volume):
        field[:, 0] = np.nan
    result = evaluate_block({"x": ta.per_symbol(talib.RSI, C.close)}, MAIN, {MAIN: empty})["x"]
    assert np.isnan(result[:, 0]).all()
    assert not np.isnan(traded(result, empty, 1)[14:]).any()

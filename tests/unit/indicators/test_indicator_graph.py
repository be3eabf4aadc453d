"""Expressions: shared where they are equal, strict where they would go wrong."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from copy import deepcopy

import numpy as np
import pytest
from candle_samples import DAILY, INDEX, MAIN, everything, sessions, window

from livetrader.domain.candles import Interval
from livetrader.errors import StrategyError
from livetrader.indicators import ta
from livetrader.indicators.context import evaluate_block
from livetrader.indicators.evaluate import Evaluator, session_starts
from livetrader.indicators.graph import Candles, Node, Series
from livetrader.indicators.plan import ordered, series_of

C = Candles(MAIN)
NAN = float("nan")


def test_equal_expressions_are_one_object() -> None:
    assert ta.ema(Candles(MAIN).close, 50) is ta.ema(C.close, 50)
    assert C.high - C.low is C.high - C.low
    assert ta.ema(C.close, 50) is not ta.ema(C.close, 51)
    assert C.close * 0.0 is not C.close * -0.0


def test_series_of_another_block_is_another_expression() -> None:
    longer = Candles(Series(None, Interval.M5, 30))
    assert ta.ema(longer.close, 50) is not ta.ema(C.close, 50)


def test_a_graph_of_several_strategies_runs_shared_parts_once() -> None:
    both = ordered([ta.bullish_range_bar(C), ta.bearish_range_bar(C)])
    assert len(both) < len(ordered([ta.bullish_range_bar(C)])) + len(ordered([ta.bearish_range_bar(C)]))
    assert len(both) == len(set(both))


@pytest.mark.parametrize("copy", [deepcopy, pickle.dumps], ids=["copied", "pickled"])
def test_expressions_have_no_copies(copy: Callable[[Node], object]) -> None:
    with pytest.raises(TypeError, match="build it anew"):
        copy(ta.ema(C.close, 50))


def test_an_expression_reads_as_it_was_written() -> None:
    assert repr(ta.ema(C.close, 50)).startswith("ema(close, ")
    assert repr(ta.dmi(C, 14)[2]) == "dmi(high, low, close, 14, 1e-14)[2]"
    assert repr(C.close > 0.5 * C.open) == "greater(close, multiply(0.5, open))"


@pytest.mark.parametrize(
    ("build", "values"),
    [
        pytest.param(lambda a, b: a + b, [3.0, NAN, 1.0], id="add"),
        pytest.param(lambda a, _: 10 - a, [8.0, NAN, 9.0], id="number first"),
        pytest.param(lambda a, b: a / b, [2.0, NAN, NAN], id="division by zero is NaN"),
        pytest.param(lambda a, _: a / 0, [NAN, NAN, NAN], id="division by a zero number is NaN"),
        pytest.param(lambda a, b: -abs(b - a), [-1.0, NAN, -1.0], id="negative, absolute"),
        pytest.param(lambda a, b: ta.abs(b - a), [1.0, NAN, 1.0], id="abs"),
        pytest.param(lambda a, b: ta.maximum(a, b), [2.0, NAN, 1.0], id="maximum"),
        pytest.param(lambda a, _: ta.minimum(a, 1.5), [1.5, NAN, 1.0], id="minimum"),
        pytest.param(lambda a, b: ta.where(a > b, a, -1), [2.0, -1.0, 1.0], id="where"),
        pytest.param(lambda a, b: (a > b) + 0.0, [1.0, 0.0, 1.0], id="truth as a number"),
        pytest.param(lambda a, b: a > b, [True, False, True], id="greater"),
        pytest.param(lambda a, b: a <= b, [False, False, False], id="less or equal"),
        pytest.param(lambda a, _: a == a, [True, False, True], id="equal"),
        pytest.param(lambda a, _: a != 5, [True, False, True], id="NaN != 5 is false"),
        pytest.param(lambda a, b: a != b, [True, False, True], id="NaN != x is false"),
        pytest.param(lambda a, b: (a > b) & (a > 1.5), [True, False, False], id="and"),
        pytest.param(lambda a, b: (a < b) | (b < 0.5), [False, False, True], id="or"),
        pytest.param(lambda a, b: ~(a > b), [False, True, False], id="not"),
    ],
)
def test_operators(build: Callable[[Node, Node], Node], values: list[float]) -> None:
    """Operators act bar by bar, with NaN false in every comparison."""
    candles = window(sessions(1, 15), 1, seed=1, gaps=0.0)
    candles.close[:, 0] = [2.0, NAN, 1.0]
    candles.open[:, 0] = [1.0, NAN, 0.0]
    result = evaluate_block({"x": build(C.close, C.open)}, MAIN, {MAIN: candles})["x"][:, 0]
    np.testing.assert_array_equal(result, values)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        pytest.param(lambda: bool(C.close > C.open), "& | ~", id="and, or, not"),
        pytest.param(lambda: C.close & (C.open > 1), "condition", id="number as condition"),
        pytest.param(lambda: ta.where(C.close, 1, 2), "condition", id="where on a number"),
        pytest.param(lambda: C.close + "1", "neither an indicator nor a number", id="text"),
        pytest.param(lambda: ta.ema(C.close, 0), "length", id="length zero"),
        pytest.param(lambda: ta.sma(C.close, 2.5), "length", id="broken length"),
        pytest.param(lambda: ta.adx(C, 1), "2 bars", id="ADX of one bar"),
        pytest.param(lambda: ta.std(C.close, 3, ddof=3), "ddof", id="ddof too large"),
        pytest.param(lambda: C.close > C.daily().close, "ta.last_session", id="two series"),
        pytest.param(lambda: ta.first_in_session(ta.constant(1) > 0), "no series", id="no series"),
    ],
)
def test_what_cannot_be_meant_is_refused(build: Callable[[], object], message: str) -> None:
    with pytest.raises(StrategyError, match=message):
        build()


def test_outputs_of_two_series_do_not_run_together() -> None:
    with pytest.raises(StrategyError, match="2 series"):
        Evaluator({"a": C.close, "b": C.daily().close}, 1, 1)


def test_series_of_names_every_window_to_load() -> None:
    assert set(series_of(everything(C).values())) == {MAIN, DAILY, INDEX}
    assert series_of([ta.index_trend(C, None)]) == ()


def test_a_window_of_another_shape_is_refused() -> None:
    candles = window(sessions(1, 60), 3, seed=1)
    with pytest.raises(ValueError, match="evaluator of"):
        Evaluator({"x": C.close}, 2, 100).run(candles, session_starts(candles))
    with pytest.raises(ValueError, match="evaluator of"):
        Evaluator({"x": C.close}, 3, 5).run(candles, session_starts(candles))


def test_a_missing_context_is_refused() -> None:
    candles = window(sessions(1, 60), 1, seed=1)
    with pytest.raises(ValueError, match="context_of"):
        Evaluator({"x": ta.volatility(C)}, 1, 100).run(candles, session_starts(candles))


def test_deep_expressions_do_not_overflow_the_stack() -> None:
    node = C.close
    for _ in range(3000):
        node = node + 1.0
    candles = window(sessions(1, 15), 1, seed=1, gaps=0.0)
    result = evaluate_block({"x": node}, MAIN, {MAIN: candles})["x"]
    np.testing.assert_allclose(result, candles.close + 3000.0)

"""The gate passes what is causal, and catches what is not."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
from candle_samples import MAIN, all_windows, everything, sessions, window

from livetrader.domain.candles import CandleWindow
from livetrader.indicators import ta
from livetrader.indicators.context import evaluate_block
from livetrader.indicators.gate import Violation, prefix_gate
from livetrader.indicators.graph import Candles, Node, Series

C = Candles(MAIN)


@pytest.fixture(scope="module")
def windows() -> dict[Series, CandleWindow]:
    return all_windows(window(sessions(6), 3, seed=21), seed=21)


def gate(nodes: dict[str, Node], windows: dict[Series, CandleWindow], probes: int = 8) -> list[Violation]:
    rng = np.random.default_rng(5)
    return prefix_gate(partial(evaluate_block, nodes, MAIN), MAIN, windows, rng, probes)


def test_every_indicator_passes(windows: dict[Series, CandleWindow]) -> None:
    nodes = {**everything(C), "median": ta.per_symbol(lambda x: x.rolling(5).median(), C.close)}
    assert gate(nodes, windows) == []


def tomorrow(close: pd.Series[float]) -> pd.Series[float]:
    return close.shift(-1)


def last_300(close: pd.Series[float]) -> pd.Series[float]:
    return close.tail(300).ewm(span=50, adjust=False).mean().reindex(close.index)


def normalised(close: pd.Series[float]) -> pd.Series[float]:
    return (close - close.mean()) / close.std()


@pytest.mark.parametrize("planted", [tomorrow, last_300, normalised], ids=lambda f: f.__name__)
def test_a_planted_fault_is_caught(planted: object, windows: dict[Series, CandleWindow]) -> None:
    """Look-ahead by a bar, "the last 300 bars" of whatever is loaded, and a mean over the whole block."""
    assert callable(planted)
    found = gate({"good": ta.ema(C.close, 50), "bad": ta.per_symbol(planted, C.close)}, windows)
    assert {violation.name for violation in found} == {"bad"}


def test_a_daily_value_of_the_same_session_is_caught(windows: dict[Series, CandleWindow]) -> None:
    """The daily bar of the session under way is not there when the prefix is calculated."""
    daily = C.daily()

    def same_day(given: dict[Series, CandleWindow]) -> dict[str, np.ndarray]:
        main, days = given[MAIN], given[daily.series]
        dates = {session.date: i for i, session in enumerate(days.sessions)}
        rows = np.array([dates[main.sessions[i].date] for i in main.session])
        padded = np.vstack([days.close, np.full((len(dates), len(main.symbols)), np.nan)])
        return {"daily": padded[rows]}

    found = prefix_gate(same_day, MAIN, windows, np.random.default_rng(1), 10)  # type: ignore[arg-type]
    assert found


def test_a_truth_value_that_changes_is_caught(windows: dict[Series, CandleWindow]) -> None:
    found = gate({"top": ta.per_symbol(lambda x: x * 0 + x.max(), C.close) == C.close}, windows, probes=400)
    assert {(violation.prefix, violation.whole) for violation in found} == {(True, False)}


def test_a_violation_says_what_and_where(windows: dict[Series, CandleWindow]) -> None:
    found = gate({"bad": ta.per_symbol(tomorrow, C.close)}, windows, probes=3)
    opens = [violation.bar_open for violation in found]
    assert opens == sorted(opens)
    assert str(found[0]).startswith("bad of S")
    assert "looks ahead" in str(found[0])
    assert "\n" not in str(found[0])

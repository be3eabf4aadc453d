"""Conditions over rows of candles become signals: once a session, inside the window, never from nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from itertools import pairwise
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.domain.candles import CandleWindow, Interval
from livetrader.domain.signal import Side, Signal
from livetrader.errors import StrategyError
from livetrader.indicators import ta
from livetrader.indicators.evaluate import session_starts
from livetrader.indicators.frames import Frames
from livetrader.indicators.graph import Candles, Node
from livetrader.strategies.base import Strategy
from livetrader.strategies.scanner import Scanner, allowed_rows, plan
from tests.unit.engine.trading_samples import BAR, INDIA, OPENS, Price, at, flat, random_walk, sessions, window

DAYS = sessions(2, bars=6)
NAN = float("nan")


@dataclass(frozen=True)
class Above(Strategy):
    """Buys where the close is above a level."""

    name: ClassVar = "above"
    id: ClassVar = "77"
    interval: ClassVar = Interval.M5
    side: ClassVar[Side | None] = Side.LONG

    level: float = 100.0

    def indicators(self, c: Candles) -> Mapping[str, Node]:
        return {"entry": c.close > self.level, "range": c.high - c.low}


class SellAbove(Above):
    name: ClassVar = "sell_above"
    side: ClassVar[Side | None] = Side.SHORT


class Early(Above):
    name: ClassVar = "early"
    window: ClassVar = (time(9, 20), time(9, 30))


class Both(Above):
    """Buys above the level, sells below it."""

    name: ClassVar = "both"
    side: ClassVar[Side | None] = None

    def indicators(self, c: Candles) -> Mapping[str, Node]:
        return {"entry_long": c.close > self.level, "entry_short": c.close < self.level}


class NotEqual(Above):
    """Compares with `!=`, of which NaN is true in pandas."""

    name: ClassVar = "not_equal"

    def indicators(self, c: Candles) -> Mapping[str, Node]:
        return {"entry": ta.prev(c.close) != self.level}


class Leaves(Above):
    name: ClassVar = "leaves"

    def indicators(self, c: Candles) -> Mapping[str, Node]:
        return {"entry": c.close > self.level, "exit": c.close < self.level}


class Pandas(Above):
    """The same conditions as `Crosses`, in pandas."""

    name: ClassVar = "crosses"
    side: ClassVar[Side | None] = None

    def indicators(self, c: Candles) -> Mapping[str, Node]:
        return {"fast": ta.sma(c.close, 2), "slow": ta.sma(c.close, 4)}

    def entries(self, f: Frames) -> Mapping[Side, pd.DataFrame]:
        return {Side.LONG: (f.fast > f.slow) & (f.close > f.open), Side.SHORT: (f.fast < f.slow) & (f.close < f.open)}

    def exits(self, f: Frames) -> pd.DataFrame:
        return f.close == f.open


class Crosses(Above):
    name: ClassVar = "crosses"
    side: ClassVar[Side | None] = None

    def indicators(self, c: Candles) -> Mapping[str, Node]:
        fast, slow = ta.sma(c.close, 2), ta.sma(c.close, 4)
        return {
            "fast": fast,
            "slow": slow,
            "entry_long": (fast > slow) & (c.close > c.open),
            "entry_short": (fast < slow) & (c.close < c.open),
            "exit": ~(c.close > c.open) & ~(c.close < c.open),
        }


def scan(strategy: Strategy, candles: CandleWindow, rows: int = 32, timezone: ZoneInfo = INDIA) -> list[Signal]:
    """All signals, in chunks of `rows`."""
    scanner = Scanner([plan(strategy, 2)], candles.symbols, rows, timezone, {})
    return scanner.scan(candles, session_starts(candles))


def candles(*bars: Price | float | None, **others: Any) -> CandleWindow:
    """Bars of A (a number is a bar that does not move), and of other symbols."""
    columns = {"A": bars, **others}
    return window(DAYS, {s: [flat(b) if isinstance(b, float | int) else b for b in row] for s, row in columns.items()})


def where(signals: list[Signal]) -> list[tuple[str, str, int]]:
    """(symbol, side, bar) of the entries; bars are counted from the first day's open."""
    return [(s.symbol, s.side.value, place(s)) for s in signals if not s.exit]


def place(signal: Signal) -> int:
    day = (signal.bar_open - OPENS) // 86_400
    return day * 6 + (signal.bar_open - OPENS - day * 86_400) // BAR


def test_a_signal_says_what_was_seen_on_its_bar() -> None:
    (signal,) = scan(Above(level=100.5), candles((99, 99, 98, 99), (100, 102.5, 100, 101)))
    assert (signal.strategy, signal.strategy_id, signal.symbol, signal.side) == ("above", "77", "A", Side.LONG)
    assert (signal.bar_open, signal.as_of, signal.price, signal.interval) == (at(1), at(2), 101.0, Interval.M5)
    assert dict(signal.inputs) == {"range": 2.5}, "the conditions themselves and the ATR are not inputs"
    # Wilder's, of the true ranges that TA-Lib counts: the second bar's own, 102.5 − 99.
    assert np.isnan(signal.atr) or signal.atr == pytest.approx(3.5)


def test_a_symbol_fires_once_a_session_on_its_first_true_bar() -> None:
    assert where(scan(Above(), candles(99, 101, 102, 99, 103, 104, 101, 101))) == [("A", "long", 1), ("A", "long", 6)]


def test_symbols_fire_each_for_themselves_and_strategies_too() -> None:
    plans = [plan(Above(), 2), plan(SellAbove(), 2)]
    both = candles(99, 101, 101, B=[99, 99, 99, 101])
    scanner = Scanner(plans, both.symbols, 32, INDIA, {})
    found = scanner.scan(both, session_starts(both))
    assert sorted((s.strategy, *where([s])[0]) for s in found) == [
        ("above", "A", "long", 1),
        ("above", "B", "long", 3),
        ("sell_above", "A", "short", 1),
        ("sell_above", "B", "short", 3),
    ]


def test_a_strategy_of_both_sides_fires_once_whichever_side_comes_first() -> None:
    both = candles(100, 101, 99, 100, 100, 100, 99, 101)
    assert where(scan(Both(), both)) == [("A", "long", 1), ("A", "short", 6)]


def test_a_window_begins_with_its_start_and_ends_before_its_end() -> None:
    """09:20–09:30: the bars that open at 09:20 and 09:25, however early or late the rule was true."""
    assert where(scan(Early(), candles(101, 101))) == [("A", "long", 1)], "what was true before does not count"
    assert where(scan(Early(), candles(99, 99, 101))) == [("A", "long", 2)]
    assert where(scan(Early(), candles(99, 99, 99, 101))) == []


def test_a_session_that_begins_outside_the_window_is_a_new_one_all_the_same() -> None:
    every = candles(99, 101, 99, 99, 99, 99, 99, 101)
    assert where(scan(Early(), every, rows=1)) == [("A", "long", 1), ("A", "long", 7)]


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        pytest.param("Asia/Kolkata", "2026-02-02", [False, True, True, False], id="India"),
        pytest.param("America/New_York", "2026-02-02", [False] * 4, id="elsewhere"),
    ],
)
def test_a_window_is_in_exchange_time(zone: str, day: str, expected: list[bool]) -> None:
    rows = candles(*[1.0] * 4).rows(0, 4)
    assert rows.sessions[0].date.isoformat() == day
    assert allowed_rows(rows, (time(9, 20), time(9, 30)), ZoneInfo(zone)).tolist() == expected
    assert allowed_rows(rows, None, ZoneInfo(zone)).all()


def test_nan_is_not_an_entry_even_where_it_is_unequal() -> None:
    """The first bar has no previous close; on a bar that is not traded there is nothing to compare."""
    assert where(scan(NotEqual(level=50), candles(60, None, 60))) == [("A", "long", 2)]


def test_a_bar_that_was_not_traded_gives_no_signal() -> None:
    class Always(Above):
        name: ClassVar = "always"

        def entries(self, f: Frames) -> pd.DataFrame:
            return pd.DataFrame(True, f.close.index, f.close.columns)

        def exits(self, f: Frames) -> pd.DataFrame:
            return pd.DataFrame(True, f.close.index, f.close.columns)

    found = scan(Always(), candles(None, 100, None))
    assert (where(found), [place(s) for s in found if s.exit]) == ([("A", "long", 1)], [1])


def test_exits_are_said_on_every_bar_that_is_true_and_not_counted_as_fired() -> None:
    found = scan(Leaves(), candles(99, 98, 101, 99))
    assert where(found) == [("A", "long", 2)]
    assert [place(s) for s in found if s.exit] == [0, 1, 3]


def test_signals_of_rows_that_are_skipped_are_not_given_and_not_remembered() -> None:
    every = candles(101, 101, 101)
    scanner = Scanner([plan(Above(), 2)], every.symbols, 4, INDIA, {})
    starts = session_starts(every)
    scanner.skip(every.rows(0, 2), starts[:2])
    assert where(scanner.scan(every.rows(2, 6), starts[2:6])) == [("A", "long", 2)]


chunked = st.integers(1, 40)


@given(seed=st.integers(0, 10_000), rows=chunked, gaps=st.sampled_from([0.0, 0.2, 0.8]))
def test_the_same_signals_however_many_rows_at_a_time(seed: int, rows: int, gaps: float) -> None:
    """All at once in the backtest, one by one live; value for value."""
    days = sessions(3, bars=12)
    stored = random_walk(days, 4, seed, gaps)
    few, many = (sorted(scan(Crosses(), stored, n), key=order) for n in (rows, 36))
    assert repr(few) == repr(many)


@given(seed=st.integers(0, 10_000), rows=chunked)
def test_conditions_in_pandas_give_the_signals_of_the_same_conditions_as_expressions(seed: int, rows: int) -> None:
    stored = random_walk(sessions(3, bars=12), 4, seed, gaps=0.3)

    def facts(strategy: Strategy) -> list[str]:
        found = scan(strategy, stored, rows)
        return sorted(repr((s.as_of, s.symbol, s.side, s.exit, s.price, s.atr)) for s in found if not s.exit) + sorted(
            repr((s.as_of, s.symbol)) for s in found if s.exit
        )

    assert facts(Pandas()) == facts(Crosses())


@given(seed=st.integers(0, 10_000), tiles=st.sampled_from([[0, 1, 4], [0, 2, 3, 4], [0, 4]]), begun=st.integers(1, 35))
def test_tiles_that_are_joined_go_on_as_one(seed: int, tiles: list[int], begun: int) -> None:
    """Live warms up tile by tile and then scans a row of all symbols."""
    stored = random_walk(sessions(3, bars=12), 4, seed, gaps=0.2)
    starts = session_starts(stored)
    p = plan(Crosses(), 2)
    parts = []
    for left, right in pairwise(tiles):
        tile = stored.columns(left, right)
        scanner = Scanner([p], tile.symbols, 36, INDIA, {})
        scanner.scan(tile.rows(0, begun), starts[:begun])
        parts.append(scanner)
    whole = Scanner.join(parts, {})
    live = [s for row in range(begun, 36) for s in whole.scan(stored.rows(row, row + 1), starts[row : row + 1])]
    expected = [s for s in scan(Crosses(), stored, 36) if s.as_of > stored.closes[begun - 1]]
    assert [repr(s) for s in sorted(live, key=order)] == [repr(s) for s in sorted(expected, key=order)]


def order(signal: Signal) -> tuple[int, str, bool]:
    return signal.as_of, signal.symbol, signal.exit


class Odd(Above):
    """A strategy whose `entries` answer is given."""

    name: ClassVar = "odd"
    answer: ClassVar[Any] = None

    def indicators(self, c: Candles) -> Mapping[str, Node]:
        return {"level": c.close}

    def entries(self, f: Frames) -> Any:
        return type(self).answer(f)


class OddBoth(Odd):
    side: ClassVar[Side | None] = None


ANSWERS: dict[str, tuple[type[Odd], Any, str]] = {
    "raises": (Odd, lambda f: f.no_such_name, "entries(f): "),
    "divides by zero": (Odd, lambda _: 1 // 0, "entries(f): ZeroDivisionError: integer division or modulo by zero"),
    "one row": (Odd, lambda f: f.close.iloc[-1:] > 0, "entries(f) has shape (1, 1), expected (7, 1) (time × symbol)"),
    "a column": (Odd, lambda f: (f.close > 0).to_numpy()[:, 0], "entries(f) has shape (7,), expected (7, 1)"),
    "nothing": (Odd, lambda _: None, "entries(f) has shape (), expected (7, 1)"),
    "no side": (OddBoth, lambda f: f.close > 0, "entries(f) is for [None]: set `side`, or return a frame for"),
    "a side that is none": (OddBoth, lambda f: {"up": f.close > 0}, "entries(f) is for ['up']: set `side`"),
    "no frames": (OddBoth, lambda _: {}, "entries(f) is for []: set `side`"),
}


@pytest.mark.parametrize(("kind", "answer", "problem"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_is_wrong_is_an_error_that_names_the_strategy(
    monkeypatch: pytest.MonkeyPatch, kind: type[Odd], answer: Any, problem: str
) -> None:
    monkeypatch.setattr(kind, "answer", staticmethod(answer))
    with pytest.raises(StrategyError) as error:
        scan(kind(), candles(*[100.0] * 6).rows(0, 6))
    assert str(error.value).startswith(f"strategy odd: {problem}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("answer", "bars"),
    [
        pytest.param(lambda f: f.close.where(f.close > 100), [], id="prices are not truth"),
        pytest.param(lambda f: (f.close > 100).astype(float), [2], id="one and zero are"),
        pytest.param(lambda f: (f.close > 100).astype(float).where(f.close > 100), [2], id="NaN is false"),
        pytest.param(lambda f: (f.close > 100).shift(1), [3], id="a shift leaves a hole, as objects"),
        pytest.param(lambda f: f.close > 100, [2], id="a frame of truth, which pandas makes read-only"),
        pytest.param(lambda f: {"long": f.close > 100}, [2], id="a side by its name"),
    ],
)
def test_what_counts_as_true(monkeypatch: pytest.MonkeyPatch, answer: Any, bars: list[int]) -> None:
    monkeypatch.setattr(Odd, "answer", staticmethod(answer))
    assert [place(s) for s in scan(Odd(), candles(99, 99, 101, 99))] == bars


def entry_named(name: str) -> type[Above]:
    class Named(Above):
        def indicators(self, c: Candles) -> Mapping[str, Any]:
            return {name: c.close > self.level}

    return Named


def test_a_strategy_without_a_way_to_enter_is_an_error() -> None:
    with pytest.raises(StrategyError, match=r"strategy above: neither entries\(f\) nor an indicator named `entry`"):
        plan(entry_named("enter")())


def test_an_entry_without_a_side_is_an_error_and_not_a_short() -> None:
    class Sideless(entry_named("entry")):  # type: ignore[misc]
        side: ClassVar = None

    with pytest.raises(StrategyError, match="`entry` of a strategy without a side: set `side`"):
        plan(Sideless())


def test_an_indicator_that_is_none_is_an_error() -> None:
    class Number(Above):
        def indicators(self, c: Candles) -> Mapping[str, Any]:
            return {"entry": c.close > 1, "level": 3.0}

    with pytest.raises(StrategyError, match=r"indicators\(\)\['level'\] is 3.0, not an indicator"):
        plan(Number())


def test_indicators_that_raise_are_an_error_that_names_the_strategy() -> None:
    class Raises(Above):
        def indicators(self, c: Candles) -> Mapping[str, Any]:
            return {"entry": c.closed > 1}  # type: ignore[attr-defined]

    with pytest.raises(StrategyError, match=r"strategy above: indicators\(c\): AttributeError: "):
        plan(Raises())


def test_a_scan_in_columns_says_what_the_signals_say() -> None:
    stored = random_walk(sessions(3, bars=12), 4, 5)
    strategy = Both(level=100.0)
    scanner = Scanner([plan(strategy, 2)], stored.symbols, 7, INDIA, {})
    found = scanner.columns(stored, session_starts(stored))
    columns = zip(found.symbol, found.sign, found.as_of, found.price, found.atr, strict=True)
    told = [
        (stored.symbols[s], int(sign), int(as_of), repr(float(p)), repr(float(a))) for s, sign, as_of, p, a in columns
    ]
    signals = scan(strategy, stored)
    assert told == [(s.symbol, s.side.sign, s.as_of, repr(s.price), repr(s.atr)) for s in signals]
    assert len(told) > 4

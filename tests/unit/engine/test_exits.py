"""Where stops and targets lie, in which order a bar tests them, and that they do not depend on how bars are fed."""

from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.domain.exit_plan import ExitKind, ExitPlan, ExitReason
from livetrader.domain.signal import Side
from livetrader.engine.exits import ExitState, Walked, begin, walk
from tests.unit.engine.trading_samples import EXITS, random_walk, sessions

ROOT = Path(__file__).parents[3]
LONG, SHORT = Side.LONG, Side.SHORT
STOP, TARGET, TRAILING = ExitReason.STOP, ExitReason.TARGET, ExitReason.TRAILING

# (open, high, low); a close never matters to an exit.
Bar = tuple[float, float, float]

ATR = ExitPlan(ExitKind.TRAILING_ATR, distance=1.5)
PERCENT = ExitPlan(ExitKind.PERCENT, stop_loss_pct=1.5, take_profit_pct=1.5)
STEP = ExitPlan(ExitKind.STEP_TRAIL, stop_loss_pct=1.5, activation_pct=0.9, increment_pct=0.2, gap_pct=0.2)


def walked(plan: ExitPlan, side: Side, bars: list[Bar], fill: float = 100.0, tick: float = 0.05) -> Walked:
    opens, highs, lows = (np.array(column) for column in zip(*bars, strict=True))
    return walk(begin(plan, side, fill, tick), opens, highs, lows, 0, len(bars))


def mirrored(bars: list[Bar]) -> list[Bar]:
    """The same bars upside down about 100."""
    return [(200 - o, 200 - low, 200 - high) for o, high, low in bars]


@pytest.mark.parametrize(
    ("plan", "side", "fill", "stop", "target"),
    [
        pytest.param(ATR, LONG, 100.0, 98.50, None, id="atr long"),
        pytest.param(ATR, SHORT, 100.0, 101.50, None, id="atr short"),
        pytest.param(ExitPlan(ExitKind.TRAILING_ATR, 1.51), LONG, 100.0, 98.45, None, id="atr long, down to the tick"),
        pytest.param(ExitPlan(ExitKind.TRAILING_ATR, 1.51), SHORT, 100.0, 101.55, None, id="atr short, up to the tick"),
        pytest.param(PERCENT, LONG, 101.30, 99.75, 102.80, id="percent long: 99.7805 and 102.8195"),
        pytest.param(PERCENT, SHORT, 101.30, 102.85, 99.80, id="percent short: 102.8195 and 99.7805"),
        pytest.param(STEP, LONG, 101.30, 99.75, None, id="step trail begins as percent, without a target"),
        pytest.param(STEP, SHORT, 101.30, 102.85, None, id="step trail short"),
        pytest.param(ExitPlan(ExitKind.FIXED, stop_price=97.05), LONG, 101.30, 97.05, None, id="fixed: as it was put"),
        pytest.param(ExitPlan(ExitKind.NONE), LONG, 100.0, None, None, id="none"),
    ],
)
def test_first_levels_are_rounded_away_for_stops_and_towards_for_targets(
    plan: ExitPlan, side: Side, fill: float, stop: float | None, target: float | None
) -> None:
    state = begin(plan, side, fill, 0.05)
    assert (state.best, state.fill) == (fill, fill)
    assert state.stop == stop if stop is not None else math.isnan(state.stop)
    assert state.target == target if target is not None else math.isnan(state.target)


@given(
    fill=st.integers(1_000, 200_000), distance=st.integers(1, 900), tick=st.sampled_from([0.05, 0.01, 0.1, 0.25, 1.0])
)
def test_a_level_that_lies_on_a_tick_stays_on_it(fill: int, distance: int, tick: float) -> None:
    """fill − distance in float64 may come out a hair off the tick: that hair must not cost one."""
    plan = ExitPlan(ExitKind.TRAILING_ATR, distance=distance * tick)
    per_unit = round(1 / tick)
    assert begin(plan, LONG, fill * tick, tick).stop == (fill - distance) / per_unit
    assert begin(plan, SHORT, fill * tick, tick).stop == (fill + distance) / per_unit


# The long case of each rule; the short case is its mirror image.
CASES = {
    "nothing happens": (ATR, [(100, 100.5, 99)], None, None, [98.5]),
    "stop touched": (ATR, [(100, 100.2, 98.5)], 0, STOP, [98.5]),
    "one tick above the stop": (ATR, [(100, 100.2, 98.55)], None, None, [98.5]),
    "open beyond the stop": (ATR, [(98, 98.2, 97.5)], 0, STOP, [98.5]),
    "open at the stop": (ATR, [(98.5, 99, 98.5)], 0, STOP, [98.5]),
    "best price of a bar moves the stop only after it": (ATR, [(100, 103, 99)], None, None, [98.5]),
    "low before high: the risen stop is not tested on the bar that raised it": (
        ATR, [(100, 103, 100.9), (102, 102.5, 101.6)], None, None, [98.5, 101.5],
    ),
    "the risen stop is tested on the next bar": (
        ATR, [(100, 103, 100.9), (102, 102.5, 101.5)], 1, TRAILING, [98.5, 101.5],
    ),
    "a lower high does not loosen the stop": (
        ATR, [(100, 103, 99), (102, 102.2, 101.7), (101.9, 102, 101.5)], 2, TRAILING, [98.5, 101.5, 101.5],
    ),
    "target needs a price through it": (PERCENT, [(100, 101.5, 99)], None, None, [98.5]),
    "target passed": (PERCENT, [(100, 101.55, 99)], 0, TARGET, [98.5]),
    "open beyond the target": (PERCENT, [(102, 102.5, 101.8)], 0, TARGET, [98.5]),
    "stop and target in one bar": (PERCENT, [(100, 102, 98.5)], 0, STOP, [98.5]),
    "open beyond the target, then the stop in the same bar": (PERCENT, [(102, 102.5, 98)], 0, STOP, [98.5]),
    "percent stop never moves": (PERCENT, [(100, 101.5, 99), (100, 101.5, 98.6)], None, None, [98.5, 98.5]),
    "step: below activation": (STEP, [(100, 100.85, 99), (100, 100, 98.6)], None, None, [98.5, 98.5]),
    "step: n = 0, 0.7 % locked": (STEP, [(100, 100.95, 99), (100.9, 100.9, 100.75)], None, None, [98.5, 100.7]),
    "step: n = 1, 0.9 % locked": (STEP, [(100, 101.15, 99), (101, 101, 100.9)], 1, TRAILING, [98.5, 100.9]),
    "step: n = 5, 1.7 % locked": (STEP, [(100, 101.95, 99), (101.8, 101.8, 101.75)], None, None, [98.5, 101.7]),
    "step: a wide gap does not loosen the first stop": (
        replace(STEP, stop_loss_pct=0.5, activation_pct=0.3, gap_pct=1.0),
        [(100, 100.35, 99.8), (100, 100, 99.5)],
        1,
        STOP,
        [99.5, 99.5],
    ),
    "no exit": (ExitPlan(ExitKind.NONE), [(100, 200, 1), (1, 1000, 1)], None, None, [math.nan] * 2),
}  # fmt: skip


@pytest.mark.parametrize(("plan", "bars", "bar", "reason", "levels"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("side", Side)
def test_a_bar_tests_the_known_stop_then_the_target_then_moves_the_stop(
    side: Side, plan: ExitPlan, bars: list[Bar], bar: int | None, reason: ExitReason | None, levels: list[float]
) -> None:
    """`levels` are the stops known at the open of each bar that was walked."""
    expected = levels if side is LONG else [round(200 - level, 2) for level in levels]
    found = walked(plan, side, bars if side is LONG else mirrored(bars))
    assert (found.bar, found.reason) == (bar, reason)
    np.testing.assert_array_equal(found.levels, expected)


def test_the_atr_of_the_signal_bar_is_the_distance_for_the_whole_trade() -> None:
    """Best price 110, distance 1.5, whatever ranges the bars have."""
    assert walked(ATR, LONG, [(100, 110, 99)]).state.stop == 108.5


def test_the_best_price_begins_at_the_fill_and_not_at_the_bars_open() -> None:
    """Filled at 100.30 by slippage on a bar that opened at 100.10: its high of 100.20 moves nothing."""
    state = walked(ATR, LONG, [(100.10, 100.20, 99.5)], fill=100.30).state
    assert (state.best, state.stop) == (100.30, 98.80)


def test_a_fixed_stop_stays_where_it_was_put() -> None:
    plan = ExitPlan(ExitKind.FIXED, stop_price=98.0)
    found = walked(plan, LONG, [(100, 110, 99), (109, 110, 98.5), (100, 101, 97.5)])
    assert (found.state.stop, found.bar, found.reason) == (98.0, 2, STOP)


def test_a_walk_over_no_bars_changes_nothing() -> None:
    state = begin(ATR, LONG, 100.0, 0.05)
    found = walk(state, *(np.empty(0),) * 3, 0, 0)
    assert (found.state, found.bar, found.reason, len(found.levels)) == (state, None, None, 0)


plans = st.one_of(
    st.floats(0.05, 5).map(lambda d: ExitPlan(ExitKind.TRAILING_ATR, distance=d)),
    st.builds(
        lambda stop, target: ExitPlan(ExitKind.PERCENT, stop_loss_pct=stop, take_profit_pct=target),
        st.floats(0.05, 5), st.floats(0.05, 5),
    ),
    st.builds(
        lambda stop, activation, increment, gap: ExitPlan(
            ExitKind.STEP_TRAIL, stop_loss_pct=stop, activation_pct=activation, increment_pct=increment, gap_pct=gap
        ),
        st.floats(0.05, 1), st.floats(0.05, 1), st.floats(0.05, 1), st.floats(0.05, 4),
    ),
    st.just(ExitPlan(ExitKind.NONE)),
)  # fmt: skip
sides = st.sampled_from(Side)


def random_bars(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    stored = random_walk(sessions(1, bars=60), 1, seed, gaps=0.0)
    return stored.open[:, 0].copy(), stored.high[:, 0].copy(), stored.low[:, 0].copy()


@given(plans, sides, st.integers(0, 10_000), st.lists(st.integers(0, 60), max_size=8))
def test_bars_in_any_portions_give_the_same_as_all_at_once(
    plan: ExitPlan, side: Side, seed: int, stops: list[int]
) -> None:
    """Bit for bit: the live loop walks one bar, the backtest a session, a late scan some."""
    bars = random_bars(seed)
    first = begin(plan, side, float(bars[0][0]), 0.05)
    whole = walk(first, *bars, 0, 60)
    state, levels, bar, reason = first, list[float](), None, None
    cuts = [0, *sorted(stops), 60]
    for start, end in pairwise(cuts):
        part = walk(state, *bars, start, end)
        state, levels = part.state, levels + part.levels.tolist()
        if part.bar is not None:
            bar, reason = part.bar, part.reason
            break
    assert (bar, reason, repr(state)) == (whole.bar, whole.reason, repr(whole.state))
    np.testing.assert_array_equal(levels, whole.levels)


@given(plans, sides, st.integers(0, 10_000))
def test_a_stop_never_loosens_and_is_never_better_than_the_best_price(plan: ExitPlan, side: Side, seed: int) -> None:
    bars = random_bars(seed)
    found = walk(begin(plan, side, float(bars[0][0]), 0.05), *bars, 0, 60)
    assert (np.diff(found.levels) * side.sign >= 0).all() or plan.kind is ExitKind.NONE
    if plan.kind is not ExitKind.NONE:
        assert (found.state.best - found.state.stop) * side.sign >= 0
        ticks = found.levels * 20
        np.testing.assert_allclose(ticks, np.round(ticks), atol=1e-6, err_msg="every level lies on a tick")


@given(plans, sides, st.integers(0, 10_000))
def test_no_bar_before_the_exit_had_reached_it(plan: ExitPlan, side: Side, seed: int) -> None:
    """Told once more, without a loop that remembers anything but the levels."""
    opens, highs, lows = random_bars(seed)
    found = walk(begin(plan, side, float(opens[0]), 0.05), opens, highs, lows, 0, 60)
    worst, favourable = (lows, highs) if side is LONG else (highs, lows)
    last = 60 if found.bar is None else found.bar
    target = found.state.target
    for i in range(last):
        assert not (worst[i] - found.levels[i]) * side.sign <= 0
        assert not (favourable[i] - target) * side.sign > 0
    if found.reason is TARGET:
        assert (favourable[last] - target) * side.sign > 0
        assert (worst[last] - found.levels[last]) * side.sign > 0
    elif found.bar is not None:
        assert (worst[last] - found.levels[last]) * side.sign <= 0
        assert (found.reason is TRAILING) == (found.levels[last] != found.levels[0])


def digest() -> str:
    """A hash of many walks, to be compared between processes."""
    total = hashlib.sha256()
    for seed in range(40):
        bars = random_bars(seed)
        for settings in EXITS.values():
            for side in Side:
                plan = settings.plan(0.4 + seed / 70, square_off=True)
                state: ExitState = begin(plan, side, float(bars[0][0]), 0.05)
                found = walk(state, *bars, 0, 60)
                numbers = [found.state.best, found.state.stop, found.state.target, *found.levels]
                total.update(repr((found.bar, found.reason, [float(n).hex() for n in numbers])).encode())
    return total.hexdigest()


def test_the_plain_python_reading_gives_the_same_bits_as_the_compiled_one() -> None:
    command = [sys.executable, "-c", "from tests.unit.engine.test_exits import digest; print(digest())"]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert answer.stderr == ""
    assert answer.stdout.strip() == digest()

"""When a position closes: the levels of its exit plan, walked bar by bar.

Source of the rules: STRATEGIES.md "Exits" and CLI.md "Fill model". Inside a bar, price moves open → adverse
extreme → favourable extreme. The stop that was known at the bar's open is tested first, at the open and at the
adverse extreme; then the target, which is a resting limit order and needs a price *through* it; only then do the
best price and a trailing stop move. One compiled loop serves all modes: the backtest walks many bars at once,
the live loop one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numba import njit

from livetrader.domain.candles import Floats
from livetrader.domain.exit_plan import ExitKind, ExitPlan, ExitReason, Replan
from livetrader.domain.signal import Side

_KINDS = {ExitKind.NONE: 0, ExitKind.TRAILING_ATR: 1, ExitKind.PERCENT: 2, ExitKind.STEP_TRAIL: 3, ExitKind.FIXED: 4}
_TRAILING_ATR, _STEP_TRAIL = 1, 3
_OPEN, _STOPPED, _HIT_TARGET = 0, 1, 2

# An exact multiple of the tick may come out of float arithmetic a hair to either side of itself.
_TICK_SLACK = 1e-6


@njit(cache=True)
def _tick_down(price: float, per_unit: float) -> float:
    return math.floor(price * per_unit + _TICK_SLACK) / per_unit


@njit(cache=True)
def _tick_up(price: float, per_unit: float) -> float:
    return math.ceil(price * per_unit - _TICK_SLACK) / per_unit


@njit(cache=True)
def _away(price: float, sign: int, per_unit: float) -> float:
    """A stop level on the tick grid, rounded away from the market."""
    return _tick_down(price, per_unit) if sign > 0 else _tick_up(price, per_unit)


@njit(cache=True)
def _moved(
    kind: int, sign: int, per_unit: float, fill: float, best: float, stop: float,
    distance: float, activation: float, increment: float, gap: float,
) -> float:  # fmt: skip
    """The stop after the best price became `best`; it never loosens."""
    level = stop
    if kind == _TRAILING_ATR:
        level = _away(best - sign * distance, sign, per_unit)
    elif kind == _STEP_TRAIL:
        favourable = sign * (best - fill) / fill * 100.0
        if favourable >= activation:
            steps = math.floor((favourable - activation) / increment)
            locked = activation + steps * increment - gap
            level = _away(fill * (1.0 + sign * locked / 100.0), sign, per_unit)
    if math.isnan(stop):
        return level
    return max(stop, level) if sign > 0 else min(stop, level)


@njit(cache=True)
def _walk(
    kind: int, sign: int, per_unit: float, fill: float, distance: float, activation: float, increment: float,
    gap: float, target: float, best: float, stop: float,
    opens: Floats, highs: Floats, lows: Floats, start: int, end: int, levels: Floats,
) -> tuple[int, int, float, float]:  # fmt: skip
    """Walk bars start..end: (bar of the exit or `end`, what happened, best, stop known at that bar's open).

    `levels[i]` becomes the stop that was known at the open of bar start + i.
    """
    for i in range(start, end):
        levels[i - start] = stop
        adverse = lows[i] if sign > 0 else highs[i]
        favourable = highs[i] if sign > 0 else lows[i]
        if sign * (opens[i] - stop) <= 0.0 or sign * (adverse - stop) <= 0.0:
            return i, _STOPPED, best, stop
        if sign * (opens[i] - target) > 0.0 or sign * (favourable - target) > 0.0:
            return i, _HIT_TARGET, best, stop
        if sign * (favourable - best) > 0.0:
            best = favourable
            stop = _moved(kind, sign, per_unit, fill, best, stop, distance, activation, increment, gap)
    return end, _OPEN, best, stop


@dataclass(frozen=True, slots=True)
class ExitState:
    """Where a position's exit stands: the best price since the fill, the stop, the target (NaN: none)."""

    plan: ExitPlan
    side: Side
    fill: float
    per_unit: float
    best: float
    stop: float
    target: float
    first_stop: float

    @property
    def reason(self) -> ExitReason:
        """Why a stop that is hit now closes the position."""
        return self.reason_at(self.stop)

    def reason_at(self, level: float) -> ExitReason:
        """Why a stop at `level` closes the position: it is the first stop, or one that has trailed."""
        return ExitReason.STOP if level == self.first_stop else ExitReason.TRAILING


@dataclass(frozen=True, slots=True)
class Walked:
    """What a walk found: the state at its end, the bar that closes the position (None: none), and why."""

    state: ExitState
    bar: int | None
    reason: ExitReason | None
    levels: Floats


def begin(plan: ExitPlan, side: Side, fill: float, tick: float) -> ExitState:
    """The exit of a position that was filled at `fill`: best price is the fill, levels are on the tick grid."""
    sign, per_unit = side.sign, 1.0 / tick
    stop = target = float("nan")
    if plan.kind is ExitKind.TRAILING_ATR:
        stop = _away(fill - sign * plan.distance, sign, per_unit)
    elif plan.kind in (ExitKind.PERCENT, ExitKind.STEP_TRAIL):
        stop = _away(fill * (1.0 - sign * plan.stop_loss_pct / 100.0), sign, per_unit)
    elif plan.kind is ExitKind.FIXED:
        stop = plan.stop_price
    if plan.kind is ExitKind.PERCENT:
        # Towards the market: the same direction as the stop's, seen from the other side.
        target = _away(fill * (1.0 + sign * plan.take_profit_pct / 100.0), sign, per_unit)
    elif not math.isnan(plan.target_price):
        target = plan.target_price
    return ExitState(plan, side, fill, per_unit, fill, stop, target, stop)


def resumed(replan: Replan, side: Side, tick: float) -> ExitState:
    """The exit of a position that goes on as `replan` says."""
    return ExitState(
        replan.plan, side, replan.fill, 1.0 / tick, replan.best, replan.stop, replan.target, replan.first_stop
    )  # fmt: skip


def walk(state: ExitState, opens: Floats, highs: Floats, lows: Floats, start: int, end: int) -> Walked:
    """Test and move the exit over bars `start..end` of a symbol's traded bars."""
    plan = state.plan
    levels = np.empty(max(end - start, 0))
    bar, outcome, best, stop = _walk(
        _KINDS[plan.kind], state.side.sign, state.per_unit, state.fill, plan.distance, plan.activation_pct,
        plan.increment_pct, plan.gap_pct, state.target, state.best, state.stop,
        opens, highs, lows, start, end, levels,
    )  # fmt: skip
    after = replace(state, best=best, stop=stop)
    if outcome == _OPEN:
        return Walked(after, None, None, levels)
    reason = after.reason if outcome == _STOPPED else ExitReason.TARGET
    return Walked(after, int(bar), reason, levels[: bar - start + 1])

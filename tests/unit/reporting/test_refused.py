"""What refused signals did next, measured in the same way as those that were taken."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from report_samples import at, decision, session

from livetrader.domain.signal import Side
from livetrader.ports import Bars, Decision
from livetrader.reporting.refused import TAKEN, Forward, first_of_each, forward, outcomes, t_value

TUE = date(2026, 2, 3)


def moved(given: Decision, clock: str, day: date | None = None, **changes: object) -> Decision:
    as_of = int((at(clock) if day is None else at(clock, day)).timestamp())
    return replace(given, signal=replace(given.signal, as_of=as_of, bar_open=as_of - 300, **changes))  # type: ignore[arg-type]


def test_a_signal_that_stands_and_is_refused_again_is_one_missed_trade() -> None:
    refused = decision("max_positions")
    repeated = [
        moved(refused, "10:00"),
        moved(refused, "10:05"),
        moved(refused, "10:05", symbol="LT"),
        moved(refused, "10:05", strategy="other"),
        moved(decision("cooldown"), "10:10"),
        moved(refused, "10:00", TUE),
    ]
    found = first_of_each(repeated, [session(), session(TUE)])
    assert [(rule, one.symbol, one.strategy, held.date.day) for rule, one, held in found] == [
        ("max_positions", "SBIN", "momentum_long", 2),
        ("max_positions", "LT", "momentum_long", 2),
        ("max_positions", "SBIN", "other", 2),
        ("cooldown", "SBIN", "momentum_long", 2),
        ("max_positions", "SBIN", "momentum_long", 3),
    ]


def test_what_was_taken_is_measured_and_what_never_came_to_a_verdict_is_not() -> None:
    leaving = moved(decision("max_positions"), "10:00", exit=True)
    found = first_of_each([decision(None), decision(None, note="no price"), leaving], [session()])
    assert [rule for rule, _, _ in found] == [TAKEN]


@pytest.mark.parametrize(
    ("side", "clock", "pct"),
    [(Side.LONG, "15:00", 10.0), (Side.SHORT, "15:00", -10.0), (Side.LONG, "15:19", None)],
    ids=["long", "short", "no bar before the square-off"],
)
def test_the_forward_return_runs_from_the_next_open_to_the_square_off(
    side: Side, clock: str, pct: float | None
) -> None:
    """The square-off is at 15:20: the bar that closes after it, at 500, is not reached."""
    starts = ("14:55", "15:00", "15:05", "15:18")
    ts = np.array([int(at(start).timestamp()) for start in starts], np.int64)
    opens, closes = np.array([90.0, 100.0, 105.0, 110.0]), np.array([95.0, 104.0, 110.0, 500.0])
    bars = Bars(ts, ts + 300, opens, np.maximum(opens, closes), np.minimum(opens, closes), closes, closes)
    signal = moved(decision("x"), clock, side=side).signal
    found = forward("x", signal, session(), bars)
    assert (None if found is None else round(found.pct, 9)) == pct


def test_the_outcomes_put_those_taken_first_and_count_what_went_our_way() -> None:
    found = outcomes([Forward("b", "s", "X", 1.0), Forward("b", "s", "Y", -3.0), Forward(TAKEN, "s", "Z", 0.5)])
    assert [(one.rule, one.signals, one.mean_pct, one.hit_rate) for one in found] == [
        (TAKEN, 1, 0.5, 1.0),
        ("b", 2, -1.0, 0.5),
    ]


@pytest.mark.parametrize(
    ("values", "t"),
    [([1.0, 2.0, 3.0, 4.0], 3.872983346207), ([1.0], None), ([2.0, 2.0], None), ([-1.0, 1.0], 0.0)],
    ids=["four", "one", "equal", "around zero"],
)
def test_the_t_value_is_the_mean_over_its_standard_error(values: list[float], t: float | None) -> None:
    assert t_value(values) == t

"""The falls of a curve: depth, length, and when they were made good."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.reporting.drawdowns import deepest, falls
from livetrader.reporting.statistics import drawdown

DAY = 86_400
values = st.lists(st.integers(1, 300), min_size=1, max_size=60)


def curve(*points: int) -> list[tuple[int, Decimal]]:
    return [(DAY * i, Decimal(value)) for i, value in enumerate(points)]


def test_a_fall_runs_from_its_peak_to_the_first_point_that_is_back_there() -> None:
    (found,) = falls(curve(100, 120, 90, 110, 120, 130))
    assert (found.value, found.pct) == (30, 25.0)
    assert (found.peak_at, found.trough_at, found.recovered_at) == (DAY, 2 * DAY, 4 * DAY)
    assert (found.duration_seconds, found.recovery_seconds) == (3 * DAY, 2 * DAY)


def test_a_fall_that_is_not_made_good_lasts_to_the_curves_end() -> None:
    (found,) = falls(curve(100, 80, 90))
    assert (found.recovered_at, found.recovery_seconds, found.duration_seconds) == (None, None, 2 * DAY)


@pytest.mark.parametrize("points", [(), (100,), (100, 100, 101), (1, 2, 3)], ids=["none", "one", "flat", "rising"])
def test_a_curve_that_never_falls_has_none(points: tuple[int, ...]) -> None:
    assert falls(curve(*points)) == ()


def test_a_flat_top_is_no_part_of_the_fall() -> None:
    (found,) = falls(curve(100, 100, 100, 90, 100))
    assert found.peak_at == 2 * DAY


def test_the_deepest_come_first_by_percent_and_the_earliest_of_equals() -> None:
    found = deepest(curve(100, 90, 100, 95, 100, 90, 200, 185, 200), count=3)
    assert [fall.pct for fall in found] == [10.0, 10.0, 7.5]
    assert found[0].peak_at < found[1].peak_at


@given(values)
def test_the_deepest_of_all_is_the_statistics_drawdown(points: list[int]) -> None:
    found = drawdown(curve(*points))
    assert found is not None
    assert max((fall.value for fall in falls(curve(*points))), default=Decimal(0)) == found.value


@given(values)
def test_falls_follow_each_other_and_hold_every_point_below_a_peak(points: list[int]) -> None:
    given_curve = curve(*points)
    found = falls(given_curve)
    for one, following in pairwise(found):
        assert one.recovered_at is not None
        assert one.recovered_at <= following.peak_at
    below = {at for i, (at, value) in enumerate(given_curve) if any(other > value for _, other in given_curve[:i])}
    inside = {at for at, _ in given_curve for fall in found if fall.peak_at < at < (fall.recovered_at or at + 1)}
    assert below == inside

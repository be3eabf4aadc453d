"""Our ratios against an independent library (empyrical-reloaded), to 1e-9, and where the two differ on purpose.

The library answers NaN or ±inf where a ratio is undefined; we answer None. Where returns differ from each other by
less than a millionth of their size, a float cannot tell their deviation to nine digits, whoever computes it; nor the
depth of a fall below a millionth.
"""

from __future__ import annotations

import math
import statistics as reference
from collections.abc import Callable, Sequence

import empyrical
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from livetrader.reporting import returns as ours

Ratio = Callable[[Sequence[float], int], float | None]

PER_YEAR = st.sampled_from([252, 365])
day = st.floats(-0.9, 3.0, allow_nan=False)
usual = st.floats(-0.05, 0.05, allow_nan=False)
series = st.one_of(
    st.lists(usual, min_size=2, max_size=200),
    st.lists(day, min_size=2, max_size=200),
    st.lists(st.sampled_from([0.0, -0.0, 1e-12, -1e-12, 0.5, -0.5, -0.9, 3.0]), min_size=2, max_size=60),
    st.builds(lambda value, count, last: [value] * count + [last], day, st.integers(1, 100), day),
)

RATIOS: list[tuple[str, Ratio, Callable[..., float]]] = [
    ("volatility", ours.volatility, empyrical.annual_volatility),
    ("sharpe", ours.sharpe_ratio, empyrical.sharpe_ratio),
    ("downside deviation", ours.downside_deviation, empyrical.downside_risk),
    ("sortino", ours.sortino_ratio, empyrical.sortino_ratio),
    ("growth", ours.growth, empyrical.cagr),
    ("calmar", ours.calmar_ratio, empyrical.calmar_ratio),
]


def close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


def told_apart(values: Sequence[float]) -> bool:
    """Whether a float holds the deviation of `values` to nine digits and more."""
    return reference.pstdev(values) > 1e-6 * max(abs(value) for value in values)


@pytest.mark.parametrize(("ratio", "theirs"), [case[1:] for case in RATIOS], ids=[case[0] for case in RATIOS])
@given(values=series, per_year=PER_YEAR)
def test_every_ratio_is_the_librarys(
    ratio: Ratio, theirs: Callable[..., float], values: list[float], per_year: int
) -> None:
    assume(ratio in (ours.growth, ours.calmar_ratio, ours.downside_deviation) or told_apart(values))
    assume(ratio is not ours.calmar_ratio or ours.deepest_fall(values) > 1e-6)
    found = ratio(values, per_year)
    assume(found is not None)
    assert found is not None
    assert close(found, theirs(np.array(values), annualization=per_year))


@given(series)
def test_the_deepest_fall_is_the_librarys(values: list[float]) -> None:
    assert close(ours.deepest_fall(values), -empyrical.max_drawdown(np.array(values)))


@given(values=st.lists(usual, min_size=1, max_size=80), window=st.integers(2, 30))
def test_the_rolling_sharpe_is_the_librarys(values: list[float], window: int) -> None:
    found = ours.rolling_sharpe(values, window, 252)
    assert len(found) == max(len(values) - window + 1, 0)
    if not found:
        return  # the library has no answer of length zero
    theirs = empyrical.roll_sharpe_ratio(np.array(values), window)
    for end, (one, other) in enumerate(zip(found, theirs, strict=True), window):
        if one is not None and told_apart(values[end - window : end]):
            assert close(one, other)


@given(st.lists(st.tuples(usual, usual), min_size=3, max_size=100))
def test_the_correlation_is_numpys(pairs: list[tuple[float, float]]) -> None:
    left, right = [a for a, _ in pairs], [b for _, b in pairs]
    found = ours.correlation(left, right)
    assume(found is not None)
    assume(told_apart(left))
    assume(told_apart(right))
    assert found is not None
    assert close(found, float(np.corrcoef(left, right)[0, 1]))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("sharpe", [0.25, 0.25, 0.25]),
        ("sharpe", [0.0, 0.0]),
        ("sharpe", [0.25]),
        ("sortino", [0.01, 0.02]),
        ("sortino", [0.01]),
        ("calmar", [0.01, 0.02]),
    ],
    ids=["equal returns", "no returns", "one return", "no loss", "one return again", "no fall"],
)
def test_where_the_library_has_no_finite_answer_ours_is_none(name: str, values: list[float]) -> None:
    ratio, theirs = next((a, b) for case, a, b in RATIOS if case == name)
    assert ratio(values, 252) is None
    assert not math.isfinite(theirs(np.array(values)))


@given(values=series)
def test_nothing_but_the_undefined_is_none(values: list[float]) -> None:
    """None stands for equal returns, no loss, no fall; it must not swallow an answer that there is."""
    if told_apart(values) and reference.pstdev(values) > 1e-9:
        assert ours.sharpe_ratio(values, 252) is not None
    assert (ours.calmar_ratio(values, 252) is None) == (ours.deepest_fall(values) <= 0)
    if min(values) < -1e-9:
        assert ours.sortino_ratio(values, 252) is not None


def test_downside_deviation_counts_every_day_and_not_the_losing_ones_alone() -> None:
    """The other usage, the deviation of the losing days, would be larger by √(days / losing days)."""
    values = [0.02, -0.01, 0.03, -0.02]
    losing = math.sqrt((0.01**2 + 0.02**2) / 2 * 252)
    assert ours.downside_deviation(values, 252) == pytest.approx(losing / math.sqrt(2))


def test_growth_counts_sessions_and_not_days_of_the_calendar() -> None:
    """252 sessions of NSE are its year, whatever days they fell on: half a year's double is a year's fourfold."""
    assert ours.growth([1.0, *[0.0] * 125], 252) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("values", "grown"), [([-1.0, 0.5], -1.0), ([], None), ([1e9], None)], ids=["all lost", "nothing", "overflow"]
)
def test_growth_at_its_borders(values: list[float], grown: float | None) -> None:
    assert ours.growth(values, 252) == grown


@given(st.lists(usual, min_size=2, max_size=60), st.randoms(use_true_random=False))
def test_the_order_of_the_work_changes_no_bit(values: list[float], chance: object) -> None:
    """Sums are exact, so the same returns in another order give the same volatility, Sharpe and Sortino ratio."""
    shuffled = list(values)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    for ratio in (ours.volatility, ours.sharpe_ratio, ours.sortino_ratio):
        assert ratio(values, 252) == ratio(shuffled, 252)

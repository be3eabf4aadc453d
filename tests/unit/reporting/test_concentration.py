"""How much hangs on how little."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_samples import at, trade

from livetrader.reporting.concentration import Level, concentration, level
from livetrader.reporting.diversification import LEAST_RETURNS, average_correlation, diversification

WAVE = [0.01, -0.02, 0.03, 0.01, -0.01, 0.02, -0.03]


def series(sign: int, count: int = 40) -> dict[int, float]:
    return {day: sign * WAVE[day % len(WAVE)] + 0.0001 * day for day in range(count)}


@pytest.mark.parametrize(
    ("positions", "expected"), [(1, Level.HIGH), (3, Level.HIGH), (4, Level.MEDIUM), (6, Level.MEDIUM), (7, Level.LOW)]
)
def test_equal_positions_by_their_number(positions: int, expected: Level) -> None:
    found = concentration({str(i): Decimal(100) for i in range(positions)})
    assert found is not None
    assert level(found.hhi) == expected


@pytest.mark.parametrize(
    ("hhi", "correlated", "expected"),
    [
        (0.1, None, Level.LOW), (0.1, 0.2, Level.LOW), (0.1, 0.5, Level.MEDIUM), (0.1, 0.71, Level.HIGH),
        (0.15, -0.5, Level.MEDIUM), (0.25, 0.1, Level.MEDIUM), (0.2501, 0.1, Level.HIGH),
    ],
)  # fmt: skip
def test_the_worse_of_the_two_numbers_counts(hhi: float, correlated: float | None, expected: Level) -> None:
    assert level(hhi, correlated) == expected


@given(st.dictionaries(st.text("ABC", min_size=1, max_size=3), st.decimals("0", "1000", places=2), max_size=12))
def test_weights_are_parts_of_one_and_the_hhi_their_squares(exposure: dict[str, Decimal]) -> None:
    found = concentration(exposure)
    if found is None:
        assert not any(exposure.values())
        return
    sizes = [weight for _, weight in found.weights]
    assert sum(sizes) == pytest.approx(1, abs=1e-5)
    assert sizes == sorted(sizes, reverse=True)
    assert found.hhi == pytest.approx(sum(size * size for size in sizes), abs=1e-5)
    assert 1 / len(sizes) - 1e-6 <= found.hhi <= 1


def test_the_mean_correlation_is_over_pairs_with_enough_days_in_common() -> None:
    same, opposite, short = series(1), series(-1), series(1, LEAST_RETURNS - 1)
    assert average_correlation({"A": same, "B": same, "C": short}) == (1.0, 1)
    mean, pairs = average_correlation({"A": same, "B": same, "C": opposite})
    assert pairs == 3
    assert mean == pytest.approx((1 - 2) / 3, abs=0.01)
    assert average_correlation({"A": same}) == (None, 0)


def test_a_trade_weighs_what_it_was_for_as_long_as_it_was() -> None:
    trades = [
        trade("1", symbol="A", strategy="s", quantity="1", entry_price="100", exit_at=at("12:00")),
        trade("1", symbol="B", strategy="t", quantity="2", entry_price="100", exit_at=at("10:30")),
    ]
    found = diversification(trades, {}, {"A": "IT"})
    assert found is not None
    assert dict(found.by_symbol.weights) == {"A": pytest.approx(2 / 3, abs=1e-6), "B": pytest.approx(1 / 3, abs=1e-6)}
    assert found.by_sector is not None
    assert [name for name, _ in found.by_sector.weights] == ["IT", "unknown"]
    assert found.level is Level.HIGH


def test_without_sectors_or_without_time_there_is_nothing_to_say() -> None:
    one = trade("1")
    found = diversification([one], {}, {})
    assert found is not None
    assert found.by_sector is None
    at_once = trade("1", exit_at=one.entry_at)
    assert diversification([at_once], {}, {}) is None
    assert diversification([], {}, {}) is None
    assert one.exit_at - one.entry_at > timedelta(0)

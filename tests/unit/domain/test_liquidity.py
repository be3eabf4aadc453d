"""What a fill costs under the realistic model, term by term."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.domain.liquidity import Conditions, Realism, conditions, impact_bps, slippage_bps

NUMBERS = Realism(
    slippage_floor_bps=2,
    slippage_cap_bps=10,
    volatility_weight=0.1,
    volatility_bars=20,
    participation_weight=0.2,
    impact_coefficient=1,
    max_participation_pct=Decimal(10),
    latency_ms=250,
)
CALM, WILD = Conditions(0.0, 1e6), Conditions(500.0, 1e6)


def test_volatility_is_parkinsons_and_traded_value_the_mean() -> None:
    """One bar of ln(high/low) = 0.02 has σ = 0.02 / √(4 ln 2) = 1.2011 %."""
    seen = conditions([100 * math.exp(0.02)], [100.0], [5e6])
    assert seen is not None
    assert seen.volatility_bps == pytest.approx(120.11, abs=0.01)
    both = conditions([100 * math.exp(0.02), 50.0], [100.0, 50.0], [5e6, 1e6])
    assert both is not None
    assert both.volatility_bps == pytest.approx(120.11 / math.sqrt(2), abs=0.01)
    assert both.traded_value == 3e6


def test_no_bar_says_nothing() -> None:
    assert conditions([], [], []) is None


@pytest.mark.parametrize(
    ("seen", "participation", "late", "expected"),
    [
        pytest.param(CALM, 0.0, 0.0, 2.0, id="the floor"),
        pytest.param(Conditions(20.0, 1e6), 0.0, 0.0, 4.0, id="volatility"),
        pytest.param(CALM, 10.0, 0.0, 4.0, id="participation"),
        pytest.param(Conditions(20.0, 1e6), 0.0, 0.01, 6.0, id="latency: σ √0.01"),
        pytest.param(CALM, 0.0, 1.0, 2.0, id="late in a market that stands still"),
        pytest.param(WILD, 0.0, 0.0, 10.0, id="the cap"),
        pytest.param(None, 0.0, 0.0, 10.0, id="nothing known: the cap"),
    ],
)
def test_slippage(seen: Conditions | None, participation: float, late: float, expected: float) -> None:
    assert slippage_bps(NUMBERS, seen, participation, late) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("seen", "order_value", "bar_value", "expected"),
    [
        pytest.param(Conditions(20.0, 1e6), 1e6, 9e9, 20.0, id="as much as a bar trades: one σ"),
        pytest.param(Conditions(20.0, 1e6), 1e4, 9e9, 2.0, id="a hundredth: a tenth of it"),
        pytest.param(Conditions(20.0, 1e6), 4e6, 9e9, 40.0, id="four bars: twice"),
        pytest.param(CALM, 1e9, 1.0, 0.0, id="a market that stands still"),
        pytest.param(None, 1e6, 4e6, 5.0, id="nothing known: the cap, and its own bar"),
        pytest.param(Conditions(20.0, 0.0), 1e6, 4e6, 10.0, id="bars without volume: its own bar"),
        pytest.param(Conditions(20.0, 0.0), 1e6, 0.0, 20.0, id="no volume anywhere: it is all there is"),
    ],
)
def test_impact_is_the_square_root_law(
    seen: Conditions | None, order_value: float, bar_value: float, expected: float
) -> None:
    assert impact_bps(NUMBERS, seen, order_value, bar_value) == pytest.approx(expected)


MONEY = st.just(0.0) | st.floats(0.01, 1e12)
WHERE = st.none() | st.builds(Conditions, st.floats(0, 2_000), MONEY)


@given(WHERE, st.floats(0, 100), st.floats(0, 100), st.floats(0, 1))
def test_slippage_stays_between_floor_and_cap_and_grows_with_size(
    seen: Conditions | None, size: float, more: float, late: float
) -> None:
    small, large = sorted((size, more))
    one, other = (slippage_bps(NUMBERS, seen, part, late) for part in (small, large))
    assert 2 <= one <= other <= 10


@given(WHERE, MONEY, MONEY, MONEY)
def test_impact_is_never_in_our_favour_and_grows_with_size(
    seen: Conditions | None, size: float, more: float, bar_value: float
) -> None:
    small, large = sorted((size, more))
    assert 0 <= impact_bps(NUMBERS, seen, small, bar_value) <= impact_bps(NUMBERS, seen, large, bar_value)


@given(st.lists(st.tuples(st.floats(1, 1e5), st.floats(0, 0.2), st.floats(0, 1e9)), min_size=1, max_size=30))
def test_the_order_of_bars_changes_no_bit(bars: list[tuple[float, float, float]]) -> None:
    """A sum that is exact before it is rounded: backtest and live hold the same bars in different arrays."""
    lows, ranges, values = zip(*bars, strict=True)
    highs = [low * (1 + range_) for low, range_ in zip(lows, ranges, strict=True)]
    assert conditions(highs, lows, values) == conditions(highs[::-1], lows[::-1], values[::-1])

"""Strategies beside each other."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_samples import at, trade

from livetrader.domain.position import Trade
from livetrader.reporting.comparison import comparison

DAYS = [date(2026, 2, day) for day in (2, 3, 4, 5)]
CAPITAL = Decimal(10_000)


def made(strategy: str, *nets: int) -> list[Trade]:
    """One trade a day of one strategy; none on a day with zero."""
    days = zip(DAYS, nets, strict=False)
    return [trade(str(net), strategy=strategy, entry_at=at("10:00", day)) for day, net in days if net]


def test_the_daily_profits_run_over_all_sessions_and_fall_from_their_peak() -> None:
    (line,) = comparison(made("a", 100, 0, -150, 30), DAYS, CAPITAL, 252).strategies
    assert line.daily == (100, 0, -150, 30)
    assert line.running == (100, 100, -50, -20)
    assert line.drawdown == 150
    assert line.return_pct == -0.2


def test_a_first_loss_is_a_fall_from_the_start() -> None:
    (line,) = comparison(made("a", -70, 20), DAYS, CAPITAL, 252).strategies
    assert line.drawdown == 70


@pytest.mark.parametrize(
    ("other", "value"),
    [((20, -10, 40, 2), 1.0), ((-20, 10, -40, -2), -1.0), ((7, 7, 7, 7), None)],
    ids=["the same bet", "the opposite", "no variation"],
)
def test_strategies_that_move_together_are_found(other: tuple[int, ...], value: float | None) -> None:
    found = comparison([*made("a", 10, -5, 20, 1), *made("b", *other)], DAYS, CAPITAL, 252)
    assert found.correlations == (("a", "b", value),)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.integers(-500, 500)), max_size=30))
def test_the_strategies_days_add_up_to_the_whole_profit(drawn: list[tuple[str, int, int]]) -> None:
    trades = [trade(str(net), strategy=name, entry_at=at("10:00", DAYS[day])) for name, day, net in drawn]
    found = comparison(trades, DAYS, CAPITAL, 252)
    assert sum(sum(line.daily) for line in found.strategies) == sum(one.net_pnl for one in trades)
    assert [line.name for line in found.strategies] == sorted({name for name, _, _ in drawn})

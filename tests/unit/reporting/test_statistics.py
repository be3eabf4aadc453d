"""What trades and an equity curve amount to."""

from __future__ import annotations

import math
import statistics as reference
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_samples import at, session, trade

from livetrader.market.calendar import load
from livetrader.reporting import analytics, breakdown
from livetrader.reporting.statistics import Drawdown, drawdown, sharpe, statistics, summary

DAY = 86_400
money = st.decimals("-100000", "100000", places=2)


def points(*values: str | int) -> list[tuple[int, Decimal]]:
    """One equity point a day, at 10:00 UTC (NSE's close)."""
    return [(DAY * (20_000 + i) + 36_000, Decimal(value)) for i, value in enumerate(values)]


def test_the_sums_and_means_of_some_trades() -> None:
    found = summary([trade("300", gross="340"), trade("-100", gross="-60"), trade("0", gross="40"), trade("100.01")])
    assert (found.trades, found.winners, found.losers, found.win_rate) == (4, 2, 1, 0.5)
    assert (found.gross_pnl, found.charges, found.net_pnl) == (Decimal("420.01"), 120, Decimal("300.01"))
    assert found.profit_factor == 4.0001
    assert found.expectancy == Decimal("75.00")
    assert (found.average_win, found.average_loss) == (Decimal("200.01"), Decimal("-100.00"))
    assert (found.largest_win, found.largest_loss) == (300, -100)


def test_averages_round_half_up() -> None:
    assert summary([trade("0.01"), trade("0.02")]).expectancy == Decimal("0.02")


def test_nothing_is_undefined_rather_than_zero() -> None:
    found = statistics([], [])
    assert (found.total.trades, found.total.net_pnl) == (0, 0)
    undefined = [
        found.total.win_rate, found.total.profit_factor, found.total.expectancy, found.total.average_win,
        found.total.average_loss, found.total.largest_win, found.total.largest_loss, found.return_pct,
        found.drawdown, found.sharpe, found.exposure_pct,
    ]  # fmt: skip
    assert undefined == [None] * len(undefined)


def test_a_profit_factor_needs_a_loss() -> None:
    assert summary([trade("5")]).profit_factor is None
    assert summary([trade("-5")]).profit_factor == 0.0


def test_the_drawdown_is_from_the_highest_point_before() -> None:
    curve = points(100, 120, 90, 110, 130, 104)
    assert drawdown(curve) == Drawdown(Decimal(30), 25.0, curve[1][0], curve[2][0])


@pytest.mark.parametrize("values", [(100, 101, 102), (100,)], ids=["rising", "one point"])
def test_a_curve_that_never_falls_has_a_drawdown_of_zero(values: tuple[int, ...]) -> None:
    curve = points(*values)
    assert drawdown(curve) == Drawdown(Decimal(0), 0.0, curve[0][0], curve[0][0])


@given(st.lists(money.filter(lambda value: value > 0), min_size=1, max_size=40))
def test_the_drawdown_is_the_largest_of_all_pairs(values: list[Decimal]) -> None:
    curve = points(*values)
    found = drawdown(curve)
    worst = max(values[i] - values[j] for i in range(len(values)) for j in range(i, len(values)))
    assert found is not None
    assert found.value == worst
    assert found.peak_at <= found.trough_at


def test_a_first_losing_day_is_a_drawdown_from_the_starting_capital() -> None:
    curve = points(95, 97)
    found = statistics([], curve, starting_capital=Decimal(100))
    assert found.drawdown == Drawdown(Decimal(5), 5.0, curve[0][0], curve[0][0])
    assert found.return_pct == -3.0


def test_sharpe_is_the_annualised_mean_over_deviation_of_daily_returns() -> None:
    curve = points(101, 100, 103, 104)
    returns = [101 / 100 - 1, 100 / 101 - 1, 103 / 100 - 1, 104 / 103 - 1]
    expected = reference.mean(returns) / reference.stdev(returns) * math.sqrt(252)
    assert sharpe(curve, 252, Decimal(100)) == pytest.approx(expected, abs=1e-6)


def test_sharpe_counts_a_day_once_whatever_its_points() -> None:
    daily = points(101, 100, 103)
    finer = [(daily[0][0] - 300, Decimal(150)), daily[0], (daily[1][0] - 300, Decimal(50)), *daily[1:]]
    assert sharpe(finer, 252) == sharpe(daily, 252)


def test_a_close_at_midnight_belongs_to_the_day_that_it_ends() -> None:
    closes = [(DAY * 20_001 + DAY * i, Decimal(value)) for i, value in enumerate((101, 100, 103))]
    finer = sorted([*closes, (closes[1][0] - 300, Decimal(50))])
    assert sharpe(finer, 365) == sharpe(closes, 365)


@pytest.mark.parametrize("market", ["nse", "24x7"])
def test_the_capital_at_the_open_is_no_day(market: str) -> None:
    """Also where the session opens at midnight: the report's Sharpe ratio is the tear sheet's."""
    sessions = load(market).sessions(date(2026, 2, 2), date(2026, 2, 6))
    closes = [(one.closes, Decimal(value)) for one, value in zip(sessions, (101, 100, 103, 102, 104), strict=False)]
    curve = [(sessions[0].opens, Decimal(100)), *closes]
    found = statistics([], curve, starting_capital=Decimal(100), sessions=sessions)
    assert found.sharpe == sharpe(closes, 252, Decimal(100))
    days = breakdown.days(closes, Decimal(100))
    assert found.sharpe == analytics.risk(days, breakdown.daily_returns(days, Decimal(100)), 252).sharpe


@pytest.mark.parametrize(
    "values",
    [(100,), (100, 101), ("100", "110", "121"), (100, 100, 100), (100, 0, 50)],
    ids=["a point", "one return", "equal returns", "no returns", "nothing left"],
)
def test_sharpe_is_undefined_without_variation(values: tuple[str | int, ...]) -> None:
    assert sharpe(points(*values), 252) is None


def test_exposure_counts_overlapping_trades_once_and_in_session_only() -> None:
    trades = [
        trade(entry_at=at("09:30"), exit_at=at("10:30")),
        trade(entry_at=at("10:00"), exit_at=at("11:00")),
        trade(entry_at=at("15:00"), exit_at=at("10:15", date(2026, 2, 3))),
    ]
    found = statistics(trades, [], sessions=(session(), session(date(2026, 2, 3))))
    inside = 90 + 30 + 60  # minutes, of 2 × 375
    assert found.exposure_pct == pytest.approx(inside / 750 * 100)
    assert found.exposure_seconds == (90 + 19 * 60 + 15) * 60


def test_the_groups_add_up_to_the_total_in_order_of_their_names() -> None:
    trades = [
        trade("10", strategy="b", symbol="X"),
        trade("-4", strategy="a", symbol="X"),
        trade("7", strategy="b", symbol="W"),
    ]
    found = statistics(trades, [])
    assert [(name, part.trades, part.net_pnl) for name, part in found.by_strategy] == [
        ("a", 1, -4),
        ("b", 2, 17),
    ]
    assert [(name, part.trades, part.net_pnl) for name, part in found.by_symbol] == [("W", 1, 7), ("X", 2, 6)]


@given(st.lists(money, max_size=30))
def test_winners_and_losers_account_for_the_whole_profit(values: list[Decimal]) -> None:
    found = summary([trade(value) for value in values])
    won = sum(value for value in values if value > 0)
    lost = sum(value for value in values if value < 0)
    assert found.net_pnl == won + lost
    assert found.winners + found.losers <= found.trades
    if lost:
        assert found.profit_factor == pytest.approx(float(-won / lost), abs=1e-6)

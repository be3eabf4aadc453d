"""Trades by what they have in common, and the days that they made."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_samples import IST, at, trade

from livetrader.reporting import breakdown
from livetrader.reporting.breakdown import Day
from livetrader.reporting.statistics import grouped

MON, TUE = date(2026, 2, 2), date(2026, 2, 3)
SESSION = 375 * 60


def instant(time: str, day: date = MON) -> int:
    return int(at(time, day).timestamp())


DAYTIME = [(instant("09:15"), instant("15:30"))]


def test_groups_come_in_the_given_order_and_the_rest_by_name() -> None:
    trades = [trade("1", symbol=name) for name in ("Tue", "zz", "Mon", "aa", "Mon")]
    found = grouped(trades, lambda one: one.symbol, order=breakdown.WEEKDAYS)
    assert [(name, part.trades) for name, part in found] == [("Mon", 2), ("Tue", 1), ("aa", 1), ("zz", 1)]


def test_the_hour_and_the_weekday_are_the_exchanges_and_the_entrys() -> None:
    one = trade("5", entry_at=at("09:20"), exit_at=at("15:00", TUE))
    assert (breakdown.entry_hour(one, IST), breakdown.entry_weekday(one, IST)) == ("09:00", "Mon")
    found = breakdown.by_hour_and_weekday([one, trade("-2", entry_at=at("09:59"))], IST)
    assert found == {("09:00", "Mon"): (2, Decimal(3))}


def test_the_days_of_a_curve_change_from_close_to_close() -> None:
    points = [(int(at("11:00").timestamp()), Decimal(150)), (int(at("15:30").timestamp()), Decimal(110))]
    found = breakdown.days([*points, (int(at("15:30", TUE).timestamp()), Decimal(99))], Decimal(100))
    assert found == (Day(MON, Decimal(110), Decimal(10), 10.0), Day(TUE, Decimal(99), Decimal(-11), -10.0))


@given(st.lists(st.decimals("1", "1000", places=2), min_size=1, max_size=80))
def test_the_months_compound_to_the_whole_return(closes: list[Decimal]) -> None:
    days = [Day(MON + timedelta(3 * i), close, Decimal(0), None) for i, close in enumerate(closes)]
    months = breakdown.returns_by(days, Decimal(100), lambda day: (day.year, day.month))
    whole = 1.0
    for pct in months.values():
        whole *= 1 + pct / 100
    assert whole == pytest.approx(float(closes[-1] / 100), rel=1e-4)


def test_streaks_are_broken_by_the_other_side_and_by_zero() -> None:
    trades = [trade(net) for net in ("1", "1", "0", "1", "-1", "-1", "-1", "1")]
    assert (breakdown.streak(trades, 1), breakdown.streak(trades, -1)) == (2, 3)


def test_a_night_is_no_time_in_the_market() -> None:
    """Two hours of two sessions, held over the night between them; twenty minutes around the pause of a drill; and half
    an hour until a close after which it was left."""
    drill = [
        (instant("09:15"), instant("10:00")),
        (instant("11:30"), instant("15:30")),
        (instant("09:15", TUE), instant("15:30", TUE)),
    ]
    trades = [
        trade("1", entry_price="100", entry_at=at("14:30"), exit_at=at("10:15", TUE)),
        trade("1", entry_price="100", entry_at=at("09:50"), exit_at=at("11:40")),
        trade("1", entry_price="100", entry_at=at("15:00"), exit_at=at("16:00")),
    ]
    whole = sum(closes - opens for opens, closes in drill)
    found = breakdown.trading(trades, [], Decimal(10_000), drill)
    assert found.gross_exposure_pct == pytest.approx(1000 * (7200 + 1200 + 1800) / (10_000 * whole) * 100)


def test_how_a_day_was_traded() -> None:
    trades = [
        trade("300", entry_price="100", exit_price="130", entry_at=at("10:00"), exit_at=at("11:00")),
        trade("-100", entry_price="100", exit_price="90", entry_at=at("11:00"), exit_at=at("11:30")),
    ]
    found = breakdown.trading(trades, [Day(MON, Decimal(10_000), Decimal(0), 0.0)], Decimal(10_000), DAYTIME)
    assert (found.payoff, found.average_holding_seconds) == (3.0, 2700)
    assert (found.most_wins, found.most_losses) == (1, 1)
    # (1,000 + 1,300 + 1,000 + 900) / 2 of 10,000; 1,000 held for an hour and a half of 6.25 hours.
    assert found.turnover == 0.21
    assert found.gross_exposure_pct == pytest.approx(1000 * 5400 / (10_000 * SESSION) * 100)


def test_without_trades_nothing_is_defined() -> None:
    found = breakdown.trading([], [], Decimal(100), DAYTIME)
    assert (found.payoff, found.average_holding_seconds, found.turnover) == (None, None, None)
    assert found.gross_exposure_pct == 0.0


@pytest.mark.parametrize(
    ("nets", "payoff"), [(("5",), None), (("-5",), None), (("6", "-3"), 2.0)], ids=["no loss", "no win", "both"]
)
def test_a_payoff_needs_a_win_and_a_loss(nets: tuple[str, ...], payoff: float | None) -> None:
    assert breakdown.trading([trade(net) for net in nets], [], Decimal(100), DAYTIME).payoff == payoff

"""The analytics as a whole, and as JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from period_samples import candles, closes, period_report, period_trades, records, weekdays
from report_samples import CAPITAL, session

from livetrader.reporting.analytics import LEAST_SESSIONS, WINDOW, analyse
from livetrader.reporting.analytics_document import analytics_json
from livetrader.reporting.document import document, render, report_json
from livetrader.reporting.statistics import statistics

DAYS = weekdays(45)
TRADES = period_trades(DAYS)
FOUND = analyse(records(TRADES, DAYS), candles(TRADES))


def test_every_grouping_adds_up_to_all_trades() -> None:
    whole = sum(one.net_pnl for one in TRADES)
    for groups in (FOUND.by_hour, FOUND.by_weekday, FOUND.by_exit_reason):
        assert sum(part.trades for _, part in groups) == len(TRADES)
        assert sum(part.net_pnl for _, part in groups) == whole
    assert sum(net for _, net in FOUND.hours.values()) == whole
    assert sum(line.total.net_pnl for line in FOUND.comparison.strategies) == whole
    assert sum(day.change for day in FOUND.days) == whole


def test_the_sharpe_ratio_is_the_statistics() -> None:
    """The curve's first point is the capital at the open: it is no day, and no return of zero."""
    kept = records(TRADES, DAYS)
    assert FOUND.risk.sharpe == statistics(TRADES, kept.equity[1:], starting_capital=CAPITAL).sharpe
    assert len(FOUND.days) == len(DAYS)


def test_the_capital_at_midnights_open_is_no_day() -> None:
    """A 24/7 session opens at 00:00 UTC, which belongs to the day before."""
    days = weekdays(3)
    kept = records([], days)
    midnight = [replace(session(day), parts=((session(day).opens - 13_500, session(day).closes),)) for day in days]
    assert midnight[0].opens % 86_400 == 0
    found = analyse(replace(kept, sessions=midnight, equity=closes([], midnight)))
    assert [day.date for day in found.days] == days


def test_the_rolling_sharpe_has_its_days() -> None:
    rolling = FOUND.risk.rolling_sharpe
    assert [day for day, _ in rolling] == DAYS[WINDOW - 1 :]


@pytest.mark.parametrize(("count", "told"), [(LEAST_SESSIONS - 1, False), (LEAST_SESSIONS, True)])
def test_a_short_period_is_not_annualised(count: int, told: bool) -> None:
    days = weekdays(count)
    found = analyse(records(period_trades(days), days)).risk
    assert (found.cagr_pct is not None, found.calmar is not None) == (told, told)


def test_without_candles_what_needs_them_is_empty_and_said_to_be() -> None:
    found = analyse(records(TRADES, DAYS))
    assert (found.candles, found.excursions, found.refused) == (False, {}, ())
    assert found.by_hour == FOUND.by_hour
    assert not [one for one in found.recommendations if one.kind in ("refused", "stop", "data")]


def test_the_json_has_these_keys() -> None:
    assert list(analytics_json(FOUND)) == [
        "candles", "risk", "trading", "drawdowns", "days", "months", "years", "by_hour", "by_weekday",
        "by_exit_reason", "strategies", "correlations", "diversification", "slippage", "charges", "excursions",
        "refused", "recommendations",
    ]  # fmt: skip


def test_the_json_is_json_with_exact_money_and_no_nan() -> None:
    text = json.dumps(analytics_json(FOUND), allow_nan=False)
    assert json.loads(text)["days"][0]["change"] == str(FOUND.days[0].change)


def test_the_analytics_come_after_what_was_there_and_change_none_of_it() -> None:
    """Who reads the documents of before finds them unchanged, byte for byte, up to their last bracket."""
    kept = records(TRADES, DAYS)
    found = statistics(TRADES, kept.equity, starting_capital=CAPITAL)
    hashes = {"config_hash": "c", "data_hash": "d"}
    before = render(document(TRADES, kept.equity, found, strategy_hashes={}, **hashes))
    after = render(document(TRADES, kept.equity, found, strategy_hashes={}, **hashes, analytics=FOUND))
    assert after.startswith(before.removesuffix("\n}\n") + ',\n"analytics": ')
    assert json.loads(after)["analytics"] == json.loads(json.dumps(analytics_json(FOUND)))


def test_a_report_has_them_only_if_they_were_asked_for() -> None:
    made = period_report()
    assert list(report_json(made))[-1] == "analytics"
    assert "analytics" not in report_json(replace(made, analytics=None))


def test_a_period_without_trades_has_days_of_no_change() -> None:
    found = analyse(records([], DAYS))
    assert {day.change for day in found.days} == {Decimal(0)}
    assert (found.diversification, found.drawdowns, found.charges, found.recommendations) == (None, (), (), ())

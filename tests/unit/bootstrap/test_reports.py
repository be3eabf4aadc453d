"""Reports built from a run: charts and curves agree with the trades that they show."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from livetrader.bootstrap import analysis, charts, reports
from livetrader.bootstrap.research import Request, backtest
from livetrader.bootstrap.results import RunResult
from livetrader.bootstrap.workspace import Workspace
from livetrader.config import load
from livetrader.domain.candles import Interval
from livetrader.domain.exit_plan import ExitKind, ExitPlan, Replan
from livetrader.domain.signal import Side
from livetrader.marketdata.simulated import simulate
from livetrader.reporting.daily import Report

DAY = date(2026, 2, 27)
SYMBOLS = tuple(f"STOCK{i}" for i in range(12))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Twelve simulated stocks and the index, seventy sessions up to the day that is traded."""
    folder = tmp_path_factory.mktemp("reports")
    environ = {"LIVETRADER__SYMBOLS": ",".join(SYMBOLS), "XDG_CONFIG_HOME": str(folder)}
    with Workspace(load(None, environ=environ, directory=folder)) as made:
        sessions = (*made.calendar.before(DAY, 70), *made.calendar.sessions(DAY, DAY))
        made.store.upsert(Interval.M5, simulate((*SYMBOLS, "NIFTY"), sessions, 5))
        yield made


@pytest.fixture(scope="module")
def result(workspace: Workspace) -> RunResult:
    made = backtest(workspace, Request(DAY, DAY))
    assert made.trades, "the seed must give trades, or these tests show nothing"
    return made


@pytest.fixture(scope="module")
def report(workspace: Workspace, result: RunResult) -> Report:
    return reports.of_result(result, workspace.configuration, workspace)


def test_the_days_curve_ends_at_what_the_trades_made(report: Report, result: RunResult) -> None:
    net = sum(trade.net_pnl for trade in result.trades)
    assert report.equity[0][1] == result.starting_capital
    assert report.equity[-1][1] == result.starting_capital + net


def test_every_trade_has_a_chart_that_holds_its_entry_and_exit(report: Report, result: RunResult) -> None:
    for trade in result.trades:
        chart = report.charts[trade.trade_id]
        assert chart.ts[0] <= trade.entry_at.timestamp() <= trade.exit_at.timestamp()
        assert trade.exit_at.timestamp() <= chart.ts[-1] + Interval.M5.seconds


def test_a_drawn_stop_never_loosens(report: Report, result: RunResult) -> None:
    for trade in result.trades:
        levels = [level for _, level in report.charts[trade.trade_id].stop]
        assert levels, "a trailing stop is known from the entry on"
        assert levels == sorted(levels, reverse=trade.side is Side.SHORT)


def test_a_stopped_trade_left_at_the_last_stop_drawn(report: Report, result: RunResult) -> None:
    """The path is walked again for the picture; it has to end where the engine's own walk ended."""
    for trade in result.trades:
        if trade.exit_reason not in ("stop", "trailing"):
            continue
        level = report.charts[trade.trade_id].stop[-1][1]
        worse = float(trade.exit_price) <= level if trade.side is Side.LONG else float(trade.exit_price) >= level
        assert worse, "slippage and gaps are against us"


def test_a_stop_that_the_operator_moved_is_drawn_where_it_was_moved_to(result: RunResult, workspace: Workspace) -> None:
    """From the bar after the command on, and until then as the entry had it."""
    trade = max(result.trades, key=lambda one: one.exit_at - one.entry_at)
    (entry,) = [one.intent for one in result.orders if one.intent.intent_id == trade.trade_id]
    assert entry.exit is not None
    opened, price = int(trade.entry_at.timestamp()), float(trade.entry_price)
    since, level = opened + Interval.M5.seconds, price * (1 - trade.side.sign * 0.5)
    plan = ExitPlan(ExitKind.FIXED, stop_price=level)
    moved = Replan(1, entry.intent_id, opened, since, plan, price, price, level, math.nan, level)
    tape = analysis.tape(result, workspace)
    before = charts.trade_charts(workspace, tape, result)[trade.trade_id].stop
    after = charts.trade_charts(workspace, tape, replace(result, replans=[moved]))[trade.trade_id].stop
    assert after == [*(one for one in before if one[0] < since), (since, level)]


def test_missing_candles_are_named_in_the_report(workspace: Workspace) -> None:
    issues = charts.data_issues(workspace, workspace.calendar.sessions(DAY, DAY))
    assert not [issue for issue in issues if issue.kind == "no candles"]
    environ = {"LIVETRADER__SYMBOLS": "STOCK0,NOSUCH", "XDG_CONFIG_HOME": str(workspace.configuration.directory)}
    with Workspace(load(None, environ=environ, directory=workspace.configuration.directory)) as other:
        issues = charts.data_issues(other, other.calendar.sessions(DAY, DAY))
    assert [issue.symbol for issue in issues if issue.kind == "no candles"] == ["NOSUCH"]


@pytest.mark.parametrize("form", ["terminal", "html", "json", "csv"])
def test_every_format_names_every_trade(report: Report, workspace: Workspace, form: str) -> None:
    text = reports.render(report, form, workspace.calendar.timezone)
    for trade in report.trades:
        assert trade.symbol in text

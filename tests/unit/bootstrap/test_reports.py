"""Reports built from a run: charts and curves agree with the trades that they show."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from livetrader.bootstrap import charts, reports
from livetrader.bootstrap.research import Request, backtest
from livetrader.bootstrap.results import RunResult
from livetrader.bootstrap.workspace import Workspace
from livetrader.config import load
from livetrader.domain.candles import Interval
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

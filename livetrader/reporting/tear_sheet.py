"""The charts of a period, each with its heading: what the tear sheet and its picture are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from livetrader.reporting import figures
from livetrader.reporting.analytics import WINDOW, Analytics
from livetrader.reporting.breakdown import WEEKDAYS
from livetrader.reporting.daily import Report
from livetrader.reporting.heat_map import Layout, Shade, heat_map
from livetrader.reporting.histogram import histogram
from livetrader.reporting.lines_chart import MOST_NAME, Line, lines_chart
from livetrader.reporting.scatter import excursions_chart

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
YEAR = "Year"
LEAST_POINTS = 8
"""Trades from which on their distribution is drawn."""


@dataclass(frozen=True, slots=True)
class Chart:
    """`svg` is empty where there is too little to draw; `empty` then says so. `wide` takes the page's width."""

    name: str
    title: str
    svg: str
    empty: str
    wide: bool = False


def months(found: Analytics) -> Chart:
    """The returns by year and month."""
    years = sorted(found.years)
    returns = {(str(year), MONTHS[month - 1]): pct for (year, month), pct in found.months.items()}
    returns |= {(str(year), YEAR): pct for year, pct in found.years.items()}
    cells = {key: Shade(pct, figures.percent(pct, signed=True).removesuffix(" %")) for key, pct in returns.items()}
    drawn = heat_map(
        "Monthly returns in percent", [str(year) for year in years], [*MONTHS, YEAR], cells, Layout(), apart=YEAR
    )
    return Chart("months", "Monthly returns, %", drawn if years else "", "No day was closed.", wide=True)


def rolling(found: Analytics) -> Chart:
    """The Sharpe ratio of the last WINDOW sessions, at each session."""
    days = [day for day, _ in found.risk.rolling_sharpe]
    line = Line("Sharpe", [value for _, value in found.risk.rolling_sharpe])
    enough = sum(value is not None for value in line.values) > 1
    drawn = lines_chart("Rolling Sharpe ratio", days, [line], figures.number, right=972) if enough else ""
    title = f"Rolling Sharpe ratio, {WINDOW} sessions"
    return Chart("rolling", title, drawn, f"Needs more than {WINDOW} sessions, with returns that vary.", wide=True)


def strategy_curves(report: Report, found: Analytics) -> Chart:
    """What each strategy had made, session by session."""
    lines = [Line(one.name, [float(value) for value in one.running]) for one in found.comparison.strategies]

    def label(value: float) -> str:
        return figures.short_money(value, report.currency)

    enough = lines and len(found.comparison.sessions) > 1
    drawn = lines_chart("Net P&L by strategy", found.comparison.sessions, _named(lines), label) if enough else ""
    return Chart("strategies", "Net P&L by strategy", drawn, "No strategy traded.", wide=True)


def correlations(found: Analytics) -> Chart:
    """How the strategies' daily P&L moves together."""
    columns = {line.name: str(number) for number, line in enumerate(found.comparison.strategies, 1)}
    rows = {name: figures.shortened(f"{number} {name}", MOST_NAME) for name, number in columns.items()}
    cells = {}
    for left, right, value in found.comparison.correlations:
        if value is not None:
            shade = Shade(value, figures.number(value))
            cells[rows[left], columns[right]] = cells[rows[right], columns[left]] = shade
    drawn = heat_map(
        "Correlation of the strategies' daily P&L",
        list(rows.values()),
        list(columns.values()),
        cells,
        Layout(margin=170, width=46),
        most=1.0,
    )
    empty = "Needs two strategies that traded on some of three days or more."
    return Chart("correlations", "Correlation of daily P&L", drawn if cells else "", empty)


def hours(report: Report, found: Analytics) -> Chart:
    """Net P&L by hour and weekday of entry."""
    names = sorted({hour for hour, _ in found.hours})
    present = [day for i, day in enumerate(WEEKDAYS) if i < 5 or any(key[1] == day for key in found.hours)]
    cells = {
        key: Shade(float(net), f"{figures.short_money(float(net), report.currency)} · {count}")
        for key, (count, net) in found.hours.items()
    }
    drawn = heat_map("Net P&L by hour and weekday of entry", names, present, cells, Layout(width=90))
    return Chart("hours", "Net P&L · trades, by entry", drawn if cells else "", "No trade was taken.")


def distribution(report: Report) -> Chart:
    values = [trade.net_pnl for trade in report.trades]
    drawn = histogram(values, report.currency) if len(values) >= LEAST_POINTS else ""
    return Chart("distribution", "Distribution of trades", drawn, f"Needs {LEAST_POINTS} trades.")


def excursions(found: Analytics) -> Chart:
    points = list(found.excursions.values())
    drawn = excursions_chart(points) if len(points) >= LEAST_POINTS else ""
    return Chart("excursions", "Excursions of trades (MAE, MFE)", drawn, f"Needs {LEAST_POINTS} trades with candles.")


def charts(report: Report, found: Analytics) -> Iterator[Chart]:
    """All of them, in the order of the page."""
    yield months(found)
    yield rolling(found)
    yield strategy_curves(report, found)
    yield distribution(report)
    yield excursions(found)
    yield hours(report, found)
    yield correlations(found)


def _named(lines: Sequence[Line]) -> Sequence[Line]:
    """The lines from the best to the worst, so that names stand in the order of their ends."""
    return sorted(lines, key=lambda line: -(line.values[-1] or 0.0))

"""The analytics on the page: the sections of the tear sheet, and those of them that a single day has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import tzinfo
from html import escape

from livetrader.reporting import analytics_tables
from livetrader.reporting import tear_sheet as sheet
from livetrader.reporting.analytics import Analytics
from livetrader.reporting.daily import Report
from livetrader.reporting.html_parts import pair, section
from livetrader.reporting.tables import Table
from livetrader.reporting.tear_sheet import Chart


def recommended(found: Analytics) -> str:
    """What somebody should look at; nothing at all where nothing stands out."""
    lines = "".join(f"<li>{escape(one.text)}</li>" for one in found.recommendations)
    return f'<section class="look"><h2>To look at</h2><ul>{lines}</ul></section>' if lines else ""


def tear_sheet(report: Report, found: Analytics, by_name: Mapping[str, Table], zone: tzinfo) -> Iterator[str]:
    """The sections of a period; `by_name` are the report's own tables."""
    yield drawn(sheet.months(found))
    yield pair(section(by_name["figures"]), section(analytics_tables.risk(report, found)))
    yield section(analytics_tables.drawdowns(report, found, zone))
    yield drawn(sheet.rolling(found))
    yield drawn(sheet.strategy_curves(report, found))
    yield section(analytics_tables.compared(report, found))
    yield pair(drawn(sheet.distribution(report)), drawn(sheet.excursions(found)))
    yield pair(drawn(sheet.hours(report, found)), drawn(sheet.correlations(found)))
    if report.trades:
        for table in analytics_tables.groups(report, found):
            yield section(table)
        yield section(by_name["by_symbol"])
    yield pair(section(analytics_tables.slippage(report, found)), section(analytics_tables.charges(report, found)))
    yield pair(section(analytics_tables.weights(found)), section(by_name["data"]))
    yield section(by_name["holdings"])


def execution(report: Report, found: Analytics) -> Iterator[str]:
    """What a day's trading cost, and how far its trades went."""
    yield pair(section(analytics_tables.slippage(report, found)), section(analytics_tables.charges(report, found)))
    scatter = sheet.excursions(found)
    if scatter.svg:
        yield pair(drawn(scatter), drawn(sheet.distribution(report)))


def drawn(chart: Chart) -> str:
    """A chart under its title, or the sentence that stands for it."""
    kind = "wide" if chart.wide else "wide half"
    inside = f'<div class="{kind}">{chart.svg}</div>' if chart.svg else f'<p class="empty">{escape(chart.empty)}</p>'
    return f"<section><h2>{escape(chart.title)}</h2>{inside}</section>"

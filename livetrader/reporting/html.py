"""The report as one self-contained HTML file: inline SVG, light and dark, no outside resource."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, tzinfo
from html import escape
from typing import TYPE_CHECKING

from livetrader.reporting import figures
from livetrader.reporting.analytics_tables import outcomes
from livetrader.reporting.daily import Report
from livetrader.reporting.equity_chart import equity_chart
from livetrader.reporting.html_analytics import execution, recommended, tear_sheet
from livetrader.reporting.html_parts import heading, pair, rows, section
from livetrader.reporting.svg import TEMPLATES
from livetrader.reporting.tables import Table, alarms, one_day, tables, tiles, tone
from livetrader.reporting.trade_chart import trade_chart

if TYPE_CHECKING:
    from livetrader.domain.position import Trade

ALARMS = {
    "unknown": "These orders were sent and their outcome is not known. They may have filled. Look at the broker's "
    "order book, then run <code>livetrader reconcile</code>.",
    "alerts": "Nobody has settled these yet. See <code>livetrader status</code>.",
}

KEY = " ".join(
    f'<svg class="chart inline" viewBox="0 0 12 12"><path class="{kind}" d="{shape}"/></svg> {kind}'
    for kind, shape in (
        ("entry", "M6 1l5.5 10h-11z"),
        ("exit", "M6 1l5.5 10h-11z"),
        ("stop", "M0 8H6V4H12"),
    )
)


def render(report: Report, zone: tzinfo) -> str:
    """The page, with times in `zone` (exchange time). Equal reports give the same bytes."""
    style = _template("report.css") + _template("chart.css")
    title = escape(f"{report.mode} · {report.title} · {report.period}")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title>\n<style>\n{style}</style></head>\n<body><main>\n"
        + "\n".join(_body(report, zone))
        + f"\n</main>\n<script>\n{_template('report.js')}</script></body></html>\n"
    )


def _body(report: Report, zone: tzinfo) -> Iterator[str]:
    by_name = {table.name: table for table in tables(report, zone)}
    period = report.analytics is not None and len(report.sessions) > 1
    yield _header(report)
    for alarm in alarms(report, zone):
        yield f'<section class="alarm"><h2>{heading(alarm)}</h2><p>{ALARMS[alarm.name]}</p>{rows(alarm)}</section>'
    yield _tiles(report, zone)
    if report.analytics is not None:
        yield recommended(report.analytics)
    chart = equity_chart(report.equity, report.starting_capital, report.currency, zone)
    yield f'<section><h2>Equity</h2><div class="wide">{chart}</div></section>'
    if report.analytics is not None and period:
        yield from tear_sheet(report, report.analytics, by_name, zone)
    else:
        yield from _trades(report, by_name, zone)
        yield from _day(report, by_name)
    if "frictions" in by_name:
        yield section(by_name["frictions"])
    yield section(by_name["refused"])
    if report.analytics is not None and report.analytics.refused:
        yield section(outcomes(report.analytics))
    if period:
        yield from _trades(report, by_name, zone)
    lines = "".join(f"<li>{escape(line)}</li>" for line in report.assumptions)
    yield f'<section><h2>Assumptions</h2><ul class="assumptions">{lines}</ul></section>'
    yield f"<footer>Times are {escape(str(zone))}. Written by livetrader.</footer>"


def _trades(report: Report, by_name: Mapping[str, Table], zone: tzinfo) -> Iterator[str]:
    """Every trade, and the charts of those that have one."""
    yield section(by_name["trades"], [trade.trade_id in report.charts for trade in report.trades])
    yield from _charts(report, zone)


def _day(report: Report, by_name: Mapping[str, Table]) -> Iterator[str]:
    """A single day: its tables, without what only a period has."""
    if not (report.trades or report.holdings):
        yield pair(section(by_name["holdings"]), section(by_name["data"]))
        return
    yield section(by_name["holdings"])
    yield pair(section(by_name["figures"]), section(by_name["data"]))
    yield section(by_name["by_strategy"])
    yield section(by_name["by_symbol"])
    if report.analytics is not None:
        yield from execution(report, report.analytics)


def _header(report: Report) -> str:
    live = " live" if report.mode == "LIVE" else ""
    return (
        f'<header><span class="mode{live}">{escape(report.mode)}</span><h1>{escape(report.title)}</h1>'
        f'<p class="period">{escape(report.period)}</p></header>'
    )


def _tiles(report: Report, zone: tzinfo) -> str:
    drawn = "".join(
        f'<div class="tile"><dt>{escape(tile.label)}</dt>'
        f'<dd class="value {tile.tone}">{escape(tile.value)}</dd>'
        f'<dd class="note">{escape(tile.note)}</dd></div>'
        for tile in tiles(report, zone)
    )
    return f'<dl class="tiles">{drawn}</dl>'


def _charts(report: Report, zone: tzinfo) -> Iterator[str]:
    when = figures.clock if one_day(report.trades, zone) else figures.stamp
    drawn = "".join(
        _figure(number, trade, report, zone, when)
        for number, trade in enumerate(report.trades)
        if trade.trade_id in report.charts
    )
    if drawn:
        heading = f'<h2>Charts <span class="key">{KEY}</span></h2>'
        yield f'<section>{heading}<div class="charts">{drawn}</div></section>'


def _figure(number: int, trade: Trade, report: Report, zone: tzinfo, when: Callable[[datetime, tzinfo], str]) -> str:
    """One trade's chart; its id is the target of the link in the table's row of the same number.

    `when` writes times: with their dates, or without.
    """
    net = figures.money(trade.net_pnl, report.currency, signed=True)
    way = (
        f"{when(trade.entry_at, zone)} at {figures.price(trade.entry_price)} → "
        f"{when(trade.exit_at, zone)} at {figures.price(trade.exit_price)}"
    )
    reason = trade.exit_reason.replace("_", " ")
    return (
        f'<figure id="trade-{number}"><figcaption><strong>{escape(trade.symbol)}</strong>'
        f"<span>{escape(trade.side)} {figures.quantity(trade.quantity)}</span>"
        f'<span class="muted">{escape(trade.strategy)}</span>'
        f'<span class="net {tone(trade.net_pnl)}">{net}</span>'
        f'<span class="line">{way}, {escape(reason)}</span></figcaption>'
        f"{trade_chart(trade, report.charts[trade.trade_id], zone)}</figure>"
    )


def _template(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")

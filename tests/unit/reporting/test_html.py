"""The page: one file, everything escaped, what matters on top, also for a day without trades."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from report_samples import IST, report

from livetrader.reporting import html
from livetrader.reporting.issues import DataIssue

VOID = {"meta", "path", "circle", "rect"}


class Balance(HTMLParser):
    """Raises where a tag is closed that is not the open one."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.ids.extend(value for value in (named.get("id"),) if value)
        self.links.extend(value for value in (named.get("href"),) if value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(page: str) -> Balance:
    balance = Balance()
    balance.feed(page.replace("/>", ">"))
    return balance


def body(page: str) -> str:
    return page.split("<main>")[1].split("</main>")[0]


@pytest.mark.parametrize("count", [0, 1, 6], ids=["no trade", "one trade", "six trades"])
def test_every_tag_is_closed(count: int) -> None:
    assert parsed(html.render(report(count=count, unknown=True), IST)).open == []


def test_the_page_needs_nothing_from_outside() -> None:
    page = html.render(report(), IST)
    outside = re.findall(r'(?:src|href)="(?!#)|url\(|@import|https?://', page)
    assert outside == []


def test_equal_reports_give_the_same_bytes() -> None:
    assert html.render(report(), IST) == html.render(report(), IST)


def test_text_from_elsewhere_cannot_become_markup() -> None:
    nasty = '<script>alert("x")</script>&'
    given = report(unknown=True)
    trades = [replace(trade, symbol=nasty, strategy=nasty, exit_reason=nasty) for trade in given.trades]
    unknown = [replace(order, reason=nasty) for order in given.unknown]
    spoilt = replace(
        given, title=nasty, trades=trades, unknown=unknown, data=[DataIssue(nasty, nasty, 1, nasty)],
        assumptions=[nasty],
    )  # fmt: skip
    page = html.render(spoilt, IST)
    assert "<script>alert" not in page
    assert page.count("<script>") == 1
    assert parsed(page).open == []


def test_unknown_orders_come_first_and_only_when_there_are_any() -> None:
    page = body(html.render(report(unknown=True), IST))
    assert page.index("Orders in UNKNOWN state") < page.index("Net P&amp;L")
    assert "UNKNOWN" not in body(html.render(report(), IST))


@pytest.mark.parametrize("mode", ["PAPER", "REPLAY", "BACKTEST", "DRY-RUN", "LIVE"])
def test_the_page_says_in_which_mode_it_was_made(mode: str) -> None:
    page = html.render(report(mode=mode), IST)
    assert f"<title>{mode} · " in page
    assert ('class="mode live"' in page) == (mode == "LIVE")


def test_each_chart_is_reached_from_its_trades_row() -> None:
    found = parsed(html.render(report(count=6), IST))
    assert found.links == [f"#trade-{i}" for i in range(6)]
    assert set(found.links) == {f"#{name}" for name in found.ids}


def test_a_trade_without_candles_has_a_row_and_no_link() -> None:
    given = report(count=3)
    charts = {name: chart for name, chart in given.charts.items() if name != given.trades[1].trade_id}
    found = parsed(html.render(replace(given, charts=charts), IST))
    assert found.links == ["#trade-0", "#trade-2"]


def test_a_day_without_trades_says_so_and_draws_a_flat_curve() -> None:
    page = body(html.render(report(count=0), IST))
    assert "No trade was taken." in page
    assert "No drawdown" in page
    assert "By symbol" not in page
    assert "nan" not in page.lower().replace("finance", "")


def test_a_trade_that_was_held_overnight_has_its_dates() -> None:
    one = report(count=1)
    held = replace(one.trades[0], entry_at=one.trades[0].entry_at - timedelta(3))
    captions = [
        re.findall(r'class="line">([^<]+)', html.render(replace(one, trades=[trade]), IST))[0]
        for trade in (one.trades[0], held)
    ]
    assert "Feb" not in captions[0]
    assert re.fullmatch(r"30 Jan .* → 02 Feb .*", captions[1])


def test_every_report_states_its_fill_model() -> None:
    page = body(html.render(report(count=0), IST))
    assert "2 bps slippage" in page
    assert "nse_intraday" in page


def test_numbers_carry_a_key_to_sort_by() -> None:
    page = body(html.render(report(), IST))
    keys = re.findall(r'<td class="number(?: \w+)?" data-key="([^"]+)"', page)
    assert keys
    assert all(float(key) == float(key) for key in keys)

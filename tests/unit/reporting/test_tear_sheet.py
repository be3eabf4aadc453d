"""The tear sheet: every chart within its picture, everything said where there is too little to draw."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from io import StringIO
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from period_samples import candles, period_report, records, weekdays
from report_samples import IST, STRATEGIES, report, trade

from livetrader.reporting import html, poster, tear_sheet, terminal
from livetrader.reporting.analytics import Analytics, analyse
from livetrader.reporting.daily import Report
from livetrader.reporting.heat_map import Layout, Shade, heat_map
from livetrader.reporting.histogram import bin_width, histogram
from livetrader.reporting.lines_chart import LABEL, Line, lines_chart

SIZE = re.compile(r'viewBox="0 0 (\d+) (\d+)"')
TITLES = [
    "To look at", "Equity", "Monthly returns, %", "Statistics", "Return and risk", "Deepest drawdowns",
    "Rolling Sharpe ratio, 20 sessions", "Net P&amp;L by strategy", "Strategies compared", "Distribution of trades",
    "Excursions of trades (MAE, MFE)", "Net P&amp;L · trades, by entry", "Correlation of daily P&amp;L",
    "By exit reason", "By hour of entry", "By weekday of entry", "By symbol", "Charges by kind",
    "What refused signals did next",
]  # fmt: skip


def analytics(given_report: Report) -> Analytics:
    assert given_report.analytics is not None
    return given_report.analytics


def body(page: str) -> str:
    return page.split("<main>")[1].split("</main>")[0]


class Balance(HTMLParser):
    """Raises where a tag is closed that is not the open one."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the parser's own
        if tag not in {"meta", "path", "circle", "rect"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def outside(svg: str) -> list[tuple[float, float]]:
    """Points of shapes and texts that lie outside of the picture, by more than a line's width."""
    size = SIZE.search(svg)
    assert size is not None
    width, height = int(size[1]), int(size[2])
    absolute = re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", svg)
    texts = re.findall(r'<text[^>]* x="(-?[\d.]+)" y="(-?[\d.]+)"', svg)
    points = [(float(x), float(y)) for x, y in [*absolute, *texts]]
    return [(x, y) for x, y in points if not (-2 <= x <= width + 2 and -2 <= y <= height + 2)]


@pytest.mark.parametrize("title", TITLES)
def test_a_period_has_every_section(title: str) -> None:
    assert f"<h2>{title}" in body(html.render(period_report(), IST))


@pytest.mark.parametrize(
    ("count", "a_day"), [(2, 0), (2, 1), (3, 1), (21, 1), (45, 3)], ids=["no trade", "two", "three", "long", "usual"]
)
@pytest.mark.parametrize("seen", [True, False], ids=["candles", "no candles"])
def test_a_page_is_whole_whatever_there_is_of_it(count: int, a_day: int, seen: bool) -> None:
    page = html.render(period_report(count, a_day, seen=seen), IST)
    parser = Balance()
    parser.feed(page.replace("/>", ">"))
    assert parser.open == []
    assert "nan" not in body(page).lower()
    assert "None" not in re.sub(r"<[^>]+>", "", body(page)).replace("None.", "")


@pytest.mark.parametrize(("count", "a_day"), [(2, 0), (2, 4), (45, 3), (120, 1)])
def test_every_chart_stays_within_its_picture(count: int, a_day: int) -> None:
    made = period_report(count, a_day)
    for chart in tear_sheet.charts(made, analytics(made)):
        if chart.svg:
            assert outside(chart.svg) == [], chart.name
        else:
            assert chart.empty, chart.name


def test_where_there_is_too_little_to_draw_a_sentence_says_so() -> None:
    page = body(html.render(period_report(2, 1, seen=False), IST))
    for sentence in ("Needs more than 20 sessions, with", "Needs 8 trades.", "Needs 8 trades with candles."):
        assert sentence in page


def test_a_single_day_has_no_sections_of_a_period() -> None:
    day = replace(report(), analytics=analytics(period_report()))
    page = body(html.render(day, IST))
    assert "Monthly returns" not in page
    assert "Slippage against" in page
    assert "Charges by kind" in page


def test_text_from_elsewhere_cannot_become_markup() -> None:
    nasty = "<script>alert(1)</script>&"
    made = period_report(30)
    trades = [replace(one, strategy=nasty + one.strategy, symbol=nasty) for one in made.trades]
    spoilt = replace(made, trades=trades, analytics=analyse(records(trades, weekdays(30)), candles(trades)))
    page = html.render(spoilt, IST)
    assert "<script>alert" not in page
    assert "<script>alert" not in poster.poster(spoilt, analytics(spoilt), IST)


def test_the_terminal_writes_the_same_tables_for_a_period() -> None:
    made = period_report()
    plain = terminal.plain(made, IST)
    for title in ("Return and risk", "Deepest drawdowns", "Strategies compared", "By weekday of entry"):
        assert title in plain
    drawn = StringIO()
    terminal.show(made, IST, drawn, colour=True)
    assert "Return and risk" in drawn.getvalue()
    assert "Return and risk" not in terminal.plain(report(), IST)


def test_without_candles_the_terminal_says_what_it_did_not_look_at() -> None:
    plain = terminal.plain(period_report(seen=False), IST)
    assert "Nothing stands out in the journal; --format html looks at the candles too." in plain
    assert "The candles were not read" in plain


def test_the_picture_is_one_file_with_its_colours_written_out() -> None:
    made = period_report()
    drawn = poster.poster(made, analytics(made), IST)
    assert "var(--" not in drawn
    assert "@media" not in drawn
    assert re.findall(r"href|url\(|https?://(?!www\.w3\.org)", drawn) == []
    Balance().feed(drawn.replace("/>", ">"))


def test_the_picture_as_png_has_its_size() -> None:
    made = period_report(3, 1)
    drawn = poster.poster(made, analytics(made), IST)
    data = poster.png(drawn)
    assert data.startswith(b"\x89PNG\r\n")
    assert int.from_bytes(data[16:20]) == poster.WIDTH * poster.ZOOM


def test_equal_periods_give_the_same_bytes() -> None:
    assert html.render(period_report(), IST) == html.render(period_report(), IST)


@pytest.mark.parametrize(
    ("value", "kind"), [(4.0, "up5"), (2.0, "up3"), (0.01, "up1"), (-4.0, "down5"), (0.0, "blank")]
)
def test_a_cell_is_shaded_by_its_part_of_the_largest(value: float, kind: str) -> None:
    cells = {("r", "a"): Shade(value, "text"), ("r", "b"): Shade(4.0, "most")}
    assert f'class="{kind}"' in heat_map("t", ["r"], ["a", "b"], cells, Layout())


def test_names_at_the_ends_of_lines_do_not_overlap() -> None:
    days = [date(2026, 2, 2), date(2026, 2, 3)]
    lines = [Line(f"name{i}", [0.0, 1.0 + i * 1e-3]) for i in range(12)]
    drawn = lines_chart("t", days, lines, str)
    heights = sorted(float(y) for y in re.findall(r'y="([\d.]+)"[^>]*>name', drawn))
    assert len(heights) == 12
    assert all(b - a >= LABEL - 0.1 for a, b in pairwise(heights))
    assert outside(drawn) == []


@settings(max_examples=60)
@given(st.lists(st.decimals("-100000", "100000", places=2), min_size=1, max_size=60))
def test_a_bin_never_holds_wins_and_losses(values: list[Decimal]) -> None:
    """A border lies at zero: a bar is of one colour, and all trades are in some bar."""
    width = bin_width([float(value) for value in values])
    drawn = histogram(values, "INR")
    assert outside(drawn) == []
    assert width > 0
    kinds = {"gain" for value in values if value >= 0} | {"loss" for value in values if value < 0}
    assert {kind for kind in ("gain", "loss") if f'class="bar {kind}"' in drawn} == kinds


def test_one_trade_is_no_distribution_and_eight_are() -> None:
    few, many = ([trade(str(i)) for i in range(count)] for count in (1, 8))
    assert tear_sheet.distribution(replace(report(count=0), trades=few)).svg == ""
    assert tear_sheet.distribution(replace(report(count=0), trades=many)).svg


def test_names_that_are_too_long_end_in_an_ellipsis_and_keep_their_number() -> None:
    """Nothing is cut off at the edge of a picture."""
    made = period_report()
    name = "my_very_long_strategy_name_that_nobody_reads"
    trades = [replace(one, strategy=name) if one.strategy == STRATEGIES[0] else one for one in made.trades]
    found = analyse(records(trades, made.sessions))
    legend, grid = tear_sheet.strategy_curves(made, found).svg, tear_sheet.correlations(found).svg
    assert ">my_very_long_strategy…</text>" in legend
    assert re.search(r">\d my_very_long_strate…</text>", grid)
    assert name not in legend + grid


def test_a_rolling_ratio_that_is_known_once_is_no_line() -> None:
    made = period_report(count=22, a_day=1)
    trades = list(made.trades)[:1]
    found = analyse(records(trades, made.sessions))
    assert [value is None for _, value in found.risk.rolling_sharpe] == [False, True, True]
    assert tear_sheet.rolling(found).svg == ""

"""The drawings: what is on them stands where its time and price put it."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_samples import CAPITAL, IST, at, curve, day_trades, trade, walk

from livetrader.reporting import equity_chart, svg
from livetrader.reporting.daily import TradeChart
from livetrader.reporting.trade_chart import trade_chart

SVG = "{http://www.w3.org/2000/svg}"


def paths(drawing: str, kind: str) -> list[str]:
    """The `d` of every path of a class."""
    return re.findall(rf'<path class="{kind}" d="([^"]+)"', drawing)


def xs(d: str) -> list[float]:
    return [float(x) for x in re.findall(r"[ML](-?[\d.]+) ", d)]


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 8))
def test_ticks_are_round_in_order_and_inside(low: float, span: float, count: int) -> None:
    high = low + span
    if high <= low:
        return
    found = svg.ticks(low, high, count)
    assert found == sorted(found)
    assert len(found) <= count + 1
    slack = span * 1e-6 + math.ulp(high) + math.ulp(low)
    assert all(low - slack <= value <= high + slack for value in found)


def test_ticks_use_steps_of_one_two_and_five() -> None:
    assert svg.ticks(0, 10, 5) == [0, 2, 4, 6, 8, 10]
    assert svg.ticks(998_000, 1_002_100, 4) == [998_000, 1_000_000, 1_002_000]


def test_a_flat_range_lies_in_the_middle() -> None:
    low, high = svg.padded([100.0, 100.0])
    assert (low + high) / 2 == pytest.approx(100)
    assert svg.padded([]) == (-0.06, 1.06)
    assert svg.padded([0.0]) == (-1.0, 1.0)


def test_every_candle_that_was_traded_is_drawn_once() -> None:
    chart = walk(np.random.default_rng(5), 1000, 75)
    drawing = trade_chart(trade(entry_at=at("10:00")), chart, IST)
    bodies = "".join(paths(drawing, "body up") + paths(drawing, "body down"))
    assert bodies.count("M") == sum(not math.isnan(close) for close in chart.close) == 74
    assert "nan" not in drawing


def test_entry_and_exit_point_the_way_of_their_orders() -> None:
    """A buy is a triangle below its price, tip up; a sale one above it, tip down."""
    chart = walk(np.random.default_rng(5), 1000, 75)
    drawing = trade_chart(trade(entry_at=at("10:00"), entry_price="1000", exit_price="1001"), chart, IST)
    assert paths(drawing, "mark entry")[0].endswith("l5.5 9h-11z")
    assert paths(drawing, "mark exit")[0].endswith("l5.5 -9h-11z")


def test_markers_stand_on_the_bars_of_their_times() -> None:
    chart = walk(np.random.default_rng(5), 1000, 75)
    traded = trade(entry_at=at("10:02"), exit_at=at("11:00"), entry_price="1000", exit_price="1001")
    drawing = trade_chart(traded, chart, IST)
    step = xs(paths(drawing, "wick up")[0] + paths(drawing, "wick down")[0])
    left = min(step)
    width = (456 - 6) / 75
    assert xs(paths(drawing, "mark entry")[0]) == [pytest.approx(left + 9 * width, abs=0.11)]
    assert xs(paths(drawing, "mark exit")[0]) == [pytest.approx(left + 21 * width, abs=0.11)]


def test_the_stop_is_a_step_line_that_ends_with_the_trade() -> None:
    trades, charts = day_trades(7, 1)
    drawing = trade_chart(trades[0], charts["t0"], IST)
    (stop,) = paths(drawing, "stop")
    assert "L" not in stop
    assert stop.count("V") == len(charts["t0"].stop)
    assert float(re.findall(r"H(-?[\d.]+)", stop)[-1]) == xs(paths(drawing, "mark exit")[0])[0]


def test_a_trade_over_two_sessions_shows_where_the_second_begins() -> None:
    today = walk(np.random.default_rng(5), 1000, 75)
    tomorrow = [ts + 86_400 for ts in today.ts]
    both = TradeChart(
        [*today.ts, *tomorrow],
        *([*field, *field] for field in (today.open, today.high, today.low, today.close)),
    )
    drawing = trade_chart(trade(entry_at=at("14:00"), exit_at=at("10:00", date(2026, 2, 3))), both, IST)
    assert ">03 Feb</text>" in drawing
    assert len(paths(drawing, "day")) == 1


def test_prices_of_small_coins_have_labels_of_their_own() -> None:
    chart = walk(np.random.default_rng(5), 1000, 40)
    scaled = ([value * 1e-8 for value in field] for field in (chart.open, chart.high, chart.low, chart.close))
    tiny = trade(entry_price="0.00001000", exit_price="0.00001001")
    drawing = trade_chart(tiny, TradeChart(chart.ts, *scaled), UTC)
    labels = re.findall(r'x="464" y="[^"]+" text-anchor="start">([^<]+)', drawing)
    assert len(set(labels)) == len(labels) >= 3


def test_a_chart_without_a_bar_is_still_a_picture() -> None:
    assert ET.fromstring(trade_chart(trade(), TradeChart([], [], [], [], []), IST)) is not None


def test_the_equity_curve_begins_at_the_capital_and_ends_at_the_last_point() -> None:
    trades, _ = day_trades(7, 6)
    points = curve(trades)
    drawing = equity_chart.equity_chart(points, CAPITAL, "INR", IST)
    (line,) = paths(drawing, "equity")
    assert xs(line)[0] == equity_chart.LEFT
    assert xs(line)[-1] == equity_chart.RIGHT
    assert line.count("L") == len(points) - 1, "a step a point, the first of which is the capital"
    assert ">15:30</text>" in drawing


def test_a_curve_that_begins_with_the_first_close_is_drawn_from_the_capital() -> None:
    closes = [(int(at("15:30").timestamp()) + 86400 * i, CAPITAL + 100 * i) for i in (1, 2, 3)]
    (line,) = paths(equity_chart.equity_chart(closes, CAPITAL, "INR", IST), "equity")
    assert line.count("L") == len(closes)


def test_a_week_names_each_day_once_under_its_close() -> None:
    """The capital stands at the open of the first day, whose close is the second point."""
    opens = int(at("09:15").timestamp())
    points = [(opens, CAPITAL), *((opens + 86400 * i + 22500, CAPITAL + i) for i in range(5))]
    drawing = equity_chart.equity_chart(points, CAPITAL, "INR", IST)
    labels = re.findall(r">(\d\d [A-Z][a-z]{2})</text>", drawing)
    assert labels == ["02 Feb", "03 Feb", "04 Feb", "05 Feb", "06 Feb"]


def test_a_close_at_midnight_is_named_by_the_day_that_it_ends() -> None:
    midnight = int(datetime(2026, 2, 2, tzinfo=UTC).timestamp())
    points = [(midnight + 86400 * i, CAPITAL + i) for i in range(4)]
    drawing = equity_chart.equity_chart(points, CAPITAL, "USDT", UTC)
    assert re.findall(r">(\d\d [A-Z][a-z]{2})</text>", drawing) == ["02 Feb", "03 Feb", "04 Feb"]


def test_a_long_curve_is_thinned_and_keeps_its_extremes() -> None:
    rng = np.random.default_rng(1)
    values = (1e6 + np.cumsum(rng.normal(0, 900, 9000))).round(2).tolist()
    kept = equity_chart._thinned(values)
    assert len(kept) <= equity_chart.MOST + 2
    assert {0, 8999, values.index(min(values)), values.index(max(values))} <= set(kept)
    assert kept == sorted(set(kept))


def test_falls_are_percent_below_the_peak_so_far() -> None:
    assert equity_chart._falls([100, 120, 90, 130, 65]) == [0, 0, -25, 0, -50]


@pytest.mark.parametrize("count", [0, 1, 2, 3], ids=str)
def test_short_curves_are_drawn(count: int) -> None:
    points = [(int(at("09:20").timestamp()) + 300 * i, CAPITAL + i) for i in range(count)]
    drawing = equity_chart.equity_chart(points, CAPITAL, "INR", IST)
    assert len(paths(drawing, "equity")) == 1
    assert "nan" not in drawing


def test_the_standalone_file_is_xml_with_its_own_style_for_light_and_dark() -> None:
    first = datetime(2026, 1, 1, 10, tzinfo=UTC)
    points = [(int((first + timedelta(days=i)).timestamp()), CAPITAL + 100 * i) for i in range(30)]
    drawing = equity_chart.equity_chart(points, CAPITAL, "USDT", UTC, standalone=True)
    root = ET.fromstring(drawing)
    assert root.tag == f"{SVG}svg"
    style = root.find(f"{SVG}style")
    assert style is not None
    assert "prefers-color-scheme: dark" in (style.text or "")
    assert "$1,00" in drawing
    assert ">01 Jan</text>" in drawing


def test_names_in_titles_are_escaped() -> None:
    drawing = trade_chart(replace(trade(), symbol='M&M "<'), walk(np.random.default_rng(1), 100, 20), IST)
    assert "M&amp;M &quot;&lt;" in drawing
    assert ET.fromstring(drawing).get("role") == "img"


def test_levels_outside_the_candles_stay_in_the_picture() -> None:
    chart = walk(np.random.default_rng(5), 1000, 30)
    stopped = replace(chart, stop=[(chart.ts[5], 900.0)])
    drawing = trade_chart(trade(entry_at=at("09:40"), entry_price=Decimal(1000)), stopped, IST)
    (stop,) = paths(drawing, "stop")
    heights = [float(y) for y in re.findall(r"V(-?[\d.]+)|M[\d.]+ (-?[\d.]+)", stop)[0] if y]
    assert all(12 <= y <= 222 for y in heights)

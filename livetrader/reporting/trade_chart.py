"""One trade on its candles, as SVG: entry, exit, the path of the stop."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING

from livetrader.reporting import figures, svg
from livetrader.reporting.daily import TradeChart

if TYPE_CHECKING:
    from livetrader.domain.position import Trade

WIDTH, HEIGHT = 520, 250
LEFT, RIGHT = 6, 456
TOP, BOTTOM = 12, 222
BODY = 0.64
"""Width of a candle's body, as a part of its step."""


def trade_chart(trade: Trade, chart: TradeChart, zone: tzinfo) -> str:
    """The candles of `chart` with the entry and exit of `trade`, times in `zone`.

    Bars are equally wide; a bar that the symbol did not trade stays empty.
    """
    bars = _Bars(trade, chart)
    title = f"{trade.symbol} {trade.side} {figures.stamp(trade.entry_at, zone)}, candles with entry and exit"
    parts = [
        *_price_axis(bars.y),
        *_time_axis(chart.ts, bars.x, zone),
        bars.held(),
        *bars.candles(),
        svg.path(svg.steps(bars.stop()), "stop"),
        *bars.markers(),
    ]
    return svg.picture(WIDTH, HEIGHT, title, parts)


class _Bars:
    """The scales of one chart, and what is drawn with them."""

    def __init__(self, trade: Trade, chart: TradeChart) -> None:
        self.trade = trade
        self.chart = chart
        self.entry = int(trade.entry_at.timestamp())
        self.exit = int(trade.exit_at.timestamp())
        self.step = (RIGHT - LEFT) / max(len(chart.ts), 1)
        self.x = svg.Scale(0, max(len(chart.ts), 1), LEFT + self.step / 2, RIGHT + self.step / 2)
        levels = [float(trade.entry_price), float(trade.exit_price), *(level for _, level in chart.stop)]
        self.y = svg.Scale(*svg.padded([*chart.low, *chart.high, *levels]), BOTTOM, TOP)

    def place(self, at: int) -> float:
        """The middle of the bar that holds the instant `at`."""
        bar = bisect_right(self.chart.ts, at) - 1
        return self.x(min(max(bar, 0), len(self.chart.ts) - 1))

    def held(self) -> str:
        """A tint over the bars on which the position was open."""
        start, end = self.place(self.entry) - self.step / 2, self.place(self.exit) + self.step / 2
        return svg.path(svg.box(start, TOP, end, BOTTOM), "held")

    def candles(self) -> list[str]:
        """Four paths: wicks and bodies, of rising and of falling bars."""
        wicks, bodies = {True: "", False: ""}, {True: "", False: ""}
        chart, half = self.chart, self.step * BODY / 2
        rows = zip(chart.open, chart.high, chart.low, chart.close, strict=True)
        for i, (open_, high, low, close) in enumerate(rows):
            if math.isnan(close):
                continue
            rising, middle = close >= open_, self.x(i)
            top, bottom = self.y(max(open_, close)), self.y(min(open_, close))
            wicks[rising] += f"M{svg.at(middle)} {svg.at(self.y(high))}V{svg.at(self.y(low))}"
            # A bar that closed where it opened still shows, one pixel high.
            bodies[rising] += svg.box(middle - half, top, middle + half, max(bottom, top + 1))
        return [
            svg.path(wicks[True], "wick up"),
            svg.path(wicks[False], "wick down"),
            svg.path(bodies[True], "body up"),
            svg.path(bodies[False], "body down"),
        ]

    def stop(self) -> list[tuple[float, float]]:
        """The stop's steps, ended at the exit."""
        points = [(self.place(at), self.y(level)) for at, level in self.chart.stop if at <= self.exit]
        return [*points, (self.place(self.exit), points[-1][1])] if points else []

    def markers(self) -> list[str]:
        """From entry to exit: a dashed line, and a triangle at each that points the way of the order."""
        trade = self.trade
        start = (self.place(self.entry), self.y(float(trade.entry_price)))
        end = (self.place(self.exit), self.y(float(trade.exit_price)))
        buys = trade.side.sign > 0
        return [
            svg.line(*start, *end, "leg"),
            svg.path(_triangle(*start, up=buys), "mark entry"),
            svg.path(_triangle(*end, up=not buys), "mark exit"),
        ]


def _triangle(x: float, y: float, *, up: bool) -> str:
    """A triangle whose tip touches the price: from below for a buy, from above for a sale."""
    base = 9 if up else -9
    return f"M{svg.at(x)} {svg.at(y)}l5.5 {base}h-11z"


def _price_axis(y: svg.Scale) -> list[str]:
    values = svg.ticks(y.low, y.high, 6)
    places = max(0, min(8, 1 - math.floor(math.log10(values[1] - values[0])))) if len(values) > 1 else 2
    parts = []
    for value in values:
        parts.append(svg.line(LEFT, y(value), RIGHT, y(value), "grid"))
        parts.append(svg.text(RIGHT + 8, y(value) + 4, f"{value:,.{places}f}"))
    return parts


def _time_axis(ts: Sequence[int], x: svg.Scale, zone: tzinfo) -> list[str]:
    """About five times along the bottom; a new day begins with a line and its date."""
    parts, days = [], [figures.local(at, zone).date() for at in ts]
    gap = max(len(ts) // 5, 1)
    new_days = {i for i in range(1, len(ts)) if days[i] != days[i - 1]}
    for i in sorted(new_days):
        edge = (x(i) + x(i - 1)) / 2
        parts.append(svg.line(edge, TOP, edge, BOTTOM, "day"))
        parts.append(svg.text(x(i), HEIGHT - 10, f"{days[i]:%d %b}", "middle", "label strong"))
    free = [i for i in range(gap // 2, len(ts), gap) if all(abs(i - day) > gap * 0.6 for day in new_days)]
    return parts + [svg.text(x(i), HEIGHT - 10, figures.clock(ts[i], zone), "middle") for i in free]

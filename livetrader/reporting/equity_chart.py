"""The equity curve, with its drawdown below, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from decimal import Decimal
from itertools import pairwise

from livetrader.reporting import figures, svg
from livetrader.reporting.statistics import EquityPoint

WIDTH, HEIGHT = 1080, 330
LEFT, RIGHT = 12, 972
TOP, BOTTOM = 14, 214
FALL_TOP, FALL_BOTTOM = 238, 300
MOST = 1200
"""Points drawn: more than that cannot be told apart at this width."""


def equity_chart(
    equity: Sequence[EquityPoint],
    starting_capital: Decimal,
    currency: str,
    zone: tzinfo,
    *,
    standalone: bool = False,
) -> str:
    """The curve from `starting_capital` over `equity`, one step a point, times in `zone`.

    Steps are equal whatever the time between them, so that nights and holidays take no room. Empty equity
    gives a flat line.
    """
    if not equity or equity[0][1] != starting_capital:
        equity = [(equity[0][0] if equity else 0, starting_capital), *equity]
    times, values = [at for at, _ in equity], [float(value) for _, value in equity]
    falls = _falls(values)
    kept = _thinned(values)
    x = svg.Scale(0, max(len(values) - 1, 1), LEFT, RIGHT)
    y = svg.Scale(*svg.padded(values, 0.1), BOTTOM, TOP)
    deepest = min(falls)
    fall = svg.Scale(min(deepest * 1.1, -0.1), 0, FALL_BOTTOM, FALL_TOP)
    across = [(x(i), y(values[i])) for i in kept] if len(kept) > 1 else [(LEFT, y(values[0])), (RIGHT, y(values[0]))]
    under = [(x(i), fall(falls[i])) for i in kept]
    end_x, end_y = across[-1]
    parts = [
        *_money_axis(y, currency),
        *_fall_axis(fall, deepest),
        *(_time_axis(times, x, zone) if len(kept) > 1 else ()),
        svg.line(LEFT, y(values[0]), RIGHT, y(values[0]), "base"),
        svg.path(f"{svg.polyline(across)}V{BOTTOM}H{LEFT}Z", "area"),
        svg.path(svg.polyline(across), "equity"),
        f'<circle class="dot" cx="{svg.at(end_x)}" cy="{svg.at(end_y)}" r="3.5"/>',
        svg.path(f"{svg.polyline(under)}V{FALL_TOP}H{LEFT}Z" if deepest < 0 else "", "fall"),
        svg.text(LEFT, FALL_TOP - 8, "Drawdown from the peak" if deepest < 0 else "No drawdown"),
    ]
    return svg.picture(WIDTH, HEIGHT, "Equity curve with drawdown", parts, standalone=standalone)


def _falls(values: Sequence[float]) -> list[float]:
    """Percent below the highest value so far, at each value; never positive."""
    peak, falls = values[0], []
    for value in values:
        peak = max(peak, value)
        falls.append((value - peak) / peak * 100 if peak > 0 else 0.0)
    return falls


def _thinned(values: Sequence[float]) -> list[int]:
    """Indices to draw: all, or the lowest and highest of each bucket, which leaves every extreme standing."""
    count = len(values)
    if count <= MOST:
        return list(range(count))
    edges = [count * i // (MOST // 2) for i in range(MOST // 2 + 1)]
    kept = {0, count - 1}
    for start, stop in pairwise(edges):
        bucket = range(start, stop)
        kept |= {min(bucket, key=values.__getitem__), max(bucket, key=values.__getitem__)}
    return sorted(kept)


def _money_axis(y: svg.Scale, currency: str) -> list[str]:
    parts = []
    for value in svg.ticks(y.low, y.high, 5):
        label = figures.money(Decimal(str(value)), currency).removesuffix(".00")
        parts.append(svg.line(LEFT, y(value), RIGHT, y(value), "grid"))
        parts.append(svg.text(RIGHT + 8, y(value) + 4, label))
    return parts


def _fall_axis(fall: svg.Scale, deepest: float) -> list[str]:
    parts = [svg.line(LEFT, FALL_TOP, RIGHT, FALL_TOP, "grid")]
    if deepest < 0:
        parts.append(svg.text(RIGHT + 8, FALL_TOP + 4, "0 %"))
        parts.append(svg.line(LEFT, fall(deepest), RIGHT, fall(deepest), "grid"))
        parts.append(svg.text(RIGHT + 8, fall(deepest) + 4, figures.percent(deepest)))
    return parts


def _time_axis(times: Sequence[int], x: svg.Scale, zone: tzinfo) -> list[str]:
    """Some labels along the bottom: times of one day, days of a period, months of years."""
    begins, ends = figures.local(times[0], zone), figures.day_ended(times[-1], zone)
    long, one_day = (ends - begins).days > 400, ends.date() == begins.date()
    form = "%H:%M" if one_day else "%b %Y" if long else "%d %b"

    def label(at: int) -> str:
        named = figures.local(at, zone) if one_day else max(figures.day_ended(at, zone), begins)
        return named.strftime(form)

    last = len(times) - 1
    # Of two alike the later counts: where days are named, a label stands under a day's close.
    labels = {label(times[i]): i for i in sorted({last * n // 6 for n in range(7)})}
    anchors = {0: "start", last: "end"}
    return [svg.text(x(i), HEIGHT - 8, text, anchors.get(i, "middle")) for text, i in labels.items()]

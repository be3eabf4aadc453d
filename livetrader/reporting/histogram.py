"""How the trades' profits are distributed, as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

from livetrader.reporting import figures, svg

WIDTH, HEIGHT = 480, 260
LEFT, RIGHT, TOP, BOTTOM = 40, 468, 24, 208
BINS = 16
"""About as many as the eye can tell apart at this width."""


def histogram(values: Sequence[Decimal], currency: str) -> str:
    """The number of trades by net P&L, in bins of round width of which one ends at zero."""
    amounts = [float(value) for value in values]
    width = bin_width(amounts)
    first = math.floor(min(amounts) / width)
    counts = [0] * (math.floor(max(amounts) / width) - first + 1)
    for amount in amounts:
        counts[math.floor(amount / width) - first] += 1
    x = svg.Scale(first * width, (first + len(counts)) * width, LEFT, RIGHT)
    y = svg.Scale(0, max(counts) * 1.08, BOTTOM, TOP)
    mean = sum(values, Decimal(0)) / len(values)
    parts = [*_counts(y), *_money(x, currency)]
    for i, count in enumerate(counts):
        low = (first + i) * width
        if count:
            box = svg.box(x(low) + 1, y(count), x(low + width) - 1, BOTTOM)
            parts.append(svg.path(box, "bar gain" if low >= 0 else "bar loss"))
    parts += [
        svg.line(x(float(mean)), TOP - 4, x(float(mean)), BOTTOM, "leg"),
        svg.text(x(float(mean)), TOP - 10, f"mean {figures.money(mean, currency, signed=True)}", _anchor(x, mean)),
        svg.text((LEFT + RIGHT) / 2, HEIGHT - 8, "Net P&L of a trade; upwards: number of trades", "middle"),
    ]
    return svg.picture(WIDTH, HEIGHT, "Distribution of the trades' net P&L", parts)


def bin_width(amounts: Sequence[float]) -> float:
    """1, 2 or 5 times a power of ten, so that there are about BINS bins."""
    rough = (max(amounts) - min(amounts)) / BINS or max(abs(amounts[0]) / 4, 1.0)
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)


def _anchor(x: svg.Scale, mean: Decimal) -> str:
    place = x(float(mean))
    return "start" if place < LEFT + 70 else "end" if place > RIGHT - 70 else "middle"


def _counts(y: svg.Scale) -> list[str]:
    parts = []
    for value in svg.ticks(y.low, y.high, 4):
        if value == int(value):
            parts.append(svg.line(LEFT, y(value), RIGHT, y(value), "grid"))
            parts.append(svg.text(LEFT - 6, y(value) + 4, str(int(value)), "end"))
    return parts


def _money(x: svg.Scale, currency: str) -> list[str]:
    return [
        svg.text(x(value), BOTTOM + 18, figures.short_money(value, currency), "middle")
        for value in svg.ticks(x.low, x.high, 5)
    ]

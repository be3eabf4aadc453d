"""Several lines over the same days, as SVG, each named at its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from livetrader.reporting import figures, svg

WIDTH, HEIGHT = 1080, 300
LEFT, TOP, BOTTOM = 12, 14, 264
LABEL = 15
"""Pixels between two names."""
MOST_NAME = 22
"""Characters of a name that there is room for, in the charts of a period."""
HUES = 8
"""Colours of `templates/chart.css`; the lines after them are dashed."""


@dataclass(frozen=True, slots=True)
class Line:
    """A name and one value a day, None where there is none."""

    name: str
    values: Sequence[float | None]


def lines_chart(
    title: str, days: Sequence[date], lines: Sequence[Line], label: Callable[[float], str], *, right: int = 836
) -> str:
    """`lines` over `days`, at equal steps; `label` writes a value for the axis, names stand from `right` on."""
    values = [value for line in lines for value in line.values if value is not None]
    x = svg.Scale(0, max(len(days) - 1, 1), LEFT, right)
    y = svg.Scale(*svg.padded([*values, 0.0], 0.08), BOTTOM, TOP)
    parts = []
    for value in svg.ticks(y.low, y.high, 8):
        parts.append(svg.line(LEFT, y(value), right, y(value), "base" if value == 0 else "grid"))
        parts.append(svg.text(right + 8, y(value) + 4, label(value)))
    parts += _dates(days, x)
    if len(lines) == 1:
        return svg.picture(WIDTH, HEIGHT, title, [*parts, *_drawn(lines[0], "equity", x, y)])
    for i, line in enumerate(lines):
        parts += _drawn(line, _kind(i), x, y)
    return svg.picture(WIDTH, HEIGHT, title, [*parts, *_names(lines, y, right + 76)])


def _kind(number: int) -> str:
    return f"hue h{number % HUES}" + (" dashed" if number >= HUES else "")


def _drawn(line: Line, kind: str, x: svg.Scale, y: svg.Scale) -> list[str]:
    """The line, broken where it has no value; a single value is a dot."""
    runs: list[list[tuple[float, float]]] = [[]]
    for i, value in enumerate(line.values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((x(i), y(value)))
    parts = [svg.path(svg.polyline(run), kind) for run in runs if len(run) > 1]
    return parts + [svg.path(f"M{svg.at(a - 2)} {svg.at(b)}h4", kind) for a, b in (r[0] for r in runs if len(r) == 1)]


def _names(lines: Sequence[Line], y: svg.Scale, left: float) -> list[str]:
    """The names beside the ends of their lines, moved apart where they would overlap."""
    ends = [(y(next((v for v in reversed(line.values) if v is not None), 0.0)), i) for i, line in enumerate(lines)]
    places: list[tuple[float, int]] = []
    lowest = float(TOP - LABEL)
    for height, i in sorted(ends):
        lowest = max(height + 4, lowest + LABEL)
        places.append((lowest, i))
    over = max(0.0, lowest - BOTTOM)
    parts = []
    for place, i in places:
        at = place - over
        parts.append(svg.path(f"M{svg.at(left)} {svg.at(at - 4)}h16", _kind(i)))
        parts.append(svg.text(left + 22, at, figures.shortened(lines[i].name, MOST_NAME)))
    return parts


def _dates(days: Sequence[date], x: svg.Scale) -> list[str]:
    """Some dates along the bottom; months of long periods."""
    if not days:
        return []
    form, last, parts = "%b %Y" if (days[-1] - days[0]).days > 400 else "%d %b", len(days) - 1, []
    for i in sorted({last * n // 6 for n in range(7)}):
        anchor = "start" if i == 0 else "end" if i == last else "middle"
        parts.append(svg.text(x(i), HEIGHT - 10, days[i].strftime(form), anchor))
    return parts

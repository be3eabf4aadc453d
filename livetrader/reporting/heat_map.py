"""A table of shaded cells as SVG: returns by month, P&L by hour and weekday, correlations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from livetrader.reporting import svg

SHADES = 5
"""Steps of shade to either side of zero; the cell says its number, so that nobody has to read it off a colour."""


LEAST_WIDTH = 440
"""A map of few columns is not blown up to the page's width."""


@dataclass(frozen=True, slots=True)
class Shade:
    """One cell: its value, which shades it, and its text."""

    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Layout:
    """Pixels: the room for the rows' names, and of one cell."""

    margin: int = 56
    width: int = 70
    height: int = 28


def heat_map(
    title: str,
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Mapping[tuple[str, str], Shade],
    layout: Layout,
    apart: str = "",
    most: float = 0.0,
) -> str:
    """The cells by (row, column); one that is not there stays empty.

    The largest size has the fullest shade, or `most` if that is larger.

    A column named `apart` stands by itself at the right, and is shaded by its own largest.
    """
    tops = {name == apart: most for name in columns}
    for (_, column), cell in cells.items():
        tops[column == apart] = max(tops[column == apart], abs(cell.value))
    gap = {name: layout.margin + i * layout.width + 10 * (name == apart) for i, name in enumerate(columns)}
    parts = [
        svg.text(gap[name] + layout.width / 2, 16, name, "middle", "label" if name != apart else "label strong")
        for name in columns
    ]
    for i, row in enumerate(rows):
        top = 26 + i * layout.height
        parts.append(svg.text(layout.margin - 10, top + layout.height / 2 + 4, row, "end"))
        parts += [_cell(gap[name], top, layout, cells.get((row, name)), tops[name == apart]) for name in columns]
    width = max(layout.margin + len(columns) * layout.width + 10 * (apart in columns) + 2, LEAST_WIDTH)
    return svg.picture(width, 30 + len(rows) * layout.height, title, parts)


def _cell(left: float, top: float, layout: Layout, cell: Shade | None, most: float) -> str:
    box = svg.box(left + 1, top + 1, left + layout.width - 1, top + layout.height - 1)
    if cell is None:
        return svg.path(box, "blank")
    step = min(math.ceil(abs(cell.value) / most * SHADES), SHADES) if most else 0
    kind = f"{'up' if cell.value > 0 else 'down'}{step}" if step else "blank"
    middle = svg.text(left + layout.width / 2, top + layout.height / 2 + 4, cell.text, "middle", "cell")
    return svg.path(box, kind) + middle

"""What every chart is made of: scales, ticks, shapes. Colours are classes of `templates/chart.css`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear map of values from [low, high] to pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def padded(values: Iterable[float], part: float = 0.06) -> tuple[float, float]:
    """The range of `values` with a margin; a flat one is widened so that its line lies in the middle."""
    finite = [value for value in values if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    margin = (high - low) * part or abs(high) * 0.005 or 1.0
    return low - margin, high + margin


def ticks(low: float, high: float, count: int) -> list[float]:
    """About `count` round values within [low, high]: steps of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first = math.ceil(low / step)
    return [i * step for i in range(first, math.floor(high / step) + 1)]


def at(value: float) -> str:
    """A coordinate, to a tenth of a pixel."""
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<path class="{kind}" d="M{at(x1)} {at(y1)}L{at(x2)} {at(y2)}"/>'


def box(left: float, top: float, right: float, bottom: float) -> str:
    """The `d` of a rectangle."""
    return f"M{at(left)} {at(top)}H{at(right)}V{at(bottom)}H{at(left)}z"


def path(d: str, kind: str) -> str:
    return f'<path class="{kind}" d="{d}"/>' if d else ""


def polyline(points: Sequence[tuple[float, float]]) -> str:
    """The `d` of a line through `points`."""
    return "M" + "L".join(f"{at(x)} {at(y)}" for x, y in points) if points else ""


def steps(points: Sequence[tuple[float, float]]) -> str:
    """The `d` of a step line: each value holds until the next point."""
    if not points:
        return ""
    (x, y), *rest = points
    return f"M{at(x)} {at(y)}" + "".join(f"H{at(x)}V{at(y)}" for x, y in rest)


def text(x: float, y: float, content: str, anchor: str = "start", kind: str = "label") -> str:
    return f'<text class="{kind}" x="{at(x)}" y="{at(y)}" text-anchor="{anchor}">{escape(content)}</text>'


def picture(width: int, height: int, title: str, parts: Iterable[str], *, standalone: bool = False) -> str:
    """An SVG element for a page, or with `standalone` a file of its own that follows light and dark."""
    head = f'viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}"'
    if not standalone:
        return f'<svg class="chart" {head}>{"".join(parts)}</svg>'
    style = (TEMPLATES / "chart.css").read_text(encoding="utf-8")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" width="{width}" height="{height}" {head}>'
        f"<style>{style}</style>"
        f'<rect class="paper" width="{width}" height="{height}" rx="10"/>{"".join(parts)}</svg>\n'
    )

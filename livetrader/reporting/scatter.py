"""How far each trade went against us and for us, as SVG: a point a trade."""

from __future__ import annotations

from collections.abc import Sequence

from livetrader.reporting import svg
from livetrader.reporting.excursions import Excursion

WIDTH, HEIGHT = 480, 260
LEFT, RIGHT, TOP, BOTTOM = 46, 468, 24, 208
MOST = 1500
"""Points drawn; of more, the first."""


def excursions_chart(found: Sequence[Excursion]) -> str:
    """MAE across, MFE upwards, in percent of the entry price; circles are winners before charges, crosses losers.

    A trade above the line went further for us than against us.
    """
    shown = found[:MOST]
    x = svg.Scale(0, _top([one.adverse_pct for one in shown]), LEFT, RIGHT)
    y = svg.Scale(0, _top([one.favourable_pct for one in shown]), BOTTOM, TOP)
    both = min(x.high, y.high)
    parts = [*_axes(x, y), svg.line(x(0), y(0), x(both), y(both), "base")]
    for one in shown:
        a, b = x(one.adverse_pct), y(one.favourable_pct)
        if one.result_pct > 0:
            parts.append(f'<circle class="point gain" cx="{svg.at(a)}" cy="{svg.at(b)}" r="3"/>')
        else:
            parts.append(svg.path(f"M{svg.at(a - 3)} {svg.at(b - 3)}l6 6m0-6l-6 6", "point loss"))
    parts += [
        f'<circle class="point gain" cx="{LEFT + 10}" cy="10" r="3"/>',
        svg.text(LEFT + 18, 14, "won"),
        svg.path(f"M{LEFT + 57} 7l6 6m0-6l-6 6", "point loss"),
        svg.text(LEFT + 68, 14, "lost"),
        svg.text(RIGHT, 14, "upwards: best for us, %", "end"),
        svg.text((LEFT + RIGHT) / 2, HEIGHT - 8, "Worst against us, % of the entry price", "middle"),
    ]
    return svg.picture(WIDTH, HEIGHT, "Maximum adverse and favourable excursion of each trade", parts)


def _top(values: Sequence[float]) -> float:
    return max(max(values, default=0.0) * 1.06, 0.1)


def _axes(x: svg.Scale, y: svg.Scale) -> list[str]:
    parts = []
    for value in svg.ticks(0, y.high, 4):
        parts.append(svg.line(LEFT, y(value), RIGHT, y(value), "grid"))
        parts.append(svg.text(LEFT - 6, y(value) + 4, f"{value:g}", "end"))
    return parts + [svg.text(x(value), BOTTOM + 18, f"{value:g}", "middle") for value in svg.ticks(0, x.high, 6)]

"""The tear sheet as one picture: an SVG file of its own, and that as PNG.

PNG needs resvg (`pip install 'livetrader[png]'`): one compiled module without dependencies of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import tzinfo

from livetrader.errors import UsageError
from livetrader.reporting import svg, tear_sheet
from livetrader.reporting.analytics import Analytics
from livetrader.reporting.daily import Report
from livetrader.reporting.equity_chart import equity_chart
from livetrader.reporting.tables import Tile, tiles
from livetrader.reporting.tear_sheet import Chart

WIDTH, MARGIN, GAP = 1160, 32, 20
HEAD, TILES = 64, 84
TITLE = 38
"""Pixels of a panel above its chart."""
PAD = 18
ZOOM = 2

_SIZE = re.compile(r'viewBox="0 0 (\d+) (\d+)"')
_VARIABLE = re.compile(r"(--\w+): ([^;]+);")


def png(picture: str) -> bytes:
    """An SVG `picture` as PNG, at ZOOM pixels for one. UsageError where resvg is not installed."""
    try:
        from resvg_py import svg_to_bytes
    except ImportError:
        raise UsageError("--format png: needs resvg; install it with `pip install 'livetrader[png]'`") from None
    return bytes(svg_to_bytes(svg_string=picture, zoom=ZOOM, font_family="sans-serif"))


def poster(report: Report, found: Analytics, zone: tzinfo) -> str:
    """The picture as SVG, with its colours written out: what draws it need not know CSS variables."""
    parts = [*_head(report), *_tiles(tiles(report, zone))]
    top: float = MARGIN + HEAD + TILES + GAP
    for row in _rows(report, found, zone):
        places = _places(row)
        parts += [_panel(chart, left, top, width, height) for chart, left, width, height in places]
        top += max(height for _, _, _, height in places) + GAP
    parts.append(svg.text(MARGIN, top + 8, f"Times are {zone}. Written by livetrader."))
    height = top + MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}"><style>{_style()}</style>'
        f'<rect class="page" width="{WIDTH}" height="{height}"/>{"".join(parts)}</svg>\n'
    )


def _style() -> str:
    """The charts' style in its light colours, without variables and media."""
    text = (svg.TEMPLATES / "chart.css").read_text(encoding="utf-8")
    text = re.sub(r"@media[^{]*\{.*?\}\s*\}", "", text, flags=re.DOTALL)
    colours = dict(_VARIABLE.findall(text))
    text = re.sub(r"var\((--\w+)\)", lambda found: colours[found[1]], _VARIABLE.sub("", text))
    text = re.sub(r"font: [^;]*;", "", text)
    return (
        f"{text} .page {{ fill: #f5f6f8; }} .panel {{ fill: #ffffff; stroke: #e2e6eb; }} "
        "text { font-family: 'Noto Sans', 'DejaVu Sans', sans-serif; font-size: 11.5px; } "
        ".title { font-size: 24px; font-weight: 700; } .heading { font-size: 15px; font-weight: 700; } "
        ".big { font-size: 21px; font-weight: 700; } "
        f".ink {{ fill: {colours['--ink']}; }} .gain.big {{ fill: {colours['--gain']}; }} "
        f".loss.big {{ fill: {colours['--loss']}; }}"
    )


def _head(report: Report) -> Iterator[str]:
    yield svg.text(MARGIN, MARGIN + 26, f"{report.mode} · {report.title}", kind="title ink")
    yield svg.text(WIDTH - MARGIN, MARGIN + 26, report.period, "end", "heading ink")


def _tiles(shown: tuple[Tile, ...]) -> Iterator[str]:
    width, top = (WIDTH - 2 * MARGIN) / len(shown), MARGIN + HEAD
    yield _frame(MARGIN, top, WIDTH - 2 * MARGIN, TILES)
    for i, tile in enumerate(shown):
        left = MARGIN + i * width + PAD
        yield svg.text(left, top + 24, tile.label)
        yield svg.text(left, top + 50, tile.value, kind=f"big {tile.tone or 'ink'}")
        yield svg.text(left, top + 70, tile.note)


def _rows(report: Report, found: Analytics, zone: tzinfo) -> Iterator[list[Chart]]:
    """The charts that there are, wide ones alone and the others in pairs."""
    equity = equity_chart(report.equity, report.starting_capital, report.currency, zone)
    drawn = [Chart("equity", "Equity", equity, "", wide=True), *tear_sheet.charts(report, found)]
    drawn = [chart for chart in drawn if chart.svg]
    yield from ([chart] for chart in drawn if chart.wide)
    halves = [chart for chart in drawn if not chart.wide]
    yield from (halves[i : i + 2] for i in range(0, len(halves), 2))


def _places(row: list[Chart]) -> list[tuple[Chart, float, float, float]]:
    """Each chart of a row with its left edge, its width and its height, in pixels."""
    width = WIDTH - 2 * MARGIN if row[0].wide else (WIDTH - 2 * MARGIN - GAP) / 2
    return [(chart, MARGIN + i * (width + GAP), width, _height(chart, width)) for i, chart in enumerate(row)]


def _height(chart: Chart, width: float) -> float:
    across, down = _size(chart)
    return TITLE + down * (width - 2 * PAD) / across + PAD


def _size(chart: Chart) -> tuple[int, int]:
    found = _SIZE.search(chart.svg)
    assert found is not None, "every chart says its size"
    return int(found[1]), int(found[2])


def _panel(chart: Chart, left: float, top: float, width: float, height: float) -> str:
    inside = chart.svg.replace(
        "<svg ",
        f'<svg x="{svg.at(left + PAD)}" y="{svg.at(top + TITLE)}" width="{svg.at(width - 2 * PAD)}" '
        f'height="{svg.at(height - TITLE - PAD)}" ',
        1,
    )
    return _frame(left, top, width, height) + svg.text(left + PAD, top + 26, chart.title, kind="heading ink") + inside


def _frame(left: float, top: float, width: float, height: float) -> str:
    return (
        f'<rect class="panel" x="{svg.at(left)}" y="{svg.at(top)}" width="{svg.at(width)}" '
        f'height="{svg.at(height)}" rx="10"/>'
    )

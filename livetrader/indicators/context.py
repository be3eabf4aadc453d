"""Values that one series lends to another: constants of a session, known before it opens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from livetrader.domain.candles import CandleWindow, Floats, Ints
from livetrader.domain.session import Session
from livetrader.indicators.evaluate import Context, Evaluator, session_starts
from livetrader.indicators.graph import Node, Series
from livetrader.indicators.operations import LastSession, PerSymbol
from livetrader.indicators.plan import Array, ordered

ROWS, SYMBOLS = 32, 300
"""The size of a chunk: about 75 kB an array, so that a whole graph's buffers stay in the cache."""


def context_of(
    nodes: Iterable[Node], windows: Mapping[Series, CandleWindow], sessions: Sequence[Session], symbols: int
) -> Context:
    """The value of every `last_session` node of `nodes` on each of `sessions`, (sessions, symbols).

    `windows` holds a window of every series in `series_of(nodes)` but the main one, on the same calendar as
    `sessions`, of any length beyond what the sessions need: only rows known at a session's open count. So the
    whole block at once and the live engine's call at a session's open give the same bits.
    """
    lent: dict[Series, list[tuple[Node, Node]]] = {}
    for node in ordered(nodes):
        if isinstance(node.op, LastSession):
            source = node.inputs[0]
            assert isinstance(source, Node)
            assert source.series is not None
            lent.setdefault(source.series, []).append((node, source))
    context: dict[Node, Floats] = {}
    for series, borrowed in lent.items():
        values = evaluate_block({_name(i): source for i, (_, source) in enumerate(borrowed)}, series, windows)
        row, column = _last_rows(series, windows[series], sessions)
        for i, (node, _) in enumerate(borrowed):
            found = np.where(row >= 0, values[_name(i)][row, column], np.nan)
            context[node] = np.broadcast_to(found, (len(sessions), symbols))
    return context


def _name(i: int) -> str:
    # What an error in the value would begin with.
    return f"last_session {i + 1}"


def _last_rows(series: Series, window: CandleWindow, sessions: Sequence[Session]) -> tuple[Ints, Ints]:
    """For each session and symbol, the row that it looks at (-1: none), and the column."""
    known = np.searchsorted(window.closes, [session.opens for session in sessions], side="right")
    traded = ~np.isnan(window.close)
    columns = np.arange(window.shape[1])
    row = np.where(traded, np.arange(len(traded))[:, None], -1)
    if series.symbol is None:
        # The symbol's own bars: the last that it traded.
        row = np.maximum.accumulate(row, axis=0)
    row = np.vstack([np.full_like(columns, -1), row])[known]
    if series.symbol is not None:
        _forget_stale(row, window, sessions)
    return row, np.broadcast_to(columns, row.shape)


def _forget_stale(row: Ints, window: CandleWindow, sessions: Sequence[Session]) -> None:
    """Another symbol's value counts only if it is of the session just before."""
    for i, before in enumerate(sessions[:-1], start=1):
        if row[i, 0] >= 0 and window.sessions[window.session[row[i, 0]]].date != before.date:
            row[i] = -1


def evaluate_block(nodes: Mapping[str, Node], main: Series, windows: Mapping[Series, CandleWindow]) -> dict[str, Array]:
    """The named nodes on every row of the block of `main`, as arrays (rows, symbols).

    Calculated in tiles of symbols and chunks of rows, which fit in the cache. `windows` as in `context_of`,
    and the main window too.
    """
    window = windows[main]
    height, width = window.shape
    context = context_of(nodes.values(), windows, window.sessions, width)
    starts = session_starts(window)
    # A per_symbol function sees all of its history on every run, so it gets one run.
    rows = max(height, 1) if any(isinstance(n.op, PerSymbol) for n in ordered(nodes.values())) else ROWS
    whole: dict[str, Array] = {
        name: np.empty((height, width), bool if node.boolean else float) for name, node in nodes.items()
    }
    for left in range(0, width, SYMBOLS):
        tile = slice(left, min(left + SYMBOLS, width))
        lent = {node: values[:, tile] for node, values in context.items()}
        evaluator = Evaluator(nodes, tile.stop - tile.start, rows)
        for top in range(0, height, rows):
            cut = slice(top, min(top + rows, height))
            values = evaluator.run(window_cut(window, cut, tile), starts[cut], lent)
            for name, array in whole.items():
                array[cut, tile] = values[name]
    return whole


def window_cut(window: CandleWindow, rows: slice, symbols: slice) -> CandleWindow:
    """Part of a window, as views; `session` still indexes into the same `sessions`."""
    return CandleWindow(
        window.interval, window.symbols[symbols], window.sessions, window.ts[rows], window.closes[rows],
        window.session[rows], window.minute[rows], window.open[rows, symbols], window.high[rows, symbols],
        window.low[rows, symbols], window.close[rows, symbols], window.volume[rows, symbols],
    )  # fmt: skip

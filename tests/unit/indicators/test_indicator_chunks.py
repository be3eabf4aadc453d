"""Same bits, however the rows are cut and the symbols are grouped: batch and live are one calculation."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from candle_samples import (
    MAIN,
    all_windows,
    blank,
    different,
    digest,
    everything,
    sessions,
    window,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from livetrader.domain.candles import CandleWindow
from livetrader.indicators.context import context_of, evaluate_block, window_cut
from livetrader.indicators.evaluate import Context, Evaluator, session_starts
from livetrader.indicators.graph import Candles, Series
from livetrader.indicators.plan import Array

NODES = everything(Candles(MAIN))
SYMBOLS = 5

Windows = dict[Series, CandleWindow]


def block(seed: int, gaps: float = 0.2) -> Windows:
    return all_windows(window(sessions(3, 100), SYMBOLS, seed, gaps=gaps, tick=0.1), seed)


def context_for(windows: Windows) -> Context:
    return context_of(NODES.values(), windows, windows[MAIN].sessions, SYMBOLS)


def in_pieces(windows: Windows, rows: list[int], tile: slice = slice(None)) -> dict[str, Array]:
    """One evaluator over the row ranges that begin at `rows`."""
    main, context = windows[MAIN], context_for(windows)
    lent = {node: values[:, tile] for node, values in context.items()}
    starts = session_starts(main)
    cuts = [slice(a, b) for a, b in pairwise(sorted({0, *rows, len(main.ts)}))]
    evaluator = Evaluator(NODES, len(main.symbols[tile]), max(cut.stop - cut.start for cut in cuts))
    parts = [
        {name: values.copy() for name, values in piece.items()}
        for piece in (evaluator.run(window_cut(main, cut, tile), starts[cut], lent) for cut in cuts)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in NODES}


seeds = st.integers(0, 10_000)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, rows=st.lists(st.integers(1, 59), max_size=12))
def test_any_split_of_the_rows_gives_the_same_bits(seed: int, rows: list[int]) -> None:
    windows = block(seed)
    assert different(in_pieces(windows, rows), in_pieces(windows, [])) == []


def test_one_row_at_a_time_gives_the_same_bits() -> None:
    windows = block(1)
    assert different(in_pieces(windows, list(range(60))), evaluate_block(NODES, MAIN, windows)) == []


@settings(max_examples=25, deadline=None)
@given(seed=seeds, left=st.integers(0, SYMBOLS - 1), width=st.integers(1, SYMBOLS))
def test_a_tile_of_symbols_gives_the_same_bits(seed: int, left: int, width: int) -> None:
    windows = block(seed)
    tile = slice(left, left + width)
    whole = {name: values[:, tile] for name, values in in_pieces(windows, []).items()}
    assert different(in_pieces(windows, [7, 31], tile), whole) == []


@settings(max_examples=25, deadline=None)
@given(seed=seeds, kept=st.integers(0, SYMBOLS - 1))
def test_a_symbol_does_not_depend_on_the_others(seed: int, kept: int) -> None:
    """Neither other symbols' prices nor their gaps change a bit of its values."""
    windows, others = block(seed), block(seed + 1, gaps=0.6)
    for series, mine in windows.items():
        if series.symbol is None:
            for name in ("open", "high", "low", "close", "volume"):
                getattr(others[series], name)[:, kept] = getattr(mine, name)[:, kept]
        else:
            others[series] = mine
    a, b = evaluate_block(NODES, MAIN, windows), evaluate_block(NODES, MAIN, others)
    assert different({n: v[:, kept] for n, v in a.items()}, {n: v[:, kept] for n, v in b.items()}) == []


@settings(max_examples=25, deadline=None)
@given(seed=seeds, first=st.integers(1, 18), count=st.integers(1, 6))
def test_rows_that_nobody_traded_change_nothing(seed: int, first: int, count: int) -> None:
    """Values after empty rows in mid-session are those of the block without these rows."""
    windows = block(seed)
    main = windows[MAIN]
    last = min(first + count, 20)
    empty = {**windows, MAIN: blank(main, slice(first, last), slice(None))}
    rows = np.r_[0:first, last : len(main.ts)]
    without = CandleWindow(
        main.interval, main.symbols, main.sessions, main.ts[rows], main.closes[rows], main.session[rows],
        main.minute[rows], main.open[rows], main.high[rows], main.low[rows], main.close[rows],
        main.volume[rows],
    )  # fmt: skip
    a = {name: values[rows] for name, values in evaluate_block(NODES, MAIN, empty).items()}
    assert different(a, evaluate_block(NODES, MAIN, {**windows, MAIN: without})) == []


@pytest.mark.parametrize("warm_rows", [32, 7], ids=["cut evenly", "cut oddly"])
def test_tiles_warmed_up_apart_go_on_live_as_one(warm_rows: int) -> None:
    """Warm up in tiles, join, then run row by row: each result holds the row before and the row itself."""
    windows = block(3)
    main, context = windows[MAIN], context_for(windows)
    starts = session_starts(main)
    live_from = 45
    tiles = []
    for tile in (slice(0, 2), slice(2, 5)):
        lent = {node: values[:, tile] for node, values in context.items()}
        evaluator = Evaluator(NODES, len(main.symbols[tile]), warm_rows, keep=1)
        for top in range(0, live_from, warm_rows):
            cut = slice(top, min(top + warm_rows, live_from))
            evaluator.run(window_cut(main, cut, tile), starts[cut], lent)
        tiles.append(evaluator)
    live = Evaluator.join(tiles)
    whole = evaluate_block(NODES, MAIN, windows)
    for row in range(live_from, len(main.ts)):
        result = live.run(main.rows(row, row + 1), starts[row : row + 1], context)
        both = {name: values[row - 1 : row + 1] for name, values in whole.items()}
        assert different(dict(result), both) == []


def test_before_the_first_row_kept_rows_are_undefined() -> None:
    windows = block(4)
    main = windows[MAIN]
    evaluator = Evaluator(NODES, SYMBOLS, 1, keep=2)
    result = evaluator.run(main.rows(0, 1), session_starts(main)[:1], context_for(windows))
    assert all(values.shape == (3, SYMBOLS) for values in result.values())
    assert all(np.isnan(values[:2]).all() for values in result.values() if values.dtype == np.float64)
    assert not any(values[:2].any() for values in result.values() if values.dtype == np.bool_)


def test_no_rows_and_no_symbols_are_no_trouble() -> None:
    windows = block(5)
    nothing = {**windows, MAIN: windows[MAIN].rows(0, 0)}
    assert evaluate_block(NODES, MAIN, nothing)["ema"].shape == (0, SYMBOLS)
    nobody = {s: w if s.symbol else w.columns(0, 0) for s, w in windows.items()}
    assert evaluate_block(NODES, MAIN, nobody)["ema"].shape == (len(windows[MAIN].ts), 0)


def test_a_wide_block_in_tiles_equals_its_parts() -> None:
    """Wider than a tile, and a last tile that is narrower."""
    main = window(sessions(1, 60), 310, seed=9)
    whole = evaluate_block({"ema": NODES["ema"]}, MAIN, {MAIN: main})
    part = evaluate_block({"ema": NODES["ema"]}, MAIN, {MAIN: main.columns(295, 310)})
    assert different({"ema": whole["ema"][:, 295:]}, part) == []


def test_windows_of_any_memory_layout_will_do() -> None:
    """Read-only and Fortran-ordered fields, as databases and Arrow hand them out."""
    windows = block(6)
    main = windows[MAIN]
    fields = [np.asfortranarray(getattr(main, n)) for n in ("open", "high", "low", "close", "volume")]
    for field in fields:
        field.flags.writeable = False
    odd = CandleWindow(
        main.interval, main.symbols, main.sessions, main.ts, main.closes, main.session, main.minute, *fields
    )
    same = evaluate_block(NODES, MAIN, {**windows, MAIN: odd})
    assert different(same, evaluate_block(NODES, MAIN, windows)) == []


def test_plain_python_reads_the_kernels_to_the_same_bits() -> None:
    """Without the compiler (NUMBA_DISABLE_JIT=1) every indicator comes out equal, bit for bit."""
    command = [sys.executable, "-c", "import candle_samples; print(candle_samples.digest())"]
    here = Path(__file__).parent
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(here)}
    run = subprocess.run(command, env=environment, cwd=here, capture_output=True, text=True, timeout=300)
    assert run.stdout.strip() == digest(), run.stderr

"""What the peers' scripts share: arguments, candles, the clock, and the line of JSON that they print.

The workload "cross": long when EMA(20) crosses above EMA(50) on a bar's close, at the next bar's open; out
at a stop that trails the best price by 3 x ATR(14) of the signal bar; one position a symbol, no limits, no
costs. It is written in each peer's own idiom, indicators included. Stops differ in detail (percent or
points, high or close), so the numbers of trades differ a little; the work does not.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

CANDLES = Path(__file__).parents[1] / ".peers" / "candles.npz"
Candles = dict[str, np.ndarray]


def arguments(symbols: int, bars: int) -> argparse.Namespace:
    """The command line; `symbols` and `bars` are the defaults, small for a slow peer."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--candles", type=Path, default=CANDLES)
    parser.add_argument("--symbols", type=int, default=symbols)
    parser.add_argument("--bars", type=int, default=bars)
    parser.add_argument("--repeats", type=int, default=3)
    return parser.parse_args()


def load(asked: argparse.Namespace) -> Candles:
    """Fields as (bars, symbols) arrays, cut to the size that was asked for."""
    with np.load(asked.candles) as stored:
        candles = {name: stored[name] for name in ("open", "high", "low", "close", "volume")}
        cut = {name: np.ascontiguousarray(a[: asked.bars, : asked.symbols]) for name, a in candles.items()}
        if cut["close"].shape != (asked.bars, asked.symbols):
            raise SystemExit(f"{asked.candles} holds only {candles['close'].shape}; run make_candles.py")
        return {**cut, "ts": stored["ts"][: asked.bars], "symbols": stored["symbols"][: asked.symbols]}


def report(name: str, bars: int, repeats: int, run: Callable[[], int]) -> None:
    """Time `run` (which gives a count of what it did), and print the median as JSON."""
    seconds, done = [], 0
    for _ in range(repeats):
        started = time.perf_counter()
        done = run()
        seconds.append(time.perf_counter() - started)
    median = statistics.median(seconds)
    line = {"peer": name, "bars": bars, "seconds": median, "bars_per_second": bars / median, "count": done}
    print(json.dumps(line))

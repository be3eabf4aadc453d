"""The five equity strategies with every constraint, candles in memory → trades, in 5-minute bars a second.

    .venv/bin/python benchmarks/backtest_five.py [--symbols 300 2000] [--from 2025-01-01] [--to 2025-12-31] [--rounds 3]

One process. Longer bars are made, signals found, each signal decided by every constraint and recorded, orders filled
on the simulated venue, statistics made. Both presets: `original` fires once in 200 symbol-sessions, `large_cap` once
in two, and each signal costs an order's review.
"""

from __future__ import annotations

import argparse
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from market import stocks, trading
from timing import in_turns, millions, quiet, row

from livetrader.bootstrap.research import Request, backtest

BARS_A_SESSION = 75


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, nargs="+", default=[300, 2000])
    parser.add_argument("--from", dest="first", type=date.fromisoformat, default=date(2025, 1, 1))
    parser.add_argument("--to", dest="last", type=date.fromisoformat, default=date(2025, 12, 31))
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    quiet()
    for count in asked.symbols:
        with TemporaryDirectory() as folder, trading(Path(folder), count, asked.first, asked.last) as workspace:
            sessions = len(workspace.sessions(asked.first, asked.last))
            bars = count * sessions * BARS_A_SESSION
            for preset in ("original", "large_cap"):
                request = Request(asked.first, asked.last, symbols=",".join(stocks(count)), preset=preset)
                found = backtest(workspace, request)
                taken = in_turns({"": partial(backtest, workspace, request)}, asked.rounds)
                speed = bars / taken[""]
                decided, traded = len(found.decisions), len(found.trades)
                work = f"backtest, five strategies ({preset}), {count:,} symbols × {sessions} sessions"
                done = f"{millions(speed)} bars/s ({decided:,} signals, {traded:,} trades)"
                row(work, done, goal="≥ 4 M bars/s")


if __name__ == "__main__":
    main()

"""EMA(20)/EMA(50) cross with a stop that trails by 3 × ATR(14): a backtest without limits, in bars a second.

    .venv/bin/python benchmarks/make_candles.py
    .venv/bin/python benchmarks/backtest_cross.py [--rounds 3]

Candles in memory → all trades. livetrader calculates month by month, as its live loop would, with two thirds of a
month of warm-up each; its trades are the engine's, fill for fill (tests/unit/engine/test_unconstrained.py). A peer
runs the size that suits it, small for the slow ones: bars a second do not depend on it.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import numpy as np
from timing import PEERS, clocked, installed, millions, peer, quiet, row

from livetrader.domain.candles import FIELDS, CandleColumns, CandleWindow, Interval, grid
from livetrader.domain.instrument import Instrument, Product
from livetrader.domain.session import Session
from livetrader.domain.signal import Side
from livetrader.engine.signals import SignalFinder
from livetrader.engine.sizing import ExitSettings, Holding, Sizer
from livetrader.engine.unconstrained import TradeColumns, trade
from livetrader.indicators import ta
from livetrader.indicators.graph import Candles, Node
from livetrader.market.calendar import load
from livetrader.strategies.base import Strategy
from livetrader.strategies.scanner import plan

SCRIPTS = {"vectorbt": "vectorbt", "backtesting": "backtesting.py", "backtrader": "backtrader"}
HOLDING = Holding(ExitSettings(atr_multiple=3.0), Product.CNC, square_off=False)
CAPITAL = Decimal(10**7)


@dataclass(frozen=True)
class Cross(Strategy):
    """Long where the fast average crosses above the slow one."""

    name: ClassVar = "cross"
    interval: ClassVar = Interval.M5
    side: ClassVar = Side.LONG

    def indicators(self, c: Candles) -> dict[str, Node]:
        return {"entry": ta.crossed_above(ta.ema(c.close, 20), ta.ema(c.close, 50))}


@dataclass(frozen=True)
class OneWindow:
    """A CandleSource that holds one window, and gives nothing else."""

    held: CandleWindow

    def windows(
        self, symbols: Sequence[str], sessions: Mapping[Interval, Sequence[Session]]
    ) -> dict[Interval, CandleWindow]:
        raise NotImplementedError

    def finest(self, symbols: Sequence[str]) -> dict[str, Interval]:
        return dict.fromkeys(symbols, Interval.M5)

    def poll(self, symbols: Sequence[str], interval: Interval, after: int, now: int) -> CandleColumns:
        raise NotImplementedError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candles", type=Path, default=PEERS / "candles.npz")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    quiet()
    bars, run = prepared(asked.candles)
    trades = len(run())  # compiled
    ours: list[float] = []
    theirs: dict[str, list[float]] = {}
    for _ in range(asked.rounds):
        ours += [clocked(run) for _ in range(3)]
        for name in filter(installed, SCRIPTS):
            arguments = ("--candles", str(asked.candles), "--repeats", "3")
            theirs.setdefault(name, []).append(peer(name, f"{name}_cross.py", *arguments)["bars_per_second"])
    speed = bars / float(np.median(ours))
    work = f"backtest, EMA cross + ATR trail, {bars / 1e6:.1f} M bars, {trades:,} trades"
    for name, speeds in theirs.items():
        median = float(np.median(speeds))
        goal = "ahead of vectorbt" if name == "vectorbt" else "–"
        mine, other = f"{millions(speed)} bars/s", f"{SCRIPTS[name]} {millions(median)} bars/s"
        row(work, mine, other, f"{speed / median:,.1f}×", goal)


def prepared(path: Path) -> tuple[int, Callable[[], TradeColumns]]:
    """How many bars there are, and the backtest over them."""
    with np.load(path) as stored:
        names, ts = tuple(map(str, stored["symbols"])), stored["ts"]
        fields = [stored[name] for name in FIELDS]
    calendar = load("nse")
    sessions = tuple(s for s in calendar.trading if s.kind == "regular" and s.opens >= ts[0] and s.opens <= ts[-1])
    slots = (values[: len(ts)] for values in grid(sessions, Interval.M5))
    window = CandleWindow(Interval.M5, names, sessions, *slots, *fields)
    # The candles know regular sessions only, so the blocks are made of those.
    regular = dataclasses.replace(calendar, trading=sessions)
    cross = plan(Cross())
    finder = SignalFinder((cross,), names, regular, OneWindow(window), {})
    sizer = Sizer("benchmark", Decimal("0.1"), Decimal(1), {}, Instrument(""), {})

    def run() -> TradeColumns:
        signals = finder.columns({cross.strategy.series: window}, sessions[0].date, sessions[-1].date)
        return trade(signals, window, HOLDING, sizer, CAPITAL, Decimal(0))

    return window.close.size, run


if __name__ == "__main__":
    main()

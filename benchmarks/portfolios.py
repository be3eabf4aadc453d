"""Ten strategies in three portfolios over one day at 300 symbols, bar by bar as `livetrader run` makes them.

    .venv/bin/python benchmarks/portfolios.py [--symbols 300] [--rounds 3]

At each close every portfolio makes the pass of its live loop, one after the other in one thread: all signals with their
inputs, exits, every constraint, orders on the simulated venue, its own book, a journal in memory. What is timed is all
three together, candles in memory to decisions. The peer is the TA-Lib loop of closed_bar.py, once for each portfolio.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from closed_bar import by_talib, histories
from market import MemoryCandles, sessions_of, stocks
from timing import clocked, quiet, row, seconds, spread

from livetrader.bootstrap.replay import live_session
from livetrader.bootstrap.workspace import Workspace
from livetrader.config import load
from livetrader.domain.candles import Interval
from livetrader.domain.session import Session
from livetrader.market.calendar import load as calendar
from livetrader.market.clock import VirtualClock
from livetrader.marketdata.simulated import simulate
from livetrader.marketdata.store import open_store
from livetrader.store.memory import MemoryJournal

DAY = date(2025, 3, 28)
NAMES = ("equity", "crossing", "bold")
CONFIG = """\
candles: {{url: "sqlite:///candles.db"}}
symbols: "{symbols}"
portfolios:
  equity: {{}}
  crossing:
    capital: {{amount: 500000, allocation_pct: 5}}
    constraints: {{preset: conservative}}
    strategies:
      entries:
        sma_cross: {{}}
        macd_momentum: {{}}
        rsi_reversion: {{}}
        breakdown_fade_long: {{enabled: false}}
        momentum_long: {{enabled: false}}
        breakout_fade_short: {{enabled: false}}
        momentum_short: {{enabled: false}}
        exhaustion_short: {{enabled: false}}
  bold:
    capital: {{allocation_pct: 10}}
    constraints: {{preset: nse_intraday, max_trades_per_day: null, max_trades_per_strategy: null}}
    strategies:
      preset: original
      entries:
        breakdown_fade_long: {{enabled: false}}
        breakout_fade_short: {{enabled: false}}
        exhaustion_short: {{enabled: false}}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    quiet()
    measure(asked.symbols, asked.rounds)


def measure(count: int, rounds: int) -> None:
    passes: list[float] = []
    worked: list[float] = []
    with TemporaryDirectory() as folder, ExitStack() as stack:
        workspaces = portfolios(Path(folder), count, stack)
        strategies = sum(len(one.strategies()) for one in workspaces)
        (session,) = workspaces[0].sessions(DAY, DAY)
        for _ in range(rounds):
            day(workspaces, session, count, passes, worked)
        frames = histories(workspaces[0], count)
        peer = clocked(lambda: [by_talib(frame) for _ in workspaces for frame in frames])
    work = f"a decision of three portfolios, {strategies} strategies × {count:,}"
    goal = "≤ 3 ms, p99 ≤ 10 ms"
    row(work, spread(passes), f"TA-Lib loop {seconds(peer)}", f"{peer / float(np.median(passes)):,.0f}×", goal)
    # What the passes would take with a core to themselves: on a shared machine others interrupt them.
    row(f"{work}, CPU time", spread(worked), goal=goal)


def portfolios(folder: Path, count: int, stack: ExitStack) -> list[Workspace]:
    """The three over one market in memory."""
    symbols = stocks(count)
    (folder / "config.yaml").write_text(CONFIG.format(symbols=",".join(symbols)))
    sessions = sessions_of(calendar("nse"), DAY, DAY)
    candles = MemoryCandles(symbols, sessions)
    with open_store(f"sqlite:///{folder / 'candles.db'}") as store:  # a run asks it whether there is anything at all
        store.upsert(Interval.M5, simulate(symbols[:1], sessions, seed=1, dirt=False))
    made = []
    for name in NAMES:
        workspace = stack.enter_context(Workspace(load(portfolio=name, environ={}, directory=folder), read_only=True))
        workspace.__dict__["candles"] = candles
        made.append(workspace)
    return made


def day(
    workspaces: Sequence[Workspace], session: Session, count: int, passes: list[float], worked: list[float]
) -> None:
    """One session of all live loops; wall and CPU times of the passes of each close, all portfolios together."""
    clock = VirtualClock(session.opens)
    loops = [
        live_session(one, MemoryJournal(), clock, session, one.strategies(), stocks(count))[0] for one in workspaces
    ]
    for close in loops[0].market.closes(loops[0].decided, session.closes):
        clock.advance_to(close)
        for loop in loops:
            loop.market.poll(close, loop.decided)
        cpu = time.thread_time()
        taken = sum(clocked(partial(loop.decide, close)) for loop in loops)
        passes.append(taken)
        worked.append(time.thread_time() - cpu)


if __name__ == "__main__":
    main()

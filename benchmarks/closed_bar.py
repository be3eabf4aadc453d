"""One closed bar: candles in memory → decisions, at closes where a 5-minute and a 15-minute bar end together.

    .venv/bin/python benchmarks/closed_bar.py [--symbols 500 2000] [--rounds 3] [--peers]

livetrader makes the pass of its live loop: five strategies on both intervals (all signals with their inputs), exits,
every constraint, orders on the simulated venue, the book, a journal in memory. The peers calculate the indicators of
the same strategies over 750 bars of each symbol and interval, and look at the last: no constraints, no book.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import make_candles
import numpy as np
import pandas as pd
import pandas_ta_classic as pta
import talib
from market import MemoryCandles, stocks, trading
from timing import PEERS, clocked, in_turns, installed, peer, quiet, row, seconds, spread

from livetrader.bootstrap.replay import live_session
from livetrader.bootstrap.workspace import Workspace
from livetrader.domain.candles import FIELDS, Floats, Interval
from livetrader.domain.session import Session
from livetrader.market.clock import VirtualClock
from livetrader.store.memory import MemoryJournal

FIRST, LAST = date(2025, 3, 3), date(2025, 3, 31)
HISTORY = 750
SESSIONS_A_ROUND = 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", action="store_true", help="the slow ones too: pandas-ta, freqtrade")
    asked = parser.parse_args()
    quiet()
    for count in asked.symbols:
        compare(count, asked.rounds, asked.peers)


def compare(count: int, rounds: int, slow: bool) -> None:
    with TemporaryDirectory() as folder, trading(Path(folder), count, FIRST, LAST) as workspace:
        frames = histories(workspace, count)
        passes: list[float] = []
        worked: list[float] = []
        polls: list[float] = []
        sessions = iter(workspace.sessions(FIRST, LAST) * rounds)

        def ours() -> None:
            for _ in range(SESSIONS_A_ROUND):
                live(workspace, next(sessions), count, passes, worked, polls)

        works: dict[str, Callable[[], object]] = {"": ours, "TA-Lib loop": lambda: [by_talib(f) for f in frames]}
        if slow:
            works["pandas-ta-classic loop"] = lambda: [by_pandas_ta(f) for f in frames]
        found = in_turns(works, rounds)
        del found[""]
        if slow and installed("freqtrade"):
            candles = PEERS / f"bars{count}.npz"
            make_candles.write(candles, count, HISTORY)
            arguments = ("--candles", str(candles), "--symbols", str(count), "--repeats", str(rounds))
            found["freqtrade, its analysis"] = peer("freqtrade", "freqtrade_analysis.py", *arguments)["seconds"]
    work, goal = f"closed bar, {count:,} × (5m + 15m)", "≤ 3 ms, p99 ≤ 10 ms" if count == 2000 else "–"
    for name, taken in found.items():
        row(work, spread(passes), f"{name} {seconds(taken)}", f"{taken / float(np.median(passes)):,.0f}×", goal)
    # What the pass would take with a core to itself: on a shared machine others interrupt it.
    row(f"{work}, CPU time", spread(worked), goal=goal)
    row(f"its bars from the source to the grid, {count:,}", spread(polls))


def live(
    workspace: Workspace,
    session: Session,
    count: int,
    passes: list[float],
    worked: list[float],
    polls: list[float],
) -> None:
    """One session of the live loop; wall and CPU times of the passes that decide both intervals, and of their polls."""
    clock, journal = VirtualClock(session.opens), MemoryJournal()
    loop, _ = live_session(workspace, journal, clock, session, workspace.strategies(), stocks(count))
    for close in loop.market.closes(loop.decided, session.closes):
        clock.advance_to(close)
        poll = clocked(partial(loop.market.poll, close, loop.decided))
        cpu = time.thread_time()
        taken = clocked(partial(loop.decide, close))
        cpu = time.thread_time() - cpu
        if len(loop.market.rows_closing(close)) == 2:
            polls.append(poll)
            passes.append(taken)
            worked.append(cpu)


def histories(workspace: Workspace, count: int) -> list[dict[str, Floats]]:
    """The last 750 bars of every symbol at both intervals, a contiguous array a field."""
    candles: MemoryCandles = workspace.__dict__["candles"]
    sessions = candles.sessions
    frames = []
    for interval, needed in ((Interval.M5, 10), (Interval.M15, 30)):
        window = candles.window(stocks(count), interval, sessions[-needed:])
        for s in range(count):
            frame = {name: np.ascontiguousarray(getattr(window, name)[:, s]) for name in FIELDS}
            frames.append({**frame, "today": window.session == window.session[-1]})
    return frames


def by_talib(frame: dict[str, Floats]) -> bool:
    close = frame["close"]
    averages = [talib.EMA(close, n) for n in (50, 100, 200)]
    line = zero_lag(talib.EMA, close, 12) - zero_lag(talib.EMA, close, 26)
    signal = talib.EMA(line, 9)
    atr = talib.ATR(frame["high"], frame["low"], close, 14)
    return decide(frame, [a[-1] for a in averages], line[-1] > signal[-1], atr[-1])


def by_pandas_ta(frame: dict[str, Floats]) -> bool:
    data = pd.DataFrame({name: frame[name] for name in FIELDS})
    averages = [pta.ema(data["close"], n) for n in (50, 100, 200)]
    line = zero_lag(pta.ema, data["close"], 12) - zero_lag(pta.ema, data["close"], 26)
    signal = pta.ema(line.dropna(), 9)
    atr = pta.atr(data["high"], data["low"], data["close"], 14)
    return decide(frame, [a.iloc[-1] for a in averages], line.iloc[-1] > signal.iloc[-1], atr.iloc[-1])


def zero_lag(ema: Callable[..., Floats], x: Floats, length: int) -> Floats:
    once = ema(x, length)
    return 2 * once - ema(once, length)


def decide(frame: dict[str, Floats], averages: list[float], crossed: bool, atr: float) -> bool:
    """The last bar against its session and its averages."""
    today = frame["today"]
    high, low, volume = (frame[name][today] for name in ("high", "low", "volume"))
    close = frame["close"][-1]
    effort = volume.sum() / ((high.max() - low.min()) / atr)
    broke = close > high[:-1].max() if len(high) > 1 else False
    return bool(broke and crossed and effort > 0.3 and all(close > average for average in averages))


if __name__ == "__main__":
    main()

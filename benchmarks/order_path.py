"""The order path: from a signal to the call that leaves, its SENT row committed before.

    .venv/bin/python benchmarks/order_path.py [--orders 300] [--disk DIR]

Between the two lie sizing, every constraint, and three commits: the decision, the intent, SENT. Once on a disk, every
commit fsynced, and once in memory (/dev/shm), where an fsync costs nothing: the program's own share.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from market import stocks, workspace
from timing import clocked, quiet, row, spread

from livetrader.bootstrap.trader import build
from livetrader.constraints.verdict import Approved
from livetrader.domain.interval import Interval
from livetrader.domain.order_state import OrderState
from livetrader.domain.signal import Side, Signal
from livetrader.engine.backtest import KnownSignals
from livetrader.engine.tape import WindowTape
from livetrader.market.clock import VirtualClock
from livetrader.ports import OrderUpdate, Outcome
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal

DAY = date(2025, 3, 17)
STRATEGY = "momentum_long"
COMMITS = 3
UNLIMITED = {
    f"constraints__{name}": "null" for name in ("max_open_positions", "max_trades_per_day", "max_trades_per_strategy")
}


class Desk:
    """A broker that notes when it is called, and takes nothing."""

    name = "desk"

    def __init__(self) -> None:
        self.called: list[float] = []

    def place(self, order: Approved) -> Outcome:
        self.called.append(time.perf_counter())
        return Outcome(OrderState.REJECTED, reason=f"{order.intent.symbol}: a measurement")

    def cancel(self, intent_id: str) -> Outcome:
        return Outcome(OrderState.REJECTED, reason=f"{intent_id}: unknown")

    def updates(self, now: int) -> Sequence[OrderUpdate]:  # noqa: ARG002 - nothing is ever resting
        return ()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=300)
    parser.add_argument("--disk", type=Path, default=Path(__file__).parent / ".peers")
    asked = parser.parse_args()
    quiet()
    asked.disk.mkdir(exist_ok=True)
    for name, place in (("on the disk, fsynced", asked.disk), ("in memory, without fsync", Path("/dev/shm"))):
        with TemporaryDirectory(dir=place) as folder:
            goal = "≤ 3 ms p99" if "memory" in name else "≤ 3 ms p99 on top of the fsyncs"
            fsyncs = spread([COMMITS * clocked_fsync(Path(folder)) for _ in range(asked.orders)])
            taken = spread(orders(Path(folder), asked.orders))
            row(f"order path, signal → SENT → call, {name}", taken, f"{COMMITS} bare fsyncs {fsyncs}", goal=goal)


def orders(folder: Path, count: int) -> list[float]:
    """Seconds from the pass that decides a signal until the broker is called, for each of `count` signals."""
    symbols = stocks(count)
    with workspace(folder, symbols, **UNLIMITED) as made:
        session = made.calendar.session_on(DAY)
        assert session is not None
        clock = VirtualClock(session.opens)
        journal = SqlJournal(open_state(f"sqlite:///{folder}/state.db", "paper", "simulated"))
        trader = build(made, journal, WindowTape({}, {}), clock, (STRATEGY,))
        desk = trader.engine.path.broker = Desk()
        trader.engine.start(session)
        begun = []
        for i, symbol in enumerate(symbols):
            at = session.opens + 300 + i
            trader.engine.signals = KnownSignals(
                [Signal(STRATEGY, "11", symbol, Side.LONG, Interval.M5, at - 300, at, 250.0, 1.5)]
            )
            clock.advance_to(at)
            begun.append(time.perf_counter())
            trader.engine.step(at)
        journal.close()
    assert len(desk.called) == count, "every signal went out"
    return [called - start for start, called in zip(begun, desk.called, strict=True)]


def clocked_fsync(folder: Path) -> float:
    """Seconds of appending a page to a file and an fsync."""
    with (folder / "fsync").open("ab") as file:
        file.write(bytes(4096))
        file.flush()
        return clocked(lambda: os.fsync(file.fileno()))


if __name__ == "__main__":
    main()

"""Memory: bytes for each candle that the live loop holds, and whether a day of scans leaves anything behind.

    .venv/bin/python benchmarks/memory.py [--symbols 2000] [--scans 100000]

The journal is the real one, in SQLite: what is decided is written, not kept.
"""

from __future__ import annotations

import argparse
import gc
import os
import tracemalloc
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from market import stocks, trading
from timing import quiet, row

from livetrader.bootstrap.replay import live_session
from livetrader.market.clock import VirtualClock
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal

DAY = date(2025, 3, 17)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=2000)
    parser.add_argument("--scans", type=int, default=100_000)
    asked = parser.parse_args()
    quiet()
    with TemporaryDirectory() as folder, trading(Path(folder), asked.symbols, DAY, DAY) as workspace:
        candles = workspace.__dict__["candles"]
        row(f"memory for a candle of a block, {asked.symbols:,} symbols", f"{candles.bytes / candles.bars:.0f} B",
            "freqtrade 1.2 KB, as published", goal="≤ 100 B")  # fmt: skip
        journal = SqlJournal(open_state(f"sqlite:///{folder}/state.db", "paper", "simulated"))
        session = workspace.calendar.session_on(DAY)
        assert session is not None
        clock = VirtualClock(session.opens)
        tracemalloc.start()
        live, _ = live_session(workspace, journal, clock, session, workspace.strategies(), stocks(asked.symbols))
        gc.collect()
        held = sum(window.close.size for window in live.market.windows.values())
        made = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        row(f"memory for a candle of the live session, kernels' memory included, {asked.symbols:,} symbols",
            f"{made / held:.0f} B")  # fmt: skip
        step = (session.closes - session.opens) / asked.scans
        first = (0, 0)
        for i in range(asked.scans):
            clock.sleep(step)
            live.scan()
            if i == asked.scans // 10:
                gc.collect()
                first = resident(), files()
        gc.collect()
        grown, opened = resident() - first[0], files() - first[1]
        work = f"a day of {asked.scans:,} scans, {asked.symbols:,} symbols, after its first tenth"
        row(work, f"RSS {grown / 2**20:+.1f} MiB, file descriptors {opened:+d}", goal="flat")
        journal.close()


def resident() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def files() -> int:
    return len(os.listdir("/proc/self/fd"))


if __name__ == "__main__":
    main()

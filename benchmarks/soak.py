"""A whole session on PostgreSQL, candles and state, while the server fails; then the same session without faults.

    .venv/bin/python benchmarks/soak.py [--symbols 2000] [--date 2026-03-02] [--every 2]

One process stores each closed bar, two trade at once, in paper and in live, at a loopback broker. The server (that of
the tests, on the disk with fsync) is stopped and crashes, one COMMIT loses its answer; a trader that ends is started
again. Every order, every fill and the cash must be those of an undisturbed run. It fails where they are not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from timing import clocked, quiet, row, seconds

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.acceptance.soak.drive import Fault, Soak
from tests.acceptance.soak.play import Stage, Told, calm, replayed, soaked, stage, stored
from tests.acceptance.soak.supervised import Trader
from tests.acceptance.soak.verdict import broken, differences, growth, moved
from tests.postgres import PostgresServer

SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "4GB"}
FAULTS = (
    Fault(6, "stop", 2.0, storing=True),
    Fault(9, "crash", 2.0),
    Fault(13, "cut"),
    Fault(17, "crash", 12.0),  # longer than a trader waits: its process ends
)
# MiB by which a process may grow, after its first closes.
FLAT_MIB = 4.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=2000)
    parser.add_argument("--date", type=date.fromisoformat, default=date(2026, 3, 2))
    parser.add_argument("--every", type=int, default=2, help="seconds between scans, in market time")
    asked = parser.parse_args()
    quiet()
    server = PostgresServer(durable=True)
    try:
        server.restart(**SETTINGS)
        with TemporaryDirectory() as folder, stage(Path(folder), server, asked.symbols, asked.date) as on:
            say(f"{len(on.symbols):,} symbols, {len(set(on.day.ts.tolist()))} bars")
            return judge(on, range(asked.every, 300, asked.every))
    finally:
        server.remove()


def say(text: str) -> None:
    print(f"  {text}", flush=True)


def judge(on: Stage, looks: Sequence[int]) -> int:
    """Run everything, print the figures, and say what is wrong: the exit code."""
    soaks: list[Soak] = []
    taken = clocked(lambda: soaks.append(soaked(on, FAULTS, looks, settings=SETTINGS, say=say)))
    (soak,) = soaks
    paper, live = stored(on.folder, "paper"), stored(on.folder, "live")
    say("the live session again, without faults")
    undisturbed = calm(on, range(20, 300, 20))
    say("the paper session again, in replays")
    pairs = {
        "live": (live, undisturbed),
        "paper": (paper, replayed(on, as_decided=False)),
        "paper, as decided": (paper, replayed(on, as_decided=True)),
    }
    found = broken(soak, live)
    for name, (under, without) in pairs.items():
        found += [f"{name}: {one}" for one in differences(under, without)]
        for lines in moved(under, without).values():
            for one in lines:
                say(f"{name}: {one}")
    report(soak, {"paper": paper, "live": live}, len(on.symbols), taken)
    found += [f"{trader.name} grows by {grown(trader):.2f} MiB" for trader in soak.traders if grown(trader) > FLAT_MIB]
    for one in found:
        print(f"WRONG: {one}", file=sys.stderr)
    return 1 if found else 0


def report(soak: Soak, books: dict[str, Told], symbols: int, taken: float) -> None:
    faulty = set(soak.struck)
    for trader in soak.traders:
        told, seen, work = books[trader.name], trader.seen, f"soak, {symbols:,} symbols, {trader.name}"
        sound = [value for close, value in seen.passes.items() if close not in faulty]
        struck = max((value for close, value in seen.passes.items() if close in faulty), default=0.0)
        what = f"{told.sent} orders, {told.filled} fills, {len(seen.codes) - 1} restarts, a log of {told.audited:,}"
        row(f"{work}, {len(soak.struck)} faults in a session of {seconds(taken)}", what, goal="as without faults")
        row(f"{work}, {len(sound)} passes, orders included", f"{_spread(sound)}, with a fault up to {seconds(struck)}")
        row(f"{work}, {len(seen.scans):,} other scans", _spread(seen.scans))
        row(f"{work}, opening the session", f"{seconds(max(seen.openings))}")
        most = max(max(life, default=0) for life in seen.resident) / 2**20
        over = f"growth over {max(map(len, seen.resident))} closes"
        row(f"{work}, {over}", f"{grown(trader):+.2f} MiB of {most:,.0f}", goal=f"≤ {FLAT_MIB:g} MiB")


def _spread(values: Sequence[float]) -> str:
    p50, p99 = np.percentile(values, (50, 99))
    return f"{seconds(float(p50))} (p99 {seconds(float(p99))}, at most {seconds(max(values))})"


def grown(trader: Trader) -> float:
    """MiB by which the process that has traded longest has grown."""
    return growth(max(trader.seen.resident, key=len))


if __name__ == "__main__":
    sys.exit(main())

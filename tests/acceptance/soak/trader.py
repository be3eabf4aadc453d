"""The process that trades: what `livetrader run` holds, scanned when its driver says so.

    python -m tests.acceptance.soak.trader FOLDER SETTINGS AHEAD PATIENCE

It waits `PATIENCE` seconds for a state that has gone: as long as the product does, unless a test is in a hurry. Each
line that it reads is {"ahead": seconds, "monitor": bool, "status": bool}; it scans, and says what came of it. It ends
with its input, or as the product does: with the error on stderr and the error's exit code.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path

import structlog

from livetrader.bootstrap.trading import SessionTrader, trading
from livetrader.errors import LiveTraderError
from livetrader.market.clock import SystemClock
from livetrader.store import writer
from tests.acceptance.soak.clock import SharedClock
from tests.acceptance.soak.desk import configuration


def main(folder: Path, settings: str, ahead: float, patience: float) -> int:
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    writer.RECONNECT_SECONDS = patience
    clock = SharedClock(ahead)
    try:
        with trading(configuration(folder, settings), clock) as trader:
            print("{}", flush=True)
            for line in sys.stdin:
                print(json.dumps(looked(trader, clock, json.loads(line))), flush=True)
    except LiveTraderError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def looked(trader: SessionTrader, clock: SharedClock, asked: dict[str, float]) -> dict[str, float]:
    """One turn of the loop: a scan, and what else is due. Only work is timed: throttled orders skip their waits."""
    clock.follow(asked["ahead"])
    before, machine = trader.live, SystemClock()
    decided, begun = 0 if before is None else before.decided, machine.monotonic()
    trader.scan()
    taken = machine.monotonic() - begun
    if asked["monitor"] and not trader.over:
        trader.monitor()
    if asked["status"]:
        trader.status()
    live = trader.live or before
    return {
        "ahead": clock.ahead,
        "seconds": taken,
        "opened": before is None and live is not None,
        "passed": before is not None and before.decided > decided,
        "decided": 0 if live is None else live.decided,
        "over": trader.over,
        "resident": resident(),
    }


def resident() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]), float(sys.argv[4])))

"""Start-up: load every block from SQLite and warm every kernel, until the first close can be decided.

    .venv/bin/python benchmarks/startup.py [--symbols 2000] [--rounds 3]

The peer is the least that could be done: one read of the same rows through ADBC into Arrow, in time order, and the
calculation alone, on candles in memory.
"""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import adbc_driver_sqlite.dbapi as adbc
from market import MemoryCandles, sessions_of, stocks, workspace
from timing import in_turns, quiet, row, seconds

from livetrader.bootstrap.replay import live_session
from livetrader.bootstrap.workspace import Workspace
from livetrader.domain.candles import Interval
from livetrader.domain.session import Session
from livetrader.market.clock import VirtualClock
from livetrader.marketdata.simulated import INDEX, simulate
from livetrader.store.memory import MemoryJournal

FIRST, DAY = date(2025, 3, 3), date(2025, 3, 17)
READ = "SELECT ts, symbol, open, high, low, close, volume FROM candles_5m ORDER BY ts, symbol"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    quiet()
    symbols = stocks(asked.symbols)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "candles.db"
        with workspace(Path(folder), symbols, candles__url=f"sqlite:///{file}") as stored:
            sessions = sessions_of(stored.calendar, FIRST, DAY)
            rows = fill(stored, symbols, sessions)
            memory = workspace(Path(folder), symbols)
            memory.__dict__["candles"] = MemoryCandles(symbols, sessions)
            taken = in_turns(
                {
                    "ours": lambda: start(stored, symbols),
                    "read": lambda: read(file),
                    "compute": lambda: start(memory, symbols),
                },
                asked.rounds,
            )
    least = taken["read"] + taken["compute"]
    work = f"start-up, {asked.symbols:,} symbols, {rows / 1e6:.1f} M rows of SQLite"
    peer = f"ADBC read {seconds(taken['read'])} + compute {seconds(taken['compute'])}"
    row(work, seconds(taken["ours"]), peer, f"{taken['ours'] / least:.2f} × of it", "≤ 1.5 × of it")


def fill(stored: Workspace, symbols: tuple[str, ...], sessions: tuple[Session, ...]) -> int:
    rows = 0
    for i in range(0, len(sessions), 10):
        bars = simulate((*symbols, INDEX), sessions[i : i + 10], 1, dirt=False)
        stored.store.upsert(Interval.M5, bars)
        rows += len(bars)
    return rows


def start(made: Workspace, symbols: tuple[str, ...]) -> None:
    """As `livetrader run` does at a session's open."""
    session = made.calendar.session_on(DAY)
    assert session is not None
    strategies, clock = made.strategies(), VirtualClock(session.opens)
    live_session(made, MemoryJournal(), clock, session, strategies, symbols)


def read(file: Path) -> None:
    with adbc.connect(f"file:{file}?mode=ro") as connection, connection.cursor() as cursor:
        cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": "65536"})
        cursor.execute(READ)
        cursor.fetch_arrow_table()


if __name__ == "__main__":
    main()

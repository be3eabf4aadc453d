"""Make the candles that livetrader and its peers are compared on: one .npz, so that a peer needs only
numpy.

    .venv/bin/python benchmarks/make_candles.py [--symbols 50] [--bars 50000] [--out FILE]

Arrays: `symbols` (names), `ts` (bar open, epoch seconds), and `open`, `high`, `low`, `close`, `volume` of
shape (bars, symbols), float64. They are 5-minute bars of the simulated market, without dirt: no peer skips
gaps alike.
"""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

import numpy as np

from livetrader.domain.candles import FIELDS
from livetrader.market.calendar import load
from livetrader.marketdata.simulated import simulate

BARS_A_SESSION = 75


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=50)
    parser.add_argument("--bars", type=int, default=50_000)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / ".peers" / "candles.npz")
    arguments = parser.parse_args()
    write(arguments.out, arguments.symbols, arguments.bars)


def write(out: Path, symbols: int, bars: int) -> None:
    calendar = load("nse")
    days = [s for s in calendar.sessions(calendar.valid_from, date(2026, 12, 31)) if s.kind == "regular"]
    sessions = days[: -(-bars // BARS_A_SESSION)]
    if len(sessions) * BARS_A_SESSION < bars:
        raise SystemExit(f"make_candles: the calendar holds {len(days) * BARS_A_SESSION} bars, not {bars}")
    names = tuple(f"STOCK{i:04}" for i in range(symbols))
    candles = simulate(names, sessions, seed=1, dirt=False)
    wide = {field: getattr(candles, field).reshape(-1, symbols)[:bars] for field in FIELDS}
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(out, symbols=np.array(names), ts=candles.ts[::symbols][:bars], **wide)
    print(f"{out.name}: {symbols} symbols x {bars} bars")


if __name__ == "__main__":
    main()

"""The oracle's signals of a candle file as CSV on stdout, to hold against `livetrader signals`.

python -m tests.oracle --candles F.parquet --from 2026-03-02 --to 2026-03-30 --preset large_cap
python -m tests.oracle --candles F.parquet --from 2026-03-02 --to 2026-03-30 --weekly NIFTY
python -m tests.oracle --candles F.parquet --from 2025-07-11 --to 2025-07-20 --calendar 24x7
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from livetrader.market.calendar import Calendar, load, observed
from tests.oracle.bars import Bar
from tests.oracle.crypto import STRATEGIES, crypto_signals
from tests.oracle.rules import PRECEDENCE, PRESETS, signals
from tests.oracle.weekly import weekly_signals

Candles = dict[str, list[Bar]]


def read(paths: Sequence[Path]) -> Candles:
    """Bars by symbol of CSV or Parquet files with columns symbol, ts (bar open), open … volume."""
    candles: Candles = {}
    for path in paths:
        table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
        stamps = pd.to_datetime(table["ts"], utc=True).astype("datetime64[s, UTC]").astype("int64")
        columns = [table[name].tolist() for name in ("open", "high", "low", "close", "volume")]
        for symbol, *bar in zip(table["symbol"], stamps.tolist(), *columns, strict=True):
            candles.setdefault(str(symbol), []).append(Bar(*bar))
    return candles


def calendar_of(name: str, candles: Candles) -> Calendar:
    """The named calendar; `observed` takes the exchange dates that the candles have."""
    if name != "observed":
        return load(name)
    zone = ZoneInfo("Asia/Kolkata")
    return observed({datetime.fromtimestamp(b.ts, zone).date() for bars in candles.values() for b in bars})


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rows(args: argparse.Namespace, candles: Candles, calendar: Calendar) -> list[Sequence[object]]:
    """The CSV's header and rows."""
    period = (calendar, args.first, args.last)
    if args.weekly:
        weekly = weekly_signals(candles.get(args.weekly, []), *period)
        header = ["week_start", "signal", "bar_open_utc", "side", "stop"]
        return [header, *([s.week_start, s.signal, stamp(s.bar_open_utc), s.side, s.stop] for s in weekly)]

    symbols = args.symbols.split(",") if args.symbols else sorted(candles)
    if args.calendar == "24x7":
        names = args.strategies.split(",") if args.strategies else STRATEGIES
        found = crypto_signals(candles, *period, symbols=symbols, strategies=names)
    else:
        ids = [int(i) for i in args.strategies.split(",")] if args.strategies else PRECEDENCE
        trend = None if args.trend_symbol == "none" else args.trend_symbol
        found = signals(candles, *period, symbols=symbols, strategies=ids, preset=args.preset, trend_symbol=trend)
    header = ["strategy_id", "symbol", "bar_open_utc", "side"]
    return [header, *([s.strategy_id, s.symbol, stamp(s.bar_open_utc), s.side] for s in found)]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.oracle", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--candles", type=Path, nargs="+", required=True, metavar="FILE")
    parser.add_argument("--from", dest="first", type=date.fromisoformat, required=True)
    parser.add_argument("--to", dest="last", type=date.fromisoformat, required=True)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="large_cap")
    parser.add_argument("--calendar", choices=["nse", "24x7", "observed"], default="nse")
    parser.add_argument("--symbols", help="comma-separated; default: all in the files, sorted")
    parser.add_argument("--strategies", help="comma-separated ids, or names of crypto strategies")
    parser.add_argument("--trend-symbol", default="NIFTY", help="or none")
    parser.add_argument("--weekly", metavar="INDEX", help="S1 to S8 of this index instead")
    args = parser.parse_args(argv)
    candles = read(args.candles)
    csv.writer(sys.stdout, lineterminator="\n").writerows(rows(args, candles, calendar_of(args.calendar, candles)))


if __name__ == "__main__":
    main()

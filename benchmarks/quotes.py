"""A tick: a message of OpenAlgo's WebSocket → the last price of its symbol, and its bar.

    .venv/bin/python benchmarks/quotes.py [--symbols 2000] [--ticks 40000] [--rounds 3]

livetrader reads the message, distrusts it, holds it against the one before it, and folds it into the 5m bar. The peer
only reads the message: json.loads.
"""

from __future__ import annotations

import argparse
import json
from functools import partial

from timing import in_turns, quiet, row, seconds

from livetrader.brokers.openalgo.ticks import document_of, tick_of
from livetrader.domain.candles import Interval
from livetrader.market.calendar import load
from livetrader.market.clock import VirtualClock
from livetrader.marketdata.quotes import LastPrices
from livetrader.marketdata.ticks import TickBars

OPEN = 1_767_600_000.0  # a Monday, eight o'clock in London


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=2000)
    parser.add_argument("--ticks", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    quiet()
    names = {(f"SYM{number}", "NSE"): f"SYM{number}" for number in range(asked.symbols)}
    messages = [message(number, asked.symbols) for number in range(asked.ticks)]
    taken = in_turns({"ours": partial(hear, messages, names), "json": partial(read, messages)}, asked.rounds)
    ours, bare = taken["ours"] / asked.ticks, taken["json"] / asked.ticks
    work = f"a tick, {asked.symbols:,} symbols"
    row(
        work, f"{seconds(ours)} ({1 / ours:,.0f} a second)", f"json.loads {seconds(bare)}", f"{ours / bare:.1f} × of it"
    )


def message(number: int, symbols: int) -> str:
    """As OpenAlgo sends it in quote mode."""
    name = {"symbol": f"SYM{number % symbols}", "exchange": "NSE", "mode": 2}
    at = int(OPEN * 1000) + number
    prices = {"ltp": 100 + number % 7 * 0.05, "open": 99.5, "high": 101.0, "low": 99.0, "close": 99.8}
    counts = {"volume": number + 1, "oi": 0, "average_price": 100.1, "last_trade_quantity": 5}
    books = {"total_buy_quantity": 1000, "total_sell_quantity": 1200}
    data = {**name, **prices, "timestamp": at, "ltt": at, **counts, **books}
    return json.dumps({"type": "market_data", **name, "broker": "loopback", "data": data})


def hear(messages: list[str], names: dict[tuple[str, str], str]) -> None:
    clock, calendar = VirtualClock(OPEN), load("24x7")
    symbols = list(names.values())
    prices = LastPrices(clock, calendar.at, 30.0, [TickBars(Interval.M5, symbols, calendar.at)])
    prices.subscribed(symbols)
    for one in messages:
        document = document_of(one)
        assert document is not None, "it is an object"
        prices.tick(tick_of(document, names, clock.now()))
        prices.stale()


def read(messages: list[str]) -> None:
    for one in messages:
        json.loads(one)


if __name__ == "__main__":
    main()

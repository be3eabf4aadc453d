"""OpenAlgo on this machine, to practise with.

    python -m livetrader.brokers.openalgo.loopback --listing INFY:0.05:1 --cash 1000000

prints one line of JSON, {"url": ..., "ws_url": ..., "control_token": ..., "key": ...}, and serves until SIGTERM.
Prices, people and faults come through /control/, see `control`. The accounts live as long as the server.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from decimal import Decimal

from livetrader.brokers.loopback.exchange import Exchange
from livetrader.brokers.loopback.faults import Line
from livetrader.brokers.loopback.server import listing
from livetrader.brokers.openalgo.loopback import sandbox
from livetrader.brokers.openalgo.loopback.door import LIMITS
from livetrader.brokers.openalgo.loopback.server import BROKER, OpenAlgoServer, broker_number, sandbox_number
from livetrader.brokers.openalgo.loopback.switches import Mode
from livetrader.market.clock import SystemClock, VirtualClock


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="openalgo-loopback", description="A simulated OpenAlgo on 127.0.0.1.")
    parser.add_argument("--listing", type=listing, action="append", required=True, metavar="SYMBOL:TICK:LOT[:FREEZE]")
    parser.add_argument("--cash", type=Decimal, default=Decimal(1_000_000), help="of the account of each mode")
    parser.add_argument("--mode", choices=[mode.value for mode in Mode], default=Mode.LIVE.value)
    parser.add_argument("--key", help="the API key (default: one is made)")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--ws-port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--start", type=float, help="run on a virtual clock from this epoch second")
    parser.add_argument("--order-limit", default=LIMITS["orders"], help="'' for none (default: %(default)s)")
    parser.add_argument("--api-limit", default=LIMITS["api"], help="'' for none (default: %(default)s)")
    parser.add_argument("--history-seconds", type=float, default=0.35, help="between two answers to history")
    parser.add_argument("--partial-fills", action="store_true")
    given = parser.parse_args(arguments)
    clock = SystemClock() if given.start is None else VirtualClock(given.start)
    listings, partial = dict(given.listing), given.partial_fills
    exchange = Exchange(BROKER, clock, listings, given.cash, partial_fills=partial, number=broker_number)
    server = OpenAlgoServer(
        exchange,
        Line(clock),
        key=given.key,
        mode=Mode(given.mode),
        sandbox=Exchange(sandbox.MANNERS, clock, listings, given.cash, number=sandbox_number),
        limits={"orders": given.order_limit, "api": given.api_limit},
        history_seconds=given.history_seconds,
        port=given.port,
        ws_port=given.ws_port,
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with server:
        told = {"url": server.url, "ws_url": server.stream.url, "control_token": server.control_token}
        print(json.dumps({**told, "key": server.key}), flush=True)
        server.serve()


if __name__ == "__main__":
    main()

"""The loopback venue behind HTTP on 127.0.0.1, its faults done on the wire.

    python -m livetrader.brokers.loopback.server --profile kite --listing INFY:0.05:1 --cash 1000000

prints one line of JSON, {"url": ..., "control_token": ...}, and serves until SIGTERM. The account lives as long as
the server; clients come and go, and get killed.

    POST   /orders        {tag, symbol, action, product, order_type, quantity, limit_price, trigger_price, protected,
                           algo_id}
    PUT    /orders/ID     {quantity, limit_price, trigger_price}
    DELETE /orders/ID
        200 {order_id, status: "received" | "cancelled"}; 4xx {"error": {code, reason}} is a definite no
    GET    /orders  /trades  /positions  /funds  /instruments  /quotes?symbols=A,B
        200 {"orders": [...]} and so on; lines have the fields of domain.books
    /control/...          see `control`; needs the header "Authorization: Bearer <control_token>"
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
from livetrader.brokers.loopback.front import Front
from livetrader.brokers.loopback.listener import Listener
from livetrader.brokers.loopback.profiles import PROFILES, profile
from livetrader.domain.instrument import Instrument
from livetrader.market.clock import SystemClock, VirtualClock
from livetrader.ports import Clock


class LoopbackServer(Listener):
    """The loopback API of `exchange`, struck by `line`, on a port of 127.0.0.1 (0 takes a free one).

    `delays` is the clock by which slow answers are slow (None: real time).
    """

    def __init__(self, exchange: Exchange, line: Line, port: int = 0, delays: Clock | None = None) -> None:
        super().__init__(Front(exchange, line), port, delays)


def listing(text: str) -> tuple[str, Instrument]:
    """SYMBOL:TICK:LOT[:FREEZE] as a listing. Raises ValueError."""
    symbol, tick, lot, *freeze = text.split(":")
    return symbol, Instrument(symbol, Decimal(tick), Decimal(lot), Decimal(freeze[0]) if freeze else None)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="loopback", description="A simulated broker on 127.0.0.1.")
    parser.add_argument("--profile", choices=sorted(PROFILES), default="strict")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--listing", type=listing, action="append", required=True, metavar="SYMBOL:TICK:LOT[:FREEZE]")
    parser.add_argument("--cash", type=Decimal, default=Decimal(1_000_000))
    parser.add_argument("--start", type=float, help="run on a virtual clock from this epoch second")
    parser.add_argument("--partial-fills", action="store_true")
    given = parser.parse_args(arguments)
    clock = SystemClock() if given.start is None else VirtualClock(given.start)
    exchange = Exchange(
        profile(given.profile), clock, dict(given.listing), given.cash, partial_fills=given.partial_fills
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with LoopbackServer(exchange, Line(clock), given.port) as server:
        print(json.dumps({"url": server.url, "control_token": server.control_token}), flush=True)
        server.serve()


if __name__ == "__main__":
    main()

"""The loopback venue behind HTTP on 127.0.0.1, its faults done on the wire.

    python -m livetrader.brokers.loopback.server --profile kite --listing INFY:0.05:1 --cash 1000000

prints one line of JSON, {"url": ..., "control_token": ...}, and serves until SIGTERM. The account lives as long as
the server; clients come and go, and get killed.

    POST   /orders        {tag, symbol, action, product, order_type, quantity, limit_price, trigger_price, protected}
    PUT    /orders/ID     {quantity, limit_price, trigger_price}
    DELETE /orders/ID
        200 {order_id, status: "received" | "cancelled"}; 4xx {"error": {code, reason}} is a definite no
    GET    /orders  /trades  /positions  /funds  /quotes?symbols=A,B
        200 {"orders": [...]} and so on; lines have the fields of domain.books
    /control/...          see `control`; needs the header "Authorization: Bearer <control_token>"

One connection, one request. Requests whose Host is not this server, or that a web page made (Origin), are refused.
"""

from __future__ import annotations

import argparse
import hmac
import json
import math
import secrets
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from livetrader.brokers.loopback import wire
from livetrader.brokers.loopback.exchange import Exchange
from livetrader.brokers.loopback.faults import READS, Fault, Line, Strike
from livetrader.brokers.loopback.front import Front, Reply, error, reply
from livetrader.brokers.loopback.profiles import PROFILES, profile
from livetrader.brokers.loopback.rules import Listing, Rejected
from livetrader.domain.instrument import Instrument
from livetrader.market.clock import SystemClock, VirtualClock

HOST = "127.0.0.1"
LARGEST_BODY = 65_536
LONGEST_DELAY = 1.0
LONGEST_REFUSAL = 10.0
METHODS = {"POST": "place", "PUT": "modify", "DELETE": "cancel"}


class Handler(BaseHTTPRequestHandler):
    """One request of one connection."""

    server: LoopbackServer

    def answer_one(self) -> None:
        answer, strike = self._answer()
        if strike is not None and strike.fault is Fault.SLOW:
            SystemClock().sleep(min(strike.seconds or 0.0, LONGEST_DELAY))
        with suppress(ConnectionError):  # clients get killed, and do not wait for an answer's second copy
            for _ in range(answer.times):
                self._send(answer)
        self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = answer_one  # noqa: N815 - the names that http.server calls

    def log_message(self, format: str, *args: Any) -> None:
        """Silence: the account's state tells more."""

    def _answer(self) -> tuple[Reply, Strike | None]:
        """The answer to this request, and the fault that strikes it."""
        here = {f"{name}:{self.server.server_port}" for name in (HOST, "localhost")}
        if self.headers.get("Host") not in here or "Origin" in self.headers:
            return error(403, "host", "this server answers programs on this machine only"), None
        try:
            return self._route(self._asked())
        except Rejected as no:
            return error(400, no.code, no.reason), None
        except (wire.Unreadable, ValueError, KeyError, AttributeError) as mistake:
            return error(400, "request", f"the request is not understood: {mistake}"), None

    def _asked(self) -> Any:
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= LARGEST_BODY:
            raise wire.Unreadable(f"a body of {length} bytes")
        return json.loads(self.rfile.read(length)) if length else {}

    def _route(self, asked: Any) -> tuple[Reply, Strike | None]:
        url = urlsplit(self.path)
        head, _, rest = url.path.removeprefix("/").partition("/")
        front = self.server.front
        if head == "control":
            return self._control(rest, asked), None
        if self.command == "GET" and head in READS and not rest:
            symbols = parse_qs(url.query).get("symbols", [""])[0].split(",")
            with front.lock:
                return front.read(head, symbols)
        if self.command in METHODS and head == "orders" and bool(rest) == (self.command != "POST"):
            with front.lock:
                return front.trade(METHODS[self.command], unquote(rest), asked)
        return error(404, "path", f"there is no {self.command} {url.path}"), None

    def _control(self, name: str, asked: Any) -> Reply:
        given = self.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self.server.control_token}".encode()):
            return error(403, "token", "the control token is missing or wrong")
        front = self.server.front
        if self.command == "GET" and name == "state":
            with front.lock:
                return reply(front.control.state())
        if self.command != "POST":
            return error(404, "path", f"there is no {self.command} /control/{name}")
        if name == "refuse":
            self.server.refuse(wire.real(wire.member(asked, "seconds")))
        else:
            with front.lock:
                front.control.act(name, asked)
        return reply({"ok": True})

    def _send(self, answer: Reply) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Connection", "close")
        if answer.retry_after is not None:
            self.send_header("Retry-After", str(math.ceil(answer.retry_after)))
        self.end_headers()
        self.wfile.write(answer.body)


class LoopbackServer(ThreadingHTTPServer):
    """The server; `port` 0 takes a free one. `serve` blocks, `refuse` and `shutdown` come from other threads."""

    daemon_threads = True

    def __init__(self, exchange: Exchange, line: Line, port: int = 0) -> None:
        super().__init__((HOST, port), Handler)
        self.front = Front(exchange, line)
        self.control_token = secrets.token_urlsafe(24)
        self._refusal: float | None = None
        self._closed, self._reopen = Event(), Event()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_port}"

    @property
    def listening(self) -> bool:
        """Whether connections are taken; not while `refuse` lasts."""
        return not self._closed.is_set()

    def serve(self) -> None:
        """Serve until `shutdown`."""
        while True:
            self.serve_forever(poll_interval=0.02)
            if self._refusal is None:
                return
            self.socket.close()
            seconds, self._refusal = self._refusal, None
            self._reopen.clear()
            self._closed.set()
            self._reopen.wait(seconds)
            self._listen()
            self._closed.clear()

    def refuse(self, seconds: float) -> None:
        """Stop listening for `seconds` of real time, or until `accept`; it has stopped when this returns."""
        self._refusal = min(max(seconds, 0.0), LONGEST_REFUSAL)
        self.shutdown()
        self._closed.wait()

    def accept(self) -> None:
        """Listen again."""
        self._reopen.set()

    def _listen(self) -> None:
        """Listen again on the same port: whoever was refused knows no other."""
        self.socket = socket.socket(self.address_family, self.socket_type)
        self.server_bind()
        self.server_activate()


def listing(text: str) -> tuple[str, Listing]:
    """SYMBOL:TICK:LOT[:FREEZE] as a listing. Raises ValueError."""
    symbol, tick, lot, *freeze = text.split(":")
    return symbol, Listing(Instrument(symbol, Decimal(tick), Decimal(lot)), Decimal(freeze[0]) if freeze else None)


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

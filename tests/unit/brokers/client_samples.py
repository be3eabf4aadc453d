"""What the clients of all brokers are held against: calls without an answer, a server that keeps connections alive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx

from livetrader.brokers.throttle import Throttle
from livetrader.domain.order_state import OrderState
from livetrader.market.clock import VirtualClock

# What there may be instead of an answer, and what an order is then.
UNANSWERED = [
    (httpx.ConnectError, OrderState.INTENT),
    (httpx.ConnectTimeout, OrderState.INTENT),
    (httpx.PoolTimeout, OrderState.INTENT),
    (httpx.ReadTimeout, OrderState.UNKNOWN),
    (httpx.WriteTimeout, OrderState.UNKNOWN),
    (httpx.ReadError, OrderState.UNKNOWN),
    (httpx.WriteError, OrderState.UNKNOWN),
    (httpx.RemoteProtocolError, OrderState.UNKNOWN),
    (httpx.DecodingError, OrderState.UNKNOWN),
    (httpx.TooManyRedirects, OrderState.UNKNOWN),
]


class Watched(Throttle):
    """Notes of each message whether it was urgent."""

    def __init__(self) -> None:
        super().__init__(VirtualClock(0.0))
        self.waits: list[bool] = []

    def wait(self, *, urgent: bool) -> float:
        self.waits.append(urgent)
        return super().wait(urgent=urgent)


@contextmanager
def keeping_alive(body: bytes) -> Iterator[tuple[str, list[Any]]]:
    """The URL of a server that answers `body` and keeps connections alive, and those that were made to it."""
    connections: list[Any] = []

    class KeepAlive(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            connections.append(self.client_address)
            super().setup()

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815 - the names that http.server calls

        def log_message(self, *args: Any) -> None:
            """Silence."""

    with ThreadingHTTPServer(("127.0.0.1", 0), KeepAlive) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", connections
        finally:
            server.shutdown()
            thread.join()

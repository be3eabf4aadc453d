"""A server of the loopback family on 127.0.0.1: its sockets and its control door. What it answers is its front's.

One connection, one request. Requests whose Host is not this server, or whose Origin is a web page, are refused.
/control/... needs the header "Authorization: Bearer <control_token>".
"""

from __future__ import annotations

import hmac
import json
import math
import secrets
import socket
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, Protocol, Self

from livetrader.brokers.loopback import wire
from livetrader.brokers.loopback.control import Control
from livetrader.brokers.loopback.rules import Rejected
from livetrader.market.clock import SystemClock
from livetrader.ports import Clock

HOST = "127.0.0.1"
LARGEST_BODY = 65_536
LONGEST_REFUSAL = 10.0


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request; `path` has its query."""

    method: str
    path: str
    headers: Message
    body: bytes = b""

    def document(self) -> Any:
        """The body's JSON, {} without a body. Raises ValueError."""
        return json.loads(self.body) if self.body else {}


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, sent after `delay_seconds`; `times` 0 closes the connection without one."""

    status: int
    body: bytes
    kind: str = "application/json"
    retry_after: float | None = None
    times: int = 1
    delay_seconds: float = 0.0


HANG_UP = Reply(0, b"", times=0)


def reply(document: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(document).encode())


def error(status: int, code: str, reason: str) -> Reply:
    return reply({"error": {"code": code, "reason": reason}}, status)


class Desk(Protocol):
    """What a listener serves. Whoever touches the exchange behind it holds `lock`."""

    @property
    def control(self) -> Control: ...

    @property
    def lock(self) -> AbstractContextManager[Any]: ...

    def answer(self, request: Request) -> Reply:
        """The answer to a request that is not for the control door. Never raises."""


class Handler(BaseHTTPRequestHandler):
    """One request of one connection."""

    server: Listener

    def answer_one(self) -> None:
        answer = self._answer()
        if answer.delay_seconds:
            self.server.clock.sleep(answer.delay_seconds)
        with suppress(ConnectionError):  # clients get killed, and do not wait for an answer's second copy
            for _ in range(answer.times):
                self._send(answer)
        self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = answer_one  # noqa: N815 - the names that http.server calls

    def log_message(self, format: str, *args: Any) -> None:
        """Silence: the account's state tells more."""

    def _answer(self) -> Reply:
        hosts, origins = (self.headers.get_all(name, []) for name in ("Host", "Origin"))
        if not is_local(hosts, origins, self.server.server_port):
            return error(403, "host", "this server answers programs on this machine only")
        try:
            request = self._request()
            if request.path.startswith("/control/"):
                return self.server.controlled(request)
        except Rejected as no:
            return error(400, no.code, no.reason)
        except (wire.Unreadable, ValueError, KeyError, AttributeError) as mistake:
            return error(400, "request", f"the request is not understood: {mistake}")
        return self.server.front.answer(request)

    def _request(self) -> Request:
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= LARGEST_BODY:
            raise wire.Unreadable(f"a body of {length} bytes")
        return Request(self.command, self.path, self.headers, self.rfile.read(length))

    def _send(self, answer: Reply) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Connection", "close")
        if answer.retry_after is not None:
            self.send_header("Retry-After", str(math.ceil(answer.retry_after)))
        self.end_headers()
        self.wfile.write(answer.body)


class Listener(ThreadingHTTPServer):
    """The server; `port` 0 takes a free one. `serve` blocks, `refuse` and `shutdown` come from other threads.

    Slow answers are slow by `clock`: in real time, unless client and server share another one.
    """

    daemon_threads = True

    def __init__(self, front: Desk, port: int = 0, clock: Clock | None = None) -> None:
        super().__init__((HOST, port), Handler)
        self.front = front
        self.clock = clock or SystemClock()
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

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Serve in a thread, for as long as the context lasts."""
        serving = Thread(target=self.serve)
        serving.start()
        try:
            yield self
        finally:
            self.accept()
            self.shutdown()
            serving.join()
            self.server_close()

    def refuse(self, seconds: float) -> None:
        """Stop listening for `seconds` of real time, or until `accept`; it has stopped when this returns."""
        self._refusal = min(max(seconds, 0.0), LONGEST_REFUSAL)
        self.shutdown()
        self._closed.wait()

    def accept(self) -> None:
        """Listen again."""
        self._reopen.set()

    def controlled(self, request: Request) -> Reply:
        """The answer to a request for /control/. Raises what `Control` raises."""
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self.control_token}".encode()):
            return error(403, "token", "the control token is missing or wrong")
        name, front = request.path.removeprefix("/control/"), self.front
        if request.method == "GET" and name == "state":
            with front.lock:
                return reply(front.control.state())
        if request.method != "POST":
            return error(404, "path", f"there is no {request.method} /control/{name}")
        asked = request.document()
        if name == "refuse":
            self.refuse(wire.real(wire.member(asked, "seconds")))
        else:
            with front.lock:
                front.control.act(name, asked)
        return reply({"ok": True})

    def _listen(self) -> None:
        """Listen again on the same port: whoever was refused knows no other."""
        self.socket = socket.socket(self.address_family, self.socket_type)
        self.server_bind()
        self.server_activate()


def is_local(hosts: Sequence[str], origins: Sequence[str], port: int) -> bool:
    """Whether a program on this machine means this server, by its Host and Origin headers: X1 and X2 of ORDERS.md.

    Some WebSocket clients give the server itself as the origin, which no web page can: it serves none.
    """
    here = {f"{name}:{port}" for name in (HOST, "localhost")}
    return len(hosts) == 1 and hosts[0] in here and {f"http://{host}" for host in here}.issuperset(origins)

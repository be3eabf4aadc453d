"""A service on this machine that takes what Apprise's json:// posts, or does not."""

from __future__ import annotations

import base64
import json
import warnings
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any


def load_plug_ins() -> None:
    """Load Apprise's plug-ins. What other people's modules say while they are imported is not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import apprise

        apprise.Apprise().add("json://127.0.0.1")


@dataclass
class PostOffice:
    """Takes POSTs and GETs on 127.0.0.1. `status` is what it answers; with `hangs` it answers when `freed`."""

    status: int = 200
    hangs: bool = False
    freed: Event = field(default_factory=Event)
    bodies: list[bytes] = field(default_factory=list)
    gets: list[str] = field(default_factory=list)
    asked: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        office = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                office.asked.set()
                if office.hangs:
                    office.freed.wait(30)
                if office.status < 300:
                    office.bodies.append(body)
                self._answer()

            def do_GET(self) -> None:
                office.gets.append(self.path)
                self._answer()

            def _answer(self) -> None:
                self.send_response(office.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing on stderr."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Clients do not wait for a service that hangs."""

        self._server = Server(("127.0.0.1", 0), Handler)
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """As Apprise has it."""
        return f"json://{self.address}/hook"

    @property
    def posts(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]

    @property
    def texts(self) -> list[str]:
        """What a reader sees of each message: title and text."""
        return [f"{post['title']}\n{post['message']}" for post in self.posts]

    @property
    def wire(self) -> bytes:
        """All that has left, attachments in clear."""
        attached = [one["base64"] for post in self.posts for one in post["attachments"]]
        return b"\n".join([*self.bodies, *map(base64.b64decode, attached)])

    def close(self) -> None:
        self.freed.set()
        self._server.shutdown()
        self._server.server_close()

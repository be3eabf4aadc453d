"""OpenAlgo's WebSocket proxy: ticks of what was subscribed to, and what becomes of orders.

A tick goes out in each mode that was subscribed to for its symbol. An order update may come twice, and is never
repeated to those who come later. An unknown symbol is acknowledged, and stays silent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from livetrader.brokers.loopback.exchange import Quote
from livetrader.brokers.loopback.listener import HOST, is_local
from livetrader.brokers.loopback.matching import Order
from livetrader.brokers.openalgo.loopback.accounts import Account, Refusal, Row
from livetrader.brokers.openalgo.loopback.contracts import Contracts
from livetrader.brokers.openalgo.loopback.data import BROKER
from livetrader.brokers.openalgo.loopback.door import Door
from livetrader.brokers.openalgo.loopback.events import USER, event, tick
from livetrader.brokers.openalgo.loopback.market import Market
from livetrader.brokers.openalgo.loopback.switches import Switches
from livetrader.ports import Clock

AUTH_SECONDS, NOT_AUTHENTICATED = 15.0, 4401
PING_SECONDS = PONG_SECONDS = 20.0
MODES: Mapping[Any, int] = {1: 1, 2: 2, 3: 3, "LTP": 1, "Quote": 2, "Depth": 3}
NAMES = {1: "LTP", 2: "Quote", 3: "Depth"}
TWICE = 3  # every so many-th order update is delivered twice


class Subscriber:
    """A connection, what it asked for, and what it has not been sent yet."""

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection
        self.admitted = False
        self.orders = False
        self.modes: dict[tuple[str, str], set[int]] = {}
        self._outbox: SimpleQueue[str | None] = SimpleQueue()
        self._sender = Thread(target=self._send, daemon=True)
        self._sender.start()

    def tell(self, document: Row) -> None:
        """Send, after all that was told before. Never waits: whoever reads slowly holds up nobody else."""
        self._outbox.put(json.dumps(document))

    def close(self) -> None:
        self._outbox.put(None)
        self._sender.join()

    def _send(self) -> None:
        with suppress(ConnectionClosed):
            while (text := self._outbox.get()) is not None:
                self.connection.send(text)


class Stream:
    """The proxy on a port of its own (0 takes a free one). `serve` blocks until `shutdown`.

    `send_tick` and `send_update` are for the exchanges to call.
    """

    def __init__(
        self,
        market: Market,
        contracts: Contracts,
        switches: Switches,
        door: Door,
        clock: Clock,
        port: int = 0,
        *,
        auth_seconds: float = AUTH_SECONDS,
        ping_seconds: float = PING_SECONDS,
    ) -> None:
        self._market = market
        self._contracts = contracts
        self._switches = switches
        self._door = door
        self._clock = clock
        self._auth_seconds = auth_seconds
        self._lock = Lock()
        self._subscribers: set[Subscriber] = set()
        self._updates = 0
        self._actions: Mapping[str, Callable[[Subscriber, Row], Row]] = {
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "unsubscribe_all": self._unsubscribe,
            "subscribe_orders": self._subscribe_orders,
        }
        self._server = serve(
            self._handle,
            HOST,
            port,
            compression=None,
            ping_interval=ping_seconds,
            ping_timeout=PONG_SECONDS,
            process_request=self._greet,
        )
        self.port: int = self._server.socket.getsockname()[1]

    @property
    def url(self) -> str:
        return f"ws://{HOST}:{self.port}"

    @property
    def subscribers(self) -> int:
        """How many connections have been let in."""
        with self._lock:
            return sum(one.admitted for one in self._subscribers)

    def serve(self) -> None:
        self._server.serve_forever()

    def shutdown(self) -> None:
        self._server.shutdown()

    def drop(self) -> None:
        """Cut every connection, without a word."""
        with self._lock:
            for one in self._subscribers:
                one.connection.close_socket()

    def send_tick(self, symbol: str, _quote: Quote) -> None:
        """Send the symbol's price to whoever subscribed to it."""
        if self._switches.silent:
            return
        with self._lock:
            wanted = [(one, *found) for one in self._subscribers for found in _wanted(one, symbol)]
        for one, exchange, mode in wanted:
            contract = self._contracts.find(symbol, exchange)
            if contract is not None:
                one.tell(tick(contract, mode, self._market.depth(contract), self._milliseconds()))

    def send_update(self, account: Account, order: Order) -> None:
        """Send what has become of an order of that account."""
        with self._lock:
            wanted = [one for one in self._subscribers if one.orders]
            self._updates += 1
            times = 2 if self._updates % TWICE == 0 else 1
        for one in wanted * times:
            one.tell(event(account, order, self._contracts.exchange(order.ticket.symbol)))

    def _greet(self, connection: ServerConnection, request: Request) -> Response | None:
        headers = request.headers
        if is_local(headers.get_all("Host"), headers.get_all("Origin"), self.port):
            return None
        return connection.respond(403, "this server answers programs on this machine only\n")

    def _handle(self, connection: ServerConnection) -> None:
        one = Subscriber(connection)
        with self._lock:
            self._subscribers.add(one)
        try:
            while True:
                one.tell(self._answer(one, connection.recv(None if one.admitted else self._auth_seconds)))
        except TimeoutError:
            connection.close(NOT_AUTHENTICATED, "Authentication timeout")
        except ConnectionClosed:
            pass
        finally:
            with self._lock:
                self._subscribers.discard(one)
            one.close()

    def _answer(self, one: Subscriber, text: str | bytes) -> Row:
        try:
            asked = json.loads(text)
        except ValueError:
            return _failed("INVALID_JSON", "Invalid JSON message")
        if not isinstance(asked, dict):
            return _failed("INVALID_JSON", "Message must be an object")
        action = asked.get("action") or asked.get("type")
        if action in ("authenticate", "auth"):
            return self._authenticate(one, asked)
        if not one.admitted:
            return _failed("NOT_AUTHENTICATED", "You must authenticate first")
        if action == "ping":
            return self._ping(asked)
        if not isinstance(action, str) or action not in self._actions:
            return _failed("INVALID_ACTION", f"Invalid action: {action}")
        try:
            return self._actions[action](one, asked)
        except Refusal as no:
            return _failed(no.more["code"], no.message)

    def _authenticate(self, one: Subscriber, asked: Row) -> Row:
        key = asked.get("api_key") or asked.get("apikey")
        if not (isinstance(key, str) and self._door.admits(key)):
            return _failed("AUTHENTICATION_ERROR", "Invalid API key")
        one.admitted = True
        return {
            "type": "auth",
            "status": "success",
            "message": "Authentication successful",
            "broker": BROKER,
            "user_id": USER,
            "supported_features": {"ltp": True, "quote": True, "depth": True, "order_updates": True},
        }

    def _ping(self, asked: Row) -> Row:
        told = {"type": "pong", "status": "success", "server_timestamp": self._milliseconds()}
        return {**told, "client_timestamp": asked.get("timestamp")}

    def _subscribe(self, one: Subscriber, asked: Row) -> Row:
        mode, depth = _mode(asked), asked.get("depth", 5)
        found = []
        with self._lock:
            for symbol, exchange in _symbols(asked):
                one.modes.setdefault((symbol, exchange), set()).add(mode)
                told = {"symbol": symbol, "exchange": exchange, "status": "success", "mode": NAMES[mode]}
                found.append({**told, "depth": depth, "broker": BROKER})
        return {
            "type": "subscribe",
            "status": "success",
            "subscriptions": found,
            "message": "Subscription processing complete",
            "broker": BROKER,
            **_request(asked),
        }

    def _unsubscribe(self, one: Subscriber, asked: Row) -> Row:
        done: list[Row] = []
        failed: list[Row] = []
        with self._lock:
            everything = (asked.get("action") or asked.get("type")) == "unsubscribe_all"
            for symbol, exchange in list(one.modes) if everything else _symbols(asked):
                gone = one.modes.pop((symbol, exchange), None)
                (failed if gone is None else done).append({"symbol": symbol, "exchange": exchange, "broker": BROKER})
        status = "success" if not failed else "partial"
        return {"type": "unsubscribe", "status": status, "successful": done, "failed": failed, **_request(asked)}

    def _subscribe_orders(self, one: Subscriber, asked: Row) -> Row:
        one.orders = True
        return {"type": "subscribe_orders", "status": "success", "message": "Subscribed", **_request(asked)}

    def _milliseconds(self) -> int:
        return int(self._clock.now() * 1000)


def _wanted(one: Subscriber, symbol: str) -> list[tuple[str, int]]:
    """The exchanges and modes in which a subscriber wants a symbol."""
    return [(exchange, mode) for (name, exchange), modes in one.modes.items() if name == symbol for mode in modes]


def _mode(asked: Row) -> int:
    mode = asked.get("mode", 2)
    if not isinstance(mode, int | str) or mode not in MODES:
        raise Refusal(400, f"Invalid mode: {mode}", code="INVALID_MODE")
    return MODES[mode]


def _symbols(asked: Row) -> list[tuple[str, str]]:
    """The symbols with their exchanges, of a list or of a single one. Raises Refusal."""
    found = asked.get("symbols") or [asked]
    try:
        return [(str(one["symbol"]), str(one["exchange"])) for one in found]
    except (TypeError, KeyError):
        raise Refusal(400, "At least one symbol with its exchange is needed", code="INVALID_PARAMETERS") from None


def _request(asked: Row) -> Row:
    return {"request_id": asked["request_id"]} if "request_id" in asked else {}


def _failed(code: str, message: str) -> Row:
    return {"status": "error", "code": code, "message": message}

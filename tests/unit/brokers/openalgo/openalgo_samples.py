"""An OpenAlgo server in one function: what it answers to each endpoint is a table that the test writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from livetrader.brokers.openalgo.client import OpenAlgoClient
from livetrader.brokers.openalgo.reader import OpenAlgoReader
from livetrader.brokers.permit import LivePermit
from livetrader.market.clock import VirtualClock

START = 1_795_239_200.0  # 2026-11-21 11:03:20 in India
KEY = "0123456789abcdef" * 4
URL = "http://127.0.0.1:5000"

Reply = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]

OK: dict[str, Any] = {"status": "success"}
EMPTY: dict[str, Any] = {
    "analyzer": {"data": {"analyze_mode": False, "mode": "live", "total_logs": 0}, **OK},
    "orderbook": {"data": {"orders": [], "statistics": {}}, **OK},
    "tradebook": {"data": [], **OK},
    "positionbook": {"data": [], **OK},
    "holdings": {"data": {"holdings": [], "statistics": {}}, **OK},
    "funds": {"data": {"availablecash": "1000000.00", "collateral": "0.00"}, **OK},
}


@dataclass
class Server:
    """Answers by endpoint: a document, a response, or an error to raise. `asked` is what came, in order."""

    answers: dict[str, Any] = field(default_factory=lambda: dict(EMPTY))
    asked: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        endpoint = request.url.path.removeprefix("/api/v1/")
        body = json.loads(request.content) if request.content else dict(request.url.params)
        self.asked.append((endpoint, body))
        answer = self.answers[endpoint]
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, httpx.Response):
            return httpx.Response(answer.status_code, content=answer.content)
        return httpx.Response(200, json=answer)

    def calls(self, endpoint: str) -> int:
        return sum(one == endpoint for one, _ in self.asked)

    def last(self, endpoint: str) -> Mapping[str, Any]:
        return [body for one, body in self.asked if one == endpoint][-1]

    def analyze(self) -> Server:
        """The same server after somebody has switched it to its sandbox."""
        for endpoint in ("orderbook", "tradebook", "positionbook", "holdings", "funds"):
            self.answers[endpoint] = {**self.answers[endpoint], "mode": "analyze"}
        self.answers["analyzer"] = {"data": {"analyze_mode": True, "mode": "analyze", "total_logs": 0}, **OK}
        return self


def reader(server: Server, **changes: Any) -> OpenAlgoReader:
    clock = changes.pop("clock", None) or VirtualClock(START)
    return OpenAlgoReader(URL, lambda: KEY, clock, transport=httpx.MockTransport(server), **changes)


def client(server: Server, **changes: Any) -> OpenAlgoClient:
    clock = changes.pop("clock", None) or VirtualClock(START)
    return OpenAlgoClient(URL, lambda: KEY, clock, LivePermit("live"), transport=httpx.MockTransport(server), **changes)


def order_row(order_id: str = "A1", status: str = "open", **changes: Any) -> dict[str, Any]:
    """A row of a live order book: nothing is said of fills, of us, or of reasons."""
    row = {
        "action": "BUY", "exchange": "NSE", "order_status": status, "orderid": order_id, "price": 0.0,
        "pricetype": "MARKET", "product": "MIS", "quantity": 10, "symbol": "INFY",
        "timestamp": "2026-11-21 11:03:18", "trigger_price": 0.0,
    }  # fmt: skip
    return {**row, **changes}


def trade_row(order_id: str = "A1", quantity: Any = 10, price: Any = 1500.05, **changes: Any) -> dict[str, Any]:
    """A row of a live trade book, without an id."""
    row = {
        "action": "BUY", "average_price": price, "exchange": "NSE", "orderid": order_id, "product": "MIS",
        "quantity": quantity, "symbol": "INFY", "timestamp": "2026-11-21 11:03:18", "trade_value": 0.0,
    }  # fmt: skip
    return {**row, **changes}


def books(orders: list[Any], trades: list[Any] | None = None, **more: Any) -> Server:
    """A live server with these rows in its books."""
    server = Server()
    server.answers["orderbook"] = {"data": {"orders": orders, "statistics": {}}, **OK}
    server.answers["tradebook"] = {"data": trades or [], **OK}
    server.answers.update(more)
    return server

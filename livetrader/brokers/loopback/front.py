"""The loopback API without its sockets: what each request is answered, sound or struck by a fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from livetrader.brokers.loopback import wire
from livetrader.brokers.loopback.answers import Answers
from livetrader.brokers.loopback.control import Control
from livetrader.brokers.loopback.exchange import Exchange
from livetrader.brokers.loopback.faults import GARBLED, READS, Fault, Line, Strike
from livetrader.brokers.loopback.garble import garble
from livetrader.brokers.loopback.listener import HANG_UP, Reply, Request, error, reply
from livetrader.brokers.loopback.rules import Rejected

LONGEST_DELAY = 1.0
METHODS = {"POST": "place", "PUT": "modify", "DELETE": "cancel"}
DOORS: Mapping[Fault, tuple[int, str]] = {
    Fault.RATE_LIMITED: (429, "too many requests"),
    Fault.BANNED: (418, "too many requests after a warning"),
    Fault.AUTH_EXPIRED: (401, "the session has expired"),
}


class Front:
    """The exchange as its API has it: one call at a time, each struck by what the line says."""

    def __init__(self, exchange: Exchange, line: Line) -> None:
        self.control = Control(exchange, line)
        self.lock = Lock()
        self._exchange = exchange
        self._line = line
        self._answers = Answers()
        self._books: Mapping[str, Callable[[], Any]] = {
            "orders": exchange.order_book,
            "trades": exchange.trade_book,
            "positions": exchange.position_book,
            "funds": exchange.funds,
            "instruments": exchange.master,
        }

    def answer(self, request: Request) -> Reply:
        """The answer to a request, as the fault that strikes it leaves it."""
        try:
            with self.lock:
                return self._route(request)
        except (wire.Unreadable, ValueError, KeyError, AttributeError) as mistake:
            return error(400, "request", f"the request is not understood: {mistake}")

    def _route(self, request: Request) -> Reply:
        url, asked = urlsplit(request.path), request.document()
        head, _, rest = url.path.removeprefix("/").partition("/")
        if request.method == "GET" and head in READS and not rest:
            return self._read(head, parse_qs(url.query).get("symbols", [""])[0].split(","))
        if request.method in METHODS and head == "orders" and bool(rest) == (request.method != "POST"):
            return self._trade(METHODS[request.method], unquote(rest), asked)
        return error(404, "path", f"there is no {request.method} {url.path}")

    def _trade(self, operation: str, order_id: str, asked: Any) -> Reply:
        strike = self._line.strike(operation)
        answer = reply({"order_id": order_id or "L000000", "status": "received"})
        if strike is None or strike.reaches:
            try:
                answer = reply(self._done(operation, order_id, asked, strike))
            except Rejected as no:
                answer = error(400, no.code, no.reason)
        return _struck(answer, strike)

    def _read(self, book: str, symbols: Sequence[str]) -> Reply:
        strike = self._line.strike(book)
        truth = self._exchange.quotes(symbols) if book == "quotes" else self._books[book]()
        if strike is None or not strike.spoils:
            truth = self._answers.give(book, strike, truth)
        return _struck(reply({book: wire.plain(truth)}), strike)

    def _done(self, operation: str, order_id: str, asked: Any, strike: Strike | None) -> dict[str, str]:
        if operation == "place":
            return {"order_id": self._exchange.submit(wire.ticket(asked), strike).order_id, "status": "received"}
        if operation == "modify":
            prices = [wire.optional(wire.decimal)(wire.member(asked, f"{kind}_price")) for kind in ("limit", "trigger")]
            self._exchange.amend(order_id, wire.decimal(wire.member(asked, "quantity")), *prices)
            return {"order_id": order_id, "status": "received"}
        self._exchange.revoke(order_id, strike)
        return {"order_id": order_id, "status": "received" if self._exchange.profile.received_only else "cancelled"}


def _struck(answer: Reply, strike: Strike | None) -> Reply:
    """`answer` as it goes out on the wire under a fault."""
    if strike is not None and strike.fault is Fault.SLOW:
        return replace(answer, delay_seconds=min(strike.seconds or 0.0, LONGEST_DELAY))
    if strike is None or not (strike.spoils or strike.fault is Fault.DUPLICATED):
        return answer
    if strike.fault in GARBLED:
        return Reply(*garble(strike.fault, answer.body))
    if strike.fault in DOORS:
        status, reason = DOORS[strike.fault]
        told = None if strike.fault is Fault.AUTH_EXPIRED else strike.seconds
        return replace(error(status, strike.fault, reason), retry_after=told)
    if strike.fault is Fault.DUPLICATED:
        return replace(answer, times=2)
    return HANG_UP

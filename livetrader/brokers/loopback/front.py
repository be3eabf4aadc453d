"""The loopback API without its sockets: what each request is answered, sound or struck by a fault."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from livetrader.brokers.loopback import wire
from livetrader.brokers.loopback.answers import Answers
from livetrader.brokers.loopback.control import Control
from livetrader.brokers.loopback.exchange import Exchange
from livetrader.brokers.loopback.faults import GARBLED, Fault, Line, Strike
from livetrader.brokers.loopback.garble import garble
from livetrader.brokers.loopback.rules import Rejected

DOORS: Mapping[Fault, tuple[int, str]] = {
    Fault.RATE_LIMITED: (429, "too many requests"),
    Fault.BANNED: (418, "too many requests after a warning"),
    Fault.AUTH_EXPIRED: (401, "the session has expired"),
}


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer; `times` 0 closes the connection without one."""

    status: int
    body: bytes
    kind: str = "application/json"
    retry_after: float | None = None
    times: int = 1


HANG_UP = Reply(0, b"", times=0)


def reply(document: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(document).encode())


def error(status: int, code: str, reason: str) -> Reply:
    return reply({"error": {"code": code, "reason": reason}}, status)


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
        }

    def trade(self, operation: str, order_id: str, asked: Any) -> tuple[Reply, Strike | None]:
        """The answer to a place, a modify or a cancel, and the fault that strikes it."""
        strike = self._line.strike(operation)
        answer = reply({"order_id": order_id or "L000000", "status": "received"})
        if strike is None or strike.reaches:
            try:
                answer = reply(self._done(operation, order_id, asked, strike))
            except Rejected as no:
                answer = error(400, no.code, no.reason)
        return _struck(answer, strike), strike

    def read(self, book: str, symbols: Sequence[str]) -> tuple[Reply, Strike | None]:
        """The answer to a read, and the fault that strikes it."""
        strike = self._line.strike(book)
        truth = self._exchange.quotes(symbols) if book == "quotes" else self._books[book]()
        if strike is None or not strike.spoils:
            truth = self._answers.give(book, strike, truth)
        return _struck(reply({book: wire.plain(truth)}), strike), strike

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
    if strike is None or not (strike.spoils or strike.fault is Fault.DUPLICATED):
        return answer
    if strike.fault in GARBLED:
        return Reply(*garble(strike.fault, answer.body))
    if strike.fault in DOORS:
        status, reason = DOORS[strike.fault]
        told = None if strike.fault is Fault.AUTH_EXPIRED else strike.seconds
        return Reply(status, error(status, strike.fault, reason).body, retry_after=told)
    if strike.fault is Fault.DUPLICATED:
        return Reply(answer.status, answer.body, times=2)
    return HANG_UP

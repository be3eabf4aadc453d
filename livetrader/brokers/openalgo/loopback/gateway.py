"""OpenAlgo's REST API without its sockets: what each request is answered, sound or struck by a fault.

The order of its checks is OpenAlgo's: path, rate limit, JSON, fields, key, and then what was asked for. The errors
have its six forms.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from livetrader.brokers.loopback.faults import GARBLED, ORDER_CALLS, Fault, Line, Strike
from livetrader.brokers.loopback.garble import garble
from livetrader.brokers.loopback.listener import HANG_UP, Reply, Request
from livetrader.brokers.openalgo.loopback import schema
from livetrader.brokers.openalgo.loopback.accounts import UNEXPECTED, Account, Asked, Refusal, Row
from livetrader.brokers.openalgo.loopback.control import Control
from livetrader.brokers.openalgo.loopback.data import Data
from livetrader.brokers.openalgo.loopback.door import Door
from livetrader.brokers.openalgo.loopback.schema import Invalid, Schema
from livetrader.brokers.openalgo.loopback.switches import Mode, Switches
from livetrader.brokers.throttle import Throttle
from livetrader.market.clock import SystemClock
from livetrader.ports import Clock

PREFIX = "/api/v1/"
LONGEST_DELAY = 120.0  # OpenAlgo's own patience with its broker
BAD_KEY = "Invalid openalgo apikey"
BROKEN = "The browser (or proxy) sent a request that this server could not understand."
PLACE_FAILED = "Failed to place order due to internal error"
BANNED = b"<html><body><h1>Access Denied</h1><p>Your IP address has been banned.</p></body></html>"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What an endpoint takes, and the method that answers it.

    `account`: it is about orders or books, and says when they are the sandbox's. `worded`: what is wrong with its
    fields is told as a text, and not as an object. `operation` is the line's name for the call.
    """

    method: str
    schema: Schema
    operation: str = "gateway"
    account: bool = False
    worded: bool = False
    group: str = "api"
    verb: str = "POST"


def _book(method: str, operation: str, fields: Schema = schema.KEY, group: str = "api") -> Endpoint:
    return Endpoint(method, fields, operation, account=True, worded=True, group=group)


ENDPOINTS: Mapping[str, Endpoint] = {
    "placeorder": _book("place", "place", schema.PLACE, "orders"),
    "modifyorder": _book("modify", "modify", schema.MODIFY, "orders"),
    "cancelorder": _book("cancel", "cancel", schema.ORDER_ID, "orders"),
    "cancelallorder": _book("cancel_all", "gateway", schema.STRATEGY),
    "closeposition": _book("close_positions", "gateway", schema.STRATEGY),
    "orderstatus": _book("order_status", "orders", schema.ORDER_ID),
    "orderbook": _book("order_book", "orders"),
    "tradebook": _book("trade_book", "trades"),
    "positionbook": _book("position_book", "positions"),
    "openposition": _book("open_position", "positions", schema.OPEN_POSITION),
    "holdings": _book("holding_book", "positions"),
    "funds": _book("funds", "funds"),
    "margin": Endpoint("margins", schema.MARGIN, worded=True),
    "quotes": Endpoint("quotes", schema.SYMBOL, "quotes"),
    "multiquotes": Endpoint("multiquotes", schema.MULTIQUOTES, "quotes"),
    "depth": Endpoint("depth", schema.SYMBOL, "quotes"),
    "history": Endpoint("history", schema.HISTORY, "history"),
    "intervals": Endpoint("intervals", schema.KEY),
    "symbol": Endpoint("symbol", schema.SYMBOL),
    "search": Endpoint("search", schema.SEARCH),
    "expiry": Endpoint("expiry", schema.EXPIRY),
    "instruments": Endpoint("instruments", schema.INSTRUMENTS, "instruments", verb="GET"),
    "ping": Endpoint("ping", schema.KEY),
    "analyzer": Endpoint("analyzer", schema.KEY, worded=True),
    "analyzer/toggle": Endpoint("toggle", schema.TOGGLE, worded=True),
    "market/holidays": Endpoint("holidays", schema.HOLIDAYS),
    "market/timings": Endpoint("timings", schema.TIMINGS),
}


class Gateway:
    """The API. One call at a time reaches an account; hold `lock` to touch one besides.

    `history_seconds` is how far apart answers to `history` are kept. `delays` is the clock of that, and of calls that
    are slow (None: real time).
    """

    def __init__(
        self,
        accounts: Mapping[Mode, Account],
        data: Data,
        switches: Switches,
        line: Line,
        control: Control,
        door: Door,
        history_seconds: float = 0.0,
        delays: Clock | None = None,
    ) -> None:
        self.control = control
        self.lock = Lock()
        self._accounts = accounts
        self._data = data
        self._switches = switches
        self._line = line
        self._door = door
        self._delays = delays or SystemClock()
        self._pace = Throttle(self._delays, 1 / history_seconds, 1.0, 0.0) if history_seconds else None

    def answer(self, request: Request) -> Reply:
        """The answer to a request, as the fault that strikes it leaves it."""
        url = urlsplit(request.path)
        name = url.path.removeprefix(PREFIX).rstrip("/")
        endpoint = ENDPOINTS.get(name) if url.path.startswith(PREFIX) else None
        if endpoint is None or request.method != endpoint.verb:
            return _json({"message": "Not found", "path": url.path, "status": "error"}, 404)
        with self.lock:
            self.control.requests[name] += 1
            limit = self._door.over(name, endpoint.group)
        if limit is not None:
            return _json({"message": str(limit)}, 429)
        try:
            asked = self._asked(request, url.query, endpoint)
        except Refusal as no:
            return _error(no)
        return self._struck(endpoint, asked)

    def _asked(self, request: Request, query: str, endpoint: Endpoint) -> Asked:
        """The request's values, from its body or its query. Raises Refusal."""
        document: Any = dict(parse_qsl(query))
        if endpoint.verb == "POST":
            if "json" not in request.headers.get("Content-Type", ""):
                raise Refusal(500, f"{UNEXPECTED} in the API endpoint" if endpoint.operation == "place" else UNEXPECTED)
            try:
                document = request.document()
            except ValueError:
                raise Refusal(400, BROKEN) from None
        try:
            asked = schema.load(endpoint.schema, document)
            if endpoint.method in ("place", "modify"):
                schema.check_fraction(asked)
        except Invalid as error:
            raise Refusal(400, str(error.wrong) if endpoint.worded else error.wrong) from error
        if not self._door.admits(asked["apikey"]):
            raise Refusal(403, BAD_KEY)
        return asked

    def _struck(self, endpoint: Endpoint, asked: Asked) -> Reply:
        """The answer as it goes out on the wire under a fault. What is slow is the way to the broker: an order
        arrives there late, and does whether the client still waits or not."""
        with self.lock:
            strike = self._line.strike(endpoint.operation)
        if strike is not None and strike.fault is Fault.SLOW:
            self._delays.sleep(min(strike.seconds or 0.0, LONGEST_DELAY))
        if self._pace is not None and endpoint.operation == "history":
            self._pace.wait(urgent=True)
        with self.lock:
            answer = self._told(endpoint, asked, strike)
        match strike.fault if strike is not None else None:
            case None:
                return answer
            case Fault.HTTP_500:
                return _error(Refusal(500, PLACE_FAILED if endpoint.operation == "place" else UNEXPECTED))
            case Fault.RATE_LIMITED:
                return _json({"message": "10 per 1 second"}, 429)
            case Fault.BANNED:
                return Reply(403, BANNED, "text/html")
            case Fault.AUTH_EXPIRED:
                return _error(Refusal(403, BAD_KEY))
            case Fault.DUPLICATED:
                return replace(answer, times=2)
            case fault if fault in GARBLED:
                return Reply(*garble(fault, answer.body))
        return HANG_UP if strike is not None and strike.spoils else answer

    def _told(self, endpoint: Endpoint, asked: Asked, strike: Strike | None) -> Reply:
        """What is done, and what would be answered without the fault."""
        mode = self._switches.mode if endpoint.account else Mode.LIVE
        more = {"mode": mode.value} if mode is Mode.ANALYZE else {}
        word = self._switches.words.pop(endpoint.operation, None)
        try:
            if word is not None and not word.accepted:
                raise Refusal(word.status, word.message)
            if endpoint.operation in ORDER_CALLS and strike is not None and not strike.reaches:
                answer: Row = {"orderid": "0"}
            else:
                part = self._accounts[mode] if endpoint.account else self._data
                answer = getattr(part, endpoint.method)(asked, strike)
            if word is not None:
                raise Refusal(word.status, word.message)
        except Refusal as no:
            return _error(no, **more)
        if "csv" in answer:
            return Reply(200, answer["csv"].encode(), "text/csv")
        return _json({"status": "success", **more, **answer})


def _error(no: Refusal, **more: Any) -> Reply:
    """An error in the form that its cause has: broken JSON is answered without a status."""
    status = {} if no.message == BROKEN else {"status": "error"}
    return _json({"message": no.message, **status, **no.more, **more}, no.status)


def _json(document: Row, status: int = 200) -> Reply:
    return Reply(status, json.dumps(document, sort_keys=True).encode())

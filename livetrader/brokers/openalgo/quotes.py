"""OpenAlgo's WebSocket proxy as a feed of ticks, which it stays whatever becomes of a connection.

A connection is made anew when it is gone, and when it is there and stays silent: the server's own one to the broker
may be dead (OPENALGO.md, section 7). Each is authenticated and subscribed from the beginning. The API key is in the
first message, and in no log, error or representation.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog

from livetrader.brokers.calls import kind
from livetrader.brokers.openalgo.answers import Unreadable, in_a_line, member, rows
from livetrader.brokers.openalgo.market import Wired
from livetrader.brokers.openalgo.reads import LOG_IN
from livetrader.brokers.openalgo.symbols import Symbols
from livetrader.brokers.openalgo.ticks import NoTick, document_of, tick_of
from livetrader.brokers.openalgo.wire import SHORTEST_KEY
from livetrader.domain.tick import TickListener
from livetrader.ports import Clock

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

log = structlog.get_logger(__name__)

PORT = 8765
QUOTE_MODE = 2  # with the day's volume; "LTP" has none, "Depth" is ten times as long
SUBSCRIBED_AT_ONCE = 100

# How long a connection may take, and an answer to what we ask on it: the proxy connects to the broker before it lets us
# in, and asks it for each symbol before it says what is subscribed to.
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 60.0

# How many messages may come before that answer.
GREETINGS = 3

# How soon another connection is tried: the first time, the second, and so on; one that has brought ticks begins anew.
WAITS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)

# How soon a wish (to stop, to subscribe to more) is heard.
TURN_SECONDS = 0.25

# At debug it would log each message, and the first has the key.
logging.getLogger("websockets.client").setLevel(logging.INFO)


def address(base_url: str) -> str:
    """Where the proxy of the OpenAlgo server at `base_url` listens unless told otherwise."""
    server = urlsplit(base_url)
    if server.scheme == "https":
        return f"wss://{server.netloc}/ws"
    host = f"[{server.hostname}]" if ":" in (server.hostname or "") else server.hostname
    return f"ws://{host}:{PORT}"


class _Lost(Exception):
    """The connection is of no use any more: why, in words."""


@dataclass(slots=True)
class _Asked:
    """What was asked for on a connection: the batches without an answer, and all symbols."""

    batches: dict[str, tuple[float, tuple[str, ...]]] = field(default_factory=dict)
    symbols: set[str] = field(default_factory=set)


class OpenAlgoQuotes:
    """Tells `listener` the ticks of what is wanted, until it is stopped. `url` is ws://HOST:PORT or wss://HOST/ws.

    `api_key` gives the key for the one moment that needs it. A connection on which the server does not answer a ping
    within `ping_seconds` is gone.
    """

    def __init__(
        self,
        url: str,
        api_key: Callable[[], str],
        clock: Clock,
        listener: TickListener,
        symbols: Symbols | None = None,
        *,
        ping_seconds: float = 20.0,
        waits: tuple[float, ...] = WAITS,
    ) -> None:
        self.url = url
        self.symbols = symbols or Symbols()
        self.refused: Mapping[str, str] = {}
        """Symbols of which the server gives no quotes, and its words."""
        self.dropped: Counter[str] = Counter()
        """How many messages were no ticks though they should have been, by reason."""
        self._key = api_key
        self._clock = clock
        self._listener = listener
        self._ping_seconds = ping_seconds
        self._waits = waits
        self._wanted: dict[Wired, str] = {}
        self._ticks = 0
        self._said = ""

    def want(self, names: Iterable[str]) -> None:
        """Subscribe to these, too. Any thread may ask."""
        self._wanted = self._wanted | {self.symbols.wire(name): name for name in names}

    def run(self, stop: Event) -> None:
        """Hear the feed until `stop`, through any number of connections."""
        tries = 0
        while not stop.is_set():
            before = self._ticks
            try:
                self._hear(stop)
            except _Lost as lost:
                why = _without_key(str(lost), self._key())
                self._listener.lost(why)
                tries = 1 if self._ticks > before else tries + 1
                self._tell(why)
                stop.wait(self._waits[min(tries, len(self._waits)) - 1])

    def _hear(self, stop: Event) -> None:
        """One connection, to its end: _Lost unless it was stopped."""
        with _connected(self.url, self._key(), self._ping_seconds) as socket:
            log.info("quotes: connected", url=self.url)
            self._said = ""
            self._listen(socket, stop)

    def _listen(self, socket: ClientConnection, stop: Event) -> None:
        asked = _Asked()
        while not stop.is_set():
            self._subscribe(socket, asked)
            with suppress(TimeoutError):  # nothing has come
                self._take(socket.recv(timeout=TURN_SECONDS), asked)
            if any(self._clock.monotonic() > until for until, _ in asked.batches.values()):
                raise _Lost(f"{self.url}: no answer to a subscription")
            if self._listener.stale():
                raise _Lost(f"{self.url}: the connection is up, and tells nothing new: making another")

    def _subscribe(self, socket: ClientConnection, asked: _Asked) -> None:
        """Ask for what is wanted and was not asked for on this connection."""
        wanted = self._wanted
        if len(wanted) == len(asked.symbols):
            return
        missing = [wired for wired, name in wanted.items() if name not in asked.symbols]
        for start in range(0, len(missing), SUBSCRIBED_AT_ONCE):
            batch = missing[start : start + SUBSCRIBED_AT_ONCE]
            names = tuple(wanted[wired] for wired in batch)
            request = f"s{len(asked.symbols)}"
            asked.symbols |= set(names)
            asked.batches[request] = self._clock.monotonic() + ANSWER_SECONDS, names
            listed = [{"symbol": symbol, "exchange": exchange} for symbol, exchange in batch]
            message = {"action": "subscribe", "symbols": listed, "mode": QUOTE_MODE, "request_id": request}
            socket.send(json.dumps(message))

    def _take(self, message: str | bytes, asked: _Asked) -> None:
        document = document_of(message)
        if document is None:
            self.dropped["unreadable"] += 1
        elif document.get("type") == "market_data":
            self._tick(document)
        elif document.get("type") == "subscribe":
            self._subscribed(document, asked)
        elif document.get("status") == "error":
            words = f"{document.get('code')}: {_words(document)}"
            if asked.batches or document.get("code") == "NOT_AUTHENTICATED":
                raise _Lost(f"{self.url}: {words}")
            self._tell(_without_key(words, self._key()))

    def _subscribed(self, document: dict[str, Any], asked: _Asked) -> None:
        """Who is subscribed to from now on. What the answer does not name is not."""
        request = document.get("request_id")
        if request not in asked.batches:
            request = next(iter(asked.batches), None)  # not every version repeats it; they are answered in order
        if request is None:
            return
        _, names = asked.batches.pop(request)
        granted, no = self._granted(document)
        refused = {name: no.get(name, "it is not in the answer") for name in names if name not in granted}
        for name, why in refused.items():
            if name not in self.refused:
                log.warning("quotes: a symbol is refused: its bars come from the history alone", symbol=name, why=why)
        self.refused = {**{name: why for name, why in self.refused.items() if name not in granted}, **refused}
        self._listener.subscribed([name for name in names if name in granted])

    def _granted(self, document: dict[str, Any]) -> tuple[set[str], dict[str, str]]:
        """The symbols that an answer grants, and its words on the others."""
        granted, no = set(), {}
        try:
            for row in rows(document, "subscriptions"):
                name = self._wanted.get((str(member(row, "symbol")), str(member(row, "exchange"))))
                if name is not None and row.get("status") == "success":
                    granted.add(name)
                elif name is not None:
                    no[name] = _without_key(_words(row), self._key())
        except Unreadable as error:
            raise _Lost(f"{self.url}: the answer to a subscription is not understood: {error}") from error
        return granted, no

    def _tick(self, document: dict[str, Any]) -> None:
        try:
            tick = tick_of(document, self._wanted, self._clock.now())
        except NoTick as no:
            self.dropped[str(no)] += 1
        else:
            self._ticks += 1
            self._listener.tick(tick)

    def _tell(self, why: str) -> None:
        """What is wrong is logged once, until it is something else."""
        if why != self._said:
            self._said = why
            log.warning("quotes: out of order", why=why)


def objection(url: str, api_key: Callable[[], str]) -> str:
    """Why the proxy at `url` does not let us in, in one line; empty if it does."""
    try:
        with _connected(url, api_key(), CONNECT_SECONDS):
            return ""
    except _Lost as lost:
        return _without_key(str(lost), api_key())


@contextmanager
def _connected(url: str, key: str, ping_seconds: float) -> Iterator[ClientConnection]:
    """A connection that was let in; _Lost where there is none, or none any more."""
    from websockets.exceptions import WebSocketException
    from websockets.sync.client import connect

    try:
        with connect(
            url, proxy=None, compression=None, open_timeout=CONNECT_SECONDS, close_timeout=0.5,
            ping_interval=ping_seconds, ping_timeout=ping_seconds,
        ) as socket:  # fmt: skip
            socket.send(json.dumps({"action": "authenticate", "api_key": key}))
            answer = _verdict(url, socket)
            if answer.get("status") != "success":
                raise _Lost(f"{url}: not let in: {_words(answer)}: {LOG_IN}")
            yield socket
    except (OSError, WebSocketException) as error:
        raise _Lost(f"{url}: {kind(error)}: {error}") from error


def _verdict(url: str, socket: ClientConnection) -> dict[str, Any]:
    """The answer to the authentication, whatever greeting comes before it."""
    for _ in range(GREETINGS):
        try:
            answer = document_of(socket.recv(timeout=ANSWER_SECONDS)) or {}
        except TimeoutError:
            raise _Lost(f"{url}: no answer to the authentication") from None
        if answer.get("type") == "auth" or answer.get("status") == "error":
            return answer
    raise _Lost(f"{url}: no answer to the authentication")


def _without_key(words: str, key: str) -> str:
    """Somebody else's words in a line of ours: they may repeat what we sent."""
    return in_a_line(words.replace(key, "***") if len(key) >= SHORTEST_KEY else words)


def _words(document: Mapping[str, Any]) -> str:
    return in_a_line(str(document.get("message") or document.get("error") or "no reason is given"))

"""The feed of ticks, over sockets: the loopback OpenAlgo's proxy on good days and bad, and servers that are worse."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import math
import socket
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

import pytest
from structlog.testing import capture_logs
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from livetrader.brokers.openalgo import quotes
from livetrader.brokers.openalgo.quotes import OpenAlgoQuotes, address, objection
from livetrader.brokers.openalgo.symbols import Symbols
from livetrader.domain.tick import LastPrice, Tick
from livetrader.market.clock import SystemClock, VirtualClock
from livetrader.marketdata.quotes import LastPrices
from livetrader.ports import Clock
from tests.threads import PATIENCE, soon
from tests.unit.brokers.openalgo_loopback.gateway_samples import KEY, START, Bench, bench

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
SOON = (0.05,)
NAMES = Symbols("NSE", frozenset({"NIFTY"}))


@dataclass
class Ear:
    """Writes down what it is told. `deaf` says that nothing new has come for too long."""

    ticks: list[Tick] = field(default_factory=list)
    granted: list[str] = field(default_factory=list)
    whys: list[str] = field(default_factory=list)
    deaf: bool = False

    def subscribed(self, symbols: Collection[str]) -> None:
        self.granted += symbols

    def tick(self, tick: Tick) -> None:
        self.ticks.append(tick)

    def lost(self, why: str) -> None:
        self.whys.append(why)
        self.granted.clear()
        self.deaf = False

    def stale(self) -> bool:
        return self.deaf

    @property
    def prices(self) -> list[float]:
        return [one.price for one in self.ticks]


@contextmanager
def listening(url: str, *names: str, clock: Clock | None = None, key: str = KEY, **more: Any) -> Iterator[Any]:
    """A feed of `names` that runs in a thread, and its ear."""
    ear, stop = Ear(), Event()
    feed = OpenAlgoQuotes(url, lambda: key, clock or VirtualClock(START), ear, NAMES, waits=SOON, **more)
    feed.want(names)
    running = Thread(target=feed.run, args=(stop,))
    running.start()
    try:
        yield feed, ear
    finally:
        stop.set()
        running.join(PATIENCE)
        assert not running.is_alive(), "it ends within a moment"


@pytest.fixture
def b() -> Iterator[Bench]:
    yield from bench(limits={})


def feeding(b: Bench, *names: str, **more: Any) -> Any:
    return listening(b.server.stream.url, *names, clock=b.clock, **more)


def test_what_is_subscribed_to_is_told_with_its_time_and_the_days_volume(b: Bench) -> None:
    with feeding(b, "RELIANCE", "INFY") as (_, ear):
        soon(lambda: set(ear.granted) == {"RELIANCE", "INFY"})
        b.quote("RELIANCE", 1405)
        b.quote("TCS", 3105)
        b.clock.sleep(2)
        b.quote("INFY", 1510)
        soon(lambda: len(ear.ticks) == 2)
    assert ear.ticks == [Tick("RELIANCE", 1405.0, START, 2.0), Tick("INFY", 1510.0, START + 2, 2.0)]


def test_more_may_be_wanted_while_it_runs(b: Bench) -> None:
    with feeding(b, "RELIANCE") as (feed, ear):
        soon(lambda: ear.granted)
        feed.want(["NIFTY29DEC26FUT", "RELIANCE"])
        soon(lambda: ear.granted == ["RELIANCE", "NIFTY29DEC26FUT"])
        b.quote("NIFTY29DEC26FUT", 26200)
        soon(lambda: ear.ticks)
    assert [one.symbol for one in ear.ticks] == ["NIFTY29DEC26FUT"]


def test_many_symbols_are_asked_for_in_batches(b: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotes, "SUBSCRIBED_AT_ONCE", 2)
    names = ["RELIANCE", "INFY", "TCS", "SBIN", "NOPE"]
    with feeding(b, *names) as (_, ear):
        soon(lambda: len(ear.granted) == 5)
    assert ear.granted == names


def test_an_unknown_symbol_may_be_acknowledged_and_is_silent(b: Bench) -> None:
    with feeding(b, "NOPE", "INFY") as (feed, ear):
        soon(lambda: len(ear.granted) == 2)
        b.quote("INFY", 1510)
        soon(lambda: ear.ticks)
    assert (ear.granted, feed.refused) == ([], {}) or [one.symbol for one in ear.ticks] == ["INFY"]


def test_a_bad_key_is_told_without_the_key_and_tried_again(b: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Also where everything is logged: the library would show each message."""
    caplog.set_level(logging.DEBUG)
    with capture_logs() as logged, feeding(b, "INFY", key="bad" * 8) as (feed, ear):
        soon(lambda: len(ear.whys) >= 2)
        assert "log in to the broker in OpenAlgo's page" in ear.whys[0]
        said = [one for one in logged if one["log_level"] == "warning"]
    assert len(said) == 1, "once, until it is something else"
    ours = [record.getMessage() for record in caplog.records if record.name != "websockets.server"]
    assert "badbad" not in f"{ear.whys} {logged} {ours} {feed!r}"


def test_a_dropped_connection_is_made_anew_and_subscribed_again(b: Bench) -> None:
    with feeding(b, "INFY") as (_, ear):
        soon(lambda: ear.granted)
        assert b.control("drop").json() == {"ok": True}
        soon(lambda: ear.whys)
        soon(lambda: ear.granted)
        b.quote("INFY", 1510)
        soon(lambda: ear.ticks)
    assert len(ear.whys) == 1
    assert ear.prices == [1510]


def test_a_healthy_connection_that_tells_nothing_new_is_left_for_another(b: Bench) -> None:
    with feeding(b, "INFY") as (_, ear):
        soon(lambda: ear.granted)
        b.switch(silent=True)
        b.quote("INFY", 1510)
        ear.deaf = True
        soon(lambda: ear.whys)
        assert "tells nothing new" in ear.whys[0]
        soon(lambda: ear.granted)
        b.switch(silent=False)
        b.quote("INFY", 1511)
        soon(lambda: ear.ticks)
    assert ear.prices == [1511]


def test_a_server_that_pings_is_answered(b: Bench) -> None:
    with feeding(b, "INFY") as (_, ear):
        soon(lambda: ear.granted)
        (one,) = b.server.stream._subscribers
        assert one.connection.ping().wait(PATIENCE)


def test_nobody_there_is_told_and_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with listening(f"ws://127.0.0.1:{port}", "INFY") as (_, ear):
        soon(lambda: len(ear.whys) >= 3)
    assert f"ws://127.0.0.1:{port}: ConnectionRefusedError" in ear.whys[0]


# Servers that the loopback one is too good for.


@contextmanager
def server(answer: Callable[[Any], list[Any]], first: bool = True) -> Iterator[str]:
    """A proxy that lets everybody in (`first`) and gives `answer` to each message: dicts, or raw text."""

    def handle(connection: ServerConnection) -> None:
        try:
            for message in connection:
                asked = json.loads(message)
                greets = first and asked["action"] == "authenticate"
                replies = [{"type": "auth", "status": "success"}] if greets else answer(asked)
                for reply in replies:
                    connection.send(reply if isinstance(reply, str | bytes) else json.dumps(reply))
        except ConnectionClosed:
            pass

    with serve(handle, "127.0.0.1", 0, compression=None) as made:
        serving = Thread(target=made.serve_forever)
        serving.start()
        yield f"ws://127.0.0.1:{made.socket.getsockname()[1]}"
        made.shutdown()
        serving.join()


def grant(asked: Any, **changed: str) -> dict[str, Any]:
    """Everything that is asked for; what `changed` names has that status."""
    listed = [{**one, "status": changed.get(one["symbol"], "success")} for one in asked["symbols"]]
    return {"type": "subscribe", "status": "success", "subscriptions": listed, "request_id": asked["request_id"]}


def data(symbol: Any = "INFY", ltp: Any = 1500.0, **more: Any) -> dict[str, Any]:
    at = int(START * 1000)
    inside = {"symbol": symbol, "exchange": "NSE", "mode": 2, "ltp": ltp, "timestamp": at, "ltt": at, "volume": 7}
    return {"type": "market_data", "symbol": symbol, "exchange": "NSE", "mode": 2, "data": {**inside, **more}}


def test_a_partial_subscription_names_those_that_are_refused() -> None:
    """The others are told; of the refused ones and those that the answer leaves out nothing is awaited."""

    def answer(asked: Any) -> list[Any]:
        told = grant(asked, TCS="error")
        told["subscriptions"][1]["message"] = "not subscribed: token missing"
        told["subscriptions"] = [row for row in told["subscriptions"] if row["symbol"] != "SBIN"]
        return [{**told, "status": "partial"}, data("INFY")]

    with server(answer) as url, listening(url, "INFY", "TCS", "SBIN") as (feed, ear):
        soon(lambda: ear.ticks)
        assert ear.granted == ["INFY"]
        assert feed.refused == {"TCS": "not subscribed: token missing", "SBIN": "it is not in the answer"}


def test_a_greeting_before_the_answer_lets_nobody_in_and_keeps_nobody_out() -> None:
    def answer(asked: Any) -> list[Any]:
        welcome = {"type": "welcome", "status": "success"}
        if asked["action"] == "authenticate":
            return [welcome, {"type": "auth", "status": "success" if len(asked["api_key"]) == len(KEY) else "error"}]
        return [grant(asked)]

    with server(answer, first=False) as url:
        with listening(url, "INFY") as (_, ear):
            soon(lambda: ear.granted)
        assert "not let in" in objection(url, lambda: "wrong" * 5)
    with server(lambda _: [{"type": "welcome"}] * 5, first=False) as url:
        assert "no answer to the authentication" in objection(url, lambda: KEY)


def test_a_price_under_its_other_name_and_a_field_that_is_no_number_lose_no_tick() -> None:
    """Adapters differ in the name of the price, and what a frame of numbers lacks comes as NaN."""
    named = data()
    named["data"]["last_price"] = named["data"].pop("ltp")
    lacking = json.dumps(data(ltp=1501.0, volume=math.nan, oi=math.nan))
    with server(lambda asked: [grant(asked), named, lacking]) as url, listening(url, "INFY") as (feed, ear):
        soon(lambda: len(ear.ticks) == 2)
    assert (ear.prices, dict(feed.dropped)) == ([1500.0, 1501.0], {})


def test_an_answer_without_the_requests_name_is_that_of_the_oldest() -> None:
    def answer(asked: Any) -> list[Any]:
        told = grant(asked)
        del told["request_id"]
        return [told]

    with server(answer) as url, listening(url, "INFY") as (_, ear):
        soon(lambda: ear.granted)
        assert ear.granted == ["INFY"]


GARBAGE: dict[str, tuple[Any, str]] = {
    "no json": ("{", "unreadable"),
    "not an object": ("[1]", "unreadable"),
    "bytes that are no text": (b"\xff\xfe", "unreadable"),
    "NaN": (json.dumps(data(ltp=math.nan)), "no price"),
    "infinity": (json.dumps(data(ltp=math.inf)), "no price"),
    "zero": (data(ltp=0), "no price"),
    "negative": (data(ltp=-1500.0), "no price"),
    "null price": (data(ltp=None), "no price"),
    "text": (data(ltp="n/a"), "no price"),
    "true": (data(ltp=True), "no price"),
    "a list": (data(ltp=[1]), "no price"),
    "enormous": (data(ltp=1e300), "no price"),
    "beyond all floats": (json.dumps(data(ltp=7)).replace('"ltp": 7', '"ltp": 1e999'), "no price"),
    "NaN in a text": (data(ltp="nan"), "no price"),
    "no price at all": ({**data(), "data": {}}, "no price"),
    "no data": ({"type": "market_data", "symbol": "INFY", "exchange": "NSE"}, "unreadable"),
    "data is null": ({"type": "market_data", "symbol": "INFY", "exchange": "NSE", "data": None}, "unreadable"),
    "symbol null": (data(symbol=None), "unreadable"),
    "symbol is a list": (data(symbol=["INFY"]), "unreadable"),
    "foreign symbol": (data(symbol="TCS"), "foreign"),
    "foreign exchange": ({**data(), "exchange": "BSE"}, "foreign"),
}


@pytest.mark.parametrize(("message", "reason"), GARBAGE.values(), ids=GARBAGE)
def test_b15_what_is_no_price_is_dropped_and_counted(message: Any, reason: str) -> None:
    with server(lambda asked: [grant(asked), message, data(ltp=1501)]) as url, listening(url, "INFY") as (feed, ear):
        soon(lambda: ear.ticks)
    assert (ear.prices, dict(feed.dropped), ear.whys) == ([1501.0], {reason: 1}, [])


def test_a_tick_that_is_delivered_twice_is_one_price() -> None:
    """The second says nothing that the first did not: it is no second opinion."""
    clock, stop = VirtualClock(START), Event()
    prices = LastPrices(clock, lambda _instant: None, 30.0)
    sent = [data(ltp=1500.0), data(ltp=1501.0), data(ltp=1501.0), data(ltp=1501.0)]
    with server(lambda asked: [grant(asked), *sent]) as url:
        feed = OpenAlgoQuotes(url, lambda: KEY, clock, prices, NAMES)
        feed.want(["INFY"])
        running = Thread(target=feed.run, args=(stop,))
        running.start()
        soon(lambda: prices.dropped["repeated"] == 2)
        stop.set()
        running.join(PATIENCE)
    assert prices.last("INFY") == LastPrice(1501.0, 1500.0, 0.0)


NOW = START
AT: dict[str, tuple[dict[str, Any], float]] = {
    "milliseconds": ({"ltt": (NOW - 3) * 1000}, NOW - 3),
    "seconds": ({"ltt": NOW - 3}, NOW - 3),
    "text with a number": ({"ltt": str(NOW - 3)}, NOW - 3),
    "no trade time": ({"ltt": None, "timestamp": (NOW - 1) * 1000}, NOW - 1),
    "zero": ({"ltt": 0, "timestamp": (NOW - 1) * 1000}, NOW - 1),
    "a date": ({"ltt": "2026-11-20 11:03:00", "timestamp": (NOW - 1) * 1000}, NOW - 1),
    "another zone": ({"ltt": (NOW + 19_800) * 1000, "timestamp": (NOW - 1) * 1000}, NOW - 1),
    "a clock that is a little ahead": ({"ltt": (NOW + 4) * 1000}, NOW + 4),
    "none at all": ({"ltt": None, "timestamp": "soon"}, NOW),
}


@pytest.mark.parametrize(("more", "at"), AT.values(), ids=AT)
def test_a_trade_has_the_exchanges_time_or_that_of_its_arrival(more: dict[str, Any], at: float) -> None:
    with server(lambda asked: [grant(asked), data(**more)]) as url, listening(url, "INFY") as (_, ear):
        soon(lambda: ear.ticks)
    assert ear.ticks[0].at == at


@pytest.mark.parametrize("volume", [None, -5, "n/a", True], ids=str)
def test_a_volume_that_is_none_is_not_known(volume: Any) -> None:
    with server(lambda asked: [grant(asked), data(volume=volume)]) as url, listening(url, "INFY") as (_, ear):
        soon(lambda: ear.ticks)
    assert math.isnan(ear.ticks[0].volume)


REFUSALS: dict[str, Any] = {
    "broker error": {"status": "error", "code": "BROKER_ERROR", "message": f"no session for {KEY}"},
    "not authenticated": {"status": "error", "code": "NOT_AUTHENTICATED", "message": f"who is {KEY}?"},
    "no list": {"type": "subscribe", "status": "success", "subscriptions": {"INFY": KEY}},
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_a_subscription_that_fails_is_tried_on_another_connection(refusal: Any) -> None:
    """And the key, which a server may repeat, is in no message."""
    tries: list[Any] = []

    def answer(asked: Any) -> list[Any]:
        tries.append(asked)
        return [refusal if len(tries) < 3 else grant(asked)]

    with capture_logs() as logged, server(answer) as url, listening(url, "INFY") as (_, ear):
        soon(lambda: ear.granted)
    assert (len(tries), len(ear.whys)) == (3, 2)
    assert KEY not in f"{ear.whys} {logged}"


@pytest.mark.parametrize("asked_for", ["authenticate", "subscribe"])
def test_a_server_that_does_not_answer_is_left(asked_for: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotes, "ANSWER_SECONDS", 0.1)
    lets_in = asked_for == "subscribe"
    with server(lambda _asked: [], first=lets_in) as url, listening(url, "INFY", clock=SystemClock()) as (_, ear):
        soon(lambda: len(ear.whys) >= 2)
    assert "no answer to" in ear.whys[0]


def test_a_server_that_answers_no_ping_is_left() -> None:
    """Its kernel still takes what we send: only the missing answer tells that it is gone."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = Thread(target=_let_in_and_freeze, args=(listener,))
        serving.start()
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
        with listening(url, "INFY", clock=SystemClock(), ping_seconds=0.1) as (_, ear):
            soon(lambda: ear.whys)
            assert "keepalive ping timeout" in ear.whys[0]
        serving.join()


def _let_in_and_freeze(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        request = connection.recv(4096).decode()
        key = next(line.split(": ")[1] for line in request.split("\r\n") if line.startswith("Sec-WebSocket-Key"))
        digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
        accept = base64.b64encode(digest).decode()
        upgrade = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade"
        connection.sendall(f"{upgrade}\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode())
        admitted = b'{"type": "auth", "status": "success"}'
        connection.sendall(bytes([0x81, len(admitted)]) + admitted)
        listener.close()
        while connection.recv(4096):  # until the client is tired of it
            pass


def test_whether_it_lets_us_in_can_be_asked_alone(b: Bench) -> None:
    """For a check before the market opens: with the right key, with a wrong one, and where nobody is."""
    url = b.server.stream.url
    assert objection(url, lambda: KEY) == ""
    assert "not let in: Invalid API key" in objection(url, lambda: "wrong" * 5)
    b.server.stream.shutdown()
    assert "ConnectionRefusedError" in objection(url, lambda: KEY)


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("http://127.0.0.1:5000", "ws://127.0.0.1:8765"),
        ("http://[::1]:5000", "ws://[::1]:8765"),
        ("https://algo.example.com", "wss://algo.example.com/ws"),
        ("https://algo.example.com:8443", "wss://algo.example.com:8443/ws"),
    ],
)
def test_the_proxys_address_follows_from_the_servers(base_url: str, expected: str) -> None:
    assert address(base_url) == expected

"""The WebSocket proxy: what it sends, and how it fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from socket import create_connection
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from livetrader.brokers.loopback.faults import Fault
from tests.threads import PATIENCE, soon
from tests.unit.brokers.openalgo_loopback.gateway_samples import KEY, START, Bench, bench

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
Open = Callable[..., ClientConnection]
PING_FRAME, PONG_FRAME, MASKED, NO_MASK = b"\x89", b"\x8a", 0x80, bytes(4)


@pytest.fixture
def b() -> Iterator[Bench]:
    yield from bench(limits={})


@pytest.fixture
def opened(b: Bench) -> Iterator[Open]:
    """A function that opens a socket, let in unless told otherwise."""
    with ExitStack() as stack:

        def make(*, admitted: bool = True, **options: Any) -> ClientConnection:
            socket = stack.enter_context(connect(b.server.stream.url, proxy=None, close_timeout=1.0, **options))
            if admitted:
                assert ask(socket, action="authenticate", api_key=KEY)["status"] == "success"
            return socket

        yield make


def ask(socket: ClientConnection, **message: Any) -> Any:
    socket.send(json.dumps(message))
    return told(socket)


def told(socket: ClientConnection) -> Any:
    return json.loads(socket.recv(timeout=PATIENCE))


def subscribe(socket: ClientConnection, *symbols: str, mode: Any = 1) -> Any:
    wanted = [{"symbol": symbol, "exchange": "NSE"} for symbol in symbols]
    return ask(socket, action="subscribe", symbols=wanted, mode=mode, request_id="r1")


def silent(socket: ClientConnection) -> bool:
    """Whether nothing has come; a pong proves that what was sent before it would be here."""
    return bool(ask(socket, action="ping", timestamp=1)["type"] == "pong")


def test_a_key_opens_and_a_wrong_one_leaves_the_socket_open(opened: Open) -> None:
    socket = opened(admitted=False)
    assert ask(socket, action="subscribe")["code"] == "NOT_AUTHENTICATED"
    for key in ("wrong", 7, None):
        assert ask(socket, action="authenticate", api_key=key) == {
            "status": "error",
            "code": "AUTHENTICATION_ERROR",
            "message": "Invalid API key",
        }
    assert ask(socket, action="authenticate", api_key=KEY)["type"] == "auth"
    pong = ask(socket, action="ping", timestamp=1)
    assert (pong["client_timestamp"], pong["server_timestamp"]) == (1, int(START * 1000))


def test_who_does_not_authenticate_is_closed_with_4401() -> None:
    for b in bench(limits={}, auth_seconds=0.2):
        with connect(b.server.stream.url, proxy=None) as socket, pytest.raises(ConnectionClosedError) as closed:
            socket.recv(timeout=PATIENCE)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "INVALID_JSON"),
        ("[]", "INVALID_JSON"),
        ('{"action": "buy"}', "INVALID_ACTION"),
        ('{"action": []}', "INVALID_ACTION"),
        ('{"action": "subscribe", "mode": 9, "symbol": "INFY", "exchange": "NSE"}', "INVALID_MODE"),
        ('{"action": "subscribe", "mode": [], "symbol": "INFY", "exchange": "NSE"}', "INVALID_MODE"),
        ('{"action": "subscribe", "mode": 1}', "INVALID_PARAMETERS"),
        ('{"action": "subscribe", "mode": 1, "symbols": ["INFY"]}', "INVALID_PARAMETERS"),
        ('{"action": "unsubscribe", "symbols": 7}', "INVALID_PARAMETERS"),
    ],
)
def test_an_error_has_no_type(opened: Open, text: str, code: str) -> None:
    socket = opened()
    socket.send(text)
    answer = told(socket)
    assert (answer["status"], answer["code"], "type" in answer) == ("error", code, False)


def test_ticks_come_in_each_mode_that_was_asked_for(b: Bench, opened: Open) -> None:
    socket = opened()
    answer = subscribe(socket, "RELIANCE", "NOPE", mode="LTP")
    assert [line["status"] for line in answer["subscriptions"]] == ["success", "success"], "it says so of any symbol"
    assert answer["request_id"] == "r1"
    subscribe(socket, "RELIANCE", mode=3)
    b.quote("RELIANCE", 1405)
    b.quote("INFY", 1505)
    one, three = told(socket), told(socket)
    assert (one["type"], one["mode"], one["data"]["ltp"], one["data"]["ltt"]) == ("market_data", 1, 1405, START * 1000)
    assert "depth" not in one["data"]
    assert (three["mode"], three["data"]["high"], len(three["data"]["depth"]["buy"])) == (3, 1405, 5)
    assert silent(socket)


def test_unsubscribing_ends_them(b: Bench, opened: Open) -> None:
    socket = opened()
    subscribe(socket, "RELIANCE", "INFY")
    answer = ask(socket, action="unsubscribe", symbol="RELIANCE", exchange="NSE")
    assert [row["symbol"] for row in answer["successful"]] == ["RELIANCE"]
    again = ask(socket, action="unsubscribe", symbols=[{"symbol": "RELIANCE", "exchange": "NSE"}])
    assert (again["status"], again["successful"]) == ("partial", [])
    b.quote("RELIANCE", 1405)
    b.quote("INFY", 1505)
    assert told(socket)["symbol"] == "INFY"
    assert [row["symbol"] for row in ask(socket, action="unsubscribe_all")["successful"]] == ["INFY"]
    b.quote("INFY", 1506)
    assert silent(socket)


def test_order_updates_have_what_the_books_lack_and_come_twice_at_times(b: Bench, opened: Open) -> None:
    """What is filled, and why an order was rejected; whoever comes later is told nothing of before."""
    b.placed("INFY")
    socket = opened()
    ask(socket, action="subscribe_orders")
    b.strike("place", Fault.PARTIAL)
    order_id = b.placed()
    half = [told(socket) for _ in range(3)]
    assert [(e["orderid"], e["order_status"], e["filled_quantity"]) for e in half] == [
        (order_id, "open", 0),
        (order_id, "open", 0),
        (order_id, "open", 5),
    ]
    assert (half[2]["pending_quantity"], half[2]["average_price"], half[2]["mode"]) == (5, 1400.0, "live")
    b.placed(quantity=10_000_000)
    event = told(socket)
    assert (event["order_status"], event["rejection_reason"][:6]) == ("rejected", "funds:")


def test_the_sandboxs_orders_are_told_as_its_own(b: Bench, opened: Open) -> None:
    socket = opened()
    ask(socket, action="subscribe_orders")
    b.switch(mode="analyze")
    b.placed(pricetype="SL-M", trigger_price=1450)
    resting = b.placed(pricetype="LIMIT", price=1300)
    first, second = told(socket), told(socket)
    assert (first["order_status"], first["pending_quantity"], first["mode"]) == ("trigger pending", 10, "analyze")
    assert (second["orderid"], second["order_status"], second["pending_quantity"]) == (resting, "open", 0)


def test_a_feed_may_fall_silent_on_a_healthy_socket(b: Bench, opened: Open) -> None:
    socket = opened()
    subscribe(socket, "RELIANCE")
    b.switch(silent=True)
    b.quote("RELIANCE", 1405)
    assert silent(socket)
    b.switch(silent=False)
    b.quote("RELIANCE", 1406)
    assert told(socket)["data"]["ltp"] == 1406


def test_a_dropped_feed_forgets_its_subscriptions(b: Bench, opened: Open) -> None:
    socket = opened()
    subscribe(socket, "RELIANCE")
    assert b.state()["subscribers"] == 1
    assert b.control("drop").json() == {"ok": True}
    with pytest.raises(ConnectionClosedError):
        socket.recv(timeout=PATIENCE)
    soon(lambda: not b.state()["subscribers"])
    again = opened()
    b.quote("RELIANCE", 1405)
    assert silent(again)


def test_a_subscriber_that_reads_nothing_holds_up_nobody(b: Bench, opened: Open) -> None:
    """10,000 ticks of depth are far more than a socket takes: the exchange goes on, and others are served."""
    slow, quick = opened(), opened()
    subscribe(slow, "RELIANCE", mode=3)
    for step in range(10_000):
        b.quote("RELIANCE", 1400 + step % 10)
    subscribe(quick, "INFY")
    b.quote("INFY", 1501)
    assert told(quick)["data"]["ltp"] == 1501


def test_the_server_pings_and_keeps_those_who_answer() -> None:
    """The next ping comes once the last one was answered."""
    upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    for b in bench(limits={}, ping_seconds=0.05):
        address = ("127.0.0.1", b.server.stream.port)
        with create_connection(address, timeout=PATIENCE) as bare, bare.makefile("rb") as answer:
            bare.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{address[1]}\r\n{upgrade}\r\n{key}\r\n\r\n".encode())
            while answer.readline().strip():
                continue
            for _ in range(3):
                assert answer.read(1) == PING_FRAME
                (length,) = answer.read(1)
                bare.sendall(PONG_FRAME + bytes([MASKED | length, *NO_MASK]) + answer.read(length))


def test_a_client_that_names_the_server_as_its_origin_is_let_in(b: Bench, opened: Open) -> None:
    assert silent(opened(additional_headers={"Origin": b.server.stream.url.replace("ws:", "http:")}))


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
def test_x1_x2_the_proxy_is_for_programs_on_this_machine(opened: Open, headers: dict[str, str]) -> None:
    with pytest.raises(InvalidStatus) as refused:
        opened(additional_headers=headers)
    assert refused.value.response.status_code == 403

"""Reads are data or the error that says what to do: never a guess, never the key, never another mode's books."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from threading import Semaphore, Thread
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livetrader.brokers.openalgo.reader import OpenAlgoReader
from livetrader.domain.books import Identity
from livetrader.domain.instrument import Product
from livetrader.domain.interval import Interval
from livetrader.domain.order import Action
from livetrader.errors import AuthExpired, BrokerProtocol, BrokerUnavailable, DataError, LiveTraderError
from livetrader.market.clock import SystemClock, VirtualClock
from tests.threads import PATIENCE
from tests.unit.brokers.loopback.loopback_samples import approved
from tests.unit.brokers.openalgo.openalgo_samples import EMPTY, KEY, OK, START, URL, Server, client, order_row, reader

DAY = date(2026, 11, 20)

Read = Callable[[OpenAlgoReader], Any]
READS: dict[str, Read] = {
    "orderbook": lambda one: one.orders(),
    "tradebook": lambda one: one.trades(),
    "positionbook": lambda one: one.positions(),
    "holdings": lambda one: one.holdings(),
    "funds": lambda one: one.funds(),
    "orderstatus": lambda one: one.order("A1"),
    "margin": lambda one: one.margin("INFY", Action.BUY, Decimal(10), Product.MIS),
    "analyzer": lambda one: one.mode(),
    "ping": lambda one: one.ping(),
    "quotes": lambda one: one.quote("INFY"),
    "multiquotes": lambda one: one.quotes(["INFY", "TCS"]),
    "history": lambda one: one.history("INFY", Interval.M5, DAY, DAY),
    "symbol": lambda one: one.instrument("INFY"),
    "instruments": lambda one: one.instruments(),
    "market/timings": lambda one: one.timings(DAY),
}
ACCOUNT = ("orderbook", "tradebook", "positionbook", "holdings", "funds")
MARKET = ("quotes", "history", "symbol", "margin", "orderstatus")

reads = pytest.mark.parametrize(("endpoint", "read"), READS.items(), ids=list(READS))


def answering(endpoint: str, answer: Any) -> Server:
    server = Server()
    server.answers[endpoint] = answer
    return server


def error(status: int, message: Any) -> httpx.Response:
    return httpx.Response(status, json={"status": "error", "message": message})


@reads
def test_every_read_goes_to_its_endpoint_with_the_key(endpoint: str, read: Read) -> None:
    server = answering(endpoint, error(500, "no"))
    with pytest.raises(BrokerUnavailable):
        read(reader(server, attempts=1))
    assert server.asked[-1][0] == endpoint
    assert server.asked[-1][1]["apikey"] == KEY


ANSWERS: list[tuple[str, Any, type[LiveTraderError], int]] = [
    ("down", httpx.Response(502, text="<html>"), BrokerUnavailable, 3),
    ("broker-throttles", error(500, "Too many requests"), BrokerUnavailable, 3),
    ("no-content-type", httpx.Response(500, json={"message": "x", "status": "error"}), BrokerUnavailable, 3),
    ("timeout", httpx.ReadTimeout("no"), BrokerUnavailable, 3),
    ("refused", httpx.ConnectError("no"), BrokerUnavailable, 3),
    ("error-with-200", {"status": "error", "message": "the broker is away"}, BrokerUnavailable, 3),
    ("rate-limit", httpx.Response(429, json={"message": "50 per 1 second"}), BrokerUnavailable, 1),
    ("key-or-session", error(403, "Invalid openalgo apikey"), AuthExpired, 1),
    ("broker-token", error(403, "Incorrect `api_key` or `access_token`."), AuthExpired, 1),
    ("banned", httpx.Response(403, text="Forbidden"), AuthExpired, 1),
    ("redirect", httpx.Response(301, headers={"Location": "https://x"}), BrokerProtocol, 1),
    ("a-page", httpx.Response(200, text="<html>welcome</html>"), BrokerProtocol, 1),
    ("empty", httpx.Response(200), BrokerProtocol, 1),
    ("no-status", {"data": []}, BrokerProtocol, 1),
    ("no-data", OK, BrokerProtocol, 1),
    ("null-data", {"data": None, **OK}, BrokerProtocol, 1),
    ("wrong-data", {"data": "x", "results": 5, **OK}, BrokerProtocol, 1),
]


@reads
@pytest.mark.parametrize(("answer", "kind", "tries"), [a[1:] for a in ANSWERS], ids=[a[0] for a in ANSWERS])
def test_b4_b5_what_is_no_data_is_the_error_that_says_what_to_do(
    endpoint: str, read: Read, answer: Any, kind: type[LiveTraderError], tries: int
) -> None:
    server = answering(endpoint, answer)
    with pytest.raises(kind, match=r"^openalgo: ") as told:
        read(reader(server))
    assert type(told.value) is kind
    assert "\n" not in str(told.value)
    once = endpoint == "analyzer"  # it stands before an order, which does not wait for a second try
    assert server.calls(endpoint) == (1 if once else tries)


def test_a_server_that_hangs_is_not_waited_for_again() -> None:
    """Once a read has taken as long as an answer may, in real time, it is given up: exits have to go on."""

    def hang(_request: httpx.Request) -> httpx.Response:
        SystemClock().sleep(0.02)
        raise httpx.ReadTimeout("no")

    server = answering("funds", hang)
    with pytest.raises(BrokerUnavailable, match="no answer"):
        reader(server, timeout_seconds=0.01).funds()
    assert server.calls("funds") == 1


@pytest.mark.parametrize("endpoint", MARKET)
@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Symbol 'NOPE' not found for exchange 'NSE'."),
        (400, {"interval": ["Must be one of: 1s."]}),
        (404, "Symbol NOPE not found in exchange NSE"),
    ],
    ids=["text", "object", "404"],
)
def test_a_symbol_that_the_server_does_not_know_is_skipped_by_who_asked(
    endpoint: str, status: int, message: Any
) -> None:
    with pytest.raises(DataError, match=f"openalgo: {endpoint}: HTTP {status}: "):
        READS[endpoint](reader(answering(endpoint, error(status, message))))


@pytest.mark.parametrize("endpoint", ACCOUNT)
def test_a_book_of_the_other_mode_is_not_ours(endpoint: str) -> None:
    """Somebody has switched the server: the sandbox's books are empty, and we are not flat."""
    server = Server().analyze()
    with pytest.raises(BrokerProtocol, match=r"the server is in analyze mode, and broker.expect is live"):
        READS[endpoint](reader(server))
    READS[endpoint](reader(server, expect="analyze"))
    with pytest.raises(BrokerProtocol, match=r"the server is in live mode, and broker.expect is analyze"):
        READS[endpoint](reader(Server(), expect="analyze"))


def test_a_margin_is_asked_for_with_numbers_as_texts() -> None:
    """The schema wants it so; anything else is a 400."""
    server = answering("margin", {"data": {"total_margin_required": 2800.0, "span_margin": 0.0}, **OK})
    assert reader(server).margin("INFY", Action.SELL, Decimal(10), Product.MIS) == 2800
    (line,) = server.last("margin")["positions"]
    assert line == {
        "symbol": "INFY", "exchange": "NSE", "action": "SELL", "quantity": "10", "product": "MIS",
        "pricetype": "MARKET", "price": "0", "trigger_price": "0",
    }  # fmt: skip


@pytest.mark.parametrize("endpoint", ACCOUNT)
def test_a_third_mode_is_not_understood(endpoint: str) -> None:
    server = answering(endpoint, {**EMPTY[endpoint], "mode": {"x": 1}})
    with pytest.raises(BrokerProtocol, match="neither live nor analyze"):
        READS[endpoint](reader(server))


def test_reads_are_tried_again_where_that_may_help() -> None:
    clock, answers = VirtualClock(START), [error(500, "Too many requests"), error(500, "x"), EMPTY["funds"]]

    def answer(_request: httpx.Request) -> httpx.Response:
        one = answers.pop(0)
        return one if isinstance(one, httpx.Response) else httpx.Response(200, json=one)

    assert reader(answering("funds", answer), clock=clock).funds() == 1_000_000
    assert clock.monotonic() >= 0.5, "with a pause in between"


def test_b6_a_rate_limit_is_kept_to_for_its_window() -> None:
    """The answer has no Retry-After: the limit itself says how long."""
    clock = VirtualClock(START)
    server = answering("quotes", httpx.Response(429, json={"message": "10 per 1 minute"}))
    made = reader(server, clock=clock)
    with pytest.raises(BrokerUnavailable, match="10 per 1 minute"):
        made.quote("INFY")
    for wait in (59.0, 1.0):
        with pytest.raises(BrokerUnavailable, match="of silence are left"):
            made.funds()
        clock.sleep(wait)
    assert made.funds() == 1_000_000
    assert (server.calls("quotes"), server.calls("funds")) == (1, 1)


def test_the_pace_of_reads_is_kept_and_the_account_goes_first() -> None:
    clock = VirtualClock(START)
    server = answering("quotes", {"data": {"ltp": 1}, **OK})
    made = reader(server, clock=clock, reads_per_second=5)
    for _ in range(20):
        made.quote("INFY")
    assert clock.monotonic() >= 3.0, "20 reads at 5 a second, less a burst"
    before = clock.monotonic()
    made.funds()
    assert clock.monotonic() == before, "what the feed asked for does not keep the account waiting"


def test_two_histories_are_the_servers_own_pause_apart() -> None:
    clock = VirtualClock(START)
    made = reader(answering("history", {"data": [], **OK}), clock=clock, reads_per_second=50)
    for _ in range(5):
        made.history("INFY", Interval.M1, DAY, DAY)
    assert clock.monotonic() == pytest.approx(4 * 0.35)


def test_a_slow_history_keeps_no_other_waiting_but_a_hanging_server_is_not_asked_ever_more() -> None:
    """Three are in flight, the fourth waits until one of them has come."""
    asked, let = Semaphore(0), Semaphore(0)

    def answer(_request: httpx.Request) -> httpx.Response:
        asked.release()
        assert let.acquire(timeout=PATIENCE)
        return httpx.Response(200, json={"data": [], **OK})

    made = reader(answering("history", answer), clock=SystemClock(), reads_per_second=50)
    calls = [Thread(target=made.history, args=("INFY", Interval.M1, DAY, DAY)) for _ in range(4)]
    for call in calls:
        call.start()
    assert all(asked.acquire(timeout=PATIENCE) for _ in range(3))
    assert not asked.acquire(timeout=0.5), "it is not its pace that it waits for"
    let.release()
    assert asked.acquire(timeout=PATIENCE)
    let.release(3)
    for call in calls:
        call.join(PATIENCE)
    assert not any(call.is_alive() for call in calls)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("success"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["status", "data", "message", "mode", "orders", "results", "holdings", "availablecash", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
)
ROWS = st.dictionaries(
    st.sampled_from([*order_row(), "average_price", "tradeid", "ltp", "lotsize", "tick_size", "start_time", "open"]),
    st.sampled_from([*order_row().values(), "x", "", -1, 1e300, 5, True]) | JSON,
)
NEARLY = st.lists(ROWS | st.just(order_row()), max_size=3).map(
    lambda rows: {"status": "success", "data": rows, "results": rows}
)
WRAPPED = NEARLY.map(
    lambda one: {**one, "data": {"orders": one["data"], "holdings": one["data"], "availablecash": one["data"]}}
)
BODIES = st.binary(max_size=30) | (JSON | NEARLY | WRAPPED).map(lambda document: json.dumps(document).encode())


@given(st.sampled_from([200, 200, 200, 201, 204, 301, 400, 401, 403, 404, 408, 418, 429, 500, 503]), BODIES)
@example(200, b"[" * 100_000)
@example(200, b'{"status": "success", "data": ' + b"[" * 400 + b"]" * 400 + b"}")
@example(200, b'{"status": "success", "data": {"availablecash": ' + b"9" * 5000 + b"}}")
@example(400, b'{"message": {"a": ' + b"[" * 400 + b"]" * 400 + b"}}")
def test_b4_b5_whatever_comes_back_a_read_is_data_or_an_error_of_ours(status: int, body: bytes) -> None:
    server = Server(dict.fromkeys(READS, httpx.Response(status, content=body)))
    made = reader(server, attempts=1, reads_per_second=50)
    for endpoint, read in READS.items():
        try:
            read(made)
        except (BrokerUnavailable, BrokerProtocol, AuthExpired, DataError):
            continue
        if not (endpoint == "multiquotes" and status in (400, 404)):  # none of the symbols is known: that is data
            assert status == 200
            assert json.loads(body)["status"] == "success"


def test_i11_the_key_is_in_no_log_no_message_and_no_representation(caplog: pytest.LogCaptureFixture) -> None:
    """Not even where the server repeats the request, nor in the URL of the one read that has it there."""
    said = httpx.Response(500, text=json.dumps({"message": f"bad request: apikey={KEY}", "status": "error"}))
    server = Server(dict.fromkeys([*READS, "placeorder"], said))
    made = client(server, attempts=1, reads_per_second=50)
    texts = [repr(made), repr(vars(made)), made.place(approved()).reason]
    with caplog.at_level(logging.DEBUG):
        for read in READS.values():
            with pytest.raises(LiveTraderError) as told:
                read(made)
            texts.append(repr(told.value))
    server.answers |= dict.fromkeys(READS, httpx.ReadError("gone"))
    for read in READS.values():
        with pytest.raises(LiveTraderError) as told:
            read(made)
        texts.append(repr(told.value))
    logged = [record.getMessage() for record in caplog.records]
    assert any(f"{URL}/api/v1/instruments " in line for line in logged), "httpx logs the call, without its query"
    assert not [text for text in (*texts, *logged) if KEY in text]
    assert any("apikey=***" in text for text in texts)


def test_it_is_read_without_anything_that_could_send() -> None:
    made = reader(Server())
    assert not [name for name in ("place", "modify", "cancel", "_ask") if hasattr(made, name)]
    assert (made.name, made.identity, made.visibility_seconds) == ("openalgo", Identity.LOOSE_FINGERPRINT, 65.0)
    made.close()

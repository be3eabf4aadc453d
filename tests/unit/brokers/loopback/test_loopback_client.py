"""The HTTP client against answers that no server of ours would give."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livetrader.brokers.loopback.client import LoopbackClient
from livetrader.brokers.loopback.profiles import STRICT
from livetrader.brokers.permit import LivePermit
from livetrader.domain.order import Purpose
from livetrader.domain.order_state import OrderState
from livetrader.errors import AuthExpired, BrokerError, BrokerProtocol, BrokerUnavailable
from livetrader.market.clock import VirtualClock
from tests.unit.brokers.client_samples import UNANSWERED, Watched, keeping_alive
from tests.unit.brokers.loopback.loopback_samples import START, approved, intent

S = OrderState


def client(answer: Callable[[httpx.Request], httpx.Response], **changes: Any) -> LoopbackClient:
    """A client whose transport is `answer`."""
    clock = VirtualClock(START)
    return LoopbackClient(
        "http://127.0.0.1:1", STRICT, clock, LivePermit("live"), transport=httpx.MockTransport(answer), **changes
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.just("L1") | st.just("received"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "order_id", "status", "code", "reason", "orders", "funds", "x"]),
            inner,
            max_size=4,
        )
    ),
)
BODIES = st.binary(max_size=30) | JSON.map(lambda document: json.dumps(document).encode())


@given(st.integers(200, 599), BODIES)
@example(200, b'{"order_id": "L1", "status": "received"}')
@example(200, b"[" * 100_000)
@example(500, b'{"error": {"code": "funds", "reason": "no"}}')
@example(408, b'{"error": {"code": "timeout", "reason": "no"}}')
@example(200, b"\xff\xfe")
def test_b4_b5_whatever_comes_back_an_order_is_acknowledged_or_rejected_by_proof_only(status: int, body: bytes) -> None:
    """Anything but a 200 that names the order, or a 4xx that says no, is UNKNOWN; nothing is ever raised."""
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(status, content=body)

    outcome = client(answer).place(approved())
    assert len(sent) == 1, "an order is sent once"
    assert outcome.state in (S.ACKED, S.CANCELLED, S.REJECTED, S.UNKNOWN)
    if outcome.state in (S.ACKED, S.CANCELLED):
        assert status == 200
        assert json.loads(body)["order_id"] == outcome.broker_order_id
    if outcome.state is S.REJECTED:
        assert 400 <= status < 500
        assert status != 408, "a proxy's request timeout says nothing about the request"
        assert outcome.reason.startswith(json.loads(body)["error"]["code"])


@given(st.integers(200, 599), BODIES)
@example(200, b'{"orders": []}')
@example(200, b"[" * 100_000)
def test_b4_b5_whatever_comes_back_a_read_is_data_or_a_broker_error(status: int, body: bytes) -> None:
    made = client(lambda _: httpx.Response(status, content=body), attempts=2)
    for read in (made.orders, made.positions, made.funds, lambda: made.quotes(["INFY"])):
        try:
            read()
        except (BrokerUnavailable, BrokerProtocol, AuthExpired):
            continue
        assert status == 200
        assert isinstance(json.loads(body), dict)


@pytest.mark.parametrize(("error", "state"), UNANSWERED)
def test_b1_b3_only_a_connection_that_was_never_made_is_not_sent(
    error: type[httpx.RequestError], state: OrderState
) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error("no", request=request)

    made = client(fail)
    for outcome in (made.place(approved()), made.modify("L1", intent()), made.cancel("L1")):
        assert outcome.state is state
    with pytest.raises(BrokerUnavailable, match=error.__name__):
        made.positions()


def test_reads_are_tried_again_and_orders_never() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.method)
        return httpx.Response(502) if len(asked) % 3 else httpx.Response(200, json={"funds": "12.50"})

    made = client(answer, attempts=3)
    assert str(made.funds()) == "12.50"
    assert asked == ["GET"] * 3
    assert made.place(approved()).state is S.UNKNOWN
    assert asked == ["GET"] * 3 + ["POST"]


@pytest.mark.parametrize(
    ("answer", "error", "tries"),
    [
        (httpx.Response(500), BrokerUnavailable, 3),
        (httpx.Response(401), AuthExpired, 1),
        (httpx.Response(200, content=b"{}"), BrokerProtocol, 1),
        (httpx.Response(429), BrokerUnavailable, 1),
    ],
    ids=["down", "expired", "nonsense", "asked-for-silence"],
)
def test_a_read_is_given_up_where_trying_again_is_no_use(
    answer: httpx.Response, error: type[BrokerError], tries: int
) -> None:
    asked = []

    def count(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answer

    made = client(count, attempts=3)
    with pytest.raises(error):
        made.funds()
    assert len(asked) == tries
    assert (made._clock.monotonic() > 0) == (tries > 1), "only another try is waited for"


@pytest.mark.parametrize(
    ("header", "silent"),
    [("30", 30.0), ("Mon, 21 Sep 2026 14:14:00 GMT", 40.0), ("soon", 5.0), ("", 5.0), ("9" * 400, 300.0)],
    ids=["seconds", "date", "nonsense", "empty", "for-ever"],
)
def test_b6_retry_after_is_seconds_or_a_date_or_nothing(header: str, silent: float) -> None:
    made = client(lambda _: httpx.Response(429, headers={"Retry-After": header}))
    assert START == 1_790_000_000.0, "Mon, 21 Sep 2026 14:13:20 GMT"
    assert made.place(approved()).state is S.UNKNOWN, "a bare 429 may come from anybody on the way"
    assert made._pause.left() == silent


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_b1_no_order_goes_out_on_a_connection_that_may_have_died() -> None:
    """Even to a server that would keep it alive, each call opens its own."""
    with keeping_alive(b'{"funds": "1"}') as (url, connections):
        made = LoopbackClient(url, STRICT, VirtualClock(START), LivePermit("live"))
        assert [made.funds(), made.funds()] == [1, 1]
        made.close()
    assert len(connections) == 2


def test_exits_stops_and_cancels_go_out_on_the_reserve() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"order_id": request.url.path[8:] or "L1", "status": "received"})

    throttle = Watched()
    made = client(answer, throttle=throttle)
    for purpose in (Purpose.ENTRY, Purpose.EXIT, Purpose.STOP):
        assert made.place(approved(purpose=purpose)).state is S.ACKED
        assert made.modify("L1", intent(purpose=purpose)).state is S.ACKED
    assert made.cancel("L1").state is S.ACKED
    assert throttle.waits == [False, False, True, True, True, True, True]


def test_an_answer_about_another_order_proves_nothing() -> None:
    made = client(lambda _: httpx.Response(200, json={"order_id": "L2", "status": "cancelled"}))
    assert made.cancel("L1").state is S.UNKNOWN

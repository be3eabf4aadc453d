"""What goes out, and what the answer to an order proves. Section 5 of OPENALGO.md; faults B1 to B6 of ORDERS.md."""

from __future__ import annotations

import json
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import livetrader.brokers.openalgo as package
from livetrader.brokers.openalgo.client import OpenAlgoClient
from livetrader.brokers.permit import LivePermit
from livetrader.brokers.polled import PolledBroker
from livetrader.domain.instrument import Product
from livetrader.domain.order import Action, OrderType, Purpose
from livetrader.domain.order_state import OrderState
from livetrader.errors import AuthExpired, ConfigError
from livetrader.market.clock import VirtualClock
from livetrader.ports import Outcome
from tests.threads import PATIENCE
from tests.unit.brokers.client_samples import UNANSWERED, Watched, keeping_alive
from tests.unit.brokers.loopback.loopback_samples import approved, intent
from tests.unit.brokers.openalgo.openalgo_samples import KEY, OK, START, Server, books, client, order_row

S = OrderState
D = Decimal
DONE = {"orderid": "A1", **OK}

# The fields that the server takes, by endpoint; it refuses any other, and null. Source: OPENALGO.md, section 3.
PLACE = {
    "apikey", "strategy", "symbol", "exchange", "action", "quantity", "pricetype", "product", "price", "trigger_price",
    "disclosed_quantity",
}  # fmt: skip
MODIFY = PLACE | {"orderid"}


def answering(answer: Any, *endpoints: str) -> Server:
    server = Server()
    server.answers.update(dict.fromkeys(endpoints or ("placeorder", "modifyorder", "cancelorder"), answer))
    return server


ORDERS = [
    ({}, {"pricetype": "MARKET"}),
    ({"order_type": OrderType.LIMIT, "limit_price": D("1499.95")}, {"pricetype": "LIMIT", "price": 1499.95}),
    ({"order_type": OrderType.SL_M, "trigger_price": D(1480)}, {"pricetype": "SL-M", "trigger_price": 1480}),
    (
        {"order_type": OrderType.SL, "trigger_price": D("1480.5"), "limit_price": D(1479)},
        {"pricetype": "SL", "trigger_price": 1480.5, "price": 1479},
    ),
    ({"action": Action.SELL, "product": Product.CNC}, {"action": "SELL", "product": "CNC", "pricetype": "MARKET"}),
    ({"symbol": "NIFTY29DEC2626000CE", "product": Product.NRML}, {"exchange": "NFO", "product": "NRML"}),
    ({"quantity": D("65.0")}, {"quantity": 65}),
]


@pytest.mark.parametrize(("order", "sent"), ORDERS, ids=[str(sent) for _, sent in ORDERS])
def test_an_order_goes_out_in_the_words_that_the_server_takes(order: dict[str, Any], sent: dict[str, Any]) -> None:
    server = answering(DONE)
    assert client(server).place(approved(**{"quantity": 10, **order})) == Outcome(S.ACKED, "A1")
    body = server.last("placeorder")
    whole = {"apikey": KEY, "symbol": "INFY", "exchange": "NSE", "action": "BUY", "product": "MIS", "quantity": 10}
    whole |= {"pricetype": "MARKET", "strategy": f"livetrader-{intent().intent_id}"}
    expected = whole | {"symbol": order.get("symbol", "INFY")} | sent
    assert body == expected
    assert type(body["quantity"]) is int, "some brokers refuse 65.0"
    assert body.keys() <= PLACE


def test_a_modify_says_all_of_the_order_again() -> None:
    """Every field is required, those that the order has no use for are zero."""
    server = answering(DONE)
    stop = intent(order_type=OrderType.SL_M, trigger_price=D("1480.05"), quantity=7)
    assert client(server).modify("A1", stop) == Outcome(S.ACKED, "A1")
    body = server.last("modifyorder")
    assert body.keys() == MODIFY
    terms = ("orderid", "price", "trigger_price", "disclosed_quantity", "quantity", "pricetype")
    assert [body[name] for name in terms] == ["A1", 0, 1480.05, 0, 7, "SL-M"]


def test_a_cancel_is_asked_for_and_no_more() -> None:
    server = answering(DONE)
    assert client(server).cancel("A1") == Outcome(S.ACKED, "A1"), "the book says whether it was done"
    assert server.last("cancelorder") == {"apikey": KEY, "strategy": "livetrader", "orderid": "A1"}


def no(message: Any = "Insufficient funds.", **more: Any) -> dict[str, Any]:
    return {"status": "error", "message": message, **more}


REPLIES = [
    ("acknowledged", 200, DONE, Outcome(S.ACKED, "A1")),
    ("a-number-for-an-id", 200, {**DONE, "orderid": 25112100001}, Outcome(S.ACKED, "25112100001")),
    ("null-for-an-id", 200, {**DONE, "orderid": None}, S.UNKNOWN),
    ("no-id", 200, OK, S.UNKNOWN),
    ("empty-id", 200, {**DONE, "orderid": " "}, S.UNKNOWN),
    ("the-word-none-for-an-id", 200, {**DONE, "orderid": "None"}, S.UNKNOWN),
    ("true-for-an-id", 200, {**DONE, "orderid": True}, S.UNKNOWN),
    ("no-status", 200, {"orderid": "A1"}, S.UNKNOWN),
    ("error-with-200", 200, no(), S.UNKNOWN),
    ("error-with-200-and-an-id", 200, no(orderid="A1"), S.UNKNOWN),
    ("semi-auto", 200, {**OK, "mode": "semi_auto", "pending_order_id": 1, "message": "queued"}, S.UNKNOWN),
    ("the-sandbox-took-it", 200, {**DONE, "mode": "analyze"}, S.UNKNOWN),
    ("a-third-mode", 200, {**DONE, "mode": ["x"]}, S.UNKNOWN),
    ("an-array", 200, [DONE], S.UNKNOWN),
    ("refused", 400, no(), Outcome(S.REJECTED, None, "Insufficient funds.")),
    ("refused-and-in-the-book", 400, no(orderid="A1"), Outcome(S.REJECTED, "A1", "Insufficient funds.")),
    ("refused-in-the-sandbox", 400, no(orderid="S1", mode="analyze"), Outcome(S.REJECTED, None, "Insufficient funds.")),
    ("schema", 400, no("{'price': ['Not a valid number.']}"), S.REJECTED),
    ("schema-object", 400, no({"symbol": ["Missing data"]}), Outcome(S.REJECTED, None, "symbol: 'Missing data'")),
    ("broken-json", 400, {"message": "The browser (or proxy) sent a request"}, S.REJECTED),
    ("a-400-that-says-success", 400, {**OK, "message": "x"}, S.UNKNOWN),
    ("a-400-without-a-message", 400, {"status": "error"}, S.UNKNOWN),
    ("a-page-for-400", 400, "<html>", S.UNKNOWN),
    ("key-or-session", 403, no("Invalid openalgo apikey"), S.REJECTED),
    ("banned", 403, "Forbidden", S.UNKNOWN),
    ("no-such-order", 404, no("Order A1 not found"), S.REJECTED),
    ("rate-limit", 429, {"message": "10 per 1 second"}, S.INTENT),
    ("a-429-of-nobody-s", 429, "slow down", S.UNKNOWN),
    ("another-4xx", 409, no(), S.UNKNOWN),
    ("redirect", 301, "", S.UNKNOWN),
    ("500-may-hide-an-order", 500, no("Failed to place order due to internal error"), S.UNKNOWN),
    ("502-page", 502, "<html>", S.UNKNOWN),
    ("empty", 200, "", S.UNKNOWN),
    ("created", 201, DONE, S.UNKNOWN),
]


def response(status: int, body: Any) -> httpx.Response:
    if isinstance(body, str):
        return httpx.Response(status, text=body)
    return httpx.Response(status, json=body)


@pytest.mark.parametrize(("status", "body", "outcome"), [r[1:] for r in REPLIES], ids=[r[0] for r in REPLIES])
def test_b1_to_b6_an_order_is_called_what_its_answer_proves(
    status: int, body: Any, outcome: Outcome | OrderState
) -> None:
    server = answering(response(status, body))
    made = client(server).place(approved())
    assert made == outcome if isinstance(outcome, Outcome) else made.state is outcome
    assert server.calls("placeorder") == 1, "whatever comes back, an order is sent once"
    assert made.reason or made.state is S.ACKED
    assert "\n" not in made.reason


@pytest.mark.parametrize("call", ["modify", "cancel"])
@pytest.mark.parametrize(
    ("status", "body", "state"),
    [
        (200, DONE, S.ACKED),
        (200, {**DONE, "message": "Order modified successfully"}, S.ACKED),
        (200, {**DONE, "orderid": "A2"}, S.UNKNOWN),
        (404, no("Order A1 not found"), S.REJECTED),
        (400, no("Cannot cancel order in cancelled status"), S.REJECTED),
        (500, no("Failed to cancel order: Order cannot be cancelled as it is being processed."), S.UNKNOWN),
    ],
    ids=["done", "with-a-message", "another-order", "not-found", "not-open", "500-for-every-no"],
)
def test_a_modify_and_a_cancel_are_about_the_order_that_they_name(
    call: str, status: int, body: Any, state: OrderState
) -> None:
    made = client(answering(response(status, body)))
    outcome = made.modify("A1", intent()) if call == "modify" else made.cancel("A1")
    assert outcome.state is state


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["A1", "success"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["status", "orderid", "message", "mode", "data", "x"]), inner, max_size=4)
    ),
)
BODIES = st.binary(max_size=30) | JSON.map(lambda document: json.dumps(document).encode())


@given(st.integers(200, 599), BODIES)
@example(200, b'{"orderid": "A1", "status": "success"}')
@example(200, b"[" * 100_000)
@example(200, b'{"orderid": ' + b"9" * 5000 + b', "status": "success"}')
@example(400, b'{"message": ' + b'{"a": ' * 500 + b"1" + b"}" * 501)
@example(500, b'{"orderid": "A1", "status": "success"}')
@example(408, b'{"message": "timeout", "status": "error"}')
def test_b4_b5_whatever_comes_back_an_order_is_acknowledged_or_rejected_by_proof_only(status: int, body: bytes) -> None:
    """And nothing is ever raised."""
    server = answering(httpx.Response(status, content=body))
    outcome = client(server).place(approved())
    assert server.calls("placeorder") == 1
    said = json.loads(body) if outcome.state is not S.UNKNOWN else {}
    if outcome.state is S.ACKED:
        assert status == 200
        assert (str(said["orderid"]).strip(), said["status"]) == (outcome.broker_order_id, "success")
        assert said.get("mode") in (None, "live")
    elif outcome.state is S.REJECTED:
        assert status in (400, 403, 404)
        assert "message" in said
    elif outcome.state is S.INTENT:
        assert (status, "message" in said) == (429, True)
    else:
        assert outcome.state is S.UNKNOWN


@pytest.mark.parametrize(("error", "state"), UNANSWERED)
def test_b1_b3_only_a_connection_that_was_never_made_is_not_sent(
    error: type[httpx.RequestError], state: OrderState
) -> None:
    server = answering(error("no"))
    made = client(server)
    outcomes = made.place(approved()), made.modify("A1", intent()), made.cancel("A1")
    assert [outcome.state for outcome in outcomes] == [state] * 3
    assert all(error.__name__ in outcome.reason for outcome in outcomes)
    assert [server.calls(one) for one in ("placeorder", "modifyorder", "cancelorder")] == [1, 1, 1]


def test_b6_a_rate_limit_silences_orders_for_its_window_and_no_read() -> None:
    """Limits are per endpoint: reads that met theirs must not keep an exit from going out, nor the other way round."""
    clock = VirtualClock(START)
    server = answering(response(429, {"message": "10 per 3 second"}), "placeorder")
    server.answers["cancelorder"] = DONE
    made = client(server, clock=clock)
    assert made.place(approved()).state is S.INTENT
    assert made.cancel("A1").reason == "not sent: OpenAlgo's rate limit was met, 3.0 s are left"
    assert made.funds() == 1_000_000
    clock.sleep(3.0)
    assert made.cancel("A1").state is S.ACKED
    assert server.calls("cancelorder") == 1


def test_b17_a_dead_session_is_a_no_to_the_order_and_an_error_to_the_reader_that_says_what_to_do() -> None:
    server = answering(response(403, no("Invalid openalgo apikey")), "placeorder", "funds")
    made = client(server)
    outcome = made.place(approved())
    assert outcome.reason.startswith("Invalid openalgo apikey: the API key is wrong, or the broker's session is over")
    with pytest.raises(AuthExpired, match="log in to the broker in OpenAlgo's page, then `livetrader doctor`"):
        made.funds()
    assert server.calls("funds") == 1, "asking again does not log in"


def test_a_server_in_the_other_mode_gets_no_order() -> None:
    server = answering(DONE).analyze()
    made = client(server)
    outcomes = made.place(approved()), made.modify("A1", intent()), made.cancel("A1")
    assert [outcome.state for outcome in outcomes] == [S.INTENT] * 3
    assert "the server is in analyze mode, and broker.expect is live" in outcomes[0].reason
    assert not server.calls("placeorder") + server.calls("modifyorder") + server.calls("cancelorder")


def test_a_server_that_is_expected_to_be_in_its_sandbox_gets_orders_there_only() -> None:
    server = answering({**DONE, "mode": "analyze"}).analyze()
    clock = VirtualClock(START)
    made = client(server, expect="analyze", clock=clock)
    assert made.place(approved()) == Outcome(S.ACKED, "A1")
    server.answers["placeorder"] = DONE
    went_live = made.place(approved("b"))
    assert (went_live.state, went_live.broker_order_id) == (S.UNKNOWN, None)
    assert "the server took it in live mode" in went_live.reason
    server.answers["analyzer"] = {"data": {"analyze_mode": False}, **OK}
    assert made.place(approved("c")).state is S.INTENT, "after such an answer the mode is asked for at once"
    assert server.calls("placeorder") == 2


def test_the_mode_is_looked_at_before_an_order_unless_a_book_has_just_said_it() -> None:
    server, clock = answering(DONE), VirtualClock(START)
    made = client(server, clock=clock)
    made.orders()
    made.place(approved("a"))
    assert server.calls("analyzer") == 0
    clock.sleep(5.0)
    made.place(approved("b"))
    made.cancel("A1")
    assert server.calls("analyzer") == 1
    clock.sleep(5.0)
    server.answers["analyzer"] = httpx.ReadTimeout("no")
    assert made.cancel("A1").state is S.INTENT, "an unknown mode is not the right one"


def test_an_unknown_order_is_found_by_what_the_sandbox_says_of_it_though_it_shows_another_type() -> None:
    server = answering(response(500, no()), "placeorder").analyze()
    made = client(server, expect="analyze")
    broker = PolledBroker(made, lambda _: D(0))
    order = approved("mine")
    assert broker.place(order).state is S.UNKNOWN
    strategy = server.last("placeorder")["strategy"]
    sandbox = {"filled_quantity": 0, "average_price": 0.0, "pricetype": "SL", "quantity": 3}
    alien, ours = order_row("X", strategy="AUTO", **sandbox), order_row("A1", strategy=strategy, **sandbox)
    server.answers["orderbook"] = {"data": {"orders": [alien, ours]}, "mode": "analyze", **OK}
    owners = [broker.owner(one) for one in broker.books().orders]
    assert owners == [None, order.intent.intent_id]


def test_exits_stops_and_cancels_go_out_on_the_reserve() -> None:
    throttle = Watched()
    made = client(answering(DONE), throttle=throttle)
    for purpose in (Purpose.ENTRY, Purpose.EXIT, Purpose.STOP):
        assert made.place(approved(purpose=purpose)).state is S.ACKED
        assert made.modify("A1", intent(purpose=purpose)).state is S.ACKED
    assert made.cancel("A1").state is S.ACKED
    assert throttle.waits == [False, False, True, True, True, True, True]


def test_one_order_is_in_flight_at_a_time() -> None:
    """The sandbox loses position updates of orders that come together."""
    inside, most = [0], [0]
    both = threading.Barrier(2, timeout=PATIENCE)

    def slow(_request: httpx.Request) -> httpx.Response:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        held.wait(0.05)
        inside[0] -= 1
        return httpx.Response(200, json=DONE)

    held = threading.Event()
    made = client(answering(slow, "placeorder"))

    def send(name: str) -> None:
        both.wait()
        made.place(approved(name))

    threads = [threading.Thread(target=send, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


def test_only_live_mode_can_make_a_client() -> None:
    with pytest.raises(ConfigError, match="may not send orders"):
        OpenAlgoClient("http://127.0.0.1:1", lambda: KEY, VirtualClock(START), LivePermit("dry-run"))


def test_nothing_here_closes_or_cancels_all_of_the_account() -> None:
    """closeposition and cancelallorder take what is not ours, too, and say success whatever came of it."""
    sources = [path.read_text("utf-8") for path in Path(package.__file__).parent.glob("*.py")]
    assert len(sources) > 5
    for word in ("closeposition", "cancelallorder", "placesmartorder"):
        assert not any(word in source for source in sources), word


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_b1_no_order_goes_out_on_a_connection_that_may_have_died() -> None:
    """Even to a server that would keep it alive, each call opens its own."""
    body = json.dumps({**DONE, "data": {"analyze_mode": False}}).encode()
    with keeping_alive(body) as (url, connections):
        made = OpenAlgoClient(url, lambda: KEY, VirtualClock(START), LivePermit("live"))
        assert [made.place(approved(name)).state for name in ("a", "b")] == [S.ACKED] * 2
        made.close()
    assert len(connections) == 3, "one for the mode, one for each order"


def test_what_was_read_before_an_order_is_not_read_of_after_it() -> None:
    """The clock may stand still in between: the trade book is asked for again."""
    server = books([order_row()])
    server.answers["placeorder"] = DONE
    made = client(server)
    made.orders()
    made.place(approved())
    made.trades()
    assert server.calls("tradebook") == 2

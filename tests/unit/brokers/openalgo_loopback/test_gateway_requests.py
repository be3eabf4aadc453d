"""What the gateway takes, and the six forms in which it refuses the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from email.message import Message
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.brokers.loopback.listener import Request
from livetrader.brokers.openalgo.loopback.door import limits
from livetrader.brokers.openalgo.loopback.gateway import ENDPOINTS
from tests.unit.brokers.openalgo_loopback.gateway_samples import KEY, Bench, bench

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
JSON = {"Content-Type": "application/json"}
ORDER = {"strategy": "s", "symbol": "RELIANCE", "exchange": "NSE", "action": "BUY", "quantity": 10, "product": "CNC"}


@pytest.fixture(scope="module")
def b() -> Iterator[Bench]:
    yield from bench(limits={})


def raw(b: Bench, path: str, content: bytes, **headers: str) -> httpx.Response:
    return b.http.post(f"{b.server.url}{path}", content=content, headers=headers or JSON)


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        pytest.param("placeorder", {"quantity": 1.5}, "{'quantity': ['Fractional quantity (1.5) is not", id="fraction"),
        pytest.param("placeorder", {"quantity": True}, "{'quantity': ['Not a valid number.']}", id="bool"),
        pytest.param("placeorder", {"quantity": "nan"}, "{'quantity': ['Not a valid number.']}", id="nan"),
        pytest.param("placeorder", {"quantity": None}, "{'quantity': ['Field may not be null.']}", id="null"),
        pytest.param("placeorder", {"price": -1}, "{'price': ['Price must be a non-negative number.']}", id="negative"),
        pytest.param("placeorder", {"tag": "x"}, "{'tag': ['Unknown field.']}", id="unknown"),
        pytest.param("placeorder", {"strategy": 3}, "{'strategy': ['Not a valid string.']}", id="type"),
        pytest.param("placeorder", {"apikey": ""}, "{'apikey': ['Length must be between 1 and 256.']}", id="no-key"),
        pytest.param("placeorder", {"disclosed_quantity": "x"}, "['Not a valid integer.']", id="integer"),
        pytest.param("analyzer/toggle", {"mode": "yes"}, "{'mode': ['Not a valid boolean.']", id="boolean"),
    ],
)
def test_wrong_fields_of_an_order_are_told_as_the_text_of_a_python_object(
    b: Bench, path: str, body: dict[str, Any], says: str
) -> None:
    answer = b.post(path, **{**ORDER, **body} if path == "placeorder" else body)
    assert answer.status_code == 400
    assert says in answer.json()["message"]
    assert b.exchange.orders == {}


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        pytest.param("quotes", {"symbol": "INFY"}, {"exchange": ["Missing data for required field."]}, id="missing"),
        pytest.param("history", {"symbol": 1}, {"symbol": ["Not a valid string."]}, id="type"),
        pytest.param("market/timings", {"date": "21-11-2026"}, {"date": ["Not a valid date."]}, id="date"),
        pytest.param("multiquotes", {"symbols": "x"}, {"symbols": ["Not a valid list."]}, id="list"),
        pytest.param(
            "multiquotes", {"symbols": ["x"]}, {"symbols": {"0": {"_schema": ["Invalid input type."]}}}, id="in"
        ),
    ],
)
def test_wrong_fields_of_a_data_request_are_told_as_an_object(
    b: Bench, path: str, body: dict[str, Any], message: dict[str, Any]
) -> None:
    answer = b.post(path, **body)
    assert (answer.status_code, answer.json()["status"]) == (400, "error")
    assert message.items() <= answer.json()["message"].items()


def test_the_other_forms_of_error(b: Bench) -> None:
    """Broken JSON has no status, a missing content type is a 500, a wrong path or method a 404."""
    broken = raw(b, "/api/v1/orderbook", b"{bad")
    assert (broken.status_code, list(broken.json())) == (400, ["message"])
    plain = raw(b, "/api/v1/funds", json.dumps({"apikey": KEY}).encode(), Accept="*/*")
    assert (plain.status_code, plain.json()["message"]) == (500, "An unexpected error occurred")
    order = raw(b, "/api/v1/placeorder", b"{}", Accept="*/*")
    assert (order.status_code, order.json()["message"]) == (500, "An unexpected error occurred in the API endpoint")
    assert raw(b, "/api/v1/funds", b'["list"]').json()["message"] == "{'_schema': ['Invalid input type.']}"
    for wrong in (b.get("funds"), b.post("nosuch"), b.post("instruments"), raw(b, "/funds", b"{}")):
        assert (wrong.status_code, set(wrong.json())) == (404, {"message", "path", "status"})
    assert b.post("funds/").status_code == 200, "a trailing slash is as good"


@pytest.mark.parametrize("path", sorted(path for path, endpoint in ENDPOINTS.items() if endpoint.verb == "POST"))
def test_a_wrong_key_and_a_lost_session_are_told_in_the_same_words(b: Bench, path: str) -> None:
    order = {**ORDER, "pricetype": "LIMIT", "price": 1, "trigger_price": 0, "disclosed_quantity": 0, "orderid": "1"}
    symbol = {"symbol": "INFY", "exchange": "NSE"}
    position = {**symbol, "action": "BUY", "quantity": "1", "product": "CNC", "pricetype": "MARKET"}
    dates = dict.fromkeys(("start_date", "end_date", "date"), "2026-11-20")
    lists = {"positions": [position], "symbols": [symbol]}
    body = {**order, **dates, **lists, "interval": "D", "query": "X", "mode": True, "instrumenttype": "options"}
    asked = {key: body[key] for key in ENDPOINTS[path].schema if key in body}
    if path == "expiry":
        asked["exchange"] = "NFO"
    wrong = b.post(path, **{**asked, "apikey": "x"})
    b.switch(revoked=True)
    lost = b.post(path, **asked)
    b.switch(revoked=False)
    assert (wrong.status_code, wrong.json()) == (403, {"message": "Invalid openalgo apikey", "status": "error"})
    assert (lost.status_code, lost.json()) == (wrong.status_code, wrong.json())
    assert b.exchange.orders == {}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(
    path=st.sampled_from(sorted(ENDPOINTS)),
    fields=st.dictionaries(st.sampled_from([*ORDER, "positions", "symbols", "date", "mode", "year", "x"]), values),
    known=st.booleans(),
)
def test_whatever_is_sent_is_answered_in_json(b: Bench, path: str, fields: dict[str, Any], known: bool) -> None:
    """No request breaks the gateway, or has a success without `status`."""
    document = {"apikey": KEY, **(ORDER if known else {}), **fields}
    headers = Message()
    headers["Content-Type"] = "application/json"
    request = Request(ENDPOINTS[path].verb, f"/api/v1/{path}", headers, json.dumps(document).encode())
    answer = b.server.front.answer(request)
    assert answer.status in (200, 400, 403, 404)
    assert json.loads(answer.body).get("status") == ("success" if answer.status == 200 else "error")


def test_a_rate_limit_is_for_each_endpoint_and_moves_with_time() -> None:
    """Ten orders a second; bad requests count, other endpoints do not, and nobody says how long to wait."""
    for b in bench(limits={"orders": "10 per second", "api": "3 per minute;2 per second"}):
        codes = [b.post("placeorder").status_code for _ in range(11)]
        assert codes == [400] * 10 + [429]
        told = b.place()
        assert (told.status_code, told.json()) == (429, {"message": "10 per 1 second"})
        assert "Retry-After" not in told.headers
        assert b.post("cancelorder").status_code == 400
        b.clock.sleep(0.9)
        assert b.place().status_code == 429
        b.clock.sleep(0.1)
        assert b.place().status_code == 200
        assert [b.post("funds").json().get("message") for _ in range(3)] == [None, None, "2 per 1 second"]
        b.clock.sleep(1.0)
        assert [b.post("funds").json().get("message") for _ in range(2)] == [None, "3 per 1 minute"]
        assert b.state()["requests"] == {"placeorder": 14, "cancelorder": 1, "funds": 5}


@pytest.mark.parametrize("text", ["ten per second", "10 second", "10 per week", "10 each second"])
def test_a_limit_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"limit|unpack|literal"):
        limits(text)

"""Orders and books in both modes: OpenAlgo's shapes, and the traps in them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from livetrader.brokers.loopback.faults import Fault
from livetrader.brokers.loopback.profiles import STRICT
from livetrader.brokers.openalgo.loopback.server import OpenAlgoServer
from livetrader.domain.order_state import OrderState
from tests.threads import PATIENCE, Gate, soon
from tests.unit.brokers.loopback import loopback_samples
from tests.unit.brokers.openalgo_loopback.gateway_samples import Bench, bench

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
DAY = 86_400


@pytest.fixture
def b() -> Iterator[Bench]:
    """In live mode."""
    yield from bench(limits={})


@pytest.fixture
def sandbox(b: Bench) -> Bench:
    """In analyze mode."""
    b.post("analyzer/toggle", mode=True)
    return b


def status(b: Bench, order_id: str) -> Any:
    return b.data("orderstatus", strategy="x", orderid=order_id)


def rows(b: Bench) -> list[Any]:
    return b.data("orderbook")["orders"]  # type: ignore[no-any-return]


def test_a_half_filled_order_looks_untouched_but_for_its_trades(b: Bench) -> None:
    b.strike("place", Fault.PARTIAL)
    order_id = b.placed()
    told = status(b, order_id)
    assert (told["order_status"], told["average_price"], told["quantity"]) == ("open", 0.0, 10)
    assert "filled_quantity" not in told
    assert [trade["quantity"] for trade in b.data("tradebook")] == [5]


def test_the_average_price_of_a_complete_order_is_that_of_its_first_trade(b: Bench) -> None:
    b.strike("place", Fault.PARTIAL)
    order_id = b.placed(quantity=2)
    b.quote("RELIANCE", 1410)
    assert status(b, order_id)["average_price"] == 1400.0
    assert [trade["average_price"] for trade in b.data("tradebook")] == [1400.0, 1410.0]
    assert [(row["price"], row["timestamp"]) for row in rows(b)] == [(0.0, "2026-11-20 11:03:00")]


def test_a_status_that_zerodhas_mapping_does_not_know_is_that_of_the_row_before(b: Bench) -> None:
    """The five statuses of the contract; on the first row the whole call fails."""
    ids = [b.placed() for _ in range(5)]
    raw = ["COMPLETE", "OPEN PENDING", "CANCELLED AMO", "REJECTED", "VALIDATION PENDING"]
    b.switch(raw_statuses=dict(zip(ids, raw, strict=True)))
    assert [row["order_status"] for row in rows(b)] == ["complete", "complete", "complete", "rejected", "rejected"]
    b.switch(raw_statuses={ids[0]: "PUT ORDER REQ RECEIVED"})
    assert [b.post(path).status_code for path in ("orderbook", "tradebook")] == [500, 200]
    assert b.post("orderstatus", strategy="x", orderid=ids[4]).status_code == 500


def test_semi_auto_mode_takes_an_order_and_sends_nothing_until_a_human_does(b: Bench) -> None:
    b.switch(approval=True)
    answer = b.place().json()
    assert (answer["status"], answer["mode"], answer["pending_order_id"]) == ("success", "semi_auto", 1)
    assert "orderid" not in answer
    assert b.exchange.orders == {}
    modify = {"strategy": "s", "symbol": "RELIANCE", "exchange": "NSE", "orderid": "1", "action": "BUY"}
    terms = {"product": "CNC", "pricetype": "LIMIT", "price": 1, "quantity": 1, "disclosed_quantity": 0}
    assert b.post("modifyorder", **modify, **terms, trigger_price=0).status_code == 403
    assert b.control("approve", pending_order_id=1).json() == {"ok": True}
    assert [row["order_status"] for row in rows(b)] == ["complete"]
    assert b.control("approve", pending_order_id=1).status_code == 400


@pytest.mark.parametrize(("form", "kind"), [("text", str), ("number", int), ("null", type(None))])
def test_an_order_id_may_come_as_a_number_or_not_at_all(b: Bench, form: str, kind: type) -> None:
    b.switch(order_ids=form)
    assert type(b.place().json()["orderid"]) is kind
    assert [type(row["orderid"]) for row in rows(b)] == [str]


def test_a_500_hides_a_complete_order(b: Bench) -> None:
    b.strike("place", Fault.HTTP_500, accepted=True)
    answer = b.place()
    assert (answer.status_code, answer.json()["message"]) == (500, "Failed to place order due to internal error")
    assert [row["order_status"] for row in rows(b)] == ["complete"]
    b.strike("place", Fault.HTTP_500)
    assert b.place().status_code == 500
    assert len(rows(b)) == 1


def test_the_server_goes_on_after_the_client_has_hung_up() -> None:
    """A look right after the timeout shows nothing; the order comes later."""
    gate = Gate()
    for b in bench(limits={}, delays=gate):
        b.strike("place", Fault.SLOW, seconds=1.0)
        body = {"apikey": b.server.key, "strategy": "s", "symbol": "INFY", "exchange": "NSE", "action": "BUY"}
        url = f"{b.server.url}/api/v1/placeorder"
        timeout = httpx.Timeout(PATIENCE, read=0.15)
        with pytest.raises(httpx.ReadTimeout):
            b.http.post(url, json={**body, "quantity": 1, "product": "CNC"}, timeout=timeout)
        assert rows(b) == []
        gate.opened.set()
        soon(lambda b=b: rows(b))
        assert rows(b)[0]["order_status"] == "complete"


@pytest.mark.parametrize(
    ("fault", "code", "kind"),
    [
        (Fault.HTML_502, 502, "text/html"),
        (Fault.EMPTY_BODY, 200, "application/json"),
        (Fault.MALFORMED, 200, "application/json"),
        (Fault.MISSING_FIELDS, 200, "application/json"),
        (Fault.WRONG_TYPES, 200, "application/json"),
        (Fault.RATE_LIMITED, 429, "application/json"),
        (Fault.BANNED, 403, "text/html"),
        (Fault.AUTH_EXPIRED, 403, "application/json"),
    ],
)
@pytest.mark.parametrize("path", ["placeorder", "orderbook"])
def test_a_fault_of_the_line_has_the_form_that_openalgo_gives_it(
    b: Bench, path: str, fault: Fault, code: int, kind: str
) -> None:
    b.placed()
    b.strike("place" if path == "placeorder" else "orders", fault)
    answer = b.place() if path == "placeorder" else b.post(path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (code, kind)
    assert "Retry-After" not in answer.headers
    if fault is Fault.MISSING_FIELDS:
        document = answer.json()
        assert "orderid" not in document if path == "placeorder" else "action" not in document["data"]["orders"][0]
    assert len(b.exchange.orders) == 1


@pytest.mark.parametrize("fault", [Fault.LOST_REQUEST, Fault.LOST_ANSWER, Fault.OUTAGE])
def test_a_lost_call_has_no_answer(b: Bench, fault: Fault) -> None:
    b.strike("place", fault, seconds=None)
    with pytest.raises(httpx.RemoteProtocolError):
        b.place()
    assert len(b.exchange.orders) == (1 if fault is Fault.LOST_ANSWER else 0)


def test_the_brokers_own_words_come_through_once(b: Bench) -> None:
    """Its throttling is a 500 and no 429; with `accepted` it has done what it denies."""
    b.switch(words={"quotes": {"status": 500, "message": "Too many requests"}})
    answer = b.post("quotes", symbol="INFY", exchange="NSE")
    assert (answer.status_code, answer.json()) == (500, {"message": "Too many requests", "status": "error"})
    assert b.data("quotes", symbol="INFY", exchange="NSE")["ltp"] == 1500
    b.switch(words={"place": {"status": 500, "message": "Gateway timed out", "accepted": True}})
    assert b.place().json()["message"] == "Gateway timed out"
    assert len(rows(b)) == 1


def test_a_cancel_is_refused_with_a_500_whatever_the_reason(b: Bench) -> None:
    order_id = b.placed()
    for wrong, says in ((order_id, "being processed"), ("12", "Couldn't find")):
        answer = b.post("cancelorder", strategy="s", orderid=wrong)
        assert answer.status_code == 500
        assert says in answer.json()["message"]
    resting = b.placed(pricetype="LIMIT", price=1300)
    b.strike("cancel", Fault.CANCEL_RACE)
    assert b.post("cancelorder", strategy="s", orderid=resting).json() == {"orderid": resting, "status": "success"}
    assert status(b, resting)["order_status"] == "complete", "accepted is not cancelled"


def test_modify_gives_new_terms_and_never_another_kind(b: Bench) -> None:
    order_id = b.placed(action="BUY", pricetype="SL", price=1460, trigger_price=1450)
    asked = {"strategy": "s", "symbol": "RELIANCE", "exchange": "NSE", "orderid": order_id, "action": "BUY"}
    terms = {"product": "CNC", "pricetype": "SL", "price": "1470", "quantity": "7", "disclosed_quantity": 0}
    assert b.post("modifyorder", **asked, **terms, trigger_price=1455.05).json()["orderid"] == order_id
    told = status(b, order_id)
    assert (told["price"], told["trigger_price"], told["quantity"]) == (1470.0, 1455.05, 7)
    assert told["order_status"] == "trigger pending"
    for wrong in ({"pricetype": "MARKET"}, {"quantity": 7.0, "price": 1470.01}, {"orderid": "9"}):
        assert b.post("modifyorder", **{**asked, **terms, "trigger_price": 1455, **wrong}).status_code == 400, wrong
    assert status(b, order_id) == told


def test_what_the_exchange_refuses_is_accepted_and_rejected_in_the_book(b: Bench) -> None:
    """Funds, lot and delivery are told in the book only, and without a reason."""
    refused = [
        b.placed(quantity=10_000_000),
        b.placed(action="SELL", quantity=50),
        b.placed("NIFTY29DEC26FUT", exchange="NFO", quantity=10, product="NRML"),
        b.placed(pricetype="LIMIT", price=0),
    ]
    found = {row["orderid"]: row for row in rows(b)}
    assert [found[order_id]["order_status"] for order_id in refused] == ["rejected"] * 4
    assert all("rejection_reason" not in row for row in found.values())
    assert b.data("tradebook") == []
    assert b.place("INFY", exchange="NFO").status_code == 400, "no such symbol on that exchange"


def test_positions_stay_as_rows_and_have_their_numbers_as_the_plugin_likes(b: Bench) -> None:
    b.placed(product="MIS")
    b.placed("INFY", product="MIS")
    b.placed("INFY", "SELL", product="MIS")
    first, flat = b.data("positionbook")
    assert (first["quantity"], first["average_price"]) == (10, "1400.00")
    assert (flat["symbol"], flat["quantity"], flat["average_price"]) == ("INFY", 0, "0.00")
    b.switch(text_quantities=True, nameless=["INFY"])
    assert [(row["symbol"], row["quantity"]) for row in b.data("positionbook")] == [("RELIANCE", "10"), (None, "0")]
    asked = {"strategy": "s", "symbol": "RELIANCE", "exchange": "NSE", "product": "MIS"}
    assert b.post("openposition", **asked).json()["quantity"] == "10"
    assert b.post("openposition", **{**asked, "exchange": "XX"}).json()["quantity"] == "10", "it is not checked"
    assert b.post("openposition", **{**asked, "symbol": "NOPE"}).json()["quantity"] == "0"


def test_shares_for_delivery_are_positions_today_and_holdings_tomorrow(b: Bench) -> None:
    """What is sold of them is a negative position, and no longer among the holdings."""
    b.placed(quantity=10)
    assert [row["quantity"] for row in b.data("positionbook")] == [10]
    assert b.data("holdings")["holdings"] == []
    b.clock.sleep(DAY)
    assert (b.data("positionbook"), rows(b), b.data("tradebook")) == ([], [], [])
    (held,) = b.data("holdings")["holdings"]
    assert (held["quantity"], held["average_price"], held["product"]) == (10, 1400.0, "CNC")
    b.placed(action="SELL", quantity=4)
    assert [row["quantity"] for row in b.data("positionbook")] == [-4]
    assert [row["quantity"] for row in b.data("holdings")["holdings"]] == [6]
    b.placed(quantity=5)
    assert [row["quantity"] for row in b.data("positionbook")] == [1]
    assert [row["quantity"] for row in b.data("holdings")["holdings"]] == [10]


def test_the_sandboxs_holdings_stay_as_they_were_until_tomorrow(sandbox: Bench) -> None:
    """What is sold of them is a negative position until then: the two add up to what there is."""
    b = sandbox
    b.placed(quantity=10)
    b.clock.sleep(DAY)
    b.placed(action="SELL", quantity=10)
    (held,) = b.data("holdings")["holdings"]
    assert (held["quantity"], held["average_price"], held["ltp"]) == (10, 1400.0, 1400.0)
    assert [row["quantity"] for row in b.data("positionbook")] == [-10]
    says = "Only 0 shares available (Position: -10, Holdings: 10)"
    assert says in b.place(action="SELL", quantity=1).json()["message"]
    b.clock.sleep(DAY)
    assert b.data("holdings")["holdings"] == []


def test_funds_are_texts_and_lack_the_cost_or_the_margin(b: Bench) -> None:
    b.placed(product="MIS")
    b.quote("RELIANCE", 1402)
    told = b.data("funds")
    assert (told["availablecash"], told["m2munrealized"], told["m2mrealized"]) == ("986000.00", "20.00", "0.00")
    b.switch(margins_blocked=True)
    assert b.data("funds")["availablecash"] == "997200.00"
    b.strike("funds", Fault.STALE)
    b.placed("INFY", product="MIS")
    assert b.data("funds")["availablecash"] == "997200.00"


def test_the_two_modes_have_books_of_their_own(b: Bench) -> None:
    """Whoever toggles the mode shows every client another account; market data does not say so."""
    b.placed()
    assert b.post("analyzer/toggle", mode=True).json()["data"]["mode"] == "analyze"
    assert b.post("orderbook").json()["mode"] == "analyze"
    assert (rows(b), b.data("positionbook")) == ([], [])
    assert "mode" not in b.post("quotes", symbol="INFY", exchange="NSE").json()
    mine = b.placed(strategy="intent-1")
    assert [(row["orderid"], row["strategy"]) for row in rows(b)] == [(mine, "intent-1")]
    b.switch(mode="live")
    assert "mode" not in b.post("orderbook").json()
    assert len(rows(b)) == 1
    assert rows(b)[0]["orderid"] != mine


def test_the_sandbox_tells_what_live_does_not(sandbox: Bench) -> None:
    b = sandbox
    ids = [b.placed(), b.placed("INFY", pricetype="LIMIT", price=1400)]
    newest, oldest = rows(b)
    assert [newest["orderid"], oldest["orderid"]] == ids[::-1]
    assert (oldest["filled_quantity"], oldest["average_price"], oldest["strategy"]) == (10, 1400.0, "s")
    assert (newest["pending_quantity"], newest["order_status"]) == (10, "open")
    assert status(b, ids[0])["price_type"] == "MARKET"
    (trade,) = b.data("tradebook")
    assert trade["tradeid"].startswith("TRADE-20261120-110300-")
    assert b.data("funds")["availablecash"] == 9_986_000.0
    b.clock.sleep(DAY)
    assert rows(b) == []
    assert status(b, ids[0])["order_status"] == "complete", "an order of any day can be asked for"


@pytest.mark.parametrize(
    ("order", "says"),
    [
        ({"symbol": "NOPE"}, "Symbol NOPE not found on NSE"),
        ({"product": "NRML"}, "NRML product not allowed for NSE equity segment"),
        ({"pricetype": "LIMIT"}, "LIMIT orders require price"),
        ({"pricetype": "SL", "price": 1}, "SL orders require trigger_price"),
        ({"pricetype": "SL-M"}, "SL-M orders require trigger_price"),
        ({"quantity": 10**7}, "Insufficient funds. Required: ₹14000000000.00, Available: ₹10000000.00, Shortage: ₹"),
        ({"symbol": "NIFTY29DEC26FUT", "exchange": "NFO", "quantity": 75}, "CNC product not allowed for NFO deriv"),
        (
            {"symbol": "NIFTY29DEC26FUT", "exchange": "NFO", "product": "NRML"},
            "Quantity must be in multiples of lot size 75",
        ),
    ],
)
def test_the_sandbox_refuses_before_it_takes(sandbox: Bench, order: dict[str, Any], says: str) -> None:
    answer = sandbox.place(**order)
    assert (answer.status_code, answer.json()["mode"]) == (400, "analyze")
    assert answer.json()["message"].startswith(says)
    assert rows(sandbox) == []


def test_a_short_sale_for_delivery_is_an_error_with_an_order_id(sandbox: Bench) -> None:
    sandbox.placed()
    answer = sandbox.place(action="SELL", quantity=50)
    assert answer.status_code == 400
    assert "Only 10 shares available" in answer.json()["message"]
    assert [row["order_status"] for row in rows(sandbox)] == ["rejected", "complete"]
    assert rows(sandbox)[0]["orderid"] == answer.json()["orderid"]


def test_the_sandbox_takes_no_intraday_entry_after_a_quarter_past_three(sandbox: Bench) -> None:
    sandbox.placed(product="MIS")
    sandbox.clock.sleep(4.5 * 3600)
    assert sandbox.place(product="MIS").json()["message"].startswith("MIS orders cannot be placed after square-off")
    assert sandbox.place(action="SELL", product="MIS").status_code == 200
    assert sandbox.place(product="CNC").status_code == 200


def test_cancel_all_of_the_sandbox_forgets_what_waits_for_its_trigger(sandbox: Bench) -> None:
    stop = sandbox.placed(pricetype="SL-M", trigger_price=1450)
    resting = sandbox.placed(pricetype="LIMIT", price=1300)
    assert sandbox.post("cancelallorder", strategy="x").json()["canceled_orders"] == [resting]
    assert status(sandbox, stop)["order_status"] == "trigger pending"
    for order_id, code in ((stop, 200), (stop, 400), ("9", 404)):
        assert sandbox.post("cancelorder", strategy="s", orderid=order_id).status_code == code
    asked = {"strategy": "s", "symbol": "RELIANCE", "exchange": "NSE", "orderid": stop, "action": "BUY"}
    terms = {"product": "CNC", "pricetype": "SL-M", "price": 0, "quantity": 7, "disclosed_quantity": 0}
    answer = sandbox.post("modifyorder", **asked, **terms, trigger_price=1455)
    assert (answer.status_code, answer.json()["message"]) == (400, "Cannot modify order in cancelled status")


def test_everything_at_once_is_counted_as_requests(b: Bench) -> None:
    """closeposition and cancelallorder work, for whoever uses them; a client of ours is caught by the count."""
    b.placed(product="MIS")
    b.placed(pricetype="LIMIT", price=1300)
    assert b.post("cancelallorder", strategy="x").json()["message"].startswith("Canceled 1 orders")
    assert b.post("closeposition", strategy="x").json()["message"] == "All Open Positions Squared Off"
    assert [row["quantity"] for row in b.data("positionbook")] == [0]
    requests = b.state()["requests"]
    assert (requests["cancelallorder"], requests["closeposition"]) == (1, 1)


@pytest.mark.parametrize("mode", ["live", "analyze"])
def test_people_act_on_the_account_of_the_mode(b: Bench, mode: str) -> None:
    b.switch(mode=mode)
    resting = b.placed(pricetype="LIMIT", price=1300)
    b.control("trade", symbol="RELIANCE", quantity="-7", product="MIS", price=None)
    assert b.control("cancel", order_id=resting).json() == {"ok": True}
    b.control("withdraw", amount="1000")
    state = b.state()
    assert [order["state"] for order in state["orders"]] == [OrderState.CANCELLED, OrderState.FILLED]
    assert (state["mode"], float(b.data("funds")["availablecash"]) % 10_000) == (mode, 8_800)
    b.control("halt", symbol="INFY", on=True)
    assert status(b, b.placed("INFY"))["order_status"] == "open"
    b.control("end_of_day", square_off=True)
    assert b.data("positionbook")[0]["quantity"] == 0


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"modus": "live"}, "'modus' is none of mode, "),
        ({"mode": "paper"}, "no Mode"),
        ({"revoked": 1}, "neither true nor false"),
        ({"nameless": "INFY"}, "no list"),
        ({"raw_statuses": []}, "no object"),
        ({"words": {"place": {"status": 500}}}, "'message' is missing"),
        ({"silent": True, "history_lacks": "x"}, "no number"),
    ],
)
def test_a_wrong_switch_is_told_and_turns_nothing(b: Bench, asked: dict[str, Any], says: str) -> None:
    answer = b.control("switch", **asked)
    assert answer.status_code == 400
    assert says in answer.json()["error"]["reason"]
    assert not b.server.switches.silent


def test_orders_that_come_at_once_are_taken_one_by_one(b: Bench) -> None:
    threads = [threading.Thread(target=b.placed) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(rows(b)), b.data("positionbook")[0]["quantity"]) == (8, 80)


def test_an_exchange_that_knows_orders_by_their_tags_cannot_be_behind_it() -> None:
    with pytest.raises(ValueError, match="takes every order for another one"):
        OpenAlgoServer(loopback_samples.exchange(STRICT))

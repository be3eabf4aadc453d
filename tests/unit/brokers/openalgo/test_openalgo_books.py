"""OpenAlgo's books as the domain has them, and the traps in them. Source: OPENALGO.md, sections 3 and 8."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from livetrader.brokers.polled import PolledBroker
from livetrader.domain.books import BrokerOrder, BrokerPosition, BrokerTrade
from livetrader.domain.instrument import Product
from livetrader.domain.order import Action, OrderType
from livetrader.domain.order_state import OrderState
from livetrader.errors import BrokerProtocol, BrokerUnavailable
from livetrader.market.clock import VirtualClock
from tests.unit.brokers.loopback.loopback_samples import approved, intent
from tests.unit.brokers.openalgo.openalgo_samples import (
    OK,
    START,
    Server,
    books,
    client,
    order_row,
    reader,
    trade_row,
)
from tests.unit.brokers.polled_samples import record

S = OrderState
D = Decimal
AT = datetime(2026, 11, 21, 5, 33, 18, tzinfo=UTC)
SANDBOX = {"filled_quantity": 0, "average_price": 0.0, "pending_quantity": 10, "rejection_reason": "", "strategy": "x"}


def test_a_live_row_has_what_the_trade_book_says_it_has_filled() -> None:
    """The row says nothing of it: a half-filled order looks like an untouched one."""
    found = reader(books([order_row(status="open")], [trade_row(quantity=4)])).orders()
    assert found == [
        BrokerOrder(
            "A1", "", "INFY", Action.BUY, Product.MIS, OrderType.MARKET, D(10), D(4), D("1500.05"),
            S.PARTIALLY_FILLED, AT,
        )
    ]  # fmt: skip


def test_the_price_of_an_order_is_that_of_all_its_trades() -> None:
    """OpenAlgo's own average is that of the first one."""
    trades = [trade_row(quantity=4, price=1500), trade_row(quantity="6", price="1501.00"), trade_row("B", price=9)]
    (order,) = reader(books([order_row(status="complete")], trades)).orders()
    assert (order.state, order.filled_quantity, order.average_price) == (S.FILLED, 10, D("1500.6"))


STATES = [
    ("open", 0, S.ACKED),
    ("open", 4, S.PARTIALLY_FILLED),
    ("trigger pending", 0, S.ACKED),
    ("complete", 10, S.FILLED),
    ("complete", 0, S.ACKED),
    ("complete", 4, S.PARTIALLY_FILLED),
    ("COMPLETE", 10, S.FILLED),
    ("rejected", 0, S.REJECTED),
    ("cancelled", 0, S.CANCELLED),
    ("cancelled", 4, S.CANCELLED),
    ("expired", 0, S.EXPIRED),
    ("Rejected by Exch    ", 0, S.REJECTED),
    ("cancelled after market order", 0, S.CANCELLED),
    ("TRADED", 10, S.FILLED),
    ("executed", 4, S.PARTIALLY_FILLED),
    ("cancel pending", 0, S.ACKED),
    ("", 0, S.ACKED),
    ("unknown", 0, S.ACKED),
    ("validation pending", 0, S.ACKED),
    ("put order req received", 0, S.ACKED),
    ("TRANSIT", 0, S.ACKED),
]


@pytest.mark.parametrize(("status", "traded", "state"), STATES, ids=[f"{s[0]}-{s[1]}" for s in STATES])
def test_a_status_is_believed_as_far_as_the_trades_go(status: str, traded: int, state: OrderState) -> None:
    """`complete` needs its trades; whatever is not listed still works, and may fill."""
    trades = [trade_row(quantity=traded)] if traded else []
    (order,) = reader(books([order_row(status=status)], trades)).orders()
    assert (order.state, order.filled_quantity) == (state, traded)


@pytest.mark.parametrize("end", ["rejected", "cancelled"])
def test_an_end_that_may_be_the_row_s_above_is_believed_when_it_stays(end: str) -> None:
    """One plugin gives a status that it does not know the status of the row before: a working order looks dead."""
    clock = VirtualClock(START)
    server = books([order_row("A0", end), order_row("A1", end)])
    made = reader(server, clock=clock)
    first = S.REJECTED if end == "rejected" else S.CANCELLED
    assert [order.state for order in made.orders()] == [first, S.ACKED], "the first row has its status from nobody"
    clock.sleep(0.5)
    assert made.orders()[1].state is S.ACKED
    clock.sleep(0.5)
    assert made.orders()[1].state is first
    server.answers["orderbook"] = {"data": {"orders": [order_row("A0", end), order_row("A1", "open")]}, **OK}
    assert made.orders()[1].state is S.ACKED
    server.answers["orderbook"] = {"data": {"orders": [order_row("A0", end), order_row("A1", end)]}, **OK}
    assert made.orders()[1].state is S.ACKED, "the doubt begins anew"


def test_an_end_of_a_row_s_own_is_believed_at_once() -> None:
    found = reader(books([order_row("A0", "complete"), order_row("A1", "cancelled")])).orders()
    assert found[1].state is S.CANCELLED


TERMS = [
    ({"pricetype": "LIMIT", "price": 1499.95}, OrderType.LIMIT, D("1499.95"), None),
    ({"pricetype": "SL-M", "trigger_price": 1480.0}, OrderType.SL_M, None, D(1480)),
    ({"pricetype": "SL", "price": "1479", "trigger_price": "1480"}, OrderType.SL, D(1479), D(1480)),
    ({"pricetype": "MARKET", "price": 1500.0}, OrderType.MARKET, None, None),
    ({"pricetype": "L", "price": 1500}, OrderType.LIMIT, D(1500), None),
    ({"pricetype": None, "trigger_price": 1480}, OrderType.SL_M, None, D(1480)),
    ({"pricetype": [], "trigger_price": 1480, "price": 1479}, OrderType.SL, D(1479), D(1480)),
    ({"pricetype": "MKT"}, OrderType.MARKET, None, None),
]


@pytest.mark.parametrize(("row", "kind", "limit", "trigger"), TERMS, ids=[str(row[0]) for row in TERMS])
def test_a_type_of_the_broker_s_own_is_told_by_the_prices(
    row: dict[str, Any], kind: OrderType, limit: Decimal | None, trigger: Decimal | None
) -> None:
    (order,) = reader(books([order_row(**row)])).orders()
    assert (order.order_type, order.limit_price, order.trigger_price) == (kind, limit, trigger)


def test_the_sandbox_says_of_its_orders_what_live_rows_do_not() -> None:
    rows = [
        order_row("S1", "complete", **{**SANDBOX, "filled_quantity": 10, "average_price": 1500.05, "price": 1500.0}),
        order_row("S2", "rejected", **{**SANDBOX, "rejection_reason": "Cannot\nsell", "strategy": "livetrader-abc"}),
    ]
    server = books(rows).analyze()
    filled, rejected = reader(server, expect="analyze").orders()
    assert (filled.state, filled.filled_quantity, filled.average_price, filled.tag) == (S.FILLED, 10, D("1500.05"), "")
    assert (rejected.state, rejected.reason, rejected.tag) == (S.REJECTED, "Cannot sell", "abc")
    assert server.calls("tradebook") == 0


def test_live_trades_are_numbered_within_their_order() -> None:
    """Two equal fills are two fills."""
    rows = [trade_row("A", 5, 100), trade_row("B", 1, 100), trade_row("A", 5, 100)]
    found = reader(books([], rows)).trades()
    assert [(one.trade_id, one.quantity) for one in found] == [("A:0", 5), ("B:0", 1), ("A:1", 5)]
    assert found[0] == BrokerTrade("A:0", "A", "INFY", Action.BUY, Product.MIS, D(5), D(100), None, AT)


@given(st.permutations(range(5)), st.integers(1, 5))
def test_a_trade_keeps_its_number_however_the_broker_sorts_its_book(order: list[int], known: int) -> None:
    """Newest first, oldest first, any way: what was there before is called what it was called before."""
    rows = [trade_row("A", 1 + i, 100, timestamp=f"2026-11-21 10:00:0{i}") for i in range(5)]

    def named(shown: list[Any]) -> dict[str, Decimal]:
        return {one.trade_id: one.quantity for one in reader(books([], shown)).trades()}

    earlier, later = named(rows[:known]), named([rows[i] for i in order])
    assert later == {f"A:{i}": i + 1 for i in range(5)}
    assert earlier.items() <= later.items()


@pytest.mark.parametrize("newest_first", [False, True], ids=["oldest-first", "newest-first"])
def test_trades_of_one_second_are_numbered_in_the_direction_of_the_book(newest_first: bool) -> None:
    rows = [trade_row("Z", 9, 1, timestamp="2026-11-21 09:59:59")]
    rows += [trade_row("A", 1 + i, 100, timestamp="2026-11-21 10:00:00") for i in range(3)]
    found = reader(books([], rows[::-1] if newest_first else rows)).trades()
    assert {one.trade_id: one.quantity for one in found} == {"Z:0": 9, "A:0": 1, "A:1": 2, "A:2": 3}


def test_a_trade_that_is_left_out_keeps_its_number() -> None:
    """The server may find its symbol a moment later: the other trades must not change their names then."""
    rows = [trade_row("A", 1, 100, symbol=None), trade_row("A", 2, 100)]
    assert [(one.trade_id, one.quantity) for one in reader(books([], rows)).trades()] == [("A:1", 2)]


def test_a_trade_id_of_the_server_s_is_taken_and_one_for_all_fills_is_none() -> None:
    """Newer servers say it, some brokers the same for every fill of an order; what was named stays named."""
    rows = [trade_row("A", 5, 100, tradeid="T1"), trade_row("A", 5, 100, tradeid="T1"), trade_row("B", tradeid=7)]
    server = books([], rows[:1])
    assert [one.trade_id for one in reader(server).trades()] == ["A:T1"]
    server = books([], rows)
    assert [one.trade_id for one in reader(server).trades()] == ["A:T1", "A:T1:1", "B:7"]


def test_trades_that_exceed_their_order_came_twice_and_are_not_believed() -> None:
    made = reader(books([order_row(status="complete")], [trade_row(), trade_row()]))
    with pytest.raises(BrokerProtocol, match="the trades of order A1 are 20 of 10"):
        made.orders()


def test_a_book_that_was_just_read_is_not_read_again() -> None:
    clock = VirtualClock(START)
    server = books([order_row()], [trade_row(quantity=4)])
    made = reader(server, clock=clock)
    made.orders()
    assert [one.quantity for one in made.trades()] == [4]
    assert server.calls("tradebook") == 1
    made.trades()
    assert server.calls("tradebook") == 2, "it answers for itself once"
    made.orders()
    clock.sleep(1.0)
    made.trades()
    assert server.calls("tradebook") == 4, "and not for long"


NAMELESS = [
    {"symbol": None},
    {"symbol": ""},
    {"symbol": "infy eq"},
    {"exchange": None},
    {"product": "MARGIN"},
    {"product": None},
    {"product": []},
]


@pytest.mark.parametrize("changes", NAMELESS, ids=str)
def test_a_row_that_the_server_could_not_name_is_left_out_and_said_once(changes: dict[str, Any]) -> None:
    position = {"average_price": "1500.05", "exchange": "NSE", "product": "MIS", "quantity": 10, "symbol": "INFY"}
    rows = [{**position, **changes}, position]
    server = books([order_row(**changes), order_row("A2")], [trade_row(**changes), trade_row("A2")])
    server.answers["positionbook"] = {"data": rows, **OK}
    made = reader(server)
    with capture_logs() as logs:
        for _ in range(2):
            assert [one.broker_order_id for one in made.orders()] == ["A2"]
            assert [one.broker_order_id for one in made.trades()] == ["A2"]
            assert [one.symbol for one in made.positions()] == ["INFY"]
    assert sorted(entry["endpoint"] for entry in logs) == ["orderbook", "positionbook", "tradebook"]
    assert {entry["log_level"] for entry in logs} == {"error"}


UNREADABLE = [
    {"quantity": "ten"},
    {"quantity": None},
    {"quantity": True},
    {"quantity": "NaN"},
    {"quantity": "1e999999"},
    {"action": "HOLD"},
    {"action": None},
    {"orderid": None},
    {"orderid": ""},
]


@pytest.mark.parametrize("changes", UNREADABLE, ids=str)
def test_b4_a_row_that_cannot_be_read_is_an_error_and_never_flat(changes: dict[str, Any]) -> None:
    made = reader(books([order_row(**changes)], [trade_row(**changes)]))
    for read in (made.orders, made.trades):
        with pytest.raises(BrokerProtocol, match=r"^openalgo: .*book: the answer is not understood"):
            read()


def test_a_time_in_a_form_that_nobody_knows_is_now_and_said_once() -> None:
    """What was ordered and what has filled is certain all the same, and a trader that cannot read it is blind."""
    rows = {"timestamp": "Invalid date format"}
    made = reader(books([order_row(**rows), order_row("A2", **rows)], [trade_row(quantity=4, **rows)]))
    with capture_logs() as logs:
        for _ in range(2):
            first, _second = made.orders()
    assert (first.filled_quantity, first.placed_at.timestamp()) == (4, START)
    assert [(one["endpoint"], one["log_level"]) for one in logs] == [("orderbook", "warning"), ("tradebook", "warning")]


BLANK = {
    "action": "", "exchange": "", "order_status": "", "orderid": "", "price": 0.0, "pricetype": "", "product": "",
    "quantity": 0, "symbol": "", "timestamp": "", "trigger_price": 0.0,
}  # fmt: skip


def test_a_row_in_which_nothing_stands_is_no_order() -> None:
    """It is what some plugins make of a broker that has none; a row that lacks one thing only is an error."""
    assert reader(books([BLANK])).orders() == []
    with pytest.raises(BrokerProtocol):
        reader(books([{**BLANK, "symbol": "INFY"}])).orders()


WORDS = [
    ({"action": "B", "product": "I"}, Action.BUY, Product.MIS),
    ({"action": "S", "product": "INTRADAY"}, Action.SELL, Product.MIS),
    ({"action": "sell", "product": "DELIVERY"}, Action.SELL, Product.CNC),
    ({"action": "BUY ", "product": "C"}, Action.BUY, Product.CNC),
    ({"product": "CARRYFORWARD"}, Action.BUY, Product.NRML),
]


@pytest.mark.parametrize(("changes", "action", "product"), WORDS, ids=[str(one[0]) for one in WORDS])
def test_words_of_the_broker_s_own_are_understood_where_they_mean_one_thing(
    changes: dict[str, Any], action: Action, product: Product
) -> None:
    made = reader(books([order_row(**changes)], [trade_row(quantity=4, **changes)]))
    for found in (*made.orders(), *made.trades()):
        assert (found.action, found.product) == (action, product)


def test_one_order_is_asked_for_by_its_id_and_is_what_its_trades_prove() -> None:
    """Live, the server looks it up among rows that have their status from each other: an end has to stay."""
    clock = VirtualClock(START)
    server = books([], [trade_row(quantity=4)])
    server.answers["orderstatus"] = {"data": order_row(status="complete", average_price=1500.0), **OK}
    made = reader(server, clock=clock)
    order = made.order("A1")
    assert (order.state, order.filled_quantity, order.average_price) == (S.PARTIALLY_FILLED, 4, D("1500.05"))
    assert server.last("orderstatus")["orderid"] == "A1"
    server.answers["orderstatus"] = {"data": order_row(status="cancelled", average_price=0.0), **OK}
    server.answers["tradebook"] = {"data": [], **OK}
    assert made.order("A1").state is S.ACKED
    clock.sleep(1.0)
    assert made.order("A1").state is S.CANCELLED


def test_the_sandbox_says_of_one_order_all_that_its_book_says() -> None:
    row = order_row("S1", "complete", **{**SANDBOX, "filled_quantity": 10, "average_price": 1500.05})
    row["price_type"] = row.pop("pricetype")
    server = Server().analyze()
    server.answers["orderstatus"] = {"data": row, "mode": "analyze", **OK}
    order = reader(server, expect="analyze").order("S1")
    assert (order.state, order.order_type, order.average_price) == (S.FILLED, OrderType.MARKET, D("1500.05"))


@pytest.mark.parametrize("changes", [{"orderid": "A2"}, {"symbol": None}], ids=str)
def test_an_answer_about_another_order_is_not_believed(changes: dict[str, Any]) -> None:
    """An old analyzer gave those of other symbols."""
    server = books([])
    server.answers["orderstatus"] = {"data": order_row(**changes), **OK}
    with pytest.raises(BrokerProtocol, match=r"orderstatus: the answer is not understood"):
        reader(server).order("A1")


@pytest.mark.parametrize("time", [None, ""], ids=repr)
def test_an_order_that_never_reached_the_exchange_may_have_no_time(time: str | None) -> None:
    (order,) = reader(books([order_row(status="rejected", timestamp=time)])).orders()
    assert order.placed_at.timestamp() == START


def position(quantity: Any, symbol: str = "INFY", product: str = "CNC", price: Any = "1500.00") -> dict[str, Any]:
    return {
        "average_price": price,
        "exchange": "NSE",
        "ltp": 1,
        "product": product,
        "quantity": quantity,
        "symbol": symbol,
    }


def holding(quantity: Any, symbol: str = "INFY", exchange: str = "NSE") -> dict[str, Any]:
    return {"average_price": 1400.0, "exchange": exchange, "product": "CNC", "quantity": quantity, "symbol": symbol}


def account(positions: list[Any], holdings: list[Any]) -> Server:
    server = Server()
    server.answers["positionbook"] = {"data": positions, **OK}
    server.answers["holdings"] = {"data": {"holdings": holdings, "statistics": {}}, **OK}
    return server


def test_positions_are_numbers_or_texts_and_closed_ones_are_none() -> None:
    rows = [position("-10", product="MIS"), position(0), position("0", "TCS", price="0.00"), position(75.0, "SBIN")]
    assert reader(account(rows, [])).positions() == (
        BrokerPosition("INFY", Product.MIS, D(-10), D(1500)),
        BrokerPosition("SBIN", Product.CNC, D(75), D(1500)),
    )


DELIVERY = [
    ("bought-today", 10, None, 10, 10),
    ("bought-before", None, 10, 10, 10),
    ("both", 10, 10, 20, 20),
    ("sold-some-today", -4, 6, 6, 2),
    ("sold-all-today", -10, None, 0, -10),
    ("sold-all-today-and-listed", -10, 0, 0, -10),
    ("sold-and-bought-back", 0, 10, 10, 10),
]


@pytest.mark.parametrize(
    ("today", "settled", "live", "sandbox"), [d[1:] for d in DELIVERY], ids=[d[0] for d in DELIVERY]
)
def test_shares_that_are_held_for_delivery_count_once(
    today: int | None, settled: int | None, live: int, sandbox: int
) -> None:
    """Live, a holding shrinks as soon as it is sold, and the sale is a negative position beside it until the night;
    the sandbox settles both at night."""
    rows = [] if today is None else [position(today)]
    shares = [] if settled is None else [holding(settled)]
    server = account(rows, shares)
    found = [reader(server).positions(), reader(server.analyze(), expect="analyze").positions()]
    assert [sum(one.quantity for one in book) for book in found] == [live, sandbox]


def test_a_holding_is_one_whatever_exchange_its_row_names() -> None:
    (held,) = reader(account([position(10)], [holding(10, exchange="BSE")])).positions()
    assert (held.symbol, held.quantity, held.average_price) == ("INFY", 20, D(1450))


@pytest.mark.parametrize("price", [None, "", "absent"], ids=repr)
def test_a_holding_without_a_price_is_held_all_the_same(price: Any) -> None:
    """Half of the plugins leave it out."""
    row = holding(10)
    row = {key: value for key, value in row.items() if key != "average_price"} if price == "absent" else row
    shown = row if price == "absent" else {**row, "average_price": price}
    assert reader(account([], [shown])).positions() == (BrokerPosition("INFY", Product.CNC, D(10), D(0)),)


@pytest.mark.parametrize(("cash", "exact"), [("1000000.00", D(1_000_000)), (9990200.35, D("9990200.35"))])
def test_funds_are_texts_or_numbers(cash: Any, exact: Decimal) -> None:
    server = Server()
    server.answers["funds"] = {"data": {"availablecash": cash}, **OK}
    assert reader(server).funds() == exact


def test_no_funds_in_a_success_is_a_broker_that_did_not_answer() -> None:
    server = Server()
    server.answers["funds"] = {"data": {}, **OK}
    with pytest.raises(BrokerUnavailable, match="the broker gave none"):
        reader(server).funds()
    assert server.calls("funds") == 3


def test_a_half_filled_order_and_its_end_are_news_in_their_order() -> None:
    """The whole way: sent, half filled, called complete before its trades are there, then filled."""
    server = Server()
    server.answers["placeorder"] = {"orderid": "A1", **OK}
    clock = VirtualClock(START)
    broker = PolledBroker(client(server, clock=clock), lambda _: D(0))
    assert broker.place(approved()).broker_order_id == "A1"

    def news(status: str, *parts: int) -> list[tuple[OrderState, list[Decimal]]]:
        clock.sleep(2.0)
        shown = books([order_row(status=status)], [trade_row(quantity=part) for part in parts])
        server.answers.update(orderbook=shown.answers["orderbook"], tradebook=shown.answers["tradebook"])
        return [(one.state, [fill.quantity for fill in one.fills]) for one in broker.updates(0)]

    assert news("open") == [(S.ACKED, [])]
    assert news("open", 4) == [(S.PARTIALLY_FILLED, [4])]
    assert news("complete", 4) == []
    assert news("complete", 4, 6) == [(S.FILLED, [6])]


def test_an_order_whose_answer_was_lost_is_found_as_the_limit_order_that_the_broker_made_of_it() -> None:
    server = books([order_row("OLD", pricetype="LIMIT", price=1510.0)])
    server.answers["placeorder"] = {"status": "error", "message": "Failed to place order due to internal error"}
    broker = PolledBroker(client(server), lambda _: D(0))
    order = approved()
    assert broker.place(order).state is S.UNKNOWN
    server.answers["orderbook"]["data"]["orders"].append(order_row("NEW", pricetype="LIMIT", price=1515.0))
    assert broker.find(record(intent())).broker_order_id == "NEW"

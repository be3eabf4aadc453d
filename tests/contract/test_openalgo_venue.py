"""The promises of ports.Venue, kept by the OpenAlgo adapter over real sockets, in both modes of the server.

The server is the loopback OpenAlgo: what really happened is what its exchange says. Its traps are turned on one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from livetrader.brokers.loopback.exchange import Exchange
from livetrader.brokers.loopback.faults import GARBLED, ORDER_CALLS, Fault, Line, Strike
from livetrader.brokers.openalgo.client import OpenAlgoClient
from livetrader.brokers.openalgo.loopback.server import BROKER, OpenAlgoServer, broker_number
from livetrader.brokers.openalgo.loopback.switches import Mode
from livetrader.brokers.permit import LivePermit
from livetrader.brokers.polled import PolledBroker
from livetrader.domain.instrument import Instrument, Product
from livetrader.domain.order import Action
from livetrader.domain.order_state import OrderState
from livetrader.errors import AuthExpired, BrokerError, BrokerProtocol, BrokerUnavailable, DataError
from livetrader.market.clock import VirtualClock
from livetrader.ports import Outcome
from tests.contract.venue_samples import RESTING, ask, reopen, strikes
from tests.threads import PATIENCE, Gate, soon
from tests.unit.brokers.loopback.loopback_samples import approved, intent
from tests.unit.brokers.polled_samples import record

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

S = OrderState
D = Decimal
START = 1_795_152_800.0  # 2026-11-20 11:03:20 in India, a Friday
KEY = "c0ffee00" * 8


@dataclass
class Bench:
    """An adapter, the truth behind it, and the line between them. `market` quotes both accounts of the server."""

    venue: OpenAlgoClient
    broker: PolledBroker
    server: OpenAlgoServer
    exchange: Exchange
    market: Exchange
    line: Line
    clock: VirtualClock

    def strike(self, operation: str, strike: Strike) -> None:
        """Let `strike` hit the next call of `operation`."""
        if strike.fault is Fault.REFUSED:
            self.server.refuse(10.0)
        else:
            self.line.add([(operation, self.line.calls[operation] + 1, strike)])

    def switch(self, **switches: Any) -> None:
        self.server.switches.set(switches)

    def quote(self, price: int) -> None:
        with self.server.front.lock:
            self.market.quote("INFY", D(price), self.clock.now())


Make = Callable[..., Bench]


@pytest.fixture
def bench() -> Iterator[Make]:
    """A function that makes a bench of a mode, where INFY last traded at 1000. No call is about all orders."""
    made: list[Bench] = []
    with ExitStack() as running:

        def make(mode: str, *, partial_fills: bool = False, order_seconds: float = PATIENCE, **options: Any) -> Bench:
            clock = VirtualClock(START)
            listed = {"INFY": Instrument("INFY", D("0.05"))}
            exchange = Exchange(BROKER, clock, listed, D(1_000_000), partial_fills=partial_fills, number=broker_number)
            line = Line(clock)
            server = OpenAlgoServer(exchange, line, key=KEY, mode=Mode(mode), **options)
            running.enter_context(server.running())
            venue = OpenAlgoClient(
                server.url, lambda: KEY, clock, LivePermit("live"), expect="analyze" if mode == "analyze" else "live",
                attempts=1, timeout_seconds=PATIENCE, order_seconds=order_seconds,
            )  # fmt: skip
            running.callback(venue.close)
            real = exchange if mode == "live" else server.sandbox
            made.append(Bench(venue, PolledBroker(venue, lambda _: D(0)), server, real, exchange, line, clock))
            made[-1].quote(1000)
            return made[-1]

        yield make
        for one in made:
            reopen(one.server)
    for one in made:
        asked = one.server.gateway.control.requests.keys()
        assert not {"cancelallorder", "closeposition", "placesmartorder", "analyzer/toggle"} & asked


modes = pytest.mark.parametrize("mode", ["live", "analyze"])


@modes
def test_what_is_placed_is_in_the_books(bench: Make, mode: str) -> None:
    b = bench(mode)
    order_id = b.venue.place(approved("mine")).broker_order_id
    (order,), (trade,), (position,) = b.venue.orders(), b.venue.trades(), b.venue.positions()
    assert (order.broker_order_id, order.state, order.filled_quantity) == (order_id, S.FILLED, 10)
    assert order.tag == ("" if mode == "live" else intent("mine").intent_id)
    assert (trade.broker_order_id, trade.quantity, trade.price) == (order_id, 10, order.average_price)
    assert (position.symbol, position.product, position.quantity) == ("INFY", Product.MIS, 10)
    assert position.average_price == trade.price
    assert 0 <= START - trade.traded_at.timestamp() < 1
    assert b.venue.funds() > 0
    assert b.venue.instruments() == [Instrument("INFY", D("0.05"))]
    assert b.venue.quotes(["INFY", "NOPE"])["INFY"].price == 1000.0
    assert (b.venue.ping(), b.venue.mode()) == ("loopback", mode)


@modes
def test_an_order_is_the_same_by_its_id_as_in_the_book_and_a_margin_is_the_brokers(bench: Make, mode: str) -> None:
    b = bench(mode)
    filled = b.venue.place(approved("mine")).broker_order_id
    rests = b.venue.place(approved("other", **RESTING)).broker_order_id
    assert filled is not None
    assert rests is not None
    b.venue.order(filled)
    b.clock.sleep(1.0)  # live, its end may be that of a row above it, which we do not see
    asked = {one: b.venue.order(one) for one in (filled, rests)}
    assert asked == {order.broker_order_id: order for order in b.venue.orders()}
    with pytest.raises(DataError, match="Order 999 not found"):
        b.venue.order("999")
    assert b.venue.margin("INFY", Action.BUY, D(10), Product.MIS) == 2000
    with pytest.raises(DataError, match="NOPE"):
        b.venue.margin("NOPE", Action.BUY, D(10), Product.MIS)


@modes
def test_modify_and_cancel_reach_the_order_that_they_name(bench: Make, mode: str) -> None:
    b = bench(mode)
    b.venue.place(approved("other", **RESTING))
    order_id = b.venue.place(approved("mine", **RESTING)).broker_order_id
    assert order_id is not None
    changed = intent("mine", 7, **{**RESTING, "limit_price": D(991)})
    assert b.venue.modify(order_id, changed) == Outcome(S.ACKED, order_id)
    assert b.venue.cancel(order_id) == Outcome(S.ACKED, order_id)
    found = {order.broker_order_id: order for order in b.venue.orders()}
    mine = found.pop(order_id)
    (other,) = found.values()
    assert (other.state, other.quantity, other.limit_price) == (S.ACKED, 10, D(990))
    assert (mine.state, mine.quantity, mine.limit_price) == (S.CANCELLED, 7, D(991))


@modes
def test_b11_a_definite_no_is_rejected(bench: Make, mode: str) -> None:
    b = bench(mode)
    assert b.venue.place(approved(symbol="NOSUCH")).state is S.REJECTED
    nothing = b.venue.modify("999", intent(**RESTING))
    assert nothing.state is S.REJECTED
    cancelled = b.venue.cancel("999")
    assert cancelled.state is (S.REJECTED if mode == "analyze" else S.UNKNOWN), "live, every no to a cancel is a 500"


PROVEN = {
    Fault.REFUSED: S.INTENT,
    Fault.RATE_LIMITED: S.INTENT,  # raised before the server looks at the order
    Fault.AUTH_EXPIRED: S.REJECTED,
}


def expected(mode: str, operation: str, strike: Strike) -> set[OrderState]:
    """What may be made of the answer to an order."""
    if strike.fault is Fault.CANCEL_RACE:  # live it is merely asked for; the sandbox sees that it has filled
        return {S.ACKED} if mode == "live" else {S.REJECTED}
    if strike.fault is Fault.MISSING_FIELDS and mode == "analyze" and operation != "place":
        return {S.ACKED} if strike.accepted else {S.UNKNOWN}  # what is missing is the message
    return {PROVEN.get(strike.fault, S.UNKNOWN if strike.spoils else S.ACKED)}


@modes
@pytest.mark.parametrize(("operation", "strike"), strikes(ORDER_CALLS))
def test_b1_to_b12_an_order_is_called_what_its_answer_proves(
    bench: Make, mode: str, operation: str, strike: Strike
) -> None:
    """Not sent, definitely refused, or UNKNOWN; and the broker has done it exactly when the fault says so."""
    b = bench(mode)
    order_id = b.venue.place(approved("old", **RESTING)).broker_order_id
    assert order_id is not None
    b.strike(operation, strike)
    state = ask(b.venue, operation, order_id).state
    assert state in expected(mode, operation, strike)
    orders = b.exchange.orders
    old = orders[order_id]
    done = {"place": len(orders) == 2, "modify": old.ticket.quantity == 7, "cancel": old.state is not S.ACKED}
    assert done[operation] == strike.reaches


READ_CALLS = ("orders", "trades", "positions", "funds", "instruments")


@modes
@pytest.mark.parametrize(("operation", "strike"), strikes(READ_CALLS))
def test_b4_b5_a_read_is_data_or_an_error_and_never_flat(
    bench: Make, mode: str, operation: str, strike: Strike
) -> None:
    b = bench(mode)
    b.venue.place(approved())
    read = getattr(b.venue, operation)
    truth = read()
    assert truth
    b.strike(operation, strike)
    if strike.fault is Fault.MISSING_FIELDS and operation == "instruments":
        assert read() == truth  # what is missing is the broker's own name of the exchange
        return
    if strike.spoils:
        kind: type[BrokerError] = BrokerUnavailable
        if strike.fault in (Fault.AUTH_EXPIRED, Fault.BANNED):  # OpenAlgo bans with a 403
            kind = AuthExpired
        elif strike.fault in GARBLED - {Fault.HTTP_500, Fault.HTML_502}:
            kind = BrokerProtocol
        with pytest.raises(kind, match=r"^openalgo: ") as told:
            read()
        assert type(told.value) is kind
        assert "\n" not in str(told.value)
        return
    answer = read()
    if strike.fault is Fault.EMPTY_LIST:
        assert list(answer) == []
    elif strike.fault is Fault.DUPLICATED and operation == "trades" and mode == "live":
        assert len(answer) == 2, "rows without an id cannot be told from equal fills; the order book can"
        b.strike("trades", strike)
        with pytest.raises(BrokerProtocol, match="are 20 of 10"):
            b.venue.orders()
    elif strike.fault is Fault.DUPLICATED:
        assert list(answer) == list(truth) * 2
    else:
        assert answer == truth


@modes
@pytest.mark.parametrize("fault", [Fault.LOST_ANSWER, Fault.HTTP_500, Fault.MALFORMED], ids=str)
@pytest.mark.parametrize("order", [{}, RESTING], ids=["fills", "rests"])
def test_b2_an_order_whose_answer_was_lost_is_found_and_told_of_once(
    bench: Make, mode: str, fault: Fault, order: dict[str, Any]
) -> None:
    """Though somebody has just bought the same by hand. It is looked up, and never sent again."""
    b = bench(mode)
    by_hand = b.venue.place(approved("hand", **order)).broker_order_id
    b.strike("place", Strike(fault, accepted=True))
    assert b.broker.place(approved("mine", **order)).state is S.UNKNOWN
    found = b.broker.find(record(intent("mine", **order)))
    assert (found.state, found.broker_order_id != by_hand) == (S.ACKED, True)
    (news,) = b.broker.updates(0)
    assert (news.intent_id, news.broker_order_id) == (intent("mine").intent_id, found.broker_order_id)
    assert sum(fill.quantity for fill in news.fills) == (0 if order else 10)
    assert b.broker.updates(0) == []
    assert len(b.exchange.orders) == 2


@modes
def test_b1_an_order_that_never_arrived_is_nowhere(bench: Make, mode: str) -> None:
    b = bench(mode)
    b.strike("place", Strike(Fault.LOST_REQUEST))
    assert b.broker.place(approved("mine")).state is S.UNKNOWN
    assert b.broker.find(record(intent("mine"))).state is S.UNKNOWN
    assert b.exchange.orders == {}


@modes
def test_b2_an_order_that_arrives_after_we_have_hung_up_is_found_later(bench: Make, mode: str) -> None:
    """A look right after the timeout shows nothing: the server is still on its way to the broker."""
    gate = Gate()
    b = bench(mode, order_seconds=0.2, delays=gate)
    b.strike("place", Strike(Fault.SLOW, seconds=1.0))
    assert b.broker.place(approved("mine")).state is S.UNKNOWN
    assert b.broker.find(record(intent("mine"))).state is S.UNKNOWN
    gate.opened.set()
    soon(lambda: b.broker.find(record(intent("mine"))).state is S.ACKED)


def test_b9_a_half_filled_order_is_news_by_its_trades_alone(bench: Make) -> None:
    b = bench("live", partial_fills=True)
    b.broker.place(approved("mine"))
    seen: list[Decimal] = []
    for price in (1001, 1002, 1003, 1004, 1005):
        news = b.broker.updates(0)
        seen += [fill.quantity for update in news for fill in update.fills]
        assert {update.state for update in news} <= {S.PARTIALLY_FILLED, S.FILLED}
        b.clock.sleep(2.0)
        b.quote(price)
    assert (sum(seen), len(seen) > 2) == (10, True)
    (order,) = b.venue.orders()
    truth = b.exchange.order_book()[0]
    assert (order.state, order.average_price) == (S.FILLED, truth.average_price.quantize(D("0.0001")))


def test_a_status_that_is_another_rows_ends_no_order(bench: Make) -> None:
    """Zerodha's mapping gives a working order the status of the row above it."""
    b = bench("live")
    dead = b.venue.place(approved("dead", **RESTING)).broker_order_id
    works = b.venue.place(approved("works", **RESTING)).broker_order_id
    assert dead is not None
    b.venue.cancel(dead)
    b.switch(raw_statuses={works: "OPEN PENDING"})
    states = {order.broker_order_id: order.state for order in b.venue.orders()}
    assert states == {dead: S.CANCELLED, works: S.ACKED}
    b.switch(raw_statuses={dead: "VALIDATION PENDING"})
    with pytest.raises(BrokerUnavailable, match="HTTP 500"):
        b.venue.orders()


def test_a_row_without_a_symbol_is_left_out(bench: Make) -> None:
    b = bench("live")
    b.venue.place(approved())
    b.switch(nameless=["INFY"])
    assert [list(book) for book in (b.venue.orders(), b.venue.trades(), b.venue.positions())] == [[], [], []]


def test_quantities_may_be_texts_and_closed_positions_are_none(bench: Make) -> None:
    b = bench("live")
    b.switch(text_quantities=True, order_ids="number")
    bought = b.venue.place(approved("a"))
    assert (bought.state, bought.broker_order_id) == (S.ACKED, b.venue.orders()[0].broker_order_id)
    assert b.venue.positions()[0].quantity == 10
    b.venue.place(approved("b", action=Action.SELL))
    assert b.venue.positions() == ()


@pytest.mark.parametrize("order_ids", ["null"])
def test_a_success_without_an_id_is_looked_up(bench: Make, order_ids: str) -> None:
    b = bench("live")
    b.switch(order_ids=order_ids)
    assert b.broker.place(approved("mine")).state is S.UNKNOWN
    assert b.broker.find(record(intent("mine"))).state is S.ACKED


def test_an_order_that_waits_for_a_human_is_unknown_and_says_where(bench: Make) -> None:
    b = bench("live")
    b.switch(approval=True)
    outcome = b.broker.place(approved("mine"))
    assert (outcome.state, b.exchange.orders) == (S.UNKNOWN, {})
    assert "Action Center" in outcome.reason
    assert b.broker.find(record(intent("mine"))).state is S.UNKNOWN


@modes
def test_b17_a_session_that_is_over_says_so_to_every_call(bench: Make, mode: str) -> None:
    b = bench(mode)
    b.venue.orders()
    b.switch(revoked=True)
    assert b.venue.place(approved()).state is S.REJECTED
    with pytest.raises(AuthExpired, match="log in to the broker"):
        b.venue.funds()
    b.switch(revoked=False)
    assert b.venue.place(approved()).state is S.ACKED


@modes
def test_a_server_that_is_switched_gets_nothing_and_is_not_believed(bench: Make, mode: str) -> None:
    b = bench(mode)
    b.venue.place(approved("a"))
    b.server.switches.mode = Mode.LIVE if mode == "analyze" else Mode.ANALYZE
    b.clock.sleep(10.0)
    assert b.broker.place(approved("b")).state is S.INTENT
    assert b.venue.cancel("1").state is S.INTENT
    for read in (b.venue.orders, b.venue.trades, b.venue.positions, b.venue.funds):
        with pytest.raises(BrokerProtocol, match=r"broker\.expect is"):
            read()
    b.server.switches.mode = Mode(mode)
    assert b.venue.place(approved("c")).state is S.ACKED
    assert len(b.exchange.orders) == 2


def test_b6_the_servers_own_limit_means_that_nothing_was_sent(bench: Make) -> None:
    b = bench("live", limits={"orders": "1 per second", "api": ""})
    assert [b.venue.place(approved(name)).state for name in ("a", "b", "c")] == [S.ACKED, S.INTENT, S.INTENT]
    assert len(b.exchange.orders) == 1
    assert b.venue.orders()[0].state is S.FILLED

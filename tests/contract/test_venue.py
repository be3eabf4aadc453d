"""The promises of ports.Venue, kept by the loopback venue in process and by its client over real sockets alike.

Every fault strikes both in the same way, so what holds for seeds by the thousand in process holds on the wire.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from livetrader.brokers.loopback.client import LoopbackClient
from livetrader.brokers.loopback.exchange import Exchange
from livetrader.brokers.loopback.faults import GARBLED, ORDER_CALLS, READS, TURNED_AWAY, Fault, Line, Strike
from livetrader.brokers.loopback.front import Front
from livetrader.brokers.loopback.profiles import FINGERPRINT, OPEN_ONLY, STRICT, TAG_SCAN, Profile
from livetrader.brokers.loopback.server import LoopbackServer
from livetrader.brokers.loopback.venue import LoopbackVenue
from livetrader.brokers.permit import LivePermit
from livetrader.domain.books import Identity
from livetrader.domain.instrument import Instrument, Product
from livetrader.domain.order import Action
from livetrader.domain.order_state import OrderState
from livetrader.errors import AuthExpired, BrokerError, BrokerProtocol, BrokerUnavailable
from livetrader.market.clock import SystemClock
from livetrader.ports import Outcome
from tests.contract.venue_samples import RESTING, ask, reopen, strikes
from tests.threads import PATIENCE
from tests.unit.brokers.loopback.loopback_samples import START, approved, exchange, intent

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

S = OrderState
D = Decimal
KINDS = ("in_process", "http")
PROFILES = (STRICT, OPEN_ONLY, TAG_SCAN, FINGERPRINT)


@dataclass
class Bench:
    """An adapter, the truth behind it, and the line between them."""

    venue: LoopbackVenue | LoopbackClient
    exchange: Exchange
    line: Line
    server: LoopbackServer | None

    def strike(self, operation: str, strike: Strike) -> None:
        """Let `strike` hit the next call of `operation`."""
        if self.server is not None and strike.fault is Fault.REFUSED:
            self.server.refuse(10.0)
        else:
            self.line.add([(operation, self.line.calls[operation] + 1, strike)])

    def settle(self) -> None:
        """Until every book shows everything, and no connection is refused any more."""
        self.exchange.clock.sleep(600.0)
        if self.server is not None:
            reopen(self.server)

    def books(self) -> tuple[Any, ...]:
        venue = self.venue
        books = venue.orders(), venue.trades(), venue.positions(), venue.funds()
        return *books, venue.instruments(), venue.quotes(["INFY"])


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    """One server for all; each test puts an exchange of its own behind it."""
    made = LoopbackServer(exchange(), Line(SystemClock()))
    thread = threading.Thread(target=made.serve)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def bench(server: LoopbackServer) -> Iterator[Callable[[str, Profile], Bench]]:
    """A function that makes a bench of a kind and a profile, where INFY last traded at 1000."""
    clients = []

    def make(kind: str, profile: Profile) -> Bench:
        made = exchange(profile)
        made.quote("INFY", D(1000), START)
        line = Line(made.clock)
        if kind == "in_process":
            return Bench(LoopbackVenue(made, line), made, line, None)
        server.front = Front(made, line)
        clients.append(
            LoopbackClient(server.url, profile, made.clock, LivePermit("live"), attempts=1, timeout_seconds=PATIENCE)
        )
        return Bench(clients[-1], made, line, server)

    yield make
    reopen(server)
    for client in clients:
        client.close()


kinds = pytest.mark.parametrize("kind", KINDS)
profiles = pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)


@kinds
@profiles
def test_what_is_placed_is_in_the_books_once_the_lag_has_passed(
    bench: Callable[..., Bench], kind: str, profile: Profile
) -> None:
    b = bench(kind, profile)
    outcome = b.venue.place(approved("mine"))
    assert outcome == Outcome(S.ACKED, "L000001")
    b.exchange.clock.sleep(b.venue.visibility_seconds)
    (order,), (trade,), (position,), funds, _, quotes = b.books()
    assert order == b.exchange.order_book()[0]
    assert order.tag == ("" if b.venue.identity is Identity.FINGERPRINT else intent("mine").intent_id)
    assert (order.state, order.filled_quantity, order.average_price) == (S.FILLED, 10, D(1000))
    assert (trade.broker_order_id, trade.quantity, trade.price) == ("L000001", 10, D(1000))
    assert (position.symbol, position.product, position.quantity) == ("INFY", Product.MIS, 10)
    assert (funds, quotes["INFY"].price) == (D(990_000), 1000.0)


@kinds
@profiles
def test_modify_and_cancel_reach_the_order_that_they_name(
    bench: Callable[..., Bench], kind: str, profile: Profile
) -> None:
    b = bench(kind, profile)
    b.venue.place(approved("other", **RESTING))
    order_id = b.venue.place(approved("mine", **RESTING)).broker_order_id
    assert order_id is not None
    assert b.venue.modify(order_id, intent("mine", 7, **{**RESTING, "limit_price": D(991)})) == Outcome(
        S.ACKED, order_id
    )
    done = b.venue.cancel(order_id)
    assert done == Outcome(S.ACKED if profile.received_only else S.CANCELLED, order_id)
    b.exchange.clock.sleep(b.venue.visibility_seconds)
    other, mine = b.venue.orders()
    assert (other.state, other.quantity, other.limit_price) == (S.ACKED, 10, D(990))
    assert (mine.state, mine.quantity, mine.limit_price) == (S.CANCELLED, 7, D(991))


@kinds
@profiles
def test_b11_a_definite_no_is_rejected_with_its_code(bench: Callable[..., Bench], kind: str, profile: Profile) -> None:
    b = bench(kind, profile)
    refused = b.venue.place(approved(symbol="NOSUCH"))
    assert (refused.state, refused.broker_order_id) == (S.REJECTED, None)
    assert refused.reason.startswith("symbol: ")
    filled = b.venue.place(approved()).broker_order_id
    assert filled is not None
    for answer in (b.venue.cancel(filled), b.venue.modify(filled, intent()), b.venue.cancel("L999/..?x")):
        assert answer.state is S.REJECTED
        assert answer.reason.startswith("not_open: ")


@kinds
def test_a_duplicate_while_open_proves_that_the_order_is_there(bench: Callable[..., Bench], kind: str) -> None:
    """It is not a rejection of the intent: the first order lives, so its fate has to be looked up."""
    b = bench(kind, OPEN_ONLY)
    b.venue.place(approved("mine", **RESTING))
    again = b.venue.place(approved("mine", **RESTING))
    assert again.state is S.UNKNOWN
    assert again.reason.startswith("duplicate: ")
    assert len(b.exchange.carrying(intent("mine").intent_id)) == 1


@kinds
def test_an_adapter_that_forgets_market_protection_is_told(bench: Callable[..., Bench], kind: str) -> None:
    b = bench(kind, TAG_SCAN)
    b.venue._protected = False
    assert b.venue.place(approved()).reason.startswith("protection: ")
    assert b.venue.place(approved("b", **RESTING)).state is S.ACKED


def sound(operation: str, fault: Fault, profile: Profile) -> OrderState:
    """What the answer to an order says when it can be believed."""
    if operation != "cancel" or profile.received_only:
        return S.ACKED
    return S.REJECTED if fault is Fault.CANCEL_RACE else S.CANCELLED


@kinds
@pytest.mark.parametrize("profile", [STRICT, TAG_SCAN], ids=lambda profile: profile.name)
@pytest.mark.parametrize(("operation", "strike"), strikes(ORDER_CALLS))
def test_b1_to_b12_an_order_is_called_what_its_answer_proves(
    bench: Callable[..., Bench], kind: str, profile: Profile, operation: str, strike: Strike
) -> None:
    """Not sent, definitely refused, or UNKNOWN; and the broker has done it exactly when the fault says so."""
    b = bench(kind, profile)
    order_id = b.venue.place(approved("old", **RESTING)).broker_order_id
    assert order_id is not None
    b.strike(operation, strike)
    outcome = ask(b.venue, operation, order_id)

    if strike.fault is Fault.REFUSED:
        expected = S.INTENT
    elif strike.fault in TURNED_AWAY:
        expected = S.REJECTED
    else:
        expected = S.UNKNOWN if strike.spoils else sound(operation, strike.fault, profile)
    assert outcome.state is expected
    if strike.fault in TURNED_AWAY:
        assert outcome.reason.startswith(f"{strike.fault}: ")

    orders = b.exchange.orders
    old = orders[order_id]
    done = {"place": len(orders) == 2, "modify": old.ticket.quantity == 7, "cancel": old.state is not S.ACKED}
    assert done[operation] == strike.reaches
    assert len(b.exchange.carrying(intent("new").intent_id)) <= 1
    if strike.fault not in (Fault.RATE_LIMITED, Fault.BANNED, Fault.REFUSED):
        assert b.venue.funds() == b.exchange.funds(), "only a broker that asks for it gets silence"
    b.settle()


@pytest.mark.parametrize("profile", [STRICT, TAG_SCAN], ids=lambda profile: profile.name)
@pytest.mark.parametrize(("operation", "strike"), strikes(ORDER_CALLS))
def test_a_fault_in_process_is_that_fault_on_the_wire(
    bench: Callable[..., Bench], profile: Profile, operation: str, strike: Strike
) -> None:
    """The same outcome, and afterwards the same books."""

    def transcript(kind: str) -> tuple[Any, ...]:
        b = bench(kind, profile)
        order_id = b.venue.place(approved("old", **RESTING)).broker_order_id
        assert order_id is not None
        b.strike(operation, strike)
        outcome = ask(b.venue, operation, order_id)
        b.settle()
        return outcome.state, outcome.broker_order_id, b.books()

    assert transcript("in_process") == transcript("http")


@kinds
@pytest.mark.parametrize(("operation", "strike"), strikes(READS))
def test_b4_b5_a_read_is_data_or_an_error_and_never_flat(
    bench: Callable[..., Bench], kind: str, operation: str, strike: Strike
) -> None:
    b = bench(kind, STRICT)
    b.venue.place(approved())
    read = {**{book: getattr(b.venue, book) for book in READS}, "quotes": lambda: b.venue.quotes(["INFY"])}[operation]
    before = read()
    b.venue.place(approved("b"))
    b.exchange.quote("INFY", D(1001), START + 1)
    b.exchange.relist(Instrument("TCS", tick=D("0.1"), band=(D(3000), D(3600))))
    b.strike(operation, strike)
    if strike.spoils:
        kinds_of_error: type[BrokerError] = BrokerUnavailable
        if strike.fault is Fault.AUTH_EXPIRED:
            kinds_of_error = AuthExpired
        elif strike.fault in GARBLED - {Fault.HTTP_500, Fault.HTML_502}:
            kinds_of_error = BrokerProtocol
        with pytest.raises(kinds_of_error, match=b.venue.name) as told:
            read()
        assert "\n" not in str(told.value)
        b.settle()
        return
    answer = read()
    b.settle()
    truth = read()
    if strike.fault is Fault.STALE:
        assert answer == before != truth
    elif strike.fault is Fault.EMPTY_LIST:
        assert answer == () != truth
    elif strike.fault is Fault.DUPLICATED:
        assert answer == truth + truth
    elif strike.fault is Fault.BAD_PRICE:
        assert answer["INFY"].price == strike.price != truth["INFY"].price
    else:
        assert answer == truth


@kinds
@pytest.mark.parametrize(
    ("strike", "silent"),
    [
        pytest.param(Strike(Fault.RATE_LIMITED, seconds=7.0), 7.0, id="429-told"),
        pytest.param(Strike(Fault.RATE_LIMITED), 5.0, id="429-untold"),
        pytest.param(Strike(Fault.RATE_LIMITED, seconds=1e6), 300.0, id="429-capped"),
        pytest.param(Strike(Fault.BANNED, seconds=9.0), 9.0, id="418-told"),
        pytest.param(Strike(Fault.BANNED), 120.0, id="418-untold"),
    ],
)
def test_b6_a_broker_that_asks_for_silence_gets_it_from_every_caller(
    bench: Callable[..., Bench], kind: str, strike: Strike, silent: float
) -> None:
    """Nothing reaches it until the time has passed; what would have been sent is not sent, and says so."""
    b = bench(kind, STRICT)
    b.strike("place", strike)
    assert b.venue.place(approved("a")).state is S.REJECTED
    calls = dict(b.line.calls)
    b.exchange.clock.sleep(silent - 0.5)
    assert b.venue.place(approved("b")).state is S.INTENT
    assert b.venue.cancel("L000001").state is S.INTENT
    with pytest.raises(BrokerUnavailable, match="silence"):
        b.venue.positions()
    assert b.line.calls == calls
    b.exchange.clock.sleep(0.5)
    assert b.venue.positions() == ()
    assert b.venue.place(approved("c", action=Action.SELL)).state is S.ACKED


@kinds
@pytest.mark.parametrize(
    ("fault", "outcome", "read"),
    [(Fault.OUTAGE, S.UNKNOWN, BrokerUnavailable), (Fault.AUTH_EXPIRED, S.REJECTED, AuthExpired)],
)
def test_b17_what_lasts_strikes_every_call_until_it_is_over(
    bench: Callable[..., Bench], kind: str, fault: Fault, outcome: OrderState, read: type[BrokerError]
) -> None:
    b = bench(kind, STRICT)
    b.strike("place", Strike(fault, seconds=60.0))
    for step in range(3):
        assert b.venue.place(approved(str(step))).state is outcome
        with pytest.raises(read):
            b.venue.positions()
        b.exchange.clock.sleep(10.0)
    b.exchange.clock.sleep(30.0)
    assert b.venue.positions() == ()
    assert b.exchange.orders == {}


@kinds
def test_i9_every_call_is_counted(bench: Callable[..., Bench], kind: str) -> None:
    b = bench(kind, STRICT)
    b.books()
    assert b.line.order_calls == 0
    b.venue.place(approved("a"))
    b.venue.modify("L000001", intent("a"))
    b.venue.cancel("L000001")
    assert b.line.calls == dict.fromkeys((*ORDER_CALLS, *READS), 1)
    assert b.line.order_calls == 3

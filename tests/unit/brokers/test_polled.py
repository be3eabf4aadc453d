"""A venue's books become news of our orders: which are ours, each fill once, no end before its fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.brokers.polled import PolledBroker
from livetrader.constraints.verdict import Approved
from livetrader.domain.books import BrokerPosition, Identity
from livetrader.domain.instrument import Product
from livetrader.domain.order import Action, OrderType
from livetrader.domain.order_state import OrderState
from livetrader.errors import AuthExpired, BrokerError, BrokerProtocol, BrokerUnavailable
from livetrader.ports import OrderUpdate, Outcome
from tests.unit.brokers.polled_samples import SENT_AT, D, S, ScriptedVenue, broker, line, record
from tests.unit.engine.trading_samples import at, fill, intent

REFUSED, LOST = Outcome(S.INTENT, reason="connection refused"), Outcome(S.UNKNOWN, reason="timeout")


def placed(identity: Identity = Identity.TAG) -> tuple[PolledBroker, ScriptedVenue]:
    made, venue = broker(identity)
    made.place(Approved(intent(), ()))
    return made, venue


def told(updates: Sequence[OrderUpdate]) -> list[tuple[str, OrderState, list[str]]]:
    return [(u.intent_id, u.state, [f"{f.quantity}" for f in u.fills]) for u in updates]


identities = pytest.mark.parametrize("identity", Identity, ids=str)


@identities
def test_an_acknowledged_order_is_ours_by_the_number_that_we_were_told(identity: Identity) -> None:
    made, _ = placed(identity)
    (update,) = made.updates(at(2))
    assert (update.intent_id, update.state, update.broker_order_id) == ("i1", S.ACKED, "B1")
    assert made.updates(at(2)) == [], "news are told once"


@identities
def test_b2_an_order_whose_answer_was_lost_is_found(identity: Identity) -> None:
    made, venue = broker(identity, answer=LOST)
    made.place(Approved(intent(), ()))
    assert made.find(record(intent())) == Outcome(S.ACKED, "B1")
    assert [u.intent_id for u in made.updates(at(2))] == ["i1"]
    venue.answer = None
    assert made.cancel("i1") == Outcome(S.CANCELLED, "B1")


@identities
def test_b1_an_order_that_never_arrived_is_not_found(identity: Identity) -> None:
    made, _ = broker(identity, answer=LOST, arrives=False)
    made.place(Approved(intent(), ()))
    assert (made.find(record(intent())).state, made.updates(at(2))) == (S.UNKNOWN, [])


@identities
@pytest.mark.parametrize("state", [S.REJECTED, S.CANCELLED, S.EXPIRED], ids=str)
def test_an_order_that_ended_before_it_was_found_says_how(identity: Identity, state: OrderState) -> None:
    made, venue = broker(identity, answer=LOST)
    made.place(Approved(intent(), ()))
    venue.say("B1", state=state, reason="RMS")
    assert made.find(record(intent())) == Outcome(state, "B1", "RMS")


@identities
def test_an_order_that_filled_before_it_was_found_is_acknowledged_and_its_fills_are_news(identity: Identity) -> None:
    """Fills come before the state that they lead to."""
    made, venue = broker(identity, answer=LOST)
    made.place(Approved(intent(), ()))
    venue.say("B1", state=S.FILLED, filled_quantity=D(10))
    venue.trade("B1", "t1", "10")
    assert made.find(record(intent())).state is S.ACKED
    assert told(made.updates(at(2))) == [("i1", S.FILLED, ["10"])]


@identities
def test_after_a_restart_an_order_is_still_ours_and_what_was_booked_is_no_news(identity: Identity) -> None:
    _, venue = placed(identity)
    venue.say("B1", state=S.PARTIALLY_FILLED, filled_quantity=D(7))
    venue.trade("B1", "t1", "4")
    venue.trade("B1", "t2", "3")
    made = PolledBroker(venue, lambda _: D(0))
    booked = replace(fill(intent(), quantity="4"), broker="scripted", trade_id="B1:t1")
    made.restore([record(intent(), S.PARTIALLY_FILLED, "B1")], [booked])
    assert told(made.updates(at(2))) == [("i1", S.PARTIALLY_FILLED, ["3"])]


@identities
def test_the_trade_of_another_broker_with_the_same_number_is_not_taken_for_booked(identity: Identity) -> None:
    _, venue = placed(identity)
    venue.trade("B1", "t1", "4")
    made = PolledBroker(venue, lambda _: D(0))
    made.restore([record(intent(), S.ACKED, "B1")], [replace(fill(intent(), quantity="4"), trade_id="B1:t1")])
    assert [f.trade_id for u in made.updates(at(2)) for f in u.fills] == ["B1:t1"]


@identities
def test_orders_and_trades_of_others_are_nobodys_news(identity: Identity) -> None:
    made, venue = placed(identity)
    made.updates(at(2))
    venue.shown.append(replace(line(intent(quantity="3"), "B9", identity), tag="by hand"))
    venue.trade("B9", "t9", "3")
    assert (made.updates(at(2)), made.owner(venue.shown[-1])) == ([], None)


OTHERS = {
    "symbol": {"symbol": "B"},
    "action": {"action": Action.SELL},
    "quantity": {"quantity": D(11)},
    "product": {"product": Product.CNC},
    "type": {"order_type": OrderType.LIMIT},
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_a_fingerprint_matches_in_every_trait_or_not_at_all(other: dict[str, object]) -> None:
    made, venue = broker(Identity.FINGERPRINT, answer=LOST)
    made.place(Approved(intent(), ()))
    venue.say("B1", **other)
    assert made.find(record(intent())).state is S.UNKNOWN
    assert made.updates(at(2)) == []


@pytest.mark.parametrize(("early", "found"), [(5, S.ACKED), (6, S.UNKNOWN)])
def test_where_the_book_before_the_send_is_not_known_the_time_tells(early: int, found: OrderState) -> None:
    """After a restart. The process that sent knows what was there before, and needs no clock: they go wrong."""
    made, venue = broker(Identity.FINGERPRINT, answer=LOST)
    made.place(Approved(intent(), ()))
    venue.say("B1", placed_at=SENT_AT - timedelta(seconds=early))
    again = PolledBroker(venue, lambda _: D(0))
    again.restore([record(intent())], [])
    assert again.find(record(intent())).state is found
    assert made.find(record(intent())).state is S.ACKED


SHOWN = [
    pytest.param(OrderType.MARKET, OrderType.LIMIT, True, id="market-as-limit"),
    pytest.param(OrderType.SL_M, OrderType.SL, True, id="slm-as-sl"),
    pytest.param(OrderType.LIMIT, OrderType.MARKET, False, id="limit-as-market"),
    pytest.param(OrderType.MARKET, OrderType.SL, False, id="market-as-sl"),
    pytest.param(OrderType.SL, OrderType.SL_M, False, id="sl-as-slm"),
]


@pytest.mark.parametrize(("sent", "shown", "same"), SHOWN)
def test_market_protection_changes_the_type_that_a_loose_fingerprint_looks_for(
    sent: OrderType, shown: OrderType, same: bool
) -> None:
    """MARKET comes back as LIMIT, SL-M as SL, and nothing as anything else. A strict fingerprint takes neither."""
    order = intent(order_type=sent)
    for identity in (Identity.LOOSE_FINGERPRINT, Identity.FINGERPRINT):
        made, venue = broker(identity, answer=LOST)
        made.place(Approved(order, ()))
        venue.say("B1", order_type=shown)
        found = made.find(record(order)).state is S.ACKED
        assert found == (same and identity is Identity.LOOSE_FINGERPRINT)


def test_of_two_orders_that_look_alike_the_one_of_the_very_type_is_ours_and_the_other_nobodys() -> None:
    made, venue = broker(Identity.LOOSE_FINGERPRINT, answer=LOST)
    made.place(Approved(intent(), ()))
    limit = replace(venue.shown[0], broker_order_id="B0", order_type=OrderType.LIMIT)
    venue.shown.insert(0, limit)
    assert made.find(record(intent())).broker_order_id == "B1"
    assert (made.owner(limit), len(made.updates(at(2)))) == (None, 1)


@pytest.mark.parametrize("identity", [Identity.FINGERPRINT, Identity.LOOSE_FINGERPRINT], ids=str)
def test_an_order_that_carries_another_id_is_not_ours_however_it_looks(identity: Identity) -> None:
    made, venue = broker(identity, answer=LOST)
    made.place(Approved(intent(), ()))
    venue.say("B1", tag="somebody else's")
    assert made.find(record(intent())).state is S.UNKNOWN
    venue.say("B1", tag="i1", quantity=D(11))
    assert made.find(record(intent())).broker_order_id == "B1", "a venue that does say the id is believed"


@identities
def test_b8_an_order_that_the_book_does_not_show_is_asked_for_by_its_id(identity: Identity) -> None:
    """We were told its number; what the venue says of it counts, and an order that it does not know is not shown."""
    made, venue = broker(identity, arrives=False)
    made.place(Approved(intent(), ()))
    assert made.find(record(intent())).state is S.UNKNOWN
    venue.told = [line(intent(), "B1", identity)]
    assert made.find(record(intent())) == Outcome(S.ACKED, "B1")


def test_a_fingerprint_that_was_there_before_the_send_is_somebody_elses() -> None:
    """Someone bought the same by hand a moment ago: the snapshot before the send tells the two apart."""
    made, venue = broker(Identity.FINGERPRINT, answer=LOST, arrives=False)
    venue.shown = [line(intent(), "hand", Identity.FINGERPRINT)]
    made.place(Approved(intent(), ()))
    assert made.find(record(intent())).state is S.UNKNOWN
    venue.shown.append(line(intent(), "late", Identity.FINGERPRINT))
    assert made.find(record(intent())).broker_order_id == "late"


def test_a_fingerprint_does_not_take_an_order_that_is_another_of_ours() -> None:
    """Also after a restart, which has lost the snapshot."""
    made, venue = placed(Identity.FINGERPRINT)
    venue.answer, venue.arrives = LOST, False
    made.place(Approved(intent("i2"), ()))
    again = PolledBroker(venue, made.charges)
    again.restore([record(intent(), S.ACKED, "B1"), record(intent("i2"))], [])
    for one in (made, again):
        assert one.find(record(intent("i2"))).state is S.UNKNOWN


def test_a_venues_clock_may_be_a_little_behind_ours() -> None:
    made, venue = broker(Identity.FINGERPRINT, answer=LOST)
    made.place(Approved(intent(), ()))
    venue.say("B1", placed_at=SENT_AT - timedelta(seconds=5))
    assert made.find(record(intent())).state is S.ACKED


@pytest.mark.parametrize("error", [BrokerUnavailable, BrokerProtocol, AuthExpired])
def test_without_the_snapshot_a_fingerprint_is_worth_nothing_so_nothing_is_sent(error: type[BrokerError]) -> None:
    made, venue = broker(Identity.FINGERPRINT, error=error("no answer"))
    outcome = made.place(Approved(intent(), ()))
    assert (outcome.state, venue.calls) == (S.INTENT, [])
    assert "the order book cannot be read" in outcome.reason


@pytest.mark.parametrize("identity", [Identity.CLIENT_ID, Identity.TAG], ids=str)
def test_where_the_venue_keeps_our_id_the_send_reads_nothing_first(identity: Identity) -> None:
    made, venue = broker(identity, error=BrokerUnavailable("no answer"))
    assert made.place(Approved(intent(), ())).state is S.ACKED
    assert venue.calls == ["place"]


@pytest.mark.parametrize("end", [S.FILLED, S.CANCELLED, S.EXPIRED], ids=str)
def test_b8_an_end_is_held_back_until_the_trade_book_has_what_led_to_it(end: OrderState) -> None:
    """Otherwise the order would be settled, and its reservation given back, before its fills are known."""
    made, venue = placed()
    made.updates(at(2))
    venue.say("B1", state=end, filled_quantity=D(7))
    assert told(made.updates(at(2))) == [], "still working, as far as we can tell"
    venue.trade("B1", "t1", "4")
    assert told(made.updates(at(2))) == [("i1", S.PARTIALLY_FILLED, ["4"])]
    assert made.updates(at(2)) == []
    venue.trade("B1", "t2", "3")
    assert told(made.updates(at(2))) == [("i1", end, ["3"])]
    assert made.updates(at(2)) == []


def test_b7_a_trade_that_is_listed_twice_counts_once() -> None:
    made, venue = placed()
    for _ in range(2):
        venue.trade("B1", "t1", "5")
    venue.say("B1", state=S.FILLED, filled_quantity=D(10))
    assert told(made.updates(at(2))) == [("i1", S.PARTIALLY_FILLED, ["5"])], "5 are not the 10 that it has filled"
    assert made.updates(at(2)) == []


def test_charges_are_the_venues_own_or_else_what_the_table_says() -> None:
    made, venue = placed()
    venue.trade("B1", "t1", "4", charges="2.5")
    venue.trade("B1", "t2", "6", charges=None)
    (update,) = made.updates(at(2))
    assert [(f.charges, f.broker, f.intent_id) for f in update.fills] == [
        (D("2.5"), "scripted", "i1"),
        (3, "scripted", "i1"),
    ]


def test_b12_an_order_that_is_rejected_after_it_was_received_is_news() -> None:
    made, venue = placed()
    made.updates(at(2))
    venue.say("B1", state=S.REJECTED, reason="RMS: margin")
    (update,) = made.updates(at(2))
    assert (update.state, update.reason) == (S.REJECTED, "RMS: margin")


@pytest.mark.parametrize("error", [BrokerUnavailable, BrokerProtocol, AuthExpired])
def test_b4_books_that_cannot_be_read_are_an_error_and_never_flat(error: type[BrokerError]) -> None:
    made, venue = placed()
    venue.error = error("no answer")
    for read in (
        lambda: made.updates(at(2)), lambda: made.find(record(intent())), made.books,
        lambda: made.position("A", Product.MIS),
    ):  # fmt: skip
        with pytest.raises(error):
            read()
    venue.error = None
    assert len(made.updates(at(2))) == 1, "nothing was lost by it"


@pytest.mark.parametrize("left", [[], ["B1"]], ids=["all gone", "one gone"])
def test_b4_orders_that_are_gone_from_the_book_have_to_be_gone_twice(left: list[str]) -> None:
    """An empty reply is no news; but brokers do clear their books at night."""
    made, venue = placed()
    venue.shown.append(line(intent("i2"), "B2", Identity.TAG))
    made.updates(at(2))
    whole, venue.shown = venue.shown, [o for o in venue.shown if o.broker_order_id in left]
    with pytest.raises(BrokerProtocol, match="gone from the order book"):
        made.books()
    assert [o.broker_order_id for o in made.books().orders] == left
    venue.shown = whole
    assert len(made.books().orders) == 2
    venue.shown = []
    with pytest.raises(BrokerProtocol, match="2 orders"):
        made.updates(at(2))


def test_a_snapshot_that_lacks_orders_is_no_snapshot_so_nothing_is_sent() -> None:
    """What is missing in it would be taken for ours when it comes back."""
    made, venue = placed(Identity.FINGERPRINT)
    made.updates(at(2))
    hidden, venue.shown = venue.shown, []
    assert made.place(Approved(intent("i2"), ())).state is S.INTENT
    venue.shown = hidden
    assert made.place(Approved(intent("i2"), ())).state is S.ACKED
    assert venue.calls == ["place", "place"]


def test_b7_a_book_that_lists_its_lines_twice_is_the_same_book() -> None:
    made, venue = placed()
    venue.trade("B1", "t1", "4")
    once = made.books()
    venue.shown, venue.done = venue.shown * 2, venue.done * 2
    assert made.books() == once
    assert told(made.updates(at(2))) == [("i1", S.ACKED, ["4"])]


def test_modify_and_cancel_name_the_brokers_order_and_know_nothing_of_one_that_is_not_shown() -> None:
    made, venue = placed()
    assert made.modify(intent(quantity="7")).state is S.ACKED
    assert made.cancel("i1").state is S.CANCELLED
    assert venue.calls[1:] == ["modify B1 7", "cancel B1"]
    assert (made.modify(intent("i2")).state, made.cancel("i2").state) == (S.UNKNOWN, S.UNKNOWN)
    assert len(venue.calls) == 3


def test_a_position_is_read_by_symbol_and_product_and_is_zero_only_where_the_book_has_none() -> None:
    made, venue = broker()
    venue.held = [
        BrokerPosition("A", Product.MIS, D(5), D(100)), BrokerPosition("A", Product.CNC, D(7), D(100)),
        BrokerPosition("B", Product.MIS, D(-3), D(100)),
    ]  # fmt: skip
    assert [made.position(*of) for of in [("A", Product.MIS), ("B", Product.MIS), ("C", Product.MIS)]] == [5, -3, 0]
    books = made.books()
    assert (books.position("A", Product.CNC), books.cash, books.orders) == (7, 1000, ())


parts = st.lists(st.integers(1, 4), min_size=1, max_size=5)


@given(parts, st.data())
def test_however_the_books_lag_each_other_fills_are_news_once_and_the_end_comes_last(
    parts: list[int], data: st.DataObject
) -> None:
    """The order book runs ahead of the trade book or behind it; lines come twice, and in any order."""
    made, venue = placed()
    total, heard, states = sum(parts), D(0), list[OrderState]()
    listed: list[int] = []
    for shown in [*sorted(data.draw(st.lists(st.integers(0, total), max_size=5))), total]:
        venue.say("B1", filled_quantity=D(shown), state=S.FILLED if shown == total else S.ACKED)
        listed += data.draw(st.lists(st.integers(0, len(parts) - 1), max_size=3))
        heard += _listen(made, venue, listed, parts, states)
    heard += _listen(made, venue, list(range(len(parts))), parts, states)
    assert (heard, states[-1], states.count(S.FILLED)) == (total, S.FILLED, 1)


def _listen(
    made: PolledBroker, venue: ScriptedVenue, listed: list[int], parts: list[int], states: list[OrderState]
) -> Decimal:
    venue.done.clear()
    for number in listed:
        venue.trade("B1", f"t{number}", str(parts[number]))
    updates = made.updates(at(2))
    states += [update.state for update in updates]
    return sum((f.quantity for u in updates for f in u.fills), D(0))

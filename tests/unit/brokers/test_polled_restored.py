"""D5: a broker that has an order already, of which a journal that was restored from an old copy knows nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from livetrader.constraints.gate import approve_exit
from livetrader.domain.books import Identity
from livetrader.domain.instrument import Product
from livetrader.domain.order import Action, OrderIntent, OrderType, Purpose
from livetrader.domain.order_state import OrderState
from livetrader.errors import BrokerUnavailable
from livetrader.ports import Outcome
from tests.unit.brokers.polled_samples import D, S, ScriptedVenue, broker, line, record
from tests.unit.engine.trading_samples import at, intent

STOP = intent("stop", purpose=Purpose.STOP, action=Action.SELL, order_type=OrderType.SL_M)
ENTRY = intent("entry")


def placed_beside(
    order: OrderIntent, identity: Identity, seen: OrderIntent, **changes: object
) -> tuple[Outcome, ScriptedVenue]:
    """What comes of placing `order` when the book, which was read before, shows `seen` as somebody's B7."""
    made, venue = broker(identity)
    venue.shown = [replace(line(seen, "B7", identity), **changes)]  # type: ignore[arg-type]
    made.updates(at(1))
    return made.place(approve_exit(order)), venue


@pytest.mark.parametrize("identity", [Identity.CLIENT_ID, Identity.TAG], ids=str)
@pytest.mark.parametrize("state", [S.ACKED, S.CANCELLED, S.REJECTED], ids=str)
@pytest.mark.parametrize("order", [ENTRY, STOP], ids=["entry", "stop"])
def test_what_the_book_shows_under_our_id_is_ours_and_is_not_sent_again(
    order: OrderIntent, state: OrderState, identity: Identity
) -> None:
    made, venue = broker(identity)
    venue.shown = [replace(line(order, "B7", identity), state=state)]
    made.updates(at(1))
    outcome = made.place(approve_exit(order))
    assert (outcome.state, outcome.broker_order_id, venue.calls) == (S.UNKNOWN, "B7", [])
    assert made.find(record(order)).state is state
    assert [(u.intent_id, u.state, u.broker_order_id) for u in made.updates(at(2))] == [(order.intent_id, state, "B7")]


@pytest.mark.parametrize(
    ("order", "changes", "sent"),
    [
        pytest.param(STOP, {}, False, id="a stop like ours is at work"),
        pytest.param(STOP, {"state": S.CANCELLED}, True, id="it has ended"),
        pytest.param(STOP, {"quantity": D(11)}, True, id="it is for another quantity"),
        pytest.param(STOP, {"action": Action.BUY}, True, id="it opens"),
        pytest.param(STOP, {"product": Product.CNC}, True, id="it is of another product"),
        pytest.param(STOP, {"tag": "somebody"}, True, id="it has somebody's tag"),
        pytest.param(ENTRY, {}, True, id="an entry: the freeze of its symbol is for those"),
    ],
)
def test_where_nothing_of_ours_is_kept_a_second_exit_like_the_one_at_work_is_not_sent(
    order: OrderIntent, changes: dict[str, object], sent: bool
) -> None:
    outcome, venue = placed_beside(order, Identity.FINGERPRINT, order, **changes)
    assert (outcome.state, venue.calls) == ((S.ACKED, ["place"]) if sent else (S.UNKNOWN, []))


def test_the_order_book_is_known_before_the_first_position_is_told() -> None:
    """Whoever reads a position is about to send; without the order book nobody knows what was sent before."""
    made, venue = broker(Identity.TAG)
    venue.shown = [line(STOP, "B7", Identity.TAG)]
    venue.error = BrokerUnavailable("no answer")
    with pytest.raises(BrokerUnavailable):
        made.position("A", Product.MIS)
    venue.error = None
    made.position("A", Product.MIS)
    assert (made.place(approve_exit(STOP)).state, venue.calls) == (S.UNKNOWN, [])

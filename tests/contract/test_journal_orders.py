"""What the order path asks of a journal: which orders are open, when they were sent, on what terms."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from journal_samples import AT, LATER, fill, intent, sent

from livetrader.domain.order import OrderIntent, OrderType, Purpose
from livetrader.domain.order_state import OPEN, IllegalTransition, OrderState
from livetrader.errors import ReconcileMismatch
from livetrader.ports import Journal
from livetrader.store.journal import SqlJournal
from tests.databases import DATABASES

S = OrderState
PATHS = {
    S.INTENT: (),
    S.REFUSED: (S.REFUSED,),
    S.SENT: (S.SENT,),
    S.ACKED: (S.SENT, S.ACKED),
    S.PARTIALLY_FILLED: (S.SENT, S.PARTIALLY_FILLED),
    S.FILLED: (S.SENT, S.FILLED),
    S.CANCELLED: (S.SENT, S.ACKED, S.CANCELLED),
    S.REJECTED: (S.SENT, S.REJECTED),
    S.EXPIRED: (S.SENT, S.EXPIRED),
    S.UNKNOWN: (S.SENT, S.UNKNOWN),
    S.ABANDONED: (S.SENT, S.UNKNOWN, S.ABANDONED),
    S.RECORDED: (S.SENT, S.RECORDED),
}
AMENDABLE = [state for state in PATHS if not state.terminal]


def lead(journal: Journal, state: OrderState, order: OrderIntent | None = None) -> str:
    """Take an order to `state`; its name."""
    order = order or intent()
    journal.intend(order, AT)
    for step in PATHS[state]:
        journal.advance(order.intent_id, step, AT)
    return order.intent_id


def names(records: Any) -> list[str]:
    return [record.intent.intent_id for record in records]


def test_an_order_is_found_by_its_intent(journal: Journal) -> None:
    sent(journal, intent("a"))
    sent(journal, intent("b"))
    assert journal.order("b") == journal.orders()[1]
    assert journal.order("c") is None


def test_open_and_unsent_orders_are_told_apart_from_those_that_have_ended(journal: Journal) -> None:
    """In the order of intending, whatever the order of their names and steps."""
    made = {state: lead(journal, state, intent(f"{99 - i}-{state}")) for i, state in enumerate(PATHS)}
    assert set(PATHS) == set(OrderState), "every state is led to"
    assert names(journal.open_orders()) == [name for state, name in made.items() if state in OPEN]
    assert names(journal.unsent()) == [made[S.INTENT]]


def test_an_order_that_comes_back_after_its_end_is_open_again_in_its_place(journal: Journal) -> None:
    lead(journal, S.ABANDONED, intent("a"))
    lead(journal, S.ACKED, intent("b"))
    journal.advance("a", S.ACKED, LATER, broker_order_id="B1")
    assert names(journal.open_orders()) == ["a", "b"]
    journal.advance("b", S.CANCELLED, LATER)
    assert names(journal.open_orders()) == ["a"]


def test_an_order_says_when_it_was_last_sent(journal: Journal) -> None:
    """Connection refused takes it back to INTENT; the look-up of an unknown order counts from the last SENT."""
    journal.intend(intent(), AT)
    assert journal.orders()[0].sent_at is None
    journal.advance("a", S.SENT, AT)
    journal.advance("a", S.INTENT, LATER)
    assert journal.orders()[0].sent_at == AT
    again = LATER + timedelta(seconds=5)
    journal.advance("a", S.SENT, again)
    journal.advance("a", S.UNKNOWN, again + timedelta(seconds=5))
    assert journal.orders()[0].sent_at == again


@pytest.mark.parametrize("purpose", list(Purpose))
def test_what_an_intent_serves_and_when_it_was_amended_come_back(journal: Journal, purpose: Purpose) -> None:
    order = intent(purpose=purpose, entry_id="entry", amended=1300)
    journal.intend(order, AT)
    assert repr(journal.orders()[0].intent) == repr(order)


NEW_TERMS: dict[str, Any] = {
    "quantity": Decimal("7.5"),
    "limit_price": Decimal("1499.9500"),
    "trigger_price": Decimal("1500.0000"),
    "reason": "trailing",
    "amended": 1600,
}


@pytest.mark.parametrize("state", AMENDABLE)
def test_an_order_takes_new_terms_and_keeps_everything_else(journal: Journal, state: OrderState) -> None:
    order = intent(order_type=OrderType.SL, trigger_price=Decimal(1490), entry_id="entry")
    lead(journal, state, order)
    before = journal.orders()[0]
    journal.amend(replace(order, **NEW_TERMS, price=Decimal(1), strategy="other", as_of=9), LATER)
    after = journal.orders()[0]
    assert repr(after.intent) == repr(replace(order, **NEW_TERMS))
    assert after == replace(before, intent=after.intent, updated_at=LATER)


@pytest.mark.parametrize("state", [state for state in PATHS if state.terminal])
def test_an_order_that_has_ended_is_not_amended(journal: Journal, state: OrderState) -> None:
    lead(journal, state)
    before = journal.orders()
    with pytest.raises(IllegalTransition, match=f"cannot be amended in {state}"):
        journal.amend(replace(intent(), **NEW_TERMS), LATER)
    assert journal.orders() == before


@pytest.mark.parametrize("quantity", ["3.9", "0", "-1"])
def test_an_order_is_not_amended_below_what_has_filled(journal: Journal, quantity: str) -> None:
    sent(journal)
    journal.book(fill(quantity="4"), LATER)
    before = journal.orders()
    with pytest.raises(ReconcileMismatch, match="has filled 4"):
        journal.amend(intent(quantity=quantity), LATER)
    assert journal.orders() == before


def test_an_order_that_nobody_intended_is_not_amended(journal: Journal) -> None:
    with pytest.raises(ReconcileMismatch, match="order a is not in the journal"):
        journal.amend(intent(), AT)


@pytest.mark.parametrize(("quantity", "state"), [("6", S.FILLED), ("8", S.PARTIALLY_FILLED)])
def test_fills_count_against_the_amended_quantity(journal: Journal, quantity: str, state: OrderState) -> None:
    """Invariant I1 holds for what was last asked for."""
    sent(journal)
    journal.book(fill("t1", quantity="4"), LATER)
    journal.amend(intent(quantity=quantity), LATER)
    journal.book(fill("t2", quantity="2"), LATER)
    assert (journal.orders()[0].state, journal.orders()[0].filled_quantity) == (state, 6)
    with pytest.raises(ReconcileMismatch, match=f"of {quantity} INFY"):
        journal.book(fill("t3", quantity="4"), LATER)


def test_a_unit_that_an_exception_leaves_takes_its_amendment_back(journal: Journal) -> None:
    sent(journal)
    lead(journal, S.ACKED, intent("b"))
    before = journal.orders(), names(journal.open_orders())

    def amend_and_fail() -> None:
        with journal.unit():
            journal.amend(replace(intent(), **NEW_TERMS), LATER)
            journal.advance("a", S.CANCELLED, LATER)
            journal.advance("b", S.SENT, LATER)

    with pytest.raises(IllegalTransition):
        amend_and_fail()
    assert (journal.orders(), names(journal.open_orders())) == before


@pytest.mark.parametrize("journal", DATABASES, indirect=True)
def test_an_amendment_is_logged_with_the_old_terms_and_the_new(journal: SqlJournal) -> None:
    sent(journal)
    journal.amend(replace(intent(), **NEW_TERMS), LATER)
    (row,) = journal._select("SELECT payload FROM audit WHERE kind = 'amend'")
    assert row["payload"] == (
        '{"intent_id":"a",'
        '"old":{"quantity":"10","limit_price":null,"trigger_price":null,"intent_reason":"","amended":null},'
        '"new":{"quantity":"7.5","limit_price":"1499.9500","trigger_price":"1500.0000",'
        '"intent_reason":"trailing","amended":1600}}'
    )


@pytest.mark.parametrize("journal", DATABASES, indirect=True)
@pytest.mark.parametrize("query", ["state IN ('SENT', 'UNKNOWN')", "intent_id = 'a'"], ids=["open", "one"])
def test_open_orders_are_found_by_an_index(journal: SqlJournal, query: str) -> None:
    """A year of orders does not slow the order path down."""
    if journal._writer._database.dialect == "sqlite":
        (plan,) = journal._select(f"EXPLAIN QUERY PLAN SELECT * FROM orders WHERE {query}")
        assert plan["detail"].startswith("SEARCH orders USING INDEX")
        return
    # It would rather read a table as small as this one from its beginning.
    journal._select("SELECT set_config('enable_seqscan', 'off', false)")
    plan = journal._select(f"EXPLAIN SELECT * FROM orders WHERE {query}")
    assert "Index" in " ".join(row["QUERY PLAN"] for row in plan)

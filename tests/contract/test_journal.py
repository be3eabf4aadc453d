"""The promises of ports.Journal, kept by the journal in a database and by the one in memory alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from journal_samples import AT, LATER, fill, intent, sent

from livetrader.constraints.verdict import Approved, Check, Refused
from livetrader.domain.candles import Interval
from livetrader.domain.exit_plan import ExitKind, ExitPlan
from livetrader.domain.instrument import Product
from livetrader.domain.order import Action, Fill, OrderIntent, OrderType
from livetrader.domain.order_state import IllegalTransition, OrderState
from livetrader.domain.signal import Side, Signal
from livetrader.errors import ReconcileMismatch
from livetrader.ports import Decision, Journal
from livetrader.store.journal import SqlJournal
from livetrader.store.memory import MemoryJournal

NAN = float("nan")


def signal(**changes: Any) -> Signal:
    base = Signal(
        strategy="momentum_long",
        strategy_id="11",
        symbol="INFY",
        side=Side.LONG,
        interval=Interval.M5,
        bar_open=700,
        as_of=1000,
        price=0.1 + 0.2,
        atr=3.3,
        tag="zone",
        inputs={"effort": 1 / 3, "zone": 0.9},
    )
    return replace(base, **changes)


CHECKS = (Check("funds", True, "", {"available": "100.00"}), Check("limit", False, "too many", {"open": "3"}))
VERDICTS = {
    "no_verdict": None,
    "approved": Approved(intent(), CHECKS[:1]),
    "refused": Refused(intent(), "limit", "too many", {"open": "3"}, CHECKS),
}


# --- intents --------------------------------------------------------------------------------------------


def test_an_intent_is_recorded_once(journal: Journal) -> None:
    """The same identity again is refused, whatever else it says, and changes nothing."""
    assert journal.intend(intent(), AT)
    before = journal.orders()
    assert not journal.intend(intent(quantity="99"), LATER)
    assert journal.orders() == before


INTENTS = {
    "market_entry": intent(),
    "limit": intent(order_type=OrderType.LIMIT, limit_price=Decimal("1E+3"), exit=None),
    "stop": intent(order_type=OrderType.SL_M, trigger_price=Decimal("0.0500"), reason="trailing"),
    "fraction_of_a_coin": intent(quantity="0.000012340", symbol="BTCUSDT", product=Product.NRML),
    "every_number_of_the_plan": intent(
        exit=ExitPlan(
            ExitKind.STEP_TRAIL,
            stop_loss_pct=1.0,
            take_profit_pct=1.5,
            activation_pct=0.9,
            increment_pct=0.1 + 0.2,
            gap_pct=0.2,
            stop_price=97.05,
            target_price=101.15,
            hold_minutes=15.0,
            square_off=False,
            overnight=True,
        )
    ),
    "infinite_distance": intent(exit=ExitPlan(ExitKind.NONE, distance=float("inf"))),
}


@pytest.mark.parametrize("order", INTENTS.values(), ids=INTENTS)
def test_an_intent_comes_back_as_it_was(journal: Journal, order: OrderIntent) -> None:
    """Exactly, by repr: digits of decimals, bits of floats, None, and a NaN, which is not equal to itself."""
    journal.intend(order, AT)
    (record,) = journal.orders()
    assert repr(record.intent) == repr(order)
    assert (record.state, record.created_at, record.updated_at) == (OrderState.INTENT, AT, AT)
    assert (record.filled_quantity, record.average_price, record.broker_order_id) == (0, 0, None)


def test_orders_come_in_the_order_of_intending_and_can_be_cut_by_decision_time(journal: Journal) -> None:
    for name, as_of in (("z", 3000), ("b", 1000), ("m", 2000)):
        journal.intend(intent(name, as_of=as_of), AT)
    assert [r.intent.intent_id for r in journal.orders()] == ["z", "b", "m"]
    assert [r.intent.intent_id for r in journal.orders(since=2000)] == ["z", "m"]


# --- states ---------------------------------------------------------------------------------------------


def test_a_step_of_the_table_is_recorded_with_what_the_broker_said(journal: Journal) -> None:
    name = sent(journal)
    journal.advance(name, OrderState.ACKED, LATER, broker_order_id="B7", reason="received")
    journal.advance(name, OrderState.CANCELLED, LATER)
    (record,) = journal.orders()
    assert (record.state, record.broker_order_id, record.reason) == (OrderState.CANCELLED, "B7", "received")
    assert (record.created_at, record.updated_at) == (AT, LATER)


@pytest.mark.parametrize(
    ("path", "to"),
    [
        ((), OrderState.ACKED),
        ((), OrderState.FILLED),
        ((OrderState.SENT,), OrderState.SENT),
        ((OrderState.SENT, OrderState.UNKNOWN), OrderState.SENT),
        ((OrderState.SENT, OrderState.REJECTED), OrderState.SENT),
        ((OrderState.SENT, OrderState.FILLED), OrderState.CANCELLED),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else str(value),
)
def test_a_step_that_the_table_does_not_have_raises_and_changes_nothing(
    journal: Journal, path: tuple[OrderState, ...], to: OrderState
) -> None:
    journal.intend(intent(), AT)
    for state in path:
        journal.advance("a", state, AT)
    before = journal.orders()
    with pytest.raises(IllegalTransition):
        journal.advance("a", to, LATER)
    assert journal.orders() == before


def test_an_order_that_nobody_intended_cannot_move_or_fill(journal: Journal) -> None:
    with pytest.raises(ReconcileMismatch, match="order a is not in the journal"):
        journal.advance("a", OrderState.SENT, AT)
    with pytest.raises(ReconcileMismatch, match="order a is not in the journal"):
        journal.book(fill(), AT)


# --- fills ----------------------------------------------------------------------------------------------


def test_fills_make_quantity_average_and_state(journal: Journal) -> None:
    name = sent(journal)
    assert journal.book(fill("t1", quantity="4", price="100"), LATER)
    (record,) = journal.orders()
    assert (record.state, record.filled_quantity) == (OrderState.PARTIALLY_FILLED, 4)
    assert journal.book(fill("t2", quantity="6", price="101"), LATER)
    (record,) = journal.orders()
    assert (record.state, record.filled_quantity) == (OrderState.FILLED, 10)
    assert record.average_price == Decimal("100.6")
    assert [(f.trade_id, f.intent_id) for f in journal.fills()] == [("t1", name), ("t2", name)]


def test_a_fill_comes_back_as_it_was(journal: Journal) -> None:
    sent(journal)
    booked = fill(price="1500.1000", filled_at=datetime(2026, 2, 2, 4, 0, 1, 234567, UTC))
    journal.book(booked, LATER)
    assert journal.fills() == [booked]
    assert str(journal.fills()[0].price) == "1500.1000"


@pytest.mark.parametrize("change", [{}, {"charges": Decimal(4)}, {"quantity": Decimal("4.0")}], ids=str)
def test_a_fill_counts_once(journal: Journal, change: dict[str, Any]) -> None:
    """Fault B7: the broker tells of the same trade again, perhaps with charges that it knows better now."""
    sent(journal)
    journal.book(fill(quantity="4"), LATER)
    before = journal.orders(), journal.fills()
    assert not journal.book(replace(fill(quantity="4"), **change), LATER)
    assert (journal.orders(), journal.fills()) == before


def test_the_same_trade_number_at_another_broker_is_another_fill(journal: Journal) -> None:
    sent(journal)
    assert journal.book(fill(quantity="4"), LATER)
    assert journal.book(fill(quantity="4", broker="other"), LATER)
    assert journal.orders()[0].filled_quantity == 8


CONTRADICTIONS = {
    "more_than_intended": fill("t2", quantity="6.5"),
    "another_symbol": fill("t2", quantity="1", symbol="TCS"),
    "the_other_way": fill("t2", quantity="1", action=Action.SELL),
    "nothing": fill("t2", quantity="0"),
    "the_same_trade_with_another_price": fill("t1", quantity="4", price="1"),
    "the_same_trade_with_another_quantity": fill("t1", quantity="5"),
}


@pytest.mark.parametrize("wrong", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_fill_that_contradicts_the_books_raises_and_changes_nothing(journal: Journal, wrong: Fill) -> None:
    """Invariant I1: the fills of an order never exceed what was intended."""
    sent(journal)
    journal.book(fill("t1", quantity="4"), LATER)
    before = journal.orders(), journal.fills()
    with pytest.raises(ReconcileMismatch) as raised:
        journal.book(wrong, LATER)
    assert "\n" not in str(raised.value)
    assert "livetrader reconcile" in str(raised.value)
    assert (journal.orders(), journal.fills()) == before


@pytest.mark.parametrize(
    ("path", "after"),
    [
        ((OrderState.UNKNOWN,), OrderState.PARTIALLY_FILLED),
        ((OrderState.ACKED, OrderState.CANCELLED), OrderState.PARTIALLY_FILLED),
        ((OrderState.ACKED, OrderState.EXPIRED), OrderState.PARTIALLY_FILLED),
        ((OrderState.UNKNOWN, OrderState.ABANDONED), OrderState.PARTIALLY_FILLED),
        ((OrderState.FILLED,), OrderState.FILLED),
    ],
    ids=["unknown_is_found", "after_cancel", "after_expiry", "after_abandonment", "filled_before_its_fills"],
)
def test_a_late_fill_is_kept(journal: Journal, path: tuple[OrderState, ...], after: OrderState) -> None:
    """Fault B10: what was executed is never lost, whatever we had made of the order by then."""
    name = sent(journal)
    for state in path:
        journal.advance(name, state, AT)
    assert journal.book(fill(quantity="4"), LATER)
    assert (journal.orders()[0].state, journal.orders()[0].filled_quantity) == (after, 4)


@pytest.mark.parametrize("state", [OrderState.REJECTED, OrderState.REFUSED])
def test_a_fill_of_a_dead_order_raises(journal: Journal, state: OrderState) -> None:
    journal.intend(intent(), AT)
    if state is OrderState.REJECTED:
        journal.advance("a", OrderState.SENT, AT)
    journal.advance("a", state, AT)
    with pytest.raises(IllegalTransition):
        journal.book(fill(), LATER)
    assert journal.fills() == []


# --- decisions, mark, equity ----------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", VERDICTS.values(), ids=VERDICTS)
def test_a_decision_comes_back_as_it_was(journal: Journal, verdict: Any) -> None:
    decided = Decision(signal(atr=NAN, inputs={"nan": NAN, "inf": float("-inf"), "x": 1e-300}), verdict, "late")
    journal.decide(decided, AT)
    (found,) = journal.decisions(since=0, until=2000)
    assert repr(found) == repr(decided)


def test_a_decision_is_never_made_again(journal: Journal) -> None:
    """Faults M1–M6: one for each strategy, symbol, bar and side; the first stands."""
    journal.decide(Decision(signal(), VERDICTS["refused"]), AT)
    journal.decide(Decision(signal(price=9.0), VERDICTS["approved"]), LATER)
    assert [repr(d) for d in journal.decisions(since=0, until=2000)] == [repr(Decision(signal(), VERDICTS["refused"]))]


@pytest.mark.parametrize("other", [{"strategy": "x"}, {"symbol": "x"}, {"as_of": 1300}, {"side": Side.SHORT}], ids=str)
def test_decisions_differ_by_strategy_symbol_bar_and_side(journal: Journal, other: dict[str, Any]) -> None:
    journal.decide(Decision(signal(), None), AT)
    journal.decide(Decision(signal(**other), None), AT)
    assert len(journal.decisions(since=1000, until=1301)) == 2


def test_decisions_are_cut_by_bar(journal: Journal) -> None:
    for as_of in (1000, 1300, 1600):
        journal.decide(Decision(signal(as_of=as_of), None), AT)
    assert [d.signal.as_of for d in journal.decisions(since=1300, until=1600)] == [1300]


def test_the_mark_never_moves_back(journal: Journal) -> None:
    """Fault T1: a clock that steps back does not make a bar undecided."""
    assert journal.marked() is None
    for as_of in (1000, 1300, 1300, 700):
        journal.mark(as_of, AT)
    assert journal.marked() == 1300


def test_the_last_word_on_the_account_value_stands(journal: Journal) -> None:
    journal.equity(2000, Decimal("10"), Decimal("5"), AT)
    journal.equity(1000, Decimal("9.50"), Decimal("4"), AT)
    journal.equity(2000, Decimal("11"), Decimal("6"), LATER)
    assert journal.equities() == [(1000, Decimal("9.50"), 4), (2000, 11, 6)]


# --- units ----------------------------------------------------------------------------------------------


def everything(journal: Journal) -> str:
    orders, fills, decisions = journal.orders(), journal.fills(), journal.decisions(since=0, until=1 << 40)
    return repr((orders, fills, decisions, journal.marked(), journal.equities()))


def write_some(journal: Journal) -> None:
    journal.decide(Decision(signal(symbol="TCS"), None), AT)
    journal.intend(intent("b"), AT)
    journal.advance("b", OrderState.SENT, AT)
    journal.advance("a", OrderState.UNKNOWN, AT)
    journal.book(fill("t9", of="b", quantity="4"), AT)
    journal.mark(5000, AT)
    journal.equity(5000, Decimal(1), Decimal(1), AT)


def test_a_unit_sees_what_it_wrote_and_keeps_it(journal: SqlJournal | MemoryJournal) -> None:
    sent(journal)
    with journal.unit():
        write_some(journal)
        with journal.unit():
            assert not journal.intend(intent("b"), AT)
        inside = everything(journal)
    assert everything(journal) == inside
    assert len(journal.orders()) == 2


def write_and_fail(journal: SqlJournal | MemoryJournal) -> None:
    with journal.unit():
        write_some(journal)
        journal.advance("b", OrderState.SENT, AT)


def test_a_unit_that_an_exception_leaves_never_happened(journal: SqlJournal | MemoryJournal) -> None:
    sent(journal)
    journal.mark(1000, AT)
    before = everything(journal)
    with pytest.raises(IllegalTransition):
        write_and_fail(journal)
    assert everything(journal) == before
    assert journal.intend(intent("b"), AT), "and the journal goes on"

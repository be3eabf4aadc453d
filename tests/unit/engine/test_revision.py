"""`livetrader modify` of a parent order: other terms for what is still to go out, and never anything sent twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.brokers.loopback.faults import Fault
from livetrader.brokers.polled import PolledBroker
from livetrader.constraints.rules.sanity import LotSanity, PriceCollar
from livetrader.domain.account import HALT
from livetrader.domain.instrument import Instrument, Product
from livetrader.domain.order import Action
from livetrader.domain.order_state import OrderState
from livetrader.domain.parent import Algo, Schedule
from livetrader.engine.by_hand.manual import NotDone, Ticket
from livetrader.engine.by_hand.revision import Terms, revise
from livetrader.engine.orders import OrderPath
from livetrader.engine.parents.execution import Execution, ExecutionKind
from livetrader.engine.parents.schedule import iceberg, revised, twap
from livetrader.ports import Outcome, wall_time
from tests.acceptance.faults.live_account import BY_HAND, DAYS, LiveAccount
from tests.unit.engine.trading_samples import at, intent

D = Decimal
SIX = Execution(ExecutionKind.TWAP, slices=6, over_minutes=30)
BERG = Execution(ExecutionKind.ICEBERG, visible=D(10))


@pytest.fixture
def account(tmp_path: Path) -> Iterator[LiveAccount]:
    """A day at a loopback exchange where A stands at 100: it is 09:25."""
    with closing(LiveAccount(tmp_path)) as made:
        yield made


def begun(account: LiveAccount, quantity: int, execution: Execution = SIX, limit: str | None = None) -> str:
    """A parent by hand that buys so many of A; its name."""
    price = None if limit is None else D(limit)
    ticket = Ticket(1, int(account.clock.now()), Action.BUY, "A", D(quantity), price, stop=D(90), execution=execution)
    account.manual.trade(ticket)
    account.look(2)
    (parent,) = account.journal.parents()
    return parent.parent.name


def modify(account: LiveAccount, name: str, **terms: D | int) -> str:
    return revise(account.manual, int(account.clock.now()), name, Terms(**terms))  # type: ignore[arg-type]


def test_the_child_at_work_is_modified_and_the_next_one_has_the_new_limit(account: LiveAccount) -> None:
    name = begun(account, 30, BERG, "99")
    assert account.working() == ["BUY 10 LIMIT 99"]
    told = modify(account, name, limit_price=D("98.5"))
    assert told.endswith(f"at 98.5 ({name}) as iceberg: 0 filled, 20 to go out")
    assert account.working() == ["BUY 10 LIMIT 98.5"]
    account.exchange.quote("A", 98.0)
    account.look(2)
    account.exchange.quote("A", 99.0)
    account.bar(3)
    assert account.working() == ["SELL 10 SL-M 90", "BUY 10 LIMIT 98.5"]


@pytest.mark.parametrize("fault", [Fault.LOST_REQUEST, Fault.LOST_ANSWER, Fault.REFUSED], ids=str)
@pytest.mark.parametrize("restarted", [False, True], ids=["", "restarted"])
def test_a_modify_without_an_answer_is_asked_again_and_no_second_order_goes_out(
    account: LiveAccount, fault: Fault, restarted: bool
) -> None:
    name = begun(account, 30, BERG, "99")
    account.strike("modify", 1, fault)
    assert "is still at its old price" in modify(account, name, limit_price=D("98.5"))
    if restarted:
        account.start(DAYS[0])
    account.look(5)
    assert (account.working(), account.ours()) == (["BUY 10 LIMIT 98.5"], 1)


@pytest.mark.parametrize("restarted", [False, True], ids=["", "restarted"])
def test_a_child_that_cannot_be_modified_makes_room_for_the_next_one(
    account: LiveAccount, monkeypatch: pytest.MonkeyPatch, restarted: bool
) -> None:
    """Its end is nobody's word against the parent, also for a process that begins in between."""
    name = begun(account, 30, BERG, "99")
    monkeypatch.setattr(PolledBroker, "modify", lambda *_: Outcome(OrderState.REJECTED, reason="not here"))
    modify(account, name, limit_price=D("98.5"))
    assert account.working() == []
    if restarted:
        account.start(DAYS[0])
    account.look(5)
    account.bar(3)
    assert (account.working(), account.ours()) == (["BUY 10 LIMIT 98.5"], 2)


def test_a_child_that_somebody_cancels_ends_its_parent_at_any_terms(account: LiveAccount) -> None:
    name = begun(account, 30, BERG, "99")
    modify(account, name, limit_price=D("98.5"))
    account.look(2)
    account.cancel_all_by_hand()
    account.look(5)
    assert [one.reason for one in account.journal.parents()] == ["a child of it was cancelled"]


@pytest.mark.parametrize("fault", [Fault.LOST_REQUEST, Fault.LOST_ANSWER], ids=str)
def test_a_child_of_unknown_fate_is_left_alone_until_it_is_found(account: LiveAccount, fault: Fault) -> None:
    """One that never arrived is followed by one at the new limit, one that did gets it: it is one order in any case."""
    account.strike("place", 1, fault)
    account.manual.trade(Ticket(1, int(account.clock.now()), Action.BUY, "A", D(30), D(99), execution=BERG))
    (name,) = account.book.parents
    calls = account.line.calls["modify"], account.line.calls["cancel"]
    modify(account, name, limit_price=D("98.5"))
    assert (account.line.calls["modify"], account.line.calls["cancel"]) == calls
    account.look(130)
    account.bar(4)
    account.look(2)
    assert (account.working(), account.ours()) == (["BUY 10 LIMIT 98.5"], 1)


def test_more_of_a_twap_is_spread_over_the_parts_that_are_left(account: LiveAccount) -> None:
    name = begun(account, 60)
    modify(account, name, quantity=D(85))
    for number in range(3, 9):
        account.bar(number)
        account.look(2)
    sizes = [int(one.intent.quantity) for one in account.journal.orders() if one.intent.parent_id == name]
    assert (sizes, account.held()) == ([10, 15, 15, 15, 15, 15], D(85))


def test_less_of_it_is_what_has_gone_out_and_no_less(account: LiveAccount) -> None:
    name = begun(account, 60)
    account.bar(4)
    with pytest.raises(NotDone, match="A: 20 are out already: no less than that"):
        modify(account, name, quantity=D(19))
    modify(account, name, quantity=D(20))
    account.look(2)
    account.bar(5)
    assert account.held() == 20
    assert [one.reason for one in account.journal.parents()] == ["all of it went out"]


def test_another_end_spreads_the_rest_over_the_time_until_then(account: LiveAccount) -> None:
    name = begun(account, 60)
    modify(account, name, over_minutes=10)
    for number in (3, 4, 5):
        account.bar(number)
        account.look(2)
    assert account.held() == 60
    (parent,) = account.journal.parents()
    assert parent.ended_at is not None


def test_how_much_of_an_iceberg_is_seen(account: LiveAccount) -> None:
    name = begun(account, 30, BERG, "99")
    modify(account, name, visible=D(20))
    account.exchange.quote("A", 98.0)
    account.look(2)
    account.exchange.quote("A", 100.0)
    account.bar(3)
    assert "BUY 20 LIMIT 99" in account.working()


def test_the_date_of_an_order_that_lasts(account: LiveAccount) -> None:
    now = int(account.clock.now())
    ticket = Ticket(1, now, Action.BUY, "A", D(10), D(95), product=Product.CNC, lasts=True)
    account.manual.trade(ticket)
    (name,) = account.book.parents
    modify(account, name, until=DAYS[0].closes)
    (parent,) = account.journal.parents()
    assert parent.parent.schedule.until == DAYS[0].closes
    account.to(DAYS[0].closes)
    account.engine.step(DAYS[0].closes)
    account.look(2)
    assert [one.reason for one in account.journal.parents()] == ["its time is over"]


@pytest.mark.parametrize("cut", [False, True], ids=["", "restarted"])
def test_a_restart_goes_on_with_the_new_terms(account: LiveAccount, cut: bool) -> None:
    name = begun(account, 60, limit="101")
    modify(account, name, quantity=D(90), limit_price=D(102), over_minutes=20)
    if cut:
        account.start(DAYS[0])
        account.look(5)
    for number in range(3, 9):
        account.bar(number)
        account.look(3)
    children = [one.intent for one in account.journal.orders() if one.intent.parent_id == name]
    sizes = [(int(one.quantity), one.limit_price) for one in children]
    assert sizes == [(10, 101), *[(20, 102)] * 4]
    assert account.held() == 90


def test_a_child_that_was_written_down_before_goes_out_at_the_new_limit_only(
    account: LiveAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies between its intent and its sending, and the operator does not wait for the next one."""
    name = begun(account, 30, BERG, "99")
    account.exchange.quote("A", 98.0)
    account.look(2)
    account.exchange.quote("A", 100.0)
    with monkeypatch.context() as dying:
        dying.setattr(OrderPath, "_send", _dies)
        with pytest.raises(ZeroDivisionError):
            account.bar(3)
    account.start(DAYS[0])
    modify(account, name, limit_price=D("98.5"))
    account.look(3)
    account.engine.step(at(3))
    assert account.working() == ["SELL 10 SL-M 90", "BUY 10 LIMIT 98.5"]
    account.bar(4)
    assert account.ours() == 3


def _dies(*_: object, **__: object) -> OrderState:
    raise ZeroDivisionError


def test_the_command_says_it_in_text_and_is_carried_out_twice_as_once(account: LiveAccount) -> None:
    """What has parents' terms only is told so, and a date is the end of its day."""
    name = begun(account, 30, BERG, "99")
    for _ in range(2):
        number = account.post("modify", id=name, quantity="40", limit="98", visible="20", over="20")
        account.attend()
        told = account.answer(number)
        assert told is not None
        assert told.ok, told
    (parent,) = account.journal.parents()
    schedule, entry = parent.parent.schedule, parent.parent.entry
    assert (entry.quantity, entry.limit_price, schedule.largest) == (40, 98, 20)
    assert schedule.until == int(account.clock.now()) + 1200
    number = account.post("modify", id="nobody", over="20")
    account.attend()
    told = account.answer(number)
    assert told is not None
    assert told.outcome == "nobody: is no parent order under way, and only those have such terms"


WRONG: dict[str, tuple[Execution, str | None, dict[str, D | int], str]] = {
    "a limit of a market order": (SIX, None, {"limit_price": D(99)}, "--limit: MARKET as twap has no such term"),
    "a trigger": (SIX, None, {"trigger_price": D(99)}, "--trigger: MARKET as twap has no such term"),
    "seen of a twap": (SIX, None, {"visible": D(5)}, "--visible: MARKET as twap has no such term"),
    "a date of a twap": (SIX, None, {"until": 1 << 40}, "--until: MARKET as twap has no such term"),
    "off the tick": (BERG, "99", {"limit_price": D("98.01")}, "must be a positive multiple of the tick"),
    "off the lot": (BERG, "99", {"quantity": D("30.5")}, "must be a positive multiple of the lot"),
    "no lot seen": (BERG, "99", {"visible": D("0.5")}, "visible 0.5: must be a positive multiple of the lot"),
    "more than there is": (SIX, None, {"quantity": D(101)}, "refused: capital_allocation"),
}


@pytest.mark.parametrize(("execution", "limit", "terms", "says"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_changes_nothing(
    account: LiveAccount, execution: Execution, limit: str | None, terms: dict[str, D | int], says: str
) -> None:
    name = begun(account, 30, execution, limit)
    before = account.journal.parents()
    with pytest.raises(NotDone, match=says):
        modify(account, name, **terms)
    assert account.journal.parents() == before


def test_a_price_that_is_a_typing_error_is_refused_also_where_it_makes_less_of_it(account: LiveAccount) -> None:
    name = begun(account, 30, BERG, "99")
    account.manual.rules = (*BY_HAND, PriceCollar(D(20), lambda *_: 100.0))
    with pytest.raises(NotDone, match="refused: price_collar"):
        modify(account, name, limit_price=D(9))
    assert account.working() == ["BUY 10 LIMIT 99"]


def test_a_parent_that_is_over_has_no_terms(account: LiveAccount) -> None:
    name = begun(account, 30, BERG, "99")
    account.manual.cancel(name)
    with pytest.raises(NotDone, match="is over: see `livetrader orders`"):
        modify(account, name, limit_price=D(98))


def test_more_of_it_is_one_decision_with_what_has_filled(account: LiveAccount) -> None:
    """What it has filled and what works of it is not held against it twice, and the whole of it is."""
    name = begun(account, 60)
    account.bar(4)
    account.look(2)
    assert account.held() == 20
    modify(account, name, quantity=D(99))
    account.manual.rules = (*BY_HAND, LotSanity(max_order_value=D(9_950)))
    with pytest.raises(NotDone, match="refused: lot_sanity: order value 10000 is above"):
        modify(account, name, quantity=D(100))


def test_a_halt_refuses_more_and_not_less(account: LiveAccount) -> None:
    name = begun(account, 60, BERG, "99")
    account.journal.latch(HALT, "lunch", wall_time(account.clock))
    account.look()
    for more in ({"quantity": D(70)}, {"limit_price": D("99.5")}):
        with pytest.raises(NotDone, match="refused: not_halted"):
            modify(account, name, **more)
    modify(account, name, quantity=D(50))
    modify(account, name, limit_price=D("98.5"))
    assert account.working() == ["BUY 10 LIMIT 98.5"]


# The schedule by itself.

LOT = Instrument("A", lot=D(5))


@given(
    lots=st.integers(1, 60), more=st.integers(-40, 60), count=st.integers(1, 8), passed=st.integers(0, 8),
    until=st.none() | st.integers(60, 4000),
)  # fmt: skip
def test_what_is_respread_is_the_whole_and_what_was_due_stays_due(
    lots: int, more: int, count: int, passed: int, until: int | None
) -> None:
    entry = intent(quantity=str(lots * 5))
    before = twap(entry, LOT, count, 300 * count, entry.as_of + 100_000)
    now = entry.as_of + 300 * passed
    due = [slot for slot in before.slots if slot.at <= now]
    whole = max(lots + more, 1) * 5
    asked = intent(quantity=str(whole))
    try:
        after = revised(before, asked, LOT, now, until=None if until is None else now + until, count=3)
    except ValueError:
        assert due == list(before.slots)
        assert whole > lots * 5
        return
    assert sum(slot.quantity for slot in after.slots) == whole
    assert [slot.at for slot in after.slots] == sorted({slot.at for slot in after.slots})
    assert all(slot.quantity > 0 and slot.quantity % 5 == 0 for slot in after.slots)
    kept = min(whole, sum((slot.quantity for slot in due), D(0)))
    assert sum(slot.quantity for slot in after.slots if slot.at <= now) == kept
    if until is not None:
        assert after.slots[-1].at <= max(now + until, now + 1)


def test_an_iceberg_keeps_what_is_seen_of_it_where_nothing_else_is_said() -> None:
    before = iceberg(intent(quantity="30"), Instrument("A"), D(10), at(12))
    after = revised(before, intent(quantity="50"), Instrument("A"), at(3))
    assert (after.algo, after.largest, after.slots[0].quantity) == (Algo.ICEBERG, 10, 50)
    assert isinstance(after, Schedule)

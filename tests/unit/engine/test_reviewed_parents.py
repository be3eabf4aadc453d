"""Parent orders as a reviewer found them: what may go wrong between two children, and what must hold all the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import cast

import pytest

from livetrader.brokers.loopback.faults import Fault
from livetrader.brokers.loopback.rules import Ticket as TheirTicket
from livetrader.constraints.verdict import Approved
from livetrader.domain.instrument import Instrument, Product
from livetrader.domain.interval import Interval
from livetrader.domain.order import Action, OrderType
from livetrader.domain.order_state import OrderState
from livetrader.domain.parent import Parent, ParentRecord
from livetrader.engine.backtest import Backtest, KnownSignals
from livetrader.engine.by_hand.adoption import adopt
from livetrader.engine.by_hand.manual import NotDone, Ticket
from livetrader.engine.parents.execution import Execution, ExecutionKind
from livetrader.engine.parents.profile import VolumeProfile
from livetrader.engine.parents.schedule import resting, twap
from livetrader.engine.parents.under_way import UnderWay
from livetrader.engine.tape import WindowTape
from livetrader.errors import DataError
from livetrader.ports import CandleSource, Journal, OrderRecord
from livetrader.reporting.parents import parent_json
from tests.acceptance.faults.live_account import DAYS, LiveAccount
from tests.unit.engine.trading_samples import (
    EXITS,
    Price,
    Rig,
    at,
    calendar,
    flat,
    intent,
    sessions,
    signal,
    sizer,
    tape,
    window,
)

D = Decimal
SIX = Execution(ExecutionKind.TWAP, slices=6, over_minutes=30)
BERG = Execution(ExecutionKind.ICEBERG, visible_pct=D(25))


@pytest.fixture
def account(tmp_path: Path) -> Iterator[LiveAccount]:
    """A day at a loopback exchange: it is 09:25."""
    with closing(LiveAccount(tmp_path)) as made:
        yield made


def begun(
    account: LiveAccount, quantity: int, execution: Execution = SIX, limit: str | None = None, seconds: int = 2
) -> str:
    """A parent by hand that buys so many of A; its name."""
    price = None if limit is None else D(limit)
    account.manual.trade(
        Ticket(1, int(account.clock.now()), Action.BUY, "A", D(quantity), price, stop=D(90), execution=execution)
    )
    account.look(seconds)
    (parent,) = account.journal.parents()
    return parent.parent.name


def children(account: LiveAccount, name: str) -> list[Decimal]:
    """The children of a parent, as large as they went out."""
    return [one.intent.quantity for one in account.journal.orders() if one.intent.parent_id == name]


def test_an_outage_is_not_made_up_for_at_once(account: LiveAccount) -> None:
    """What slots have missed is caught up, up to twice the largest at once, however many passes are made late."""
    name = begun(account, 60)
    account.bar(3)
    before = sum(children(account, name))
    account.to(at(7) + 1)
    for close in (at(4), at(5), at(6), at(7)):  # as LiveSession.scan makes them
        account.engine.step(close)
    account.look(2)
    assert sum(children(account, name)) - before <= 20
    account.bar(8)
    assert account.held() <= 60


def test_a_child_that_is_modified_does_not_make_its_parent_larger(account: LiveAccount) -> None:
    """I1 of a parent: what its children fill is within its quantity."""
    begun(account, 60, limit="99")
    (child,) = account.book.orders.values()
    with suppress(NotDone):
        account.manual.modify(child.intent_id, D(30), None, None)
    for number in range(3, 8):
        account.bar(number)
    account.exchange.quote("A", 98.0)
    account.look(2)
    assert account.held() <= 60


def test_nothing_is_adopted_while_a_parent_is_under_way_there(account: LiveAccount) -> None:
    """Its next child would add to what was taken over."""
    account.strike("place", 1, Fault.REFUSED)
    account.strike("place", 2, Fault.REFUSED)
    account.strike("place", 3, Fault.REFUSED)
    name = begun(account, 60)
    account.look(70)
    assert account.held() == 0
    assert not account.book.orders
    account.exchange.submit(TheirTicket("", "A", Action.BUY, Product.MIS, OrderType.MARKET, D(7)))
    account.look(30)
    assert [(one.symbol, one.quantity) for one in account.journal.externals()] == [("A", D(7))]
    assert name in account.book.parents
    with pytest.raises(NotDone):
        adopt(account.engine, account.reconciler, "A", D(95))


def test_a_child_that_is_found_after_its_parent_is_over_is_cancelled(account: LiveAccount) -> None:
    """Nothing of a parent that was cancelled goes on working, as after a restart."""
    account.strike("place", 1, Fault.LOST_ANSWER)
    name = begun(account, 40, BERG, limit="99", seconds=-1)
    late = dict(account.exchange.orders)
    account.exchange.orders.clear()
    account.manual.cancel(name)
    account.look(120)
    assert name not in account.book.parents
    account.exchange.orders.update(late)
    account.look(5)
    assert account.working() == []


# Schedules, and passes.


def filled(journal: Journal) -> Decimal:
    return sum((one.quantity for one in journal.fills()), D(0))


def test_a_backtest_makes_the_passes_of_the_finest_interval_for_a_parent() -> None:
    """The live loop makes a pass at the close of any interval, also for a symbol whose own bars are longer."""
    days = sessions(1)
    rows = {"A": [flat(100)] * 12, "B": [flat(50)] * 12}
    windows = {
        Interval.M5: window(days, rows),
        Interval.M15: window(days, {name: bars[:4] for name, bars in rows.items()}, Interval.M15),
    }
    desk = sizer(execution=Execution(ExecutionKind.TWAP, slices=3, over_minutes=15))
    first = replace(signal("A", bar=2), interval=Interval.M15, bar_open=at(0))

    def rig() -> Rig:
        return Rig(days, WindowTape(windows, {"A": Interval.M15, "B": Interval.M5}), desk, [first])

    def out(made: Rig) -> list[tuple[int, Decimal]]:
        orders = made.journal.orders()
        return [(one.intent.as_of, one.intent.quantity) for one in orders if one.intent.parent_id]

    events = rig()
    driver = Backtest(events.engine, events.venue, events.clock, KnownSignals([first]), Interval.M5)
    driver.run(days)
    assert out(events) == out(rig().play())


def test_a_parent_of_yesterday_is_no_trade_of_today() -> None:
    """A process that died in the middle of it is begun again the next day; the rules count from nothing."""
    days = sessions(2)
    prices = tape(days, {"A": [flat(100)] * 24})
    rig = Rig(days, prices, sizer(exit=EXITS["none"], execution=SIX), [signal("A", bar=1)]).play(at(4))
    assert filled(rig.journal)
    rig.recover(days[1])
    rig.step(days[1].opens + 300)
    assert not rig.book.entered


def test_a_freeze_quantity_below_a_lot_makes_no_empty_children() -> None:
    """They would go out without an end."""
    instrument = Instrument("A", lot=D(10), freeze_quantity=D(5))
    assert twap(intent(quantity="30"), instrument, 3, 900, at(12)).largest > 0


def test_a_child_that_is_called_filled_before_its_fills_are_told_is_not_sent_again() -> None:
    """A broker may call an order FILLED before it has told of every fill."""
    entry = intent(quantity="30")
    under = UnderWay(Parent(entry, twap(entry, Instrument("A"), 3, 900, at(12))))
    child = replace(entry, intent_id="c0", quantity=D(10), parent_id=entry.intent_id)
    under.opened(child)
    under.closed("c0", OrderState.FILLED, today=True)
    assert under.unsent == 20


@pytest.mark.parametrize("restarted", [False, True], ids=["", "restarted"])
def test_what_can_go_out_no_more_is_reserved_no_more_while_the_rest_works_on(tmp_path: Path, restarted: bool) -> None:
    """Pieces of one order have five minutes; one that is out at its limit stays there for the day."""
    with closing(LiveAccount(tmp_path, freeze=D(10))) as account:
        for nth in range(2, 20):
            account.strike("place", nth, Fault.REFUSED)
        account.buy("30", "90", limit="99")
        account.look(70)
        assert account.book.available == 10_000 - 30 * 99
        account.bar(3)
        account.look(70)
        if restarted:
            account.start(DAYS[0])
            account.look(2)
        account.bar(4)
        assert account.book.available == 10_000 - 10 * 99
        account.bar(5)
        assert (account.working(), len(account.book.parents)) == (["BUY 10 LIMIT 99"], 1)
        account.exchange.quote("A", 98.0)
        account.look(2)
        account.bar(6)
        assert [one.reason for one in account.journal.parents()] == ["its time is over"]


# People, and nights.


def test_a_position_that_is_sold_by_hand_between_two_children_is_not_built_any_further(account: LiveAccount) -> None:
    """The next child was out before the sale was heard of."""
    begun(account, 60)
    account.bar(3)
    account.to(at(4))
    sold = account.held()
    account.exchange.submit(TheirTicket("", "A", Action.SELL, Product.MIS, OrderType.MARKET, sold))
    account.engine.step(at(4))
    bought = account.held()
    account.look(120)
    for number in (5, 6, 7, 8):
        account.bar(number)
        account.look(30)
    assert account.held() <= bought


def test_a_child_of_yesterday_that_the_exchange_has_ended_does_not_end_its_parent(account: LiveAccount) -> None:
    """Brokers call what the session's end ends cancelled, and the process was not there to hear it."""
    entry = intent(limit_price=D(95), order_type=OrderType.LIMIT, product=Product.CNC, bar=1)
    schedule = resting(entry, Instrument("A"), None)
    account.engine.parents.begin(Approved(entry, ()), schedule, int(account.clock.now()))
    account.look(2)
    assert account.working() == ["BUY 10 LIMIT 95"]
    account.to(DAYS[0].closes + 60)
    account.cancel_all_by_hand()
    account.exchange.end_of_day()
    account.morning()
    account.look(5)
    account.to(DAYS[1].opens + 300)
    account.engine.step(DAYS[1].opens + 300)
    assert account.working() == ["BUY 10 LIMIT 95"]


def test_children_do_not_pile_up_in_a_halt(tmp_path: Path) -> None:
    """They would all fill at once, at whatever price the symbol opens again (fault M7: no entry)."""
    prices: dict[str, Sequence[Price | None]] = {
        "A": [flat(100)] * 3 + [None] * 5 + [flat(110)] * 4,
        "B": [flat(100)] * 12,
    }
    with closing(LiveAccount(tmp_path, prices=prices)) as account:
        begun(account, 60)
        account.exchange.halt("A", on=True)
        for number in range(3, 8):
            account.bar(number)
            account.look(2)
        assert account.working() == ["SELL 10 SL-M 90", "BUY 10 MARKET"]


def test_all_of_a_twap_goes_out_where_bars_are_longer_than_its_slots() -> None:
    """In a quiet market nothing is missed, so nothing is left over."""
    days = sessions(1)
    bars = WindowTape({Interval.M15: window(days, {"A": [flat(100)] * 4}, Interval.M15)}, {"A": Interval.M15})
    first = replace(signal("A", bar=2), interval=Interval.M15, bar_open=at(0))
    rig = Rig(days, bars, sizer(exit=EXITS["none"], execution=SIX), [first])
    rig.engine.start(days[0])
    for close in (at(3), at(6), at(9)):
        rig.step(close)
    (parent,) = rig.journal.parents()
    assert filled(rig.journal) == parent.parent.entry.quantity


def test_a_sale_over_time_does_not_close_a_position_at_once(account: LiveAccount) -> None:
    """Only entries go out over time: who asks for ten slices, or for a limit, does not want all of it at market."""
    account.buy("60", "90")
    account.look(2)
    with pytest.raises(NotDone, match="at once"):
        account.manual.trade(Ticket(2, int(account.clock.now()), Action.SELL, "A", D(60), execution=SIX))
    account.look(10)
    assert (account.held(), account.working()) == (D(60), ["SELL 60 SL-M 90"])


@pytest.mark.parametrize("back", [0, 1200], ids=["its command waited", "the clock was set back"])
def test_an_order_over_time_whose_time_is_over_before_it_begins_sends_nothing(account: LiveAccount, back: int) -> None:
    """The last pass was made after its end: the next look ends it, and it reserves nothing any more."""
    short = Execution(ExecutionKind.TWAP, slices=1, over_minutes=5)
    asked, free = int(account.clock.now()), account.engine.book.available
    account.bar(4)
    account.clock.step(-back)
    given = int(account.clock.now()) if back else asked
    account.manual.trade(Ticket(1, given, Action.BUY, "A", D(60), stop=D(90), execution=short))
    account.look(1)
    (parent,) = account.journal.parents()
    assert (children(account, parent.parent.name), parent.reason) == ([], "its time is over")
    assert account.engine.book.available == free


class Unreadable:
    """Candles that cannot be read just now."""

    def finest(self, symbols: Sequence[str]) -> dict[str, Interval]:
        raise DataError(f"{', '.join(symbols)}: the connection is gone")


def test_a_profile_that_cannot_be_read_keeps_no_pass_from_being_made() -> None:
    """The pass would be made again and again, with all that it decides."""
    days = sessions(3)
    profile = VolumeProfile(cast(CandleSource, Unreadable()), calendar(days))
    assert profile("A", days[2], [0, 300, 600]) == [1.0, 1.0]


def test_what_is_left_of_a_parent_is_told_without_what_may_turn_up_yet() -> None:
    """An abandoned child is never sent again, so it is not left to go out."""
    entry, then = intent(quantity="30"), datetime.fromtimestamp(at(2), UTC)
    parent = Parent(entry, twap(entry, Instrument("A"), 3, 900, at(12)))
    child = replace(entry, intent_id="c0", quantity=D(10), parent_id=entry.intent_id)
    lost = OrderRecord(child, OrderState.ABANDONED, None, D(0), D(0), "", then, then)
    assert parent_json(ParentRecord(parent, then, then), [lost])["left"] == "20"

"""Faults of the table in docs/faults.md, one at a time, through a whole day; and that the table is true of the tests.

Whatever else happens, the world checks its invariants after every step: these tests say what is expected beyond.
"""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from crash_scenarios import HANDS, PARTS, TRAIL, Day, begun, live, opened, steps

from livetrader.brokers.loopback.faults import Fault, Strike
from livetrader.brokers.loopback.profiles import FINGERPRINT, OPEN_ONLY, STRICT, TAG_SCAN, Profile
from livetrader.constraints.verdict import Refused
from livetrader.domain.instrument import Product
from livetrader.domain.order import Action, OrderType, Purpose
from livetrader.domain.order_state import OrderState
from livetrader.domain.signal import Side
from livetrader.faultsim.market import BAR, MOMENTS, OPENS
from livetrader.faultsim.world import World

ROOT = Path(__file__).parents[3]
ZERO = Decimal(0)
PROFILES = (STRICT, OPEN_ONLY, TAG_SCAN, FINGERPRINT)
every_profile = pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)


def entries(world: World) -> list[OrderState]:
    """What became of the entries, in the order in which they were intended."""
    return [record.state for record in world.journal.orders() if record.intent.purpose is Purpose.ENTRY]


def placed(world: World) -> list[str]:
    """The tags of our orders at the venue."""
    return [order.ticket.tag for order in world.exchange.orders.values() if order.ticket.tag]


def entered(world: World) -> int:
    """How many orders at the venue buy."""
    return sum(order.ticket.action is Action.BUY for order in world.exchange.orders.values())


@every_profile
@pytest.mark.parametrize("fault", [Fault.LOST_REQUEST, Fault.LOST_ANSWER], ids=["b1", "b2"])
def test_b1_b2_an_entry_whose_answer_is_lost_is_asked_for_once(fault: Fault, profile: Profile) -> None:
    """Abandoned where it never arrived, adopted where it did; sent a second time in no case."""
    with begun(TRAIL, profile) as world:
        world.line.add([("place", 1, fault)])
        for _ in steps(world, TRAIL):
            pass
        arrived = fault is Fault.LOST_ANSWER
        assert entries(world) == [OrderState.FILLED if arrived else OrderState.ABANDONED]
        assert opened(world.exchange) == ({"AAA": 300} if arrived else {})


@every_profile
@pytest.mark.parametrize(("refusals", "becomes"), [(1, OrderState.FILLED), (3, OrderState.EXPIRED)])
def test_b3_an_entry_that_could_not_be_sent_goes_out_when_it_can_or_not_at_all(
    refusals: int, becomes: OrderState, profile: Profile
) -> None:
    with begun(TRAIL, profile) as world:
        world.line.add([("place", nth, Fault.REFUSED) for nth in range(1, refusals + 1)])
        for _ in steps(world, TRAIL):
            pass
        assert (len(world.line.strikes), entries(world)) == (refusals, [becomes])
        assert opened(world.exchange) == ({"AAA": 300} if becomes is OrderState.FILLED else {})


@every_profile
@pytest.mark.parametrize("day", [PARTS, TRAIL], ids=lambda day: day.name)
def test_b7_what_the_broker_says_twice_is_applied_once(day: Day, profile: Profile) -> None:
    """Answers to orders and every line of both books, doubled all day: the same trades, the same money."""
    calls = [
        (operation, nth) for operation in ("place", "modify", "cancel", "orders", "trades") for nth in range(1, 80)
    ]
    with begun(day, profile) as world:
        world.line.add([(operation, nth, Fault.DUPLICATED) for operation, nth in calls])
        for _ in steps(world, day):
            pass
        doubled, cash = world.exchange.trades, world.book.cash
    with begun(day, profile) as world:
        for _ in steps(world, day):
            pass
        assert (world.exchange.trades, world.book.cash) == (doubled, cash)


@every_profile
def test_b8_an_order_that_the_books_show_late_stays_pending(profile: Profile) -> None:
    """Acknowledged, and in no book for 150 s: no second order; then its fill is booked and its stop follows."""
    with begun(TRAIL, profile) as world:
        world.line.add([("place", 1, Strike(Fault.LATE_BOOK, seconds=150.0))])
        for step in steps(world, TRAIL):
            if step == len(MOMENTS) + 1:
                (order,) = world.book.orders.values()
                assert (order.purpose, len(placed(world))) == (Purpose.ENTRY, 1), "100 s later it is under way"
        assert opened(world.exchange) == {"AAA": 300}
        assert set(Counter(placed(world)).values()) == {1}


@pytest.mark.parametrize("profile", [STRICT, OPEN_ONLY], ids=lambda profile: profile.name)
def test_b9_the_stop_is_sized_to_what_has_filled(profile: Profile) -> None:
    sizes = set()
    with begun(PARTS, profile) as world:
        for _ in steps(world, PARTS):
            held = world.book.positions.get("AAA")
            if held is not None and held.stop is not None:
                sizes.add((abs(held.position.quantity), world.book.unfilled[held.stop]))
    assert len(sizes) > 1, "it grew with its entry"
    assert {held - stop for held, stop in sizes} == {0}


@pytest.mark.parametrize("profile", [STRICT, TAG_SCAN], ids=lambda profile: profile.name)
def test_b10_a_stop_that_fills_while_it_is_cancelled_is_the_exit(profile: Profile) -> None:
    """The race is lost on the first cancel of the day, for an exit at the target: nothing more is sold."""
    with begun(PARTS, profile) as world:
        world.line.add([("cancel", 1, Fault.CANCEL_RACE)])
        for _ in steps(world, PARTS):
            pass
        sold = sum(fill.quantity for fill in world.journal.fills() if fill.action == "SELL")
        types = [o.ticket.order_type for o in world.exchange.orders.values() if o.filled and o.ticket.action == "SELL"]
        assert (sold, types) == (300, [OrderType.SL_M])


@every_profile
@pytest.mark.parametrize("marked", [True, False], ids=["after the mark", "before the mark"])
def test_p3_restarted_within_the_bar_the_same_signal_is_one_order(marked: bool, profile: Profile) -> None:
    """The pass is made once more, as by a scheduler that knows of nothing: same intent, no second order.

    No rule is left that would refuse it: nothing but its identity keeps it from going out again.
    """
    points = live(TRAIL, profile).points.names
    first = points.index("before_mark") + 1
    with begun(TRAIL, profile, () if marked else {first}) as world:
        TRAIL.deeds[0][1](world)
        for _ in MOMENTS:
            world.tick()
        if marked:
            world.kill()
        assert (len(world.crashes), entered(world)) == (1, 1)
        world.engine.rules = ()
        world.engine.step(OPENS + BAR)
        assert (entered(world), len(entries(world))) == (1, 1)
        assert len(world.journal.decisions(since=0, until=2**40)) == 1


@every_profile
@pytest.mark.parametrize("seconds", [-3600, 3600], ids=["back", "forth"])
@pytest.mark.parametrize("day", [HANDS, TRAIL], ids=lambda day: day.name)
def test_t1_a_clock_that_is_set_by_an_hour_acts_on_no_bar_twice(day: Day, seconds: int, profile: Profile) -> None:
    """Set after the entries, and set right again a bar later. Each close was decided once, each order is one."""
    normal = opened(live(day, profile).exchange)
    with begun(day, profile) as world:
        for step in steps(world, day):
            if step == len(MOMENTS):
                world.step_clock(seconds)
            elif step == 2 * len(MOMENTS):
                world.step_clock(-seconds)
        rows = world.journal.decisions(since=0, until=2**40)
        decided = Counter((row.signal.as_of, row.signal.symbol) for row in rows)
        assert set(decided.values()) == {1}
        assert set(Counter(placed(world)).values()) == {1}
        assert opened(world.exchange) == normal


@every_profile
def test_o1_a_position_closed_by_hand_is_closed_in_the_ledger_and_its_stop_cancelled(profile: Profile) -> None:
    with begun(HANDS, profile) as world:
        for step in steps(world, HANDS):
            if step == 4 * len(MOMENTS) - 1:
                stops = [o.state for o in world.exchange.orders.values() if o.ticket.symbol == "BBB" and o.ticket.tag]
                assert (stops, world.book.own("BBB", Product.MIS)) == ([OrderState.FILLED, OrderState.CANCELLED], ZERO)
        (hand,) = (one for one in world.journal.orders() if one.intent.purpose is Purpose.RECONCILE)
        assert (hand.intent.symbol, hand.filled_quantity, hand.state) == (
            "BBB",
            Decimal(300),
            OrderState.FILLED,
        )
        assert [alert.key.split(":")[0] for alert in world.journal.alerts()] == ["hand"]


@every_profile
def test_o2_trades_by_others_freeze_their_symbol_and_are_not_traded(profile: Profile) -> None:
    """What they bought is there until the broker squares it off, and no signal brings us in beside it."""
    with begun(HANDS, profile) as world:
        for step in steps(world, HANDS):
            if step == 0:
                world.trade_by_hand("AAA", 20)
            if step == 2 * len(MOMENTS):
                assert world.book.frozen.get("AAA", "").startswith("position +20 is not ours")
                world.signal("AAA", Side.LONG)
        (wanted,) = (row for row in world.journal.decisions(since=0, until=2**40) if row.signal.symbol == "AAA")
        assert isinstance(wanted.verdict, Refused)
        assert wanted.verdict.rule == "symbol_free"
        assert {order.ticket.symbol for order in world.exchange.orders.values() if order.ticket.tag} == {"BBB", "CCC"}


# The table.

GATE = {"B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B9", "B10", "P1", "P2", "P3", "P4", "D1", "D2", "D3", "T1",
        "O1", "O2", "O3"}  # fmt: skip
ROW = re.compile(r"^\| (● )?([A-Z]\d+(?:, [A-Z]\d+)*) \|[^|]*\|[^|]*\|([^|]*)\|$", re.M)


def table() -> list[tuple[bool, list[str], list[str]]]:
    """Of each row: whether it gates a release, its ids, the tests that it names."""
    found = ROW.findall((ROOT / "docs" / "faults.md").read_text(encoding="utf-8"))
    return [(bool(gate), ids.split(", "), re.findall(r"`(test_\w+)`", tests)) for gate, ids, tests in found]


def test_the_table_names_tests_that_exist() -> None:
    files = [file.read_text(encoding="utf-8") for file in ROOT.glob("tests/**/test_*.py")]
    known = {name for text in files for name in re.findall(r"def (test_\w+)", text)}
    named = {test for _, _, tests in table() for test in tests}
    assert len(named) > 50, "the table is read"
    assert sorted(named - known) == []


def test_each_fault_that_gates_a_release_has_a_test_named_after_it() -> None:
    gated = {fault: tests for gate, ids, tests in table() if gate for fault in ids}
    assert gated.keys() == GATE
    assert [f for f, tests in gated.items() if not any(f"_{f.lower()}_" in test for test in tests)] == []

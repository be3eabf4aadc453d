"""Orders by hand: the same records, rules and identity as a strategy's."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from livetrader.constraints.rules.latches import NotHalted, SymbolFree
from livetrader.constraints.rules.money import Leverage, PositionSize
from livetrader.constraints.rules.sanity import PriceCollar
from livetrader.constraints.rules.timing import BarFreshness
from livetrader.domain.exit_plan import ExitReason
from livetrader.domain.instrument import Instrument, Product
from livetrader.domain.order import Action, OrderType, Purpose, TimeInForce
from livetrader.domain.order_state import OrderState
from livetrader.engine.by_hand.manual import Manual, NotDone, Ticket
from livetrader.engine.by_hand.scaling import adjust, reduce
from livetrader.engine.parents.execution import Execution, ExecutionKind
from livetrader.ports import Outcome
from tests.unit.engine.trading_samples import BAR, RULES, Rig, at, flat, sessions, tape

D = Decimal
DAYS = sessions()


@pytest.fixture
def rig() -> Rig:
    """Ten minutes into a session in which A stays at 100."""
    made = Rig(DAYS, tape(DAYS, {"A": [flat(100.0)] * 12, "B": [flat(50.0)] * 12}))
    made.engine.start(DAYS[0])
    made.step(at(2))
    return made


def manual(rig: Rig) -> Manual:
    collar = PriceCollar(D(20), lambda symbol, *_: {"A": 100.0, "B": 50.0}.get(symbol), needed=True)
    prices = {"A": D(100), "B": D(50)}
    return Manual(rig.engine, (NotHalted(), SymbolFree(), BarFreshness(60), collar, *RULES), prices.get)


def ticket(number: int = 1, action: Action = Action.BUY, symbol: str = "A", quantity: str = "10", **terms: D) -> Ticket:
    return Ticket(number, at(2), action, symbol, D(quantity), **terms)


def test_a_command_carried_out_twice_is_one_order(rig: Rig) -> None:
    """A crash between the order and the answer: the command is found again, and done again."""
    first = manual(rig).trade(ticket())
    rig.recover(DAYS[0])
    again = manual(rig).trade(ticket())
    assert first.endswith("ACKED")
    assert again == f"already done: {first}"
    assert len(rig.journal.orders()) == 1


def test_two_commands_are_two_orders(rig: Rig) -> None:
    manual(rig).trade(ticket(1, symbol="A"))
    manual(rig).trade(ticket(2, symbol="B"))
    assert len({one.intent.intent_id for one in rig.journal.orders()}) == 2


@pytest.mark.parametrize(
    ("terms", "kind"),
    [
        ({}, OrderType.MARKET),
        ({"limit_price": D(99)}, OrderType.LIMIT),
        ({"trigger_price": D(101)}, OrderType.SL_M),
        ({"trigger_price": D(101), "limit_price": D(102)}, OrderType.SL),
    ],
    ids=lambda one: str(one) if isinstance(one, OrderType) else None,
)
def test_the_kind_of_order_follows_from_its_prices(rig: Rig, terms: dict[str, D], kind: OrderType) -> None:
    manual(rig).trade(ticket(**terms))
    (one,) = rig.journal.orders()
    assert (one.intent.order_type, one.intent.strategy, one.state) == (kind, "manual", OrderState.ACKED)


def test_its_stop_rests_at_the_venue_and_never_trails(rig: Rig) -> None:
    manual(rig).trade(ticket(stop=D("98")))
    for bar in range(3, 8):
        rig.step(at(bar))
    (stop,) = (one for one in rig.journal.orders() if one.intent.purpose is Purpose.STOP)
    assert (stop.intent.trigger_price, stop.intent.quantity, stop.state) == (D(98), D(10), OrderState.ACKED)


REFUSED = {
    "not a multiple of the lot": (ticket(quantity="0.5"), "multiple of the lot"),
    "off the tick": (ticket(limit_price=D("99.97")), "multiple of the tick"),
    "a stop above a long": (ticket(stop=D(101)), "wrong side"),
    "no price": (ticket(symbol="NOSUCH"), "no price is known"),
    "outside the collar": (ticket(limit_price=D(70)), "price_collar"),
    "more than there is": (ticket(quantity="200"), "capital_allocation"),
    "an old command": (Ticket(1, at(2) - 61, Action.BUY, "A", D(10)), "bar_freshness"),
}


@pytest.mark.parametrize(("asked", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_sends_nothing(rig: Rig, asked: Ticket, reason: str) -> None:
    with pytest.raises(NotDone, match=reason):
        manual(rig).trade(asked)
    assert not rig.journal.orders()


def test_a_refusal_is_on_record_with_its_rules(rig: Rig) -> None:
    with pytest.raises(NotDone):
        manual(rig).trade(ticket(quantity="200"))
    (decision,) = rig.journal.decisions(since=0, until=1 << 40)
    assert decision.signal.strategy == "manual"
    assert type(decision.verdict).__name__ == "Refused"


def test_i8_a_halt_refuses_entries_and_lets_exits_go(rig: Rig) -> None:
    manual(rig).trade(ticket())
    rig.step(at(3))
    rig.journal.latch("halt", "lunch", rig.journal.orders()[0].created_at)
    rig.engine.monitor()
    with pytest.raises(NotDone, match="not_halted: halt: lunch"):
        manual(rig).trade(Ticket(2, at(3), Action.BUY, "B", D(10)))
    assert manual(rig).close("A") == "closing 10 A"
    rig.step(at(4))
    assert not rig.book.positions


def test_nothing_is_bought_at_the_floor_of_the_account_whatever_the_last_close_was(rig: Rig) -> None:
    """What is open is closed in the next pass, as if the close had found it."""
    manual(rig).trade(ticket())
    rig.step(at(3))
    rig.engine.floor = rig.engine.value(at(3))
    with pytest.raises(NotDone, match=r"not_halted: portfolio_stop: the account is worth .*, its floor is "):
        manual(rig).trade(Ticket(2, at(3), Action.BUY, "B", D(10)))
    rig.step(at(4))
    rig.step(at(5))
    assert not rig.book.positions


def test_a_sale_of_all_that_is_held_closes_it_and_of_less_is_not_done(rig: Rig) -> None:
    manual(rig).trade(ticket())
    rig.step(at(3))
    with pytest.raises(NotDone, match=r"exactly as many"):
        manual(rig).trade(Ticket(2, at(3), Action.SELL, "A", D(4)))
    manual(rig).trade(Ticket(3, at(3), Action.SELL, "A", D(10)))
    rig.step(at(4))
    assert not rig.book.positions
    assert rig.journal.orders()[-1].intent.reason == "manual"


def test_close_without_a_symbol_leaves_nothing(rig: Rig) -> None:
    manual(rig).trade(ticket(1))
    rig.step(at(3))
    manual(rig).trade(Ticket(2, at(3), Action.BUY, "B", D(10), limit_price=D(45)))
    manual(rig).close(None)
    rig.step(at(4))
    assert not rig.book.positions
    assert not rig.book.orders


def test_an_entry_is_modified_under_the_same_rules(rig: Rig) -> None:
    hand = manual(rig)
    hand.trade(ticket(limit_price=D(90)))
    (name,) = rig.book.orders
    assert hand.modify(name, D(20), D(91), None).startswith("modified: BUY 20 A LIMIT at 91")
    assert rig.venue.resting[name].limit_price == D(91)
    for terms, reason in (
        ((D(200), None, None), "capital_allocation"),
        ((None, D(70), None), "price_collar"),
        ((None, None, D(95)), "--trigger: a LIMIT order has no such price"),
        ((D("0.5"), None, None), "multiple of the lot"),
    ):
        with pytest.raises(NotDone, match=reason):
            hand.modify(name, *terms)
    assert (rig.venue.resting[name].quantity, rig.venue.resting[name].limit_price) == (D(20), D(91))


def test_an_entry_that_is_modified_is_not_counted_beside_itself() -> None:
    limits = (PositionSize(D(20)), Leverage(D("0.2")))
    made = Rig(DAYS, tape(DAYS, {"A": [flat(100.0)] * 12}), rules=(*RULES, *limits))
    made.engine.start(DAYS[0])
    made.step(at(2))
    hand = Manual(made.engine, (*RULES, *limits), {"A": D(100)}.get)
    hand.trade(ticket(limit_price=D(90)))
    (name,) = made.book.orders
    assert hand.modify(name, D(20), D(100), None).startswith("modified: BUY 20 A LIMIT at 100")
    with pytest.raises(NotDone, match=r"position_size: position: 2100\.00 is more than 2000\.00, 20 % of 10000\.00"):
        hand.modify(name, D(21), None, None)


def test_an_entry_is_cancelled_and_a_stop_is_not(rig: Rig) -> None:
    hand = manual(rig)
    hand.trade(ticket(stop=D(98)))
    rig.step(at(3))
    (stop,) = rig.book.orders
    with pytest.raises(NotDone, match="protects A: run `livetrader close A`"):
        hand.cancel(stop)
    hand.trade(Ticket(2, at(3), Action.BUY, "B", D(10), limit_price=D(45)))
    entry = next(name for name in rig.book.orders if name != stop)
    assert hand.cancel(entry).startswith("cancelled")
    with pytest.raises(NotDone, match="no order of ours under way"):
        hand.cancel(entry)


def flat_days(*bars: float) -> Rig:
    """Two sessions of A at these prices, and at the last of them from then on."""
    days = sessions(2)
    prices = [flat(price) for price in bars] + [flat(bars[-1])] * (24 - len(bars))
    made = Rig(days, tape(days, {"A": prices}))
    made.engine.start(days[0])
    made.step(at(2))
    return made


def test_a_bracket_leaves_by_its_target_and_never_by_both() -> None:
    """The stop rests at the venue; a target that is reached cancels it before the exit goes out."""
    prices = [flat(100)] * 4 + [(100, 104, 100, 104)] + [flat(104)] * 7
    made = Rig(DAYS, tape(DAYS, {"A": prices}))
    made.engine.start(DAYS[0])
    made.step(at(2))
    manual(made).trade(ticket(stop=D(98), target=D(103)))
    for bar in range(3, 8):
        made.step(at(bar))
    told = [(one.intent.purpose, one.state, one.intent.reason) for one in made.journal.orders()]
    assert told == [
        (Purpose.ENTRY, OrderState.FILLED, "by hand"),
        (Purpose.STOP, OrderState.CANCELLED, "stop"),
        (Purpose.EXIT, OrderState.FILLED, "target"),
    ]
    assert [one.price for one in made.journal.fills()] == [100, 103]


def test_a_stop_by_hand_trails_by_percent_of_the_price_at_the_order() -> None:
    made = flat_days(100, 100, 100, 110)
    manual(made).trade(ticket(trail_pct=D(2)))
    levels = []
    for bar in (3, 4, 5):
        made.step(at(bar))
        levels.append(made.book.positions["A"].exit.stop)
    assert levels == [98, 108, 108]


def test_what_is_added_has_the_average_price_and_one_stop_for_all() -> None:
    made = flat_days(100, 100, 100, 102)
    manual(made).trade(ticket(stop=D(98)))
    made.step(at(3))
    with pytest.raises(NotDone, match="one_position_per_symbol"):
        manual(made).trade(Ticket(2, at(3), Action.BUY, "A", D(10)))
    manual(made).trade(Ticket(3, at(3), Action.BUY, "A", D(10), add=True))
    made.step(at(4))
    made.step(at(5))
    held = made.book.positions["A"]
    assert (held.position.quantity, held.position.average_price) == (20, 101)
    assert [made.book.unfilled[name] for name in held.stops] == [20]
    with pytest.raises(NotDone, match="nothing is held"):
        manual(made).trade(Ticket(4, at(5), Action.BUY, "B", D(10), add=True))


def test_what_is_added_is_of_the_product_that_is_held() -> None:
    """As another product it would be another position at the broker, beside a stop that is too large for either."""
    made = flat_days(100, 100, 100, 100)
    manual(made).trade(ticket(stop=D(98), product=Product.NRML))
    made.step(at(3))
    with pytest.raises(NotDone, match="it is held as NRML: give --product NRML"):
        manual(made).trade(Ticket(2, at(3), Action.BUY, "A", D(10), add=True))


def test_what_would_add_ends_with_the_position_that_it_adds_to() -> None:
    made = flat_days(100, 100, 100, 97)
    manual(made).trade(ticket(stop=D(98)))
    made.step(at(3))
    manual(made).trade(Ticket(2, at(3), Action.BUY, "A", D(10), limit_price=D(90), add=True))
    for bar in (4, 5):
        made.step(at(bar))
    assert [one.state for one in made.journal.orders() if one.intent.limit_price] == [OrderState.CANCELLED]


@pytest.mark.parametrize(("limit", "state"), [("101", "FILLED"), ("99", "EXPIRED")], ids=["met", "not met"])
def test_immediate_or_cancelled_is_for_one_bar(limit: str, state: str) -> None:
    made = flat_days(100, 100, 100, 90)
    manual(made).trade(ticket(limit_price=D(limit), tif=TimeInForce.IOC))
    for bar in (3, 4):
        made.step(at(bar))
    assert made.journal.orders()[0].state == state


def lasting(until: int | None = None) -> Rig:
    """A buy at 95 that lasts, in a market that comes there on the second day."""
    made = flat_days(*[100] * 14, 94)
    manual(made).trade(ticket(limit_price=D(95), product=Product.CNC, lasts=True, until=until))
    return made


def test_an_order_that_lasts_is_a_day_order_in_each_session_until_it_fills() -> None:
    """It survives the night and the process."""
    made = lasting()
    for bar in range(3, 13):
        made.step(at(bar))
    days = made.days
    made.recover(days[1])
    for bar in range(1, 5):
        made.step(days[1].opens + bar * BAR)
    states = [one.state for one in made.journal.orders() if one.intent.purpose is Purpose.ENTRY]
    assert states == [OrderState.EXPIRED, OrderState.FILLED]
    assert made.book.positions["A"].position.quantity == 10
    assert [one.reason for one in made.journal.parents()] == ["all of it went out"]


def test_it_ends_with_its_date() -> None:
    made = lasting(DAYS[0].closes)
    for bar in range(3, 13):
        made.step(at(bar))
    assert (made.book.parents, [one.reason for one in made.journal.parents()]) == ({}, ["its time is over"])


def test_a_date_that_is_over_is_no_end() -> None:
    """It would go out at once, and might fill before it is cancelled."""
    with pytest.raises(NotDone, match="--until is over"):
        lasting(DAYS[0].opens)


def test_an_order_that_lasts_is_no_margin_order() -> None:
    with pytest.raises(NotDone, match="--product CNC or NRML"):
        manual(flat_days(100)).trade(ticket(limit_price=D(95), lasts=True))


def test_an_order_over_time_is_told_and_cancelled_by_its_own_id(rig: Rig) -> None:
    twap = Execution(ExecutionKind.TWAP, slices=5, over_minutes=25)
    said = manual(rig).trade(ticket(execution=twap))
    assert said.endswith("as twap: 0 filled, 8 to go out")
    rig.recover(DAYS[0])
    assert manual(rig).trade(ticket(execution=twap)) == f"already done: {said}"
    (name,) = rig.book.parents
    rig.step(at(3))
    assert "2 filled, 6 to go out" in manual(rig).cancel(name)
    rig.step(at(4))
    assert [one.reason for one in rig.journal.parents()] == ["by hand"]
    assert rig.book.positions["A"].position.quantity == 2


def holding_ten() -> Rig:
    """Ten of A with a stop at 98, in a market that stays at 100."""
    made = flat_days(100)
    manual(made).trade(ticket(stop=D(98)))
    made.step(at(3))
    return made


def stops(made: Rig) -> list[tuple[D, D | None]]:
    held = made.book.positions["A"]
    return [(made.book.unfilled[name], made.book.orders[name].trigger_price) for name in held.stops]


def test_a_part_is_taken_out_and_the_rest_stays_protected() -> None:
    """The stop makes room before the part is sold: together they never close more than is held."""
    made = holding_ten()
    said = reduce(made.engine, 7, at(3), "A", D(4))
    assert (said.split(":")[1].strip(), stops(made)) == ("ACKED", [(6, 98)])
    made.recover(DAYS[0])
    assert reduce(made.engine, 7, at(3), "A", D(4)) == f"already done: {said}"
    made.step(at(4))
    assert (made.book.positions["A"].position.quantity, stops(made)) == (6, [(6, 98)])
    assert made.book.positions["A"].leaving is None
    made.step(at(5))
    assert made.book.positions["A"].position.quantity == 6, "and no more than that"


@pytest.mark.parametrize(
    ("terms", "exit"),
    [
        ({"limit_price": D(105)}, "--target 105"),
        ({"trigger_price": D(97)}, "--stop 97"),
        ({"trigger_price": D(97), "limit_price": D(96)}, "--stop 97"),
    ],
    ids=["a limit", "a trigger", "both"],
)
def test_a_position_is_not_sold_at_market_where_a_price_was_asked_for(terms: dict[str, D], exit: str) -> None:
    made = holding_ten()
    with pytest.raises(NotDone, match=f"to leave it at a price run `livetrader protect A {exit}`"):
        manual(made).trade(replace(ticket(2, Action.SELL, **terms), as_of=at(3)))
    assert (made.book.positions["A"].leaving, stops(made)) == (None, [(10, 98)])


@pytest.mark.parametrize("quantity", ["0", "10", "11", "0.5"])
def test_a_part_is_less_than_is_held_and_on_the_grid(quantity: str) -> None:
    made = holding_ten()
    with pytest.raises(NotDone, match="less than is held"):
        reduce(made.engine, 7, at(3), "A", D(quantity))
    assert stops(made) == [(10, 98)]


def test_a_part_is_no_larger_than_one_order_may_be() -> None:
    """Nothing is asked of the stop for an exit that the exchange would reject."""
    made = holding_ten()
    made.book.sizer = replace(made.book.sizer, instruments={"A": Instrument("A", freeze_quantity=D(3))})
    with pytest.raises(NotDone, match="one order may be for 3 at most: take out so much, then the rest"):
        reduce(made.engine, 7, at(3), "A", D(4))
    assert stops(made) == [(10, 98)]


def test_a_part_that_does_not_go_out_leaves_the_whole_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, and not when the trader looks again."""
    made, rejected = holding_ten(), Outcome(OrderState.REJECTED, reason="no margin")
    right = made.path.broker.place
    monkeypatch.setattr(
        type(made.path.broker),
        "place",
        lambda _, one: rejected if one.intent.reason == ExitReason.REDUCED else right(one),
    )
    with pytest.raises(NotDone, match="no margin"):
        reduce(made.engine, 7, at(3), "A", D(4))
    assert stops(made) == [(10, 98)]


@pytest.mark.parametrize(
    ("target", "held"), [("15", "15"), ("4", "4"), ("10", "10"), ("0", "")], ids=["more", "less", "as it is", "none"]
)
def test_a_position_is_brought_to_a_quantity(target: str, held: str) -> None:
    made = holding_ten()
    adjust(manual(made), 7, at(3), "A", D(target))
    made.step(at(4))
    made.step(at(5))
    left = made.book.positions.get("A")
    assert ("" if left is None else f"{left.position.quantity:f}") == held
    if left is not None:
        assert stops(made) == [(D(held), 98)]


def test_what_still_goes_into_a_position_is_not_added_once_more() -> None:
    """Asked twice for fifteen, by commands of their own while the first one's order works, it is fifteen."""
    made = holding_ten()
    by_hand = manual(made)
    said = adjust(by_hand, 7, at(3), "A", D(15))
    for target in ("15", "10", "4"):
        with pytest.raises(NotDone, match="A: an entry is under way, and would come on top"):
            adjust(by_hand, 8, at(3), "A", D(target))
    assert adjust(by_hand, 7, at(3), "A", D(15)) == f"already done: {said}"
    made.step(at(4))
    assert made.book.positions["A"].position.quantity == 15


def test_the_rest_of_a_parent_still_goes_into_a_position() -> None:
    made = Rig(DAYS, tape(DAYS, {"A": [flat(100.0)] * 12}))
    made.engine.start(DAYS[0])
    made.step(at(2))
    slowly = Execution(ExecutionKind.TWAP, slices=4, over_minutes=20)
    manual(made).trade(ticket(quantity="20", execution=slowly))
    made.step(at(3))
    with pytest.raises(NotDone, match="A: an entry is under way"):
        adjust(manual(made), 7, at(3), "A", D(10))
    adjust(manual(made), 8, at(3), "A", D(0))
    made.step(at(4))
    made.step(at(8))
    assert made.book.positions == {}


def test_nothing_is_added_to_a_position_that_is_being_closed() -> None:
    made = holding_ten()
    by_hand = manual(made)
    by_hand.close("A")
    for add in (
        lambda: by_hand.trade(ticket(7, quantity="5", add=True)),
        lambda: adjust(by_hand, 8, at(3), "A", D(15)),
    ):
        with pytest.raises(NotDone, match="A: is being closed: see `livetrader orders`"):
            add()
    made.step(at(4))
    assert [str(one.intent.purpose) for one in made.journal.orders()] == ["entry", "stop", "exit"]

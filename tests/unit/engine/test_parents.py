"""Parents under way: what goes out, what stops it, and what they count as."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from livetrader.domain.order import Purpose
from livetrader.domain.order_state import OrderState
from livetrader.engine.parents.execution import Execution, ExecutionKind
from livetrader.engine.sizing import ExitSettings
from tests.unit.engine.faulty import LOST, REJECTED, Faulty
from tests.unit.engine.trading_samples import (
    BAR,
    EXITS,
    Rig,
    at,
    flat,
    sessions,
    signal,
    sizer,
    tape,
)

D = Decimal
TWAP = Execution(ExecutionKind.TWAP, slices=3, over_minutes=15)
ICEBERG = Execution(ExecutionKind.ICEBERG, visible_pct=D(50))
DAYS = sessions(2, bars=12, square_off=10 * BAR)
RISING = [flat(100 + row / 10) for row in range(12)]


def rig_of(
    execution: Execution = TWAP, prices: list[tuple[float, ...]] | None = None, exit: ExitSettings = EXITS["none"],
    freeze: str | None = None, line: Faulty | None = None,
) -> Rig:  # fmt: skip
    """A strategy that buys 20 of A at the close of the first bar."""
    bars = {"A": prices or RISING, "B": RISING}
    broker = (lambda venue: venue) if line is None else line.over
    desk = sizer(exit, execution=execution, freeze=freeze)
    return Rig(DAYS, tape(DAYS, bars), desk, [signal()], broker=broker).play(at(1))


def children(rig: Rig) -> list[tuple[str, str]]:
    """Quantity and state of each, in the order of going out."""
    entries = (one for one in rig.journal.orders() if one.intent.purpose is Purpose.ENTRY)
    return [(f"{one.intent.quantity:f}", one.state.value) for one in entries]


def ended(rig: Rig) -> str:
    (parent,) = rig.journal.parents()
    return parent.reason


def test_it_is_one_trade_and_counts_whole_until_it_is_over() -> None:
    """Filled, at work and still to go out: each unit counts once, at every moment."""
    rig = rig_of()
    free = rig.book.available
    for bar in (1, 2, 3, 4):
        if bar > 1:
            rig.step(at(bar))
        held = rig.book.positions.get("A")
        # Reserved at the price of the decision, 100, until it fills: then it takes what was paid.
        dearer = D(0) if held is None else held.margin - held.position.quantity * 100
        assert abs(free - rig.book.available - dearer) < D("1e-9"), "an average price is rounded"
        assert len(rig.book.entered) == 1
        exposure = rig.book.exposure(at(bar), signal("B", bar=bar - 1))
        assert ("A" in exposure.pending, "A" in exposure.held) == (bar == 1, bar > 1)
    assert (rig.book.positions["A"].position.quantity, ended(rig)) == (20, "all of it went out")
    assert rig.book.parents == {}


def test_the_stop_grows_with_what_has_filled() -> None:
    rig = rig_of(exit=replace(EXITS["percent"], take_profit_pct=50.0))
    sizes = []
    for bar in (2, 3, 4):
        rig.step(at(bar))
        (stop,) = [one for one in rig.book.orders.values() if one.purpose is Purpose.STOP]
        sizes.append((f"{stop.quantity:f}", f"{rig.book.positions['A'].position.quantity:f}"))
    assert sizes == [("7", "7"), ("13", "13"), ("20", "20")]


def test_a_halt_keeps_children_back_and_the_next_one_catches_up() -> None:
    """Invariant I8. What was missed goes out with what is due, up to twice a slot."""
    rig = rig_of()
    rig.journal.latch("halt", "by hand", rig.engine._at())
    rig.step(at(2))
    assert children(rig) == [("7", "FILLED")]
    rig.journal.unlatch("halt", rig.engine._at())
    rig.step(at(3))
    assert children(rig) == [("7", "FILLED"), ("13", "ACKED")]


def test_a_parent_that_was_kept_back_until_its_end_is_no_exposure_any_more() -> None:
    rig = rig_of()
    free = rig.book.available
    rig.journal.latch("halt", "by hand", rig.engine._at())
    for bar in (2, 3, 4):
        rig.step(at(bar))
    assert (children(rig), ended(rig)) == ([("7", "FILLED")], "its time is over")
    assert rig.book.available > free + 1000


def test_no_child_goes_out_while_the_fate_of_one_is_unknown() -> None:
    """At most one of unknown fate; it is never sent again, and counts until it is known."""
    line = Faulty(places={Purpose.ENTRY: [(LOST, False)]}, hidden=True)
    rig = rig_of(line=line)
    rig.step(at(2))
    assert children(rig) == [("7", "UNKNOWN")]
    rig.clock.sleep(400)
    rig.step(at(4) - 1)
    assert children(rig)[0] == ("7", "ABANDONED")
    assert sum(D(quantity) for quantity, _ in children(rig)) == 20, "what may have arrived is not sent again"


@pytest.mark.parametrize("answer", [REJECTED], ids=["rejected"])
def test_a_broker_that_says_no_ends_it(answer: object) -> None:
    """At once, and written down: the next entry of the same pass takes its place."""
    line = Faulty(places={Purpose.ENTRY: [(answer, False)]})  # type: ignore[list-item]
    rig = rig_of(line=line)
    assert (children(rig), ended(rig)) == ([("7", "REJECTED")], "a child of it was rejected")
    assert rig.book.entered == {}


def test_a_stop_that_is_reached_ends_it() -> None:
    falling = [flat(100), flat(100), (100, 100, 90, 90), *[flat(90)] * 9]
    rig = rig_of(prices=falling, exit=EXITS["percent"])
    for bar in (2, 3):
        rig.step(at(bar))
    assert ended(rig) == "its position was closed"
    rig.step(at(4))
    assert sum(D(quantity) for quantity, _ in children(rig)) < 20


def test_an_iceberg_shows_one_child_at_a_time_until_the_square_off() -> None:
    still = [flat(100)] * 6 + [(100, 100, 99, 99)] + [flat(99)] * 5
    rig = rig_of(ICEBERG, prices=still)
    for bar in range(2, 13):
        working = [one for one in rig.book.orders.values() if one.purpose is Purpose.ENTRY]
        assert len(working) <= 1
        rig.step(at(bar))
    assert children(rig) == [("10", "FILLED"), ("10", "FILLED")]
    never = rig_of(ICEBERG)  # the market runs away
    for bar in range(2, 11):
        never.step(at(bar))
    assert (children(never), ended(never)) == ([("10", "CANCELLED")], "its time is over")


def test_an_entry_above_the_freeze_quantity_goes_out_at_once_in_pieces_with_stops_in_pieces() -> None:
    rig = rig_of(Execution(), exit=EXITS["percent"], freeze="8")
    assert children(rig) == [("8", "ACKED"), ("8", "ACKED"), ("4", "ACKED")]
    rig.step(at(2))
    held = rig.book.positions["A"]
    assert [f"{rig.book.unfilled[name]:f}" for name in held.stops] == ["8", "8", "4"]
    assert {rig.book.orders[name].trigger_price for name in held.stops} == {D("99.45")}


def test_a_child_that_somebody_cancels_ends_it() -> None:
    rig = rig_of(ICEBERG)
    (working,) = rig.book.orders
    rig.path.cancel(working, "by hand")
    rig.step(at(2))
    assert (children(rig), ended(rig)) == ([("10", "CANCELLED")], "a child of it was cancelled")


def test_after_a_crash_only_what_is_left_goes_out() -> None:
    rig = rig_of()
    rig.step(at(2))
    rig.recover(DAYS[0])
    (under,) = rig.book.parents.values()
    assert (under.filled, under.rest, under.works) == (7, 7, True)
    for bar in (3, 4):
        rig.step(at(bar))
    assert children(rig) == [("7", "FILLED"), ("6", "FILLED"), ("7", "FILLED")]
    assert OrderState.UNKNOWN not in {one.state for one in rig.journal.orders()}

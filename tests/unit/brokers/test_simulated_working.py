"""Orders that rest at the simulated venue: moved, looked up, read against; and what that leaves behind."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.brokers.simulated import FillModel, SimulatedBroker
from livetrader.constraints.verdict import Approved
from livetrader.domain.costs import charge_table
from livetrader.domain.instrument import Instrument, Product
from livetrader.domain.order import OrderIntent, OrderType, Purpose, closing
from livetrader.domain.order_state import OrderState
from livetrader.domain.signal import Side
from livetrader.ports import OrderRecord, OrderUpdate
from tests.unit.engine.trading_samples import BAR, DAY, Price, at, calendar, flat, intent, plain, sessions, tape

S = OrderState
DAYS = sessions(2, bars=6, square_off=5 * BAR)
CLOSE = DAYS[0].closes


def venue(bars: list[Price | None], held: str = "10") -> SimulatedBroker:
    """A venue over two sessions of six bars of symbol A, at which some of it is held."""
    model = FillModel(Decimal(0), charge_table("none"))
    made = SimulatedBroker(tape(DAYS, {"A": bars}), model, lambda s: Instrument(s), calendar(DAYS).at)
    made.held = {"A": Decimal(held)}
    return made


def stop(trigger: str, bar: int = 0, side: Side = Side.LONG, **changes: Any) -> OrderIntent:
    """A protective stop that is effective from the close of `bar` on."""
    return intent(
        "s", side=side, bar=bar, action=closing(side), purpose=Purpose.STOP, order_type=OrderType.SL_M,
        trigger_price=Decimal(trigger), exit=None, **changes,
    )  # fmt: skip


def moved(order: OrderIntent, trigger: str, bar: int, **changes: Any) -> OrderIntent:
    """The stop at another level, known at the close of `bar`."""
    return replace(order, trigger_price=Decimal(trigger), amended=at(bar + 1), **changes)


def resting(bars: list[Price | None], order: OrderIntent, held: str = "10") -> SimulatedBroker:
    made = venue(bars, held)
    assert made.place(Approved(order, ())).state is S.ACKED
    return made


def filled(updates: list[OrderUpdate]) -> list[tuple[str, str, int]]:
    """Quantity, price and bar of each fill."""
    return [
        (plain(f.quantity), plain(f.price), int(f.filled_at.timestamp() - at(0)) // BAR)
        for u in updates
        for f in u.fills
    ]


@pytest.mark.parametrize(
    ("side", "levels", "bars"),
    [
        pytest.param(Side.LONG, ("98", "103"), [(100, 106, 99, 105), (105, 105, 102, 103)], id="long"),
        pytest.param(Side.SHORT, ("102", "97"), [(100, 101, 94, 95), (95, 98, 95, 97)], id="short"),
    ],
)
def test_a_moved_stop_is_tested_only_on_bars_that_open_after_the_move_was_known(
    side: Side, levels: tuple[str, str], bars: list[Price]
) -> None:
    """Bar 1 raises the level, and its own other extreme lies beyond it: it has not been there with that stop."""
    order = stop(levels[0], 0, side)
    made = resting([flat(100), *bars], order, "10" if side is Side.LONG else "-10")
    assert made.modify(moved(order, levels[1], 1)).state is S.ACKED
    assert made.updates(at(2)) == []
    assert filled(made.updates(at(3))) == [("10", levels[1], 2)]


def test_the_bar_before_the_move_is_not_tested_at_the_old_level_any_more() -> None:
    """Whoever moves a stop has seen the bars before; what they reached, they have filled."""
    order = stop("98")
    made = resting([flat(100), flat(100), (100, 100, 97, 99), flat(99)], order)
    made.modify(moved(order, "96", 2))
    assert made.updates(at(5)) == []


def test_a_changed_quantity_is_what_fills() -> None:
    order = stop("98")
    made = resting([flat(100), (100, 100, 97, 98)], order)
    made.modify(replace(order, quantity=Decimal(4)))
    assert filled(made.updates(at(2))) == [("4", "98", 1)]
    assert made.position("A", Product.MIS) == 6


@pytest.mark.parametrize("ended", ["cancelled", "filled", "never there"])
def test_an_order_that_does_not_rest_cannot_be_moved_and_is_not_brought_back(ended: str) -> None:
    order = stop("98")
    made = venue([flat(100), (100, 100, 97, 98), flat(90)])
    if ended != "never there":
        made.place(Approved(order, ()))
        made.cancel("s") if ended == "cancelled" else made.updates(at(2))
    held = made.position("A", Product.MIS)
    answer = made.modify(moved(order, "95", 1))
    assert (answer.state, answer.reason, made.resting) == (S.REJECTED, "no such open order", {})
    assert (made.updates(at(3)), made.position("A", Product.MIS)) == ([], held)


def test_an_order_is_found_while_it_rests() -> None:
    order = stop("98")
    record = OrderRecord(order, S.UNKNOWN, None, Decimal(0), Decimal(0), "", DAYS[0].open_at, DAYS[0].open_at)
    made = venue([flat(100), (100, 100, 97, 98)])
    assert made.find(record).state is S.UNKNOWN
    made.place(Approved(order, ()))
    assert made.find(record).state is S.ACKED
    made.cancel("s")
    assert made.find(record).state is S.UNKNOWN


def test_a_position_is_what_was_bought_less_what_was_sold_and_zero_where_nothing_was() -> None:
    made = venue([flat(100)] * 4, held="0")
    made.place(Approved(intent(), ()))
    assert made.position("A", Product.MIS) == 0
    made.updates(at(2))
    assert (made.position("A", Product.MIS), made.position("B", Product.MIS)) == (10, 0)
    out = intent("x", bar=1, action=closing(Side.LONG), purpose=Purpose.EXIT, exit=None, quantity="4")
    made.place(Approved(out, ()))
    made.updates(at(3))
    assert made.position("A", Product.MIS) == 6


def test_an_intraday_stop_that_was_not_reached_expires_with_the_session_and_closes_nothing() -> None:
    """It is no exit: at the close it must not sell what another order sells as well."""
    made = resting([flat(100)] * 6, stop("98"))
    assert made.updates(CLOSE - BAR) == []
    (update,) = made.updates(CLOSE)
    assert (update.state, update.fills, made.position("A", Product.MIS)) == (S.EXPIRED, (), 10)


def test_the_stop_of_what_is_held_over_rests_through_the_night() -> None:
    made = resting([flat(100)] * 6 + [(97, 98, 96, 97)], stop("98", product=Product.CNC))
    assert made.updates(CLOSE) == []
    assert filled(made.updates(DAYS[1].opens + BAR)) == [("10", "97", DAY // BAR)]


rows = st.lists(
    st.tuples(st.integers(95, 105), st.integers(0, 4), st.integers(0, 4)).map(
        lambda r: (float(r[0]), float(r[0] + r[1]), float(r[0] - r[2]), float(r[0]))
    ),
    min_size=6, max_size=6,
)  # fmt: skip


@given(rows, st.lists(st.integers(90, 99), min_size=5, max_size=5), st.booleans())
def test_a_stop_that_is_moved_at_every_close_fills_on_the_first_bar_that_reaches_its_level_of_that_bar(
    bars: list[Price], levels: list[int], late: bool
) -> None:
    """Told once more as a plain loop; and asking for news late gives the same as asking at every close."""
    order = stop(str(levels[0]))
    made, expected = resting(list(bars), order), None
    for bar in range(1, 6):
        level = float(levels[bar - 1])
        if bar > 1:
            made.modify(moved(order, str(levels[bar - 1]), bar - 1))
        opened, _, low, _ = bars[bar]
        if low <= level or opened <= level:
            expected = ("10", f"{min(opened, level):.0f}", bar)
            break
        if not late and bar < 5:
            assert made.updates(at(bar + 1)) == []
    assert filled(made.updates(CLOSE)) == ([] if expected is None else [expected])

"""The realistic fill model, order by order: what a bar has room for, when an order arrives, what it pays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.brokers.simulated import SimulatedBroker
from livetrader.constraints.verdict import Approved
from livetrader.domain.costs import charge_table
from livetrader.domain.instrument import Instrument, Product
from livetrader.domain.order import Action, OrderIntent, OrderType, Purpose, closing
from livetrader.domain.order_state import OrderState
from livetrader.domain.signal import Side
from livetrader.ports import OrderUpdate
from tests.unit.engine.trading_samples import (
    BAR,
    Price,
    at,
    calendar,
    fill_model,
    flat,
    intent,
    plain,
    realism,
    sessions,
    tape,
)

LONG, SHORT, S = Side.LONG, Side.SHORT, OrderState
DAYS = sessions(2, bars=6, square_off=5 * BAR)
CLOSE = DAYS[0].closes
MARKET, LIMIT, SL_M = OrderType.MARKET, OrderType.LIMIT, OrderType.SL_M


def venue(bars: Sequence[Price | None], charges: str = "none", lot: str = "1", **numbers: object) -> SimulatedBroker:
    """A venue over two sessions of six bars of symbol A, each with a volume of 100 unless it says otherwise."""
    model = fill_model("0", charges, realism(**numbers))
    return SimulatedBroker(tape(DAYS, {"A": bars}), model, lambda s: Instrument(s, lot=Decimal(lot)), calendar(DAYS).at)


def place(broker: SimulatedBroker, quantity: str = "25", **changes: object) -> OrderIntent:
    order = intent(quantity=quantity, **changes)  # type: ignore[arg-type]
    broker.place(Approved(order, ()))
    return order


def leave(broker: SimulatedBroker, quantity: str = "25", side: Side = LONG, **changes: object) -> OrderIntent:
    """What closes a position of `side`: at market, unless `changes` say otherwise."""
    broker.held["A"] = side.sign * Decimal(quantity)
    terms = {"name": "x", "side": side, "action": closing(side), "purpose": Purpose.EXIT, "exit": None}
    return place(broker, quantity, **{**terms, **changes})


def filled(updates: Sequence[OrderUpdate]) -> list[tuple[str, str, int]]:
    """Quantity, price and bar of each fill."""
    return [
        (plain(f.quantity), plain(f.price), int(f.filled_at.timestamp() - at(0)) // BAR)
        for u in updates
        for f in u.fills
    ]


def test_an_order_larger_than_a_bar_has_room_for_fills_on_the_bars_after_it() -> None:
    broker = venue([flat(100), flat(101), flat(102), flat(103), flat(104)])
    place(broker)
    (first,) = broker.updates(at(2))
    assert (first.state, filled([first])) == (S.PARTIALLY_FILLED, [("10", "101", 1)])
    assert broker.updates(at(2)) == [], "a bar fills once"
    (rest,) = broker.updates(at(4))
    assert (rest.state, filled([rest])) == (S.FILLED, [("10", "102", 2), ("5", "103", 3)])
    assert (broker.held["A"], broker.resting) == (25, {})


@pytest.mark.parametrize(
    ("bars", "expected"),
    [
        pytest.param([flat(1), flat(101, 0), flat(102)], [("10", "102", 2)], id="a bar without volume fills nothing"),
        pytest.param([flat(1), flat(101, float("nan")), flat(102)], [("10", "102", 2)], id="nor one of unknown volume"),
        pytest.param([flat(1), flat(101, 49), flat(102)], [("10", "102", 2)], id="nor one of less than a lot"),
        pytest.param([flat(1), flat(101, 99), flat(102)], [("5", "101", 1), ("5", "102", 2)], id="whole lots"),
        pytest.param([flat(1), None, flat(102)], [("10", "102", 2)], id="a bar that is not there"),
    ],
)
def test_what_a_bar_fills(bars: list[Price | None], expected: list[tuple[str, str, int]]) -> None:
    broker = venue(bars, lot="5")
    place(broker, "10")
    assert filled(broker.updates(at(3))) == expected


def test_a_symbol_without_volume_does_not_trade_and_its_entry_expires() -> None:
    """Indices, and candles whose vendor has no volumes: no room is assumed where none is known."""
    broker = venue([flat(100, 0)] * 6)
    place(broker)
    (update,) = broker.updates(CLOSE)
    assert (update.state, update.fills) == (S.EXPIRED, ())


def test_all_orders_of_a_symbol_share_the_room_of_a_bar() -> None:
    broker = venue([flat(100), flat(101), flat(102)])
    place(broker, "6")
    place(broker, "6", name="i2")
    assert filled(broker.updates(at(2))) == [("6", "101", 1), ("4", "101", 1)]
    assert filled(broker.updates(at(3))) == [("2", "102", 2)]


def test_what_is_left_of_an_entry_expires_with_the_session_and_what_filled_stays() -> None:
    broker = venue([flat(100)] * 12)
    place(broker, "100")
    (update,) = broker.updates(DAYS[1].closes)
    assert (update.state, len(update.fills), broker.held["A"]) == (S.EXPIRED, 5, 50)


@pytest.mark.parametrize("side", Side)
def test_what_is_left_of_an_exit_at_the_sessions_end_is_closed_at_the_last_price_with_the_cap(side: Side) -> None:
    broker = venue([flat(100)] * 6, slippage_cap_bps=50.0, slippage_floor_bps=0.0)
    leave(broker, side=side, bar=4)
    (update,) = broker.updates(CLOSE)
    worse = "99.5025" if side is LONG else "100.5"
    assert (update.state, filled([update])) == (S.FILLED, [("10", "100", 5), ("15", worse, 6)])
    assert broker.held["A"] == 0


def test_an_exit_of_what_is_held_over_goes_on_in_the_next_session() -> None:
    broker = venue([flat(100)] * 5 + [flat(101), flat(102), flat(103)])
    leave(broker, product=Product.CNC, bar=4)
    assert filled(broker.updates(CLOSE)) == [("10", "101", 5)]
    tomorrow = DAYS[1].opens
    assert [(f.quantity, f.price) for u in broker.updates(tomorrow + 2 * BAR) for f in u.fills] == [
        (10, 102),
        (5, 103),
    ]


def test_a_stop_fills_what_its_bar_has_room_for_and_is_a_market_order_from_then_on() -> None:
    broker = venue([flat(100), (100, 100, 97, 99), (99.5, 101, 99, 100), flat(98)])
    leave(broker, purpose=Purpose.STOP, order_type=SL_M, trigger_price=Decimal(98))
    assert filled(broker.updates(at(4))) == [("10", "98", 1), ("10", "99.5", 2), ("5", "98", 3)]


def test_a_stop_that_gaps_fills_at_the_open() -> None:
    broker = venue([flat(100), (95, 96, 94, 95), flat(96)])
    leave(broker, "15", purpose=Purpose.STOP, order_type=SL_M, trigger_price=Decimal(98))
    assert filled(broker.updates(at(3))) == [("10", "95", 1), ("5", "96", 2)]


def test_a_stop_that_is_reached_on_a_bar_without_room_fills_at_the_next_open() -> None:
    broker = venue([flat(100), (100, 100, 97, 99, 0), flat(99.5)])
    leave(broker, "10", purpose=Purpose.STOP, order_type=SL_M, trigger_price=Decimal(98))
    assert filled(broker.updates(at(3))) == [("10", "99.5", 2)]


def test_a_target_takes_what_its_bar_has_room_for_and_ends() -> None:
    """Its stop is cancelled: the trader has to bring the rest out, and does."""
    broker = venue([flat(100), (100, 103, 100, 101), (103, 104, 103, 104)])
    leave(broker, order_type=LIMIT, limit_price=Decimal(102))
    (update,) = broker.updates(at(3))
    assert (update.state, filled([update])) == (S.EXPIRED, [("10", "102", 1)])
    assert update.reason == "its bar has no more volume for us"


def test_a_bar_that_gave_an_order_its_second_part_has_no_room_for_others() -> None:
    """Later parts are spread over their bar: no stop of the position fills beside them, at a size that it never had."""
    broker = venue([flat(100), flat(100), flat(100)])
    place(broker, "12")
    broker.updates(at(2))
    stop = intent(
        "s", quantity="10", action=closing(LONG), purpose=Purpose.STOP, order_type=SL_M, trigger_price=Decimal(100),
        bar=1, exit=None,
    )  # fmt: skip
    broker.place(Approved(stop, ()))
    assert filled(broker.updates(at(3))) == [("2", "100", 2)]


@pytest.mark.parametrize(
    ("latency_ms", "bar"),
    [
        pytest.param(0, 1, id="none: the next bar"),
        pytest.param(250, 1, id="a quarter of a second: the bar that it arrives in"),
        pytest.param(BAR * 1000 - 1, 1, id="just before that bar is over"),
        pytest.param(BAR * 1000, 2, id="a bar: the one after it"),
        pytest.param(2 * BAR * 1000 + 250, 3, id="two bars and a bit"),
    ],
)
@pytest.mark.parametrize("side", Side)
def test_latency_says_which_bar_an_order_can_first_fill_on(latency_ms: int, bar: int, side: Side) -> None:
    broker = venue([flat(100)] * 6, latency_ms=latency_ms)
    order = place(broker, "10", side=side)
    assert broker.next_event(order) == at(bar + 1)
    assert filled(broker.updates(CLOSE)) == [("10", "100", bar)]


def test_a_stop_and_a_target_are_there_already() -> None:
    for order_type, terms in ((SL_M, {"trigger_price": Decimal(98)}), (LIMIT, {"limit_price": Decimal(102)})):
        broker = venue([flat(100), (100, 103, 97, 100)], latency_ms=BAR * 1000)
        purpose = Purpose.STOP if order_type is SL_M else Purpose.EXIT
        leave(broker, "5", order_type=order_type, purpose=purpose, **terms)
        assert [bar for *_, bar in filled(broker.updates(at(2)))] == [1]


# Bars of ln(high/low) = ln 1.01 have σ = 59.76 bps; 100 at about 100 trade 10,000.
MOVING: Price = (100, 101, 100, 100)


@pytest.mark.parametrize(
    ("numbers", "price"),
    [
        pytest.param({"slippage_floor_bps": 10.0}, "100.1", id="the floor"),
        pytest.param({"volatility_weight": 0.5}, "100.2988", id="volatility: 0.5 × 59.76"),
        pytest.param({"participation_weight": 5.0}, "100.25", id="participation: 5 bps × 5 %"),
        pytest.param({"latency_ms": 75_000}, "100.2988", id="latency: σ √(75 s / 300 s)"),
        pytest.param({"volatility_weight": 9.0}, "101", id="the cap"),
        pytest.param({"impact_coefficient": 1.0}, "100.1336", id="impact: 59.76 × √(500 / 10,000)"),
        pytest.param({"impact_coefficient": 2.0}, "100.2672", id="twice the coefficient"),
    ],
)
def test_what_a_market_order_pays(numbers: dict[str, object], price: str) -> None:
    broker = venue([MOVING, MOVING, MOVING], **{"slippage_cap_bps": 100.0, **numbers})
    place(broker, "5")
    assert filled(broker.updates(at(2))) == [("5", price, 1)]


def test_a_part_pays_the_impact_of_the_whole_order() -> None:
    broker = venue([MOVING] * 3, impact_coefficient=1.0, slippage_cap_bps=100.0)
    place(broker, "100")
    assert filled(broker.updates(at(2))) == [("10", "100.5976", 1)], "√(10,000 / 10,000)"


def test_nothing_that_comes_after_the_bars_before_a_fill_is_looked_at() -> None:
    """A fill's own bar gives it its open and its volume, and nothing of where the price went in it."""
    numbers = {"volatility_weight": 0.5, "impact_coefficient": 1.0, "slippage_cap_bps": 100.0}
    found = []
    for after in (flat(100), (100.0, 150.0, 50.0, 120.0)):
        broker = venue([MOVING, after, after], **numbers)
        place(broker, "5")
        found.append(filled(broker.updates(at(2))))
    assert found[0] == found[1]


def test_the_first_bar_of_a_session_knows_nothing_and_pays_the_cap() -> None:
    broker = venue([flat(100)] * 12, slippage_floor_bps=1.0, slippage_cap_bps=10.0)
    order = leave(broker, "5", product=Product.CNC)
    broker.resting[order.intent_id] = replace(order, as_of=DAYS[1].opens)
    (update,) = broker.updates(DAYS[1].opens + BAR)
    assert plain(update.fills[0].price) == "99.9001"


@pytest.mark.parametrize(
    ("bar", "price", "maker"),
    [
        pytest.param((100, 101, 98, 100), "99", True, id="price comes to it: at the limit, the maker's fee"),
        pytest.param((98, 101, 98, 100), "98.098", False, id="it arrives beyond the price: slippage, the taker's fee"),
        pytest.param((98.95, 101, 98, 100), "99", False, id="and never more than the limit"),
    ],
)
def test_a_limit_pays_the_makers_fee_only_where_it_has_waited(bar: Price, price: str, maker: bool) -> None:
    broker = venue([flat(100), bar], "binance_futures", slippage_floor_bps=10.0, slippage_cap_bps=10.0)
    place(broker, "10", order_type=LIMIT, limit_price=Decimal(99))
    (update,) = broker.updates(at(2))
    table = charge_table("binance_futures")
    charged = table.charges(Action.BUY, Decimal(10), Decimal(price), date(2026, 2, 2), maker=maker)
    assert (filled([update]), update.fills[0].charges) == ([("10", price, 1)], charged.total)


def test_brokerage_is_the_orders_however_many_parts_it_fills_in() -> None:
    """0.03 % of 1,000,000 would be 300; an order pays 20 at most, and so do its parts together."""
    bars = [flat(10_000)] * 6
    whole, parts = venue(bars, "nse_intraday", max_participation_pct=Decimal(100)), venue(bars, "nse_intraday")
    for broker in (whole, parts):
        place(broker, "40", price="10000")
    (one,), (many,) = (broker.updates(CLOSE) for broker in (whole, parts))
    assert (len(one.fills), len(many.fills)) == (1, 4)
    assert abs(one.fills[0].charges - sum(f.charges for f in many.fills)) < Decimal("0.2"), "each part is rounded"


def test_a_sale_out_of_the_demat_account_pays_the_depository_once_a_day() -> None:
    """What was bought on an earlier day, in the first part that is sold; the fixed model charges none."""
    bars, table = [flat(100)] * 12, charge_table("nse_delivery")
    broker = venue(bars, "nse_delivery")
    place(broker, "10", product=Product.CNC)
    (bought,) = broker.updates(CLOSE)
    later = venue(bars, "nse_delivery")
    later.restore([], bought.fills)
    place(later, "10", name="b", product=Product.CNC, as_of=DAYS[1].opens)
    leave(later, "15", product=Product.CNC, as_of=DAYS[1].opens + BAR)
    later.held["A"] = Decimal(20)
    sales = [f for u in later.updates(DAYS[1].closes) for f in u.fills if f.action is Action.SELL]
    plain_charges = [
        table.charges(Action.SELL, f.quantity, f.price, date(2026, 2, 3), before=Decimal(1000) * i).total
        for i, f in enumerate(sales)
    ]
    fee = table.charges(Action.SELL, Decimal(10), Decimal(100), date(2026, 2, 3), depository=True).total
    assert len(sales) == 2
    assert sales[0].charges == fee > plain_charges[0]
    assert sales[1].charges == plain_charges[1]


@given(
    volumes=st.lists(st.integers(0, 300), min_size=6, max_size=6),
    quantity=st.integers(1, 200),
    stop=st.integers(2, 6),
    side=st.sampled_from(Side),
)
def test_a_venue_that_is_told_what_it_had_goes_on_in_the_middle_of_an_order(
    volumes: list[int], quantity: int, stop: int, side: Side
) -> None:
    bars = [flat(100 + i, float(volume)) for i, volume in enumerate(volumes)]
    whole, before, after = venue(bars), venue(bars), venue(bars)
    order = place(whole, str(quantity), side=side)
    place(before, str(quantity), side=side)
    known = [f for u in before.updates(at(stop)) for f in u.fills]
    after.restore(list(before.resting.values()), known)
    rest = [f for u in after.updates(CLOSE) for f in u.fills]
    assert known + rest == [f for u in whole.updates(CLOSE) for f in u.fills]
    assert after.held.get("A", 0) == whole.held.get("A", 0)
    assert order.intent_id not in after.resting


PRICES = st.lists(
    st.tuples(st.integers(90, 110), st.integers(0, 5), st.integers(0, 5), st.integers(0, 400)), min_size=6, max_size=6
)
WEIGHTS = st.builds(
    dict,
    slippage_floor_bps=st.floats(0, 5),
    slippage_cap_bps=st.floats(5, 30),
    volatility_weight=st.floats(0, 2),
    participation_weight=st.floats(0, 2),
    impact_coefficient=st.floats(0, 2),
    latency_ms=st.integers(0, 700_000),
)


def drawn(rows: list[tuple[int, int, int, int]]) -> list[Price]:
    return [(float(o), float(o + up), float(o - down), float(o), float(volume)) for o, up, down, volume in rows]


@given(
    rows=PRICES, numbers=WEIGHTS, sizes=st.lists(st.integers(1, 60), min_size=1, max_size=3), side=st.sampled_from(Side)
)
def test_no_bar_fills_more_than_its_part_and_no_fill_is_better_than_the_price_that_it_met(
    rows: list[tuple[int, int, int, int]], numbers: dict[str, object], sizes: list[int], side: Side
) -> None:
    bars = drawn(rows)
    broker = venue(bars, **numbers)
    for i, size in enumerate(sizes):
        place(broker, str(size), name=f"i{i}", side=side, bar=i)
    taken = [0] * 6
    for now in range(2, 7):
        for quantity, price, bar in filled(broker.updates(at(now))):
            taken[bar] += int(quantity)
            assert side.sign * (float(price) - bars[bar][0]) >= 0
    assert all(10 * size <= bar[4] for size, bar in zip(taken, bars, strict=True))


@given(rows=PRICES, numbers=WEIGHTS, size=st.integers(1, 60), more=st.integers(0, 60), side=st.sampled_from(Side))
def test_a_larger_order_never_pays_less(
    rows: list[tuple[int, int, int, int]], numbers: dict[str, object], size: int, more: int, side: Side
) -> None:
    paid = []
    for quantity in (size, size + more):
        broker = venue(drawn(rows), **numbers)
        place(broker, str(quantity), side=side)
        fills = [f for u in broker.updates(CLOSE) for f in u.fills]
        paid.append([side.sign * f.price for f in fills])
    small, large = paid
    assert len(small) <= len(large)
    assert all(one <= other for one, other in zip(small, large, strict=False))

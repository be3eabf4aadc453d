"""The fill model of CLI.md, order by order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.brokers.simulated import FillModel, SimulatedBroker
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
    fill,
    flat,
    intent,
    plain,
    random_walk,
    sessions,
    tape,
    window,
)

LONG, SHORT = Side.LONG, Side.SHORT
DAYS = sessions(2, bars=6, square_off=5 * BAR)
CLOSE = DAYS[0].closes


def venue(bars: Sequence[Price | None], slippage_bps: str = "0", charges: str = "none") -> SimulatedBroker:
    """A venue over two sessions of six bars of symbol A."""
    model = FillModel(Decimal(slippage_bps), charge_table(charges))
    return SimulatedBroker(tape(DAYS, {"A": bars}), model, lambda s: Instrument(s), calendar(DAYS).at)


def place(broker: SimulatedBroker, **changes: object) -> OrderIntent:
    order = intent(**changes)  # type: ignore[arg-type]
    outcome = broker.place(Approved(order, ()))
    assert (outcome.state, outcome.broker_order_id) == (OrderState.ACKED, f"sim-{order.intent_id}")
    return order


def leave(broker: SimulatedBroker, side: Side = LONG, bar: int = 1, **changes: object) -> OrderIntent:
    """An exit of the position `side`, decided at the close of `bar`."""
    return place(broker, name="x", side=side, action=closing(side), purpose=Purpose.EXIT, exit=None, bar=bar, **changes)


def filled(updates: Sequence[OrderUpdate]) -> list[tuple[str, int]]:
    """Price and bar of each fill."""
    return [(plain(f.price), int(f.filled_at.timestamp() - at(0)) // BAR) for u in updates for f in u.fills]


def test_a_market_order_fills_at_the_next_open_when_that_bar_has_closed() -> None:
    broker = venue([flat(100), (101, 102, 99, 100.5)])
    place(broker)
    assert broker.updates(at(1)) == []
    (update,) = broker.updates(at(2))
    assert (update.state, filled([update])) == (OrderState.FILLED, [("101", 1)])
    (fill,) = update.fills
    assert (fill.quantity, fill.charges, fill.broker) == (10, 0, "simulated")
    assert broker.updates(at(3)) == [], "it fills once"


def test_it_does_not_fill_on_the_bar_that_was_decided() -> None:
    """The bar decided at its close opened before the decision: look-ahead would be to fill there."""
    broker = venue([(90, 110, 90, 100), flat(105)])
    place(broker, bar=0)
    assert filled(broker.updates(at(6))) == [("105", 1)]


@pytest.mark.parametrize(
    ("side", "bps", "price"),
    [
        pytest.param(LONG, "20", "100.2", id="a buy pays more"),
        pytest.param(SHORT, "20", "99.8", id="a sale gets less"),
        pytest.param(LONG, "0.5", "100.005", id="finer than the tick"),
        pytest.param(SHORT, "0", "100", id="none"),
    ],
)
def test_slippage_is_against_you(side: Side, bps: str, price: str) -> None:
    broker = venue([flat(99), flat(100)], slippage_bps=bps)
    place(broker, side=side)
    assert filled(broker.updates(at(2))) == [(price, 1)]


@pytest.mark.parametrize(
    ("side", "limit", "bar", "price"),
    [
        pytest.param(LONG, "99", (100, 101, 99, 100), None, id="buy touched is not enough"),
        pytest.param(LONG, "99", (100, 101, 98.95, 100), "99", id="buy traded through: at the limit"),
        pytest.param(LONG, "99", (98.5, 101, 98, 100), "98.5", id="buy opens below: at the better open"),
        pytest.param(LONG, "99", (99, 101, 99, 100), None, id="buy opens at the limit and rises"),
        pytest.param(SHORT, "101", (100, 101, 99, 100), None, id="sell touched is not enough"),
        pytest.param(SHORT, "101", (100, 101.05, 99, 100), "101", id="sell traded through: at the limit"),
        pytest.param(SHORT, "101", (101.5, 102, 99, 100), "101.5", id="sell opens above: at the better open"),
        pytest.param(SHORT, "101", (101, 101, 99, 100), None, id="sell opens at the limit and falls"),
    ],
)
def test_a_limit_needs_a_price_through_it_and_slips_never(
    side: Side, limit: str, bar: Price, price: str | None
) -> None:
    broker = venue([flat(100), bar], slippage_bps="50")
    place(broker, side=side, order_type=OrderType.LIMIT, limit_price=Decimal(limit))
    assert filled(broker.updates(at(2))) == ([] if price is None else [(price, 1)])


@pytest.mark.parametrize(
    ("side", "trigger", "bar", "price"),
    [
        pytest.param(LONG, "98", (99, 99.5, 98.05, 99), None, id="sell stop not reached"),
        pytest.param(LONG, "98", (99, 99.5, 98, 99), "98", id="sell stop touched: at the trigger"),
        pytest.param(LONG, "98", (97, 99.5, 96, 99), "97", id="sell stop gapped: at the open"),
        pytest.param(LONG, "98", (98, 99.5, 97, 99), "98", id="sell stop at the open"),
        pytest.param(SHORT, "102", (101, 101.95, 100, 101), None, id="buy stop not reached"),
        pytest.param(SHORT, "102", (101, 102, 100, 101), "102", id="buy stop touched: at the trigger"),
        pytest.param(SHORT, "102", (103, 104, 100, 101), "103", id="buy stop gapped: at the open"),
    ],
)
def test_a_stop_fills_at_its_trigger_or_at_an_open_beyond_it(
    side: Side, trigger: str, bar: Price, price: str | None
) -> None:
    broker = venue([flat(100), flat(100), bar])
    leave(broker, side, order_type=OrderType.SL_M, trigger_price=Decimal(trigger))
    assert filled(broker.updates(at(3))) == ([] if price is None else [(price, 2)])


@pytest.mark.parametrize(("side", "price"), [(LONG, "97.804"), (SHORT, "98.196")], ids=["sell stop", "buy stop"])
def test_a_stop_slips(side: Side, price: str) -> None:
    broker = venue([flat(98), flat(98), flat(98)], slippage_bps="20")
    leave(broker, side, order_type=OrderType.SL_M, trigger_price=Decimal(98))
    assert filled(broker.updates(at(3))) == [(price, 2)]


def test_an_order_that_is_not_reached_rests_until_a_bar_reaches_it() -> None:
    broker = venue([flat(100), flat(100), flat(99), (99, 99, 97, 98)])
    place(broker, order_type=OrderType.LIMIT, limit_price=Decimal(98))
    assert [filled(broker.updates(at(bar))) for bar in range(2, 5)] == [[], [], [("98", 3)]]


def test_a_gap_is_waited_for_within_the_session() -> None:
    broker = venue([flat(100), None, None, flat(103)])
    order = place(broker)
    assert broker.next_event(order) == at(4)
    assert [filled(broker.updates(at(bar))) for bar in range(2, 5)] == [[], [], [("103", 3)]]


@pytest.mark.parametrize("product", Product, ids=str)
def test_a_signal_needs_a_next_price_in_its_session_whatever_the_product(product: Product) -> None:
    """None left: the entry expires, though the next session has prices."""
    broker = venue([flat(100)] + [None] * 5 + [flat(90)] * 6)
    order = place(broker, product=product)
    assert broker.next_event(order) == CLOSE
    assert broker.updates(CLOSE - BAR) == []
    (update,) = broker.updates(CLOSE)
    assert (update.state, update.fills) == (OrderState.EXPIRED, ())
    assert update.reason == "no further price in the session"
    assert broker.updates(DAYS[1].closes) == []


def bought(bars: list[Price | None], **changes: object) -> SimulatedBroker:
    """A venue at which 10 A have been bought at the open of bar 1."""
    broker = venue(bars, **changes)  # type: ignore[arg-type]
    place(broker)
    assert len(broker.updates(at(2))) == 1
    return broker


def test_an_intraday_exit_without_a_next_price_is_closed_at_the_last_one() -> None:
    broker = bought([flat(100), flat(100), (100, 101, 99, 100.4)], slippage_bps="10")
    order = leave(broker, bar=2)
    assert broker.next_event(order) == CLOSE
    assert broker.updates(CLOSE - 1) == []
    (update,) = broker.updates(CLOSE)
    assert (update.state, filled([update])) == (OrderState.FILLED, [("100.2996", 6)])


def test_an_intraday_exit_decided_at_the_close_itself_is_of_that_session() -> None:
    """A square-off at 15:30 must not wait for tomorrow's open."""
    broker = bought([flat(100), flat(100), *[flat(102)] * 4, *[flat(50)] * 6])
    leave(broker, bar=5)
    assert filled(broker.updates(CLOSE)) == [("102", 6)]


def test_an_exit_of_what_is_held_over_waits_for_the_next_price() -> None:
    broker = venue([flat(100), flat(100), None, None, None, None, flat(107)])
    place(broker, product=Product.CNC)
    broker.updates(at(2))
    order = leave(broker, bar=2, product=Product.CNC)
    assert broker.updates(CLOSE) == []
    assert broker.next_event(order) == DAYS[1].opens + BAR
    (update,) = broker.updates(DAYS[1].opens + BAR)
    assert [(plain(f.price), f.filled_at) for f in update.fills] == [("107", DAYS[1].open_at)]


def test_when_no_more_prices_come_a_position_closes_at_the_last_and_an_entry_expires() -> None:
    broker = bought([flat(100), flat(100), flat(104)])
    leave(broker, bar=3)
    place(broker, name="e2", bar=3)
    assert broker.updates(at(4)) == []
    broker.close_market()
    updates = broker.updates(at(4))
    assert [u.state for u in updates] == [OrderState.FILLED, OrderState.EXPIRED]
    assert filled(updates) == [("104", 4)]


def test_a_bar_that_has_not_closed_is_not_looked_at() -> None:
    broker = bought([flat(100), flat(100), (100, 100, 90, 91)])
    leave(broker, bar=1, order_type=OrderType.SL_M, trigger_price=Decimal(95))
    assert broker.updates(at(3) - 1) == []
    assert filled(broker.updates(at(3))) == [("95", 2)]


def test_a_cancelled_order_does_not_fill_and_cannot_be_cancelled_twice() -> None:
    broker = venue([flat(100), flat(101)])
    order = place(broker)
    assert broker.cancel(order.intent_id).state is OrderState.CANCELLED
    assert broker.updates(CLOSE) == []
    again = broker.cancel(order.intent_id)
    assert (again.state, again.reason) == (OrderState.REJECTED, "no such open order")


def test_a_fill_is_charged_by_the_table_of_its_sessions_date() -> None:
    broker = venue([flat(99), flat(100)], charges="nse_intraday")
    place(broker, quantity="100")
    (update,) = broker.updates(at(2))
    expected = charge_table("nse_intraday").charges(Action.BUY, Decimal(100), Decimal(100), date(2026, 2, 2))
    assert update.fills[0].charges == expected.total > 0


def test_a_limit_pays_the_makers_fee() -> None:
    broker = venue([flat(100), (100, 100, 98, 99)], charges="binance_futures")
    place(broker, order_type=OrderType.LIMIT, limit_price=Decimal(99))
    (update,) = broker.updates(at(2))
    maker = charge_table("binance_futures").charges(Action.BUY, Decimal(10), Decimal(99), date(2026, 2, 2), maker=True)
    assert update.fills[0].charges == maker.total


def test_what_the_venue_is_told_that_it_had_goes_on() -> None:
    first = bought([flat(100), flat(100), flat(104)])
    order = leave(first, bar=2)
    second = venue([flat(100), flat(100), flat(104)])
    second.restore([order], [fill(intent(), bar=1)])
    assert second.updates(CLOSE) == first.updates(CLOSE)


def test_a_venue_that_holds_nothing_closes_nothing() -> None:
    broker = venue([flat(100), flat(100)])
    leave(broker, bar=2)
    (update,) = broker.updates(CLOSE)
    assert update.state is OrderState.EXPIRED


@given(seed=st.integers(0, 5_000), bar=st.integers(0, 20), side=st.sampled_from(Side), gaps=st.sampled_from([0.0, 0.5]))
def test_a_market_fill_lies_on_a_traded_bar_after_the_decision_and_never_beats_its_open(
    seed: int, bar: int, side: Side, gaps: float
) -> None:
    days = sessions(1, bars=24)
    stored = random_walk(days, 1, seed, gaps)
    rows = list(zip(*(getattr(stored, name)[:, 0] for name in ("open", "high", "low", "close")), strict=True))
    bars = [None if row[0] != row[0] else row for row in rows]
    model = FillModel(Decimal(20), charge_table("none"))
    broker = SimulatedBroker(tape(days, {"A": bars}), model, lambda s: Instrument(s), calendar(days).at)
    place(broker, bar=bar, side=side)
    (update,) = broker.updates(days[0].closes)
    later = [i for i in range(bar + 1, 24) if bars[i] is not None]
    if not later:
        assert update.state is OrderState.EXPIRED
        return
    (fill,) = update.fills
    assert fill.filled_at == datetime.fromtimestamp(at(later[0]), UTC)
    opened = Decimal(str(bars[later[0]][0]))  # type: ignore[index]
    assert (fill.price - opened) * side.sign == opened * 20 / 10_000


def test_the_samples_put_prices_where_they_say() -> None:
    made = window(DAYS, {"A": [flat(1), None, flat(3)]})
    assert made.open[:3, 0].tolist()[::2] == [1, 3]
    assert made.ts[:3].tolist() == [at(0), at(1), at(2)]


@pytest.mark.parametrize(
    ("bars", "limit", "expected"),
    [
        ([flat(100), (100, 102, 100, 101)], "101.50", [("101", 1)]),
        ([flat(100), (101.2, 102, 101.2, 102)], "101.50", [("101.2", 1)]),
        ([flat(100), (102, 103, 102, 103), (103, 103, 101, 101)], "101.50", [("101.5", 2)]),
        ([flat(100), (102, 103, 101, 103)], "101.50", [("101.5", 1)]),
        ([flat(100), (100, 101, 100, 100), (100, 100, 99, 99)], "101", [("100", 2)]),
        ([flat(100), (100, 100.95, 100, 100)], "101.50", []),
    ],
    ids=["within the bar", "gap below the limit", "gap beyond it, back later", "gap beyond it, back in the bar",
         "touching is not enough", "never there"],
)  # fmt: skip
def test_a_stop_with_a_limit_pays_no_more_than_that(
    bars: list[Price], limit: str, expected: list[tuple[str, int]]
) -> None:
    """The trigger is 101. Reached, it is a limit order from then on, and not a market order."""
    broker = venue(bars)
    place(broker, order_type=OrderType.SL, trigger_price=Decimal(101), limit_price=Decimal(limit))
    assert filled(broker.updates(CLOSE - 1)) == expected


def test_slippage_does_not_bring_a_stop_beyond_its_limit() -> None:
    broker = venue([flat(100), (100, 102, 100, 101)], slippage_bps="100")
    place(broker, order_type=OrderType.SL, trigger_price=Decimal(101), limit_price=Decimal("101.50"))
    assert filled(broker.updates(at(3))) == [("101.5", 1)]

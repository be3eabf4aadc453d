"""The loopback exchange deals as brokers deal: rules, matching, books, and the people who share the account."""

from __future__ import annotations

import random  # noqa: TID251 - the seeded source that the package asks its callers to bring
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.brokers.loopback.account import flat
from livetrader.brokers.loopback.exchange import Exchange
from livetrader.brokers.loopback.faults import Fault, Strike
from livetrader.brokers.loopback.profiles import FINGERPRINT, OPEN_ONLY, PROFILES, STRICT, TAG_SCAN, Profile, profile
from livetrader.brokers.loopback.rules import Rejected
from livetrader.domain.instrument import Product
from livetrader.domain.order import Action, OrderType
from livetrader.domain.order_state import OrderState
from livetrader.errors import UsageError
from tests.unit.brokers.loopback.loopback_samples import START, exchange, ticket

D = Decimal
BUY, SELL = Action.BUY, Action.SELL
MARKET, LIMIT, SL, SL_M = OrderType.MARKET, OrderType.LIMIT, OrderType.SL, OrderType.SL_M


def opened(profile: Profile = STRICT, **changes: Any) -> Exchange:
    """An exchange where INFY last traded at 1000."""
    made = exchange(profile, **changes)
    made.quote("INFY", D(1000), START)
    return made


@pytest.mark.parametrize(
    ("order", "prices", "paid"),
    [
        pytest.param({}, [], D(1000), id="market-at-the-last-price"),
        pytest.param({"order_type": LIMIT, "limit_price": D(990)}, [D(990)], None, id="limit-touched"),
        pytest.param({"order_type": LIMIT, "limit_price": D(990)}, [D("989.95")], D(990), id="limit-traded-through"),
        pytest.param({"order_type": LIMIT, "limit_price": D(1010)}, [], D(1000), id="limit-beyond-the-market"),
        pytest.param({"order_type": SL_M, "trigger_price": D(1010)}, [D("1009.95")], None, id="stop-not-reached"),
        pytest.param({"order_type": SL_M, "trigger_price": D(1010)}, [D(1010)], D(1010), id="stop-reached"),
        pytest.param({"order_type": SL_M, "trigger_price": D(1010)}, [D(1020)], D(1020), id="stop-jumped-over"),
        pytest.param(
            {"order_type": SL, "trigger_price": D(1010), "limit_price": D(1012)}, [D(1011)], D(1011), id="stop-limit"
        ),
        pytest.param(
            {"order_type": SL, "trigger_price": D(1010), "limit_price": D(1012)},
            [D(1020), D(1015)],
            None,
            id="stop-limit-jumped-over-rests",
        ),
        pytest.param(
            {"order_type": SL, "trigger_price": D(1010), "limit_price": D(1012)},
            [D(1020), D(1005)],
            D(1012),
            id="stop-limit-once-triggered-is-a-limit",
        ),
    ],
)
@pytest.mark.parametrize("action", [BUY, SELL])
def test_an_order_trades_at_its_price(
    action: Action, order: dict[str, Any], prices: list[Decimal], paid: Decimal | None
) -> None:
    """A sell is a buy mirrored at 1000, case by case."""

    def mirrored(value: Any) -> Any:
        return 2000 - value if isinstance(value, Decimal) and action is SELL else value

    made = opened()
    placed = made.submit(ticket(action=action, **{name: mirrored(value) for name, value in order.items()}))
    for price in prices:
        made.quote("INFY", mirrored(price), START + 1)
    assert [trade.price for trade in made.trade_book()] == ([] if paid is None else [mirrored(paid)])
    assert placed.state is (OrderState.ACKED if paid is None else OrderState.FILLED)


def test_a_market_order_waits_for_a_first_price() -> None:
    made = exchange()
    placed = made.submit(ticket())
    assert placed.state is OrderState.ACKED
    made.quote("INFY", D(1001), START)
    assert placed.state is OrderState.FILLED


def test_slippage_is_against_us() -> None:
    made = opened(slippage_bps=D(2))
    made.submit(ticket("a"))
    made.submit(ticket("b", action=SELL))
    assert [trade.price for trade in made.trade_book()] == [D("1000.2"), D("999.8")]


REJECTS = [
    pytest.param({"symbol": "NOSUCH"}, "symbol", id="unknown-symbol"),
    pytest.param({"symbol": "NIFTY25000PE", "quantity": D(100)}, "lot", id="not-a-lot-multiple"),
    pytest.param({"quantity": D(0)}, "lot", id="nothing"),
    pytest.param({"order_type": LIMIT}, "price", id="limit-without-a-limit"),
    pytest.param({"limit_price": D(1000)}, "price", id="market-with-a-limit"),
    pytest.param({"quantity": D(1001)}, "freeze", id="above-the-freeze-quantity"),
    pytest.param({"order_type": LIMIT, "limit_price": D("999.99")}, "tick", id="off-the-tick"),
    pytest.param({"order_type": LIMIT, "limit_price": D(1101)}, "band", id="above-the-band"),
    pytest.param({"order_type": LIMIT, "limit_price": D(899)}, "band", id="below-the-band"),
    pytest.param({"order_type": SL_M, "trigger_price": D(1000)}, "trigger", id="trigger-already-passed"),
    pytest.param({"quantity": D(1000), "symbol": "INFY"}, "funds", id="more-than-equity-carries"),
    pytest.param({"action": SELL, "product": Product.CNC}, "short", id="delivery-sold-short"),
]
RISK = {"freeze", "tick", "band", "trigger", "funds", "short"}


@pytest.mark.parametrize(("order", "code"), REJECTS)
def test_what_breaks_a_rule_is_rejected_with_its_code_and_leaves_nothing(order: dict[str, Any], code: str) -> None:
    made = opened(leverage=D("0.5"))
    with pytest.raises(Rejected) as no:
        made.submit(ticket(**order))
    assert no.value.code == code
    assert made.order_book() == ()


@pytest.mark.parametrize(("order", "code"), REJECTS)
def test_b12_a_broker_that_merely_receives_rejects_in_its_book(order: dict[str, Any], code: str) -> None:
    made = opened(FINGERPRINT, leverage=D("0.5"))
    if code not in RISK:
        with pytest.raises(Rejected):
            made.submit(ticket(**order))
        return
    made.submit(ticket(**order))
    made.clock.sleep(FINGERPRINT.lag_seconds)
    (line,) = made.order_book()
    assert line.state is OrderState.REJECTED
    assert line.reason.startswith(code)


@pytest.mark.parametrize(
    ("made_for", "tag", "protected", "code"),
    [
        pytest.param(TAG_SCAN, "x" * 21, True, "tag", id="tag-too-long"),
        pytest.param(TAG_SCAN, "x" * 20, False, "protection", id="no-market-protection"),
        pytest.param(OPEN_ONLY, "x" * 37, True, "tag", id="client-id-too-long"),
    ],
)
def test_a_profile_has_rules_of_its_own(made_for: Profile, tag: str, protected: bool, code: str) -> None:
    with pytest.raises(Rejected) as no:
        opened(made_for).submit(ticket(tag, protected=protected))
    assert no.value.code == code


def test_an_exit_needs_no_funds() -> None:
    made = opened(leverage=D("0.5"))
    made.submit(ticket("a", 400))
    made.withdraw(D(1_000_000))
    assert made.submit(ticket("b", 100, action=SELL)).state is OrderState.FILLED
    with pytest.raises(Rejected, match="funds"):
        made.submit(ticket("c", 1))


def test_orders_at_work_reserve_their_funds() -> None:
    made = opened(leverage=D(1))
    resting = {"order_type": LIMIT, "limit_price": D(990)}
    made.submit(ticket("a", 600, **resting))
    with pytest.raises(Rejected, match="funds"):
        made.submit(ticket("b", 600, **resting))


@pytest.mark.parametrize(
    ("name", "while_open", "after"),
    [("strict", 1, 1), ("binance", 1, 2), ("kite", 2, 3), ("openalgo", 2, 3)],
)
def test_the_same_client_id_again(name: str, while_open: int, after: int) -> None:
    """How many orders really carry the id: after it came twice while open, and once more when the first had filled."""
    made = exchange(profile(name))
    for times, expected in ((2, while_open), (1, after)):
        for _ in range(times):
            with suppress(Rejected):
                made.submit(ticket("same"))
        assert len(made.carrying("same")) == expected
        made.quote("INFY", D(1000), START)


@pytest.mark.parametrize("made_for", list(dict.fromkeys(PROFILES.values())), ids=lambda p: p.name)
def test_b8_the_books_show_an_order_and_all_its_effects_after_its_lag(made_for: Profile) -> None:
    made = opened(made_for)
    made.submit(ticket("mine"), Strike(Fault.LATE_BOOK))
    if made_for.visibility_seconds:
        assert (made.order_book(), made.trade_book(), made.position_book()) == ((), (), ())
        assert made.funds() == D(1_000_000)
        assert made.account.cash == D(990_000)
        made.clock.sleep(made_for.visibility_seconds - 0.1)
        assert made.order_book() == ()
        made.clock.sleep(0.1)
    (line,) = made.order_book()
    assert line.tag == ("" if made_for.identity.by_fingerprint else "mine")
    assert (len(made.trade_book()), made.position_book()[0].quantity, made.funds()) == (1, 10, D(990_000))
    assert (made.trade_book()[0].charges is not None) == made_for.tells_charges


def test_b9_a_part_fills_at_each_price_and_the_rest_can_be_cancelled() -> None:
    made = opened()
    placed = made.submit(ticket(), Strike(Fault.PARTIAL))
    assert (placed.state, placed.filled) == (OrderState.PARTIALLY_FILLED, 5)
    made.quote("INFY", D(1001), START + 1)
    assert placed.filled == 7
    made.revoke(placed.order_id)
    (line,) = made.order_book()
    assert (line.state, line.filled_quantity, line.average_price) == (OrderState.CANCELLED, 7, D("1000.2857"))
    assert sum(trade.quantity for trade in made.trade_book()) == 7


def test_b9_parts_are_whole_lots() -> None:
    made = exchange(partial_fills=True)
    made.quote("NIFTY25000PE", D(10), START)
    placed = made.submit(ticket(symbol="NIFTY25000PE", quantity=D(225)))
    for _ in range(2):
        made.quote("NIFTY25000PE", D(10), START)
    assert [trade.quantity for trade in made.trade_book()] == [75, 75, 75]
    assert placed.state is OrderState.FILLED


@pytest.mark.parametrize("made_for", [STRICT, TAG_SCAN], ids=lambda p: p.name)
def test_b10_a_fill_overtakes_the_cancel(made_for: Profile) -> None:
    made = opened(made_for)
    placed = made.submit(ticket(order_type=LIMIT, limit_price=D(990)))
    if made_for.received_only:
        made.revoke(placed.order_id, Strike(Fault.CANCEL_RACE))
    else:
        with pytest.raises(Rejected, match="FILLED"):
            made.revoke(placed.order_id, Strike(Fault.CANCEL_RACE))
    assert placed.state is OrderState.FILLED


def test_b10_a_part_fills_before_the_cancel() -> None:
    made = opened()
    placed = made.submit(ticket(order_type=LIMIT, limit_price=D(990)))
    made.revoke(placed.order_id, Strike(Fault.PARTIAL))
    assert (placed.state, placed.filled) == (OrderState.CANCELLED, 5)


def test_what_is_settled_cannot_be_cancelled_or_modified() -> None:
    made = opened()
    placed = made.submit(ticket())
    for attempt in (lambda: made.revoke(placed.order_id), lambda: made.amend(placed.order_id, D(5), None, None)):
        with pytest.raises(Rejected) as no:
            attempt()
        assert no.value.code == "not_open"


def test_a_modify_changes_the_terms_or_nothing() -> None:
    made = opened()
    placed = made.submit(ticket(order_type=SL_M, trigger_price=D(1010)), Strike(Fault.PARTIAL))
    made.quote("INFY", D(1010), START)
    before = placed.ticket
    for quantity, code in [(D(4), "filled"), (D("10.5"), "lot"), (D(1001), "freeze")]:
        with pytest.raises(Rejected) as no:
            made.amend(placed.order_id, quantity, None, D(1010))
        assert no.value.code == code
        assert placed.ticket == before
    made.amend(placed.order_id, D(5), None, D(1010))
    assert (placed.state, placed.filled) == (OrderState.FILLED, 5)


def test_a_stop_is_moved_by_modify() -> None:
    made = opened()
    placed = made.submit(ticket(action=SELL, order_type=SL_M, trigger_price=D(980)))
    made.amend(placed.order_id, D(10), None, D(995))
    assert made.order_book()[0].trigger_price == D(995)
    made.quote("INFY", D(994), START)
    assert placed.state is OrderState.FILLED


def test_the_end_of_the_day_expires_orders_and_may_square_off() -> None:
    made = opened()
    made.submit(ticket("a"))
    made.submit(ticket("b", product=Product.CNC))
    resting = made.submit(ticket("c", order_type=LIMIT, limit_price=D(990)))
    made.end_of_day(square_off=True)
    assert resting.state is OrderState.EXPIRED
    assert [(p.product, p.quantity) for p in made.position_book()] == [(Product.CNC, 10)]


def test_the_end_of_the_day_leaves_positions_unless_told() -> None:
    made = opened()
    made.submit(ticket())
    made.end_of_day()
    assert made.account.position("INFY", Product.MIS) == 10


@pytest.mark.parametrize(
    ("trades", "average"),
    [
        ([(10, 1000), (10, 1010)], D(1005)),
        ([(10, 1000), (-4, 1050)], D(1000)),
        ([(10, 1000), (-15, 1050)], D(1050)),
        ([(-10, 1000), (-30, 1020)], D(1015)),
        ([(10, 1000), (-10, 1050), (5, 990)], D(990)),
    ],
    ids=["grows", "shrinks", "turns", "short-grows", "anew"],
)
def test_the_average_price_is_that_of_what_is_held(trades: list[tuple[int, int]], average: Decimal) -> None:
    made = exchange()
    for quantity, price in trades:
        made.manual_trade("INFY", D(quantity), price=D(price))
    (position,) = made.position_book()
    assert (position.quantity, position.average_price) == (sum(quantity for quantity, _ in trades), average)


@pytest.mark.parametrize(("drawn", "lag"), [(None, 5.0), (0.0, 0.0), (0.5, 2.5)])
def test_b8_the_ordinary_lag_is_drawn_up_to_the_profile_s(drawn: float | None, lag: float) -> None:
    class Fixed(random.Random):
        def random(self) -> float:
            assert drawn is not None
            return drawn

    made = opened(TAG_SCAN, chance=None if drawn is None else Fixed())
    made.submit(ticket())
    if lag:
        made.clock.sleep(lag - 0.1)
        assert made.order_book() == ()
        made.clock.sleep(0.1)
    assert len(made.order_book()) == 1


def test_o1_o2_o4_other_people_trade_cancel_and_withdraw() -> None:
    made = opened()
    resting = made.submit(ticket(order_type=LIMIT, limit_price=D(990)))
    theirs = made.manual_trade("INFY", D(-7))
    made.manual_cancel(resting.order_id)
    made.withdraw(D(1000))
    mine, other = made.order_book()
    assert (mine.state, other.tag, other.action, other.state) == (OrderState.CANCELLED, "", SELL, OrderState.FILLED)
    assert made.trade_book()[0].broker_order_id == theirs.order_id
    assert made.position_book()[0].quantity == -7
    assert made.funds() == D(1_006_000)


def test_nobody_trades_what_has_no_price() -> None:
    with pytest.raises(Rejected, match="INFY has not traded yet"):
        exchange().manual_trade("INFY", D(1))


def test_b15_what_is_no_price_trades_nothing() -> None:
    made = exchange()
    placed = made.submit(ticket())
    for price in (0.0, -1.0, float("nan"), float("inf")):
        made.quote("INFY", price, START)
        assert placed.state is OrderState.ACKED
    assert made.quotes(["INFY", "TCS"]).keys() == {"INFY"}


@given(
    st.lists(
        st.tuples(
            st.sampled_from([BUY, SELL]),
            st.integers(1, 20),
            st.integers(19_000, 21_000).map(lambda ticks: ticks * D("0.05")),
            st.booleans(),
        ),
        max_size=15,
    )
)
def test_i2_i3_positions_and_cash_are_folds_over_the_trades(
    steps: list[tuple[Action, int, Decimal, bool]],
) -> None:
    """Whatever is traded, by us or by others, in parts or whole: books and truth are exact sums of the trades."""
    made = opened(charges=flat(D(3)), partial_fills=True)
    for i, (action, quantity, price, manual) in enumerate(steps):
        made.quote("INFY", price, START + i)
        if manual:
            made.manual_trade("INFY", action.sign * D(quantity))
        else:
            made.submit(ticket(str(i), quantity, action=action))
    trades = made.trade_book()
    signed = sum((trade.action.sign * trade.quantity for trade in trades), D(0))
    paid = sum((trade.action.sign * trade.quantity * trade.price + (trade.charges or 0) for trade in trades), D(0))
    assert made.account.position("INFY", Product.MIS) == signed
    assert sum(p.quantity for p in made.position_book()) == signed
    assert made.funds() == D(1_000_000) - paid
    filled = {order.order_id: order.filled for order in made.orders.values()}
    assert all(
        filled[key] == sum(t.quantity for t in trades if t.broker_order_id == key) <= made.orders[key].ticket.quantity
        for key in filled
    )


def test_an_unknown_profile_is_named_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"'kit'.*did you mean 'kite'"):
        profile("kit")


def test_m7_nothing_trades_in_a_halted_symbol_until_trading_goes_on() -> None:
    made = exchange()
    made.quote("INFY", Decimal(1000), START)
    made.halt("INFY", on=True)
    order = made.submit(ticket())
    made.quote("INFY", Decimal(1001), START + 1)
    assert (order.state, order.filled) == (OrderState.ACKED, 0)
    made.halt("INFY", on=False)
    made.quote("INFY", Decimal(1002), START + 2)
    assert order.state is OrderState.FILLED
    assert made.trades[-1].price == 1002


def test_m8_a_split_multiplies_what_is_held_and_divides_its_price() -> None:
    made = exchange()
    made.quote("INFY", Decimal(1000), START)
    made.submit(ticket(product=Product.CNC))
    cash = made.account.cash
    made.split("INFY", Decimal(5))
    assert [(one.quantity, one.average_price) for one in made.position_book()] == [(50, 200)]
    assert made.account.cash == cash


def test_whoever_asks_is_told_of_quotes_and_orders_as_they_happen() -> None:
    """A quote comes before what it fills; an order is told when it is new, amended, filled, cancelled, refused."""
    e = exchange(number=lambda at, count: f"{at:%y%m%d}-{count}")
    told: list[tuple[str, object]] = []
    e.on_quote.append(lambda symbol, quote: told.append((symbol, quote.price)))
    e.on_order.append(lambda order: told.append((order.order_id, order.state)))
    order_id = e.submit(ticket(order_type=OrderType.LIMIT, limit_price=Decimal(990))).order_id
    e.amend(order_id, Decimal(20), Decimal(995), None)
    e.quote("INFY", 994.0)
    rest = e.submit(ticket("b", order_type=OrderType.LIMIT, limit_price=Decimal(990))).order_id
    e.revoke(rest)
    refused = e.turn_down(ticket("c"), Rejected("short", "no"))
    acked, filled = OrderState.ACKED, OrderState.FILLED
    assert told == [
        ("260921-1", acked),
        ("260921-1", acked),
        ("INFY", 994.0),
        ("260921-1", filled),
        ("260921-2", acked),
        ("260921-2", OrderState.CANCELLED),
        ("260921-3", OrderState.REJECTED),
    ]
    assert (e.order_book()[-1].broker_order_id, refused.reason) == ("260921-3", "short: no")
    assert e.account.cash == 1_000_000 - 20 * 995

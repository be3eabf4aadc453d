"""The account is a fold: cash exact, what is reserved counts, and what cannot fill gives it back."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.constraints.gate import Exposure, review
from livetrader.constraints.rules.portfolio import CapitalAllocation, MaxOpenPositions
from livetrader.constraints.verdict import Approved, Refused
from livetrader.domain.order import OrderIntent, OrderType, Purpose, closing
from livetrader.domain.signal import Side
from livetrader.engine.book import Book
from tests.unit.engine.trading_samples import at, fill, intent, sessions, signal, sizer

DAYS = sessions(2)


def book(capital: str = "10000", leverage: str = "1", *, compound: bool = False) -> Book:
    made = Book(sizer(leverage=leverage), Decimal(capital), compound)
    made.start(DAYS[0])
    return made


def seen(of: Book, bar: int = 0) -> Exposure:
    return of.exposure(at(bar + 1), signal(bar=bar))


def leaving(entry: OrderIntent, name: str = "x", quantity: str | None = None) -> OrderIntent:
    return replace(
        entry,
        intent_id=name,
        action=closing(entry.side),
        purpose=Purpose.EXIT,
        order_type=OrderType.MARKET,
        quantity=entry.quantity if quantity is None else Decimal(quantity),
        exit=None,
    )


def bought(of: Book, order: OrderIntent, price: str = "100") -> None:
    of.open(order)
    of.book(fill(order, price), order, at(2))
    of.settle(order.intent_id)


def test_an_order_that_goes_out_counts_as_exposure_at_once() -> None:
    account = book()
    account.open(intent(quantity="10", price="100"))
    exposure = seen(account)
    assert (set(exposure.pending), set(exposure.held), exposure.trades) == ({"A"}, set(), 1)
    assert (account.available, dict(exposure.trades_by_strategy)) == (9000, {"s": 1})


def test_two_intents_on_one_cash_are_not_both_approved() -> None:
    """Two signals on one close: the first reserves what the second would need."""
    account, rules = book("1500"), [CapitalAllocation()]
    first, second = intent("i1", "A"), intent("i2", "B")
    assert isinstance(review(first, seen(account), rules), Approved)
    account.open(first)
    verdict = review(second, seen(account), rules)
    assert isinstance(verdict, Refused)
    assert verdict.reason == "margin 1000.00 is more than the available 500.00"


def test_the_last_free_place_is_not_given_twice() -> None:
    account = book()
    account.open(intent("i1", "A"))
    assert isinstance(review(intent("i2", "B"), seen(account), [MaxOpenPositions(1)]), Refused)


@pytest.mark.parametrize("leverage", ["1", "5"])
def test_a_reservation_becomes_an_investment_fill_by_fill_and_never_counts_twice(leverage: str) -> None:
    account = book(leverage=leverage)
    order = intent(quantity="10", price="100")
    account.open(order)
    for number, available in enumerate(["9000", "9000", "8996"]):
        if number:
            account.book(fill(order, ["100", "101"][number - 1], "4", number), order, at(2))
        expected = 10_000 - (10_000 - Decimal(available)) / Decimal(leverage)
        assert account.available == expected
        exposure = seen(account)
        assert len(exposure.held) + len(exposure.pending) == 1, "one place, partly filled"
        assert exposure.trades == 1


def test_an_order_that_never_filled_gives_everything_back() -> None:
    account = book()
    order = intent()
    account.open(order)
    account.settle(order.intent_id)
    exposure = seen(account)
    assert (account.available, exposure.trades, set(exposure.pending)) == (10_000, 0, set())
    assert (account.orders, account.unfilled) == ({}, {})


def test_one_that_filled_in_part_gives_back_the_rest_and_stays_a_trade() -> None:
    """Also where the fill came long before the news that nothing more will come."""
    account = book()
    order = intent(quantity="10", price="100")
    account.open(order)
    account.book(fill(order, "100", "3"), order, at(2))
    account.settle(order.intent_id)
    assert (account.available, seen(account).trades) == (9700, 1)
    assert account.positions["A"].position.quantity == 3


def test_settling_twice_or_something_unknown_changes_nothing() -> None:
    account = book()
    bought(account, intent())
    before = (account.available, set(account.entered))
    account.settle("i1")
    account.settle("never heard of")
    assert (account.available, set(account.entered)) == before


def test_a_fill_that_overtakes_its_cancel_is_a_trade_all_the_same() -> None:
    account = book()
    order = intent()
    account.open(order)
    account.settle(order.intent_id)
    account.book(fill(order), order, at(2))
    assert (seen(account).trades, set(seen(account).held), account.available) == (1, {"A"}, 9000)


def test_an_exit_under_way_is_remembered_and_forgotten_when_it_cannot_fill() -> None:
    account = book()
    order = intent()
    bought(account, order)
    account.open(leaving(order))
    assert account.positions["A"].closing == "x"
    assert seen(account).pending == set(), "an exit reserves nothing"
    account.settle("x")
    assert account.positions["A"].closing is None


def test_the_news_of_an_old_exit_does_not_end_a_new_one() -> None:
    account = book()
    order = intent()
    bought(account, order)
    account.open(leaving(order, "x1"))
    account.open(leaving(order, "x2"))
    account.settle("x1")
    assert account.positions["A"].closing == "x2"


def test_a_position_that_closes_is_gone_and_its_bar_is_remembered() -> None:
    account = book()
    order = intent()
    bought(account, order)
    account.open(leaving(order))
    account.book(fill(leaving(order), "103", bar=4), leaving(order), at(5))
    account.settle("x")
    assert (account.positions, account.closed_at, account.cash) == ({}, {"A": at(5)}, 10_030)


@pytest.mark.parametrize(
    ("closed", "bar", "forbidden"),
    [
        pytest.param(at(5), 4, True, id="on the bar that is decided"),
        pytest.param(at(5), 5, False, id="on the bar before"),
        pytest.param(at(5) - 60, 4, True, id="a minute before its close: exits are walked on finer bars"),
        pytest.param(at(4) + 60, 4, True, id="in its first minute"),
        pytest.param(at(6), 4, False, id="later"),
    ],
)
def test_a_position_closed_inside_the_signals_bar_is_closed_on_it(closed: int, bar: int, forbidden: bool) -> None:
    account = book()
    account.closed_at["A"] = closed
    assert seen(account, bar).closed == ({"A"} if forbidden else set())


def test_what_the_rules_see_is_counted_once_a_close_and_anew_after_every_event() -> None:
    """Thousands of signals share one count; a snapshot that somebody holds never changes under him."""
    account = book()
    order = intent()
    flat = seen(account)
    assert seen(account) is flat
    account.open(order)
    pending = seen(account)
    account.book(fill(order), order, at(1))
    account.settle(order.intent_id)
    held = seen(account)
    assert [(set(e.held), set(e.pending), e.available) for e in (flat, pending, held)] == [
        (set(), set(), 10_000),
        (set(), {"A"}, 9_000),
        ({"A"}, set(), 9_000),
    ]
    assert seen(account, bar=1).now == at(2), "time passes without an event"


def test_counts_restart_with_the_session_and_what_is_held_stays() -> None:
    account = book()
    bought(account, intent("i1", "A", strategy="s"))
    bought(account, intent("i2", "B", strategy="t"))
    account.closed_at["C"] = at(3)
    assert dict(seen(account).trades_by_strategy) == {"s": 1, "t": 1}
    account.start(DAYS[1])
    exposure = seen(account)
    assert (exposure.trades, dict(exposure.trades_by_strategy), account.closed_at) == (0, {}, {})
    assert (set(exposure.held), exposure.session) == ({"A", "B"}, DAYS[1])


def test_what_a_session_earned_is_there_for_the_same_session() -> None:
    account = book("1000")
    order = intent(quantity="10", price="100")
    bought(account, order)
    account.open(leaving(order))
    account.book(fill(leaving(order), "90", charges="5"), leaving(order), at(4))
    account.settle("x")
    assert account.available == 895


def test_without_compounding_every_session_begins_with_the_configured_capital() -> None:
    account, compounding = book("1000"), book("1000", compound=True)
    for one in (account, compounding):
        order = intent(quantity="10", price="100")
        bought(one, order)
        one.open(leaving(order))
        one.book(fill(leaving(order), "90"), leaving(order), at(4))
        one.settle("x")
        one.start(DAYS[1])
    assert (account.base, account.available, account.cash) == (1000, 1000, 900)
    assert (compounding.base, compounding.available) == (900, 900)


def test_a_position_held_over_stays_invested_in_the_next_session() -> None:
    account = book("10000", compound=True)
    bought(account, intent(quantity="10", price="100"), "100")
    account.start(DAYS[1])
    assert (account.base, account.available) == (10_000, 9000)


def test_the_value_counts_what_is_held_at_the_given_prices() -> None:
    account = book()
    bought(account, intent("i1", "A"))
    bought(account, intent("i2", "B", side=Side.SHORT))
    assert account.value({"A": Decimal(103), "B": Decimal(102)}) == 10_000 + 30 - 20


def told(account: Book) -> Book:
    """The account, when what the rules are shown is what a count a second later gives."""
    shown = seen(account)
    assert replace(account.exposure(at(1) + 1, signal()), now=at(1)) == shown
    seen(account)
    return account


Event = tuple[str, Side, list[int], int, Decimal, bool]

events: st.SearchStrategy[list[Event]] = st.lists(
    st.tuples(
        st.sampled_from("ABC"),
        st.sampled_from(Side),
        st.lists(st.integers(1, 6), min_size=1, max_size=3),
        st.integers(1_800, 2_200),
        st.decimals("0", "20", places=2),
        st.booleans(),
    ),
    max_size=12,
)


@given(events, st.sampled_from(["1", "4"]))
def test_cash_is_the_capital_and_every_fills_cash_to_the_paisa(made: list[Event], leverage: str) -> None:
    """Orders open, fill in parts, settle, close: Δcash is the sum of the fills', and money never comes from nowhere."""
    account = book("100000", leverage)
    expected = Decimal(100_000)
    for number, (symbol, side, parts, ticks, charges, complete) in enumerate(made):
        held = account.positions.get(symbol)
        entry = intent(f"i{number}", symbol, side, str(sum(parts) + (not complete)), "100")
        order = entry if held is None else leaving(held.entry, f"x{number}", str(abs(held.position.quantity)))
        told(account).open(order)
        price = str(Decimal(ticks) * Decimal("0.05"))
        sizes = [str(n) for n in parts] if held is None else [str(order.quantity)]
        for part, size in enumerate(sizes):
            done = fill(order, price, size, part, str(charges))
            told(account).book(done, order, at(2))
            expected += done.cash
        told(account).settle(order.intent_id)
    told(account)
    assert account.cash == expected
    invested = sum((h.margin for h in account.positions.values()), Decimal(0))
    signed = sum((h.position.quantity * h.position.average_price for h in account.positions.values()), Decimal(0))
    assert abs(account.available - (expected + signed - invested / Decimal(leverage))) < Decimal("1e-15")
    assert (account.orders, account.unfilled) == ({}, {})

"""Each child of a parent is held against the rules on one order when it goes out, at the prices of then."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from livetrader.bootstrap.trader import last_close
from livetrader.constraints.gate import Rule
from livetrader.constraints.rules.sanity import ExchangeLimits, LotSanity, PriceCollar, PriceSanity
from livetrader.constraints.verdict import Approved
from livetrader.domain.instrument import Instrument, Product
from livetrader.domain.order import OrderType
from livetrader.engine.parents.execution import AT_MARKET, Execution, ExecutionKind
from livetrader.engine.parents.schedule import resting
from tests.unit.engine.trading_samples import (
    BAR,
    EXITS,
    RULES,
    Price,
    Rig,
    at,
    flat,
    intent,
    record,
    sessions,
    signal,
    sizer,
    tape,
)

D = Decimal
DAYS = sessions(2, bars=12, square_off=10 * BAR)
TWAP = Execution(ExecutionKind.TWAP, slices=4, over_minutes=20)
BERG = Execution(ExecutionKind.ICEBERG, visible_pct=D(25))

Make = Callable[[list[Price]], Rig]


def rig_of(prices: list[Price], execution: Execution = TWAP, **limits: Rule) -> Rig:
    """A strategy that buys 20 of A at the close of the first bar, at 100; `limits` are its rules on one order."""
    bars = tape(DAYS, {"A": prices})
    collar = PriceCollar(D(5), last_close(bars))
    others = [rule for rule in RULES if not isinstance(rule, LotSanity | PriceSanity)]
    rules = [*others, limits.get("collar", collar), *(rule for name, rule in limits.items() if name != "collar")]
    desk = sizer(EXITS["none"], execution=execution)
    return Rig(DAYS, bars, desk, [signal()], rules=rules)


def parent_of(made: Rig) -> str:
    (parent,) = made.journal.parents()
    return parent.reason


def children(made: Rig) -> list[tuple[str, str]]:
    return [(one.state.value, one.reason) for one in made.journal.orders() if one.intent.parent_id]


RUNS_AWAY = [flat(100), flat(100), flat(101), flat(106), flat(106), flat(106)]
AWAY = "price_collar: price 100.0000 is 5.66 % from the last close 106.0, limit 5 %"


def test_a_twap_whose_price_ran_away_ends_before_the_child_that_would_go_out_there() -> None:
    made = rig_of(RUNS_AWAY).play(at(6))
    assert children(made) == [("FILLED", "")] * 3 + [("REFUSED", AWAY)]
    assert parent_of(made) == f"a child of it was refused: {AWAY}"
    assert made.book.positions["A"].position.quantity == 15
    assert (made.book.parents, made.book.available) == ({}, D(10_000) - 500 - 5 * 101 - 5 * 106 + 0)


def test_inside_the_collar_it_goes_on() -> None:
    made = rig_of([flat(100), flat(100), flat(101), flat(104), flat(104), flat(104)]).play(at(6))
    assert [state for state, _ in children(made)] == ["FILLED"] * 4
    assert parent_of(made) == "all of it went out"


@pytest.mark.parametrize("cut", range(1, 7))
def test_stopped_anywhere_it_ends_the_same(cut: int) -> None:
    whole, again = rig_of(RUNS_AWAY).play(at(7)), rig_of(RUNS_AWAY).play(at(cut))
    again.recover(DAYS[0])
    for bar in range(cut + 1, 8):
        again.step(at(bar))
    assert record(again.journal) == record(whole.journal)


AT_THE_LAST_PRICE: dict[str, tuple[Rule, str]] = {
    "price": (PriceSanity(max_price=D(103)), "price_sanity: price 104.0000 is outside 0–103"),
    "band": (
        ExchangeLimits({"A": Instrument("A", band=(D(90), D(103)))}),
        "exchange_limits: a price is outside the circuit band 90–103",
    ),
}


@pytest.mark.parametrize(("rule", "why"), AT_THE_LAST_PRICE.values(), ids=AT_THE_LAST_PRICE)
def test_at_market_it_is_held_against_the_last_price_too(rule: Rule, why: str) -> None:
    made = rig_of([flat(100), flat(100), flat(104), flat(104), flat(104)], limit=rule).play(at(6))
    assert parent_of(made) == f"a child of it was refused: {why}"


def test_a_child_is_worth_no_more_than_one_order_may_be_by_now() -> None:
    halves = Execution(ExecutionKind.TWAP, slices=2, over_minutes=10)
    limits = {"collar": PriceCollar(D(200), lambda *_: None), "value": LotSanity(max_order_value=D(2000))}
    made = rig_of([flat(100), flat(100), flat(230), flat(230)], halves, **limits).play(at(4))
    assert parent_of(made) == "all of it went out", "at the close before it was at 100"
    made = rig_of([flat(100), flat(230), flat(230), flat(230)], halves, **limits).play(at(4))
    assert parent_of(made).startswith("a child of it was refused: lot_sanity: order value 2300")


def test_an_iceberg_whose_market_has_left_its_limit_ends() -> None:
    prices = [flat(100), (100, 100, 99, 99), flat(94), flat(94)]
    made = rig_of(prices, BERG).play(at(4))
    assert [state for state, _ in children(made)] == ["FILLED"] * 3 + ["REFUSED"]
    assert parent_of(made).startswith("a child of it was refused: price_collar: price 100.0000 is 6.38 %")


def test_the_first_bar_of_a_session_has_no_close_to_hold_an_order_against() -> None:
    """An order that lasts goes out again in the morning, wherever yesterday ended."""
    made = rig_of([flat(100)] * 11 + [flat(120)] + [flat(120)] * 12, AT_MARKET)
    made.signals = ()
    made.boot()
    made.engine.start(DAYS[0])
    made.step(at(1))
    entry = intent(limit_price=D(99), price="99", order_type=OrderType.LIMIT, product=Product.CNC)
    made.engine.parents.begin(Approved(entry, ()), resting(entry, Instrument("A"), None), at(1))
    for bar in range(2, 13):
        made.step(at(bar))
    made.engine.start(DAYS[1])
    made.step(DAYS[1].opens + BAR)
    assert [state for state, _ in children(made)] == ["EXPIRED", "ACKED"]


class Killed(Exception):
    """The process is gone."""


@pytest.mark.parametrize("dies_in", ["end_parent", "intend", "advance"])
def test_killed_while_a_child_is_refused_it_is_over_all_the_same(dies_in: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The price comes back, and the next start buys no more of what has ended."""
    made = rig_of([flat(100), flat(100), flat(101), flat(106), flat(101), flat(101), flat(101)]).play(at(3))
    write = getattr(made.journal, dies_in)

    def dying(*given: object, **named: object) -> object:
        write(*given, **named)
        raise Killed

    made.clock.advance_to(at(4))
    with monkeypatch.context() as dies:
        dies.setattr(made.journal, dies_in, dying)
        with pytest.raises(Killed):
            made.engine.step(at(4))
    made.recover(DAYS[0])
    for bar in range(4, 9):
        made.step(at(bar))
    assert parent_of(made).startswith("a child of it was refused")
    assert made.book.positions["A"].position.quantity == 15

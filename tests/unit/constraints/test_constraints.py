"""Each rule lets pass and refuses at its limit, and says what it saw in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import time
from decimal import Decimal

import pytest

from livetrader.constraints.gate import Exposure, Rule
from livetrader.constraints.rules.latches import NotHalted, SymbolFree
from livetrader.constraints.rules.portfolio import (
    CapitalAllocation,
    MaxOpenPositions,
    MaxTradesPerDay,
    MaxTradesPerStrategy,
    OnePositionPerSymbol,
)
from livetrader.constraints.rules.sanity import ExchangeLimits, ExitDefined, LotSanity, PriceCollar, PriceSanity
from livetrader.constraints.rules.timing import BarFreshness, OnlyWhileClosed, TradingWindow
from livetrader.domain.exit_plan import ExitKind, ExitPlan
from livetrader.domain.instrument import Instrument
from livetrader.domain.order import OrderIntent
from tests.unit.constraints.exposures import exposure
from tests.unit.engine.trading_samples import INDIA, at, intent, sessions

FLAT = exposure()
ONE = OnePositionPerSymbol()
WINDOW = TradingWindow(INDIA)
UNTIL = TradingWindow(INDIA, time(9, 40))
BAND = PriceSanity(Decimal(50), Decimal(500))
NAN = float("nan")
LISTED = ExchangeLimits({"A": Instrument("A", freeze_quantity=Decimal(10), band=(Decimal(90), Decimal(110)))})


def collar(close: float | None, *, needed: bool = False) -> PriceCollar:
    """A collar of 20 % around `close`."""
    return PriceCollar(Decimal(20), lambda *_: close, needed)


def trailing(distance: float) -> OrderIntent:
    return intent(exit=ExitPlan(ExitKind.TRAILING_ATR, distance=distance))


# The exchange of the samples, as another one's neighbour: open from 09:15 until 10:15 IST.
SESSION = sessions()[0]
CLOSED = OnlyWhileClosed("nse", lambda at: SESSION if SESSION.opens <= at < SESSION.closes else None)

# rule, intent, exposure, numbers that it must say; an intent's bar 0 closes at 09:20 IST.
PASSES: dict[str, tuple[Rule, OrderIntent, Exposure, Mapping[str, str]]] = {
    "window: first close": (WINDOW, intent(bar=0), FLAT, {"at": "09:20:00", "from": "09:15:00", "until": "10:05:00"}),
    "window: last close before the square-off": (WINDOW, intent(bar=8), FLAT, {"at": "10:00:00"}),
    "window: last close before entries_until": (UNTIL, intent(bar=3), FLAT, {"at": "09:35:00"}),
    "only while closed: before the other opens": (CLOSED, intent(bar=-2), FLAT, {"market": "nse"}),
    "only while closed: at its close": (CLOSED, intent(bar=11), FLAT, {"market": "nse"}),
    "freshness: on time": (BarFreshness(90), intent(), exposure(now=at(1)), {"age_seconds": "0"}),
    "freshness: at the limit": (BarFreshness(90), intent(), exposure(now=at(1) + 90), {"limit_seconds": "90"}),
    "price: positive": (PriceSanity(), intent(price="0.05"), FLAT, {"price": "0.05"}),
    "price: lower bound": (BAND, intent(price="50"), FLAT, {"band": "50–500"}),
    "price: upper bound": (BAND, intent(price="500"), FLAT, {}),
    "collar: at the limit": (collar(125.0), intent(), FLAT, {"last_close": "125.0", "limit_pct": "20"}),
    "collar: the first bar of a session": (collar(None), intent(), FLAT, {}),
    "collar: a close that is none": (collar(NAN), intent(), FLAT, {}),
    "exit: trailing stop with an ATR": (ExitDefined(), trailing(3.0), FLAT, {"distance": "3.0000"}),
    "exit: percent needs no ATR": (ExitDefined(), intent(exit=ExitPlan(ExitKind.PERCENT, NAN, 1.0)), FLAT, {}),
    "exit: none": (ExitDefined(), intent(exit=ExitPlan(ExitKind.NONE)), FLAT, {"distance": ""}),
    "one position: other symbols": (ONE, intent(), exposure(held="B", pending="C", closed="D"), {"symbol": "A"}),
    "open positions: one below": (MaxOpenPositions(3), intent(), exposure(held="BC"), {"count": "2", "limit": "3"}),
    "trades: one below": (MaxTradesPerDay(4), intent(), exposure(trades=3), {"count": "3", "limit": "4"}),
    "per strategy: one below": (MaxTradesPerStrategy(2), intent(), exposure(by_strategy={"s": 1}), {"count": "1"}),
    "per strategy: another's": (MaxTradesPerStrategy(1), intent(), exposure(by_strategy={"t": 9}), {"count": "0"}),
    "lot: one share": (LotSanity(), intent(quantity="1"), FLAT, {"quantity": "1", "value": "100"}),
    "lot: value at the limit": (
        LotSanity(Decimal(1000)),
        intent(quantity="1E+1"),
        FLAT,
        {"quantity": "10", "value": "1000"},
    ),
    "lot: quantity at the limit": (LotSanity(max_order_quantity=Decimal(10)), intent(), FLAT, {"quantity": "10"}),
    "exchange: above the freeze quantity": (LISTED, intent(quantity="11"), FLAT, {"quantity": "11", "price": "100"}),
    "exchange: at the band": (LISTED, intent(price="110"), FLAT, {}),
    "exchange: no limits known": (ExchangeLimits({"A": Instrument("A")}), intent(quantity="1E+6"), FLAT, {}),
    "capital: exactly what is there": (
        CapitalAllocation(),
        intent(),
        exposure(available="1000"),
        {"margin": "1000.00", "available": "1000.00"},
    ),
    "capital: leverage stretches it": (
        CapitalAllocation(),
        intent(),
        exposure(available="200", leverage="5"),
        {"margin": "200.00"},
    ),
    "halts: none": (NotHalted(), intent(), FLAT, {}),
    "halts: a symbol's is not everybody's": (NotHalted(), intent(), exposure(frozen={"A": "theirs"}), {}),
    "symbol: free": (SymbolFree(), intent(), FLAT, {"symbol": "A"}),
    "symbol: others are frozen": (SymbolFree(), intent(), exposure(frozen={"B": "theirs"}), {"symbol": "A"}),
}

REFUSES: dict[str, tuple[Rule, OrderIntent, Exposure, str, Mapping[str, str]]] = {
    "window: at the square-off": (
        WINDOW,
        intent(bar=9),
        FLAT,
        "10:05:00 is outside 09:15:00–10:05:00",
        {"at": "10:05:00"},
    ),
    "only while closed: at the other's open": (CLOSED, intent(bar=-1), FLAT, "nse is open", {"market": "nse"}),
    "only while closed: before its close": (
        CLOSED,
        intent(bar=10),
        FLAT,
        "nse is open",
        {"closes_at": "2026-02-02T04:45:00+00:00"},
    ),
    "window: after it": (WINDOW, intent(bar=11), FLAT, "10:15:00 is outside 09:15:00–10:05:00", {}),
    "window: before the open": (WINDOW, intent(bar=-2), FLAT, "09:10:00 is outside 09:15:00–10:05:00", {}),
    "window: decided in time, carried out at the square-off": (
        WINDOW,
        intent(bar=8),
        exposure(now=at(10)),
        "10:00:00 was decided in time, and it is 10:05:00 by now",
        {},
    ),
    "window: at entries_until": (UNTIL, intent(bar=4), FLAT, "09:40:00 is past entries_until 09:40:00", {}),
    "freshness: a second late": (
        BarFreshness(90),
        intent(),
        exposure(now=at(1) + 91),
        "the bar closed 91 s ago, more than 90 s",
        {"age_seconds": "91"},
    ),
    "price: zero": (PriceSanity(), intent(price="0"), FLAT, "price 0 is outside 0–∞", {}),
    "price: negative": (PriceSanity(), intent(price="-1"), FLAT, "price -1 is outside 0–∞", {}),
    "price: no number": (BAND, intent(price="NaN"), FLAT, "price NaN is outside 50–500", {}),
    "price: infinite": (PriceSanity(), intent(price="Infinity"), FLAT, "price Infinity is outside 0–∞", {}),
    "price: below the band": (BAND, intent(price="49.95"), FLAT, "price 49.95 is outside 50–500", {}),
    "exchange: not listed": (
        LISTED,
        replace(intent(), symbol="B"),
        FLAT,
        "the broker does not list B today",
        {},
    ),
    "exchange: outside the band": (
        LISTED,
        intent(price="110.05"),
        FLAT,
        "a price is outside the circuit band 90–110",
        {"price": "110.05"},
    ),
    "exchange: a limit outside the band": (
        LISTED,
        replace(intent(), limit_price=Decimal("89.95")),
        FLAT,
        "a price is outside the circuit band 90–110",
        {},
    ),
    "price: above the band": (BAND, intent(price="500.05"), FLAT, "price 500.05 is outside 50–500", {}),
    "collar: a spike": (
        collar(1000.0),
        intent(),
        FLAT,
        "price 100 is 90.00 % from the last close 1000.0, limit 20 %",
        {"price": "100"},
    ),
    "collar: no number": (
        collar(100.0),
        intent(price="NaN"),
        FLAT,
        "price NaN is NaN % from the last close 100.0, limit 20 %",
        {},
    ),
    "collar: by hand, with nothing to hold it against": (
        collar(None, needed=True),
        intent(),
        FLAT,
        "A has no close before it in this session",
        {},
    ),
    "exit: no ATR yet": (
        ExitDefined(),
        trailing(NAN),
        FLAT,
        "no ATR at the signal bar: too few bars",
        {"distance": ""},
    ),
    "exit: no distance": (ExitDefined(), trailing(0.0), FLAT, "no ATR at the signal bar: too few bars", {}),
    "one position: held": (ONE, intent(), exposure(held="A"), "A has an open position", {"symbol": "A"}),
    "one position: under way": (ONE, intent(), exposure(pending="A"), "A has an entry under way", {}),
    "one position: closed on this bar": (ONE, intent(), exposure(closed="A"), "A closed its position on this bar", {}),
    "open positions: full": (
        MaxOpenPositions(3),
        intent(),
        exposure(held="BC", pending="D"),
        "3 positions open or under way, limit 3",
        {"count": "3"},
    ),
    "open positions: none allowed": (MaxOpenPositions(0), intent(), FLAT, "0 positions open or under way, limit 0", {}),
    "trades: used up": (
        MaxTradesPerDay(4),
        intent(),
        exposure(trades=4),
        "4 trades this session, limit 4",
        {"limit": "4"},
    ),
    "per strategy: used up": (
        MaxTradesPerStrategy(2),
        intent(),
        exposure(by_strategy={"s": 2}),
        "2 trades of s this session, limit 2",
        {"count": "2"},
    ),
    "lot: none": (
        LotSanity(),
        intent(quantity="0"),
        FLAT,
        "the allocation does not buy one lot at 100",
        {"quantity": "0"},
    ),
    "lot: negative capital": (
        LotSanity(),
        intent(quantity="-5"),
        FLAT,
        "the allocation does not buy one lot at 100",
        {},
    ),
    "lot: value above the limit": (
        LotSanity(Decimal("999.99")),
        intent(),
        FLAT,
        "order value 1000 is above max_order_value 999.99",
        {"value": "1000"},
    ),
    "lot: quantity above the limit": (
        LotSanity(Decimal(1000), Decimal("9.5")),
        intent(),
        FLAT,
        "quantity 10 is above max_order_quantity 9.5",
        {"quantity": "10"},
    ),
    "capital: a paisa short": (
        CapitalAllocation(),
        intent(),
        exposure(available="999.99"),
        "margin 1000.00 is more than the available 999.99",
        {},
    ),
    "capital: overdrawn": (
        CapitalAllocation(),
        intent(),
        exposure(available="-5"),
        "margin 1000.00 is more than the available -5.00",
        {},
    ),
    "halts: one": (NotHalted(), intent(), exposure(halts={"kill": "by hand"}), "kill: by hand", {"kill": "by hand"}),
    "halts: several, the first by name, and all in numbers": (
        NotHalted(),
        intent(),
        exposure(halts={"mismatch": "A differs", "auth": "token expired"}),
        "auth: token expired",
        {"auth": "token expired", "mismatch": "A differs"},
    ),
    "symbol: frozen": (
        SymbolFree(),
        intent(),
        exposure(frozen={"A": "rejected 3 times"}),
        "A is frozen: rejected 3 times",
        {"symbol": "A"},
    ),
}


@pytest.mark.parametrize(("rule", "order", "seen", "numbers"), PASSES.values(), ids=PASSES)
def test_a_rule_lets_pass_up_to_its_limit(
    rule: Rule, order: OrderIntent, seen: Exposure, numbers: Mapping[str, str]
) -> None:
    check = rule.check(order, seen)
    assert check.passed, check.reason
    assert rule.passes(order, seen)
    assert numbers.items() <= check.numbers.items()


@pytest.mark.parametrize(("rule", "order", "seen", "reason", "numbers"), REFUSES.values(), ids=REFUSES)
def test_a_rule_refuses_beyond_its_limit_and_says_why(
    rule: Rule, order: OrderIntent, seen: Exposure, reason: str, numbers: Mapping[str, str]
) -> None:
    check = rule.check(order, seen)
    assert (check.passed, check.reason) == (False, reason)
    assert not rule.passes(order, seen)
    assert numbers.items() <= check.numbers.items()
    assert "\n" not in check.reason


def test_every_rule_has_a_name_of_its_own_and_says_the_same_one_either_way() -> None:
    names: dict[type, set[str]] = {}
    cases = [(rule, order, seen) for rule, order, seen, _ in PASSES.values()]
    cases += [(rule, order, seen) for rule, order, seen, _, _ in REFUSES.values()]
    for rule, order, seen in cases:
        names.setdefault(type(rule), set()).add(rule.check(order, seen).rule)
    assert all(len(said) == 1 for said in names.values())
    assert len(set.union(*names.values())) == len(names) == 15

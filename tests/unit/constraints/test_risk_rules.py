"""The limits of a desk, each exactly at its limit and beyond it: money, what went wrong, daily returns, the score."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from statistics import correlation, stdev
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.constraints.gate import Exposure, Rule
from livetrader.constraints.rules.breakers import BrokerCircuit, ConsecutiveLosses, MaxRejections, StopCooldown
from livetrader.constraints.rules.history import LEAST_DAYS, Correlation, Volatility
from livetrader.constraints.rules.money import (
    FreeMargin,
    Leverage,
    MoneyRule,
    PositionSize,
    SectorConcentration,
    StrategyAllocation,
)
from livetrader.constraints.rules.portfolio import MaxOpenPositions
from livetrader.constraints.rules.score import DailyLoss, RiskScore
from livetrader.domain.order import OrderIntent
from livetrader.domain.signal import Side
from tests.unit.constraints.exposures import exposure, worth
from tests.unit.engine.trading_samples import at, intent

TEN = Decimal(10)
SECTORS = {"A": "bank", "B": "bank", "C": "steel"}
# An intent is of 10 A at 100 by strategy s, decided at the close of the first bar.
UP = [0.01, -0.01] * 15
OTHER = [0.01, 0.01, -0.01, -0.01] * 7 + [0.01, -0.01]


def held(equity: str, **values: str) -> Exposure:
    return exposure(portfolio=worth(equity, **values))


def moving(mine: list[float], sides: Mapping[str, int] | None = None, **theirs: list[float]) -> Exposure:
    known = {symbol: tuple(one) for symbol, one in {"A": mine, **theirs}.items()}
    return exposure(returns=known, sides=sides or {})


PASSES: dict[str, tuple[Rule, OrderIntent, Exposure, Mapping[str, str]]] = {
    "position: exactly 10 %": (
        PositionSize(TEN), intent(), held("10000"), {"taken": "1000.00", "limit": "1000.00", "equity": "10000.00"},
    ),
    "position: others are not its": (PositionSize(TEN), intent(), held("10000", B="9000"), {"taken": "1000.00"}),
    "leverage: exactly": (Leverage(Decimal(2)), intent(), held("5000", B="4000", C="5000"), {"taken": "10000.00"}),
    "free margin: exactly 20 %": (
        FreeMargin(Decimal(20)), intent(), exposure(available="3000", portfolio=worth("10000")), {"limit": "1000.00"},
    ),
    "free margin: of the margin, not of the value": (
        FreeMargin(Decimal(20)), intent(), exposure(available="2200", leverage="5", portfolio=worth("10000")),
        {"taken": "200.00", "limit": "200.00"},
    ),
    "strategy: exactly": (
        StrategyAllocation(Decimal(30)), intent(), exposure(portfolio=worth("10000", {"s": "2000", "t": "9000"})),
        {"taken": "3000.00"},
    ),
    "sector: exactly": (SectorConcentration(Decimal(30), SECTORS), intent(), held("10000", B="2000", C="9000"), {}),
    "sector: one that is not listed is its own": (
        SectorConcentration(TEN, SECTORS), intent(symbol="D"), held("10000", E="9000"), {"taken": "1000.00"},
    ),
    "cooldown: over to the second": (
        StopCooldown(Decimal(5)), intent(bar=1), exposure(stopped={"A": at(1)}), {"seconds_ago": "300"},
    ),
    "cooldown: another symbol's": (StopCooldown(Decimal(5)), intent(), exposure(stopped={"B": at(1)}), {}),
    "losses: one below": (ConsecutiveLosses(3), intent(), exposure(losses=2), {"count": "2", "limit": "3"}),
    "rejections: one below": (MaxRejections(3), intent(), exposure(rejections=2), {"count": "2"}),
    "circuit: closed": (BrokerCircuit(3), intent(), exposure(unanswered=2, unanswered_at=at(1)), {"state": "closed"}),
    "circuit: half-open after the pause": (
        BrokerCircuit(3), intent(bar=1), exposure(unanswered=3, unanswered_at=at(1)), {"state": "half-open"},
    ),
    "volatility: at the limit": (Volatility(Decimal("1.1")), intent(), moving(UP), {"volatility_pct": "1.0171"}),
    "correlation: nothing is held": (Correlation(Decimal("0.7")), intent(), moving([]), {}),
    "correlation: its own symbol is another rule's": (Correlation(Decimal("0.7")), intent(), moving(UP, {"A": 1}), {}),
    "correlation: unrelated": (
        Correlation(Decimal("0.7")), intent(), moving(UP, {"B": 1}, B=OTHER), {"with": "B", "correlation": "0.0667"},
    ),
    "correlation: a hedge": (Correlation(Decimal("0.7")), intent(), moving(UP, {"B": -1}, B=UP), {}),
    "correlation: exactly 1 is allowed": (Correlation(Decimal(1)), intent(), moving(UP, {"B": 1}, B=UP), {}),
    "correlation: with what does not move": (Correlation(TEN / 20), intent(), moving(UP, {"B": 1}, B=[0.0] * 30), {}),
    "score: the mean": (
        RiskScore(Decimal("0.5"), (MaxOpenPositions(4), PositionSize(TEN), Leverage(Decimal(1)), DailyLoss(TEN))),
        intent(), exposure(held="B", portfolio=worth("20000", lost="5", B="9000")),
        {"score": "0.5000", "max_open_positions": "0.5000", "position_size": "0.5000", "leverage": "0.5000"},
    ),
    "score: a gain is no share": (
        RiskScore(Decimal("0.1"), (DailyLoss(TEN),)), intent(), exposure(portfolio=worth("1", lost="-50")),
        {"daily_loss": "0.0000", "score": "0.0000"},
    ),
}  # fmt: skip

REFUSES: dict[str, tuple[Rule, OrderIntent, Exposure, str]] = {
    "position: a paisa more": (
        PositionSize(TEN), intent(), held("9999.9"), "position: 1000.00 is more than 999.99, 10 % of 9999.90",
    ),
    "position: what is there counts": (
        PositionSize(TEN), intent(), held("10000", A="0.01"),
        "position: 1000.01 is more than 1000.00, 10 % of 10000.00",
    ),
    "position: an account worth nothing": (
        PositionSize(TEN), intent(), held("0"), "position: 1000.00 is more than 0.00, 10 % of 0.00",
    ),
    "leverage: a paisa more": (
        Leverage(Decimal(2)), intent(), held("5000", B="9000.01"),
        "all positions: 10000.01 is more than 10000.00, 2 × 5000.00",
    ),
    "free margin: a paisa less": (
        FreeMargin(Decimal(20)), intent(), exposure(available="2999.99", portfolio=worth("10000")),
        "margin: 1000.00 is more than 999.99, 2999.99 available less 20 % of 10000.00",
    ),
    "strategy: a paisa more": (
        StrategyAllocation(Decimal(30)), intent(), exposure(portfolio=worth("10000", {"s": "2000.01"})),
        "positions of s: 3000.01 is more than 3000.00, 30 % of 10000.00",
    ),
    "sector: a paisa more": (
        SectorConcentration(Decimal(30), SECTORS), intent(), held("10000", B="2000.01"),
        "sector bank: 3000.01 is more than 3000.00, 30 % of 10000.00",
    ),
    "cooldown: a second left": (
        StopCooldown(Decimal(5)), intent(bar=1), exposure(stopped={"A": at(1) + 1}),
        "a stop was reached in A 299 s ago, the cooldown is 300 s",
    ),
    "losses: so many": (ConsecutiveLosses(3), intent(), exposure(losses=3), "3 losses in a row this session, limit 3"),
    "rejections: so many": (
        MaxRejections(3), intent(), exposure(rejections=3), "3 entries rejected this session, limit 3",
    ),
    "circuit: open": (
        BrokerCircuit(3, 301), intent(bar=1), exposure(unanswered=3, unanswered_at=at(1)),
        "the circuit is open: 3 entries in a row have no answer, limit 3; the last is 300 s ago, the pause is 301 s",
    ),
    "volatility: above": (
        Volatility(Decimal("1.0")), intent(), moving(UP), "daily returns of A deviate by 1.02 %, limit 1.0 %",
    ),
    "volatility: too few days to tell": (
        Volatility(TEN), intent(), moving([0.01] * (LEAST_DAYS - 1) + [math.nan] * 40),
        "A has fewer than 20 daily returns",
    ),
    "volatility: a symbol without candles": (
        Volatility(TEN), intent(symbol="Z"), moving(UP), "Z has fewer than 20 daily returns",
    ),
    "correlation: the same bet twice": (
        Correlation(Decimal("0.7")), intent(), moving(UP, {"B": 1, "C": 1}, B=OTHER, C=UP),
        "A moves with the position in C by 1.00, limit 0.7",
    ),
    "correlation: the same bet, both short": (
        Correlation(Decimal("0.7")), intent(side=Side.SHORT), moving(UP, {"B": -1}, B=UP),
        "A moves with the position in B by 1.00, limit 0.7",
    ),
    "correlation: the same bet by opposite sides": (
        Correlation(Decimal("0.7")), intent(), moving(UP, {"B": -1}, B=[-x for x in UP]),
        "A moves with the position in B by 1.00, limit 0.7",
    ),
    "correlation: too few days to tell": (
        Correlation(Decimal("0.7")), intent(), moving(UP, {"B": 1}, B=[math.nan] * 11 + UP[11:]),
        "A and B have fewer than 20 daily returns in common",
    ),
    "score: above": (
        RiskScore(Decimal("0.49"), (PositionSize(TEN),)), intent(), held("20000"), "risk score 0.50, limit 0.49",
    ),
    "score: what is not known counts whole": (
        RiskScore(Decimal("0.9"), (Volatility(TEN),)), intent(), moving([]), "risk score 1.00, limit 0.9",
    ),
    "score: an account worth nothing": (
        RiskScore(Decimal("0.9"), (Leverage(TEN),)), intent(), held("-5"), "risk score 1.00, limit 0.9",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("rule", "order", "seen", "numbers"), PASSES.values(), ids=PASSES)
def test_a_rule_lets_pass_up_to_its_limit(
    rule: Rule, order: OrderIntent, seen: Exposure, numbers: Mapping[str, str]
) -> None:
    check = rule.check(order, seen)
    assert check.passed, check.reason
    assert rule.passes(order, seen)
    assert numbers.items() <= check.numbers.items()


@pytest.mark.parametrize(("rule", "order", "seen", "reason"), REFUSES.values(), ids=REFUSES)
def test_a_rule_refuses_beyond_its_limit_and_says_why(
    rule: Rule, order: OrderIntent, seen: Exposure, reason: str
) -> None:
    check = rule.check(order, seen)
    assert (check.passed, check.reason) == (False, reason)
    assert not rule.passes(order, seen)


def test_every_rule_has_a_name_of_its_own_and_says_the_same_one_either_way() -> None:
    names: dict[type, set[str]] = {}
    for rule, order, seen, *_ in (*PASSES.values(), *REFUSES.values()):
        names.setdefault(type(rule), set()).add(rule.check(order, seen).rule)
    assert all(len(said) == 1 for said in names.values())
    assert len(set.union(*names.values())) == len(names) == 12


def test_a_rule_about_money_is_told_when_nobody_values_the_account() -> None:
    with pytest.raises(AssertionError, match="the engine values the account"):
        PositionSize(TEN).passes(intent(), exposure())


money = st.decimals(min_value=0, max_value=10**6, places=2)
RULES: list[MoneyRule] = [
    PositionSize(TEN), Leverage(Decimal(2)), FreeMargin(TEN), StrategyAllocation(TEN),
    SectorConcentration(TEN, SECTORS),
]  # fmt: skip


@given(money, money, st.dictionaries(st.sampled_from("ABC"), money), st.sampled_from(RULES))
def test_a_larger_order_never_passes_where_a_smaller_one_is_refused(
    equity: Decimal, available: Decimal, values: dict[str, Decimal], rule: MoneyRule
) -> None:
    seen = exposure(available=str(available), portfolio=worth(str(equity), **{s: str(v) for s, v in values.items()}))
    verdicts = [rule.passes(intent(quantity=str(n)), seen) for n in (1, 10, 100, 1000)]
    assert verdicts == sorted(verdicts, reverse=True)
    assert [rule.share(intent(quantity=str(n)), seen) <= 1 for n in (1, 10, 100, 1000)] == verdicts


returns: Any = st.lists(st.floats(-0.2, 0.2).map(lambda x: round(x, 4)), min_size=LEAST_DAYS, max_size=60)


@given(returns)
def test_volatility_is_the_standard_deviation(mine: list[float]) -> None:
    share = Volatility(Decimal(100)).share(intent(), moving(mine))
    assert share == pytest.approx(stdev(mine), abs=1e-12)


@given(st.lists(st.tuples(*[st.floats(-0.2, 0.2).map(lambda x: round(x, 4))] * 2), min_size=LEAST_DAYS, max_size=60))
def test_correlation_is_pearsons(pairs: list[tuple[float, float]]) -> None:
    mine, theirs = (list(column) for column in zip(*pairs, strict=True))
    found = Correlation(Decimal(1)).share(intent(), moving(mine, {"B": 1}, B=theirs))
    flat = min(mine) == max(mine) or min(theirs) == max(theirs)
    expected = 0.0 if flat else max(correlation(mine, theirs), 0.0)
    assert found == pytest.approx(expected, abs=1e-9)

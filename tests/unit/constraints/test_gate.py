"""The gate hears every rule, and the first that fails gives the reason."""

from __future__ import annotations

from dataclasses import dataclass

from livetrader.constraints.gate import Exposure, approve_exit, review
from livetrader.constraints.verdict import Approved, Check, Refused
from livetrader.domain.order import OrderIntent
from tests.unit.constraints.exposures import exposure
from tests.unit.engine.trading_samples import intent


@dataclass(frozen=True)
class Says:
    """A rule that passes or not, whatever it sees."""

    name: str
    passes: bool

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        numbers = {"symbol": intent.symbol, "trades": str(exposure.trades)}
        return Check(self.name, self.passes, f"{self.name} says so", numbers)


def test_an_intent_that_every_rule_lets_pass_is_approved_with_what_each_said() -> None:
    order = intent()
    verdict = review(order, exposure(), [Says("a", True), Says("b", True)])
    assert isinstance(verdict, Approved)
    assert verdict.intent is order
    assert [(c.rule, c.passed) for c in verdict.checks] == [("a", True), ("b", True)]


def test_the_first_failure_gives_the_reason_and_the_rules_after_it_are_heard_too() -> None:
    rules = [Says("a", True), Says("b", False), Says("c", False), Says("d", True)]
    verdict = review(intent(), exposure(trades=4), rules)
    assert isinstance(verdict, Refused)
    assert (verdict.rule, verdict.reason, dict(verdict.numbers)) == ("b", "b says so", {"symbol": "A", "trades": "4"})
    assert [(c.rule, c.passed) for c in verdict.checks] == [("a", True), ("b", False), ("c", False), ("d", True)]


def test_without_rules_everything_is_approved() -> None:
    assert isinstance(review(intent(), exposure(), ()), Approved)


def test_an_exit_is_approved_without_being_asked() -> None:
    order = intent()
    assert approve_exit(order) == Approved(order, ())

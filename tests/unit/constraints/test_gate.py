"""The gate hears every rule, and the first that fails gives the reason."""

from __future__ import annotations

from dataclasses import dataclass, field

from livetrader.constraints.gate import Exposure, approve_exit, review
from livetrader.constraints.verdict import Approved, Check, Refused
from livetrader.domain.order import OrderIntent
from tests.unit.constraints.exposures import exposure
from tests.unit.engine.trading_samples import intent


@dataclass(frozen=True)
class Says:
    """A rule that passes or not, whatever it sees, and remembers what it was asked to put into words."""

    name: str
    answer: bool
    asked: list[OrderIntent] = field(default_factory=list)

    def passes(self, intent: OrderIntent, exposure: Exposure) -> bool:  # noqa: ARG002 - every rule sees both
        return self.answer

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        self.asked.append(intent)
        numbers = {"symbol": intent.symbol, "trades": str(exposure.trades)}
        return Check(self.name, self.answer, f"{self.name} says so", numbers)


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


def test_only_the_rule_that_refuses_is_put_into_words_before_somebody_reads_them() -> None:
    rules = [Says("a", True), Says("b", False), Says("c", True)]
    verdict = review(intent(), exposure(), rules)
    assert [len(rule.asked) for rule in rules] == [0, 1, 0]
    assert [check.rule for check in verdict.checks] == ["a", "b", "c"]


def test_checks_are_a_value_equal_to_their_tuple_and_to_each_other() -> None:
    """What a backtest kept and what was read back from a journal compare as the same decision."""
    checks = review(intent(), exposure(), [Says("a", True), Says("b", False)]).checks
    again = review(intent(), exposure(), [Says("a", True), Says("b", False)]).checks
    said = tuple(
        Check(name, passed, f"{name} says so", {"symbol": "A", "trades": "0"})
        for name, passed in [("a", True), ("b", False)]
    )
    assert checks == again
    assert (checks == said, said == checks, repr(checks), len(checks)) == (True, True, repr(said), 2)
    assert (checks[-1], checks[:1]) == (said[-1], said[:1])
    assert checks != said[:1]
    assert checks != review(intent(), exposure(trades=1), [Says("a", True), Says("b", False)]).checks


def test_without_rules_everything_is_approved() -> None:
    assert isinstance(review(intent(), exposure(), ()), Approved)


def test_an_exit_is_approved_without_being_asked() -> None:
    order = intent()
    assert approve_exit(order) == Approved(order, ())

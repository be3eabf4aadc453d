"""A symbol that nobody quotes takes no entries."""

from __future__ import annotations

import pytest

from livetrader.constraints.gate import review
from livetrader.constraints.rules.quotes import QuoteFreshness
from livetrader.constraints.verdict import Approved, Refused
from tests.unit.constraints.exposures import exposure
from tests.unit.engine.trading_samples import intent


@pytest.mark.parametrize(
    ("age", "passed", "reason"),
    [
        (0.0, True, "the last quote came 0.0 s ago"),
        (15.0, True, "the last quote came 15.0 s ago"),
        (15.1, False, "the last quote came 15.1 s ago, more than 15 s"),
        (None, False, "A has no quote"),
    ],
    ids=["now", "at the limit", "past it", "never"],
)
def test_the_age_of_the_last_quote_decides(age: float | None, passed: bool, reason: str) -> None:
    rule = QuoteFreshness(15.0, lambda symbol, now: age if symbol == "A" and now > 0 else 0.0)
    verdict = review(intent(), exposure(), (rule,))
    assert isinstance(verdict, Approved if passed else Refused)
    (check,) = verdict.checks
    assert (check.rule, check.passed, check.reason) == ("quote_freshness", passed, reason)
    numbers = {"limit_seconds": "15"} if age is None else {"age_seconds": f"{age:.1f}", "limit_seconds": "15"}
    assert check.numbers == numbers

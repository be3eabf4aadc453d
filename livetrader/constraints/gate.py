"""Pre-trade review: every rule looks at every entry, and the verdict is a value."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from livetrader.constraints.verdict import Approved, Check, Refused, Verdict
from livetrader.domain.order import OrderIntent
from livetrader.domain.session import Session


@dataclass(frozen=True, slots=True)
class Exposure:
    """The account as the rules see it, orders whose fate is open included.

    `now` is the time of the review in epoch seconds. `held` are the symbols with a position, `pending` those
    with an entry under way, `closed` those whose position closed on the bar that is being decided. `trades` and
    `trades_by_strategy` count this session's entries, filled or under way. `available` is the money that is
    neither in a position nor reserved for an entry; `leverage` is how far it stretches.
    """

    now: int
    session: Session
    held: Collection[str]
    pending: Collection[str]
    closed: Collection[str]
    trades: int
    trades_by_strategy: Mapping[str, int]
    available: Decimal
    leverage: Decimal


class Rule(Protocol):
    """One constraint. It names itself, and says what it saw in numbers."""

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check: ...


def review(intent: OrderIntent, exposure: Exposure, rules: Sequence[Rule]) -> Verdict:
    """The verdict of all rules on an entry. The first rule that fails gives the reason."""
    checks = tuple(rule.check(intent, exposure) for rule in rules)
    failed = next((check for check in checks if not check.passed), None)
    if failed is None:
        return Approved(intent, checks)
    return Refused(intent, failed.rule, failed.reason, failed.numbers, checks)


def approve_exit(intent: OrderIntent) -> Approved:
    """Exits are never blocked."""
    return Approved(intent, ())

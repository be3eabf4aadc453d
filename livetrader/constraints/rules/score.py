"""One number for how much of all that is allowed an entry would take."""

# ruff: noqa: ARG002 - every rule sees both the intent and the exposure

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Protocol

from livetrader.constraints.gate import Exposure
from livetrader.constraints.rules.money import portfolio
from livetrader.constraints.verdict import Check
from livetrader.domain.order import OrderIntent


class Graded(Protocol):
    """A limit that says how near it is."""

    name: ClassVar[str]

    def share(self, intent: OrderIntent, exposure: Exposure) -> float:
        """What of the limit is taken with the entry: 1 is all of it, NaN is not known."""


@dataclass(frozen=True, slots=True)
class DailyLoss:
    """How near the session is to its loss limit, which itself is a latch of the engine's."""

    name: ClassVar[str] = "daily_loss"
    limit: Decimal

    def share(self, intent: OrderIntent, exposure: Exposure) -> float:
        return float(portfolio(exposure).lost / self.limit)


@dataclass(frozen=True, slots=True)
class RiskScore:
    """The mean of the shares of all `graded` limits is at most `limit`.

    Each share lies between 0 and 1: what is not known counts as 1.
    """

    name: ClassVar[str] = "risk_score"
    limit: Decimal
    graded: Sequence[Graded]

    def passes(self, intent: OrderIntent, exposure: Exposure) -> bool:
        return self._score(self._shares(intent, exposure)) <= float(self.limit)

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        shares = self._shares(intent, exposure)
        score = self._score(shares)
        numbers = {name: f"{share:.4f}" for name, share in shares.items()}
        numbers |= {"score": f"{score:.4f}", "limit": str(self.limit)}
        reason = f"risk score {score:.2f}, limit {self.limit}"
        return Check(self.name, self.passes(intent, exposure), reason, numbers)

    def _shares(self, intent: OrderIntent, exposure: Exposure) -> dict[str, float]:
        shares = ((one.name, one.share(intent, exposure)) for one in self.graded)
        return {name: 1.0 if math.isnan(share) else min(max(share, 0.0), 1.0) for name, share in shares}

    def _score(self, shares: dict[str, float]) -> float:
        return math.fsum(shares.values()) / len(shares)

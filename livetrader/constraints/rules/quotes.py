"""Whether a symbol is quoted at all, between two bars."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from livetrader.constraints.gate import Exposure
from livetrader.constraints.verdict import Check
from livetrader.domain.order import OrderIntent

QuoteAge = Callable[[str, int], float | None]
"""(symbol, now): how old the symbol's last quote is in seconds at epoch second `now`; None: there is none."""


@dataclass(frozen=True, slots=True)
class QuoteFreshness:
    """The symbol's last quote came at most `max_age_seconds` ago: its feed is alive, and somebody trades it."""

    max_age_seconds: float
    age: QuoteAge

    def passes(self, intent: OrderIntent, exposure: Exposure) -> bool:
        age = self.age(intent.symbol, exposure.now)
        return age is not None and age <= self.max_age_seconds

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        age, passed = self.age(intent.symbol, exposure.now), self.passes(intent, exposure)
        limit = f"{self.max_age_seconds:g}"
        if age is None:
            return Check("quote_freshness", passed, f"{intent.symbol} has no quote", {"limit_seconds": limit})
        reason = f"the last quote came {age:.1f} s ago" + ("" if passed else f", more than {limit} s")
        return Check("quote_freshness", passed, reason, {"age_seconds": f"{age:.1f}", "limit_seconds": limit})

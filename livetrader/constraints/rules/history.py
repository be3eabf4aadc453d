"""What a symbol's daily returns say: how much it moves, and how much of that it does together with what is held."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from operator import mul
from typing import ClassVar

from livetrader.constraints.gate import Exposure
from livetrader.constraints.verdict import Check
from livetrader.domain.order import OrderIntent

# With fewer days neither number says anything.
LEAST_DAYS = 20


class HistoryRule:
    """A rule about `Exposure.returns`. What cannot be calculated for want of days is refused: it may be anything."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Volatility(HistoryRule):
    """The standard deviation of the symbol's daily returns is at most `limit_pct` %."""

    name: ClassVar[str] = "volatility"
    limit_pct: Decimal

    def share(self, intent: OrderIntent, exposure: Exposure) -> float:
        """How much of the limit there is; NaN where that is not known."""
        return _deviation(exposure.returns.get(intent.symbol, ())) * 100 / float(self.limit_pct)

    def passes(self, intent: OrderIntent, exposure: Exposure) -> bool:
        return self.share(intent, exposure) <= 1.0

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        found, passed = _deviation(exposure.returns.get(intent.symbol, ())), self.passes(intent, exposure)
        if math.isnan(found):
            return Check(self.name, False, f"{intent.symbol} has fewer than {LEAST_DAYS} daily returns", {})
        numbers = {"volatility_pct": f"{found * 100:.4f}", "limit_pct": str(self.limit_pct)}
        reason = f"daily returns of {intent.symbol} deviate by {found * 100:.2f} %, limit {self.limit_pct} %"
        return Check(self.name, passed, reason, numbers)


@dataclass(frozen=True, slots=True)
class Correlation(HistoryRule):
    """No position held or under way moves together with the new one by more than `limit`.

    A long and a short position in symbols that move together hedge each other: then the correlation counts with the
    opposite sign.
    """

    name: ClassVar[str] = "correlation"
    limit: Decimal

    def share(self, intent: OrderIntent, exposure: Exposure) -> float:
        """How much of the limit the closest position takes; NaN where one's is not known."""
        closest, _ = self._closest(intent, exposure)
        return max(closest, 0.0) / float(self.limit) if not math.isnan(closest) else closest

    def passes(self, intent: OrderIntent, exposure: Exposure) -> bool:
        return self._closest(intent, exposure)[0] <= float(self.limit)

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        (closest, symbol), passed = self._closest(intent, exposure), self.passes(intent, exposure)
        if not symbol:
            return Check(self.name, passed, "nothing else is held", {})
        if math.isnan(closest):
            reason = f"{intent.symbol} and {symbol} have fewer than {LEAST_DAYS} daily returns in common"
            return Check(self.name, passed, reason, {"with": symbol})
        numbers = {"with": symbol, "correlation": f"{closest:.4f}", "limit": str(self.limit)}
        reason = f"{intent.symbol} moves with the position in {symbol} by {closest:.2f}, limit {self.limit}"
        return Check(self.name, passed, reason, numbers)

    def _closest(self, intent: OrderIntent, exposure: Exposure) -> tuple[float, str]:
        """The largest correlation with a position and its symbol; NaN with the first whose is not known."""
        closest, name, mine = -1.0, "", exposure.returns.get(intent.symbol, ())
        for symbol, sign in sorted(exposure.sides.items()):
            if symbol == intent.symbol:
                continue
            found = _together(mine, exposure.returns.get(symbol, ())) * sign * intent.side.sign
            if math.isnan(found):
                return found, symbol
            if found > closest or not name:
                closest, name = found, symbol
        return closest, name


# A session's returns do not change, and many entries ask about the same ones: twice, where the score is on.
@lru_cache(maxsize=1 << 11)
def _deviation(returns: tuple[float, ...]) -> float:
    known = [one for one in returns if not math.isnan(one)]
    if len(known) < LEAST_DAYS:
        return math.nan
    off = _off_mean(known)
    return math.sqrt(_product(off, off) / (len(off) - 1))


@lru_cache(maxsize=1 << 11)
def _together(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """The correlation of the days that both have; 0 where one of them did not move at all."""
    pairs = [(a, b) for a, b in zip(one, other, strict=False) if not (math.isnan(a) or math.isnan(b))]
    if len(pairs) < LEAST_DAYS:
        return math.nan
    left, right = zip(*pairs, strict=True)
    if min(left) == max(left) or min(right) == max(right):
        return 0.0
    a, b = _off_mean(left), _off_mean(right)
    found = _product(a, b) / math.sqrt(_product(a, a) * _product(b, b))
    return min(max(found, -1.0), 1.0)  # the root is rounded


def _off_mean(values: Sequence[float]) -> list[float]:
    mean = math.fsum(values) / len(values)
    return [value - mean for value in values]


def _product(left: Sequence[float], right: Sequence[float]) -> float:
    """The sum of the products. `fsum` is exact, so the order of days does not matter."""
    return math.fsum(map(mul, left, right))

"""How much the account may hold and trade, orders whose fate is open included."""

# ruff: noqa: ARG002 - every rule sees both the intent and the exposure

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from livetrader.constraints.gate import Exposure
from livetrader.constraints.verdict import Check
from livetrader.domain.order import OrderIntent


@dataclass(frozen=True, slots=True)
class OnePositionPerSymbol:
    """A symbol has at most one open position, and one that closed on a bar is not re-entered on it."""

    def passes(self, intent: OrderIntent, exposure: Exposure) -> bool:
        symbol = intent.symbol
        return symbol not in exposure.held and symbol not in exposure.pending and symbol not in exposure.closed

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        symbol, what = intent.symbol, "is flat"
        if symbol in exposure.held:
            what = "has an open position"
        elif symbol in exposure.pending:
            what = "has an entry under way"
        elif symbol in exposure.closed:
            what = "closed its position on this bar"
        passed = self.passes(intent, exposure)
        return Check("one_position_per_symbol", passed, f"{symbol} {what}", {"symbol": symbol})


@dataclass(frozen=True, slots=True)
class MaxOpenPositions:
    name: ClassVar[str] = "max_open_positions"
    limit: int

    def share(self, intent: OrderIntent, exposure: Exposure) -> float:
        """What of the limit is taken with the entry."""
        return (len(exposure.held) + len(exposure.pending) + 1) / self.limit

    def passes(self, intent: OrderIntent, exposure: Exposure) -> bool:
        return len(exposure.held) + len(exposure.pending) < self.limit

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        count = len(exposure.held) + len(exposure.pending)
        reason = f"{count} positions open or under way, limit {self.limit}"
        return Check(self.name, self.passes(intent, exposure), reason, _numbers(count, self.limit))


@dataclass(frozen=True, slots=True)
class MaxTradesPerDay:
    limit: int

    def passes(self, intent: OrderIntent, exposure: Exposure) -> bool:
        return exposure.trades < self.limit

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        reason = f"{exposure.trades} trades this session, limit {self.limit}"
        numbers = _numbers(exposure.trades, self.limit)
        return Check("max_trades_per_day", self.passes(intent, exposure), reason, numbers)


@dataclass(frozen=True, slots=True)
class MaxTradesPerStrategy:
    limit: int

    def passes(self, intent: OrderIntent, exposure: Exposure) -> bool:
        return exposure.trades_by_strategy.get(intent.strategy, 0) < self.limit

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        count = exposure.trades_by_strategy.get(intent.strategy, 0)
        reason = f"{count} trades of {intent.strategy} this session, limit {self.limit}"
        return Check("max_trades_per_strategy", self.passes(intent, exposure), reason, _numbers(count, self.limit))


@dataclass(frozen=True, slots=True)
class CapitalAllocation:
    """The margin of the order fits into the money that is neither invested nor reserved."""

    def passes(self, intent: OrderIntent, exposure: Exposure) -> bool:
        return intent.value / exposure.leverage <= exposure.available

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        margin = intent.value / exposure.leverage
        fits = self.passes(intent, exposure)
        numbers = {"margin": f"{margin:.2f}", "available": f"{exposure.available:.2f}"}
        sign = "within" if fits else "more than"
        reason = f"margin {numbers['margin']} is {sign} the available {numbers['available']}"
        return Check("capital_allocation", fits, reason, numbers)


def _numbers(count: int, limit: int) -> dict[str, str]:
    return {"count": str(count), "limit": str(limit)}

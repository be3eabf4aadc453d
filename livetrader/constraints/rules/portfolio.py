"""How much the account may hold and trade, orders whose fate is open included."""

from __future__ import annotations

from dataclasses import dataclass

from livetrader.constraints.gate import Exposure
from livetrader.constraints.verdict import Check
from livetrader.domain.order import OrderIntent


@dataclass(frozen=True, slots=True)
class OnePositionPerSymbol:
    """A symbol has at most one open position, and one that closed on a bar is not re-entered on it."""

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        symbol = intent.symbol
        for names, what in (
            (exposure.held, "has an open position"),
            (exposure.pending, "has an entry under way"),
            (exposure.closed, "closed its position on this bar"),
        ):
            if symbol in names:
                return Check("one_position_per_symbol", False, f"{symbol} {what}", {"symbol": symbol})
        return Check("one_position_per_symbol", True, f"{symbol} is flat", {"symbol": symbol})


@dataclass(frozen=True, slots=True)
class MaxOpenPositions:
    limit: int

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:  # noqa: ARG002 - every rule sees both
        count = len(exposure.held) + len(exposure.pending)
        return _below("max_open_positions", count, self.limit, "positions open or under way")


@dataclass(frozen=True, slots=True)
class MaxTradesPerDay:
    limit: int

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:  # noqa: ARG002 - every rule sees both
        return _below("max_trades_per_day", exposure.trades, self.limit, "trades this session")


@dataclass(frozen=True, slots=True)
class MaxTradesPerStrategy:
    limit: int

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        count = exposure.trades_by_strategy.get(intent.strategy, 0)
        return _below("max_trades_per_strategy", count, self.limit, f"trades of {intent.strategy} this session")


@dataclass(frozen=True, slots=True)
class CapitalAllocation:
    """The margin of the order fits into the money that is neither invested nor reserved."""

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        margin = intent.value / exposure.leverage
        numbers = {"margin": f"{margin:.2f}", "available": f"{exposure.available:.2f}"}
        fits = margin <= exposure.available
        sign = "within" if fits else "more than"
        reason = f"margin {numbers['margin']} is {sign} the available {numbers['available']}"
        return Check("capital_allocation", fits, reason, numbers)


def _below(rule: str, count: int, limit: int, what: str) -> Check:
    passed = count < limit
    reason = f"{count} {what}, limit {limit}"
    return Check(rule, passed, reason, {"count": str(count), "limit": str(limit)})

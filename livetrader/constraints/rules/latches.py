"""What stops entries whatever the signal says: a latch that somebody, or something, has put on."""

from __future__ import annotations

from dataclasses import dataclass

from livetrader.constraints.gate import Exposure
from livetrader.constraints.verdict import Check
from livetrader.domain.order import OrderIntent


@dataclass(frozen=True, slots=True)
class NotHalted:
    """No latch is on: halt, kill, the day's loss, a mismatch of the books, a lost login."""

    def passes(self, intent: OrderIntent, exposure: Exposure) -> bool:  # noqa: ARG002 - every rule sees both
        return not exposure.halts

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        if self.passes(intent, exposure):
            return Check("not_halted", True, "no latch is on", {})
        name, reason = next(iter(sorted(exposure.halts.items())))
        return Check("not_halted", False, f"{name}: {reason}", dict(exposure.halts))


@dataclass(frozen=True, slots=True)
class SymbolFree:
    """Nobody else trades the symbol in this account, its orders were not rejected again and again."""

    def passes(self, intent: OrderIntent, exposure: Exposure) -> bool:
        return intent.symbol not in exposure.frozen

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        numbers = {"symbol": intent.symbol}
        if self.passes(intent, exposure):
            return Check("symbol_free", True, f"{intent.symbol} is ours alone", numbers)
        return Check("symbol_free", False, f"{intent.symbol} is frozen: {exposure.frozen[intent.symbol]}", numbers)

"""How much of what the account is worth an entry may take, orders whose fate is open included."""

# ruff: noqa: ARG002 - every rule sees both the intent and the exposure

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from livetrader.constraints.gate import Exposure, Portfolio
from livetrader.constraints.verdict import Check
from livetrader.domain.order import OrderIntent

ZERO = Decimal(0)


class MoneyRule:
    """A limit in money that moves with what the account is worth: what the entry makes of `taken` is at most `most`.

    Such rules need `Exposure.portfolio`, and the engine values the account where there is one.
    """

    __slots__ = ()
    name: ClassVar[str]

    def taken(self, intent: OrderIntent, exposure: Exposure) -> Decimal:
        """What would be taken with the entry, in money."""
        raise NotImplementedError

    def most(self, exposure: Exposure) -> Decimal:
        """What may be taken, in money."""
        raise NotImplementedError

    def words(self, intent: OrderIntent, exposure: Exposure) -> tuple[str, str]:
        """What takes money, and how the limit comes about."""
        raise NotImplementedError

    def share(self, intent: OrderIntent, exposure: Exposure) -> float:
        """How much of the limit is taken."""
        most = self.most(exposure)
        return float(self.taken(intent, exposure) / most) if most > 0 else math.inf

    def passes(self, intent: OrderIntent, exposure: Exposure) -> bool:
        return self.taken(intent, exposure) <= self.most(exposure)

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        taken, most, equity = self.taken(intent, exposure), self.most(exposure), portfolio(exposure).equity
        passed, (what, limit) = self.passes(intent, exposure), self.words(intent, exposure)
        sign = "within" if passed else "more than"
        reason = f"{what}: {taken:.2f} is {sign} {most:.2f}, {limit}"
        numbers = {"taken": f"{taken:.2f}", "limit": f"{most:.2f}", "equity": f"{equity:.2f}"}
        return Check(self.name, passed, reason, numbers)


@dataclass(frozen=True, slots=True)
class PositionSize(MoneyRule):
    """The position is at most `limit_pct` % of the account, by its value, not by its margin."""

    name: ClassVar[str] = "position_size"
    limit_pct: Decimal

    def taken(self, intent: OrderIntent, exposure: Exposure) -> Decimal:
        return portfolio(exposure).values.get(intent.symbol, ZERO) + intent.value

    def most(self, exposure: Exposure) -> Decimal:
        return portfolio(exposure).equity * self.limit_pct / 100

    def words(self, intent: OrderIntent, exposure: Exposure) -> tuple[str, str]:
        return "position", f"{self.limit_pct} % of {portfolio(exposure).equity:.2f}"


@dataclass(frozen=True, slots=True)
class Leverage(MoneyRule):
    """All positions together are at most `limit` times the account."""

    name: ClassVar[str] = "leverage"
    limit: Decimal

    def taken(self, intent: OrderIntent, exposure: Exposure) -> Decimal:
        return sum(portfolio(exposure).values.values(), intent.value)

    def most(self, exposure: Exposure) -> Decimal:
        return portfolio(exposure).equity * self.limit

    def words(self, intent: OrderIntent, exposure: Exposure) -> tuple[str, str]:
        return "all positions", f"{self.limit} × {portfolio(exposure).equity:.2f}"


@dataclass(frozen=True, slots=True)
class FreeMargin(MoneyRule):
    """`least_pct` % of the account stay neither invested nor reserved."""

    name: ClassVar[str] = "free_margin"
    least_pct: Decimal

    def taken(self, intent: OrderIntent, exposure: Exposure) -> Decimal:
        return intent.value / exposure.leverage

    def most(self, exposure: Exposure) -> Decimal:
        return exposure.available - portfolio(exposure).equity * self.least_pct / 100

    def words(self, intent: OrderIntent, exposure: Exposure) -> tuple[str, str]:
        equity = portfolio(exposure).equity
        return "margin", f"{exposure.available:.2f} available less {self.least_pct} % of {equity:.2f}"


@dataclass(frozen=True, slots=True)
class StrategyAllocation(MoneyRule):
    """The positions of one strategy are at most `limit_pct` % of the account."""

    name: ClassVar[str] = "strategy_allocation"
    limit_pct: Decimal

    def taken(self, intent: OrderIntent, exposure: Exposure) -> Decimal:
        return portfolio(exposure).strategy_values.get(intent.strategy, ZERO) + intent.value

    def most(self, exposure: Exposure) -> Decimal:
        return portfolio(exposure).equity * self.limit_pct / 100

    def words(self, intent: OrderIntent, exposure: Exposure) -> tuple[str, str]:
        return f"positions of {intent.strategy}", f"{self.limit_pct} % of {portfolio(exposure).equity:.2f}"


@dataclass(frozen=True, slots=True)
class SectorConcentration(MoneyRule):
    """The positions of one sector are at most `limit_pct` % of the account.

    `sectors` has them by symbol; a symbol that is not in it is a sector of its own.
    """

    name: ClassVar[str] = "sector_concentration"
    limit_pct: Decimal
    sectors: Mapping[str, str]

    def taken(self, intent: OrderIntent, exposure: Exposure) -> Decimal:
        sector = self._sector(intent.symbol)
        held = portfolio(exposure).values.items()
        return sum((value for symbol, value in held if self._sector(symbol) == sector), intent.value)

    def most(self, exposure: Exposure) -> Decimal:
        return portfolio(exposure).equity * self.limit_pct / 100

    def words(self, intent: OrderIntent, exposure: Exposure) -> tuple[str, str]:
        sector = self._sector(intent.symbol)
        return f"sector {sector}", f"{self.limit_pct} % of {portfolio(exposure).equity:.2f}"

    def _sector(self, symbol: str) -> str:
        return self.sectors.get(symbol, symbol)


def portfolio(exposure: Exposure) -> Portfolio:
    """The account's value, which is there where a rule of this kind is."""
    assert exposure.portfolio is not None, "the engine values the account for rules about money"
    return exposure.portfolio

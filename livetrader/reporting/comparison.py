"""Strategies beside each other: what each made, how smoothly, and which of them are one and the same bet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import accumulate, combinations
from typing import TYPE_CHECKING

from livetrader.reporting.returns import correlation, sharpe_ratio
from livetrader.reporting.statistics import PLACES, Summary, ratio, summary

if TYPE_CHECKING:
    from livetrader.domain.position import Trade

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class StrategyLine:
    """One strategy. `daily` is its net P&L of each session (a trade's is made on the day of its exit).

    `return_pct` is net P&L in percent of the account's starting capital; `sharpe` is of its daily P&L against that
    capital, which therefore need not be divided among strategies. `drawdown` is the deepest fall of its running
    P&L from an earlier peak, the start included.
    """

    name: str
    total: Summary
    daily: tuple[Decimal, ...]
    return_pct: float | None
    sharpe: float | None
    drawdown: Decimal

    @property
    def running(self) -> tuple[Decimal, ...]:
        """The P&L so far, at each session's end."""
        return tuple(accumulate(self.daily))


@dataclass(frozen=True, slots=True)
class Comparison:
    """`correlations` are of daily net P&L, days without a trade counting as zero, by pair of names in order; None
    where there are too few days, or one did not vary."""

    sessions: tuple[date, ...]
    strategies: tuple[StrategyLine, ...]
    correlations: tuple[tuple[str, str, float | None], ...]


def comparison(trades: Sequence[Trade], sessions: Sequence[date], capital: Decimal, per_year: int) -> Comparison:
    """The strategies of `trades`, by name, over `sessions`."""
    names = sorted({trade.strategy for trade in trades})
    lines = tuple(
        _line(name, [trade for trade in trades if trade.strategy == name], sessions, capital, per_year)
        for name in names
    )
    pairs = []
    for left, right in combinations(lines, 2):
        value = correlation([float(pnl) for pnl in left.daily], [float(pnl) for pnl in right.daily])
        pairs.append((left.name, right.name, None if value is None else round(value, PLACES)))
    return Comparison(tuple(sessions), lines, tuple(pairs))


def _line(
    name: str, trades: Sequence[Trade], sessions: Sequence[date], capital: Decimal, per_year: int
) -> StrategyLine:
    made = dict.fromkeys(sessions, ZERO)
    for trade in trades:
        made[trade.session] = made.get(trade.session, ZERO) + trade.net_pnl
    daily = tuple(made[day] for day in sessions)
    total = summary(trades)
    returns = [float(pnl / capital) for pnl in daily] if capital > 0 else []
    sharpe = sharpe_ratio(returns, per_year)
    return StrategyLine(
        name,
        total,
        daily,
        ratio(total.net_pnl * 100, capital),
        None if sharpe is None else round(sharpe, PLACES),
        _fall(daily),
    )


def _fall(daily: Sequence[Decimal]) -> Decimal:
    value = peak = deepest = ZERO
    for pnl in daily:
        value += pnl
        peak = max(peak, value)
        deepest = max(deepest, peak - value)
    return deepest

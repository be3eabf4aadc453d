"""How a period's exposure was spread: over symbols, strategies and sectors, and how those symbols move together."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations
from typing import TYPE_CHECKING

from livetrader.reporting.breakdown import gross_exposure
from livetrader.reporting.concentration import Concentration, Level, concentration, level
from livetrader.reporting.returns import correlation
from livetrader.reporting.statistics import PLACES

if TYPE_CHECKING:
    from livetrader.domain.position import Trade

ZERO = Decimal(0)
LEAST_RETURNS = 20
"""Daily returns in common, from which on a correlation says anything."""


@dataclass(frozen=True, slots=True)
class Diversification:
    """`correlation` is the mean over all pairs of symbols that have enough daily returns, `pairs` their number.

    `by_sector` is None where no sector of any symbol is known.
    """

    by_symbol: Concentration
    by_strategy: Concentration
    by_sector: Concentration | None
    correlation: float | None
    pairs: int
    level: Level


def average_correlation(returns: Mapping[str, Mapping[int, float]]) -> tuple[float | None, int]:
    """The mean correlation over all pairs of symbols, and the number of pairs.

    `returns` are daily returns by symbol and day; a pair is compared on the days that both have, and left out under
    LEAST_RETURNS of them.
    """
    found = []
    for left, right in combinations(sorted(returns), 2):
        common = sorted(returns[left].keys() & returns[right].keys())
        if len(common) < LEAST_RETURNS:
            continue
        value = correlation([returns[left][day] for day in common], [returns[right][day] for day in common])
        if value is not None:
            found.append(value)
    return (round(math.fsum(found) / len(found), PLACES), len(found)) if found else (None, 0)


def diversification(
    trades: Sequence[Trade], returns: Mapping[str, Mapping[int, float]], sectors: Mapping[str, str]
) -> Diversification | None:
    """How a period's trades were spread, weighted with what each held for how long; None without an exposure."""
    by_symbol = concentration(_exposure(trades, lambda trade: trade.symbol))
    by_strategy = concentration(_exposure(trades, lambda trade: trade.strategy))
    if by_symbol is None or by_strategy is None:
        return None
    known = any(trade.symbol in sectors for trade in trades)
    by_sector = concentration(_exposure(trades, lambda trade: sectors.get(trade.symbol, "unknown"))) if known else None
    correlated, pairs = average_correlation(returns)
    return Diversification(by_symbol, by_strategy, by_sector, correlated, pairs, level(by_symbol.hhi, correlated))


def _exposure(trades: Iterable[Trade], key: Callable[[Trade], str]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for trade in trades:
        found[key(trade)] = found.get(key(trade), ZERO) + gross_exposure(trade)
    return found

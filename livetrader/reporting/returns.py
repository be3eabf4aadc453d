"""Ratios of daily returns. Pure, on plain floats: 0.01 is one percent. Not rounded; None where it is undefined.

All agree with empyrical-reloaded to 1e-9, where both are defined (tests/unit/reporting/test_agreement.py). Sums are
exact (`math.fsum`), so that the order of the work cannot change a bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby, pairwise

DAY = 86400
LEAST_VARIANCE = 1e-24
"""Below it returns are equal, but for the last bit of their division."""


def after_open(equity: Sequence[tuple[int, Decimal]], opened: int) -> list[tuple[int, Decimal]]:
    """The curve without its capital at `opened`, the first session's open: no day's close.

    On a 24/7 market that is 00:00 UTC, and would be the close of a day before the period.
    """
    return [point for point in equity if point[0] > opened]


def daily_closes(equity: Sequence[tuple[int, Decimal]]) -> list[tuple[int, Decimal]]:
    """The last point of each UTC day of a curve in time order.

    A session's close at 00:00 UTC belongs to the day that it ends.
    """
    return [list(points)[-1] for _, points in groupby(equity, lambda point: (point[0] - 1) // DAY)]


def changes(values: Sequence[Decimal]) -> list[float]:
    """The return from each value to the next; empty where one of them is not positive."""
    if not values or min(values) <= 0:
        return []
    return [float(after / before - 1) for before, after in pairwise(values)]


def mean(values: Sequence[float]) -> float:
    """Σx / n, of at least one value."""
    return math.fsum(values) / len(values)


def variance(values: Sequence[float]) -> float:
    """Sample variance Σ(x − mean)² / (n − 1), of at least two values."""
    middle = mean(values)
    return math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1)


def volatility(returns: Sequence[float], per_year: int) -> float | None:
    """Annualised standard deviation: √(variance × per_year). None under two returns."""
    return math.sqrt(variance(returns)) * math.sqrt(per_year) if len(returns) > 1 else None


def sharpe_ratio(returns: Sequence[float], per_year: int) -> float | None:
    """mean / sample standard deviation × √per_year, risk-free rate 0 (W. F. Sharpe, "The Sharpe Ratio", 1994).

    None under two returns, and for equal ones (the library answers NaN or ±inf there).
    """
    if len(returns) < 2:
        return None
    spread = variance(returns)
    if spread <= LEAST_VARIANCE:
        return None
    return mean(returns) / math.sqrt(spread) * math.sqrt(per_year)


def downside_deviation(returns: Sequence[float], per_year: int) -> float | None:
    """√(Σ min(r, 0)² / n × per_year), the target being 0; n counts all returns, not the losing ones alone
    (T. Rollinger and S. Hoffman, "Sortino: A 'Sharper' Ratio", 2013). None without a return."""
    if not returns:
        return None
    return math.sqrt(math.fsum(min(value, 0.0) ** 2 for value in returns) / len(returns)) * math.sqrt(per_year)


def sortino_ratio(returns: Sequence[float], per_year: int) -> float | None:
    """mean × per_year / downside deviation (Sortino and Price, 1994). None under two returns or without a loss
    (the library answers inf or NaN there)."""
    fall = downside_deviation(returns, per_year)
    if len(returns) < 2 or fall is None or fall <= math.sqrt(LEAST_VARIANCE):
        return None
    return mean(returns) * per_year / fall


def growth(returns: Sequence[float], per_year: int) -> float | None:
    """Compound annual growth rate: Π(1 + r)^(per_year / n) − 1, a year being `per_year` sessions and not 365 days.

    −1 where everything was lost. None without returns, or for more than a float holds.
    """
    if not returns:
        return None
    if min(returns) <= -1:
        return -1.0
    try:
        return math.expm1(math.fsum(map(math.log1p, returns)) * per_year / len(returns))
    except OverflowError:
        return None


def deepest_fall(returns: Sequence[float]) -> float:
    """The deepest fall of the compounded returns from an earlier peak, the start included: 0.2 is 20 %; 0 for none."""
    value = peak = 1.0
    deepest = 0.0
    for change in returns:
        value *= 1 + change
        peak = max(peak, value)
        deepest = max(deepest, 1 - value / peak)
    return deepest


def calmar_ratio(returns: Sequence[float], per_year: int) -> float | None:
    """growth / deepest fall (T. W. Young, "Calmar Ratio", 1991, here over the whole period and not 36 months).

    None without returns or without a fall.
    """
    rate, fall = growth(returns, per_year), deepest_fall(returns)
    return None if rate is None or fall <= 0 else rate / fall


def rolling_sharpe(returns: Sequence[float], window: int, per_year: int) -> list[float | None]:
    """The Sharpe ratio of each run of `window` returns, one for each return from the `window`th on."""
    return [sharpe_ratio(returns[end - window : end], per_year) for end in range(window, len(returns) + 1)]


def correlation(left: Sequence[float], right: Sequence[float]) -> float | None:
    """Pearson's: Σ(x − x̄)(y − ȳ) / √(Σ(x − x̄)² Σ(y − ȳ)²), of two series of one length.

    None under three pairs, or where one series does not vary (relative to its own size).
    """
    if len(left) < 3:
        return None
    x, y = ([value - mean(series) for value in series] for series in (left, right))
    across, down = math.fsum(value * value for value in x), math.fsum(value * value for value in y)
    if not (_varies(across, left) and _varies(down, right)):
        return None
    together = math.fsum(a * b for a, b in zip(x, y, strict=True))
    return max(-1.0, min(1.0, together / math.sqrt(across) / math.sqrt(down)))


def _varies(squares: float, values: Sequence[float]) -> bool:
    return squares > LEAST_VARIANCE * math.fsum(value * value for value in values) > 0

"""What an order costs beyond the price that it meets: slippage and market impact, from the bars before it.

Volatility is M. Parkinson's estimate from highs and lows ("The extreme value method for estimating the variance of the
rate of return", Journal of Business 53, 1980). Impact is the square-root law, Y σ √(Q/V), with Y of the order of one:
B. Tóth et al., "Anomalous price impact and the critical nature of liquidity in financial markets", Physical Review X
1, 2011 (R. Almgren et al., "Direct estimation of equity market impact", Risk, 2005, find the power 0.6). Over a longer
time σ grows as its root and V as itself, so that the law says of bars what it says of days.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

ONE_IN_BPS = 10_000.0


@dataclass(frozen=True, slots=True)
class Realism:
    """The assumptions of the realistic fill model, as `venue.realistic` has them. Weights are in basis points: for
    each of a bar's volatility, and for each percent of a bar's volume."""

    slippage_floor_bps: float
    slippage_cap_bps: float
    volatility_weight: float
    volatility_bars: int
    participation_weight: float
    impact_coefficient: float
    max_participation_pct: Decimal
    latency_ms: int


@dataclass(frozen=True, slots=True)
class Conditions:
    """The market before a fill: volatility of one bar in basis points, and what one bar trades, in money."""

    volatility_bps: float
    traded_value: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What a fill is worse by than the price that it met, in basis points of it."""

    slippage_bps: float
    impact_bps: float

    @property
    def total_bps(self) -> float:
        return self.slippage_bps + self.impact_bps


def conditions(highs: Sequence[float], lows: Sequence[float], values: Sequence[float]) -> Conditions | None:
    """The conditions that closed bars show, by their highs, lows and traded values; None where there is no bar.

    The sums are exact before they are rounded: the same bars give the same bits, whatever array they come from.
    """
    count = len(values)
    if not count:
        return None
    squares = math.fsum(math.log(high / low) ** 2 for high, low in zip(highs, lows, strict=True))
    volatility = math.sqrt(squares / (4 * math.log(2) * count))
    return Conditions(volatility * ONE_IN_BPS, math.fsum(values) / count)


def slippage_bps(realism: Realism, seen: Conditions | None, participation_pct: float, late: float) -> float:
    """From the floor to the cap, more with volatility, with the part of the bar that is taken, and with latency.

    `late` is how much of the bar was over when the order arrived, 0 to 1: so long the price has moved on, by σ √late.
    Before a session's first bar has closed nothing is known of it: the cap.
    """
    if seen is None:
        return realism.slippage_cap_bps
    moved = seen.volatility_bps * (realism.volatility_weight + math.sqrt(late))
    found = realism.slippage_floor_bps + moved + realism.participation_weight * participation_pct
    return min(found, realism.slippage_cap_bps)


def impact_bps(realism: Realism, seen: Conditions | None, order_value: float, bar_value: float) -> float:
    """The square-root law for a whole order. Where the bars before tell nothing, the cap stands for the volatility, and
    `bar_value`, what its own bar trades, for what a bar does; an order in a bar that trades nothing is all of it."""
    volatility = realism.slippage_cap_bps if seen is None else seen.volatility_bps
    traded = seen.traded_value if seen is not None and seen.traded_value > 0 else bar_value
    part = order_value / traded if traded > 0 else 1.0
    return realism.impact_coefficient * volatility * math.sqrt(part)

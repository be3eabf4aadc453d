"""How much hangs on how little: weights, the Herfindahl-Hirschman index, and a level.

The level is read from two numbers, and the worse one counts:

- HHI = Σ w², w being each symbol's part of the gross exposure. Below 0.15 LOW, to 0.25 MEDIUM, above HIGH: the
  borders of the Horizontal Merger Guidelines of the US Department of Justice, 2010 (1,500 and 2,500 of 10,000).
  Seven equal positions are LOW, four are MEDIUM, three are HIGH.
- The mean correlation of the symbols' daily returns. Below 0.5 LOW, to 0.7 MEDIUM, above HIGH: many names that move
  as one are one position.

It is about the part of the account that is invested, however small that part is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from livetrader.reporting.statistics import PLACES

ZERO = Decimal(0)
HHI_MEDIUM, HHI_HIGH = 0.15, 0.25
CORRELATED, AS_ONE = 0.5, 0.7


class Level(StrEnum):
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"


@dataclass(frozen=True, slots=True)
class Concentration:
    """`weights` are parts of the gross exposure, the largest first; they sum to 1."""

    weights: tuple[tuple[str, float], ...]
    hhi: float


def concentration(exposure: Mapping[str, Decimal]) -> Concentration | None:
    """The weights of unsigned exposures, and Σ w²; None where there is no exposure."""
    whole = sum(exposure.values(), ZERO)
    if whole <= 0:
        return None
    weights = {name: float(amount / whole) for name, amount in exposure.items() if amount}
    ordered = sorted(weights.items(), key=lambda item: (-item[1], item[0]))
    hhi = math.fsum(weight * weight for weight in weights.values())
    return Concentration(tuple((name, round(weight, PLACES)) for name, weight in ordered), round(hhi, PLACES))


def level(hhi: float, correlated: float | None = None) -> Level:
    """The concentration's level, as the module says."""
    if hhi > HHI_HIGH or (correlated is not None and correlated > AS_ONE):
        return Level.HIGH
    if hhi >= HHI_MEDIUM or (correlated is not None and correlated >= CORRELATED):
        return Level.MEDIUM
    return Level.LOW

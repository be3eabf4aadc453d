"""What can be wrong with a bar."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import numpy.typing as npt

from livetrader.domain.candles import CandleColumns

Codes = npt.NDArray[np.int8]


class Flaw(StrEnum):
    """Why a bar does not count. The text is what a person reads."""

    MISSING = "price missing"
    INFINITE = "price infinite"
    NOT_POSITIVE = "price zero or negative"
    HIGH_TOO_LOW = "high below open, close or low"
    LOW_TOO_HIGH = "low above open or close"
    OFF_SESSION = "outside the session"
    MISALIGNED = "off the interval's grid"


FLAWS = tuple(Flaw)
SOUND = -1  # the code of a bar without a flaw


def price_flaws(bars: CandleColumns) -> Codes:
    """The first price flaw of each bar as an index into FLAWS, SOUND where there is none."""
    prices = (bars.open, bars.high, bars.low, bars.close)
    tests = (
        (Flaw.MISSING, np.logical_or.reduce([np.isnan(price) for price in prices])),
        (Flaw.INFINITE, np.logical_or.reduce([np.isinf(price) for price in prices])),
        (Flaw.NOT_POSITIVE, np.logical_or.reduce([price <= 0 for price in prices])),
        (Flaw.HIGH_TOO_LOW, bars.high < np.maximum(np.maximum(bars.open, bars.close), bars.low)),
        (Flaw.LOW_TOO_HIGH, bars.low > np.minimum(bars.open, bars.close)),
    )
    codes = np.full(len(bars), SOUND, np.int8)
    for flaw, found in reversed(tests):
        codes[found] = FLAWS.index(flaw)
    return codes

"""When in a session a symbol trades: what the slots of VWAP are shared out by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import structlog

from livetrader.domain.session import Session
from livetrader.errors import DataError, StoreError
from livetrader.market.calendar import Calendar
from livetrader.ports import CandleSource

log = structlog.get_logger(__name__)

# The mean of so many sessions before the one that is traded: only they are read, so all modes see the same.
SESSIONS = 10


@dataclass(frozen=True, slots=True)
class VolumeProfile:
    """Implements execution.Volumes over stored candles.

    A symbol that did not trade has equal shares, and so has one whose candles cannot be read: an entry that cannot be
    planned would keep the pass from being made, which decides exits, too.
    """

    source: CandleSource
    calendar: Calendar

    def __call__(self, symbol: str, session: Session, edges: Sequence[int]) -> Sequence[float]:
        equal = [1.0] * (len(edges) - 1)
        earlier = self.calendar.before(session.date, SESSIONS)
        try:
            interval = self.source.finest((symbol,)).get(symbol)
            if interval is None or not earlier:
                return equal
            window = self.source.windows((symbol,), {interval: earlier})[interval]
        except (DataError, StoreError) as error:
            log.warning("the candles cannot be read: equal parts", symbol=symbol, error=str(error))
            return equal
        opens = np.array([one.opens for one in earlier])
        since, volume = window.ts - opens[window.session], np.nan_to_num(window.volume[:, 0])
        inside = [(since >= start) & (since < end) for start, end in pairwise(edges)]
        shares = [float(volume[rows].sum()) for rows in inside]
        return shares if sum(shares) > 0 else equal

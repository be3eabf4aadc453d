"""How far a trade went for and against us while it was held, and where the price went afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from livetrader.reporting.statistics import PLACES

if TYPE_CHECKING:
    from livetrader.domain.position import Trade
    from livetrader.ports import Bars


@dataclass(frozen=True, slots=True)
class Excursion:
    """One trade's way, in percent of its entry price, before charges.

    `adverse_pct` (MAE) and `favourable_pct` (MFE) are the worst and the best that it stood at, both at least 0
    (J. Sweeney, "Maximum Adverse Excursion", 1997). `result_pct` is what it made. `after_pct` is what holding on
    from the exit to the session's square-off would have added, `best_after_pct` the best that the position would
    have stood at in that time, from the entry; both None without a bar after the exit.
    """

    trade_id: str
    adverse_pct: float
    favourable_pct: float
    result_pct: float
    after_pct: float | None = None
    best_after_pct: float | None = None


def excursion(trade: Trade, bars: Bars, square_off: int | None) -> Excursion:
    """The excursion of `trade` over its symbol's bars.

    Whole bars count, from the first that opens at or after the entry to the last that closes by the exit, and the
    exit's own price. Of the bar inside which a stop or target was reached only that price counts: what the bar did
    before and after it is not known. `square_off` ends the time after the exit (None: nothing is said of it).
    """
    sign, entry, leave = trade.side.sign, float(trade.entry_price), float(trade.exit_price)
    start = int(bars.ts.searchsorted(int(trade.entry_at.timestamp())))
    left = int(trade.exit_at.timestamp())
    end = int(bars.closes.searchsorted(left, side="right"))
    result = _pct(leave, entry, sign)
    low, high = _extremes(bars, start, end, entry, sign)
    after = best = None
    until = 0 if square_off is None else int(bars.closes.searchsorted(square_off, side="right"))
    later = int(bars.ts.searchsorted(left))
    if later < until:
        after = round(_pct(float(bars.close[until - 1]), entry, sign) - result, PLACES)
        best = round(_extremes(bars, later, until, entry, sign)[1], PLACES)
    return Excursion(
        trade.trade_id,
        round(max(0.0, -low, -result), PLACES),
        round(max(0.0, high, result), PLACES),
        round(result, PLACES),
        after,
        best,
    )


def _extremes(bars: Bars, start: int, end: int, entry: float, sign: int) -> tuple[float, float]:
    """The worst and the best that a position stood at over bars start..end, in percent of its entry price."""
    if start >= end:
        return 0.0, 0.0
    ends = _pct(float(bars.low[start:end].min()), entry, sign), _pct(float(bars.high[start:end].max()), entry, sign)
    return min(ends), max(ends)


def _pct(price: float, entry: float, sign: int) -> float:
    return sign * (price - entry) / entry * 100

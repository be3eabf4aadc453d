"""How a strategy's entries go out: at once, at a limit, or over time as a parent order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum

from livetrader.domain.instrument import Instrument
from livetrader.domain.order import OrderIntent
from livetrader.domain.parent import Schedule
from livetrader.domain.session import Session
from livetrader.domain.signal import Side
from livetrader.engine.parents.schedule import iceberg, last_of, twap, vwap
from livetrader.ports import Bars

Volumes = Callable[[str, Session, Sequence[int]], Sequence[float]]
"""What traded of a symbol between each two of these times (seconds from the session's open), by earlier sessions."""


class ExecutionKind(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    TWAP = "twap"
    VWAP = "vwap"
    ICEBERG = "iceberg"


@dataclass(frozen=True, slots=True)
class Execution:
    """`slices` and `over_minutes` are those of TWAP and VWAP; `visible` is how much of an iceberg is seen, or
    `visible_pct` of it where that is None.

    LIMIT and ICEBERG go out at the signal's price, on the tick that is better for us.
    """

    kind: ExecutionKind = ExecutionKind.MARKET
    slices: int = 6
    over_minutes: int = 30
    visible_pct: Decimal = Decimal(20)
    visible: Decimal | None = None

    @property
    def at_limit(self) -> bool:
        return self.kind in (ExecutionKind.LIMIT, ExecutionKind.ICEBERG)


AT_MARKET = Execution()


def limit_at(price: Decimal, side: Side, instrument: Instrument) -> Decimal:
    """`price` on the tick grid: below it for who buys, above it for who sells."""
    rounding = ROUND_FLOOR if side is Side.LONG else ROUND_CEILING
    return (price / instrument.tick).to_integral_value(rounding) * instrument.tick


def bar_seconds(bars: Bars) -> int:
    """How long the bars of a symbol are; a session's last one may be shorter. 0 where there are none."""
    return int((bars.closes - bars.ts).max(initial=0))


def planned(
    entry: OrderIntent,
    execution: Execution,
    instrument: Instrument,
    session: Session,
    volumes: Volumes | None,
    width: int = 0,
) -> Schedule | None:
    """When `entry` goes out, decided once; None for one that goes out as it is.

    It is over at the square-off of what is squared off, else at the session's close. There are no more slots than bars
    of `width` seconds in the time: between two closes nothing goes out, and what several slots had would be too much.
    """
    last = last_of(entry, session)
    if last <= entry.as_of:
        return None
    seconds = execution.over_minutes * 60
    count = min(execution.slices, max(min(seconds, last - entry.as_of) // (width or 1), 1))
    match execution.kind:
        case ExecutionKind.TWAP:
            return twap(entry, instrument, count, seconds, last)
        case ExecutionKind.VWAP:
            shares = [1.0] * count
            if volumes is not None:
                start, step = entry.as_of - session.opens, min(seconds, last - entry.as_of) / count
                shares = list(volumes(entry.symbol, session, [start + int(step * i) for i in range(len(shares) + 1)]))
            return vwap(entry, instrument, shares, seconds, last)
        case ExecutionKind.ICEBERG:
            visible = execution.visible or entry.quantity * execution.visible_pct / 100
            visible = instrument.round_down(visible)
            return iceberg(entry, instrument, max(visible, instrument.lot), last)
    return None

"""What a strategy says: this symbol, this side, on this closed bar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from livetrader.domain.interval import Interval


class Side(StrEnum):
    LONG = "long"
    SHORT = "short"

    @property
    def sign(self) -> int:
        return 1 if self is Side.LONG else -1


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal of one strategy on one closed bar: to enter, or with `exit` to close what the strategy holds.

    `bar_open` and `as_of` (the bar's close: the decision time) are epoch seconds. `price` is the bar's close,
    `atr` the ATR of the strategy's interval at the bar (NaN where it has none yet). `inputs` are the values
    that the rule looked at, for `scan`, `why` and the report.
    """

    strategy: str
    strategy_id: str
    symbol: str
    side: Side
    interval: Interval
    bar_open: int
    as_of: int
    price: float
    atr: float
    tag: str = ""
    exit: bool = False
    inputs: Mapping[str, float] = field(default_factory=dict)

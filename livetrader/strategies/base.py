"""What a strategy is: candles in, conditions out.

    @dataclass(frozen=True)
    class Breakaway(Strategy):
        name: ClassVar = "breakaway"
        interval: ClassVar = Interval.M5
        side: ClassVar = Side.LONG
        length: int = 50                                   # a parameter, settable in config.yaml

        def indicators(self, c):
            return {"ema": ta.ema(c.close, self.length), "effort": blocks.effort(c)}

        def entries(self, f):
            return (f.close > f.ema) & (f.effort < 0.3)

`indicators` is written as if for one symbol and gives named expressions; they are calculated for all symbols at
once, row by row, with the same code in the backtest and live. `entries` is plain pandas on the results (frames of
time × symbol: the whole block in the backtest, the last two rows live). A strategy that leaves `entries` out gives
its conditions as expressions named `entry`, or `entry_long` and `entry_short`: that is the fast way, and there NaN
makes every comparison false, `!=` included.

A strategy enters at most once per symbol and session. It may also say when to leave, besides its configured exit:
with `exits(f)` or an expression named `exit`, true on the bars whose close ends the position.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import TYPE_CHECKING, ClassVar

from livetrader.domain.candles import Interval
from livetrader.domain.signal import Side
from livetrader.indicators.graph import Candles, Node, Series

if TYPE_CHECKING:
    import pandas as pd

    from livetrader.indicators.frames import Frames

# STRATEGIES.md, "Window of calculation": K by interval.
WARMUP_SESSIONS = {Interval.M1: 10, Interval.M5: 10, Interval.M15: 30, Interval.H1: 60}


@dataclass(frozen=True)
class Strategy:
    """The base of all strategies. Class variables describe it, fields are its parameters.

    `window` bounds the bar's open in exchange time, end exclusive (None: any time). `side` is None for a strategy
    that trades both sides. Where several strategies fire on one close, the smaller `precedence` goes first.
    `trend_symbol` is the index of the trend filter (None: no filter).
    """

    name: ClassVar[str]
    id: ClassVar[str] = ""
    interval: ClassVar[Interval]
    side: ClassVar[Side | None]
    window: ClassVar[tuple[time, time] | None] = None
    precedence: ClassVar[int] = 100
    warmup_sessions: ClassVar[int | None] = None
    presets: ClassVar[Mapping[str, Mapping[str, float]]] = {}

    trend_symbol: str | None = None

    def indicators(self, c: Candles) -> Mapping[str, Node]:
        """Named expressions over the candles `c`."""
        raise NotImplementedError

    def entries(self, f: Frames) -> pd.DataFrame | Mapping[Side, pd.DataFrame]:
        """Truth values of time × symbol: where to enter; by side for a strategy that trades both."""
        raise NotImplementedError

    def exits(self, f: Frames) -> pd.DataFrame:
        """Truth values of time × symbol: where to close what this strategy holds."""
        raise NotImplementedError

    def tag(self, symbol: str, bar_open: int) -> str:  # noqa: ARG002 - only strategies with tags look
        """A note that goes with an entry, into its order."""
        return ""

    @property
    def identity(self) -> str:
        """The id that users know it by: its number if it has one, else its name."""
        return self.id or self.name

    @property
    def series(self) -> Series:
        """The candles that it runs on, and the block that they come from."""
        warmup = self.warmup_sessions
        return Series(None, self.interval, WARMUP_SESSIONS[self.interval] if warmup is None else warmup)

    @property
    def uses_pandas(self) -> bool:
        """Whether it says `entries` in pandas rather than as expressions."""
        return type(self).entries is not Strategy.entries

    @property
    def has_exits(self) -> bool:
        """Whether it says `exits` in pandas."""
        return type(self).exits is not Strategy.exits

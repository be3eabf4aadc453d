"""Signals that were made elsewhere, traded as a strategy of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from livetrader.domain.candles import Interval
from livetrader.domain.signal import Side
from livetrader.indicators.graph import Candles, Node
from livetrader.strategies.base import Strategy

if TYPE_CHECKING:
    import pandas as pd

    from livetrader.indicators.frames import Frames

FROM_FILE = "signals_file"


@dataclass(frozen=True, slots=True)
class FileSignal:
    """One line of the file: `action` is buy (long), sell (short) or exit; `given` is its time in epoch seconds."""

    given: int
    symbol: str
    action: str
    tag: str = ""


@dataclass(frozen=True)
class FromFile(Strategy):
    """Trades the lines of a CSV: each on the first 5m bar that closes at or after its time."""

    name: ClassVar = FROM_FILE
    interval: ClassVar = Interval.M5
    side: ClassVar = None

    rows: tuple[FileSignal, ...] = ()

    def indicators(self, c: Candles) -> Mapping[str, Node]:  # noqa: ARG002 - the file has decided already
        return {}

    def entries(self, f: Frames) -> Mapping[Side, pd.DataFrame]:
        return {Side.LONG: self._on(f, "buy"), Side.SHORT: self._on(f, "sell")}

    def exits(self, f: Frames) -> pd.DataFrame:
        return self._on(f, "exit")

    def tag(self, symbol: str, bar_open: int) -> str:
        return next((r.tag for r in self.rows if r.symbol == symbol and self._bar(r) == bar_open), "")

    def _on(self, f: Frames, action: str) -> pd.DataFrame:
        """True on the bars of the lines with this action."""
        frame = f.close.notna() & False
        bars = {bar: i for i, bar in enumerate(f.ts.tolist())}
        columns = {symbol: i for i, symbol in enumerate(frame.columns)}
        flags = frame.to_numpy(copy=True)
        for row in self.rows:
            bar = self._bar(row)
            if row.action == action and bar in bars and row.symbol in columns:
                flags[bars[bar], columns[row.symbol]] = True
        frame.iloc[:, :] = flags
        return frame

    def _bar(self, row: FileSignal) -> int:
        """The open of the bar that the line is decided on: open < time <= close."""
        step = self.interval.seconds
        return (row.given - 1) // step * step

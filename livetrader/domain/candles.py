"""Candles as wide arrays: one array per field, time × symbol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from livetrader.domain.candle import Candle
from livetrader.domain.interval import Interval
from livetrader.domain.session import Session

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

__all__ = [
    "FIELDS", "CandleColumns", "CandleWindow", "Floats", "Interval", "Ints",
    "columns_of", "empty_columns", "empty_window", "grid",
]  # fmt: skip

FIELDS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class CandleColumns:
    """Candles in long form, as a store holds them: parallel arrays, one entry a bar.

    `ts` is the bar's open in epoch seconds; `symbol` indexes into `symbols`.
    """

    symbols: tuple[str, ...]
    ts: Ints
    symbol: npt.NDArray[np.int32]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __len__(self) -> int:
        return len(self.ts)

    def rows(self, chosen: npt.NDArray[Any]) -> CandleColumns:
        """The chosen bars, by their places or by a mask; `symbols` stays as it is."""
        fields = (getattr(self, name)[chosen] for name in FIELDS)
        return CandleColumns(self.symbols, self.ts[chosen], self.symbol[chosen], *fields)


@dataclass(frozen=True, slots=True)
class CandleWindow:
    """Candles of some symbols over some sessions, on the calendar's full grid.

    Every slot of every session is a row, so the layout depends on the calendar alone. The five fields are
    float64, C-ordered, of shape (rows, symbols), NaN in all five where the symbol did not trade the bar.
    `ts`, `session` (index into `sessions`) and `minute` (whole minutes from the session's open to the bar's
    open) have one entry a row; `closes` is the instant at which the row is known.
    """

    interval: Interval
    symbols: tuple[str, ...]
    sessions: tuple[Session, ...]
    ts: Ints
    closes: Ints
    session: npt.NDArray[np.int32]
    minute: npt.NDArray[np.int32]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.ts), len(self.symbols)

    def flat(self) -> CandleColumns:
        """The bars in long form, ordered by (ts, symbol)."""
        rows, codes = np.nonzero(~np.isnan(self.open))
        fields = (getattr(self, name)[rows, codes] for name in FIELDS)
        return CandleColumns(self.symbols, self.ts[rows], codes.astype(np.int32), *fields)

    def rows(self, start: int, stop: int) -> CandleWindow:
        """The rows `start..stop` as views; `session` still indexes into the same `sessions`."""
        cut = slice(start, stop)
        return CandleWindow(
            self.interval, self.symbols, self.sessions,
            self.ts[cut], self.closes[cut], self.session[cut], self.minute[cut],
            self.open[cut], self.high[cut], self.low[cut], self.close[cut], self.volume[cut],
        )  # fmt: skip

    def columns(self, start: int, stop: int) -> CandleWindow:
        """The symbols `start..stop`; the fields are copied, so that each tile is contiguous."""
        fields = [np.ascontiguousarray(getattr(self, name)[:, start:stop]) for name in FIELDS]
        return CandleWindow(
            self.interval, self.symbols[start:stop], self.sessions, self.ts, self.closes, self.session,
            self.minute, *fields,
        )  # fmt: skip


def grid(
    sessions: Sequence[Session], interval: Interval
) -> tuple[Ints, Ints, npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """`ts`, `closes`, `session` and `minute` of every slot of `sessions` (see `CandleWindow`)."""
    days = [_slots(session, interval.seconds) for session in sessions]
    ts, closes, minute = (np.concatenate([day[k] for day in days] or [_NO_SLOT]) for k in range(3))
    index = np.repeat(np.arange(len(days)), [len(day[0]) for day in days])
    return ts, closes, index.astype(np.int32), minute.astype(np.int32)


def columns_of(symbol: str, candles: Sequence[Candle]) -> CandleColumns:
    """The bars of one symbol in long form, in the order given."""
    fields = np.array([candle[1:] for candle in candles], np.float64).reshape(len(candles), len(FIELDS)).T
    ts = np.array([candle.ts for candle in candles], np.int64)
    return CandleColumns((symbol,), ts, np.zeros(len(candles), np.int32), *(field.copy() for field in fields))


def empty_columns(symbols: Sequence[str]) -> CandleColumns:
    """No bars of these symbols."""
    none = np.empty(0)
    return CandleColumns(tuple(symbols), np.empty(0, np.int64), np.empty(0, np.int32), none, none, none, none, none)


def empty_window(interval: Interval, symbols: Sequence[str], session: Session) -> CandleWindow:
    """The grid of one session without a bar in it."""
    slots = grid((session,), interval)
    fields = (np.full((len(slots[0]), len(symbols)), np.nan) for _ in FIELDS)
    return CandleWindow(interval, tuple(symbols), (session,), *slots, *fields)


_NO_SLOT: Ints = np.empty(0, np.int64)


@lru_cache(maxsize=8192)  # every window and every poll asks for the same few sessions
def _slots(session: Session, seconds: int) -> tuple[Ints, Ints, Ints]:
    """Opens, closes and minutes of one session's slots."""
    ts = np.array(session.slots(seconds), np.int64)
    return ts, np.minimum(ts + seconds, session.closes), (ts - session.opens) // 60

"""Bars, and the conventions that every rule shares: sessions, grids, larger bars, blocks, EMA."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple

import pandas as pd

from livetrader.domain.session import Session
from livetrader.market.calendar import Calendar

NAN = math.nan
M5, M15, H1 = 300, 900, 3600


class Bar(NamedTuple):
    """One candle; `ts` is its open in epoch seconds."""

    ts: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class OracleSignal(NamedTuple):
    """One entry signal. `side` is "long" or "short"; `inputs` are the values that its rule looked at."""

    strategy_id: str
    symbol: str
    bar_open_utc: datetime
    side: str
    inputs: Mapping[str, float]


Days = dict[date, list[Bar]]


def is_traded(bar: Bar) -> bool:
    """Whether OHLC is present and can be a candle; volume does not matter."""
    prices = bar[1:5]
    return (
        all(price is not None and math.isfinite(price) and price > 0 for price in prices)
        and bar.high == max(prices)
        and bar.low == min(prices)
    )


def by_session(bars: Iterable[Bar], sessions: Sequence[Session], seconds: int = M5) -> Days:
    """Traded bars of each session in time order; bars off-session or off the grid are dropped.

    A missing volume counts as 0: the bar is traded, and how much is not known. Of two bars at one time the
    later in `bars` stays.
    """
    session_of = {slot: session.date for session in sessions for slot in session.slots(seconds)}
    days: Days = {}
    for _, bar in sorted({bar.ts: bar for bar in bars}.items()):
        if bar.ts in session_of and is_traded(bar):
            volume = bar.volume if bar.volume is not None and bar.volume > 0 else 0.0
            days.setdefault(session_of[bar.ts], []).append(bar._replace(volume=volume))
    return days


def merge(ts: int, bars: Sequence[Bar]) -> Bar:
    """One larger bar, opening at `ts`, of smaller ones in time order."""
    high, low = max(bar.high for bar in bars), min(bar.low for bar in bars)
    return Bar(ts, bars[0].open, high, low, bars[-1].close, total(bar.volume for bar in bars))


def enlarge(session: Session, bars: Sequence[Bar], seconds: int) -> list[Bar]:
    """Bars of `seconds`, counted from the session's open; one exists if any smaller bar of it does."""
    larger = []
    for slot in session.slots(seconds):
        parts = [bar for bar in bars if slot <= bar.ts < slot + seconds]
        if parts:
            larger.append(merge(slot, parts))
    return larger


def block(calendar: Calendar, day: date, warmup: int, ex_dates: Sequence[date] = ()) -> list[Session]:
    """Sessions from the `warmup`-th before the first session of `day`'s month, up to `day` itself.

    The latest of `ex_dates` (corporate actions of one symbol) not after `day` starts a block of its own.
    """
    month = calendar.sessions(max(day.replace(day=1), calendar.valid_from), day)
    sessions = [*calendar.before(month[0].date, warmup), *month]
    start = max((ex for ex in ex_dates if ex <= day), default=date.min)
    return [session for session in sessions if session.date >= start]


def enlarge_days(sessions: Sequence[Session], days: Days, seconds: int) -> Days:
    """`enlarge` for every session that has bars."""
    return {s.date: enlarge(s, days[s.date], seconds) for s in sessions if s.date in days}


def bars_of(sessions: Sequence[Session], days: Days) -> list[Bar]:
    """The bars of all `sessions`, in time order."""
    return [bar for session in sessions for bar in days.get(session.date, [])]


def stored_sessions(calendar: Calendar, first: date, last: date, warmup: int) -> list[Session]:
    """Every session that a block of `warmup` sessions of some day in `first..last` may read."""
    month = max(first.replace(day=1), calendar.valid_from)
    return [*calendar.before(month, warmup), *calendar.sessions(month, last)]


def ema(values: Sequence[float], n: int) -> list[float]:
    """The page's EMA: alpha = 2/(n+1), seeded with the first value, no minimum count."""
    if not values:
        return []
    return pd.Series(values, dtype="float64").ewm(span=n, adjust=False).mean().tolist()


def total(values: Iterable[float]) -> float:
    """The plain sum, left to right (the built-in `sum` compensates rounding from Python 3.12 on)."""
    result = 0.0
    for value in values:
        result += value
    return result


def divide(a: float, b: float) -> float:
    """a / b; division by zero gives NaN, not infinity."""
    return NAN if b == 0 else a / b


def utc(ts: int) -> datetime:
    """The instant as an aware time."""
    return datetime.fromtimestamp(ts, UTC)

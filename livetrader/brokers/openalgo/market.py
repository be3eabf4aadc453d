"""OpenAlgo's market data: quotes, candles, session times. Prices are floats as a feed gives them, garbage included."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from livetrader.brokers.openalgo.answers import Unreadable, amount, in_a_line, member, rows, text
from livetrader.brokers.openalgo.times import epoch
from livetrader.domain.candle import Candle
from livetrader.domain.interval import Interval
from livetrader.market.nse import IST

INTERVALS: Mapping[Interval, str] = {
    Interval.M1: "1m",
    Interval.M5: "5m",
    Interval.M15: "15m",
    Interval.H1: "1h",
    Interval.D1: "D",
}

Wired = tuple[str, str]
"""OpenAlgo's (symbol, exchange)."""


@dataclass(frozen=True, slots=True)
class Quote:
    """The last word on a symbol, read `at` (epoch seconds): OpenAlgo does not say how old it was by then.

    NaN stands for what is not said. `price` is the last traded one.
    """

    price: float
    at: float
    bid: float
    ask: float
    open: float
    high: float
    low: float
    previous_close: float
    volume: float


def real(value: Any) -> float:
    """A number as a feed gives it; NaN for null."""
    return math.nan if value is None else float(amount(value))


def quote(data: Any, at: float) -> Quote:
    price = real(member(data, "ltp"))
    others = ("bid", "ask", "open", "high", "low", "prev_close", "volume")
    return Quote(price, at, *(real(data.get(name)) for name in others))


def quotes(document: Any, asked: Mapping[Wired, str], at: float) -> tuple[dict[str, Quote], list[str]]:
    """Quotes by our name, and what is wrong with the others."""
    found: dict[str, Quote] = {}
    wrong = []
    for row in rows(document, "results"):
        wired = text(member(row, "symbol")), text(member(row, "exchange"))
        try:
            if wired not in asked or "data" not in row:
                raise Unreadable(in_a_line(str(row.get("error", "was not asked for"))))
            found[asked[wired]] = quote(row["data"], at)
        except Unreadable as error:  # of the others it tells all the same
            wrong.append(f"{wired[1]}:{wired[0]}: {error}")
    return found, wrong


def candles(document: Any, interval: Interval, now: datetime) -> tuple[Candle, ...]:
    """The bars of an answer that have closed by `now`, oldest first. The server gives the forming one, too."""
    found: dict[int, Candle] = {}
    for row in rows(document, "data"):
        ts = int(epoch(member(row, "timestamp")))
        opened, high, low, close = (real(member(row, name)) for name in ("open", "high", "low", "close"))
        if _closed(ts, interval, now):
            found[ts] = Candle(ts, opened, high, low, close, real(row.get("volume")))
    return tuple(found[ts] for ts in sorted(found))


def _closed(ts: int, interval: Interval, now: datetime) -> bool:
    if interval is not Interval.D1:
        return ts + interval.seconds <= now.timestamp()
    try:
        return datetime.fromtimestamp(ts, UTC).date() < now.astimezone(IST).date()
    except (ValueError, OverflowError, OSError) as error:
        raise Unreadable(f"{ts} is no time") from error


def timings(document: Any) -> dict[str, tuple[datetime, datetime]]:
    """Open and close of each exchange that is open on a day, in UTC.

    The server reckons them in its host's time zone: they are right only if NSE opens at 09:15 Indian time.
    """
    return {
        text(member(row, "exchange")): (_instant(member(row, "start_time")), _instant(member(row, "end_time")))
        for row in rows(document, "data")
    }


def _instant(milliseconds: Any) -> datetime:
    try:
        return datetime.fromtimestamp(float(amount(milliseconds)) / 1000, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Unreadable(f"{milliseconds!r} is no time") from error

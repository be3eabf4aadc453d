"""What the gateway says of the market: quotes, depth and candles, made of the prices at the exchange.

A quote has no time, as in OpenAlgo: whether it is stale cannot be seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from livetrader.brokers.loopback.exchange import Exchange, Quote
from livetrader.brokers.openalgo.loopback.contracts import Contract

SECONDS = {"1m": 60, "3m": 180, "5m": 300, "10m": 600, "15m": 900, "30m": 1800, "1h": 3600}  # what Zerodha's plugin has
DAY = 86_400
IST_SECONDS = 19_800  # India's clock is ahead of UTC by this, all year round
OPENS = 33_300  # 09:15: bars are counted from here
LEVELS = 5


@dataclass(frozen=True, slots=True)
class Candle:
    """A bar; `ts` is the epoch second of its open."""

    ts: int
    open: float
    high: float
    low: float
    close: float
    volume: int

    def and_then(self, later: Candle) -> Candle:
        """This bar and a later one as one."""
        high, low = max(self.high, later.high), min(self.low, later.low)
        return replace(self, high=high, low=low, close=later.close, volume=self.volume + later.volume)


Bars = Callable[[str, int, int], Iterable[Candle]]
"""The finest bars of a symbol with start ≤ ts < end, oldest first."""


class Market:
    """Prices by the quotes of `exchange`: each is one trade of some shares, and the candles are made of them.

    `bars` has the candles instead. Bars that open after the exchange's now are not shown; the last one is still
    forming, as finely as `bars` are.
    """

    def __init__(self, exchange: Exchange, bars: Bars | None = None) -> None:
        self._exchange = exchange
        self._bars = bars or self._recorded
        self._minutes: dict[str, list[Candle]] = {}
        self._days: dict[str, list[Candle]] = {}
        exchange.on_quote.append(self._record)

    def last(self, symbol: str) -> float:
        """The feed's last word, which may be no price at all; 0 before the first."""
        quote = self._exchange.feed.get(symbol)
        return 0.0 if quote is None else quote.price

    def price(self, symbol: str) -> float:
        """The last word, if that is a price; otherwise 0."""
        last = self.last(symbol)
        return last if math.isfinite(last) and last > 0 else 0.0

    def quote(self, contract: Contract) -> dict[str, Any]:
        symbol, tick = contract.instrument.symbol, contract.tick
        last, days = self.last(symbol), self._days.get(symbol, [Candle(0, 0.0, 0.0, 0.0, 0.0, 0)])
        today = days[-1]
        return {
            "ask": round(last + tick, 4),
            "bid": round(last - tick, 4),
            "high": today.high,
            "low": today.low,
            "ltp": last,
            "oi": 0,
            "open": today.open,
            "prev_close": days[-2].close if len(days) > 1 else today.open,
            "volume": today.volume,
        }

    def depth(self, contract: Contract) -> dict[str, Any]:
        quote, tick = self.quote(contract), contract.tick
        size = max(int(contract.instrument.lot), 1)
        sides = {"asks": (quote.pop("ask"), tick), "bids": (quote.pop("bid"), -tick)}
        for side, (best, step) in sides.items():
            quote[side] = [
                {"price": round(best + level * step, 4), "quantity": size * (level + 1)} for level in range(LEVELS)
            ]
        total = size * LEVELS * (LEVELS + 1) // 2
        return quote | {"ltq": size, "totalbuyqty": total, "totalsellqty": total}

    def history(self, contract: Contract, interval: str, first: date, last: date) -> list[Candle]:
        """The bars of an interval in SECONDS, or D, over the dates inclusive, as the exchange counts them.

        A day's bar is at 00:00 UTC of its date.
        """
        zone, opens = (0, 0) if contract.exchange == "CRYPTO" else (IST_SECONDS, OPENS)
        start, end = _midnight(first) - zone, _midnight(last + timedelta(days=1)) - zone
        now, step = self._exchange.clock.now(), SECONDS.get(interval, DAY)
        found: dict[int, Candle] = {}
        for bar in self._bars(contract.instrument.symbol, start, end):
            if bar.ts > now:
                break
            midnight = (bar.ts + zone) // DAY * DAY
            anchor = midnight - zone + opens
            ts = midnight if interval == "D" else anchor + (bar.ts - anchor) // step * step
            found[ts] = found[ts].and_then(bar) if ts in found else replace(bar, ts=ts)
        return list(found.values())

    def _record(self, symbol: str, quote: Quote) -> None:
        if not math.isfinite(quote.price) or quote.price <= 0:
            return
        at, price = int(quote.at), quote.price
        midnight = (at + IST_SECONDS) // DAY * DAY
        for bars, ts in ((self._minutes, at // 60 * 60), (self._days, midnight)):
            bar, known = Candle(ts, price, price, price, price, quote.size), bars.setdefault(symbol, [])
            if known and known[-1].ts == ts:
                known[-1] = known[-1].and_then(bar)
            elif not known or known[-1].ts < ts:  # a quote that comes late makes no candle
                known.append(bar)

    def _recorded(self, symbol: str, start: int, end: int) -> Iterable[Candle]:
        return (bar for bar in self._minutes.get(symbol, []) if start <= bar.ts < end)


def row(bar: Candle) -> dict[str, Any]:
    """A line of `history`."""
    return {
        "close": bar.close,
        "high": bar.high,
        "low": bar.low,
        "oi": 0,
        "open": bar.open,
        "timestamp": bar.ts,
        "volume": bar.volume,
    }


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())

"""Last prices of a few symbols from the candle store, read again only when something can have changed."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from livetrader.dashboard.data import Feed
from livetrader.domain.interval import Interval

if TYPE_CHECKING:  # numpy is loaded with the store, while the screen is there already
    from livetrader.domain.candles import CandleColumns
    from livetrader.marketdata.store import CandleStore

# How far back a symbol's first price is looked for: over a weekend with holidays beside it.
LOOK_BACK = 6 * 86_400


class LastPrices:
    """The close of each symbol's last bar that has closed, at its finest interval. Belongs to the store's thread."""

    def __init__(self, store: CandleStore) -> None:
        self._store = store
        self._bars: dict[str, tuple[int, int, float]] = {}
        """By symbol: open of the last bar, its seconds, its close."""
        self._seen: tuple[int, tuple[str, ...], int] | None = None

    def look(self, symbols: Sequence[str], now: float) -> Feed:
        """Prices of `symbols` as of `now` (epoch seconds). StoreError if the store cannot be read."""
        # A stored bar may close later than it was written: with the minute.
        seen = self._store.version(), tuple(symbols), int(now) // 60
        if seen != self._seen:
            self._read(list(dict.fromkeys(symbols)), int(now))
            self._seen = seen
        known = {symbol: self._bars[symbol] for symbol in symbols if symbol in self._bars}
        prices = {symbol: Decimal(repr(close)) for symbol, (_, _, close) in known.items()}
        newest, seconds = max(((ts + seconds, seconds) for ts, seconds, _ in known.values()), default=(None, 0))
        return Feed(prices, newest, seconds)

    def _read(self, symbols: list[str], now: int) -> None:
        left = symbols
        for interval in self._store.intervals():
            old = [self._bars.get(symbol) for symbol in left]
            since = min((now - LOOK_BACK if bar is None else bar[0] for bar in old), default=now)
            found = _last(self._store.read(interval, since, now - interval.seconds + 1, left), interval)
            self._bars |= found
            left = [symbol for symbol in left if symbol not in found]
            if not left:
                return


def _last(bars: CandleColumns, interval: Interval) -> dict[str, tuple[int, int, float]]:
    """The last bar of each symbol that has a price; bars come in the order of time."""
    return {
        bars.symbols[symbol]: (int(ts), interval.seconds, float(close))
        for ts, symbol, close in zip(bars.ts, bars.symbol, bars.close, strict=True)
        if close > 0
    }

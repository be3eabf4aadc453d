"""The workload "cross" in vectorbt: all symbols in one array, compiled before the clock starts."""

from __future__ import annotations

import pandas as pd
import vectorbt as vbt
from workload import Candles, arguments, load, report


def cross(frames: dict[str, pd.DataFrame]) -> int:
    close = frames["close"]
    fast = vbt.MA.run(close, 20, ewm=True).ma.to_numpy()
    slow = vbt.MA.run(close, 50, ewm=True).ma.to_numpy()
    # Its default ATR is a simple mean, its fastest; Wilder's is not offered.
    atr = vbt.ATR.run(frames["high"], frames["low"], close, 14).atr.to_numpy()
    above = fast > slow
    entries = above.copy()
    entries[1:] &= ~above[:-1]
    distance = 3 * atr / close.to_numpy()

    # A signal is decided at the close and filled at the next open: one bar later, with that bar's distance.
    entries[1:], distance[1:] = entries[:-1].copy(), distance[:-1].copy()
    entries[0] = False
    portfolio = vbt.Portfolio.from_signals(
        close, entries, False, price=frames["open"].to_numpy(), open=frames["open"], high=frames["high"],
        low=frames["low"], sl_stop=distance, sl_trail=True, size=1, init_cash=1e9, freq="5min",
    )  # fmt: skip
    return int(portfolio.trades.count().sum())


def main() -> None:
    asked = arguments(symbols=50, bars=50_000)
    candles: Candles = load(asked)
    index = pd.to_datetime(candles["ts"], unit="s")
    fields = ("open", "high", "low", "close")
    frames = {name: pd.DataFrame(candles[name], index, candles["symbols"]) for name in fields}
    cross({name: frame.iloc[:500, :2] for name, frame in frames.items()})
    report("vectorbt", candles["close"].size, asked.repeats, lambda: cross(frames))


if __name__ == "__main__":
    main()

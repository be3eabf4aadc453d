"""The workload "cross" in backtesting.py: one backtest a symbol."""

from __future__ import annotations

import pandas as pd
from backtesting import Backtest, Strategy
from workload import arguments, load, report


def ema(values: pd.Series, span: int) -> pd.Series:
    return pd.Series(values).ewm(span=span, adjust=False).mean()


def atr(high: pd.Series, low: pd.Series, close: pd.Series, n: int) -> pd.Series:
    high, low, before = pd.Series(high), pd.Series(low), pd.Series(close).shift(1)
    true_range = pd.concat([high - low, (high - before).abs(), (low - before).abs()], axis=1).max(axis=1)
    return true_range.ewm(alpha=1 / n, adjust=False).mean()


class Cross(Strategy):
    def init(self) -> None:
        data = self.data
        self.fast, self.slow = self.I(ema, data.Close, 20), self.I(ema, data.Close, 50)
        self.atr = self.I(atr, data.High, data.Low, data.Close, 14)
        self.distance = 0.0

    def next(self) -> None:
        for trade in self.trades:
            trade.sl = max(trade.sl or 0.0, self.data.High[-1] - self.distance)
        if not self.position and self.fast[-1] > self.slow[-1] and self.fast[-2] <= self.slow[-2]:
            self.distance = 3 * self.atr[-1]
            self.buy(size=1, sl=self.data.Close[-1] - self.distance)


def main() -> None:
    asked = arguments(symbols=4, bars=10_000)
    candles = load(asked)
    index = pd.to_datetime(candles["ts"], unit="s")
    fields = ("open", "high", "low", "close", "volume")
    frames = [pd.DataFrame({name.title(): candles[name][:, i] for name in fields}, index) for i in range(asked.symbols)]

    def run() -> int:
        return sum(int(Backtest(frame, Cross, cash=1e9, finalize_trades=True).run()["# Trades"]) for frame in frames)

    report("backtesting.py", candles["close"].size, asked.repeats, run)


if __name__ == "__main__":
    main()

"""The workload "cross" in backtrader: one run a symbol, vectorised indicators (its faster mode)."""

from __future__ import annotations

import backtrader as bt
import pandas as pd
from workload import arguments, load, report


class Cross(bt.Strategy):
    def __init__(self) -> None:
        self.cross = bt.ind.CrossOver(bt.ind.EMA(period=20), bt.ind.EMA(period=50))
        self.atr = bt.ind.ATR(period=14)
        self.distance, self.entered = 0.0, 0

    def next(self) -> None:
        if not self.position and self.cross[0] > 0:
            self.distance = 3 * self.atr[0]
            self.buy(size=1)

    def notify_order(self, order: bt.Order) -> None:
        if order.status == order.Completed and order.isbuy():
            self.entered += 1
            self.sell(size=1, exectype=bt.Order.StopTrail, trailamount=self.distance)


def main() -> None:
    asked = arguments(symbols=2, bars=5_000)
    candles = load(asked)
    index = pd.to_datetime(candles["ts"], unit="s")
    fields = ("open", "high", "low", "close", "volume")
    frames = [pd.DataFrame({name: candles[name][:, i] for name in fields}, index) for i in range(asked.symbols)]

    def run() -> int:
        entered = 0
        for frame in frames:
            cerebro = bt.Cerebro(stdstats=False)
            cerebro.broker.setcash(1e9)
            cerebro.adddata(bt.feeds.PandasData(dataname=frame))
            cerebro.addstrategy(Cross)
            entered += cerebro.run()[0].entered
        return entered

    report("backtrader", candles["close"].size, asked.repeats, run)


if __name__ == "__main__":
    main()

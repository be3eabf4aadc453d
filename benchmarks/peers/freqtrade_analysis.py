"""One closed bar in freqtrade: its strategy analysis of every pair, on 5-minute and 15-minute candles.

As its worker does on each new candle: `analyze_ticker` on the pair's frame (indicators, entry and exit
columns); the last row is the decision. The strategy calculates what the five equity strategies need, with
TA-Lib and pandas. `bars` counts the bars that were decided, two a pair. All 2,000 pairs (the default is a
fortieth of that):

    make_candles.py --symbols 2000 --bars 750 --out many.npz
    freqtrade_analysis.py --candles many.npz --symbols 2000
"""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import talib.abstract as ta
from freqtrade.strategy import IStrategy
from workload import arguments, load, report

HISTORY = 750  # candles a frame: the 5-minute block of ten sessions


def zero_lag(close: pd.Series, span: int) -> pd.Series:
    once = close.ewm(span=span, adjust=False).mean()
    return 2 * once - once.ewm(span=span, adjust=False).mean()


class Momentum(IStrategy):
    timeframe = "5m"
    startup_candle_count = HISTORY
    minimal_roi = {"0": 10.0}  # noqa: RUF012 - freqtrade's own form
    stoploss = -0.10

    def populate_indicators(self, frame: pd.DataFrame, metadata: dict[str, str]) -> pd.DataFrame:  # noqa: ARG002 - its interface
        for n in (50, 100, 200):
            frame[f"ema{n}"] = ta.EMA(frame, timeperiod=n)
        frame["atr"] = ta.ATR(frame, timeperiod=14)
        macd = zero_lag(frame["close"], 12) - zero_lag(frame["close"], 26)
        frame["cross"] = macd - macd.ewm(span=9, adjust=False).mean()
        day = frame.groupby(frame["date"].dt.date)
        high, low = day["high"].cummax(), day["low"].cummin()
        frame["effort"] = day["volume"].cumsum() / (high - low).replace(0, np.nan)
        frame["prior_high"], frame["prior_low"] = high.shift(1), low.shift(1)
        return frame

    def populate_entry_trend(self, frame: pd.DataFrame, metadata: dict[str, str]) -> pd.DataFrame:  # noqa: ARG002
        above = (frame["close"] > frame["ema50"]) & (frame["close"] > frame["ema200"])
        frame.loc[above & (frame["close"] > frame["prior_high"]) & (frame["cross"] > 0), "enter_long"] = 1
        return frame

    def populate_exit_trend(self, frame: pd.DataFrame, metadata: dict[str, str]) -> pd.DataFrame:  # noqa: ARG002
        frame.loc[frame["close"] < frame["prior_low"], "exit_long"] = 1
        return frame


def enlarge(frame: pd.DataFrame) -> pd.DataFrame:
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    return frame.resample("15min", on="date").agg(how).dropna().reset_index()


def main() -> None:
    asked = arguments(symbols=50, bars=HISTORY)
    candles = load(asked)
    logging.disable(logging.WARNING)
    strategy = Momentum({"stake_currency": "INR", "timeframe": "5m", "runmode": "dry_run"})
    dates = pd.to_datetime(candles["ts"], unit="s", utc=True)
    frames = []
    for i, symbol in enumerate(candles["symbols"]):
        columns = {name: candles[name][:, i] for name in ("open", "high", "low", "close", "volume")}
        frame = pd.DataFrame({"date": dates, **columns})
        frames += [(f"{symbol}/INR", frame), (f"{symbol}/INR", enlarge(frame))]

    def run() -> int:
        signals = 0
        for pair, frame in frames:
            analysed = strategy.analyze_ticker(frame, {"pair": pair})
            signals += bool(analysed["enter_long"].iloc[-1] == 1)
        return signals

    report("freqtrade", len(frames), asked.repeats, run)


if __name__ == "__main__":
    main()

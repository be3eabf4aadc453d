"""The page's building blocks: the values that the equity rules look at, bar by bar."""

from __future__ import annotations

from collections.abc import Sequence

from livetrader.domain.session import Session
from tests.oracle.bars import NAN, Bar, divide, ema, total

Facts = dict[str, float]


def daily_facts(daily: Sequence[Bar]) -> Facts:
    """`daily_atr10`, `daily_volume10` and `volatility` from the daily block's completed, traded sessions."""
    ranges = []
    for i, day in enumerate(daily):
        if i == 0:
            ranges.append(day.high - day.low)
        else:
            before = daily[i - 1].close
            ranges.append(max(day.high - day.low, abs(day.high - before), abs(day.low - before)))
    atr = ema(ranges, 10)[-1] if ranges else NAN
    last10 = daily[-10:]
    volume = total(day.volume for day in last10) / 10 if len(last10) == 10 else NAN
    close = total(day.close for day in last10) / 10 if len(last10) == 10 else NAN
    return {"daily_atr10": atr, "daily_volume10": volume, "volatility": divide(atr, close)}


def zone_pct(bars: Sequence[Bar], *, bullish: bool) -> float:
    """`bullish_zone_pct` or `bearish_zone_pct` once the session's bars hold an initial breakout, else NaN."""
    for i in range(1, len(bars)):
        bar, earlier = bars[i], bars[:i]
        prior_high = max(b.high for b in earlier)
        prior_low = min(b.low for b in earlier)
        if bullish and bar.close > prior_high and bar.close > bar.open:
            return (bar.close - prior_high) / prior_high * 100
        if not bullish and bar.close < prior_low and bar.close < bar.open:
            return (prior_low - bar.close) / bar.close * 100
    return NAN


def effort(bars: Sequence[Bar], daily: Facts) -> float:
    """Volume so far in days of volume, for each daily range that the session has moved."""
    volume = total(bar.volume for bar in bars)
    moved = max(bar.high for bar in bars) - min(bar.low for bar in bars)
    return divide(divide(volume, daily["daily_volume10"]), divide(moved, daily["daily_atr10"]))


def mean_range(bars: Sequence[Bar], session: Session) -> float:
    """Mean range of the session's bars so far that do not open in its first 30 minutes."""
    ranges = [bar.high - bar.low for bar in bars if bar.ts >= session.opens + 30 * 60]
    return total(ranges) / len(ranges) if ranges else NAN


def is_bullish_range_bar(bar: Bar, mean: float) -> bool:
    o, h, l, c = bar.open, bar.high, bar.low, bar.close  # noqa: E741 - the page's letters
    return (h - l) > 0.7 * mean and c > o and c > o + 0.5 * (h - o)


def is_bearish_range_bar(bar: Bar, mean: float) -> bool:
    o, h, l, c = bar.open, bar.high, bar.low, bar.close  # noqa: E741 - the page's letters
    return (h - l) > 0.7 * mean and c < o and c < l + 0.5 * (o - l)


def session_facts(session: Session, so_far: Sequence[Bar], daily: Facts) -> Facts:
    """What is known of the session at the close of the last bar of `so_far`."""
    bar = so_far[-1]
    mean = mean_range(so_far, session)
    return {
        "close": bar.close,
        "bullish_zone_pct": zone_pct(so_far, bullish=True),
        "bearish_zone_pct": zone_pct(so_far, bullish=False),
        "effort": effort(so_far, daily),
        "mean_range": mean,
        "bullish_range_bar": float(is_bullish_range_bar(bar, mean)),
        "bearish_range_bar": float(is_bearish_range_bar(bar, mean)),
        "volatility": daily["volatility"],
    }


def ema_facts(closes: Sequence[float]) -> list[Facts]:
    """EMA50, EMA100 and EMA200 of the block's 5m closes."""
    averages = zip(ema(closes, 50), ema(closes, 100), ema(closes, 200), strict=True)
    return [{"ema50": a, "ema100": b, "ema200": c} for a, b, c in averages]


def zlema(closes: Sequence[float], n: int) -> list[float]:
    once = ema(closes, n)
    return [2 * a - b for a, b in zip(once, ema(once, n), strict=True)]


def zero_lag_macd_facts(closes: Sequence[float]) -> list[Facts]:
    """Zero-lag MACD of the block's 15m closes, and its crosses (the block's first bar has none)."""
    line = [a - b for a, b in zip(zlema(closes, 12), zlema(closes, 26), strict=True)]
    signal = ema(line, 9)
    facts = []
    for i in range(len(closes)):
        up = i > 0 and line[i] > signal[i] and line[i - 1] <= signal[i - 1]
        down = i > 0 and line[i] < signal[i] and line[i - 1] >= signal[i - 1]
        facts.append({"zl_macd": line[i], "zl_signal": signal[i], "cross_up": float(up), "cross_down": float(down)})
    return facts

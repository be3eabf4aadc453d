"""The NIFTY weekly option-selling signals S1–S8, exactly as STRATEGIES.md states them.

At most one signal a week, from the index's hourly bars: the previous week fixes the zones and the bias, and
the first rule of the table that holds at a bar's close is the week's signal. Pure: windows -> signals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import groupby
from math import floor
from typing import Literal, NamedTuple

import numpy as np

from livetrader.domain.candles import CandleWindow
from livetrader.domain.interval import Interval

HEDGE_DISTANCE = 200

_TICKS_PER_POINT = 20
_STRIKE_STEP = 100
_BARS_PER_BLOCK = 4
_LEAST_MARGIN = 5


class Bias(StrEnum):
    """Where the week is expected to go, and the side that a signal takes."""

    BULLISH = "bullish"
    BEARISH = "bearish"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class WeeklySignal:
    """The signal of the week that begins on the Monday `week_start`.

    `bar_open` is the open of the bar on whose close it fired, in epoch seconds. `side` is bullish or bearish.
    `stop` is in points, unrounded: the trade is over once an hourly bar closes at it or beyond.
    """

    week_start: date
    signal: str
    bar_open: int
    side: Bias
    stop: float

    @property
    def option_type(self) -> Literal["PE", "CE"]:
        """The type of the option to sell, and of its hedge."""
        return "PE" if self.side is Bias.BULLISH else "CE"

    @property
    def strike(self) -> int:
        """The strike to sell: the stop rounded half up to 100 points."""
        # In ticks, because the stop of S1 is a difference: its float noise must not decide a tie.
        step = _STRIKE_STEP * _TICKS_PER_POINT
        return (_ticks(self.stop) + step // 2) // step * _STRIKE_STEP

    def hedge_strike(self, distance: int = HEDGE_DISTANCE) -> int:
        """The strike to buy: `distance` points further out of the money."""
        return self.strike - distance if self.option_type == "PE" else self.strike + distance


def weekly_signals(window: CandleWindow, first: date, last: date) -> list[WeeklySignal]:
    """The signals on bars of the sessions from `first` to `last` (exchange dates, inclusive), in order.

    `window` holds hourly bars of the index alone, over all sessions from the beginning of the week before
    `first`'s (the last one with a session) on; a week is Monday to Sunday by exchange date. The window's
    first week has nothing before it and gives no signal. Raises ValueError for another window.
    """
    if window.interval is not Interval.H1 or len(window.symbols) != 1:
        raise ValueError(f"hourly bars of one symbol are needed, not {window.interval} of {window.symbols}")
    found = []
    previous: list[Bar] = []
    for week_start, slots in _weeks(window):
        bars = [bar for bar in slots if bar is not None]
        if previous and None not in slots[:2]:
            context = Context.of(previous)
            rule, bar = _fired(context, bars)
            if rule is not None and first <= bar.day <= last:
                stop = rule.stop(context, bars[0])
                found.append(WeeklySignal(week_start, rule.name, bar.ts, rule.side, stop))
        previous = bars
    return found


class Bar(NamedTuple):
    """An hourly bar; `ts` is its open in epoch seconds, `day` its session's date."""

    ts: int
    day: date
    open: float
    high: float
    low: float
    close: float

    def mirrored(self) -> Bar:
        """Upside down, so that a breakdown is a breakout."""
        return Bar(self.ts, self.day, -self.open, -self.low, -self.high, -self.close)


class Zone(NamedTuple):
    """Support or resistance, between two prices."""

    top: float
    bottom: float

    @classmethod
    def between(cls, one: float, other: float) -> Zone:
        return cls(max(one, other), min(one, other))

    def near(self, price: float) -> bool:
        """Whether the price is within the margin (three zone heights, at least 5 ticks) of the bottom."""
        bottom = _ticks(self.bottom)
        margin = max(3 * (_ticks(self.top) - bottom), _LEAST_MARGIN)
        return abs(_ticks(price) - bottom) <= margin


@dataclass(frozen=True, slots=True)
class Context:
    """What the previous week fixes for a week."""

    week_high: float
    week_low: float
    week_close: float
    resistance: Zone
    support: Zone
    bias: Bias

    @classmethod
    def of(cls, bars: Sequence[Bar]) -> Context:
        """The context that the previous week's bars give. Blocks run by position, across days."""
        high, low, close = max(bar.high for bar in bars), min(bar.low for bar in bars), bars[-1].close
        blocks = [bars[i : i + _BARS_PER_BLOCK] for i in range(0, len(bars), _BARS_PER_BLOCK)]
        bodies = [(block[0].open, block[-1].close) for block in blocks]
        body_top, body_bottom = max(map(max, bodies)), min(map(min, bodies))
        resistance, support = Zone.between(high, body_top), Zone.between(low, body_bottom)
        return cls(high, low, close, resistance, support, _bias(close, body_top, body_bottom))


@dataclass(frozen=True, slots=True)
class Moment:
    """The close of one of the week's bars, from its second on: that `bar` and the bars `before` it.

    `breakout` and `breakdown` say whether the week's trigger is on this very bar.
    """

    bar: Bar
    before: Sequence[Bar]
    breakout: bool
    breakdown: bool

    @property
    def first(self) -> Bar:
        return self.before[0]

    @property
    def is_second(self) -> bool:
        return len(self.before) == 1

    @property
    def closes_highest(self) -> bool:
        """Above every high and close before."""
        return self.bar.close > max(max(bar.high, bar.close) for bar in self.before)

    @property
    def closes_lowest(self) -> bool:
        """Below every low and close before."""
        return self.bar.close < min(min(bar.low, bar.close) for bar in self.before)


def bear_trap(c: Context, m: Moment) -> bool:
    """S1: the first bar falls through support, and the second is back above its low."""
    opened_above = m.first.open >= c.support.bottom
    return m.is_second and opened_above and m.first.close < c.support.bottom and m.bar.close > m.first.low


def support_hold(c: Context, m: Moment) -> bool:
    """S2: a bullish week opens at support, which holds for two bars."""
    tested = m.first.low <= c.support.top or (c.support.near(c.week_close) and c.support.near(m.first.open))
    held = m.first.close >= c.support.bottom and m.first.close >= c.week_close
    holds = m.bar.close >= m.first.low and m.bar.close > c.support.bottom and m.bar.close > c.week_close
    return m.is_second and c.bias is Bias.BULLISH and m.first.open > c.week_low and tested and held and holds


def resistance_hold(c: Context, m: Moment) -> bool:
    """S3: a bearish week opens just under resistance, and turns there or gives way later."""
    under = m.first.high < c.resistance.bottom and m.first.close <= c.week_high
    near = c.resistance.near(c.week_close) and c.resistance.near(m.first.open)
    turned = _turns_down(c, m) and m.bar.high >= c.resistance.bottom
    return c.bias is Bias.BEARISH and under and near and (turned or _gives_way(c, m))


def bias_failure_bull(c: Context, m: Moment) -> bool:
    """S4: a bearish week opens above resistance and breaks out."""
    return c.bias is Bias.BEARISH and m.first.open > c.resistance.top and m.breakout


def bias_failure_bear(c: Context, m: Moment) -> bool:
    """S5: a bullish week opens and stays below support, then falls below its first bar."""
    opened_below = m.first.open < c.support.bottom
    stayed = m.first.close < c.support.bottom and m.first.close < c.week_low
    return c.bias is Bias.BULLISH and opened_below and stayed and m.bar.close < m.first.low


def weakness_confirmed(c: Context, m: Moment) -> bool:
    """S6: a bearish week tests resistance in its first bar, and turns at once or gives way later."""
    tested = m.first.high >= c.resistance.bottom and m.first.close <= c.week_high
    return c.bias is Bias.BEARISH and tested and (_turns_down(c, m) or _gives_way(c, m))


def breakout_confirmed(c: Context, m: Moment) -> bool:
    """S7: a breakout to the week's highest close, with the previous high passed or far enough away."""
    high, close = _ticks(c.week_high), _ticks(m.bar.close)
    clear = m.bar.close >= c.week_high or 1000 * (high - close) >= 4 * high
    return m.breakout and clear and m.closes_highest


def breakdown_confirmed(c: Context, m: Moment) -> bool:
    """S8: a breakdown to the week's lowest close, after resistance was reached."""
    reached = any(bar.high >= c.resistance.bottom for bar in (*m.before, m.bar))
    return m.breakdown and reached and m.bar.close < c.resistance.bottom and m.closes_lowest


def _turns_down(c: Context, m: Moment) -> bool:
    """A of S3 and S6, but for S3's touch of resistance."""
    return m.is_second and m.bar.close < m.first.high and m.bar.close < c.resistance.bottom


def _gives_way(c: Context, m: Moment) -> bool:
    """B of S3 and S6. The first bar's low is among the lows before."""
    return not m.is_second and m.bar.close < c.resistance.bottom and m.closes_lowest


class Rule(NamedTuple):
    """A row of the table: `stop` is in points."""

    name: str
    side: Bias
    fires: Callable[[Context, Moment], bool]
    stop: Callable[[Context, Bar], float]


# In order: the first that fires is the week's only signal. A stop is given the week's first bar.
RULES = (
    Rule("S1", Bias.BULLISH, bear_trap, lambda _, first: first.low - abs(first.open - first.close)),
    Rule("S2", Bias.BULLISH, support_hold, lambda c, _: c.support.bottom),
    Rule("S3", Bias.BEARISH, resistance_hold, lambda c, _: c.week_high),
    Rule("S4", Bias.BULLISH, bias_failure_bull, lambda _, first: first.low),
    Rule("S5", Bias.BEARISH, bias_failure_bear, lambda _, first: first.high),
    Rule("S6", Bias.BEARISH, weakness_confirmed, lambda c, _: c.week_high),
    Rule("S7", Bias.BULLISH, breakout_confirmed, lambda _, first: first.low),
    Rule("S8", Bias.BEARISH, breakdown_confirmed, lambda _, first: first.high),
)


def _fired(context: Context, bars: Sequence[Bar]) -> tuple[Rule | None, Bar]:
    """The week's first rule to fire and the bar on which it does; None and the last bar if there is none."""
    breakout, breakdown = _breakout(bars), _breakout([bar.mirrored() for bar in bars])
    for i, bar in enumerate(bars[1:], 1):
        moment = Moment(bar, bars[:i], i == breakout, i == breakdown)
        for rule in RULES:
            if rule.fires(context, moment):
                return rule, bar
    return None, bars[-1]


def _breakout(bars: Sequence[Bar]) -> int | None:
    """The place of the week's breakout trigger; it depends on the bars up to it alone."""
    first, remembered = bars[0], None
    highest = first.high
    for i, bar in enumerate(bars):
        if bar.day == first.day:
            if bar.close > first.high:
                return i
        elif remembered is not None:
            if bar.close > remembered:
                return i
        elif bar.close > bar.open and bar.close > first.high and bar.high >= highest:
            remembered = bar.high
        highest = max(highest, bar.high)
    return None


def _bias(week_close: float, body_top: float, body_bottom: float) -> Bias:
    """Towards the far end of the bodies: a week that closed near their top is expected to fall."""
    close = _ticks(week_close)
    to_top, to_bottom = abs(close - _ticks(body_top)), abs(close - _ticks(body_bottom))
    if to_top == to_bottom:
        return Bias.NEUTRAL
    return Bias.BEARISH if to_top < to_bottom else Bias.BULLISH


def _ticks(price: float) -> int:
    """A price in whole ticks of 0.05 points, in which ties are exact."""
    return floor(price * _TICKS_PER_POINT + 0.5)


def _weeks(window: CandleWindow) -> Iterator[tuple[date, list[Bar | None]]]:
    """The slots of each week, by its Monday; None where the index has no bar."""
    fields = np.hstack((window.open, window.high, window.low, window.close)).tolist()
    days = [window.sessions[i].date for i in window.session.tolist()]
    rows = zip(window.ts.tolist(), days, fields, strict=True)
    for monday, slots in groupby(rows, lambda row: monday_of(row[1])):
        yield monday, [None if np.isnan(ohlc[0]) else Bar(ts, day, *ohlc) for ts, day, ohlc in slots]


def monday_of(day: date) -> date:
    """The Monday that begins the week of `day`."""
    return day - timedelta(days=day.weekday())

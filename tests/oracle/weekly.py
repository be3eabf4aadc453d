"""The NIFTY weekly option-selling signals S1 to S8."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from livetrader.domain.session import Session
from livetrader.market.calendar import Calendar
from tests.oracle.bars import H1, M5, Bar, Days, bars_of, by_session, enlarge_days, merge, utc

FROM_SECOND_BAR = 1


class WeeklySignal(NamedTuple):
    """The one signal of a week. `week_start` is its Monday; `stop` is in points, not rounded to a strike."""

    week_start: date
    signal: str
    bar_open_utc: datetime
    side: str
    stop: float


class Context(NamedTuple):
    """What the previous week fixes for this one."""

    week_high: float
    week_low: float
    week_close: float
    body_top: float
    body_bottom: float

    @property
    def resistance(self) -> tuple[float, float]:
        """Bottom and top of the resistance zone."""
        return min(self.week_high, self.body_top), max(self.week_high, self.body_top)

    @property
    def support(self) -> tuple[float, float]:
        """Bottom and top of the support zone."""
        return min(self.week_low, self.body_bottom), max(self.week_low, self.body_bottom)

    @property
    def bias(self) -> str:
        to_top, to_bottom = (
            distance(self.week_close, self.body_top),
            distance(self.week_close, self.body_bottom),
        )
        return "bearish" if to_top < to_bottom else "bullish" if to_bottom < to_top else "neutral"


class Week(NamedTuple):
    """This week's bars up to and including the one that just closed, and whether a trigger is true on it."""

    context: Context
    bars: Sequence[Bar]
    is_breakout: bool
    is_breakdown: bool

    @property
    def first(self) -> Bar:
        return self.bars[0]

    @property
    def bar(self) -> Bar:
        return self.bars[-1]

    @property
    def before(self) -> Sequence[Bar]:
        return self.bars[:-1]


def ticks(price: float) -> int:
    """A price in ticks of 0.05, to the nearest."""
    return math.floor(price * 20 + 0.5)


def distance(a: float, b: float) -> int:
    """abs(a − b) in ticks."""
    return abs(ticks(a) - ticks(b))


def is_within(a: float, b: float, zone: tuple[float, float]) -> bool:
    """Whether a and b are no further apart than the margin of `zone`: 3 heights, at least 5 ticks."""
    return distance(a, b) <= max(3 * distance(*zone), 5)


def context_of(bars: Sequence[Bar]) -> Context:
    """Context from the previous week's hourly bars."""
    groups = [merge(bars[i].ts, bars[i : i + 4]) for i in range(0, len(bars), 4)]
    return Context(
        week_high=max(bar.high for bar in bars),
        week_low=min(bar.low for bar in bars),
        week_close=bars[-1].close,
        body_top=max(max(group.open, group.close) for group in groups),
        body_bottom=min(min(group.open, group.close) for group in groups),
    )


def breakout_at(bars: Sequence[Bar], is_first_day: Sequence[bool]) -> int | None:
    """Index of the week's one breakout trigger."""
    first, remembered = bars[0], None
    for i, bar in enumerate(bars):
        if is_first_day[i]:
            if bar.close > first.high:
                return i
        elif remembered is not None:
            if bar.close > remembered.high:
                return i
        elif bar.close > bar.open and bar.close > first.high and bar.high >= max(b.high for b in bars[:i]):
            remembered = bar
    return None


def breakdown_at(bars: Sequence[Bar], is_first_day: Sequence[bool]) -> int | None:
    """Index of the week's one breakdown trigger."""
    first, remembered = bars[0], None
    for i, bar in enumerate(bars):
        if is_first_day[i]:
            if bar.close < first.low:
                return i
        elif remembered is not None:
            if bar.close < remembered.low:
                return i
        elif bar.close < bar.open and bar.close < first.low and bar.low <= min(b.low for b in bars[:i]):
            remembered = bar
    return None


def is_second(w: Week) -> bool:
    return len(w.bars) == 2


def s1_bear_trap(w: Week) -> bool:
    bottom, _ = w.context.support
    return is_second(w) and w.first.open >= bottom and w.first.close < bottom and w.bar.close > w.first.low


def s2_support_hold(w: Week) -> bool:
    c, (bottom, top) = w.context, w.context.support
    is_near = is_within(c.week_close, bottom, c.support) and is_within(w.first.open, bottom, c.support)
    return (
        is_second(w)
        and c.bias == "bullish"
        and w.first.open > c.week_low
        and (w.first.low <= top or is_near)
        and w.first.close >= bottom
        and w.first.close >= c.week_close
        and w.bar.close >= w.first.low
        and w.bar.close > bottom
        and w.bar.close > c.week_close
    )


def is_new_low_close(w: Week) -> bool:
    """Case B of S3 and S6."""
    bottom, _ = w.context.resistance
    return (
        len(w.bars) >= 3
        and w.bar.close < w.first.low
        and w.bar.close < bottom
        and all(w.bar.close < b.low and w.bar.close < b.close for b in w.before)
    )


def s3_resistance_hold(w: Week) -> bool:
    c, (bottom, _) = w.context, w.context.resistance
    is_near = is_within(c.week_close, bottom, c.resistance) and is_within(w.first.open, bottom, c.resistance)
    is_case_a = is_second(w) and w.bar.close < w.first.high and w.bar.close < bottom and w.bar.high >= bottom
    return (
        c.bias == "bearish"
        and w.first.high < bottom
        and is_near
        and w.first.close <= c.week_high
        and (is_case_a or is_new_low_close(w))
    )


def s4_bias_failure_bull(w: Week) -> bool:
    _, top = w.context.resistance
    return w.context.bias == "bearish" and w.first.open > top and w.is_breakout


def s5_bias_failure_bear(w: Week) -> bool:
    bottom, _ = w.context.support
    return (
        w.context.bias == "bullish"
        and w.first.open < bottom
        and w.first.close < bottom
        and w.first.close < w.context.week_low
        and w.bar.close < w.first.low
    )


def s6_weakness_confirmed(w: Week) -> bool:
    c, (bottom, _) = w.context, w.context.resistance
    is_case_a = is_second(w) and w.bar.close < w.first.high and w.bar.close < bottom
    return (
        c.bias == "bearish"
        and w.first.high >= bottom
        and w.first.close <= c.week_high
        and (is_case_a or is_new_low_close(w))
    )


def s7_breakout_confirmed(w: Week) -> bool:
    high = w.context.week_high
    # (high − close) / high >= 0.004, in whole ticks
    is_far_below = 1000 * (ticks(high) - ticks(w.bar.close)) >= 4 * ticks(high)
    return (
        w.is_breakout
        and (w.bar.close >= high or is_far_below)
        and all(w.bar.close > b.high and w.bar.close > b.close for b in w.before)
    )


def s8_breakdown_confirmed(w: Week) -> bool:
    bottom, _ = w.context.resistance
    return (
        w.is_breakdown
        and any(b.high >= bottom for b in w.bars)
        and w.bar.close < bottom
        and all(w.bar.close < b.low and w.bar.close < b.close for b in w.before)
    )


def fired(w: Week) -> tuple[str, str, float] | None:
    """Name, side and stop of the first of S1 … S8 that is true on the bar."""
    first, c = w.first, w.context
    if s1_bear_trap(w):
        return "S1", "bullish", first.low - abs(first.open - first.close)
    if s2_support_hold(w):
        return "S2", "bullish", c.support[0]
    if s3_resistance_hold(w):
        return "S3", "bearish", c.week_high
    if s4_bias_failure_bull(w):
        return "S4", "bullish", first.low
    if s5_bias_failure_bear(w):
        return "S5", "bearish", first.high
    if s6_weakness_confirmed(w):
        return "S6", "bearish", c.week_high
    if s7_breakout_confirmed(w):
        return "S7", "bullish", first.low
    if s8_breakdown_confirmed(w):
        return "S8", "bearish", first.high
    return None


def monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def week_signal(previous: Sequence[Session], this: Sequence[Session], days: Days) -> WeeklySignal | None:
    """The signal of the week whose sessions are `this`, if any."""
    earlier, bars = bars_of(previous, days), bars_of(this, days)
    slots = [slot for session in this for slot in session.slots(H1)]
    if not earlier or len(slots) < 2 or [bar.ts for bar in bars[:2]] != slots[:2]:
        return None

    context = context_of(earlier)
    is_first_day = [bar.ts < this[0].closes for bar in bars]
    breakout, breakdown = breakout_at(bars, is_first_day), breakdown_at(bars, is_first_day)
    for i in range(FROM_SECOND_BAR, len(bars)):
        found = fired(Week(context, bars[: i + 1], i == breakout, i == breakdown))
        if found:
            name, side, stop = found
            return WeeklySignal(monday(this[0].date), name, utc(bars[i].ts), side, stop)
    return None


def weeks(sessions: Sequence[Session]) -> Iterator[list[Session]]:
    """The sessions grouped by week, Monday to Sunday; weeks without a session do not appear."""
    for start in sorted({monday(session.date) for session in sessions}):
        yield [session for session in sessions if monday(session.date) == start]


def weekly_signals(
    bars: Sequence[Bar], calendar: Calendar, first: date, last: date, *, seconds: int = M5
) -> list[WeeklySignal]:
    """The signals of the index on bars of `first..last`, from its bars of `seconds` (300 or 3600)."""
    # 30 sessions hold the whole previous week, however many days were closed
    start = max(monday(first), calendar.valid_from)
    sessions = [*calendar.before(start, 30), *calendar.sessions(start, last)]
    days = enlarge_days(sessions, by_session(bars, sessions, seconds), H1)
    found = [week_signal(previous, this, days) for previous, this in pairwise(weeks(sessions))]
    inside = {session.date for session in sessions if first <= session.date <= last}
    return [s for s in found if s is not None and s.bar_open_utc.astimezone(calendar.timezone).date() in inside]

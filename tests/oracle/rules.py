"""The equity intraday strategies 8 to 12."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from typing import NamedTuple

from livetrader.domain.session import Session
from livetrader.market.calendar import Calendar
from tests.oracle.bars import (
    M5,
    M15,
    Bar,
    Days,
    OracleSignal,
    bars_of,
    block,
    by_session,
    enlarge_days,
    merge,
    stored_sessions,
    utc,
)
from tests.oracle.facts import Facts, daily_facts, ema_facts, session_facts, zero_lag_macd_facts
from tests.oracle.trend import index_trend

INDICES = frozenset({"NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY", "NIFTYNXT50", "SENSEX", "BANKEX", "INDIAVIX"})
PRECEDENCE = (12, 11, 8, 10, 9)
WARMUP_5M, WARMUP_15M, WARMUP_DAILY, WARMUP_TREND = 10, 30, 60, 60


class Numbers(NamedTuple):
    """The numbers in which the two presets differ: lower zone edge, an effort edge, the volatility edge."""

    zone: float
    effort: float
    volatility: float


PRESETS: dict[str, dict[int, Numbers]] = {
    "original": {
        8: Numbers(0.8, 1, 0.04),
        9: Numbers(0.8, 0.6, 0.04),
        10: Numbers(0.6, 0.7, 0.04),
        11: Numbers(0.8, 0.3, 0.04),
        12: Numbers(1, 0.4, 0.04),
    },
    "large_cap": {
        8: Numbers(0.1, 0.5, 0.04),
        9: Numbers(0.1, 0.6, 0.04),
        10: Numbers(0.1, 0.7, 0.025),
        11: Numbers(0.1, 0.5, 0.025),
        12: Numbers(0.15, 0.6, 0.04),
    },
}
TREND_ADX = {"original": 20.0, "large_cap": 8.0}


def breakout_fade_short(x: Facts, n: Numbers) -> bool:
    return (
        n.zone < x["bullish_zone_pct"] < 1.3
        and x["cross_down"] == 1
        and x["effort"] > n.effort
        and x["volatility"] < n.volatility
        and x["index_trend"] >= 0
    )


def breakdown_fade_long(x: Facts, n: Numbers) -> bool:
    return (
        x["bearish_zone_pct"] > n.zone
        and x["cross_up"] == 1
        and 0 < x["effort"] < n.effort
        and x["volatility"] < n.volatility
        and x["index_trend"] <= 0
    )


def momentum_short(x: Facts, n: Numbers) -> bool:
    below = x["close"] < x["ema50"] and x["close"] < x["ema100"] and x["close"] < x["ema200"]
    return (
        x["bearish_zone_pct"] > n.zone
        and below
        and x["bearish_range_bar"] == 1
        and 0.3 < x["effort"] < n.effort
        and x["volatility"] > n.volatility
        and x["index_trend"] in (0, -1)
    )


def is_above_averages(x: Facts) -> bool:
    return x["close"] > x["ema50"] and x["close"] > x["ema100"] and x["close"] > x["ema200"]


def momentum_long(x: Facts, n: Numbers) -> bool:
    return (
        x["bullish_zone_pct"] > n.zone
        and is_above_averages(x)
        and x["bullish_range_bar"] == 1
        and 0 < x["effort"] < n.effort
        and x["volatility"] > n.volatility
        and x["index_trend"] in (0, 1)
    )


def exhaustion_short(x: Facts, n: Numbers) -> bool:
    return (
        x["bullish_zone_pct"] > n.zone
        and is_above_averages(x)
        and x["bullish_range_bar"] == 1
        and 0.3 < x["effort"] < n.effort
        and x["volatility"] < n.volatility
        and x["index_trend"] in (0, -1)
    )


class Rule(NamedTuple):
    """A row of the page's table; `since` and `until` are IST of the bar's open, `until` exclusive."""

    side: str
    seconds: int
    since: time
    until: time
    holds: Callable[[Facts, Numbers], bool]


RULES = {
    8: Rule("short", M15, time(9, 30), time(13, 45), breakout_fade_short),
    9: Rule("short", M5, time(9, 20), time(13, 45), exhaustion_short),
    10: Rule("short", M5, time(9, 20), time(13, 45), momentum_short),
    11: Rule("long", M5, time(9, 20), time(13, 45), momentum_long),
    12: Rule("long", M15, time(9, 30), time(13, 45), breakdown_fade_long),
}


class Stored(NamedTuple):
    """One symbol's traded bars by session, as 5m, 15m and daily bars."""

    five: Days
    fifteen: Days
    daily: Days


def stored(bars: Sequence[Bar], sessions: Sequence[Session]) -> Stored:
    five = by_session(bars, sessions)
    daily = {s.date: [merge(s.opens, five[s.date])] for s in sessions if s.date in five}
    return Stored(five, enlarge_days(sessions, five, M15), daily)


def bar_facts(
    data: Stored, calendar: Calendar, session: Session, seconds: int, trend: float, ex_dates: Sequence[date]
) -> Iterator[tuple[Bar, Facts]]:
    """Each bar of `session` that the symbol traded, with everything known at its close."""
    days, warmup = (data.five, WARMUP_5M) if seconds == M5 else (data.fifteen, WARMUP_15M)
    today = days.get(session.date, [])
    completed = block(calendar, session.date, WARMUP_DAILY, ex_dates)[:-1]
    daily = daily_facts(bars_of(completed, data.daily))
    bars = bars_of(block(calendar, session.date, warmup, ex_dates), days)
    closes = [bar.close for bar in bars]
    indicators = ema_facts(closes) if seconds == M5 else zero_lag_macd_facts(closes)
    for i, (bar, values) in enumerate(zip(today, indicators[len(bars) - len(today) :], strict=True)):
        yield bar, values | session_facts(session, today[: i + 1], daily) | {"index_trend": trend}


def first_signal(
    strategy: int, numbers: Numbers, symbol: str, calendar: Calendar, bars: Sequence[tuple[Bar, Facts]]
) -> OracleSignal | None:
    """The session's first bar in the window on which the rule is true, if any."""
    rule = RULES[strategy]
    for bar, facts in bars:
        opened = datetime.fromtimestamp(bar.ts, calendar.timezone).time()
        if rule.since <= opened < rule.until and rule.holds(facts, numbers):
            return OracleSignal(str(strategy), symbol, utc(bar.ts), rule.side, facts)
    return None


def session_signals(
    data: Stored,
    calendar: Calendar,
    session: Session,
    symbol: str,
    strategies: Sequence[int],
    preset: str,
    trend: float,
    ex_dates: Sequence[date],
) -> list[OracleSignal]:
    """The signals of one symbol in one session."""
    found = []
    for seconds in (M5, M15):
        wanted = [strategy for strategy in strategies if RULES[strategy].seconds == seconds]
        if not wanted or session.date not in data.five:
            continue
        bars = list(bar_facts(data, calendar, session, seconds, trend, ex_dates))
        found += [first_signal(s, PRESETS[preset][s], symbol, calendar, bars) for s in wanted]
    return [signal for signal in found if signal is not None]


def signals(
    candles: Mapping[str, Sequence[Bar]],
    calendar: Calendar,
    first: date,
    last: date,
    *,
    symbols: Sequence[str],
    strategies: Sequence[int] = (8, 9, 10, 11, 12),
    preset: str = "original",
    trend_symbol: str | None = "NIFTY",
    indices: frozenset[str] = INDICES,
    ex_dates: Mapping[str, Sequence[date]] | None = None,
) -> list[OracleSignal]:
    """Every signal of `symbols` in the sessions `first..last`, from 5m bars in any order.

    Ordered by the close of the bar, then strategies 12, 11, 8, 10, 9, then the order of `symbols`. `indices`
    and `trend_symbol` are never traded. `ex_dates` are the days on which a corporate action takes effect.
    """
    sessions = stored_sessions(calendar, first, last, max(WARMUP_DAILY, WARMUP_TREND))
    wanted = [session for session in sessions if first <= session.date <= last]
    trends = dict.fromkeys([session.date for session in wanted], 0.0)
    if trend_symbol is not None:
        index = enlarge_days(sessions, by_session(candles.get(trend_symbol, ()), sessions), M15)
        for session in wanted:
            trends[session.date] = index_trend(index, calendar, session, TREND_ADX[preset])

    found: list[OracleSignal] = []
    for symbol in symbols:
        if symbol in indices or symbol == trend_symbol:
            continue
        data = stored(candles.get(symbol, ()), sessions)
        for session in wanted:
            trend, ex = trends[session.date], (ex_dates or {}).get(symbol, ())
            found += session_signals(data, calendar, session, symbol, strategies, preset, trend, ex)
    return sorted(found, key=lambda signal: rank(signal, wanted, symbols))


def rank(signal: OracleSignal, sessions: Sequence[Session], symbols: Sequence[str]) -> tuple[int, int, int]:
    """Close of the signal's bar, precedence of its strategy, place of its symbol in the list."""
    strategy, opened = int(signal.strategy_id), int(signal.bar_open_utc.timestamp())
    session_closes = next(s.closes for s in sessions if s.opens <= opened < s.closes)
    closed = min(opened + RULES[strategy].seconds, session_closes)
    return closed, PRECEDENCE.index(strategy), symbols.index(signal.symbol)

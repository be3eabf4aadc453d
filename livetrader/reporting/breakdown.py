"""Trades by what they have in common, and the days that they made."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, TypeVar

from livetrader.reporting.returns import changes, daily_closes
from livetrader.reporting.statistics import PLACES, EquityPoint, ratio

if TYPE_CHECKING:
    from livetrader.domain.position import Trade

ZERO = Decimal(0)
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

K = TypeVar("K")
Span = tuple[int, int]
"""(opens, closes), epoch seconds."""


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the equity curve: its close, the change from the close before, and that in percent."""

    date: date
    close: Decimal
    change: Decimal
    pct: float | None


@dataclass(frozen=True, slots=True)
class Trading:
    """How it was traded. Money is in the account's currency.

    `payoff` is the average win / |average loss|; `turnover` is (bought + sold) / 2 / mean daily equity, 1.0 being
    the account once; `gross_exposure_pct` is Σ quantity × entry price × seconds of the sessions that it was held
    over, in percent of starting capital × the sessions' seconds.
    """

    payoff: float | None
    average_holding_seconds: int | None
    most_wins: int
    most_losses: int
    turnover: float | None
    gross_exposure_pct: float | None


def entry_hour(trade: Trade, zone: tzinfo) -> str:
    """The hour of the day in which a trade was entered, as `09:00`."""
    return f"{trade.entry_at.astimezone(zone):%H}:00"


def entry_weekday(trade: Trade, zone: tzinfo) -> str:
    return WEEKDAYS[trade.entry_at.astimezone(zone).weekday()]


def by_hour_and_weekday(trades: Iterable[Trade], zone: tzinfo) -> Mapping[tuple[str, str], tuple[int, Decimal]]:
    """Trades and net P&L by (hour, weekday) of entry."""
    found: dict[tuple[str, str], tuple[int, Decimal]] = {}
    for trade in trades:
        key = entry_hour(trade, zone), entry_weekday(trade, zone)
        count, net = found.get(key, (0, ZERO))
        found[key] = count + 1, net + trade.net_pnl
    return found


def days(equity: Sequence[EquityPoint], capital: Decimal) -> tuple[Day, ...]:
    """The days of a curve that began with `capital`."""
    found, before = [], capital
    for at, close in daily_closes(equity):
        pct = ratio((close - before) * 100, before)
        found.append(Day(datetime.fromtimestamp(at - 1, UTC).date(), close, close - before, pct))
        before = close
    return tuple(found)


def daily_returns(days: Sequence[Day], capital: Decimal) -> list[float]:
    """The returns of the days of a curve that began with `capital`; empty where a day ended with nothing."""
    return changes([capital, *(day.close for day in days)])


def returns_by(days: Sequence[Day], capital: Decimal, key: Callable[[date], K]) -> Mapping[K, float]:
    """The return in percent of each month, or year, or whatever `key` makes of a date: from close to close."""
    found, before = {}, capital
    for name, group in groupby(days, lambda day: key(day.date)):
        close = list(group)[-1].close
        if before > 0:
            found[name] = round(float((close - before) * 100 / before), PLACES)
        before = close
    return found


def streak(trades: Sequence[Trade], sign: int) -> int:
    """The longest run of winners (`sign` 1) or losers (−1), in the order of `trades`; a trade of zero ends both."""
    longest = current = 0
    for trade in trades:
        current = current + 1 if trade.net_pnl * sign > 0 else 0
        longest = max(longest, current)
    return longest


def trading(trades: Sequence[Trade], days: Sequence[Day], capital: Decimal, sessions: Sequence[Span]) -> Trading:
    """How `trades` (in the order of their exits) were traded on a curve of `days`, in the times of `sessions`."""
    won = [trade.net_pnl for trade in trades if trade.net_pnl > 0]
    lost = [-trade.net_pnl for trade in trades if trade.net_pnl < 0]
    value = sum((trade.quantity * (trade.entry_price + trade.exit_price) for trade in trades), ZERO) / 2
    equity = sum((day.close for day in days), ZERO) / len(days) if days else ZERO
    passed = _passed(sessions)
    held = sum((_value_seconds(trade, passed) for trade in trades), ZERO)
    seconds = [int((trade.exit_at - trade.entry_at).total_seconds()) for trade in trades]
    return Trading(
        payoff=ratio(_mean(won), _mean(lost)) if won else None,
        average_holding_seconds=round(sum(seconds) / len(seconds)) if seconds else None,
        most_wins=streak(trades, 1),
        most_losses=streak(trades, -1),
        turnover=ratio(value, equity),
        gross_exposure_pct=ratio(held * 100, capital * sum(closes - opens for opens, closes in sessions)),
    )


def _value_seconds(trade: Trade, passed: Callable[[int], int]) -> Decimal:
    """Quantity × entry price × seconds held while the exchange was open."""
    entered, left = (int(at.timestamp()) for at in (trade.entry_at, trade.exit_at))
    return trade.quantity * trade.entry_price * (passed(left) - passed(entered))


def _passed(sessions: Sequence[Span]) -> Callable[[int], int]:
    """How many seconds of `sessions` (in order) have passed at an instant."""
    opens = [span[0] for span in sessions]
    before = [0, *accumulate(closes - opens for opens, closes in sessions)]

    def passed(at: int) -> int:
        i = bisect_right(opens, at) - 1
        return 0 if i < 0 else before[i] + min(at, sessions[i][1]) - opens[i]

    return passed


def gross_exposure(trade: Trade) -> Decimal:
    """Quantity × entry price × seconds held: what a trade weighs in the book of its period."""
    return trade.quantity * trade.entry_price * int((trade.exit_at - trade.entry_at).total_seconds())


def _mean(values: Sequence[Decimal]) -> Decimal:
    return sum(values, ZERO) / len(values) if values else ZERO

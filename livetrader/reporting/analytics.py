"""All figures of a day or period, from its records: what the tear sheet shows and the JSON says.

The records alone give most of it, in every mode the same. With candles (`Candles`) there is also how far each trade
went for and against us, what refused signals would have made, and how the symbols move together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING

from livetrader.reporting import breakdown, recommendations, returns
from livetrader.reporting.breakdown import Day, Trading
from livetrader.reporting.comparison import Comparison, comparison
from livetrader.reporting.diversification import Diversification, diversification
from livetrader.reporting.drawdowns import Fall, deepest
from livetrader.reporting.excursions import Excursion
from livetrader.reporting.execution import Slippage, charges_by_kind, slippage
from livetrader.reporting.issues import DataIssue
from livetrader.reporting.recommendations import Recommendation
from livetrader.reporting.refused import Forward, RefusedOutcome, outcomes
from livetrader.reporting.statistics import PLACES, EquityPoint, Groups, grouped

if TYPE_CHECKING:
    from livetrader.domain.costs import ChargeTable
    from livetrader.domain.order import Fill
    from livetrader.domain.position import Trade
    from livetrader.domain.session import Session
    from livetrader.ports import OrderRecord

WINDOW = 20
"""Sessions of the rolling Sharpe ratio: about a month."""
LEAST_SESSIONS = 20
"""Sessions from which on growth is annualised: a good week is not 900 % a year."""


@dataclass(frozen=True, slots=True)
class Records:
    """What a period left behind. `per_year` is the sessions of a year: 252 for NSE, 365 for 24/7 markets."""

    trades: Sequence[Trade]
    equity: Sequence[EquityPoint]
    starting_capital: Decimal
    sessions: Sequence[Session]
    orders: Sequence[OrderRecord]
    fills: Sequence[Fill]
    zone: tzinfo
    per_year: int
    currency: str
    charges: ChargeTable
    sectors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Candles:
    """What was read off the candles. `returns` are daily, by symbol and day; `decided` are the prices at which exits
    at market were decided, by intent id."""

    excursions: Mapping[str, Excursion] = field(default_factory=dict)
    forwards: Sequence[Forward] = ()
    returns: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    decided: Mapping[str, Decimal] = field(default_factory=dict)
    data: Sequence[DataIssue] = ()


@dataclass(frozen=True, slots=True)
class Risk:
    """Ratios of the daily returns (see `returns`); `best_day` and `worst_day` by what they changed.

    `rolling_sharpe` has one entry for each session from the WINDOWth on, with that session's date.
    """

    cagr_pct: float | None
    volatility_pct: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    best_day: Day | None
    worst_day: Day | None
    rolling_sharpe: tuple[tuple[date, float | None], ...]


@dataclass(frozen=True, slots=True)
class Analytics:
    """`hours` are trades and net P&L by (hour, weekday) of entry; `months` returns in percent by (year, month), and
    `years` by year; `candles` tells whether candles were read for it."""

    days: tuple[Day, ...]
    risk: Risk
    drawdowns: tuple[Fall, ...]
    trading: Trading
    by_hour: Groups
    by_weekday: Groups
    by_exit_reason: Groups
    hours: Mapping[tuple[str, str], tuple[int, Decimal]]
    months: Mapping[tuple[int, int], float]
    years: Mapping[int, float]
    comparison: Comparison
    diversification: Diversification | None
    slippage: tuple[Slippage, ...]
    charges: tuple[tuple[str, Decimal], ...]
    excursions: Mapping[str, Excursion]
    refused: tuple[RefusedOutcome, ...]
    recommendations: tuple[Recommendation, ...]
    candles: bool


def analyse(records: Records, candles: Candles | None = None) -> Analytics:
    """The analytics of a period, with what needs `candles` or without."""
    seen = candles or Candles()
    trades, capital, zone = records.trades, records.starting_capital, records.zone
    opened = records.sessions[0].opens if records.sessions else 0
    curve = returns.after_open(records.equity, opened)
    days = breakdown.days(curve, capital)
    compared = comparison(trades, [session.date for session in records.sessions], capital, records.per_year)
    refused = outcomes(seen.forwards)
    return Analytics(
        days=days,
        risk=risk(days, breakdown.daily_returns(days, capital), records.per_year),
        drawdowns=deepest([(opened, capital), *curve]),
        trading=breakdown.trading(trades, days, capital, [part for one in records.sessions for part in one.parts]),
        by_hour=grouped(trades, lambda trade: breakdown.entry_hour(trade, zone)),
        by_weekday=grouped(trades, lambda trade: breakdown.entry_weekday(trade, zone), order=breakdown.WEEKDAYS),
        by_exit_reason=grouped(trades, lambda trade: trade.exit_reason),
        hours=breakdown.by_hour_and_weekday(trades, zone),
        months=breakdown.returns_by(days, capital, lambda day: (day.year, day.month)),
        years=breakdown.returns_by(days, capital, lambda day: day.year),
        comparison=compared,
        diversification=diversification(trades, seen.returns, records.sectors),
        slippage=slippage(records.orders, seen.decided),
        charges=charges_by_kind(records.fills, records.charges, lambda at: at.astimezone(zone).date()),
        excursions=seen.excursions,
        refused=refused,
        recommendations=recommendations.recommendations(
            compared.strategies,
            refused,
            recommendations.stopped(trades, seen.excursions),
            seen.data,
            cost_pct=recommendations.round_trip_cost_pct(trades),
            sessions=len(records.sessions),
            currency=records.currency,
        ),
        candles=candles is not None,
    )


def risk(days: Sequence[Day], daily: Sequence[float], per_year: int) -> Risk:
    """The ratios of `daily` returns, those of `days`; growth and Calmar from LEAST_SESSIONS on."""
    long = len(daily) >= LEAST_SESSIONS
    rolling = returns.rolling_sharpe(daily, WINDOW, per_year)
    return Risk(
        cagr_pct=_rounded(returns.growth(daily, per_year), 100) if long else None,
        volatility_pct=_rounded(returns.volatility(daily, per_year), 100),
        sharpe=_rounded(returns.sharpe_ratio(daily, per_year)),
        sortino=_rounded(returns.sortino_ratio(daily, per_year)),
        calmar=_rounded(returns.calmar_ratio(daily, per_year)) if long else None,
        best_day=max(days, key=lambda day: day.change, default=None),
        worst_day=min(days, key=lambda day: day.change, default=None),
        rolling_sharpe=tuple(
            (day.date, _rounded(value)) for day, value in zip(days[WINDOW - 1 :], rolling, strict=False)
        ),
    )


def _rounded(value: float | None, factor: int = 1) -> float | None:
    return None if value is None else round(value * factor, PLACES)

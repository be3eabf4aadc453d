"""The analytics as JSON: the key `analytics` of the backtest's and the report's documents.

As in the other documents: money as exact strings, times in UTC, undefined numbers as null.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from livetrader.reporting.analytics import Analytics
from livetrader.reporting.breakdown import Day
from livetrader.reporting.comparison import Comparison
from livetrader.reporting.concentration import Concentration
from livetrader.reporting.diversification import Diversification
from livetrader.reporting.drawdowns import Fall
from livetrader.reporting.statistics import PLACES, Groups
from livetrader.reporting.values import Document, Json, exact, summary_json, utc


def analytics_json(found: Analytics) -> Document:
    """The document of `found`. What needs candles is empty where none were read, and `candles` says so."""
    return {
        "candles": found.candles,
        "risk": {
            "cagr_pct": found.risk.cagr_pct,
            "volatility_pct": found.risk.volatility_pct,
            "sharpe": found.risk.sharpe,
            "sortino": found.risk.sortino,
            "calmar": found.risk.calmar,
            "best_day": _day(found.risk.best_day),
            "worst_day": _day(found.risk.worst_day),
            "rolling_sharpe": [{"date": day.isoformat(), "value": value} for day, value in found.risk.rolling_sharpe],
        },
        "trading": {field.name: getattr(found.trading, field.name) for field in fields(found.trading)},
        "drawdowns": [_fall(fall) for fall in found.drawdowns],
        "days": [_day(day) for day in found.days],
        "months": [{"month": f"{year}-{month:02}", "pct": pct} for (year, month), pct in found.months.items()],
        "years": [{"year": year, "pct": pct} for year, pct in found.years.items()],
        "by_hour": _groups(found.by_hour),
        "by_weekday": _groups(found.by_weekday),
        "by_exit_reason": _groups(found.by_exit_reason),
        "strategies": _strategies(found.comparison),
        "correlations": [
            {"strategies": [left, right], "value": value} for left, right, value in found.comparison.correlations
        ],
        "diversification": _diversification(found.diversification),
        "slippage": [
            {
                "purpose": one.purpose,
                "orders": one.orders,
                "value": exact(one.value),
                "paid": exact(one.paid),
                "bps": one.bps,
            }
            for one in found.slippage
        ],
        "charges": {kind: exact(amount) for kind, amount in found.charges},
        "excursions": [
            {
                "trade_id": one.trade_id,
                "adverse_pct": one.adverse_pct,
                "favourable_pct": one.favourable_pct,
                "result_pct": one.result_pct,
                "after_pct": one.after_pct,
                "best_after_pct": one.best_after_pct,
            }
            for one in found.excursions.values()
        ],
        "refused": [
            {"rule": one.rule, "signals": one.signals, "mean_pct": one.mean_pct, "hit_rate": one.hit_rate, "t": one.t}
            for one in found.refused
        ],
        "recommendations": [
            {"kind": one.kind, "subject": one.subject, "n": one.n, "text": one.text, "numbers": dict(one.numbers)}
            for one in found.recommendations
        ],
    }


def _day(day: Day | None) -> Json:
    if day is None:
        return None
    return {"date": day.date.isoformat(), "close": exact(day.close), "change": exact(day.change), "pct": day.pct}


def _fall(fall: Fall) -> Document:
    return {
        "value": exact(fall.value),
        "pct": fall.pct,
        "from": utc(fall.peak_at),
        "to": utc(fall.trough_at),
        "recovered": None if fall.recovered_at is None else utc(fall.recovered_at),
        "duration_seconds": fall.duration_seconds,
        "recovery_seconds": fall.recovery_seconds,
    }


def _groups(groups: Groups) -> Document:
    return {name: summary_json(part) for name, part in groups}


def _strategies(compared: Comparison) -> Sequence[Json]:
    return [
        {
            "name": line.name,
            "net_pnl": exact(line.total.net_pnl),
            "return_pct": line.return_pct,
            "sharpe": line.sharpe,
            "drawdown": exact(line.drawdown),
            "daily": [exact(pnl) for pnl in line.daily],
        }
        for line in compared.strategies
    ]


def _diversification(spread: Diversification | None) -> Json:
    if spread is None:
        return None
    return {
        "level": spread.level.value,
        "by_symbol": _concentration(spread.by_symbol),
        "by_strategy": _concentration(spread.by_strategy),
        "by_sector": None if spread.by_sector is None else _concentration(spread.by_sector),
        "correlation": spread.correlation,
        "pairs": spread.pairs,
    }


def _concentration(one: Concentration) -> Document:
    return {"hhi": one.hhi, "equal_positions": round(1 / one.hhi, PLACES), "weights": dict(one.weights)}

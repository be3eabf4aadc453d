"""The JSON documents of CLI.md: keys that stay, money as exact strings, times in UTC with `Z`.

Equal inputs give byte-identical text: Decimals are written in one canonical way (no trailing zeros, no
exponent), keys in the order in which they stand here, undefined numbers as null.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from livetrader.reporting.daily import Holding, RefusedRule, Report
from livetrader.reporting.frictions import Frictions, frictions_json
from livetrader.reporting.statistics import EquityPoint, Statistics
from livetrader.reporting.values import Document, Json, exact, number, summary_json, utc

if TYPE_CHECKING:  # these come with numpy, which the report does not need
    from livetrader.domain.position import Trade
    from livetrader.domain.trades import ClosedLot
    from livetrader.ports import OrderRecord
    from livetrader.reporting.analytics import Analytics


def trade_json(trade: Trade) -> Document:
    """A trade with CLI.md's keys."""
    return {
        "trade_id": trade.trade_id,
        "session": trade.session.isoformat(),
        "strategy": trade.strategy,
        "symbol": trade.symbol,
        "side": trade.side.value,
        "quantity": exact(trade.quantity),
        "entry_at": utc(trade.entry_at),
        "entry_price": exact(trade.entry_price),
        "exit_at": utc(trade.exit_at),
        "exit_price": exact(trade.exit_price),
        "exit_reason": str(trade.exit_reason),
        "gross_pnl": exact(trade.gross_pnl),
        "charges": exact(trade.charges),
        "net_pnl": exact(trade.net_pnl),
    }


def lot_json(lot: ClosedLot) -> Document:
    """A lot that was closed; `trade_id` is that of the trade it belongs to."""
    return {
        "trade_id": lot.trade_id,
        "session": lot.session.isoformat(),
        "strategy": lot.strategy,
        "symbol": lot.symbol,
        "side": lot.side.value,
        "quantity": exact(lot.quantity),
        "opened_at": utc(lot.opened_at),
        "open_price": exact(lot.open_price),
        "closed_at": utc(lot.closed_at),
        "close_price": exact(lot.close_price),
        "holding_days": lot.holding_days,
        "gross_pnl": exact(lot.gross_pnl),
        "charges": exact(lot.charges),
        "net_pnl": exact(lot.net_pnl),
    }


def order_json(record: OrderRecord) -> Document:
    """An order with CLI.md's keys; `average_price` is null until something filled."""
    intent = record.intent
    return {
        "intent_id": intent.intent_id,
        "broker_order_id": record.broker_order_id,
        "strategy": intent.strategy,
        "symbol": intent.symbol,
        "action": intent.action.value,
        "order_type": intent.order_type.value,
        "product": intent.product.value,
        "quantity": exact(intent.quantity),
        "filled_quantity": exact(record.filled_quantity),
        "average_price": exact(record.average_price) if record.filled_quantity else None,
        "state": record.state.value,
        "reason": record.reason,
        "created_at": utc(record.created_at),
        "updated_at": utc(record.updated_at),
        "purpose": intent.purpose.value,
        "limit_price": None if intent.limit_price is None else exact(intent.limit_price),
        "trigger_price": None if intent.trigger_price is None else exact(intent.trigger_price),
        "entry_id": intent.entry_id or None,
        "algo_id": record.algo_id or None,
    }


def equity_json(points: Sequence[EquityPoint]) -> Sequence[Json]:
    return [{"at": utc(at), "value": exact(value)} for at, value in points]


def statistics_json(statistics: Statistics) -> Document:
    """The statistics: the totals' keys on top, then the curve's, then the tables by strategy and symbol."""
    fall = statistics.drawdown
    return {
        **summary_json(statistics.total),
        "return_pct": number(statistics.return_pct),
        "max_drawdown": None
        if fall is None
        else {
            "value": exact(fall.value),
            "pct": number(fall.pct),
            "from": utc(fall.peak_at),
            "to": utc(fall.trough_at),
        },
        "sharpe": number(statistics.sharpe),
        "exposure_seconds": statistics.exposure_seconds,
        "exposure_pct": number(statistics.exposure_pct),
        "by_strategy": {name: summary_json(part) for name, part in statistics.by_strategy},
        "by_symbol": {name: summary_json(part) for name, part in statistics.by_symbol},
    }


def document(
    trades: Sequence[Trade],
    equity: Sequence[EquityPoint],
    statistics: Statistics,
    *,
    config_hash: str,
    strategy_hashes: Mapping[str, str],
    data_hash: str,
    analytics: Analytics | None = None,
    frictions: Frictions | None = None,
) -> Document:
    """The document of `backtest --json` and `replay --json`; its last keys are `analytics` and `frictions`, if there
    are any."""
    return {
        "trades": [trade_json(trade) for trade in trades],
        "equity": equity_json(equity),
        "statistics": statistics_json(statistics),
        "config_hash": config_hash,
        "strategy_hashes": {name: strategy_hashes[name] for name in sorted(strategy_hashes)},
        "data_hash": data_hash,
        **_analytics(analytics),
        **_frictions(frictions),
    }


def report_json(report: Report) -> Document:
    """The document of `report --format json`: the backtest's keys, and what a day's report has besides."""
    return {
        "mode": report.mode,
        "title": report.title,
        "sessions": [session.isoformat() for session in report.sessions],
        "currency": report.currency,
        "starting_capital": exact(report.starting_capital),
        "trades": [trade_json(trade) for trade in report.trades],
        "equity": equity_json(report.equity),
        "statistics": statistics_json(report.statistics),
        "positions": [_holding_json(holding) for holding in report.holdings],
        "unknown_orders": [order_json(order) for order in report.unknown],
        "alerts": [{"key": alert.key, "text": alert.text, "since": utc(alert.since)} for alert in report.alerts],
        "refused": [_refused_json(group) for group in report.refused],
        "data": [
            {"symbol": issue.symbol, "kind": issue.kind, "count": issue.count, "text": issue.text}
            for issue in report.data
        ],
        "assumptions": list(report.assumptions),
        **({} if report.lots is None else {"lots": [lot_json(lot) for lot in report.lots]}),
        **_analytics(report.analytics),
        **_frictions(report.frictions),
    }


def _analytics(found: Analytics | None) -> dict[str, Json]:
    if found is None:
        return {}
    # Not at the top: `status` writes documents too, and has no need of the analytics.
    from livetrader.reporting.analytics_document import analytics_json

    return {"analytics": analytics_json(found)}


def _frictions(found: Frictions | None) -> dict[str, Json]:
    return {} if found is None else {"frictions": frictions_json(found)}


def render(document: Document) -> str:
    """The document as text, one row of a list a line, so that two documents can be compared with diff."""
    parts = [f"{_line(key)}: {_block(value)}" for key, value in document.items()]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _holding_json(holding: Holding) -> Document:
    held, last, stop = holding.position, holding.last_price, holding.stop
    return {
        "symbol": held.symbol,
        "side": held.side.value,
        "strategy": held.strategy,
        "quantity": exact(held.quantity),
        "average_price": exact(held.average_price),
        "opened_at": utc(held.opened_at),
        "last_price": None if last is None else exact(last),
        "stop": None if stop is None else exact(stop),
        "unrealised": None if holding.unrealised is None else exact(holding.unrealised),
    }


def _refused_json(group: RefusedRule) -> Document:
    return {
        "rule": group.rule,
        "count": group.count,
        "examples": [
            {
                "at": utc(example.at),
                "strategy": example.strategy,
                "symbol": example.symbol,
                "side": example.side,
                "reason": example.reason,
                "numbers": dict(example.numbers),
            }
            for example in group.examples
        ],
    }


def _block(value: Json) -> str:
    if not isinstance(value, list) or not value:
        return _line(value)
    return "[\n" + ",\n".join(_line(row) for row in value) + "\n]"


def _line(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)

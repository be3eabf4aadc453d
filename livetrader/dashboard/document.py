"""A frame as the JSON document of `livetrader dashboard --json`: CLI.md's keys and forms."""

from __future__ import annotations

from decimal import Decimal

from livetrader.dashboard.data import Frame, Holding
from livetrader.dashboard.gauges import Gauge
from livetrader.reporting.document import order_json, trade_json
from livetrader.reporting.values import Document, Json, exact, utc


def document(frame: Frame) -> Document:
    """Money and prices are strings, None what is not known; times are UTC."""
    status, figures, feed, run = frame.status, frame.figures, frame.feed, frame.status.last_run
    return {
        "mode": status.mode,
        "account": status.account,
        "at": utc(int(frame.at.timestamp())),
        "day": None if frame.day is None else frame.day.isoformat(),
        "exchange": {"open": frame.phase.open, "until": None if frame.phase.until is None else utc(frame.phase.until)},
        "running": status.holder is not None,
        "pid": None if status.holder is None else status.holder.pid,
        "killed_run": status.holder is None and run is not None and run.stopped_at is None,
        "decided_until": None if status.marked is None else utc(status.marked),
        "halts": [{"name": name, "reason": reason} for name, reason in frame.halts],
        "locks": [{"symbol": symbol, "reason": reason} for symbol, reason in frame.locks],
        "alerts": [{"key": one.key, "text": one.text, "since": utc(one.since)} for one in status.alerts],
        "positions": [_position(one) for one in frame.holdings],
        "orders": [order_json(one) for one in frame.orders],
        "trades": [trade_json(one) for one in frame.trades],
        "day_pnl": _money(figures.day_pnl),
        "realised": exact(figures.realised),
        "open_pnl": _money(figures.open_pnl),
        "day_drawdown": exact(figures.day_drawdown),
        "win_rate": figures.win_rate,
        "exposure": exact(figures.exposure),
        "concentration": None if figures.concentration is None else figures.concentration.value,
        "use": _use(frame),
        "feed": {
            "newest_bar": None if feed.newest is None else utc(feed.newest),
            "late": frame.late,
            "problem": feed.problem or None,
        },
        "bar_to_order_seconds": None if frame.delay is None else {"last": frame.delay.last, "most": frame.delay.most},
        "refused": dict(frame.refused),
        "failed": dict(frame.failed),
        "state": status.where,
    }


def _use(frame: Frame) -> Document:
    use, limits = frame.use, frame.limits
    return {
        "positions": use.positions,
        "max_open_positions": limits.positions,
        "trades": use.trades,
        "max_trades_per_day": limits.trades,
        "capital_pct": round(float(use.capital_pct), 2),
        "loss_pct": None if use.loss_pct is None else round(float(use.loss_pct), 4),
        "max_daily_loss_pct": None if limits.loss_pct is None else float(limits.loss_pct),
        "others": [_gauge(one) for one in frame.gauges],
    }


def _gauge(one: Gauge) -> Document:
    shown = exact if one.unit == "money" else float
    taken = None if one.taken is None else shown(round(one.taken, 4))
    return {"limit": one.name, "taken": taken, "of": shown(one.limit), "who": one.who or None}


def _position(one: Holding) -> Document:
    held = one.position
    return {
        "symbol": held.symbol,
        "side": held.side.value,
        "quantity": exact(held.quantity),
        "average_price": exact(held.average_price),
        "last": _money(one.last),
        "pnl": _money(one.pnl),
        "stop": _money(one.stop),
        "stop_quantity": _money(one.stop_quantity),
        "leaving": one.leaving,
        "to_stop_pct": None if one.room_pct is None else round(float(one.room_pct), 4),
        "to_stop_r": None if one.room_r is None else round(float(one.room_r), 4),
        "strategy": held.strategy,
        "opened_at": utc(held.opened_at),
        "charges": exact(held.charges),
    }


def _money(value: Decimal | None) -> Json:
    return None if value is None else exact(value)

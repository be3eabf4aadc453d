"""Orders in a few words, for answers to people."""

from __future__ import annotations

from livetrader.domain.order import OrderIntent
from livetrader.ports import OrderRecord


def named(intent: OrderIntent) -> str:
    """An order in a few words."""
    price = intent.limit_price or intent.trigger_price
    at = "" if price is None else f" at {price}"
    return f"{intent.action} {intent.quantity:f} {intent.symbol} {intent.order_type}{at} ({intent.intent_id})"


def told(record: OrderRecord) -> str:
    """An order and where it stands."""
    reason = f": {record.reason}" if record.reason else ""
    return f"{named(record.intent)}: {record.state}{reason}"

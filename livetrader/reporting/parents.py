"""Parent orders as `livetrader orders` shows them: with an order's keys, and what is done and left."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from livetrader.domain.order_state import OrderState
from livetrader.domain.parent import GONE, ParentRecord
from livetrader.ports import OrderRecord
from livetrader.reporting.document import order_json
from livetrader.reporting.values import Document, exact

ZERO = Decimal(0)


def parent_json(record: ParentRecord, children: Sequence[OrderRecord]) -> Document:
    """A parent, from what the journal holds of it and of its children."""
    entry, over = record.parent.entry, record.ended_at is not None
    filled = sum((one.filled_quantity for one in children), ZERO)
    value = sum((one.filled_quantity * one.average_price for one in children), ZERO)
    out = sum((_out(one) for one in children), ZERO)
    return {
        **order_json(OrderRecord(
            entry, OrderState.INTENT, None, filled, value / filled if filled else ZERO, record.reason,
            record.created_at, record.updated_at,
        )),
        "state": "OVER" if over else "UNDER_WAY",
        "purpose": "parent",
        "parent_id": None,
        "algo": record.parent.schedule.algo.value,
        "left": exact(ZERO if over else entry.quantity - out),
    }  # fmt: skip


def _out(child: OrderRecord) -> Decimal:
    """What of a child has filled, or may."""
    ended = child.state.terminal and child.state not in GONE
    return child.filled_quantity if ended else child.intent.quantity

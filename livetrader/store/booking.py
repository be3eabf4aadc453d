"""What an order becomes: pure, and the same for both journals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from livetrader.domain.order import Fill, OrderIntent
from livetrader.domain.order_state import IllegalTransition, OrderState, transition
from livetrader.errors import ReconcileMismatch
from livetrader.ports import OrderRecord

ZERO = Decimal(0)


def intended(intent: OrderIntent, at: datetime) -> OrderRecord:
    """An order that nobody was told of yet."""
    return OrderRecord(intent, OrderState.INTENT, None, ZERO, ZERO, "", at, at)


def found(intent: OrderIntent, broker_order_id: str, at: datetime) -> OrderRecord:
    """What others did at the broker to a position of ours. It was never ours to send."""
    return OrderRecord(intent, OrderState.ACKED, broker_order_id or None, ZERO, ZERO, "", at, at)


def advanced(
    record: OrderRecord, state: OrderState, at: datetime, broker_order_id: str | None, reason: str
) -> OrderRecord:
    """`record` in `state`. What is not said anew (broker's id, reason) stays. IllegalTransition otherwise."""
    return replace(
        record,
        state=transition(record.state, state),
        broker_order_id=broker_order_id or record.broker_order_id,
        reason=reason or record.reason,
        updated_at=at,
        sent_at=at if state is OrderState.SENT else record.sent_at,
    )


def amended(record: OrderRecord, intent: OrderIntent, at: datetime) -> OrderRecord:
    """`record` with the terms of `intent`: quantity, prices, reason, `amended`. All else of an intent is for ever.

    IllegalTransition for an order that has ended; ReconcileMismatch for a quantity below what has filled.
    """
    if record.state.terminal:
        raise IllegalTransition(f"an order cannot be amended in {record.state}")
    if intent.quantity < record.filled_quantity or intent.quantity <= 0:
        raise ReconcileMismatch(
            f"order {intent.intent_id} was amended to {intent.quantity} {intent.symbol} and has filled "
            f"{record.filled_quantity}: run `livetrader reconcile`"
        )
    return replace(record, intent=replace(record.intent, **terms(intent)), updated_at=at)


def terms(intent: OrderIntent) -> dict[str, Any]:
    """What a modify may change, by field."""
    return {
        "quantity": intent.quantity,
        "limit_price": intent.limit_price,
        "trigger_price": intent.trigger_price,
        "reason": intent.reason,
        "amended": intent.amended,
    }


def booked(record: OrderRecord, earlier: Iterable[Fill], fill: Fill, at: datetime) -> OrderRecord:
    """`record` with one more fill, after `earlier` ones; quantity and average price are folds over all.

    ReconcileMismatch for a fill that contradicts its intent, or makes more than was intended (invariant I1);
    IllegalTransition for one of an order that cannot have filled.
    """
    intent = record.intent
    if (fill.symbol, fill.action) != (intent.symbol, intent.action) or fill.quantity <= 0:
        raise ReconcileMismatch(
            f"fill {fill.trade_id} ({fill.action} {fill.quantity} {fill.symbol}) is not of order "
            f"{intent.intent_id} ({intent.action} {intent.quantity} {intent.symbol}): "
            "run `livetrader reconcile`"
        )
    filled, value = fill.quantity, fill.quantity * fill.price
    for other in earlier:
        filled += other.quantity
        value += other.quantity * other.price
    if filled > intent.quantity:
        raise ReconcileMismatch(
            f"order {intent.intent_id} filled {filled} of {intent.quantity} {intent.symbol} with fill "
            f"{fill.trade_id}: run `livetrader reconcile`"
        )
    return replace(
        record,
        state=_filled_state(record.state, complete=filled == intent.quantity),
        filled_quantity=filled,
        average_price=value / filled,
        updated_at=at,
    )


def _filled_state(state: OrderState, *, complete: bool) -> OrderState:
    # A broker may call an order FILLED before it has told of every fill: they complete it, and move nothing.
    if state is OrderState.FILLED:
        return state
    return transition(state, OrderState.FILLED if complete else OrderState.PARTIALLY_FILLED)


def require_same(booked_before: Fill, fill: Fill) -> None:
    """A fill that comes again must be the one that was booked; ReconcileMismatch if only its name is.

    Charges and time may be told more exactly later; what was traded may not change.
    """
    mine, again = _traded(booked_before), _traded(fill)
    if mine != again:
        raise ReconcileMismatch(
            f"{fill.broker} reports trade {fill.trade_id} as {again}, it was booked as {mine}: "
            "run `livetrader reconcile`"
        )


def _traded(fill: Fill) -> str:
    quantity, price = fill.quantity.normalize(), fill.price.normalize()
    return f"{fill.action} {quantity:f} {fill.symbol} @ {price:f} of {fill.intent_id}"


def unknown_intent(intent_id: str) -> ReconcileMismatch:
    return ReconcileMismatch(f"order {intent_id} is not in the journal: run `livetrader reconcile`")

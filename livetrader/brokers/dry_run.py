"""A venue that records and sends nothing: every order is taken down and ends there."""

from __future__ import annotations

from decimal import Decimal

from livetrader.constraints.verdict import Approved
from livetrader.domain.order import OrderIntent
from livetrader.domain.order_state import OrderState
from livetrader.ports import OrderUpdate, Outcome

REASON = "dry run: recorded, not sent"


class DryRunBroker:
    """Implements ports.Broker without a wire: it has nothing to send with."""

    name = "dry-run"

    def place(self, order: Approved) -> Outcome:  # noqa: ARG002 - the journal has recorded it already
        return Outcome(OrderState.CANCELLED, reason=REASON)

    def cancel(self, intent_id: str) -> Outcome:  # noqa: ARG002 - nothing rests here
        return Outcome(OrderState.REJECTED, reason="nothing rests at a dry-run venue")

    def updates(self, now: int) -> list[OrderUpdate]:  # noqa: ARG002 - nothing ever happens here
        return []

    def restore(self, resting: list[OrderIntent], held: dict[str, Decimal]) -> None:
        """Nothing rests here, and nothing is held."""

    def close_market(self) -> None:
        """No order waits for a price here."""

    def next_event(self, intent: OrderIntent) -> int | None:  # noqa: ARG002 - no order has a future here
        return None

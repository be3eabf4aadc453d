"""A venue that records and sends nothing: every order is taken down and ends there.

With a broker configured its real books are read, through a client that has nothing to send with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from livetrader.constraints.verdict import Approved
from livetrader.domain.books import Books, BrokerOrder, BrokerPosition, BrokerTrade
from livetrader.domain.instrument import Instrument, Product
from livetrader.domain.order import OrderIntent
from livetrader.domain.order_state import OrderState
from livetrader.ports import OrderRecord, OrderUpdate, Outcome

ZERO = Decimal(0)
REASON = "dry run: recorded, not sent"
NOTHING_RESTS = Outcome(OrderState.REJECTED, reason="nothing rests at a dry-run venue")


class Reader(Protocol):
    """What may be read of a broker. The reads raise as those of ports.Venue do."""

    visibility_seconds: float

    def orders(self) -> Sequence[BrokerOrder]: ...

    def trades(self) -> Sequence[BrokerTrade]: ...

    def positions(self) -> Sequence[BrokerPosition]: ...

    def funds(self) -> Decimal: ...

    def instruments(self) -> Sequence[Instrument]: ...


class DryRunBroker:
    """Implements ports.Broker without a wire."""

    name = "dry-run"
    visibility_seconds = 0.0

    def place(self, order: Approved) -> Outcome:  # noqa: ARG002 - the journal has recorded it already
        return Outcome(OrderState.RECORDED, reason=REASON)

    def modify(self, intent: OrderIntent) -> Outcome:  # noqa: ARG002 - as said
        return NOTHING_RESTS

    def cancel(self, intent_id: str) -> Outcome:  # noqa: ARG002 - as said
        return NOTHING_RESTS

    def updates(self, now: int) -> Sequence[OrderUpdate]:  # noqa: ARG002 - nothing ever happens here
        return ()

    def find(self, order: OrderRecord) -> Outcome:  # noqa: ARG002 - whatever it was, it was not sent
        return Outcome(OrderState.RECORDED, reason=REASON)

    def position(self, symbol: str, product: Product) -> Decimal:  # noqa: ARG002 - nothing fills here
        return ZERO


@dataclass(slots=True)
class ReadingDryRun(DryRunBroker):
    """Implements ports.BookKeeper: the books are a real broker's, and nothing in them is ours."""

    reader: Reader

    def position(self, symbol: str, product: Product) -> Decimal:
        held = (one.quantity for one in self.reader.positions() if (one.symbol, one.product) == (symbol, product))
        return sum(held, ZERO)

    def books(self) -> Books:
        reader = self.reader
        return Books(tuple(reader.orders()), tuple(reader.trades()), tuple(reader.positions()), reader.funds())

    def owner(self, order: BrokerOrder) -> str | None:  # noqa: ARG002 - a dry run has sent none of them
        return None

    def instruments(self) -> Sequence[Instrument]:
        return self.reader.instruments()

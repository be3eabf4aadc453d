"""A venue whose books the test writes, and a broker over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from livetrader.brokers.polled import PolledBroker
from livetrader.constraints.verdict import Approved
from livetrader.domain.books import BrokerOrder, BrokerPosition, BrokerTrade, Identity
from livetrader.domain.instrument import Instrument, Product
from livetrader.domain.order import Action, OrderIntent
from livetrader.domain.order_state import OrderState
from livetrader.errors import BrokerError, DataError
from livetrader.ports import OrderRecord, Outcome
from tests.unit.engine.trading_samples import at

S = OrderState
D = Decimal
T = TypeVar("T")
SENT_AT = datetime.fromtimestamp(at(1), UTC)


@dataclass
class ScriptedVenue:
    """Implements ports.Venue over books that the test writes. `answer` is given to place, whether it arrives or not."""

    identity: Identity
    answer: Outcome | None = None
    arrives: bool = True
    shown: list[BrokerOrder] = field(default_factory=list)
    done: list[BrokerTrade] = field(default_factory=list)
    told: list[BrokerOrder] = field(default_factory=list)
    held: list[BrokerPosition] = field(default_factory=list)
    error: BrokerError | None = None
    calls: list[str] = field(default_factory=list)
    name: str = "scripted"
    visibility_seconds: float = 10.0

    def place(self, order: Approved) -> Outcome:
        self.calls.append("place")
        number = f"B{len(self.shown) + 1}"
        if self.arrives:
            self.shown.append(line(order.intent, number, self.identity))
        return self.answer or Outcome(S.ACKED, number)

    def modify(self, broker_order_id: str, intent: OrderIntent) -> Outcome:
        self.calls.append(f"modify {broker_order_id} {intent.quantity}")
        return self.answer or Outcome(S.ACKED, broker_order_id)

    def cancel(self, broker_order_id: str) -> Outcome:
        self.calls.append(f"cancel {broker_order_id}")
        return self.answer or Outcome(S.CANCELLED, broker_order_id)

    def orders(self) -> Sequence[BrokerOrder]:
        return self._read(self.shown)

    def order(self, broker_order_id: str) -> BrokerOrder:
        for one in self._read(self.told):
            if one.broker_order_id == broker_order_id:
                return one
        raise DataError("not known")

    def instruments(self) -> Sequence[Instrument]:
        return self._read([Instrument("INFY")])

    def trades(self) -> Sequence[BrokerTrade]:
        return self._read(self.done)

    def positions(self) -> Sequence[BrokerPosition]:
        return self._read(self.held)

    def funds(self) -> Decimal:
        return D(1000)

    def _read(self, book: list[T]) -> list[T]:
        if self.error is not None:
            raise self.error
        return list(book)

    def say(self, number: str, **changes: object) -> None:
        """The order book now shows the order so."""
        self.shown = [replace(o, **changes) if o.broker_order_id == number else o for o in self.shown]  # type: ignore[arg-type]

    def trade(self, number: str, trade_id: str, quantity: str, charges: str | None = "1") -> None:
        paid = None if charges is None else D(charges)
        self.done.append(
            BrokerTrade(trade_id, number, "A", Action.BUY, Product.MIS, D(quantity), D(100), paid, SENT_AT)
        )


def line(order: OrderIntent, number: str, identity: Identity, after: float = 0.2) -> BrokerOrder:
    """The order-book line of an order that works."""
    tag = "" if identity.by_fingerprint else order.intent_id
    return BrokerOrder(
        number, tag, order.symbol, order.action, order.product, order.order_type, order.quantity, D(0), D(0), S.ACKED,
        SENT_AT + timedelta(seconds=after),
    )  # fmt: skip


def broker(identity: Identity = Identity.TAG, **more: object) -> tuple[PolledBroker, ScriptedVenue]:
    venue = ScriptedVenue(identity, **more)  # type: ignore[arg-type]
    return PolledBroker(venue, lambda trade: trade.quantity * D("0.5")), venue


def record(order: OrderIntent, state: OrderState = S.UNKNOWN, number: str | None = None) -> OrderRecord:
    return OrderRecord(order, state, number, D(0), D(0), "", SENT_AT, SENT_AT, sent_at=SENT_AT)

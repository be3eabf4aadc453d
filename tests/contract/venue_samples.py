"""What the contracts of all venues have in common: the faults that strike a call, and the calls that they strike."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from livetrader.brokers.loopback.faults import GARBLED, ORDER_CALLS, STRIKES, Fault, Strike
from livetrader.brokers.loopback.listener import Listener
from livetrader.domain.order import OrderType
from livetrader.market.clock import SystemClock
from livetrader.ports import Outcome, Venue
from tests.unit.brokers.loopback.loopback_samples import approved, intent

RESTING = {"order_type": OrderType.LIMIT, "limit_price": Decimal(990)}


def strikes(operations: tuple[str, ...]) -> list[Any]:
    """Every fault on every operation that it can strike, a garbled answer both after doing and not."""
    return [
        pytest.param(operation, Strike(fault, accepted, seconds), id=f"{operation}-{fault}{'-done' * accepted}")
        for operation in operations
        for fault in Fault
        if operation in STRIKES[fault]
        for accepted in ((False, True) if fault in GARBLED and operation in ORDER_CALLS else (False,))
        for seconds in [0.01 if fault is Fault.SLOW else None]
    ]


def ask(venue: Venue, operation: str, order_id: str) -> Outcome:
    if operation == "place":
        return venue.place(approved("new"))
    if operation == "modify":
        return venue.modify(order_id, intent("old", 7, **RESTING))
    return venue.cancel(order_id)


def reopen(server: Listener) -> None:
    while not server.listening:
        server.accept()
        SystemClock().sleep(0.005)

"""What the fault simulation reckons for itself, apart from the engine."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from livetrader.domain.books import BrokerTrade
from livetrader.domain.instrument import Product
from livetrader.domain.order import Action, Fill
from livetrader.faultsim.protected import _openers

D = Decimal


def when(minute: int) -> datetime:
    return datetime(2026, 2, 2, 4, minute, tzinfo=UTC)


def trade(name: str, minute: int, quantity: int, order_id: str = "1") -> BrokerTrade:
    action = Action.BUY if quantity > 0 else Action.SELL
    return BrokerTrade(name, order_id, "A", action, Product.MIS, D(abs(quantity)), D(100), D(0), when(minute))


def by_hand(minute: int, quantity: int) -> Fill:
    """What people did to a position of ours, as the engine has booked it."""
    action = Action.BUY if quantity > 0 else Action.SELL
    return Fill("loopback:hand", "hand", "hand", "A", action, D(abs(quantity)), D(100), D(0), when(minute))


def account(trades: list[BrokerTrade], hand: list[Fill]) -> Any:
    """Order 1 is ours, order 2 is other people's."""
    tags = {"1": "intent", "2": ""}
    orders = {name: SimpleNamespace(order_id=name, ticket=SimpleNamespace(tag=tag)) for name, tag in tags.items()}
    exchange = SimpleNamespace(orders=orders, trades=trades)
    journal = SimpleNamespace(fills=lambda: hand)
    return SimpleNamespace(exchange=exchange, journal=journal, broker=SimpleNamespace(name="loopback"))


@pytest.mark.parametrize(
    ("trades", "hand", "openers"),
    [
        ([trade("a", 1, 5), trade("b", 2, 5), trade("c", 3, -10), trade("d", 3, -4)], [], ["a", "d"]),
        ([trade("a", 1, 5), trade("b", 2, -5, "2"), trade("c", 9, -4)], [by_hand(3, -5)], ["a", "c"]),
        ([trade("a", 1, 5), trade("b", 2, -2, "2"), trade("c", 9, 4)], [by_hand(3, -2)], ["a"]),
        ([trade("a", 1, 5), trade("b", 2, -8), trade("c", 3, 3)], [], ["a", "b"]),
    ],
    ids=["closed by an order of ours", "closed by hand", "some of it sold by hand", "turned round"],
)
def test_a_position_begins_where_nothing_was_held(
    trades: list[BrokerTrade], hand: list[Fill], openers: list[str]
) -> None:
    """One that people closed is over: the stop of the next is reckoned from the next one's own first trade."""
    assert [one.trade_id for one in _openers(account(trades, hand), "A")] == openers

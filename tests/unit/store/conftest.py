"""A state on disk, and orders to put into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from livetrader.domain.instrument import Product
from livetrader.domain.order import Action, Fill, OrderIntent, OrderType, Purpose
from livetrader.domain.signal import Side
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal
from tests.databases import empty

OrderMaker = Callable[..., OrderIntent]
FillMaker = Callable[..., Fill]


@pytest.fixture
def at() -> datetime:
    return datetime(2026, 2, 2, 4, 0, tzinfo=UTC)


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path, new_postgres: Callable[[str], str]) -> str:
    """A place for a state: in SQLite, or where tests/databases.py says so in another one."""
    return empty(getattr(request, "param", "sqlite"), tmp_path, new_postgres)


@pytest.fixture
def journal(url: str) -> Iterator[SqlJournal]:
    opened = SqlJournal(open_state(url, "paper", "main"))
    yield opened
    opened.close()


@pytest.fixture
def order() -> OrderMaker:
    def make(name: str, action: Action = Action.BUY, quantity: str = "10", symbol: str = "INFY") -> OrderIntent:
        return OrderIntent(
            intent_id=name,
            account="main",
            strategy="momentum_long",
            symbol=symbol,
            side=Side.LONG,
            action=action,
            purpose=Purpose.ENTRY if action is Action.BUY else Purpose.EXIT,
            product=Product.MIS,
            order_type=OrderType.MARKET,
            quantity=Decimal(quantity),
            price=Decimal(100),
            as_of=1000,
            reason="" if action is Action.BUY else "target",
        )

    return make


@pytest.fixture
def fill(at: datetime) -> FillMaker:
    def make(of: OrderIntent, price: str = "100") -> Fill:
        name = f"trade-of-{of.intent_id}"
        return Fill("sim", name, of.intent_id, of.symbol, of.action, of.quantity, Decimal(price), Decimal(1), at)

    return make

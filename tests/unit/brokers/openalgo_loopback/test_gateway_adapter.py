"""Our own adapter at the loopback OpenAlgo, over real sockets, in both modes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal

import pytest

from livetrader.brokers.openalgo.client import OpenAlgoClient
from livetrader.brokers.permit import LivePermit
from livetrader.domain.instrument import Product
from livetrader.domain.order import OrderType
from livetrader.domain.order_state import OrderState
from tests.unit.brokers.loopback.loopback_samples import approved, intent
from tests.unit.brokers.openalgo_loopback.gateway_samples import KEY, Bench, bench

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
S = OrderState
RESTING = {"order_type": OrderType.LIMIT, "limit_price": Decimal(1400), "product": Product.CNC}


@pytest.fixture
def b() -> Iterator[Bench]:
    yield from bench()


@pytest.mark.parametrize("mode", ["live", "analyze"])
def test_the_adapter_trades_and_reads_and_never_closes_everything(b: Bench, mode: str) -> None:
    b.switch(mode=mode)
    with closing(OpenAlgoClient(b.server.url, lambda: KEY, b.clock, LivePermit("live"), expect=mode)) as client:
        assert client.place(approved("filled", product=Product.CNC)).state is S.ACKED
        resting = client.place(approved("resting", **RESTING)).broker_order_id
        assert resting is not None
        assert client.modify(resting, intent("resting", 7, **RESTING)).state is S.ACKED
        assert client.cancel(resting).state is S.ACKED
        b.clock.sleep(client.visibility_seconds)
        found = {order.broker_order_id: order for order in client.orders()}
        assert (found[resting].state, found[resting].quantity) == (S.CANCELLED, 7)
        assert sum(order.filled_quantity for order in found.values()) == 10
        assert [(trade.quantity, trade.price) for trade in client.trades()] == [(10, 1500)]
        assert [(held.symbol, held.quantity) for held in client.positions()] == [("INFY", 10)]
        assert client.funds() == (985_000 if mode == "live" else 9_985_000)
        assert "INFY" in {listed.symbol for listed in client.instruments()}
        assert client.quotes(["INFY"])["INFY"].price == 1500
    assert not {"cancelallorder", "closeposition"} & b.state()["requests"].keys()

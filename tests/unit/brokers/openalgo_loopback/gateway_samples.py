"""A loopback OpenAlgo with a few listings, for the tests of its parts and for its fidelity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx

from livetrader.brokers.loopback.exchange import Exchange
from livetrader.brokers.loopback.faults import Fault, Line, Strike
from livetrader.brokers.openalgo.loopback.market import Candle
from livetrader.brokers.openalgo.loopback.server import BROKER, OpenAlgoServer, broker_number
from livetrader.domain.instrument import Instrument
from livetrader.market.clock import VirtualClock
from livetrader.market.nse import IST
from tests.threads import PATIENCE

KEY = "c0ffee" * 10
START = datetime(2026, 11, 20, 11, 3, tzinfo=IST).timestamp()  # a Friday, the exchange is open
PRICES = {"RELIANCE": 1400, "INFY": 1500, "TCS": 3100, "SBIN": 800, "NIFTY29DEC26FUT": 26100}
OPTIONS = {"NIFTY29DEC2626000CE": 400, "NIFTY29DEC2626000PE": 380}
LOT = Decimal(75)
INSTRUMENTS = {
    **{symbol: Instrument(symbol) for symbol in ("RELIANCE", "INFY", "TCS", "SBIN")},
    **{symbol: Instrument(symbol, lot=LOT, freeze_quantity=Decimal(1800)) for symbol in ("NIFTY29DEC26FUT", *OPTIONS)},
}


@dataclass
class Bench:
    """A server, and a client that has its key."""

    server: OpenAlgoServer
    exchange: Exchange
    line: Line
    http: httpx.Client

    @property
    def clock(self) -> VirtualClock:
        assert isinstance(self.exchange.clock, VirtualClock)
        return self.exchange.clock

    def post(self, path: str, **asked: Any) -> httpx.Response:
        body = {"apikey": KEY, **asked}
        return self.http.post(f"{self.server.url}/api/v1/{path}", json=body)

    def get(self, path: str, **asked: Any) -> httpx.Response:
        query = {"apikey": KEY, **asked}
        return self.http.get(f"{self.server.url}/api/v1/{path}", params=query)

    def data(self, path: str, **asked: Any) -> Any:
        """`data` of an answer that has to be a success."""
        answer = self.post(path, **asked)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def place(self, symbol: str = "RELIANCE", action: str = "BUY", **changes: Any) -> httpx.Response:
        order = {"strategy": "s", "symbol": symbol, "exchange": "NSE", "action": action, "quantity": 10}
        return self.post("placeorder", **{**order, "pricetype": "MARKET", "product": "CNC", **changes})

    def placed(self, symbol: str = "RELIANCE", action: str = "BUY", **changes: Any) -> str:
        """The id of an order that has to be taken."""
        answer = self.place(symbol, action, **changes)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["orderid"])

    def control(self, name: str, **asked: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.server.control_token}"}
        return self.http.post(f"{self.server.url}/control/{name}", json=asked, headers=headers)

    def switch(self, **switches: Any) -> None:
        answer = self.control("switch", **switches)
        assert answer.json() == {"ok": True}, answer.text

    def state(self) -> Any:
        headers = {"Authorization": f"Bearer {self.server.control_token}"}
        return self.http.get(f"{self.server.url}/control/state", headers=headers).json()

    def strike(self, operation: str, fault: Fault, **how: Any) -> None:
        """Let a fault hit the next call of `operation`."""
        self.line.add([(operation, self.line.calls[operation] + 1, Strike(fault, **how))])

    def quote(self, symbol: str, price: float) -> None:
        with self.server.front.lock:
            self.exchange.quote(symbol, price)


def bench(start: float = START, **options: Any) -> Iterator[Bench]:
    """A server that runs while the generator waits; everything listed has been quoted once."""
    clock = VirtualClock(start)
    exchange = Exchange(BROKER, clock, INSTRUMENTS, Decimal(1_000_000), number=broker_number)
    line = Line(clock)
    with (
        OpenAlgoServer(exchange, line, key=KEY, **options).running() as server,
        httpx.Client(trust_env=False, timeout=PATIENCE) as http,
    ):
        made = Bench(server, exchange, line, http)
        for symbol, price in {**PRICES, **OPTIONS}.items():
            made.quote(symbol, price)
        yield made


def bars(first: date, last: date, price: float = 1380.0) -> list[Candle]:
    """The minutes of the weekdays from `first` to `last`, each a paisa above the one before."""
    found = []
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        day = date.fromordinal(ordinal)
        if day.weekday() < 5:
            opens = int(datetime(day.year, day.month, day.day, 3, 45, tzinfo=UTC).timestamp())
            for minute in range(375):
                at, high, low, close = (round(price + minute / 100 + step, 2) for step in (0.0, 0.05, -0.05, 0.01))
                found.append(Candle(opens + 60 * minute, at, high, low, close, 100))
    return found

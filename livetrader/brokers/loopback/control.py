"""The world outside the account, over HTTP: prices, time, people and faults. For whoever runs a test, not for clients.

POST /control/NAME with a JSON object, every answer is {"ok": true} or an error:

    quote       symbol, price (number or string), at (epoch seconds, or null for now)
    time        now: a virtual clock moves there
    trade       symbol, quantity (signed), product, price (or null for the last): somebody else trades
    cancel      order_id: somebody else cancels
    withdraw    amount
    end_of_day  square_off (true or false)
    relist      symbol, tick, lot, freeze_quantity (or null), band ([low, high] or null): listed so from now on
    halt        symbol, on (true or false): nothing in it trades
    split       symbol, ratio: over night each share becomes so many
    faults      script: a list of {operation, nth, fault, accepted, seconds, price}; nth counts from the start
    begin       fault, seconds (or null for ever): a lasting fault, from now on
    heal        no more faults
    refuse      seconds: connections are refused for so long, in real time

GET /control/state: {now, cash, calls: {operation: n}, orders: [...]}, the orders with their true tags.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from livetrader.brokers.loopback import wire
from livetrader.brokers.loopback.exchange import Exchange
from livetrader.brokers.loopback.faults import Fault, Line, Strike
from livetrader.domain.instrument import Instrument, Product
from livetrader.market.clock import VirtualClock


class Control:
    """Turns requests into calls of `exchange` and `line`. Raises Unreadable, Rejected, ValueError, and
    KeyError or AttributeError for what is not there."""

    def __init__(self, exchange: Exchange, line: Line) -> None:
        self.exchange = exchange
        self.line = line
        self._orders: Mapping[str, Callable[[Any], object]] = {
            "quote": self._quote,
            "time": self._time,
            "trade": self._trade,
            "cancel": lambda asked: exchange.manual_cancel(wire.name(wire.member(asked, "order_id"))),
            "withdraw": lambda asked: exchange.withdraw(wire.decimal(wire.member(asked, "amount"))),
            "end_of_day": lambda asked: exchange.end_of_day(square_off=wire.boolean(wire.member(asked, "square_off"))),
            "relist": lambda asked: exchange.relist(wire.record(Instrument, wire.INSTRUMENT, asked)),
            "halt": lambda asked: exchange.halt(
                wire.name(wire.member(asked, "symbol")), on=wire.boolean(wire.member(asked, "on"))
            ),
            "split": lambda asked: exchange.split(
                wire.name(wire.member(asked, "symbol")), wire.decimal(wire.member(asked, "ratio"))
            ),
            "faults": self._faults,
            "begin": lambda asked: line.begin(_strike(asked)),
            "heal": lambda _asked: line.heal(),
        }

    def act(self, name: str, asked: Any) -> None:
        if name not in self._orders:
            raise wire.Unreadable(f"{name!r} is none of {', '.join(self._orders)}")
        self._orders[name](asked)

    def state(self) -> dict[str, Any]:
        """What is really there, whatever the profile shows."""
        orders = self.exchange.orders.values()
        return {
            "now": self.exchange.clock.now(),
            "cash": str(self.exchange.account.cash),
            "calls": dict(self.line.calls),
            "orders": [
                {
                    "order_id": order.order_id,
                    "state": order.state,
                    "filled": str(order.filled),
                    "ticket": wire.plain(order.ticket),
                }
                for order in orders
            ],
        }

    def _quote(self, asked: Any) -> None:
        price, at = wire.member(asked, "price"), asked.get("at")
        value: Decimal | float = wire.decimal(price) if isinstance(price, str) else wire.real(price)
        self.exchange.quote(wire.name(wire.member(asked, "symbol")), value, None if at is None else wire.real(at))

    def _time(self, asked: Any) -> None:
        clock = self.exchange.clock
        if not isinstance(clock, VirtualClock):
            raise ValueError("the server runs on the system's clock: start it with --start to move its time")
        clock.advance_to(wire.real(wire.member(asked, "now")))

    def _trade(self, asked: Any) -> None:
        price = asked.get("price") if isinstance(asked, dict) else None
        self.exchange.manual_trade(
            wire.name(wire.member(asked, "symbol")),
            wire.decimal(wire.member(asked, "quantity")),
            wire.one_of(Product)(wire.member(asked, "product")),
            None if price is None else wire.decimal(price),
        )

    def _faults(self, asked: Any) -> None:
        script = wire.member(asked, "script")
        if not isinstance(script, list):
            raise wire.Unreadable("'script' is no list")
        self.line.add(
            (wire.name(wire.member(entry, "operation")), int(wire.real(wire.member(entry, "nth"))), _strike(entry))
            for entry in script
        )


def _strike(asked: Any) -> Strike:
    fault = wire.one_of(Fault)(wire.member(asked, "fault"))
    if fault is Fault.REFUSED:
        raise ValueError("a server cannot refuse a connection that it has: use /control/refuse")
    seconds = asked.get("seconds")
    return Strike(
        fault,
        accepted=wire.boolean(asked.get("accepted", False)),
        seconds=None if seconds is None else wire.real(seconds),
        price=wire.real(asked.get("price", 0.0)),
    )

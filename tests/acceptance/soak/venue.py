"""A broker that outlives the traders: the loopback venue behind HTTP, with prices that move within each bar.

It takes a second order of the same tag for another one, as Kite does: a doubled order is there twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from threading import Thread

from livetrader.brokers.loopback.exchange import Exchange
from livetrader.brokers.loopback.faults import Line
from livetrader.brokers.loopback.front import Front
from livetrader.brokers.loopback.listener import Listener
from livetrader.brokers.loopback.profiles import TAG_SCAN
from livetrader.domain.candles import CandleColumns
from livetrader.domain.costs import charge_table
from livetrader.domain.instrument import Instrument
from livetrader.domain.session import Session
from tests.acceptance.soak.clock import SharedClock

# Seconds after a bar's open, and which of its prices is traded then; a rising bar sees its low before its high.
MOMENTS = {0: "open", 60: "first", 150: "second", 240: "close"}


class Venue:
    """The exchange, its server and the day that it trades. `close` it."""

    def __init__(self, clock: SharedClock, symbols: Sequence[str], session: Session, cash: Decimal) -> None:
        table, day = charge_table("nse_intraday"), session.date
        self.exchange = Exchange(
            TAG_SCAN, clock, {symbol: Instrument(symbol) for symbol in symbols}, cash,
            charges=lambda action, quantity, price: table.charges(action, quantity, price, day).total,
        )  # fmt: skip
        self.front = Front(self.exchange, Line(clock))
        self._server = Listener(self.front)
        self._thread = Thread(target=self._server.serve, daemon=True)
        self._thread.start()
        self.url = self._server.url

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def quote(self, bars: CandleColumns, moment: str) -> None:
        """All symbols of `bars` trade at their prices of that moment."""
        first_low = bars.close >= bars.open
        prices = {
            "open": bars.open, "close": bars.close,
            "first": (first_low * bars.low) + (~first_low * bars.high),
            "second": (first_low * bars.high) + (~first_low * bars.low),
        }[moment].tolist()  # fmt: skip
        with self.front.lock:
            for symbol, price in zip(bars.symbols, prices, strict=True):
                if symbol in self.exchange.instruments:
                    self.exchange.quote(symbol, price)

    def end_of_day(self) -> None:
        with self.front.lock:
            self.exchange.end_of_day()

    def doubled(self) -> list[str]:
        """The identities that more than one order carries (I1: none)."""
        counts = Counter(order.ticket.tag for order in self.exchange.orders.values())
        return [tag for tag, count in counts.items() if count > 1]

    def filled(self) -> dict[str, Decimal]:
        """What each order has filled, by its identity."""
        return {order.ticket.tag: order.filled for order in self.exchange.orders.values() if order.filled}

    def held(self) -> dict[str, Decimal]:
        """What is not flat."""
        return {symbol: one.quantity for (symbol, _), one in self.exchange.account.held.items() if one.quantity}

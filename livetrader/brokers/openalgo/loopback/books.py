"""Today's books of an exchange, as lines that a fault may have been at; the modes make their rows of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from livetrader.brokers.loopback.answers import Answers
from livetrader.brokers.loopback.exchange import Exchange
from livetrader.brokers.loopback.faults import Strike
from livetrader.brokers.loopback.rules import ZERO
from livetrader.brokers.openalgo.loopback.market import Market
from livetrader.brokers.openalgo.loopback.switches import Switches
from livetrader.domain.books import BrokerOrder, BrokerTrade
from livetrader.domain.instrument import Product
from livetrader.market.nse import IST
from livetrader.ports import wall_time

NEW_DAY = timedelta(hours=3)  # exchange time at which yesterday's books are gone
FUTURES_SHARE, INTRADAY_SHARE = 10, 5


@dataclass(frozen=True, slots=True)
class Day:
    """What a day has made of a symbol in a product. `quantity` and `opening` are signed; `paid` is today's cash.

    Shares for delivery are counted from the day's beginning: those of yesterday are holdings.
    """

    symbol: str
    product: Product
    quantity: Decimal
    average_price: Decimal
    opening: Decimal
    paid: Decimal
    last: Decimal
    traded: bool

    @property
    def unrealized(self) -> Decimal:
        return self.quantity * (self.last - self.average_price)

    @property
    def pnl(self) -> Decimal:
        """Of today, and of what was carried into it."""
        carried = ZERO if self.product is Product.CNC else self.opening * self.average_price
        return self.paid - carried + self.quantity * self.last


@dataclass(frozen=True, slots=True)
class Holding:
    """Shares for delivery that were there before today."""

    symbol: str
    quantity: Decimal
    average_price: Decimal
    last: Decimal


class Books:
    """The books of today, which begins at 03:00 exchange time. Whatever is hidden by a lag is in none of them."""

    def __init__(self, exchange: Exchange, switches: Switches, market: Market) -> None:
        self._exchange = exchange
        self._switches = switches
        self._market = market
        self._answers = Answers()

    def orders(self, strike: Strike | None) -> tuple[BrokerOrder, ...]:
        """Today's orders in the order in which they were placed, as a fault leaves them."""
        since = self._day_start()
        today = tuple(line for line in self._exchange.order_book() if line.placed_at >= since)
        return self._answers.give("orders", strike, today)

    def trades(self, strike: Strike | None) -> tuple[BrokerTrade, ...]:
        return self._answers.give("trades", strike, self._trades())

    def days(self, strike: Strike | None) -> tuple[Day, ...]:
        """What is held or was traded today; flat ones too."""
        truth = tuple(day for day in self._days() if day.traded or day.product is not Product.CNC)
        return self._answers.give("positions", strike, truth)

    def holdings(self, strike: Strike | None, *, shrink: bool) -> tuple[Holding, ...]:
        """Shares for delivery that were there before today: with `shrink` without those that were sold since."""
        found = []
        for day in self._days():
            left = day.opening + min(day.quantity, ZERO) if shrink else day.opening
            if day.product is Product.CNC and left:
                average = self._exchange.account.held[day.symbol, day.product].average_price
                found.append(Holding(day.symbol, left, average, day.last))
        return self._answers.give("holdings", strike, tuple(found))

    def delivery(self, symbol: str) -> tuple[Decimal, Decimal]:
        """The shares of a symbol that were bought today, net, and those that were there before."""
        found = (day for day in self._days() if (day.symbol, day.product) == (symbol, Product.CNC))
        return next(((day.quantity, day.opening) for day in found), (ZERO, ZERO))

    def available(self, strike: Strike | None) -> Decimal:
        """The cash; with blocked margins, less what positions tie up, instead of what they cost."""
        cash = self._exchange.funds()
        if self._switches.margins_blocked:
            for line in self._exchange.position_book():
                value = line.quantity * line.average_price
                cash += value - margin(line.symbol, line.product, abs(value))
        return self._answers.give("funds", strike, cash)

    def _days(self) -> list[Day]:
        held = {(line.symbol, line.product): line for line in self._exchange.position_book()}
        traded: dict[tuple[str, Product], list[BrokerTrade]] = {key: [] for key in held}
        for trade in self._trades():
            traded.setdefault((trade.symbol, trade.product), []).append(trade)
        found = []
        for (symbol, product), trades in traded.items():
            line = held.get((symbol, product))
            today = sum((trade.action.sign * trade.quantity for trade in trades), ZERO)
            paid = -sum((trade.action.sign * trade.quantity * trade.price for trade in trades), ZERO)
            quantity, average = (ZERO, ZERO) if line is None else (line.quantity, line.average_price)
            opening = quantity - today
            if product is Product.CNC and opening:
                quantity, average = today, _average(trades, today)
            last = Decimal(str(self._market.price(symbol)))
            found.append(Day(symbol, product, quantity, average, opening, paid, last, traded=bool(trades)))
        return found

    def _trades(self) -> tuple[BrokerTrade, ...]:
        since = self._day_start()
        return tuple(trade for trade in self._exchange.trade_book() if trade.traded_at >= since)

    def _day_start(self) -> datetime:
        local = wall_time(self._exchange.clock).astimezone(IST)
        return (datetime.combine((local - NEW_DAY).date(), time(), IST) + NEW_DAY).astimezone(UTC)


def _average(trades: list[BrokerTrade], net: Decimal) -> Decimal:
    """The average price of the side that has won; 0 where none has."""
    side = [trade for trade in trades if trade.action.sign * net > 0]
    quantity = sum((trade.quantity for trade in side), ZERO)
    return sum((trade.quantity * trade.price for trade in side), ZERO) / quantity if quantity else ZERO


def margin(symbol: str, product: Product, value: Decimal) -> Decimal:
    """What a position of that value ties up."""
    if product is Product.MIS:
        return value / INTRADAY_SHARE
    return value / FUTURES_SHARE if symbol.endswith("FUT") else value

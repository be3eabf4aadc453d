"""An account behind the gateway: what both modes answer alike to the calls that are about orders and books."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from livetrader.brokers.loopback.exchange import Exchange
from livetrader.brokers.loopback.faults import Strike
from livetrader.brokers.loopback.matching import Order
from livetrader.brokers.loopback.rules import LIMITED, TRIGGERED, ZERO, Ticket
from livetrader.brokers.openalgo.loopback.books import Books, Day, Holding
from livetrader.brokers.openalgo.loopback.contracts import Contracts, number
from livetrader.brokers.openalgo.loopback.market import Market
from livetrader.brokers.openalgo.loopback.switches import Mode, Switches
from livetrader.domain.books import BrokerOrder, BrokerTrade
from livetrader.domain.instrument import Product
from livetrader.domain.order import Action, OrderType
from livetrader.domain.order_state import OrderState
from livetrader.market.nse import IST

UNEXPECTED = "An unexpected error occurred"
Row = dict[str, Any]
Asked = Mapping[str, Any]
STATUSES: Mapping[OrderState, str] = {
    OrderState.ACKED: "open",
    OrderState.PARTIALLY_FILLED: "open",
    OrderState.FILLED: "complete",
    OrderState.REJECTED: "rejected",
    OrderState.CANCELLED: "cancelled",
    OrderState.EXPIRED: "cancelled",
}


class Refusal(Exception):
    """An error that the gateway answers: its HTTP status, its message, and whatever else is in its body."""

    def __init__(self, status: int, message: Any, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.more = more


class Account(ABC):
    """One method for each endpoint: it takes the request's values and a fault, and returns the answer's members.

    Raises Refusal.
    """

    mode: Mode
    holdings_shrink: bool
    """Whether shares that are sold leave the holdings at once, or only when they are settled."""

    def __init__(self, exchange: Exchange, switches: Switches, market: Market, contracts: Contracts) -> None:
        self.exchange = exchange
        self.books = Books(exchange, switches, market)
        self._switches = switches
        self._market = market
        self._contracts = contracts

    @abstractmethod
    def place(self, asked: Asked, strike: Strike | None) -> Row: ...

    @abstractmethod
    def modify(self, asked: Asked, strike: Strike | None) -> Row: ...

    @abstractmethod
    def cancel(self, asked: Asked, strike: Strike | None) -> Row: ...

    @abstractmethod
    def cancel_all(self, asked: Asked, strike: Strike | None) -> Row: ...

    @abstractmethod
    def close_positions(self, asked: Asked, strike: Strike | None) -> Row: ...

    @abstractmethod
    def order_status(self, asked: Asked, strike: Strike | None) -> Row: ...

    @abstractmethod
    def order_rows(self, strike: Strike | None) -> list[Row]: ...

    @abstractmethod
    def funds(self, asked: Asked, strike: Strike | None) -> Row: ...

    def order_book(self, _asked: Asked, strike: Strike | None) -> Row:
        rows = self.order_rows(strike)
        return {"data": {"orders": rows, "statistics": self.statistics(rows)}}

    def trade_book(self, _asked: Asked, strike: Strike | None) -> Row:
        return {"data": [self.trade_row(trade) for trade in self.books.trades(strike)]}

    def position_book(self, _asked: Asked, strike: Strike | None) -> Row:
        return {"data": [self.position_row(day) for day in self.books.days(strike)]}

    def open_position(self, asked: Asked, strike: Strike | None) -> Row:
        wanted = asked["symbol"], asked["product"]
        days = self.books.days(strike)
        return {"quantity": self.signed(sum((d.quantity for d in days if (d.symbol, d.product) == wanted), ZERO))}

    def holding_book(self, _asked: Asked, strike: Strike | None) -> Row:
        found = self.books.holdings(strike, shrink=self.holdings_shrink)
        cost = sum((line.quantity * line.average_price for line in found), ZERO)
        value = sum((line.quantity * line.last for line in found), ZERO)
        statistics = {
            "totalholdingvalue": money(value),
            "totalinvvalue": money(cost),
            "totalprofitandloss": money(value - cost),
            "totalpnlpercentage": percentage(value - cost, cost),
        }
        return {"data": {"holdings": [self.holding_row(line) for line in found], "statistics": statistics}}

    # What the modes' answers are made of.

    def ticket(self, asked: Asked) -> Ticket:
        """The order of a placeorder, under its strategy as its tag. Prices that its type does not use are dropped."""
        kind = OrderType(asked["pricetype"])
        return Ticket(
            asked["strategy"],
            asked["symbol"],
            Action(asked["action"].upper()),
            Product(asked["product"]),
            kind,
            asked["quantity"],
            *_prices(kind, asked),
        )

    def amend(self, order: Order, asked: Asked) -> None:
        """Give a working order its new terms. Raises Rejected."""
        self.exchange.amend(order.order_id, asked["quantity"], *_prices(order.ticket.order_type, asked))

    def close_all(self, strategy: str) -> int:
        """Square off every position at the market. Returns how many there were."""
        found = self.exchange.position_book()
        for line in found:
            action = Action.SELL if line.quantity > 0 else Action.BUY
            ticket = Ticket(strategy, line.symbol, action, line.product, OrderType.MARKET, abs(line.quantity))
            self.exchange.submit(ticket)
        return len(found)

    def status(self, order: Order, state: OrderState) -> str:
        """What the order is called in that state, which a book may show late."""
        waiting = order.ticket.order_type in TRIGGERED and not order.triggered and not state.terminal
        return "trigger pending" if waiting else STATUSES[state]

    def statistics(self, rows: list[Row]) -> Row:
        statuses = [row["order_status"] for row in rows]
        actions = [row["action"] for row in rows]
        return {
            "total_buy_orders": actions.count("BUY"),
            "total_sell_orders": actions.count("SELL"),
            "total_completed_orders": statuses.count("complete"),
            "total_open_orders": statuses.count("open"),
            "total_rejected_orders": statuses.count("rejected"),
        }

    def order_row(self, line: BrokerOrder, status: str, price: float) -> Row:
        return {
            "action": line.action.value,
            "exchange": self._contracts.exchange(line.symbol),
            "order_status": status,
            "orderid": line.broker_order_id,
            "price": price,
            "pricetype": line.order_type.value,
            "product": line.product.value,
            "quantity": number(line.quantity),
            "symbol": self.shown(line.symbol),
            "timestamp": moment(line.placed_at),
            "trigger_price": money(line.trigger_price or ZERO),
        }

    def trade_row(self, trade: BrokerTrade) -> Row:
        return {
            "action": trade.action.value,
            "average_price": float(trade.price),
            "exchange": self._contracts.exchange(trade.symbol),
            "orderid": trade.broker_order_id,
            "product": trade.product.value,
            "quantity": number(trade.quantity),
            "symbol": self.shown(trade.symbol),
            "timestamp": moment(trade.traded_at),
            "trade_value": money(trade.quantity * trade.price),
        }

    def position_row(self, day: Day) -> Row:
        average = day.average_price if day.quantity else ZERO
        return {
            "average_price": f"{average:.2f}",
            "exchange": self._contracts.exchange(day.symbol),
            "ltp": float(day.last),
            "pnl": money(day.pnl),
            "product": day.product.value,
            "quantity": self.signed(day.quantity),
            "symbol": self.shown(day.symbol),
        }

    def holding_row(self, line: Holding) -> Row:
        cost, value = line.quantity * line.average_price, line.quantity * line.last
        return {
            "symbol": self.shown(line.symbol),
            "exchange": self._contracts.exchange(line.symbol),
            "quantity": number(line.quantity),
            "product": Product.CNC.value,
            "average_price": money(line.average_price),
            "pnl": money(value - cost),
            "pnlpercent": percentage(value - cost, cost),
        }

    def signed(self, quantity: Decimal) -> int | float | str:
        return str(quantity) if self._switches.text_quantities else number(quantity)

    def shown(self, symbol: str) -> str | None:
        """The symbol, or null where the plugin does not find its name."""
        return None if symbol in self._switches.nameless else symbol


def _prices(kind: OrderType, asked: Asked) -> tuple[Decimal | None, Decimal | None]:
    """The limit and the trigger price of an order; None for what its type does not use."""
    return asked["price"] if kind in LIMITED else None, asked["trigger_price"] if kind in TRIGGERED else None


def moment(at: datetime) -> str:
    """A time as the books have it: exchange time, and nothing that says so."""
    return at.astimezone(IST).strftime("%Y-%m-%d %H:%M:%S")


def money(value: Decimal) -> float:
    return round(float(value), 2)


def percentage(part: Decimal, whole: Decimal) -> float:
    return float(100 * part / whole) if whole else 0.0

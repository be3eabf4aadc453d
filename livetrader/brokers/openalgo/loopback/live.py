"""The broker's account, as OpenAlgo's Zerodha plugin shows it: little, and some of that wrong.

Rows have no filled quantity, no strategy and no reason. A half-filled order looks like an untouched one. The average
price is 0 until the order is complete, and then that of its first trade.
"""

from __future__ import annotations

from typing import Any

from livetrader.brokers.loopback.faults import Strike
from livetrader.brokers.loopback.rules import ZERO, Rejected, Ticket
from livetrader.brokers.openalgo.loopback.accounts import UNEXPECTED, Account, Asked, Refusal, Row, money
from livetrader.brokers.openalgo.loopback.switches import Mode, OrderIds
from livetrader.domain.order import OrderType

# The broker's words. Of other refusals the exchange's own reason is told.
REFUSALS = {
    "symbol": "The instrument you are placing an order for has either expired or does not exist.",
    "funds": "Insufficient funds.",
}
UNKNOWN_ORDER = "Couldn't find that `order_id`."
PROCESSED = "Order cannot be {} as it is being processed. Try later."
KITE_STATUSES = {
    "COMPLETE": "complete",
    "REJECTED": "rejected",
    "TRIGGER PENDING": "trigger pending",
    "OPEN": "open",
    "CANCELLED": "cancelled",
}
NOTHING = dict.fromkeys(("availablecash", "collateral", "m2mrealized", "m2munrealized", "utiliseddebits"), ZERO)


class LiveAccount(Account):
    """Orders go to the exchange as they are: lot, funds and product are its business, told in the book later."""

    mode = Mode.LIVE
    holdings_shrink = True

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._queued: dict[int, Ticket] = {}
        self._queue_length = 0

    def place(self, asked: Asked, strike: Strike | None) -> Row:
        ticket = self.ticket(asked)
        if self._switches.approval:
            self._queue_length += 1
            self._queued[self._queue_length] = ticket
            told = "Order queued for approval in Action Center"
            return {"message": told, "mode": "semi_auto", "pending_order_id": self._queue_length}
        if self._contracts.find(ticket.symbol, asked["exchange"]) is None:
            raise Refusal(400, REFUSALS["symbol"])
        order_id = self._taken(ticket, strike)
        if self._switches.order_ids is OrderIds.NULL:
            return {"orderid": None}
        as_number = self._switches.order_ids is OrderIds.NUMBER and order_id.isdecimal()
        return {"orderid": int(order_id) if as_number else order_id}

    def approve(self, pending_order_id: int) -> None:
        """A human lets a queued order go. Raises KeyError when there is none of that number, Refusal as `place`."""
        self._taken(self._queued.pop(pending_order_id), None)

    def modify(self, asked: Asked, strike: Strike | None) -> Row:  # noqa: ARG002 - no fault is about a modify's deed
        order = self.exchange.orders.get(asked["orderid"])
        if self._switches.approval:
            raise Refusal(403, "Modify order is not allowed in semi-auto mode")
        if order is None:
            raise Refusal(400, UNKNOWN_ORDER)
        if order.state.terminal:
            raise Refusal(400, PROCESSED.format("modified"))
        if order.ticket.order_type != asked["pricetype"]:
            raise Refusal(400, f"{order.ticket.order_type} orders stay what they are")
        try:
            self.amend(order, asked)
        except Rejected as no:
            raise Refusal(400, no.reason) from no
        return {"orderid": order.order_id}

    def cancel(self, asked: Asked, strike: Strike | None) -> Row:
        order_id = asked["orderid"]
        if order_id not in self.exchange.orders:
            raise Refusal(500, f"Failed to cancel order: {UNKNOWN_ORDER}")
        try:
            self.exchange.revoke(order_id, strike)
        except Rejected as no:
            raise Refusal(500, f"Failed to cancel order: {PROCESSED.format('cancelled')}") from no
        return {"orderid": order_id}

    def cancel_all(self, _asked: Asked, _strike: Strike | None) -> Row:
        found = [line.broker_order_id for line in self.exchange.order_book() if not line.state.terminal]
        for order_id in found:
            self.exchange.revoke(order_id)
        told = f"Canceled {len(found)} orders. Failed to cancel 0 orders."
        return {"canceled_orders": found, "failed_cancellations": [], "message": told}

    def close_positions(self, asked: Asked, _strike: Strike | None) -> Row:
        self.close_all(asked["strategy"])
        return {"message": "All Open Positions Squared Off"}

    def order_status(self, asked: Asked, strike: Strike | None) -> Row:
        row = next((row for row in self.order_rows(strike) if row["orderid"] == asked["orderid"]), None)
        if row is None:
            raise Refusal(404, f"Order {asked['orderid']} not found")
        prices = [trade.price for trade in self.books.trades(None) if trade.broker_order_id == asked["orderid"]]
        complete = row["order_status"] == "complete" and prices
        return {"data": row | {"average_price": float(prices[0]) if complete else 0.0}}

    def order_rows(self, strike: Strike | None) -> list[Row]:
        """The rows, mapped as Zerodha's plugin does it: a status that it does not know is that of the row before."""
        rows, status = [], ""
        for line in self.books.orders(strike):
            order = self.exchange.orders[line.broker_order_id]
            raw = self._switches.raw_statuses.get(order.order_id, self.status(order, line.state).upper())
            status = KITE_STATUSES.get(raw, status)
            if not status:
                raise Refusal(500, UNEXPECTED)
            price = ZERO if line.order_type is OrderType.MARKET else line.limit_price or ZERO
            rows.append(self.order_row(line, status, money(price)))
        return rows

    def funds(self, _asked: Asked, strike: Strike | None) -> Row:
        days = self.books.days(None)
        unrealized = sum((day.unrealized for day in days), ZERO)
        realized = sum((day.pnl for day in days), ZERO) - unrealized
        told = {"availablecash": self.books.available(strike), "m2mrealized": realized, "m2munrealized": unrealized}
        return {"data": {name: f"{value:.2f}" for name, value in {**NOTHING, **told}.items()}}

    def _taken(self, ticket: Ticket, strike: Strike | None) -> str:
        try:
            return self.exchange.submit(ticket, strike).order_id
        except Rejected as no:
            if no.code == "lot":
                return self.exchange.turn_down(ticket, no).order_id
            raise Refusal(400, REFUSALS.get(no.code, no.reason)) from no

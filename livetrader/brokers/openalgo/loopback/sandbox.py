"""OpenAlgo's own sandbox, the account of analyze mode: it checks an order before it takes it, and tells more of it."""

from __future__ import annotations

from datetime import time
from decimal import Decimal

from livetrader.brokers.loopback.faults import Strike
from livetrader.brokers.loopback.matching import Order
from livetrader.brokers.loopback.profiles import Dedupe, Profile
from livetrader.brokers.loopback.rules import ZERO, Rejected, Ticket
from livetrader.brokers.openalgo.loopback.accounts import (
    STATUSES,
    Account,
    Asked,
    Refusal,
    Row,
    moment,
    money,
    percentage,
)
from livetrader.brokers.openalgo.loopback.books import Day, Holding, margin
from livetrader.brokers.openalgo.loopback.contracts import Contract, number
from livetrader.brokers.openalgo.loopback.switches import Mode
from livetrader.domain.books import BrokerOrder, BrokerTrade, Identity
from livetrader.domain.instrument import Product
from livetrader.domain.order import OrderType
from livetrader.market.nse import IST
from livetrader.ports import wall_time

MANNERS = Profile("openalgo-sandbox", Identity.TAG, Dedupe.NEVER, tells_charges=False)
CASH = Decimal(10_000_000)
SQUARE_OFF, RESUMES = time(15, 15), time(9)
TOO_LATE = "MIS orders cannot be placed after square-off time (15:15 IST). Trading resumes at 09:00 AM IST."
NEEDS = {
    "LIMIT": ("price", "LIMIT orders require price"),
    "SL": ("trigger_price", "SL orders require trigger_price"),
    "SL-M": ("trigger_price", "SL-M orders require trigger_price"),
}
SQUARED_OFF = "AUTO_SQUARE_OFF"  # the strategy of its own orders


class SandboxAccount(Account):
    """Rows have the strategy, what is filled and the reason; the newest come first."""

    mode = Mode.ANALYZE
    holdings_shrink = False

    def place(self, asked: Asked, strike: Strike | None) -> Row:
        ticket = self.ticket(asked)
        contract = self._contracts.find(ticket.symbol, asked["exchange"])
        if contract is None:
            raise Refusal(400, f"Symbol {ticket.symbol} not found on {asked['exchange']}")
        self._check(contract, ticket, asked)
        try:
            return {"orderid": self.exchange.submit(ticket, strike).order_id}
        except Rejected as no:
            raise self._refusal(ticket, no) from no

    def modify(self, asked: Asked, strike: Strike | None) -> Row:  # noqa: ARG002 - no fault is about a modify's deed
        order = self._working(asked["orderid"], "modify")
        try:
            self.amend(order, asked)
        except Rejected as no:
            raise Refusal(400, no.reason) from no
        return {"orderid": order.order_id, "message": "Order modified successfully"}

    def cancel(self, asked: Asked, strike: Strike | None) -> Row:
        order = self._working(asked["orderid"], "cancel")
        try:
            self.exchange.revoke(order.order_id, strike)
        except Rejected as no:  # it was filled on the way
            raise Refusal(400, f"Cannot cancel order in {STATUSES[order.state]} status") from no
        return {"orderid": order.order_id, "message": "Order cancelled successfully"}

    def cancel_all(self, _asked: Asked, _strike: Strike | None) -> Row:
        """All open orders, and not those that wait for their trigger."""
        found = [order.order_id for order in self.exchange.orders.values() if self.status(order, order.state) == "open"]
        for order_id in found:
            self.exchange.revoke(order_id)
        told = f"Canceled {len(found)} orders. Failed to cancel 0 orders." if found else "No open orders to cancel"
        return {"canceled_orders": found, "failed_cancellations": [], "message": told}

    def close_positions(self, _asked: Asked, _strike: Strike | None) -> Row:
        closed = self.close_all(SQUARED_OFF)
        return {"closed_positions": closed, "failed_closures": 0, "message": f"Closed {closed} positions"}

    def order_status(self, asked: Asked, strike: Strike | None) -> Row:
        """An order of any day. The kind of its price has another name here than in the book."""
        lines = (*self.books.orders(strike), *self.exchange.order_book())
        line = next((line for line in lines if line.broker_order_id == asked["orderid"]), None)
        if line is None:
            raise Refusal(404, f"Order {asked['orderid']} not found")
        row = self._row(line)
        row["price_type"] = row.pop("pricetype")
        del row["rejection_reason"]
        return {"data": row}

    def order_rows(self, strike: Strike | None) -> list[Row]:
        return [self._row(line) for line in reversed(self.books.orders(strike))]

    def statistics(self, rows: list[Row]) -> Row:
        waiting = sum(row["order_status"] == "trigger pending" for row in rows)
        return super().statistics(rows) | {"total_trigger_pending_orders": waiting}

    def trade_book(self, asked: Asked, strike: Strike | None) -> Row:
        return {"data": super().trade_book(asked, strike)["data"][::-1]}

    def trade_row(self, trade: BrokerTrade) -> Row:
        stamp = trade.traded_at.astimezone(IST).strftime("%Y%m%d-%H%M%S")
        return super().trade_row(trade) | {
            "price": float(trade.price),
            "strategy": self.exchange.orders[trade.broker_order_id].ticket.tag,
            "tradeid": f"TRADE-{stamp}-{trade.trade_id}",
        }

    def position_book(self, asked: Asked, strike: Strike | None) -> Row:
        rows = super().position_book(asked, strike)["data"]
        unrealized = sum(row["unrealized_pnl"] for row in rows if row["quantity"])
        realized, total = (sum(row[name] for row in rows) for name in ("today_realized_pnl", "total_pnl_today"))
        return {
            "data": rows,
            "total_pnl": round(float(total), 2),
            "total_pnl_today": round(float(total), 2),
            "total_today_realized_pnl": round(float(realized), 2),
            "total_unrealized_pnl": round(float(unrealized), 2),
        }

    def position_row(self, day: Day) -> Row:
        cost = abs(day.quantity * day.average_price)
        return super().position_row(day) | {
            "average_price": float(day.average_price) if day.quantity else 0.0,
            "lot_size": 1.0,
            "pnlpercent": percentage(day.unrealized, cost),
            "today_realized_pnl": money(day.pnl - day.unrealized),
            "total_pnl_today": money(day.pnl),
            "unrealized_pnl": money(day.unrealized),
        }

    def holding_row(self, line: Holding) -> Row:
        return super().holding_row(line) | {
            "ltp": float(line.last),
            "current_value": money(line.quantity * line.last),
            "settlement_date": moment(wall_time(self.exchange.clock))[:10],
        }

    def funds(self, _asked: Asked, strike: Strike | None) -> Row:
        days = self.books.days(None)
        unrealized = sum((day.unrealized for day in days), ZERO)
        pnl = sum((day.pnl for day in days), ZERO)
        used = sum((margin(day.symbol, day.product, abs(day.quantity * day.average_price)) for day in days), ZERO)
        figures = {
            "availablecash": self.books.available(strike),
            "collateral": ZERO,
            "grossexposure": used,
            "m2mrealized": pnl - unrealized,
            "m2munrealized": unrealized,
            "today_realized_pnl": pnl - unrealized,
            "total_realized_pnl": pnl - unrealized,
            "totalpnl": pnl,
            "utiliseddebits": used,
        }
        start = moment(wall_time(self.exchange.clock))[:10] + " 00:00:00"
        return {
            "data": {name: money(value) for name, value in figures.items()} | {"last_reset": start, "reset_count": 0}
        }

    def _check(self, contract: Contract, ticket: Ticket, asked: Asked) -> None:
        """What it refuses by itself. Raises Refusal."""
        needed, told = NEEDS.get(ticket.order_type.value, ("quantity", ""))
        equity, derivative = contract.exchange in ("NSE", "BSE"), contract.kind != "EQ"
        if not asked[needed]:
            raise Refusal(400, told)
        if equity and ticket.product is Product.NRML:
            advice = "Use CNC for delivery or MIS for intraday."
            raise Refusal(400, f"NRML product not allowed for {contract.exchange} equity segment. {advice}")
        if derivative and ticket.product is Product.CNC:
            advice = "Use NRML for carryforward or MIS for intraday."
            raise Refusal(400, f"CNC product not allowed for {contract.exchange} derivatives segment. {advice}")
        if ticket.quantity % contract.instrument.lot:
            raise Refusal(400, f"Quantity must be in multiples of lot size {contract.instrument.lot}")
        if ticket.product is Product.MIS and contract.exchange != "CRYPTO" and self._after_hours(ticket):
            raise Refusal(400, TOO_LATE)
        if ticket.order_type is OrderType.MARKET and not self._market.price(ticket.symbol):
            told = f"Cannot place MARKET order for {ticket.symbol} - unable to fetch current price"
            raise Refusal(400, f"{told}. Please try again.")

    def _after_hours(self, ticket: Ticket) -> bool:
        """Whether the order would open more between the square-off and the next morning."""
        now = wall_time(self.exchange.clock).astimezone(IST).time()
        opens = self.exchange.account.growth(ticket, ticket.quantity) > 0
        return opens and not RESUMES <= now < SQUARE_OFF

    def _refusal(self, ticket: Ticket, no: Rejected) -> Refusal:
        if no.code == "short":
            position, before = self.books.delivery(ticket.symbol)
            told = f"Only {position + before} shares available (Position: {position}, Holdings: {before})"
            order = self.exchange.turn_down(ticket, no)
            message = f"Cannot sell {ticket.quantity} shares of {ticket.symbol} in CNC. {told}"
            return Refusal(400, message, orderid=order.order_id)
        if no.code == "funds":
            price = ticket.limit_price or Decimal(str(self._market.price(ticket.symbol)))
            needed = margin(ticket.symbol, ticket.product, ticket.quantity * price)
            held = self.exchange.funds()
            told = f"Required: ₹{needed:.2f}, Available: ₹{held:.2f}, Shortage: ₹{max(needed - held, ZERO):.2f}"
            return Refusal(400, f"Insufficient funds. {told}")
        return Refusal(400, no.reason)

    def _working(self, order_id: str, verb: str) -> Order:
        order = self.exchange.orders.get(order_id)
        if order is None:
            raise Refusal(404, f"Order {order_id} not found")
        if order.state.terminal:
            raise Refusal(400, f"Cannot {verb} order in {STATUSES[order.state]} status")
        return order

    def _row(self, line: BrokerOrder) -> Row:
        order = self.exchange.orders[line.broker_order_id]
        price = self._market.price(line.symbol) if line.order_type is OrderType.MARKET else line.limit_price or ZERO
        return self.order_row(line, self.status(order, line.state), money(Decimal(price))) | {
            "average_price": float(line.average_price),
            "filled_quantity": number(line.filled_quantity),
            "pending_quantity": number(line.quantity - line.filled_quantity),
            "rejection_reason": line.reason,
            "strategy": order.ticket.tag,
        }

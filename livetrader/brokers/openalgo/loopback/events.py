"""What the WebSocket proxy sends by itself: ticks, and news of orders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from livetrader.brokers.loopback.matching import Order
from livetrader.brokers.openalgo.loopback.accounts import Account, Row
from livetrader.brokers.openalgo.loopback.contracts import Contract, number
from livetrader.brokers.openalgo.loopback.data import BROKER
from livetrader.brokers.openalgo.loopback.switches import Mode
from livetrader.domain.order import OrderType

USER = "loopback"
LTP, QUOTE, DEPTH = 1, 2, 3


def tick(contract: Contract, mode: int, quote: Mapping[str, Any], at: int) -> Row:
    """The price of a symbol at `at`, epoch milliseconds, out of what `Market.depth` says of it."""
    name: Row = {"symbol": contract.instrument.symbol, "exchange": contract.exchange, "mode": mode}
    data = {**name, "ltp": quote["ltp"], "timestamp": at, "ltt": at}
    if mode >= QUOTE:
        data |= {field: quote[field] for field in ("open", "high", "low", "volume", "oi")}
        data |= {"close": quote["prev_close"], "average_price": quote["ltp"], "last_trade_quantity": quote["ltq"]}
        data |= {"total_buy_quantity": quote["totalbuyqty"], "total_sell_quantity": quote["totalsellqty"]}
    if mode >= DEPTH:
        sides = {"buy": quote["bids"], "sell": quote["asks"]}
        data["depth"] = {side: [{**level, "orders": 1} for level in levels] for side, levels in sides.items()}
    return {"type": "market_data", **name, "broker": BROKER, "data": data}


def event(account: Account, order: Order, exchange: str) -> Row:
    """What has become of an order, with what the books of live mode lack: the filled quantity and the reason."""
    ticket, status = order.ticket, account.status(order, order.state)
    untouched = account.mode is Mode.ANALYZE and status == "open"  # its first word of an order lacks what is pending
    return {
        "type": "order_update",
        "user_id": USER,
        "mode": account.mode.value,
        "broker": BROKER,
        "orderid": order.order_id,
        "symbol": ticket.symbol,
        "exchange": exchange,
        "action": ticket.action.value,
        "quantity": number(ticket.quantity),
        "price": 0.0 if ticket.order_type is OrderType.MARKET else float(ticket.limit_price or 0),
        "trigger_price": float(ticket.trigger_price or 0),
        "pricetype": ticket.order_type.value,
        "product": ticket.product.value,
        "order_status": status,
        "filled_quantity": number(order.filled),
        "pending_quantity": 0 if untouched else number(order.remaining),
        "average_price": float(order.value / order.filled) if order.filled else 0.0,
        "rejection_reason": order.reason,
    }

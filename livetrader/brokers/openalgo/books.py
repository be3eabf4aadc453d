"""OpenAlgo's books, row by row, as the domain has them. Live rows are those of the broker's plugin, and differ.

What live rows do not say is worked out: how much of an order has filled is the sum of its trades, for a half-filled
order looks like an untouched one; and an order is `complete` only when its trades add up to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from livetrader.brokers.openalgo.answers import Unreadable, amount, identifier, in_a_line, member, optional, rows, text
from livetrader.brokers.openalgo.symbols import Symbols
from livetrader.brokers.openalgo.times import moment
from livetrader.domain.books import BrokerOrder, BrokerPosition, BrokerTrade
from livetrader.domain.instrument import Product, is_symbol
from livetrader.domain.order import Action, OrderType
from livetrader.domain.order_state import OPEN, OrderState

ZERO = Decimal(0)
FINEST = Decimal("0.0001")  # what averages are rounded to
T = TypeVar("T")

# By the first word of a status: `cancelled after market order`, `rejected by exch`. Whatever else a broker's plugin
# says of an order (`validation pending`, `modify pending`), it may still fill.
STATES: Mapping[str, OrderState] = {
    **dict.fromkeys(("complete", "completed", "filled", "traded", "executed"), OrderState.FILLED),
    "rejected": OrderState.REJECTED,
    "cancelled": OrderState.CANCELLED,
    "canceled": OrderState.CANCELLED,
    "expired": OrderState.EXPIRED,
}

# What brokers call buying, selling and the products themselves, where a plugin passes that on. MARGIN is none of them:
# it is delivery with one broker, and a derivative held overnight with another.
ACTIONS: Mapping[str, Action] = {"BUY": Action.BUY, "B": Action.BUY, "SELL": Action.SELL, "S": Action.SELL}
PRODUCTS: Mapping[str, Product] = {
    **dict.fromkeys(("MIS", "INTRADAY", "I"), Product.MIS),
    **dict.fromkeys(("CNC", "DELIVERY", "C"), Product.CNC),
    **dict.fromkeys(("NRML", "NORMAL", "CARRYFORWARD"), Product.NRML),
}

# `strategy` is ours to fill, and comes back in analyze mode only.
STRATEGY = "livetrader-"


class Skipped(Exception):
    """A row about something that has no name here, or no product: it is left out, and somebody should look."""


@dataclass(frozen=True, slots=True)
class OrderLine:
    """An order, and whether its end may be that of the row above it.

    The plugin of one broker gives an order whose status it does not know the status of the row above.
    """

    order: BrokerOrder
    inherited: bool


@dataclass(frozen=True, slots=True)
class Parser:
    """Reads books that came at `now`. `analyze`: they are the sandbox's.

    `skipped` gathers what was left out, and `doubted` what is not quite understood.
    """

    symbols: Symbols
    now: datetime
    analyze: bool
    skipped: list[str] = field(default_factory=list)
    doubted: list[str] = field(default_factory=list)

    def orders(self, document: Any) -> tuple[OrderLine, ...]:
        """The order book, as it came: live, `filled` has to say what its orders have filled."""
        found = _lines(member(document, "data"), "orders")
        return self._each(zip(found, [None, *found], strict=False), lambda pair: self._order(*pair))

    def order(self, document: Any, order_id: str) -> OrderLine:
        """One order by its id, as a row of the order book; live, its status may be that of a row that we do not see."""
        try:
            line = self._order(member(document, "data"), None)
        except Skipped as why:
            raise Unreadable(str(why)) from why
        if line.order.broker_order_id != order_id:
            raise Unreadable(f"it is about order {line.order.broker_order_id}, and not about {order_id}")
        return replace(line, inherited=not self.analyze)

    def trades(self, document: Any) -> tuple[BrokerTrade, ...]:
        """The trade book, oldest first. Live rows may have no id: it is then the order's id and a running number.

        The number counts within the order, and so is the same at each reading however the broker sorts its book.
        """
        found = [self._trade(row) for row in _lines(document, "data")]
        if found and found[0].traded_at > found[-1].traded_at:
            found.reverse()
        found.sort(key=lambda trade: trade.traded_at)
        count: dict[tuple[str, str], int] = {}
        numbered = found if self.analyze else [_numbered(trade, count) for trade in found]
        return tuple(trade for trade in numbered if trade.symbol)

    def positions(self, document: Any) -> tuple[BrokerPosition, ...]:
        """The position book, with closed positions as lines of zero."""
        return self._each(_lines(document, "data"), self._position)

    def holdings(self, document: Any) -> tuple[BrokerPosition, ...]:
        """What lies in the demat account: delivered shares, all of product CNC."""
        return self._each(_lines(member(document, "data"), "holdings"), self._holding)

    def _each(self, found: Iterable[Any], read: Callable[[Any], T]) -> tuple[T, ...]:
        lines = []
        for row in found:
            try:
                lines.append(read(row))
            except Skipped as why:
                self.skipped.append(str(why))
        return tuple(lines)

    def _order(self, row: Any, above: Any) -> OrderLine:
        order_id = identifier(member(row, "orderid"))
        name, product = self._placed(row, f"order {order_id}")
        status, quantity = text(member(row, "order_status") or ""), amount(member(row, "quantity"))
        order_type, limit, trigger = _terms(row)
        order = BrokerOrder(
            order_id, self._tag(row), name, _action(row), product, order_type, quantity,
            filled_quantity=amount(member(row, "filled_quantity")) if self.analyze else ZERO,
            average_price=amount(member(row, "average_price") or 0) if self.analyze else ZERO,
            state=STATES.get(status.lower().split(maxsplit=1)[0] if status.strip() else "", OrderState.ACKED),
            placed_at=self._at(row, order_id), limit_price=limit, trigger_price=trigger,
            reason=in_a_line(str(row.get("rejection_reason") or "")),
        )  # fmt: skip
        return OrderLine(order, inherited=not self.analyze and _of_another(above, order_id, status))

    def _tag(self, row: Any) -> str:
        strategy = row.get("strategy")
        if not isinstance(strategy, str) or not strategy.startswith(STRATEGY):
            return ""
        return strategy.removeprefix(STRATEGY)

    def _trade(self, row: Any) -> BrokerTrade:
        order_id = identifier(member(row, "orderid"))
        try:
            name, product = self._placed(row, f"a trade of order {order_id}")
        except Skipped as why:  # it is left out when the others have their numbers, which it must not shift
            self.skipped.append(str(why))
            name, product = "", Product.MIS
        quantity, price = amount(member(row, "quantity")), amount(member(row, "average_price"))
        if quantity <= 0 or price <= 0:
            raise Unreadable(f"a trade of order {order_id} is of {quantity} at {price}")
        trade_id = "" if row.get("tradeid") in (None, "") and not self.analyze else identifier(member(row, "tradeid"))
        return BrokerTrade(
            trade_id, order_id, name, _action(row), product, quantity, price, None, self._at(row, order_id)
        )

    def _at(self, row: Any, order_id: str) -> datetime:
        """When it was placed or traded, or last changed with some brokers. One that never reached them has no time.

        One in a form that nobody has seen yet counts as now: what was ordered and traded is certain all the same.
        """
        said = row.get("timestamp")
        try:
            return self.now if said in (None, "") else moment(said, self.now)
        except Unreadable as error:
            self.doubted.append(f"order {order_id}: {error}: it is taken as of now")
            return self.now

    def _position(self, row: Any) -> BrokerPosition:
        name, product = self._placed(row, "a position")
        return BrokerPosition(name, product, amount(member(row, "quantity")), amount(member(row, "average_price") or 0))

    def _holding(self, row: Any) -> BrokerPosition:
        symbol, exchange = _listed(row, "a holding")
        name, quantity = self.symbols.held(symbol, exchange), amount(member(row, "quantity"))
        # Half of the plugins do not say what a holding has cost.
        return BrokerPosition(name, Product.CNC, quantity, optional(amount, row, "average_price") or ZERO)

    def _placed(self, row: Any, what: str) -> tuple[str, Product]:
        symbol, exchange = _listed(row, what)
        name, said = self.symbols.name(symbol, exchange), row.get("product")
        product = PRODUCTS.get(said) if isinstance(said, str) else None
        if product is None:
            raise Skipped(f"{what} in {symbol} has the product {said!r}")
        return name, product


def filled(lines: Iterable[OrderLine], trades: Iterable[BrokerTrade]) -> tuple[OrderLine, ...]:
    """Live orders with what the trade book says they have filled. Unreadable where that is more than was ordered."""
    traded: dict[str, list[BrokerTrade]] = {}
    for trade in trades:
        traded.setdefault(trade.broker_order_id, []).append(trade)
    return tuple(replace(line, order=_filled(line.order, traded.get(line.order.broker_order_id, ()))) for line in lines)


def _filled(order: BrokerOrder, traded: Sequence[BrokerTrade]) -> BrokerOrder:
    quantity = sum((trade.quantity for trade in traded), ZERO)
    if quantity > order.quantity:  # trades that came twice cannot be told from equal ones, but by this
        raise Unreadable(f"the trades of order {order.broker_order_id} are {quantity} of {order.quantity}")
    cost = sum((trade.quantity * trade.price for trade in traded), ZERO)
    average = (cost / quantity).quantize(FINEST) if quantity else ZERO
    return replace(order, filled_quantity=quantity, average_price=average)


def settled(order: BrokerOrder, *, sure: bool) -> BrokerOrder:
    """The order with the state that its fills allow: no end before it is `sure`, and no FILLED before the fills."""
    state = order.state
    if state not in OPEN and sure and (state is not OrderState.FILLED or order.filled_quantity >= order.quantity):
        return order
    return replace(order, state=OrderState.PARTIALLY_FILLED if order.filled_quantity else OrderState.ACKED)


def held(
    positions: Iterable[BrokerPosition], holdings: Iterable[BrokerPosition], *, analyze: bool
) -> tuple[BrokerPosition, ...]:
    """What is held of each symbol and product: shares bought today are a position, and a holding from the next day.

    Shares sold from the holdings are a negative position for the rest of the day. The sandbox leaves the holding as
    it was until then; live, it has shrunk already, and taking them off once more would make a short of it.
    """
    total: dict[tuple[str, Product], tuple[Decimal, Decimal]] = {}
    for one, settled in [*((one, False) for one in positions), *((one, True) for one in holdings)]:
        delivery = one.product is Product.CNC and not settled and not analyze
        quantity = max(one.quantity, ZERO) if delivery else one.quantity
        before, cost = total.get((one.symbol, one.product), (ZERO, ZERO))
        total[one.symbol, one.product] = before + quantity, cost + quantity * one.average_price
    return tuple(
        BrokerPosition(symbol, product, quantity, (cost / quantity).quantize(FINEST))
        for (symbol, product), (quantity, cost) in total.items()
        if quantity
    )


def _listed(row: Any, what: str) -> tuple[str, str]:
    """Symbol and exchange of a row; Skipped where the broker's plugin did not find them."""
    symbol, exchange = member(row, "symbol"), member(row, "exchange")
    if not all(isinstance(one, str) and is_symbol(one) for one in (symbol, exchange)):
        raise Skipped(f"{what} is in {symbol!r} on {exchange!r}")
    return symbol, exchange


def _of_another(above: Any, order_id: str, status: str) -> bool:
    """Whether the row above is another order's, with this status."""
    if not isinstance(above, dict) or above.get("order_status") != status:
        return False
    return str(above.get("orderid")) != order_id  # a book that lists a row twice says nothing new


def _action(row: Any) -> Action:
    action = ACTIONS.get(text(member(row, "action")).strip().upper())
    if action is None:
        raise Unreadable(f"{row['action']!r} is no action")
    return action


def _lines(document: Any, key: str) -> list[Any]:
    """The rows of a book. One without any may come as one row in which nothing stands."""
    return [row for row in rows(document, key) if not (isinstance(row, dict) and _is_blank(row))]


def _is_blank(row: dict[str, Any]) -> bool:
    """Whether it says nothing: what some plugins make of a broker that has no orders."""
    return not any(value not in (None, "", 0) for value in row.values())


def _terms(row: Any) -> tuple[OrderType, Decimal | None, Decimal | None]:
    """Type, limit and trigger price. A type of the broker's own is told by the prices that the order has."""
    limit, trigger = optional(amount, row, "price"), optional(amount, row, "trigger_price")
    shown = row.get("pricetype", row.get("price_type"))  # the sandbox's orderstatus has its own word
    if shown in list(OrderType):
        kind = OrderType(shown)
    elif trigger:
        kind = OrderType.SL if limit else OrderType.SL_M
    else:
        kind = OrderType.LIMIT if limit else OrderType.MARKET
    return (
        kind,
        limit if kind in (OrderType.LIMIT, OrderType.SL) else None,  # the sandbox shows the last price of the others
        trigger if kind in (OrderType.SL, OrderType.SL_M) else None,
    )


def _numbered(trade: BrokerTrade, count: dict[tuple[str, str], int]) -> BrokerTrade:
    key = trade.broker_order_id, trade.trade_id
    number = count[key] = count.get(key, -1) + 1
    parts = [trade.broker_order_id, trade.trade_id or str(number)]
    if trade.trade_id and number:
        parts.append(str(number))  # one id for all fills of an order is no id of a fill
    return replace(trade, trade_id=":".join(parts))

"""Our books against the broker's, in the order orders → fills → positions → cash. Contract: ORDERS.md.

Start-up, a reconnect and the periodic check are this one pass. Positions and cash move by fills only, so whatever
others did becomes a record of its own: an external order or position, a reconciling fill, a cash flow. What the
broker says is believed when two reads say the same, because a reply may be empty, late or torn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import structlog

from livetrader.domain.account import OPENING, External, ExternalKind, ExternalStatus
from livetrader.domain.books import Books, BrokerOrder
from livetrader.domain.exit_plan import ExitReason
from livetrader.domain.instrument import Product
from livetrader.domain.order import Fill, OrderIntent, OrderType, Purpose, closing, intent_id
from livetrader.domain.order_state import OPEN
from livetrader.engine.book import Book, HeldPosition
from livetrader.engine.orders import PATIENCE, OrderPath
from livetrader.ports import BookKeeper, Clock, Journal, wall_time

log = structlog.get_logger(__name__)

ZERO = Decimal(0)

Key = tuple[str, Product]


@dataclass(frozen=True, slots=True)
class Doubt:
    """A difference that was read, and since when (monotonic seconds) each read has said the same."""

    amount: Decimal
    since: float


@dataclass(slots=True)
class Reconciler:
    """Brings ledger and broker together, or says where they differ. `price` is the last price of a symbol."""

    journal: Journal
    broker: BookKeeper
    path: OrderPath
    book: Book
    clock: Clock
    account: str
    price: Callable[[str], Decimal]
    alert: Callable[[str, str], None]
    cash_is_exact: bool = True
    differing: dict[Key, Doubt] = field(default_factory=dict)
    unexplained: Doubt | None = None

    def reconcile(self) -> bool:
        """One pass; True if all books agree. Raises BrokerError where they cannot be read: that is not "flat"."""
        now = int(self.clock.now())
        self.path.collect(now)
        self.path.resolve()
        books = self.broker.books()
        self._orders(books)
        self._positions(books)
        if self.cash_is_exact:
            self._cash(books)
        self.book.compared(self.journal.externals(), [symbol for symbol, _ in self.differing])
        return not (self.differing or self.unexplained or self.book.unknown)

    def _orders(self, books: Books) -> None:
        """Orders that nobody here made, and orders of ours that are there twice."""
        known = {one.broker_order_id: one for one in self.journal.externals() if one.kind is ExternalKind.ORDER}
        owners: dict[str, str] = {}
        for order in books.orders:
            owner = self.broker.owner(order)
            if owner is None:
                self._foreign(order, known.get(order.broker_order_id))
            elif owners.setdefault(owner, order.broker_order_id) != order.broker_order_id:
                text = f"{order.symbol}: orders {owners[owner]} and {order.broker_order_id} both carry {owner}"
                self.journal.latch("mismatch", text, self._at())
                self.alert(f"twice:{owner}", text)

    def _foreign(self, order: BrokerOrder, known: External | None) -> None:
        left = (order.quantity - order.filled_quantity) * order.action.sign if order.state in OPEN else ZERO
        if known is None and left == 0:
            return
        status = ExternalStatus.FROZEN if known is None else known.status
        self._external(ExternalKind.ORDER, order.symbol, order.product, left, status, order.broker_order_id)

    def _external(
        self, kind: ExternalKind, symbol: str, product: Product, quantity: Decimal, status: ExternalStatus,
        broker_order_id: str = "",
    ) -> None:  # fmt: skip
        one = External(kind, symbol, product, quantity, status, self._at(), broker_order_id)
        known = {(o.kind, o.symbol, o.product, o.broker_order_id): o for o in self.journal.externals()}
        before = known.get((kind, symbol, product, broker_order_id))
        if (before.quantity if before else ZERO) == quantity:
            return
        self.journal.external(one, self._at())
        key = f"external:{kind}:{symbol}:{product}:{broker_order_id}"
        if quantity == 0:
            self.journal.settle_alert(key, self._at())
        elif status is ExternalStatus.FROZEN:
            what = f"{quantity:+f} {symbol} {product}"
            self.alert(key, f"{kind} {what} is not ours: `livetrader adopt {symbol}` or `livetrader ignore {symbol}`")

    def _positions(self, books: Books) -> None:
        theirs = {(one.symbol, one.product) for one in books.positions}
        ours = {(held.entry.symbol, held.entry.product) for held in self.book.positions.values()}
        foreign = {(one.symbol, one.product) for one in self.journal.externals()}
        for symbol, product in sorted(theirs | ours | foreign | set(self.differing)):
            own, ext = self.book.own(symbol, product), self._foreign_quantity(symbol, product)
            difference = books.position(symbol, product) - own - ext
            if difference == 0:
                self.differing.pop((symbol, product), None)
            elif self._believed((symbol, product), difference):
                del self.differing[symbol, product]
                self._explain(symbol, product, difference, ext, books)

    def _believed(self, key: Key, difference: Decimal) -> bool:
        """Whether two reads agree, and no order of ours can be what one of the books does not show yet."""
        now = self.clock.monotonic()
        doubt = self.differing.get(key)
        if doubt is None or doubt.amount != difference:
            self.differing[key] = Doubt(difference, now)
            return False
        working = any(order.symbol == key[0] for order in self.book.orders.values())
        return not working or now - doubt.since > self._horizon

    def _explain(self, symbol: str, product: Product, difference: Decimal, ext: Decimal, books: Books) -> None:
        """Who moved it: what is external shrinks first, then ours was closed by hand, the rest is external."""
        if ext * difference < 0:
            part = _towards_zero(ext, difference)
            ext, difference = ext + part, difference - part
        held = self.book.positions.get(symbol)
        if held is not None and held.entry.product is product and held.position.quantity * difference < 0:
            part = _towards_zero(held.position.quantity, difference)
            difference -= part
            self._closed_by_hand(held, abs(part), books)
        known = next((o for o in self.journal.externals() if _is_position(o, symbol, product)), None)
        status = ExternalStatus.FROZEN if known is None else known.status
        self._external(ExternalKind.POSITION, symbol, product, ext + difference, status)

    def _closed_by_hand(self, held: HeldPosition, quantity: Decimal, books: Books) -> None:
        """Book what somebody else sold of ours, so that position and cash stay folds over fills."""
        entry, action, now = held.entry, closing(held.position.side), int(self.clock.now())
        trades = [
            one for one in books.trades
            if (one.symbol, one.product, one.action) == (entry.symbol, entry.product, action)
            and one.traded_at.timestamp() >= held.opened
            and all(o.broker_order_id != one.broker_order_id or self.broker.owner(o) is None for o in books.orders)
        ]  # fmt: skip
        price = trades[-1].price if trades else self.price(entry.symbol)
        name = intent_id(self.account, entry.strategy, entry.symbol, now, action, f"{Purpose.RECONCILE}:{quantity}")
        intent = OrderIntent(
            name, self.account, entry.strategy, entry.symbol, held.position.side, action, Purpose.RECONCILE,
            entry.product, OrderType.MARKET, quantity, price, now, reason=ExitReason.RECONCILE,
            entry_id=entry.intent_id,
        )  # fmt: skip
        fill = Fill(f"{self.broker.name}:hand", name, name, entry.symbol, action, quantity, price, ZERO, self._at())
        with self.journal.unit():
            self.journal.found(intent, trades[-1].broker_order_id if trades else "", self._at())
            self.journal.book(fill, self._at())
        self.book.book(fill, intent, now)
        self.alert(f"hand:{name}", f"{entry.symbol}: {quantity:f} of ours was closed by hand, booked at {price:f}")

    def _cash(self, books: Books) -> None:
        """Cash that no fill explains came from outside, or went there: a flow, and no profit or loss (I3)."""
        flows = self.journal.flows()
        if not flows:
            self.journal.flow(books.cash - self._traded(), OPENING, self._at())
            return
        difference = books.cash - self._traded() - sum((flow.amount for flow in flows), ZERO)
        now = self.clock.monotonic()
        if difference == 0:
            self.unexplained = None
        elif self.unexplained is None or self.unexplained.amount != difference:
            self.unexplained = Doubt(difference, now)
        elif (
            not (self.book.unknown or self.differing)
            and now - self.unexplained.since >= PATIENCE * self.broker.visibility_seconds
        ):
            self.unexplained = None
            self.journal.flow(difference, "not ours: a transfer, or trades by hand", self._at())
            self.book.flow(difference)

    @property
    def _horizon(self) -> float:
        """Seconds after which the venue's books show everything."""
        return PATIENCE * self.broker.visibility_seconds

    def _traded(self) -> Decimal:
        return self.book.cash - self.book.capital

    def _foreign_quantity(self, symbol: str, product: Product) -> Decimal:
        return sum((o.quantity for o in self.journal.externals() if _is_position(o, symbol, product)), ZERO)

    def _at(self) -> datetime:
        return wall_time(self.clock)


def _is_position(one: External, symbol: str, product: Product) -> bool:
    return one.kind is ExternalKind.POSITION and (one.symbol, one.product) == (symbol, product)


def _towards_zero(quantity: Decimal, change: Decimal) -> Decimal:
    """As much of `change` as brings `quantity` to zero."""
    part = min(abs(quantity), abs(change))
    return part if change > 0 else -part

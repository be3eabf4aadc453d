"""Our books against the broker's, in the order orders → fills → positions → cash. Contract: ORDERS.md.

Start-up, a reconnect and the periodic check are this one pass. Positions and cash move by fills only, so whatever
others did becomes a record of its own: an external order or position, a reconciling fill, a cash flow. What the
broker says is believed when two reads say the same, because a reply may be empty, late or torn.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from math import inf

import structlog

from livetrader.domain.account import OPENING, External, ExternalKind, ExternalStatus
from livetrader.domain.books import Books, BrokerOrder, BrokerTrade
from livetrader.domain.exit_plan import ExitReason
from livetrader.domain.instrument import Product
from livetrader.domain.order import Fill, OrderIntent, OrderType, Purpose, closing
from livetrader.domain.order_state import OPEN
from livetrader.engine.book import Book, HeldPosition
from livetrader.engine.closing import closing_id, closing_intent
from livetrader.engine.orders import MISMATCH, OrderPath
from livetrader.engine.overnight import ACTION_ALERT, same_worth
from livetrader.ports import BookKeeper, Clock, Journal, wall_time

log = structlog.get_logger(__name__)

ZERO = Decimal(0)

# For how long an order that the broker has acknowledged may be missing in its order book (fault B8), and a position
# that nobody is seen to have traded in its positions, at least.
GONE_SECONDS = 300.0

# The alerts of what is not ours: open until it is adopted, ignored or gone.
EXTERNAL_ALERT = "external:"

Key = tuple[str, Product]

ExternalKey = tuple[str, Product, ExternalKind, str]
"""What is not ours by symbol, product, kind and the broker's order id, in the journal's order."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A difference that was read, and since when (monotonic seconds) each read has said the same."""

    amount: Decimal
    since: float


@dataclass(slots=True)
class Reconciler:
    """Brings ledger and broker together, or says where they differ. `price` is the last price of a symbol.

    `objection` says why a position that was held over night, or an order that lasts, may be of another share by now
    though its quantity is the same (by symbol, and since when in epoch seconds); empty: nothing speaks against it.
    """

    journal: Journal
    broker: BookKeeper
    path: OrderPath
    book: Book
    clock: Clock
    price: Callable[[str], Decimal]
    alert: Callable[[str, str], None]
    objection: Callable[[str, int], str] = lambda *_: ""
    cash_is_exact: bool = True
    differing: dict[Key, Doubt] = field(default_factory=dict)
    unexplained: Doubt | None = None
    _missing: dict[str, float] = field(default_factory=dict, init=False)
    _externals: dict[ExternalKey, External] = field(default_factory=dict, init=False)

    def reconcile(self) -> bool:
        """One pass; True if all books agree. Raises BrokerError where they cannot be read: that is not "flat".

        What is in question waits for the operator, and its symbol with it; it keeps nothing else from agreeing.
        """
        now = int(self.clock.now())
        self.path.collect(now)
        told = self.path.resolve() and self.path.silent_since is None
        books = self.broker.books()
        if not told:
            return False  # a fill or an order of ours that was not heard of would pass for somebody's
        self._externals = {(o.symbol, o.product, o.kind, o.broker_order_id): o for o in self.book.foreigners}
        self._orders(books)
        self._positions(books)
        self._lasting()
        if self.cash_is_exact:
            self._cash(books)
        externals = [one for _, one in sorted(self._externals.items())]
        self.book.compared(externals, [symbol for symbol, _ in self.differing])
        self._settle_answered()
        return not (self.differing or self.unexplained or self.book.unknown)

    def _orders(self, books: Books) -> None:
        """Orders that nobody here made, and orders of ours that are there twice."""
        owners: dict[str, str] = {}
        # One that the book shows no more, or that has turned out to be ours, is not somebody else's any more.
        foreign = dict.fromkeys((key for key in self._externals if key[2] is ExternalKind.ORDER), ZERO)
        for order in books.orders:
            owner = self.broker.owner(order)
            if owner is None:
                left = (order.quantity - order.filled_quantity) * order.action.sign if order.state in OPEN else ZERO
                foreign[order.symbol, order.product, ExternalKind.ORDER, order.broker_order_id] = left
            elif owners.setdefault(owner, order.broker_order_id) != order.broker_order_id:
                text = f"{order.symbol}: orders {owners[owner]} and {order.broker_order_id} both carry {owner}"
                self.journal.latch(MISMATCH, text, self._at())
                self.alert(f"twice:{owner}", text)
            elif order.state in OPEN and self._amended(owner, order):
                self.path.doubtful.add(owner)
        for (symbol, product, kind, broker_order_id), left in foreign.items():
            self._external(kind, symbol, product, left, broker_order_id)
        self._lose(self.book.orders.keys() - owners.keys() - self.book.unknown)

    def _amended(self, owner: str, order: BrokerOrder) -> bool:
        """Whether a stop of ours has other terms there: by somebody's hand, or a modify that was received only."""
        ours = self.book.orders.get(owner)
        if ours is None or ours.purpose is not Purpose.STOP:
            return False
        return (order.quantity, order.trigger_price) != (ours.quantity, ours.trigger_price)

    def _lose(self, missing: AbstractSet[str]) -> None:
        """Give up the working orders of ours that the order book has not shown for long."""
        now = self.clock.monotonic()
        self._missing = {one: self._missing.get(one, now) for one in missing}
        for intent_id in sorted(self._missing):
            if now - self._missing[intent_id] > max(self.path.horizon, GONE_SECONDS):
                self.path.lose(intent_id)

    def _external(
        self, kind: ExternalKind, symbol: str, product: Product, quantity: Decimal, broker_order_id: str = ""
    ) -> None:
        """Record how much there is by now. What the operator has said of it holds for another quantity, too."""
        key = symbol, product, kind, broker_order_id
        before = self._externals.get(key)
        if quantity == (ZERO if before is None else before.quantity):
            return
        status = ExternalStatus.FROZEN if before is None else before.status
        one = External(kind, symbol, product, quantity, status, self._at(), broker_order_id)
        self.journal.external(one, one.since)
        if quantity == 0:
            del self._externals[key]
            self.journal.settle_alert(external_alert(one), one.since)
            return
        self._externals[key] = one
        if status is ExternalStatus.FROZEN:
            told = f"is not ours: `livetrader adopt {symbol}` or `livetrader ignore {symbol}`"
            self.alert(external_alert(one), f"{described(one)} {told}")

    def _positions(self, books: Books) -> None:
        theirs = {(one.symbol, one.product) for one in books.positions}
        ours = {(held.entry.symbol, held.entry.product) for held in self.book.positions.values()}
        foreign = {(symbol, product) for symbol, product, *_ in self._externals}
        for symbol, product in sorted(theirs | ours | foreign | set(self.differing)):
            own, ext = self.book.own(symbol, product), self.book.foreign(symbol, product)
            if self._squared_off(symbol, product, books):
                ext = ZERO
            difference = books.position(symbol, product) - own - ext
            if difference == 0:
                self.differing.pop((symbol, product), None)
                self._confirm(symbol, product)
            elif self._believed((symbol, product), difference, books):
                del self.differing[symbol, product]
                if not self._changed(symbol, product, difference, ext, books):
                    self._explain(symbol, product, difference, ext, books)
                    self._confirm(symbol, product)

    def _squared_off(self, symbol: str, product: Product, books: Books) -> bool:
        """Whether a session has ended what others held against us, and ours with it.

        The broker squares off the sum of both: each would seem to be there still, and to make up for the other.
        """
        one, held = self._externals.get((symbol, product, ExternalKind.POSITION, "")), self._held((symbol, product))
        if one is None or held is None or product is not Product.MIS or one.quantity * held.position.quantity > 0:
            return False
        session = self.book.session
        if session is not None and session.all_day:
            return False
        over = session is None or one.since < session.open_at or self.clock.now() > session.closes
        return over and books.position(symbol, product) == 0

    def _confirm(self, symbol: str, product: Product) -> None:
        """A position held over night is what it was, if nothing but its quantity has a say in that."""
        held = self._questioned(symbol, product)
        if held is None or self.book.session is None:
            return
        objection = self.objection(symbol, held.opened)
        if objection:
            self._ask(symbol, objection)
        else:
            del self.book.questioned[symbol]
            log.info("held over night, as the broker has it", symbol=symbol, quantity=str(held.position.quantity))

    def _changed(self, symbol: str, product: Product, difference: Decimal, ext: Decimal, books: Books) -> bool:
        """Whether a position held over night is another one by now, and not traded: the operator is asked (M8).

        Beside what others hold, the broker's average price says nothing of ours.
        """
        held = self._questioned(symbol, product)
        if held is None:
            return False
        objection, ours = self.objection(symbol, held.opened), held.position
        if ext and difference * ours.quantity > 0:
            objection = objection or f"has become {difference:+f} more, and others hold some of it: a split or a bonus?"
        for theirs in () if ext else books.positions:
            if (theirs.symbol, theirs.product) == (symbol, product) and same_worth(held, theirs):
                was = f"{ours.quantity:+f} at {ours.average_price:f}"
                objection = f"{was} became {theirs.quantity:+f} at {theirs.average_price:f}: a split or a bonus?"
        if objection:
            self._ask(symbol, objection)
        return bool(objection)

    def _lasting(self) -> None:
        """End orders of before this session whose share may be another by now: their terms are of the old one (M8)."""
        session = self.book.session
        for under in self.book.parents.values():
            entry = under.entry
            if session is None or under.over or entry.effective >= session.opens:
                continue
            objection = self.objection(entry.symbol, entry.effective)
            if objection:
                self.book.leave(under, f"{entry.symbol} {objection}")
                told = f"{objection} The order {under.parent.name} is cancelled: its terms are of before; give it again"
                self.alert(f"lasting:{under.parent.name}", f"{entry.symbol}: {told}")

    def _questioned(self, symbol: str, product: Product) -> HeldPosition | None:
        return self._held((symbol, product)) if symbol in self.book.questioned else None

    def _ask(self, symbol: str, why: str) -> None:
        self.book.questioned[symbol] = why
        told = f"`livetrader adopt {symbol}` takes it as the broker has it, `livetrader ignore {symbol}` as it was"
        self.alert(ACTION_ALERT + symbol, f"{symbol}: {why} {told}; until then it has no stop and no exit")

    def _settle_answered(self) -> None:
        for alert in self.journal.alerts():
            if alert.key.startswith(ACTION_ALERT) and alert.key.removeprefix(ACTION_ALERT) not in self.book.questioned:
                self.journal.settle_alert(alert.key, self._at())

    def _believed(self, key: Key, difference: Decimal, books: Books) -> bool:
        """Whether two reads agree, and no order or fill of ours can be what one of the books does not show yet.

        A fill of ours that the order book tells and that is not booked yet is nobody else's trade, however late.
        """
        symbol, now = key[0], self.clock.monotonic()
        doubt = self.differing.get(key)
        if doubt is None or doubt.amount != difference:
            self.differing[key] = Doubt(difference, now)
            return False
        if self._unheard(symbol, books):
            return False
        lasts = now - doubt.since
        if self._vanished(key, difference, books):
            return lasts > max(self.path.horizon, GONE_SECONDS)
        working = any(order.symbol == symbol for order in self.book.orders.values())
        traded = now - self.path.traded.get(symbol, -inf) <= self.path.horizon
        return not (working or traded) or lasts > self.path.horizon

    def _unheard(self, symbol: str, books: Books) -> bool:
        """Whether the order book shows a fill of ours that is not booked."""
        for order in books.orders:
            owner = self.broker.owner(order) if order.symbol == symbol else None
            record = None if owner is None else self.journal.order(owner)
            if record is not None and order.filled_quantity > record.filled_quantity:
                return True
        return False

    def _vanished(self, key: Key, difference: Decimal, books: Books) -> bool:
        """Whether ours became less and nobody is seen to have traded it: more often an answer is empty, late or torn.

        Of what was held over night, today's trades say nothing.
        """
        lost, held = self._loss(key, difference), self._held(key)
        if held is None or key[0] in self.book.questioned:
            return False
        return abs(lost) > sum((one.quantity for one in self._by_others(held, books)), ZERO)

    def _loss(self, key: Key, difference: Decimal) -> Decimal:
        """The part of a difference that makes ours less, signed. What is external shrinks first."""
        held = self._held(key)
        rest = difference - _towards_zero(self.book.foreign(*key), difference)
        return ZERO if held is None else _towards_zero(held.position.quantity, rest)

    def _held(self, key: Key) -> HeldPosition | None:
        held = self.book.positions.get(key[0])
        return held if held is not None and held.entry.product is key[1] else None

    def _by_others(self, held: HeldPosition, books: Books) -> list[BrokerTrade]:
        """The trades against a position of ours that orders of others made."""
        entry, others = held.entry, {o.broker_order_id for o in books.orders if self.broker.owner(o) is None}
        against = entry.symbol, entry.product, closing(held.position.side)
        return [
            one
            for one in books.trades
            if (one.symbol, one.product, one.action) == against
            and one.traded_at.timestamp() >= held.opened
            and one.broker_order_id in others
        ]

    def _explain(self, symbol: str, product: Product, difference: Decimal, ext: Decimal, books: Books) -> None:
        """Who moved it: what is external shrinks first, then ours was closed by hand, the rest is external."""
        lost = self._loss((symbol, product), difference)
        if lost:
            self._closed_by_hand(self.book.positions[symbol], abs(lost), books)
        self._external(ExternalKind.POSITION, symbol, product, ext + difference - lost)

    def _closed_by_hand(self, held: HeldPosition, quantity: Decimal, books: Books) -> None:
        """Book what somebody else sold of ours, so that position and cash stay folds over fills."""
        entry, trades = held.entry, self._by_others(held, books)
        price = trades[-1].price if trades else self.price(entry.symbol)
        intent, fill = written_off(held, quantity, price, f"{self.broker.name}:hand", self._at())
        with self.journal.unit():
            self.journal.found(intent, trades[-1].broker_order_id if trades else "", self._at())
            self.journal.book(fill, self._at())
        self.book.book(fill, intent, int(self.clock.now()))
        told = f"{entry.symbol}: {quantity:f} of ours was closed by hand, booked at {price:f}"
        self.alert(f"hand:{intent.intent_id}", told)

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
        elif not (self.book.unknown or self.differing) and now - self.unexplained.since >= self.path.horizon:
            self.unexplained = None
            self.journal.flow(difference, "not ours: a transfer, or trades by hand", self._at())
            self.book.flow(difference)

    def _traded(self) -> Decimal:
        return self.book.cash - self.book.capital

    def _at(self) -> datetime:
        return wall_time(self.clock)


def written_off(
    held: HeldPosition, quantity: Decimal, price: Decimal, venue: str, at: datetime
) -> tuple[OrderIntent, Fill]:
    """What others did to a position, as an intent that is never sent and its fill: `quantity` of it is gone."""
    now = int(at.timestamp())
    name = closing_id(held, now, f"{Purpose.RECONCILE}:{quantity}")
    intent = closing_intent(
        held, name, Purpose.RECONCILE, OrderType.MARKET,
        quantity=quantity, price=price, as_of=now, reason=ExitReason.RECONCILE,
    )  # fmt: skip
    return intent, Fill(venue, name, name, intent.symbol, intent.action, quantity, price, ZERO, at)


def external_alert(one: External) -> str:
    """The key of the alert that something is not ours."""
    return f"{EXTERNAL_ALERT}{one.kind}:{one.symbol}:{one.product}:{one.broker_order_id}"


def described(one: External) -> str:
    """What is not ours in a few words."""
    return f"{one.kind} {one.quantity:+f} {one.symbol} {one.product}"


def _towards_zero(quantity: Decimal, change: Decimal) -> Decimal:
    """As much of `change` as brings `quantity` to zero; nothing where it leads away from it."""
    if quantity * change >= 0:
        return ZERO
    part = min(abs(quantity), abs(change))
    return part if change > 0 else -part

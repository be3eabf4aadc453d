"""A Broker over any Venue: its order and trade books, read again and again, become news of our orders.

Which order is ours is told by what the venue keeps of us (`Identity`): our id, or where it keeps nothing, the
broker's own order ids that we were told, and for an order whose answer was lost its fingerprint (symbol, action,
quantity, product, type) among the orders that were not there before the send. If several have it, one is taken: the
others are nobody's, which freezes the symbol until somebody has looked. Contract: ORDERS.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from livetrader.constraints.verdict import Approved
from livetrader.domain.books import Books, BrokerOrder, BrokerTrade, Identity
from livetrader.domain.instrument import Instrument, Product
from livetrader.domain.order import Fill, OrderIntent, OrderType, Purpose
from livetrader.domain.order_state import OPEN, OrderState
from livetrader.errors import BrokerError, BrokerProtocol, DataError
from livetrader.ports import OrderRecord, OrderUpdate, Outcome, Venue

ZERO = Decimal(0)

# A venue's clock may be behind ours: how much earlier than its sending an order may claim to have been placed.
CLOCK_SKEW = timedelta(seconds=5)

# What a broker with market protection may show an order as.
PROTECTED: Mapping[OrderType, OrderType] = {OrderType.MARKET: OrderType.LIMIT, OrderType.SL_M: OrderType.SL}

NOT_SHOWN = Outcome(OrderState.UNKNOWN, reason="the order book does not show it")

Charges = Callable[[BrokerTrade], Decimal]
"""What a trade cost, where the venue does not say."""


@dataclass(slots=True)
class PolledBroker:
    """Implements ports.BookKeeper. `restore` tells it, after a start, which orders are ours."""

    venue: Venue
    charges: Charges
    links: dict[str, str] = field(default_factory=dict)
    orders: dict[str, OrderIntent] = field(default_factory=dict)
    told: dict[str, tuple[OrderState, Decimal]] = field(default_factory=dict)
    booked: set[str] = field(default_factory=set)
    before: dict[str, frozenset[str]] = field(default_factory=dict)
    shown: set[str] | None = None
    tags: dict[str, str] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    name: str = field(init=False)
    visibility_seconds: float = field(init=False)

    def __post_init__(self) -> None:
        self.name = self.venue.name
        self.visibility_seconds = self.venue.visibility_seconds

    def restore(self, records: Iterable[OrderRecord], fills: Iterable[Fill]) -> None:
        """Take up what the journal knows: orders with the broker's ids, and trades that are booked.

        What others did to a position of ours is booked under the id of their order, which does not make it ours.
        """
        for record in records:
            self.orders[record.intent.intent_id] = record.intent
            if record.broker_order_id and record.intent.purpose is not Purpose.RECONCILE:
                self.links[record.broker_order_id] = record.intent.intent_id
        self.booked = {fill.trade_id for fill in fills if fill.broker == self.name}

    def place(self, order: Approved) -> Outcome:
        intent = order.intent
        try:
            there = self._there(intent)
        except BrokerError as error:
            return Outcome(OrderState.INTENT, reason=f"not sent, the order book cannot be read: {error}")
        self.orders[intent.intent_id] = intent
        outcome = self.venue.place(order) if there is None else Outcome(OrderState.UNKNOWN, there, "already there")
        if outcome.broker_order_id:
            self.links[outcome.broker_order_id] = intent.intent_id
        return outcome

    def _there(self, intent: OrderIntent) -> str | None:
        """The order that is `intent` already, though our journal does not know that it was sent (fault D5).

        A journal that was restored from an old copy makes the same intents again. Without a tag it is an order at work
        with the fingerprint of an exit or a stop: whoever made it, a second one would sell what is not there.
        """
        if not self.venue.identity.by_fingerprint:
            return self.tags.get(intent.intent_id)
        book = self._orders()
        self.before[intent.intent_id] = frozenset(order.broker_order_id for order in book)
        if intent.purpose is Purpose.ENTRY:
            return None
        working = [order for order in book if order.state in OPEN]
        alike = [seen for kind in self._shown_as(intent) for seen in working if self._alike(seen, intent, kind)]
        return alike[0].broker_order_id if alike else None

    def modify(self, intent: OrderIntent) -> Outcome:
        broker_order_id = self._broker_order_id(intent.intent_id)
        if broker_order_id is None:
            return NOT_SHOWN
        outcome = self.venue.modify(broker_order_id, intent)
        if outcome.state is OrderState.ACKED:
            self.orders[intent.intent_id] = intent
        return outcome

    def cancel(self, intent_id: str) -> Outcome:
        broker_order_id = self._broker_order_id(intent_id)
        return NOT_SHOWN if broker_order_id is None else self.venue.cancel(broker_order_id)

    def updates(self, now: int) -> Sequence[OrderUpdate]:  # noqa: ARG002 - a real venue knows the time
        """News since the last call. A state is held back until the trade book has the fills that led to it."""
        orders, trades = self._orders(), self.venue.trades()
        fresh: dict[str, list[BrokerTrade]] = {}
        known: dict[str, Decimal] = {}
        for trade in {_name(trade): trade for trade in trades}.values():
            known[trade.broker_order_id] = known.get(trade.broker_order_id, ZERO) + trade.quantity
            if _name(trade) not in self.booked:
                fresh.setdefault(trade.broker_order_id, []).append(trade)
        found = []
        for order in orders:
            intent_id = self.owner(order)
            if intent_id is None:
                continue
            self.links[order.broker_order_id] = intent_id
            fills = tuple(self._fill(intent_id, trade) for trade in fresh.get(order.broker_order_id, ()))
            update = self._news(intent_id, order, fills, known.get(order.broker_order_id, ZERO))
            if update is not None:
                found.append(update)
        return found

    def find(self, order: OrderRecord) -> Outcome:
        """Look the order up in the book, by what the venue keeps of us; one whose id is known by that, too."""
        ours, book = order.intent.intent_id, self._orders()
        known = [seen for seen in book if self.owner(seen) == ours] or self._by_id(ours)
        alike = [seen for kind in self._shown_as(order.intent) for seen in book if self._matches(seen, order, kind)]
        if not (known or alike):
            return NOT_SHOWN
        seen = (known or alike)[0]
        self.links[seen.broker_order_id] = ours
        return Outcome(OrderState.ACKED if seen.filled_quantity else seen.state, seen.broker_order_id, seen.reason)

    def position(self, symbol: str, product: Product) -> Decimal:
        if self.shown is None:
            self._orders()  # who asks this is about to send: what is there already has to be known
        held = (p.quantity for p in self.venue.positions() if (p.symbol, p.product) == (symbol, product))
        return sum(held, ZERO)

    def books(self) -> Books:
        venue, orders = self.venue, self._orders()
        trades = {_name(trade): trade for trade in venue.trades()}
        return Books(tuple(orders), tuple(trades.values()), tuple(venue.positions()), venue.funds())

    def instruments(self) -> Sequence[Instrument]:
        return self.venue.instruments()

    def _orders(self) -> Sequence[BrokerOrder]:
        """The order book, each order once. BrokerProtocol where orders are gone that it has shown before.

        They may be: brokers clear their books at night. Two answers in a row have to say so.
        """
        book = {order.broker_order_id: order for order in self.venue.orders()}
        gone = frozenset((self.shown or set()) - book.keys())
        if gone and gone != self.gone:
            self.gone = gone
            raise BrokerProtocol(f"{self.name}: {len(gone)} orders are gone from the order book: reading it again")
        self.shown, self.gone = set(book), frozenset()
        self.tags = {order.tag: order.broker_order_id for order in book.values()}
        return list(book.values())

    def owner(self, order: BrokerOrder) -> str | None:
        if order.broker_order_id in self.links:
            return self.links[order.broker_order_id]
        return order.tag if order.tag in self.orders else None

    def _broker_order_id(self, intent_id: str) -> str | None:
        return next((theirs for theirs, ours in self.links.items() if ours == intent_id), None)

    def _by_id(self, intent_id: str) -> list[BrokerOrder]:
        """What the venue says of the order itself, though its book lacks it."""
        broker_order_id = self._broker_order_id(intent_id)
        try:
            return [] if broker_order_id is None else [self.venue.order(broker_order_id)]
        except DataError:
            return []

    def _shown_as(self, intent: OrderIntent) -> Sequence[OrderType]:
        """The types that the venue may show an order as, its own first; none where no fingerprint is needed."""
        if not self.venue.identity.by_fingerprint:
            return ()
        kind = intent.order_type
        if self.venue.identity is Identity.LOOSE_FINGERPRINT and kind in PROTECTED:
            return kind, PROTECTED[kind]
        return (kind,)

    def _matches(self, seen: BrokerOrder, order: OrderRecord, order_type: OrderType) -> bool:
        """Whether an order of nobody's has the fingerprint of ours, and was not there before ours was sent."""
        if seen.broker_order_id in self.before.get(order.intent.intent_id, ()):
            return False
        # What was not there before the send needs no clock to prove it.
        told = order.intent.intent_id in self.before
        in_time = told or order.sent_at is None or seen.placed_at >= order.sent_at - CLOCK_SKEW
        return in_time and self._alike(seen, order.intent, order_type)

    def _alike(self, seen: BrokerOrder, intent: OrderIntent, order_type: OrderType) -> bool:
        """Whether an order is nobody's and has the fingerprint of `intent`."""
        if seen.tag or seen.broker_order_id in self.links:
            return False
        return (seen.symbol, seen.action, seen.quantity, seen.product, seen.order_type) == (
            intent.symbol, intent.action, intent.quantity, intent.product, order_type,
        )  # fmt: skip

    def _news(self, intent_id: str, order: BrokerOrder, fills: tuple[Fill, ...], known: Decimal) -> OrderUpdate | None:
        state = order.state
        if state not in OPEN and known < order.filled_quantity:
            state = OrderState.PARTIALLY_FILLED if known else OrderState.ACKED
        news = (state, known)
        if not fills and self.told.get(intent_id) == news:
            return None
        self.told[intent_id] = news
        self.booked.update(fill.trade_id for fill in fills)
        return OrderUpdate(intent_id, state, fills, order.reason, order.broker_order_id)

    def _fill(self, intent_id: str, trade: BrokerTrade) -> Fill:
        return Fill(
            broker=self.name,
            trade_id=_name(trade),
            intent_id=intent_id,
            symbol=trade.symbol,
            action=trade.action,
            quantity=trade.quantity,
            price=trade.price,
            charges=self.charges(trade) if trade.charges is None else trade.charges,
            filled_at=trade.traded_at,
        )


def _name(trade: BrokerTrade) -> str:
    """What a trade is known by for ever: exchanges number theirs anew each day, each segment its own."""
    return f"{trade.broker_order_id}:{trade.trade_id}"

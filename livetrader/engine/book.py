"""What the account holds: a fold over fills and orders. Nothing in it is ever set by hand."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from livetrader.constraints.gate import Exposure, Portfolio
from livetrader.domain.account import External, ExternalKind
from livetrader.domain.exit_plan import ExitKind, ExitPlan, ExitReason
from livetrader.domain.instrument import Product
from livetrader.domain.lots import LotMethod
from livetrader.domain.order import Fill, OrderIntent, Purpose
from livetrader.domain.order_state import OPEN, OrderState
from livetrader.domain.parent import Parent, ParentRecord
from livetrader.domain.position import Position, apply
from livetrader.domain.session import Session
from livetrader.domain.signal import Signal
from livetrader.engine.answers import Answers
from livetrader.engine.exits import begin
from livetrader.engine.held import HeldPosition, Leaving
from livetrader.engine.history import Returns
from livetrader.engine.parents.under_way import UnderWay
from livetrader.engine.sizing import Sizer
from livetrader.ports import OrderRecord

__all__ = ["Book", "HeldPosition", "Leaving"]

ZERO = Decimal(0)

# How a protective stop ends that nobody of us ended. (EXPIRED is the end of a day order.)
LOST = frozenset({OrderState.REJECTED, OrderState.CANCELLED, OrderState.ABANDONED})

# A plan for what has none: a fill of an exit that came twice, so to speak, and left a position behind.
NO_EXIT = ExitPlan(ExitKind.NONE)

# How an exit reads that a stop has brought about, a trailed one too.
STOPPED = frozenset({ExitReason.STOP.value, ExitReason.TRAILING.value})


@dataclass(slots=True)
class Book:
    """The account in memory: rebuilt from the journal at every start.

    `base` is the capital that allocations are taken from: what the configuration says, or with `compound` the
    account's value at the session's start. `lots` says what a partial exit closes. `cash` is exact: starting capital
    plus the cash of all fills. `questioned` says by symbol why a position that was held over night may not be what it
    was: nothing is done about it. `recalled` are the entries of earlier processes, which may have done more about their
    positions than the journal knows. `entered` are the session's trades by the entry that makes each, a parent for all
    of its children.
    `stopped` is when a stop was last reached in a symbol (epoch seconds); `losing` counts the losing trades since the
    last gain of the session, `losses` the longest such run; `answers` says which of its entries have an answer of the
    broker's. With `prices` (last prices by symbol, of what is held, at a time in epoch seconds) the exposure says what
    the account is worth, with `returns` how the symbols move.
    """

    sizer: Sizer
    capital: Decimal
    compound: bool = False
    lots: LotMethod = LotMethod.AVERAGE
    cash: Decimal = ZERO
    base: Decimal = ZERO
    day_cash: Decimal = ZERO
    session: Session | None = None
    positions: dict[str, HeldPosition] = field(default_factory=dict)
    orders: dict[str, OrderIntent] = field(default_factory=dict)
    unfilled: dict[str, Decimal] = field(default_factory=dict)
    parents: dict[str, UnderWay] = field(default_factory=dict)
    entered: dict[str, OrderIntent] = field(default_factory=dict)
    closed_at: dict[str, int] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    rejections: Counter[tuple[str, str]] = field(default_factory=Counter)
    halts: dict[str, str] = field(default_factory=dict)
    frozen: dict[str, str] = field(default_factory=dict)
    questioned: dict[str, str] = field(default_factory=dict)
    recalled: set[str] = field(default_factory=set)
    differing: tuple[str, ...] = ()
    foreigners: tuple[External, ...] = ()
    flowed: Decimal = ZERO
    day_value: Decimal = ZERO
    stopped: Mapping[str, int] = field(default_factory=dict)
    losing: int = 0
    losses: int = 0
    answers: Answers = field(default_factory=Answers)
    prices: Callable[[int], Mapping[str, Decimal]] | None = None
    returns: Returns | None = None
    _seen: tuple[tuple[int, int, int], Exposure] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.cash = self.base = self.day_cash = self.capital

    def start(self, session: Session) -> None:
        """Begin a session: counts restart, and the day's money is counted from here."""
        self._seen = None
        self.session = session
        self.entered = {o.trade: o for o in self.orders.values() if o.purpose is Purpose.ENTRY}
        for name, under in self.parents.items():
            under.cancelled = False
            if under.rest:
                self.entered[name] = under.entry
        self.closed_at = {}
        self.rejections = Counter()
        self.losing = self.losses = 0
        self.answers = Answers()
        for held in self.positions.values():
            held.lost_stops = 0  # brokers call the end of yesterday's day order CANCELLED, too
        self.day_cash = self.cash + self._invested()
        self.base = self.day_cash if self.compound else self.capital

    def _invested(self) -> Decimal:
        """Open positions at their entry prices, signed."""
        return sum((p.position.quantity * p.position.average_price for p in self.positions.values()), ZERO)

    def open(self, intent: OrderIntent) -> None:
        """An order is about to go out: from here on it counts as exposure."""
        self._seen = None
        self.orders[intent.intent_id] = intent
        self.unfilled[intent.intent_id] = intent.quantity
        held = self.positions.get(intent.symbol)
        if intent.purpose is Purpose.ENTRY:
            self.entered[intent.trade] = intent
            self.answers.sent(intent)
            if intent.parent_id in self.parents:
                self.parents[intent.parent_id].opened(intent)
        elif held is None or held.position.side is not intent.side:
            pass  # it closes another position, and would add to this one: the sweep cancels it
        elif intent.purpose is Purpose.STOP:
            if intent.intent_id not in held.stops:
                held.stops.append(intent.intent_id)
        else:
            held.closing = intent.intent_id

    def amend(self, intent: OrderIntent) -> None:
        """A working order has new terms."""
        self._seen = None
        before = self.orders[intent.intent_id]
        self.orders[intent.intent_id] = intent
        self.unfilled[intent.intent_id] += intent.quantity - before.quantity

    def advance(self, intent_id: str, state: OrderState) -> None:
        """What the venue said of an order."""
        self._seen = None
        if state is OrderState.UNKNOWN:
            self.unknown.add(intent_id)
        else:
            self.unknown.discard(intent_id)
        self.answers.advance(intent_id, state)
        if state in OPEN:
            return
        intent = self.orders.get(intent_id)
        held = None if intent is None else self.positions.get(intent.symbol)
        its_stop = held is not None and intent_id in held.stops
        self.settle(intent_id, state)
        if state is OrderState.RECORDED and intent is not None and intent.purpose is Purpose.ENTRY:
            # A dry run's entry will never fill, and counts all the same: the day's limits are there to be seen.
            self.entered[intent.trade] = intent
        elif state in LOST and held is not None and its_stop and held.leaving is None:
            held.lost_stops += 1

    def settle(self, intent_id: str, state: OrderState = OrderState.EXPIRED) -> None:
        """An order can no longer fill: its reservation comes back, and its count if it never filled.

        `state` is how it ended, which says of a child what its parent may send again.
        """
        intent = self.orders.pop(intent_id, None)
        if intent is None:
            return
        self._seen = None
        self.unknown.discard(intent_id)
        filled = self.unfilled.pop(intent_id) < intent.quantity
        held = self.positions.get(intent.symbol)
        if intent.purpose is Purpose.ENTRY:
            if intent.parent_id in self.parents:
                self.parents[intent.parent_id].closed(intent_id, state, today=self._today(intent))
            elif not filled:
                self.entered.pop(intent_id, None)
        elif held is not None and intent_id in held.stops:
            held.stops.remove(intent_id)
        elif held is not None and held.closing == intent_id:
            held.closing = None

    def begin(self, parent: Parent) -> UnderWay:
        """A parent is under way, or goes on with other terms: from here on all that it may send counts as exposure."""
        self._seen = None
        under = self.parents.setdefault(parent.name, UnderWay(parent))
        under.parent, under.spent = parent, False
        self.entered[parent.name] = parent.entry
        return under

    def resume(self, record: ParentRecord) -> None:
        """Take up a parent of an earlier process, before its children."""
        under = self.begin(record.parent)
        under.ended, under.over = record.ended_at is not None, record.reason

    def leave(self, under: UnderWay, why: str) -> None:
        """Nothing more of a parent goes out: the rest of it comes back. Without a `why` what works of it goes on."""
        self._seen = None
        under.over, under.spent = under.over or why, True

    def drop(self, under: UnderWay) -> None:
        """A parent that is over has no child at work: its count comes back, too, if none has filled in this session."""
        self._seen = None
        del self.parents[under.parent.name]
        opens = 0 if self.session is None else self.session.opens
        today = [child for child in under.children.values() if child.as_of >= opens]
        if not any(child.filled or child.state is OrderState.RECORDED for child in today):
            self.entered.pop(under.parent.name, None)

    def entries(self) -> Iterator[tuple[OrderIntent, Decimal]]:
        """What may still open or enlarge a position, and how much of it: working entries, and the rest of parents."""
        yield from ((o, self.unfilled[o.intent_id]) for o in self.orders.values() if o.purpose is Purpose.ENTRY)
        yield from ((under.entry, under.rest) for under in self.parents.values() if under.rest)

    def recall(self, record: OrderRecord) -> None:
        """Take up an order of an earlier process, its fills being booked already."""
        intent, state = record.intent, record.state
        under = self.parents.get(intent.parent_id)
        if under is not None:
            self._seen = None
            under.recalled(intent, state, record.filled_quantity, today=self._today(intent))
        held = self.positions.get(intent.symbol)
        if state in OPEN:
            self.open(intent)
            self.unfilled[intent.intent_id] -= record.filled_quantity
            self.advance(intent.intent_id, state)
        elif state is OrderState.RECORDED and self._today(intent):
            self.entered[intent.trade] = intent
        elif state is OrderState.REJECTED and intent.purpose is Purpose.ENTRY and self._today(intent):
            self.reject(intent.symbol, record.reason)
        if intent.purpose is Purpose.ENTRY:
            self.answers.recall(record, self._today(intent))
        if held is None or intent.entry_id != held.entry.intent_id:
            return
        if intent.purpose is Purpose.STOP:
            # Of an earlier session they say little: an exchange that has closed takes no stop.
            lost = state in LOST and record.filled_quantity == 0
            held.lost_stops += lost and self.session is not None and record.updated_at >= self.session.open_at
        elif intent.purpose is Purpose.EXIT and intent.reason != ExitReason.REDUCED:
            held.exits += 1
            held.leaving = held.leaving or Leaving(ExitReason(intent.reason), intent.as_of)
            held.intended = intent if state is OrderState.INTENT else None

    def _today(self, intent: OrderIntent) -> bool:
        return self.session is not None and intent.as_of >= self.session.opens

    def reject(self, symbol: str, reason: str) -> int:
        """An entry was rejected: how often now, in this session and for what the broker calls this reason."""
        key = symbol, reason.partition(":")[0]
        self.rejections[key] += 1
        return self.rejections[key]

    def halt(self, halts: Mapping[str, str], frozen: Mapping[str, str]) -> None:
        """What stops entries from now on: all of them, by the name of each latch, and those in a symbol."""
        self._seen = None
        self.halts, self.frozen = dict(halts), dict(frozen)

    def unresolved(self, symbol: str) -> bool:
        """Whether the fate of one of the symbol's orders is unknown: until it is known, no other goes out."""
        return any(self.orders[intent_id].symbol == symbol for intent_id in self.unknown)

    def own(self, symbol: str, product: Product) -> Decimal:
        """What the ledger holds, signed."""
        held = self.positions.get(symbol)
        return held.position.quantity if held is not None and held.entry.product is product else ZERO

    def foreign(self, symbol: str, product: Product) -> Decimal:
        """What the venue holds for the account that is not ours, signed."""
        kind = ExternalKind.POSITION
        found = (o.quantity for o in self.foreigners if (o.kind, o.symbol, o.product) == (kind, symbol, product))
        return sum(found, ZERO)

    def compared(self, foreigners: Sequence[External], differing: Sequence[str]) -> None:
        """What a reconciliation found: what is not ours, and the symbols whose position is in doubt."""
        self._seen = None
        self.foreigners, self.differing = tuple(foreigners), tuple(differing)

    def flow(self, amount: Decimal) -> None:
        """Money came from outside (positive) or went there: what is gone cannot be traded with."""
        self._seen = None
        self.flowed += amount

    def book(self, fill: Fill, intent: OrderIntent, closes: int) -> None:
        """Apply a fill of `intent`; `closes` is when the bar that it happened in is known."""
        self._seen = None
        self.cash += fill.cash
        if intent.purpose is Purpose.ENTRY:
            self.entered[intent.trade] = intent
            self.answers.advance(intent.intent_id, OrderState.PARTIALLY_FILLED)
            if intent.parent_id in self.parents:
                self.parents[intent.parent_id].filled_more(intent.intent_id, fill.quantity)
        if fill.intent_id in self.unfilled:
            self.unfilled[fill.intent_id] -= fill.quantity
        held = self.positions.get(fill.symbol)
        before = held.position if held is not None else Position(fill.symbol)
        after = apply(before, fill, self.lots)
        cash = fill.cash if held is None else held.cash + fill.cash
        turned = after.quantity * before.quantity < 0
        if held is not None and (after.quantity == 0 or turned):
            self._closed(fill, intent.reason, cash + after.quantity * fill.price)
            for under in self.parents.values():
                if under.owns(held.entry):
                    self.leave(under, "its position was closed")
        elif held is not None and intent.purpose is Purpose.RECONCILE and held.entry.parent_id in self.parents:
            self.leave(self.parents[held.entry.parent_id], "some of its position was sold by hand")
        if after.quantity == 0:
            self.positions.pop(fill.symbol, None)
            self.questioned.pop(fill.symbol, None)
            self.closed_at[fill.symbol] = closes
        elif held is None or turned:  # turned round: another position, with another exit
            # Of a fill that turns the position, the old one had the charges.
            begun = -after.quantity * fill.price if turned else cash
            self.positions[fill.symbol] = self._opened(intent, fill, after, begun)
        else:
            held.position, held.cash = after, cash

    def _closed(self, fill: Fill, reason: str, earned: Decimal) -> None:
        """A trade is over; `earned` is what it brought, charges included."""
        if reason in STOPPED:
            # Another dict: the old one is what earlier decisions were made on.
            self.stopped = {**self.stopped, fill.symbol: int(fill.filled_at.timestamp())}
        self.losing = self.losing + 1 if earned < 0 else 0
        self.losses = max(self.losses, self.losing)

    def _opened(self, intent: OrderIntent, fill: Fill, position: Position, cash: Decimal) -> HeldPosition:
        tick = float(self.sizer.instrument(fill.symbol).tick)
        state = begin(intent.exit or NO_EXIT, position.side, float(fill.price), tick)
        filled = int(fill.filled_at.timestamp())
        return HeldPosition(intent, position, state, opened=filled, walked=filled, cash=cash)

    def value(self, prices: Mapping[str, Decimal]) -> Decimal:
        """The account's value with open positions at `prices`."""
        held = self.positions.values()
        return self.cash + sum((p.position.quantity * prices[p.position.symbol] for p in held), ZERO)

    @property
    def available(self) -> Decimal:
        """Money that is neither invested nor reserved, today's profits and losses included."""
        leverage = self.sizer.leverage
        invested = sum((p.margin for p in self.positions.values()), ZERO)
        reserved = sum((quantity * entry.price for entry, quantity in self.entries()), ZERO)
        earned = self.cash + self._invested() - self.day_cash
        return self.base + earned + min(self.flowed, ZERO) - (invested + reserved) / leverage

    def exposure(self, now: int, signal: Signal) -> Exposure:
        """The account as the constraints see it when the bar of `signal` is decided.

        Signals come many at a close: what the first was shown holds for the next, until an order or a fill.
        """
        bar = (now, signal.bar_open, signal.as_of)
        if self._seen is None or self._seen[0] != bar:
            self._seen = bar, self._counted(now, signal)
        return self._seen[1]

    def _counted(self, now: int, signal: Signal) -> Exposure:
        assert self.session is not None, "a session has begun"
        pending = {entry.symbol for entry, _ in self.entries()}
        unanswered, unanswered_at = self.answers.missing()
        doubted = {self.orders[name].symbol: "the fate of one of its orders is unknown" for name in self.unknown}
        return Exposure(
            now=now,
            session=self.session,
            held=set(self.positions),
            pending=pending - set(self.positions),
            # Exits are walked on finer bars than the signal's: a position that closed inside its bar closed on it.
            closed={s for s, closes in self.closed_at.items() if signal.bar_open < closes <= signal.as_of},
            trades=len(self.entered),
            trades_by_strategy=Counter(order.strategy for order in self.entered.values()),
            available=self.available,
            leverage=self.sizer.leverage,
            halts=self.halts,
            frozen={**doubted, **self.frozen},
            stopped=self.stopped,
            losses=self.losses,
            rejections=self.rejections.total(),
            unanswered=unanswered,
            unanswered_at=unanswered_at,
            portfolio=None if self.prices is None else self._portfolio(self.prices(signal.as_of)),
            sides={} if self.returns is None else self._sides(),
            returns={} if self.returns is None else self.returns,
        )

    def _sides(self) -> dict[str, int]:
        """Which way each symbol is held, or will be."""
        entries = {entry.symbol: entry.side.sign for entry, _ in self.entries()}
        return entries | {symbol: held.position.side.sign for symbol, held in self.positions.items()}

    def _portfolio(self, prices: Mapping[str, Decimal]) -> Portfolio:
        """What the account is worth, and what is held or may yet fill, orders of unknown fate included."""
        values: dict[str, Decimal] = defaultdict(Decimal)
        by_strategy: dict[str, Decimal] = defaultdict(Decimal)
        held = [(p.entry, abs(p.position.quantity) * prices[symbol]) for symbol, p in self.positions.items()]
        for entry, value in (*held, *((entry, quantity * entry.price) for entry, quantity in self.entries())):
            values[entry.symbol] += value
            by_strategy[entry.strategy] += value
        value = self.value(prices)
        return Portfolio(value + min(self.flowed, ZERO), values, by_strategy, lost=self.day_value - value)

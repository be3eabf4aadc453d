"""What the broker holds and our books do not, or not so: taken over by the operator, or left alone for good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from math import isnan

from livetrader.domain.account import External, ExternalKind, ExternalStatus
from livetrader.domain.books import Books, BrokerPosition
from livetrader.domain.exit_plan import ExitPlan
from livetrader.domain.instrument import Product
from livetrader.domain.order import Fill, OrderIntent, OrderType, Purpose, intent_id, opening
from livetrader.domain.signal import Side
from livetrader.engine.book import HeldPosition
from livetrader.engine.by_hand.manual import STRATEGY, NotDone, fixed_stop
from livetrader.engine.cycle import Engine
from livetrader.engine.exits import walk
from livetrader.engine.overnight import ACTION_ALERT, CARRIED_LATCH, UNCOMPARED
from livetrader.engine.reconcile import Reconciler, described, external_alert, written_off
from livetrader.ports import wall_time

ZERO = Decimal(0)

Booking = tuple[OrderIntent, Fill]
"""An intent that is never sent, and its fill."""


def ignore(engine: Engine, symbol: str) -> str:
    """Leave what is not ours in a symbol alone, and trade the symbol again.

    A position of ours that is in question is, for this session, what it was.
    """
    if symbol in engine.book.questioned:
        return _trust(engine, symbol)
    found = _externals(engine, symbol)
    for one in found:
        engine.journal.external(replace(one, status=ExternalStatus.IGNORED), wall_time(engine.clock))
        engine.settle_alert(external_alert(one))
    engine.book.compared(engine.journal.externals(), engine.book.differing)
    return f"ignored: {', '.join(described(one) for one in found)}"


def adopt(engine: Engine, reconciler: Reconciler, symbol: str, stop: Decimal | None) -> str:
    """Take a position over at the broker's average price: from now on it is traded, and closed, as ours.

    It becomes a fill, because positions are nothing but fills, and its price a flow, because nothing was paid now. One
    of ours that is in question is taken as the broker has it by now.
    """
    if stop is not None and (stop <= 0 or stop % engine.book.sizer.instrument(symbol).tick):
        raise NotDone(f"stop {stop}: must be a positive multiple of the tick")
    if symbol in engine.book.questioned:
        return _rebase(engine, reconciler, engine.book.positions[symbol], stop)
    found = [one for one in _externals(engine, symbol) if one.kind is ExternalKind.POSITION]
    if len(found) != 1:
        raise NotDone(f"{symbol}: {len(found)} positions there are not ours; only one can be adopted")
    working = any(order.symbol == symbol for order in engine.book.orders.values())
    if symbol in engine.book.positions or working or engine.parents.of(symbol):
        raise NotDone(f"{symbol}: something of ours is there; close it first, or `livetrader ignore {symbol}`")
    if any(other.kind is ExternalKind.ORDER for other in _externals(engine, symbol)):
        raise NotDone(f"{symbol}: an order that is not ours works there, and would trade beside ours: cancel it first")
    one = found[0]
    price = _average_price(reconciler.broker.books(), one)
    exit = fixed_stop(stop, square_off=one.product is Product.MIS)
    with engine.journal.unit():
        taken = _taken(engine, BrokerPosition(symbol, one.product, one.quantity, price), STRATEGY, exit)
        _record(engine, [taken], f"adopted {symbol}: it was paid for before")
        engine.journal.external(replace(one, quantity=ZERO), wall_time(engine.clock))
    _apply(engine, [taken])
    engine.book.compared(engine.journal.externals(), engine.book.differing)
    engine.settle_alert(external_alert(one))
    return f"adopted: {described(one)} at {price:f}{_with(stop)}"


def _trust(engine: Engine, symbol: str) -> str:
    """The operator says that nothing has happened to a position; that is not forgotten by a restart in the session."""
    if engine.book.session is None:
        raise NotDone(f"{symbol}: the market is closed: answer when the session has begun")
    said = "taken as it was, for this session"
    engine.journal.latch(CARRIED_LATCH + symbol, f"by hand: {said}", wall_time(engine.clock))
    del engine.book.questioned[symbol]
    engine.settle_alert(ACTION_ALERT + symbol)
    return f"{symbol}: {said}"


def _rebase(engine: Engine, reconciler: Reconciler, held: HeldPosition, stop: Decimal | None) -> str:
    """Close what a position was and open what it is at the broker, in one commit (fault M8). Nothing is paid for it."""
    symbol, venue, old = held.entry.symbol, reconciler.broker.name, held.position
    theirs = _become(engine, reconciler, held)
    if not engine.closing.alone(held, "the position is another one by now"):
        raise NotDone(f"{symbol}: an order of its old self is being cancelled: ask again in a moment")
    gone = written_off(held, abs(old.quantity), old.average_price, f"{venue}:adopted", wall_time(engine.clock))
    bookings, said = [gone], f"{symbol}: taken out of our books: the broker has none of it"
    if theirs.quantity:
        ratio, plan = theirs.quantity / old.quantity, held.entry.exit
        stop = _rebased(engine, held, _opening_stop(engine, held), ratio) if stop is None else stop
        target = _rebased(engine, held, held.exit.target, ratio)
        exit = fixed_stop(stop, target, square_off=plan is not None and plan.square_off)
        bookings.append(_taken(engine, theirs, held.entry.strategy, exit))
        said = f"adopted: {symbol} as {theirs.quantity:+f} at {theirs.average_price:f}{_with(stop)}"
    with engine.journal.unit():
        _record(engine, bookings, f"{symbol}: {old.quantity:+f} became {theirs.quantity:+f}")
    _apply(engine, bookings)
    engine.settle_alert(ACTION_ALERT + symbol)
    return said


def _become(engine: Engine, reconciler: Reconciler, held: HeldPosition) -> BrokerPosition:
    """What the broker has of a position in question; NotDone where that is no answer."""
    symbol, product, book = held.entry.symbol, held.entry.product, engine.book
    if book.questioned[symbol] == UNCOMPARED:
        raise NotDone(f"{symbol}: not compared with the broker's books yet: run `livetrader reconcile`, then try again")
    if book.foreign(symbol, product):
        raise NotDone(f"{symbol}: others hold some of it, too: close one of the two at the broker, or both")
    listed = [p for p in reconciler.broker.books().positions if (p.symbol, p.product) == (symbol, product)]
    theirs = listed[0] if listed else BrokerPosition(symbol, product, ZERO, ZERO)
    theirs = replace(theirs, average_price=book.sizer.instrument(symbol).price(theirs.average_price))
    if theirs.quantity * held.position.quantity < 0 or (theirs.quantity and theirs.average_price <= 0):
        raise NotDone(f"{symbol}: the broker has {theirs.quantity:+f} at {theirs.average_price:f}: close it there")
    return theirs


def _opening_stop(engine: Engine, held: HeldPosition) -> float:
    """Where the stop stood when the session opened; NaN: there was none."""
    bars, session = engine.tape.bars(held.entry.symbol), engine.book.session
    begun, since = held.begun
    start, end = int(bars.ts.searchsorted(since)), len(bars.ts)
    if session is not None:
        end = int(bars.closes.searchsorted(session.opens, side="right"))
    return walk(begun, bars.open, bars.high, bars.low, start, end).state.stop


def _rebased(engine: Engine, held: HeldPosition, level: float, ratio: Decimal) -> Decimal | None:
    """A level of the exit in the money of today's shares, on their tick grid."""
    if isnan(level):
        return None
    instrument = engine.book.sizer.instrument(held.entry.symbol)
    return (instrument.price(level) / ratio / instrument.tick).to_integral_value() * instrument.tick


def _taken(engine: Engine, theirs: BrokerPosition, strategy: str, exit: ExitPlan) -> Booking:
    """A position of the broker's as an entry that was never sent, and its fill."""
    side = Side.LONG if theirs.quantity > 0 else Side.SHORT
    action, now, symbol, product = opening(side), int(engine.clock.now()), theirs.symbol, theirs.product
    quantity, price = abs(theirs.quantity), theirs.average_price
    name = intent_id(engine.account, strategy, symbol, now, action, f"adopt:{product}:{theirs.quantity}")
    intent = OrderIntent(
        name, engine.account, strategy, symbol, side, action, Purpose.ENTRY, product, OrderType.MARKET,
        quantity, price, now, reason="adopted", exit=exit,
    )  # fmt: skip
    venue, at = f"{engine.path.broker.name}:adopted", wall_time(engine.clock)
    return intent, Fill(venue, name, name, symbol, action, quantity, price, ZERO, at)


def _record(engine: Engine, bookings: Sequence[Booking], why: str) -> None:
    """Write bookings down, with the flow that keeps cash as it is; in a unit of the caller's."""
    at = wall_time(engine.clock)
    for intent, fill in bookings:
        engine.journal.found(intent, "", at)
        engine.journal.book(fill, at)
    engine.journal.flow(-_cash(bookings), why, at)


def _apply(engine: Engine, bookings: Sequence[Booking]) -> None:
    for intent, fill in bookings:
        engine.book.book(fill, intent, int(engine.clock.now()))
    engine.book.flow(-_cash(bookings))


def _cash(bookings: Sequence[Booking]) -> Decimal:
    return sum((fill.cash for _, fill in bookings), ZERO)


def _with(stop: Decimal | None) -> str:
    return "" if stop is None else f", stop {stop:f}"


def _average_price(books: Books, one: External) -> Decimal:
    """What the broker says that it cost; NotDone where the broker holds another quantity by now."""
    held = [p for p in books.positions if (p.symbol, p.product) == (one.symbol, one.product)]
    if len(held) != 1 or held[0].quantity != one.quantity or held[0].average_price <= 0:
        raise NotDone(f"{one.symbol}: the broker's position has changed: run `livetrader reconcile`, then try again")
    return held[0].average_price


def _externals(engine: Engine, symbol: str) -> list[External]:
    found = [one for one in engine.journal.externals() if one.symbol == symbol]
    if not found:
        raise NotDone(f"{symbol}: nothing there is not ours: see `livetrader status`")
    return found

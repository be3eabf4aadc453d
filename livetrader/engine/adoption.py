"""What is at the broker and not ours: taken over by the operator, or left alone for good."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from livetrader.domain.account import External, ExternalKind, ExternalStatus
from livetrader.domain.books import Books
from livetrader.domain.instrument import Product
from livetrader.domain.order import Fill, OrderIntent, OrderType, Purpose, intent_id, opening
from livetrader.domain.signal import Side
from livetrader.engine.cycle import Engine
from livetrader.engine.manual import STRATEGY, NotDone, fixed_stop
from livetrader.engine.reconcile import Reconciler
from livetrader.ports import wall_time

ZERO = Decimal(0)


def ignore(engine: Engine, symbol: str) -> str:
    """Leave what is not ours in a symbol alone, and trade the symbol again."""
    found = _externals(engine, symbol)
    for one in found:
        engine.journal.external(replace(one, status=ExternalStatus.IGNORED), wall_time(engine.clock))
        _settle(engine, one)
    engine.book.compared(engine.journal.externals(), engine.book.differing)
    return f"ignored: {', '.join(_named(one) for one in found)}"


def adopt(engine: Engine, reconciler: Reconciler, symbol: str, stop: Decimal | None) -> str:
    """Take a position over at the broker's average price: from now on it is traded, and closed, as ours.

    It becomes a fill, because positions are nothing but fills, and its price a flow, because nothing was paid now.
    """
    found = [one for one in _externals(engine, symbol) if one.kind is ExternalKind.POSITION]
    if len(found) != 1:
        raise NotDone(f"{symbol}: {len(found)} positions there are not ours; only one can be adopted")
    if symbol in engine.book.positions or any(o.symbol == symbol for o in engine.book.orders.values()):
        raise NotDone(f"{symbol}: something of ours is there; close it first, or `livetrader ignore {symbol}`")
    one = found[0]
    price = _average_price(reconciler.broker.books(), one)
    if stop is not None and (stop <= 0 or stop % engine.book.sizer.instrument(symbol).tick):
        raise NotDone(f"stop {stop}: must be a positive multiple of the tick")
    _take_over(engine, one, price, stop)
    _settle(engine, one)
    return f"adopted: {_named(one)} at {price:f}" + ("" if stop is None else f", stop {stop:f}")


def _take_over(engine: Engine, one: External, price: Decimal, stop: Decimal | None) -> None:
    side = Side.LONG if one.quantity > 0 else Side.SHORT
    action, now, at = opening(side), int(engine.clock.now()), wall_time(engine.clock)
    name = intent_id(engine.account, STRATEGY, one.symbol, now, action, f"adopt:{one.product}:{one.quantity}")
    quantity, square_off = abs(one.quantity), one.product is Product.MIS
    intent = OrderIntent(
        name, engine.account, STRATEGY, one.symbol, side, action, Purpose.ENTRY, one.product, OrderType.MARKET,
        quantity, price, now, reason="adopted", exit=fixed_stop(stop, square_off=square_off),
    )  # fmt: skip
    fill = Fill(f"{engine.path.broker.name}:adopted", name, name, one.symbol, action, quantity, price, ZERO, at)
    with engine.journal.unit():
        engine.journal.found(intent, "", at)
        engine.journal.book(fill, at)
        engine.journal.flow(-fill.cash, f"adopted {one.symbol}: it was paid for before", at)
        engine.journal.external(replace(one, quantity=ZERO), at)
    engine.book.book(fill, intent, now)
    engine.book.flow(-fill.cash)
    engine.book.compared(engine.journal.externals(), engine.book.differing)


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


def _settle(engine: Engine, one: External) -> None:
    key = f"external:{one.kind}:{one.symbol}:{one.product}:{one.broker_order_id}"
    engine.journal.settle_alert(key, wall_time(engine.clock))


def _named(one: External) -> str:
    return f"{one.kind} {one.quantity:+f} {one.symbol} {one.product}"

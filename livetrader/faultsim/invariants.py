"""What must hold whatever happens: invariants I1–I8 of ORDERS.md, against the venue's truth.

I9 (dry-run and paper call no order endpoint), I10 (decisions from closed bars) and I11 (no secret anywhere) are held by
tests of their own: nothing in this world could break them.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

from livetrader.domain.books import Identity
from livetrader.domain.instrument import Product
from livetrader.domain.order import Purpose
from livetrader.domain.order_state import OPEN
from livetrader.engine.protection import STOP_ALERT
from livetrader.faultsim.violation import Violation

if TYPE_CHECKING:
    from livetrader.faultsim.world import World

ZERO = Decimal(0)


def check(world: World) -> None:
    """What holds after every step. Where a fault has kept the engine from knowing, it cannot have acted yet."""
    if not world.stirred():
        return
    _once(world)
    _folds(world)
    _exposure(world)
    if world.informed:
        _protected(world)


def check_end(world: World) -> None:
    """What holds when the day is over and faults have ended, too."""
    check(world)
    left = [f"{o.intent.intent_id} {o.state}" for o in world.journal.orders() if not o.state.terminal]
    if left:
        raise Violation("I5", f"still open after the day: {', '.join(left)}")
    if world.book.positions:
        raise Violation("I5", f"still held after the day: {', '.join(world.book.positions)}")
    if not world.agreed:
        raise Violation("I2", f"the books never agreed: {world.reconciler.differing} {world.reconciler.unexplained}")
    _complete(world)
    world.journal.verify_audit()


def _once(world: World) -> None:
    """I1: an intent is at most one order of the venue, and fills at most what was intended."""
    tags = Counter(order.ticket.tag for order in world.exchange.orders.values() if order.ticket.tag)
    for tag, count in tags.items():
        if count > 1:
            raise Violation("I1", f"intent {tag} is {count} orders at the venue")
    for order in world.journal.open_orders():
        if order.filled_quantity > order.intent.quantity:
            raise Violation("I1", f"intent {order.intent.intent_id} filled {order.filled_quantity}")


def _folds(world: World) -> None:
    """I3, our side: cash is the capital and the cash of every fill, and nothing else."""
    cash = world.book.capital + sum((fill.cash for fill in world.journal.fills()), ZERO)
    if cash != world.book.cash:
        raise Violation("I3", f"the book has {world.book.cash}, its fills make {cash}")


def _complete(world: World) -> None:
    """I3: each trade of an order of ours is one fill of its intent, and there is no other fill.

    Where the venue keeps nothing of us, an order like ours (the broker's square-off) may pass for one of unknown fate.
    """
    tags = {order.order_id: order.ticket.tag for order in world.exchange.orders.values()}
    trades = world.exchange.trades
    theirs = {(f"{one.broker_order_id}:{one.trade_id}", tags[one.broker_order_id]) for one in trades}
    ours = {(fill.trade_id, fill.intent_id) for fill in world.journal.fills() if fill.broker == world.broker.name}
    missing, invented = {(trade, tag) for trade, tag in theirs if tag} - ours, ours - theirs
    if world.profile.identity is Identity.FINGERPRINT:
        missing, invented = set(), {(trade, tag) for trade, tag in invented if (trade, "") not in theirs}
    if missing or invented:
        raise Violation("I3", f"not booked: {sorted(missing)}, not traded: {sorted(invented)}")


def check_books(world: World) -> None:
    """I2 and I3, when a reconciliation has just said so: ours and the venue's, to the unit and the paisa."""
    symbols = {symbol for symbol, _ in world.exchange.account.held} | set(world.book.positions)
    for symbol in sorted(symbols):
        ours = world.book.own(symbol, Product.MIS) + world.book.foreign(symbol, Product.MIS)
        theirs = world.exchange.account.position(symbol, Product.MIS)
        if ours != theirs:
            raise Violation("I2", f"{symbol}: ours {ours}, the venue's {theirs}")
    explained = world.book.cash - world.book.capital + sum((flow.amount for flow in world.journal.flows()), ZERO)
    if explained != world.exchange.account.cash:
        raise Violation("I3", f"the venue has {world.exchange.account.cash}, fills and flows explain {explained}")


def _exposure(world: World) -> None:
    """I4: what is held, working or of unknown fate stays within the limits."""
    entries = {o.symbol for o in world.book.orders.values() if o.purpose is Purpose.ENTRY}
    count = len(entries | set(world.book.positions))
    if count > world.max_positions:
        raise Violation("I4", f"{count} positions are held or under way, the limit is {world.max_positions}")


def _protected(world: World) -> None:
    """I7: what is held has one working stop of its size at the venue, or an alert is open."""
    alerts = {alert.key for alert in world.journal.alerts()}
    tags: dict[str, set[str]] = {}
    for row in world.committed("SELECT symbol, intent_id FROM orders WHERE purpose = 'stop'"):
        tags.setdefault(row["symbol"], set()).add(row["intent_id"])
    for symbol, held in world.book.positions.items():
        orders = world.exchange.orders.values()
        stops = [o for o in orders if o.state in OPEN and o.ticket.tag in tags.get(symbol, ())]
        if len(stops) > 1:
            raise Violation("I7", f"{symbol} has {len(stops)} stops at the venue")
        theirs = world.exchange.account.position(symbol, Product.MIS)
        traded_since = theirs != held.position.quantity + world.book.foreign(symbol, Product.MIS)
        if held.leaving is not None or STOP_ALERT + symbol in alerts or traded_since:
            continue
        wanted = abs(held.position.quantity)
        if not stops or stops[0].remaining != wanted:
            raise Violation("I7", f"{symbol}: {wanted} held, stops of {[str(stop.remaining) for stop in stops]}")

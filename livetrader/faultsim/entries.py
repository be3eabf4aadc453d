"""I5 for entries that are to end before the session does: on a sound line, what should work no more does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from livetrader.domain.order import OrderIntent, OrderType, Purpose, TimeInForce
from livetrader.domain.order_state import OPEN
from livetrader.faultsim.market import BAR
from livetrader.faultsim.violation import Violation
from livetrader.faultsim.way import carried

if TYPE_CHECKING:
    from livetrader.faultsim.world import World

# A whole bar may pass before an entry is old, and one look more before that is seen.
PATIENCE_SECONDS = 2 * BAR + 100


def check_entries(world: World) -> None:
    """Each working entry of ours may still be wanted, or has only just ceased to be."""
    if world.clock_was_set or world.sound_seconds <= PATIENCE_SECONDS:
        return
    long_ago = world.clock.now() - PATIENCE_SECONDS
    ended = {one.parent.name: one for one in world.journal.parents() if one.ended_at is not None}
    for order in world.exchange.orders.values():
        if order.state not in OPEN or order.placed_at.timestamp() > long_ago or not carried(order):
            continue
        record = world.journal.order(carried(order))
        if record is None or record.intent.purpose is not Purpose.ENTRY:
            continue
        intent = record.intent
        if intent.tif is TimeInForce.IOC or intent.order_type is OrderType.MARKET:
            raise Violation("I5", f"{intent.intent_id} is {intent.tif} {intent.order_type}, and works for long")
        parent = ended.get(intent.parent_id)
        if parent is not None and parent.ended_at is not None and parent.ended_at.timestamp() < long_ago:
            raise Violation("I5", f"{intent.intent_id} works, and its parent is over: {parent.reason}")
        if _adds_to_nothing(world, intent, long_ago):
            raise Violation("I5", f"{intent.intent_id} works, and what it adds to is closed")


def _adds_to_nothing(world: World, intent: OrderIntent, long_ago: float) -> bool:
    """Whether an entry adds to a position that has been closed for long."""
    held = world.book.positions.get(intent.symbol)
    if not intent.entry_id or (held is not None and held.entry.intent_id == intent.entry_id):
        return False
    return all(one.traded_at.timestamp() < long_ago for one in world.exchange.trades if one.symbol == intent.symbol)

"""What must hold of parent orders, against the venue's truth and what is committed: I1, I4, I5, I6 and I8 for them.

What a parent may still send is reckoned from rows alone: nothing of the engine's state is believed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from livetrader.brokers.loopback.matching import Order
from livetrader.brokers.loopback.rules import Ticket
from livetrader.domain.order import OrderIntent
from livetrader.domain.order_state import OPEN, OrderState
from livetrader.domain.parent import Algo, ParentRecord, child_id
from livetrader.engine.parents.schedule import SLICING_SECONDS
from livetrader.faultsim.violation import Violation
from livetrader.faultsim.way import carried
from livetrader.ports import OrderRecord

if TYPE_CHECKING:
    from livetrader.faultsim.world import World

ZERO = Decimal(0)
# A modify whose answer was lost is asked for again in the next look.
PATIENCE_SECONDS = 60

ONE_BY_ONE = (Algo.ICEBERG, Algo.RESTING)


def check_parents(world: World) -> None:
    """I1: what a parent's children have filled and may fill is within its quantity; some have one at a time."""
    parents = {one.parent.name: one.parent for one in world.journal.parents()}
    if not parents:
        return
    of = {one.intent.intent_id: one.intent.parent_id for one in world.journal.orders()}
    theirs: defaultdict[str, list[Order]] = defaultdict(list)
    for order in world.exchange.orders.values():
        theirs[of.get(carried(order), "")].append(order)
    for name, parent in parents.items():
        working = [order for order in theirs[name] if order.state in OPEN]
        most = sum((order.filled for order in theirs[name]), sum((order.remaining for order in working), ZERO))
        if most > parent.entry.quantity:
            raise Violation("I1", f"the children of {name} fill up to {most}, it is for {parent.entry.quantity}")
        if parent.schedule.algo in ONE_BY_ONE and len(working) > 1:
            raise Violation("I1", f"{parent.schedule.algo} {name} has {len(working)} children at once")


def check_parents_followed(world: World) -> None:
    """I5: on a sound line, what works of a parent has the terms that it was given last, or has only just lost them."""
    if world.clock_was_set or world.sound_seconds <= PATIENCE_SECONDS:
        return
    long_ago = world.clock.now() - PATIENCE_SECONDS
    amended = {name: one for name, one in _entries(world).items() if one.amended and one.amended < long_ago}
    of = {one.intent.intent_id: one.intent.parent_id for one in world.journal.orders()} if amended else {}
    for order in world.exchange.orders.values():
        entry = amended.get(of.get(carried(order), ""))
        if entry is not None and order.state in OPEN and _terms(order.ticket) != _terms(entry):
            raise Violation("I5", f"{carried(order)} works at {_terms(order.ticket)}, its parent has {_terms(entry)}")


def _entries(world: World) -> Mapping[str, OrderIntent]:
    """What each parent is as a whole, by its name."""
    return {one.parent.name: one.parent.entry for one in world.journal.parents()}


def _terms(order: Ticket | OrderIntent) -> tuple[Decimal | None, Decimal | None]:
    """Its limit and its trigger."""
    return order.limit_price, order.trigger_price


def check_parents_ended(world: World) -> None:
    """I5: after its time no parent is under way. Time passes with the passes, which follow the machine's clock."""
    decided = world.journal.marked() or 0
    for one in world.journal.parents():
        until = one.parent.schedule.until
        if one.ended_at is None and until is not None and decided >= until:
            raise Violation("I5", f"the parent {one.parent.name} is under way after its time")


def check_child(world: World, child: OrderIntent) -> None:
    """A child that is about to go out: its parent is written down (I6), as its terms are, and not over (I8), its name
    follows (I1)."""
    found = [one for one in world.journal.parents() if one.parent.name == child.parent_id]
    if not found:
        raise Violation("I6", f"{child.intent_id} goes out before its parent {child.parent_id} is written down")
    parent, children = found[0].parent, _children(world)[child.parent_id]
    if found[0].ended_at is not None:
        raise Violation("I8", f"{child.intent_id} goes out when its parent is over: {found[0].reason}")
    if child.intent_id not in {child_id(parent.entry, number) for number in range(len(children))}:
        raise Violation("I1", f"{child.intent_id} has no name of a child of {parent.name}")
    if _terms(child) != _terms(parent.entry):
        raise Violation("I6", f"{child.intent_id} goes out at other terms than its parent has in writing")
    if parent.schedule.until is not None and world.decided >= parent.schedule.until:
        raise Violation("I8", f"{child.intent_id} goes out after its parent's time")


def known_time(world: World) -> int:
    """The machine's time (epoch seconds); never before the last pass, though the clock is set back."""
    return max(int(world.clock.now()), world.decided)


def rest_of(world: World, now: int = 0) -> Mapping[str, tuple[OrderIntent, Decimal]]:
    """What parents may still send after `now` (epoch seconds; without, by the clock and the passes), by their names."""
    now = now or known_time(world)
    open_ones = [one for one in world.journal.parents() if one.ended_at is None]
    children = _children(world) if open_ones else {}
    going = [one for one in open_ones if not _spent(one, children.get(one.parent.name, ()), now)]
    return {one.parent.name: (one.parent.entry, _rest(one, children.get(one.parent.name, ()))) for one in going}


def _spent(parent: ParentRecord, children: Sequence[OrderRecord], now: int) -> bool:
    """Whether its last turn was over by `now`: nothing more goes out, though what did may work on."""
    schedule = parent.parent.schedule
    if schedule.algo is Algo.SLICES:
        return now >= schedule.slots[0].at + SLICING_SECONDS
    last = max((one.intent.as_of for one in children if one.state is not OrderState.INTENT), default=0)
    return schedule.algo in (Algo.TWAP, Algo.VWAP) and schedule.slots[-1].at <= last <= now


def _rest(parent: ParentRecord, children: Sequence[OrderRecord]) -> Decimal:
    return parent.parent.entry.quantity - sum((_gone(one) for one in children), ZERO)


def _gone(child: OrderRecord) -> Decimal:
    """What of a child is never sent again: one that was given up may have arrived."""
    ended = child.state.terminal and child.state is not OrderState.ABANDONED
    return child.filled_quantity if ended else child.intent.quantity


def _children(world: World) -> Mapping[str, list[OrderRecord]]:
    found: defaultdict[str, list[OrderRecord]] = defaultdict(list)
    for one in world.journal.orders():
        if one.intent.parent_id:
            found[one.intent.parent_id].append(one)
    return found

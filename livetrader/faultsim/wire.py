"""What must hold of an order at the moment it leaves: I6 and I8, its identity, its money, and what it may close."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from livetrader.domain.order import OrderIntent, Purpose, intent_id
from livetrader.domain.order_state import OPEN, OrderState
from livetrader.engine.by_hand.manual import STRATEGY
from livetrader.faultsim.parents import check_child, known_time, rest_of
from livetrader.faultsim.violation import Violation

if TYPE_CHECKING:
    from livetrader.faultsim.world import World

ZERO = Decimal(0)


def check_sending(world: World, intent: OrderIntent) -> None:
    """Hold an order that is about to go out against the invariants. Violation where it may not."""
    _written_down(world, intent)
    _symbol_is_known(world, intent)
    if intent.purpose is Purpose.ENTRY:
        if intent.parent_id:
            check_child(world, intent)
        else:
            _is_named(world, intent)
        _may_enter(world, intent)
        _is_paid_for(world, intent)
    elif intent.purpose is Purpose.EXIT:
        _only_closes(world, intent)


def _written_down(world: World, intent: OrderIntent) -> None:
    """I6: SENT is committed, as others see it."""
    rows = world.committed("SELECT state FROM orders WHERE intent_id = :name", name=intent.intent_id)
    states = [row["state"] for row in rows]
    if states != [OrderState.SENT.value]:
        raise Violation("I6", f"{intent.intent_id} goes out while its row says {states}")


def _symbol_is_known(world: World, intent: OrderIntent) -> None:
    """I1: while the fate of one of a symbol's orders is unknown, no other goes out."""
    doubted = world.committed(
        "SELECT intent_id FROM orders WHERE symbol = :symbol AND state = 'UNKNOWN' AND intent_id <> :name",
        symbol=intent.symbol, name=intent.intent_id,
    )  # fmt: skip
    if doubted:
        raise Violation("I1", f"{intent.intent_id} goes out while {doubted[0]['intent_id']} is of unknown fate")


def _is_named(world: World, intent: OrderIntent) -> None:
    """I1: the identity of an entry is a pure function: whoever computes it again gets the same."""
    one = intent
    legs = [Purpose.ENTRY.value]
    if one.strategy == STRATEGY:  # an order by hand is named after the command
        legs = [f"{STRATEGY}:{command}" for command in range(1, world.asked + 1)]
    names = [intent_id(one.account, one.strategy, one.symbol, one.as_of, one.action, leg) for leg in legs]
    name = names[-1]
    if one.intent_id not in names:
        raise Violation("I1", f"{one.intent_id} is the entry that is called {name}")


def _may_enter(world: World, intent: OrderIntent) -> None:
    """I8: nothing enters while halted or locked out, nor beside what is not ours and nobody has answered for."""
    stops = world.committed("SELECT name FROM latches WHERE name IN ('halt', 'kill')")
    if stops:
        raise Violation("I8", f"{intent.intent_id} enters while {stops[0]['name']} is on")
    # What is ordered by hand is held against what is known when it is carried out, and not when it was asked for.
    known = known_time(world) if intent.strategy == STRATEGY else intent.as_of
    lost = world.capital - world.engine.value(known)
    if lost >= world.max_daily_loss:
        raise Violation("I8", f"{intent.intent_id} enters when {lost} of {world.max_daily_loss} are lost")
    theirs = world.committed("SELECT kind FROM externals WHERE symbol = :s AND status = 'frozen'", s=intent.symbol)
    if theirs:
        raise Violation("I8", f"{intent.intent_id} enters {intent.symbol}, where a {theirs[0]['kind']} is not ours")


def _is_paid_for(world: World, intent: OrderIntent) -> None:
    """I4: what is held and what may still fill takes no more than the account has, this order included."""
    # What was not sent is held against this when it is.
    entries = [one for one in world.journal.orders() if one.intent.purpose is Purpose.ENTRY and one.state in OPEN]
    working = sum(((one.intent.quantity - one.filled_quantity) * one.intent.price for one in entries), ZERO)
    working += sum((rest * entry.price for entry, rest in rest_of(world).values()), ZERO)
    held = [one.position for one in world.book.positions.values()]
    invested = sum((abs(one.quantity) * one.average_price for one in held), ZERO)
    owned = world.book.cash + sum((one.quantity * one.average_price for one in held), ZERO)
    if invested + working > owned * world.book.sizer.leverage:
        told = f"{invested:.2f} held and {working:.2f} that may fill"
        raise Violation("I4", f"{intent.intent_id} enters: {told}, the account has {owned:.2f}")


def _only_closes(world: World, intent: OrderIntent) -> None:
    """I4: an exit is of what the venue holds for us by a read of this moment. A read that was struck proves nothing."""
    if not world.undisturbed:
        return
    theirs = world.exchange.account.position(intent.symbol, intent.product)
    ours = (theirs - world.book.foreign(intent.symbol, intent.product)) * intent.side.sign
    if intent.quantity > max(ours, ZERO):
        raise Violation("I4", f"{intent.intent_id} closes {intent.quantity} {intent.symbol} where {ours} is ours")

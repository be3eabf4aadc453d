"""What must hold whatever happens: invariants I1–I8 of ORDERS.md, against the venue's truth.

I9 (dry-run and paper call no order endpoint), I10 (decisions from closed bars) and I11 (no secret anywhere) are held by
tests of their own: nothing in this world could break them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from livetrader.domain.instrument import Product
from livetrader.domain.order import Action, Fill, Purpose
from livetrader.domain.order_state import OrderState
from livetrader.faultsim.entries import check_entries
from livetrader.faultsim.parents import check_parents, check_parents_ended, check_parents_followed, rest_of
from livetrader.faultsim.protected import check_protected
from livetrader.faultsim.violation import Violation
from livetrader.faultsim.way import carried

if TYPE_CHECKING:
    from livetrader.faultsim.world import World

ZERO = Decimal(0)


def check(world: World) -> None:
    """What holds after every step. Where a fault has kept the engine from knowing, it cannot have acted yet."""
    if not world.stirred():
        return
    _once(world)
    _proven(world)
    _folds(world)
    _exposure(world)
    check_parents(world)
    if world.informed:
        check_protected(world)
        check_entries(world)
        check_parents_followed(world)


def check_end(world: World) -> None:
    """What holds when the day is over and faults have ended, too."""
    check(world)
    # A stop that could not be sent at the close goes out with the next session, if its position is held over night.
    carried_over = {held.entry.intent_id for held in world.book.positions.values()}
    left = [
        f"{o.intent.intent_id} {o.state}" for o in world.journal.orders()
        if not o.state.terminal and not (o.state is OrderState.INTENT and o.intent.entry_id in carried_over)
    ]  # fmt: skip
    if left:
        raise Violation("I5", f"still open after the day: {', '.join(left)}")
    if world.intraday:
        raise Violation("I5", f"still held after the day: {', '.join(world.intraday)}")
    check_parents_ended(world)
    if not world.agreed:
        raise Violation("I2", f"the books never agreed: {world.reconciler.differing} {world.reconciler.unexplained}")
    _complete(world)
    world.journal.verify_audit()


def _once(world: World) -> None:
    """I1: an intent is at most one order of the venue, and fills at most what was intended."""
    tags = Counter(filter(None, map(carried, world.exchange.orders.values())))
    for tag, count in tags.items():
        if count > 1:
            raise Violation("I1", f"intent {tag} is {count} orders at the venue")
    for order in world.journal.open_orders():
        if order.filled_quantity > order.intent.quantity:
            raise Violation("I1", f"intent {order.intent.intent_id} filled {order.filled_quantity}")


def _proven(world: World) -> None:
    """I1: what is called rejected is no order of the venue's that works or has traded."""
    alive = {carried(order) for order in world.exchange.orders.values() if order.filled or not order.state.terminal}
    rejected = "SELECT intent_id, reason FROM orders WHERE state = :state"
    for row in world.committed(rejected, state=OrderState.REJECTED.value):
        if row["intent_id"] in alive:
            raise Violation(
                "I1", f"intent {row['intent_id']} is called rejected ({row['reason']}), and is at the venue"
            )


def _folds(world: World) -> None:
    """I3, our side: cash is the capital and the cash of every fill, and nothing else."""
    cash = world.book.capital + sum((fill.cash for fill in world.journal.fills()), ZERO)
    if cash != world.book.cash:
        raise Violation("I3", f"the book has {world.book.cash}, its fills make {cash}")


def _complete(world: World) -> None:
    """I3: each trade of an order of ours is one fill of its intent at its price, and there is no other fill.

    Where the venue keeps nothing of us, an order like ours (the broker's square-off) may pass for one of unknown fate.
    """
    tags, strayed = _tags(world), _strayed(world)
    # Not every broker names its trades: they are as many, of the same orders.
    theirs = Counter(
        (one.broker_order_id, tags[one.broker_order_id], one.quantity, one.price) for one in world.exchange.trades
    )
    booked = (fill for fill in world.journal.fills() if fill.broker == world.broker.name)
    ours = Counter((fill.trade_id.partition(":")[0], fill.intent_id, fill.quantity, fill.price) for fill in booked)
    missing = [one for one in theirs - ours if one[1] and one[1] not in strayed]
    invented = [one for one in ours - theirs if one[1] not in strayed]
    if missing or invented:
        raise Violation("I3", f"not booked: {sorted(missing)}, not traded: {sorted(invented)}")


def _tags(world: World) -> dict[str, str]:
    """Whose the venue's orders really are: the identity of each by its id there, empty for other people's."""
    return {order.order_id: carried(order) for order in world.exchange.orders.values()}


def _strayed(world: World) -> set[str]:
    """The intents that another order passes for, or whose order passes for nobody's: fingerprints may be alike."""
    if not world.profile.identity.by_fingerprint:
        return set()
    true = {tag: order_id for order_id, tag in _tags(world).items() if tag}
    said = {one.intent.intent_id: one.broker_order_id for one in world.journal.orders() if one.broker_order_id}
    return {name for name in true.keys() | said.keys() if true.get(name) != said.get(name)} - _hands(world)


def _hands(world: World) -> set[str]:
    """Intents that were never sent: what people did to a position of ours."""
    return {one.intent.intent_id for one in world.journal.orders() if one.intent.purpose is Purpose.RECONCILE}


def check_books(world: World) -> None:
    """I2 and I3, when a reconciliation has just said so: ours and the venue's, to the unit and the paisa."""
    held = {(symbol, one.entry.product) for symbol, one in world.book.positions.items()}
    for symbol, product in sorted(held | world.exchange.account.held.keys()):
        ours = world.book.own(symbol, product) + world.book.foreign(symbol, product)
        theirs = world.exchange.account.position(symbol, product)
        if ours != theirs:
            raise Violation("I2", f"{symbol} {product}: ours {ours}, the venue's {theirs}")
    if world.profile.tells_cash:
        _explained(world)
    _owned(world)


def _explained(world: World) -> None:
    """I3: fills and flows are all that has moved the venue's cash."""
    explained = world.book.cash - world.book.capital + sum((flow.amount for flow in world.journal.flows()), ZERO)
    if explained != world.exchange.account.cash:
        raise Violation("I3", f"the venue has {world.exchange.account.cash}, fills and flows explain {explained}")


def _owned(world: World) -> None:
    """I2 and I3: what we call ours is what the orders that carry our identity did, and what people did to that.

    An external position or a flow would explain anything: who really traded is what the world knows and we do not. Of
    what a journal has lost (fault D5) it cannot say that it is ours.
    """
    if world.forgetful or _strayed(world):
        return
    tags = _tags(world)
    hand = [fill for fill in world.journal.fills() if fill.broker != world.broker.name]
    _handled(world, tags, hand)
    trades = [trade for trade in world.exchange.trades if tags[trade.broker_order_id]]
    true: defaultdict[tuple[str, Product], Decimal] = defaultdict(Decimal)
    for trade in trades:
        true[trade.symbol, trade.product] += trade.action.sign * trade.quantity
    products = {one.intent.intent_id: one.intent.product for one in world.journal.orders()} if hand else {}
    for fill in hand:
        true[fill.symbol, products[fill.intent_id]] += fill.action.sign * fill.quantity
    for (symbol, product), quantity in true.items():
        ours = world.book.own(symbol, product)
        if ours != quantity:
            raise Violation("I2", f"{symbol} {product}: we hold {ours} by our books, {quantity} by our orders' trades")
    cash = sum((world.cash_of(trade) for trade in trades), sum((fill.cash for fill in hand), ZERO))
    if world.book.cash - world.book.capital != cash:
        earned = world.book.cash - world.book.capital
        raise Violation("I3", f"we earned {earned} by our books, {cash} by our orders' trades")


def _handled(world: World, tags: Mapping[str, str], hand: Sequence[Fill]) -> None:
    """Nothing was closed by hand that nobody traded."""
    traded: defaultdict[tuple[str, Action], Decimal] = defaultdict(Decimal)
    booked: defaultdict[tuple[str, Action], Decimal] = defaultdict(Decimal)
    for trade in world.exchange.trades:
        if not tags[trade.broker_order_id]:
            traded[trade.symbol, trade.action] += trade.quantity
    for fill in hand:
        booked[fill.symbol, fill.action] += fill.quantity
    for (symbol, action), quantity in booked.items():
        if quantity > traded[symbol, action]:
            told = f"{action} {quantity} by hand are booked, people traded {traded[symbol, action]}"
            raise Violation("I2", f"{symbol}: {told}")


def _exposure(world: World) -> None:
    """I4: what is held, working or of unknown fate stays within the limits."""
    entries = {o.symbol for o in world.book.orders.values() if o.purpose is Purpose.ENTRY}
    entries |= {entry.symbol for entry, rest in rest_of(world).values() if rest}
    count = len(entries | set(world.book.positions))
    if count > world.max_positions:
        raise Violation("I4", f"{count} positions are held or under way, the limit is {world.max_positions}")

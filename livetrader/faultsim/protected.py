"""I7: what is held has its stop, at the level that its plan has by now; what is to be left is left.

The plan is walked anew from the venue's own trade, or from what the operator has made of it last, over the bars that
have closed: nothing of the engine's state but what it holds is believed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from operator import itemgetter
from typing import TYPE_CHECKING

from livetrader.brokers.loopback.matching import Order
from livetrader.domain.account import Alert
from livetrader.domain.books import BrokerTrade
from livetrader.domain.exit_plan import ExitPlan, Replan
from livetrader.domain.instrument import Product
from livetrader.domain.order import Fill, Purpose, closing
from livetrader.domain.order_state import OPEN
from livetrader.engine.book import HeldPosition
from livetrader.engine.closing import EXIT_ALERT
from livetrader.engine.exits import ExitState, Walked, begin, resumed, walk
from livetrader.engine.overnight import ACTION_ALERT
from livetrader.engine.protection import STOP_ALERT
from livetrader.faultsim.market import BAR, TICK
from livetrader.faultsim.violation import Violation
from livetrader.faultsim.way import carried

if TYPE_CHECKING:
    from livetrader.faultsim.world import World

# On a sound line this is enough: a limit has until the next pass, then goes out at market; a stop is moved in each.
PATIENCE_SECONDS = BAR + 200


def check_protected(world: World) -> None:
    """Each position has one stop that closes it at its plan's level, or an alert of its own; or it is being left."""
    alerts = {alert.key: alert for alert in world.journal.alerts()}
    for symbol, held in world.book.positions.items():
        if world.exchange.closed and held.entry.product is not Product.MIS:
            continue  # a stop is a day order: the next one goes out when the session begins
        stops = _working(world, symbol, Purpose.STOP)
        freeze = world.instruments[symbol].freeze_quantity
        needed = freeze is not None and _rest(stops[1:]) < abs(held.position.quantity)
        if len(stops) > 1 and not needed:
            raise Violation("I7", f"{symbol} has {len(stops)} stops at the venue, together for {_rest(stops)}")
        product = held.entry.product
        theirs = world.exchange.account.position(symbol, product)
        traded_since = theirs != held.position.quantity + world.book.foreign(symbol, product)
        if traded_since:
            continue
        if symbol in world.book.questioned:
            _is_answered(world, symbol, alerts)
        elif STOP_ALERT + symbol in alerts:
            _is_mended(world, held, alerts[STOP_ALERT + symbol])
        elif held.leaving is None:
            _stays(world, held, stops)
        elif EXIT_ALERT + symbol not in alerts:
            _leaves(world, held)


def _working(world: World, symbol: str, purpose: Purpose) -> list[Order]:
    """The venue's working orders that carry our identity."""
    rows = world.committed("SELECT intent_id FROM orders WHERE symbol = :s AND purpose = :p", s=symbol, p=purpose.value)
    tags = {row["intent_id"] for row in rows}
    return [order for order in world.exchange.orders.values() if order.state in OPEN and carried(order) in tags]


def _rest(stops: Sequence[Order]) -> Decimal:
    return sum((stop.remaining for stop in stops), Decimal(0))


def _is_answered(world: World, symbol: str, alerts: Collection[str]) -> None:
    """What was held over night is questioned until the books have been compared, or the operator is asked."""
    if world.sound_seconds > PATIENCE_SECONDS and not world.clock_was_set and ACTION_ALERT + symbol not in alerts:
        raise Violation("I7", f"{symbol} is in question, and nobody was asked: {world.book.questioned[symbol]}")


def _is_mended(world: World, held: HeldPosition, alert: Alert) -> None:
    """An alert stands in for a stop that cannot be had: on a sound line it can be had, or the position be left."""
    symbol, left = held.entry.symbol, abs(held.position.quantity)
    freeze, exits = world.instruments[symbol].freeze_quantity, _working(world, symbol, Purpose.EXIT)
    # An exit may not be larger than the freeze quantity: the next one is for the rest.
    if [exit.remaining for exit in exits] == [left] or (freeze is not None and exits and exits[0].remaining <= left):
        return
    # A part that is being taken out goes first; the stop is of the rest until that is left, too.
    covered = _rest(exits) + _rest(_working(world, symbol, Purpose.STOP))
    if held.leaving is not None and exits and covered == left:
        return
    since = alert.since.timestamp()
    if freeze is not None:  # each piece has its time
        since = max([since, *(one.traded_at.timestamp() for one in world.exchange.trades if one.symbol == symbol)])
    told = world.clock.now() - since
    if not world.clock_was_set and min(told, world.sound_seconds) > PATIENCE_SECONDS:
        raise Violation("I7", f"on a sound line there is still an alert: {alert.text}")


def _stays(world: World, held: HeldPosition, stops: Sequence[Order]) -> None:
    """It has its stop, and nothing says that it should be gone."""
    symbol, found = held.entry.symbol, [f"{stop.ticket.action} {stop.remaining}" for stop in stops]
    against = {stop.ticket.action for stop in stops} != {closing(held.position.side)}
    if against or _rest(stops) + _taken_out(world, symbol) != abs(held.position.quantity):
        raise Violation("I7", f"{symbol}: {held.position.quantity:+f} held, stops of {found}")
    plan = held.entry.exit
    planned = None if plan is None else _planned(world, held, plan, world.decided)
    if plan is None or planned is None:
        return
    # One that the last pass did not know, or questioned, is where it was; a new process may have walked it since.
    at = world.tested.get((symbol, held.opened), 0)
    tested, levels = at == world.decided, {planned.state.stop}
    before = None if tested else _planned(world, held, plan, at)
    if before is not None:
        levels.add(before.state.stop)
    instrument, trigger = world.book.sizer.instrument(symbol), stops[0].ticket.trigger_price
    apart = len({stop.ticket.trigger_price for stop in stops}) > 1
    if apart or trigger not in {instrument.price(level) for level in levels}:
        raise Violation("I7", f"{symbol}: its stop is at {trigger}, its plan says {levels}")
    over = _squared_off(world, held, plan)
    if tested and world.passed and (planned.bar is not None or over):
        raise Violation("I7", f"{symbol} is not left: {'square-off' if over else planned.reason}")


def _taken_out(world: World, symbol: str) -> Decimal:
    """What an exit is to sell of a position that is not left otherwise: a stop beside it would sell that twice.

    While the exit's fate is unknown, too.
    """
    ours = (one for one in world.journal.open_orders() if one.intent.symbol == symbol)
    exits = (one for one in ours if one.intent.purpose is Purpose.EXIT)
    return sum((one.intent.quantity - one.filled_quantity for one in exits), Decimal(0))


def _squared_off(world: World, held: HeldPosition, plan: ExitPlan) -> bool:
    """Whether the last pass was to close it with its session, or with the next one."""
    session = world.session
    stays = not plan.square_off or (plan.overnight and held.opened >= session.opens)
    return not stays and world.decided >= session.square_off


def _planned(world: World, held: HeldPosition, plan: ExitPlan, decided: int) -> Walked | None:
    """The plan, over the bars that had closed by `decided`. None where the machine's clock was set: no time is sure."""
    if world.clock_was_set or held.entry.purpose is not Purpose.ENTRY:
        return None
    begun = _begun(world, held, plan)
    if begun is None:
        return None
    (state, since), bars = begun, world.tape.bars(held.entry.symbol)
    # A bar that arrives after the pass of its close (an answer took minutes) is the next pass's.
    start, end = int(bars.ts.searchsorted(since)), int(bars.closes.searchsorted(decided, side="right"))
    return walk(state, bars.open, bars.high, bars.low, start, max(start, min(end, world.seen)))


def _begun(world: World, held: HeldPosition, plan: ExitPlan) -> tuple[ExitState, int] | None:
    """How the exit began and which bars it is tested on: those that open since then (epoch seconds)."""
    side, tick, given = held.position.side, float(TICK), _replanned(world, held)
    if given is not None:
        return resumed(given, side, tick), given.since
    trade = _opening(world, held)
    return None if trade is None else (begin(plan, side, float(trade.price), tick), held.opened)


def _replanned(world: World, held: HeldPosition) -> Replan | None:
    """The operator's last word on the exit of the position, as it is written down."""
    ours = (held.entry.intent_id, held.opened)
    return next((one for one in reversed(world.journal.replans()) if (one.entry_id, one.opened) == ours), None)


def _opening(world: World, held: HeldPosition) -> BrokerTrade | None:
    """The venue's trade that opened the position; None where it was no order of ours."""
    entry = {order.order_id for order in world.exchange.orders.values() if carried(order) == held.entry.intent_id}
    opening = [
        trade for trade in world.exchange.trades
        if trade.broker_order_id in entry and int(trade.traded_at.timestamp()) == held.opened
    ]  # fmt: skip
    if not opening:  # by a fingerprint somebody else's order passed for ours
        return None
    # An entry that fills in parts may have opened an earlier position within the same second, closed by its stop; where
    # the stop was heard of before the parts, which of them opened this one the engine alone can say.
    last = _openers(world, held.entry.symbol)[-1:]
    said = [one for one in opening if float(one.price) == held.exit.fill]
    return next((one for one in opening if one in last), (said or opening)[0])


def _openers(world: World, symbol: str) -> list[BrokerTrade]:
    """The trades of our orders that opened a position, or turned one round. One that people closed is over, too."""
    ours = {order.order_id for order in world.exchange.orders.values() if carried(order)}
    trades = [one for one in world.exchange.trades if one.symbol == symbol and one.broker_order_id in ours]
    hand = [fill for fill in world.journal.fills() if fill.symbol == symbol and fill.broker != world.broker.name]
    moved: list[tuple[datetime, BrokerTrade | Fill]] = [(one.traded_at, one) for one in trades]
    moved += [(fill.filled_at, fill) for fill in hand]  # it was ours until this was booked
    held, found = Decimal(0), []
    for _, one in sorted(moved, key=itemgetter(0)):
        before, held = held, held + one.action.sign * one.quantity
        if isinstance(one, BrokerTrade) and (before == 0 or before * held < 0):
            found.append(one)
    return found


def _leaves(world: World, held: HeldPosition) -> None:
    """Its exits close it and no more than it, and do so soon."""
    symbol, left = held.entry.symbol, abs(held.position.quantity)
    for exit in _working(world, symbol, Purpose.EXIT):
        if exit.ticket.action is not closing(held.position.side) or exit.remaining > left:
            raise Violation("I7", f"{symbol}: an exit of {exit.ticket.action} {exit.remaining} for {left}")
    assert held.leaving is not None, "it is being left"
    # Decided when that bar had closed, or with the first fill, of an entry that rested past the square-off.
    since = max(held.leaving.as_of, held.opened) + BAR
    if not world.clock_was_set and min(world.true_time - since, world.sound_seconds) > PATIENCE_SECONDS:
        raise Violation("I7", f"{symbol} is still held, and nobody was told: it is left for {held.leaving.reason}")

"""What the operator asks of the trader: orders of every kind, more and less of what is held, an end.

Deeds are drawn when they are asked for; they are carried out by whichever process comes to it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from random import Random  # noqa: TID251 - as in scenario.py
from typing import TYPE_CHECKING, Any

from livetrader.domain.instrument import Product
from livetrader.domain.order import Action, OrderType, Purpose, TimeInForce, opening
from livetrader.domain.parent import Algo
from livetrader.domain.signal import Side
from livetrader.engine.by_hand.manual import Ticket
from livetrader.engine.by_hand.replan import protect
from livetrader.engine.by_hand.revision import Terms, revise
from livetrader.engine.by_hand.scaling import adjust, reduce
from livetrader.engine.parents.execution import AT_MARKET, Execution, ExecutionKind, limit_at
from livetrader.faultsim.market import DAY, INSTRUMENT, SYMBOLS

if TYPE_CHECKING:
    from livetrader.faultsim.world import World

# Half of the days are as if there were none of it.
EXECUTIONS = (
    AT_MARKET, AT_MARKET, AT_MARKET, Execution(ExecutionKind.LIMIT),
    Execution(ExecutionKind.TWAP, slices=3, over_minutes=15),
    Execution(ExecutionKind.VWAP, slices=4, over_minutes=20),
    Execution(ExecutionKind.ICEBERG, visible_pct=Decimal(35)),
)  # fmt: skip
FREEZES = (None, None, Decimal(100))
OFTEN = (0.0, 0.05, 0.15, 0.3)

SIZES = (60, 250, 800)
PARTS = (20, 60, 100)

# How far from the price, in percent: a stop and a target, a stop that trails, a trigger and the limit behind it.
STOP, TARGET, TRAIL = Decimal("0.6"), Decimal("0.5"), Decimal("0.4")
TRIGGER, BEHIND = Decimal("0.1"), Decimal("0.3")


class Operator:
    """How a day's entries go out, and what is done by hand: drawn apart from all else that the day has."""

    def __init__(self, chance: Random, *, nights: bool) -> None:
        """With `nights` some days are two, with positions and orders that last from one into the other."""
        self._chance = chance
        self.execution = chance.choice(EXECUTIONS)
        self.freeze = chance.choice(FREEZES)
        self._often = chance.choice(OFTEN)
        self.days = chance.choice((1, 1, 1, 2)) if nights else 1
        self.product = chance.choice((Product.MIS, Product.NRML, Product.NRML)) if self.days > 1 else Product.MIS
        self.overnight = self.product is not Product.MIS and chance.random() < 0.5
        self.cleared = chance.random() < 0.5
        self._deeds = DEEDS + LASTING * (self.days - 1)

    def happen(self, world: World) -> None:
        """What the operator does between two prices."""
        if self._chance.random() < self._often:
            self._chance.choice(self._deeds)(world, self._chance)


def order(
    world: World, action: Action, symbol: str, quantity: int, execution: Execution = AT_MARKET,
    kind: OrderType = OrderType.MARKET, **more: Any,
) -> None:  # fmt: skip
    """An order, with a stop on its own side; its prices are as far from the last one as its kind has it."""
    price, sign = world.price(symbol), action.sign
    given: dict[str, Any] = {"execution": execution, "stop": _off(price, -sign * STOP), **more}
    if kind in (OrderType.SL, OrderType.SL_M):
        given["trigger_price"] = _off(price, sign * TRIGGER)
    if kind is OrderType.SL:
        given["limit_price"] = _off(price, sign * BEHIND)
    elif kind is OrderType.LIMIT or execution.at_limit:
        given.setdefault("limit_price", price)
    world.ask(lambda number, at: world.manual.trade(Ticket(number, at, action, symbol, Decimal(quantity), **given)))


def _off(price: Decimal, percent: Decimal) -> Decimal:
    return limit_at(price * (1 + percent / 100), Side.LONG, INSTRUMENT)


def _order(world: World, chance: Random) -> None:
    """Of any type and algorithm; some are immediate or cancelled, some have a target, too, or a stop that trails."""
    kind = chance.choice((OrderType.MARKET, OrderType.MARKET, OrderType.LIMIT, OrderType.SL, OrderType.SL_M))
    execution = chance.choice(EXECUTIONS) if kind in (OrderType.MARKET, OrderType.LIMIT) else AT_MARKET
    action, symbol = chance.choice(tuple(Action)), chance.choice(SYMBOLS)
    more: Mapping[str, Any] = chance.choice((
        {}, {"tif": TimeInForce.IOC}, {"target": _off(world.price(symbol), action.sign * TARGET)},
        {"stop": None, "trail_pct": TRAIL},
    ))  # fmt: skip
    order(world, action, symbol, chance.choice(SIZES), execution, kind, **more)


def _lasting(world: World, chance: Random) -> None:
    """An order at a price that stays until it has filled, or until the second session is over."""
    action, symbol = chance.choice(tuple(Action)), chance.choice(SYMBOLS)
    product = Product.CNC if action is Action.BUY and chance.random() < 0.5 else Product.NRML
    price = _off(world.price(symbol), -action.sign * chance.choice((TRIGGER, STOP, 2 * STOP)))
    until = chance.choice((None, world.market.sessions[-1].square_off, world.market.sessions[0].closes + DAY // 2))
    stop = _off(price, -action.sign * STOP)
    order(
        world, action, symbol, chance.choice(SIZES), kind=OrderType.LIMIT, limit_price=price, stop=stop,
        product=product, lasts=True, until=until,
    )  # fmt: skip


def _add(world: World, chance: Random) -> None:
    """More of what is held, at once or over time."""
    symbol = _any(world.book.positions, chance)
    if symbol:
        held = world.book.positions[symbol]
        kind, execution = chance.choice((OrderType.MARKET, OrderType.LIMIT)), chance.choice(EXECUTIONS)
        action, product = opening(held.position.side), chance.choice((Product.MIS, *[held.entry.product] * 3))
        order(world, action, symbol, chance.choice(PARTS), execution, kind, add=True, product=product)


def _reduce(world: World, chance: Random) -> None:
    """A part of what is held is taken out."""
    symbol, quantity = _any(world.book.positions, chance), Decimal(chance.choice(PARTS))
    if symbol:
        world.ask(lambda number, at: reduce(world.engine, number, at, symbol, quantity))


def _adjust(world: World, chance: Random) -> None:
    """What is held is brought to a quantity: more, less, or nothing."""
    symbol, quantity = _any(world.book.positions, chance), Decimal(chance.choice((0, *PARTS, 400)))
    if symbol:
        world.ask(lambda number, at: adjust(world.manual, number, at, symbol, quantity))


def _cancel(world: World, chance: Random) -> None:
    """An entry under way is cancelled, or a parent."""
    name = _under_way(world, chance)
    if name:
        world.ask(lambda *_: world.manual.cancel(name))


def _modify(world: World, chance: Random) -> None:
    """An entry under way gets another quantity."""
    name, quantity = _under_way(world, chance), Decimal(chance.choice(PARTS))
    if name:
        world.ask(lambda *_: world.manual.modify(name, quantity, None, None))


def _protect(world: World, chance: Random) -> None:
    """What is held gets a stop nearer by or farther away, a target, both, or a stop that trails."""
    symbol = _any(world.book.positions, chance)
    if symbol:
        price, sign = world.price(symbol), world.book.positions[symbol].position.side.sign
        stop = _off(price, -sign * STOP * chance.choice((Decimal("0.5"), 2)))
        target = _off(price, sign * TARGET)
        given = chance.choice(((stop, None, None), (None, target, None), (stop, target, None), (None, None, TRAIL)))
        world.ask(lambda number, _: protect(world.manual, number, symbol, *given))


def _revise(world: World, chance: Random) -> None:
    """A parent under way gets other terms: more or less of it, another limit, end or visible part, some at once."""
    name = _any(world.book.parents, chance)
    if name:
        entry, algo = world.book.parents[name].entry, world.book.parents[name].parent.schedule.algo
        given: dict[str, Any] = {"quantity": Decimal(chance.choice(SIZES))}
        if algo is Algo.RESTING:
            given["until"] = chance.choice(world.market.sessions).closes
        elif algo is not Algo.SLICES:
            given["over_minutes"] = chance.choice((5, 15, 30))
        if algo is Algo.ICEBERG:
            given["visible"] = Decimal(chance.choice(PARTS))
        given = {term: value for term, value in given.items() if chance.random() < 0.5}
        if entry.limit_price is not None:
            given["limit_price"] = _off(world.price(entry.symbol), chance.choice((-TRIGGER, Decimal(0), TRIGGER)))
        world.ask(lambda _, at: revise(world.manual, at, name, Terms(**given)))


def _close(world: World, chance: Random) -> None:
    symbol = chance.choice((None, *SYMBOLS))
    world.ask(lambda *_: world.manual.close(symbol))


def _pause(world: World, _: Random) -> None:
    """Entries are halted, which may be in the middle of a parent; the next time they go on."""
    if "halt" in world.book.halts:
        world.resume()
    else:
        world.halt()


def _under_way(world: World, chance: Random) -> str:
    """The name of an entry or a parent under way, as `livetrader orders` shows it."""
    entries = [one.intent_id for one in world.book.orders.values() if one.purpose is Purpose.ENTRY]
    return _any([*world.book.parents, *entries], chance)


def _any(names: Collection[str], chance: Random) -> str:
    """One of some names; empty where there is none."""
    return chance.choice(list(names)) if names else ""


DEEDS: tuple[Callable[[World, Random], None], ...] = (
    _order, _order, _order, _order, _order, _order, _order, _add, _add, _reduce, _adjust, _cancel, _cancel, _modify,
    _close, _pause, _protect, _protect, _protect, _revise, _revise, _revise,
)  # fmt: skip
LASTING = (_lasting,) * 10

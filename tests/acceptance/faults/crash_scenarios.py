"""Some short days without a fault, in which all that the order path can do is done: what crashes are tried on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from livetrader.brokers.loopback.exchange import Exchange
from livetrader.brokers.loopback.profiles import Profile
from livetrader.domain.exit_plan import ExitKind
from livetrader.domain.instrument import Product
from livetrader.domain.order import Action
from livetrader.domain.parent import Algo, Parent
from livetrader.domain.signal import Side
from livetrader.engine.by_hand.replan import protect
from livetrader.engine.by_hand.revision import Terms, revise
from livetrader.engine.by_hand.scaling import reduce
from livetrader.engine.parents.execution import AT_MARKET, Execution, ExecutionKind
from livetrader.faultsim.invariants import check, check_books, check_end
from livetrader.faultsim.market import MOMENTS, SYMBOLS, Market, Row, priced
from livetrader.faultsim.operator import order
from livetrader.faultsim.scenario import short_lived
from livetrader.faultsim.wire import check_sending
from livetrader.faultsim.world import World

T = TypeVar("T")

FLAT: Row = (100.0, 100.05, 99.95, 100.0)
SPIKE: Row = (100.0, 101.0, 99.95, 100.2)  # reaches a target at 100.5, and does not stay there
HIGHER: Row = (100.2, 100.25, 100.15, 100.2)
RISE: Row = (100.0, 101.0, 99.95, 101.0)
FALL: Row = (101.0, 101.05, 99.5, 99.5)


class Steady:
    """Implements faults.Chance: every lag is half of the longest; two halves are followed by the rest."""

    def __init__(self) -> None:
        self._drawn = 0

    def random(self) -> float:
        return 0.5

    def choice(self, seq: Sequence[T], /) -> T:
        self._drawn += 1
        return seq[1] if self._drawn % 3 else seq[-1]


@dataclass(frozen=True)
class Day:
    """A market, and what is done in it: (bar, deed) before that bar's first price."""

    name: str
    exit: ExitKind
    partial_fills: bool
    rows: dict[str, list[Row]]
    deeds: tuple[tuple[int, Callable[[World], None]], ...]
    execution: Execution = AT_MARKET
    freeze: Decimal | None = None
    days: int = 1

    def market(self) -> Market:
        return priced(self.rows, 1, self.days)


def _rows(**rows: list[Row]) -> dict[str, list[Row]]:
    count = max(map(len, rows.values()))
    return {symbol: rows.get(symbol, []) + [FLAT] * (count - len(rows.get(symbol, []))) for symbol in SYMBOLS}


# An entry in parts, its stop resized; a target whose limit is not met, cancelled for an exit at market.
PARTS = Day(
    "parts", ExitKind.PERCENT, True, _rows(AAA=[FLAT, SPIKE, HIGHER, HIGHER]),
    ((0, lambda world: world.signal("AAA", Side.LONG)),),
)  # fmt: skip
# A position closed by hand and booked by reconciliation; another one, squared off.
HANDS = Day(
    "hands", ExitKind.PERCENT, False, _rows(AAA=[FLAT] * 4),
    (
        (0, lambda world: world.signal("BBB", Side.SHORT)),
        (0, lambda world: world.signal("CCC", Side.LONG)),
        (2, lambda world: world.close_by_hand("BBB")),
    ),
)  # fmt: skip
# A stop that trails, is moved at the venue, and is reached.
TRAIL = Day(
    "trail", ExitKind.TRAILING_ATR, False, _rows(AAA=[FLAT, RISE, FALL, FLAT]),
    ((0, lambda world: world.signal("AAA", Side.LONG)),),
)  # fmt: skip
# A stop that somebody cancels, and that is made anew.
VANISHED = Day(
    "vanished", ExitKind.STEP_TRAIL, False, _rows(AAA=[FLAT] * 4),
    ((0, lambda world: world.signal("BBB", Side.LONG)), (2, lambda world: world.cancel_by_hand(0))),
)  # fmt: skip
TWO = Execution(ExecutionKind.TWAP, slices=2, over_minutes=10)
ICEBERG = Execution(ExecutionKind.ICEBERG, visible_pct=Decimal(40))


def _protected(world: World) -> None:
    world.ask(lambda number, _: protect(world.manual, number, "AAA", Decimal("99.8"), Decimal("100.5")))


def _at_market_price(world: World) -> None:
    """The iceberg that waits above the market is to fill, and is larger."""
    terms = Terms(quantity=Decimal(100), limit_price=Decimal(100))
    world.ask(lambda _, at: [revise(world.manual, at, one.name, terms) for one in _icebergs(world)])


def _icebergs(world: World) -> list[Parent]:
    under = [one.parent for one in world.book.parents.values()]
    return [parent for parent in under if parent.schedule.algo is Algo.ICEBERG]


# A parent by a strategy, in two children, whose position gets another exit; and by hand an iceberg of three, which gets
# other terms while its first child is at work.
OVER_TIME = Day(
    "over time", ExitKind.PERCENT, False, _rows(AAA=[FLAT] * 5),
    (
        (0, lambda world: world.signal("AAA", Side.LONG)),
        (0, lambda world: order(world, Action.SELL, "BBB", 90, ICEBERG, limit_price=Decimal("100.5"))),
        (1, _at_market_price),
        (2, _protected),
    ),
    execution=TWO,
)  # fmt: skip
# An entry above the freeze quantity, its stop in pieces, and its exit too.
PIECES = Day(
    "pieces", ExitKind.PERCENT, False, _rows(AAA=[FLAT] * 4),
    ((0, lambda world: world.signal("AAA", Side.LONG)),), freeze=Decimal(200),
)  # fmt: skip
DIP: Row = (100.0, 100.05, 99.4, 99.6)
LOWER: Row = (99.6, 99.65, 99.55, 99.6)
LIMIT = Execution(ExecutionKind.LIMIT)


def _resting(world: World, symbol: str) -> None:
    """A buy below the market that lasts over the night."""
    order(
        world, Action.BUY, symbol, 60, LIMIT, limit_price=Decimal("99.5"), stop=Decimal(98), product=Product.NRML,
        lasts=True, until=world.market.sessions[1].closes,
    )  # fmt: skip


def _part(world: World) -> None:
    world.ask(lambda number, at: reduce(world.engine, number, at, "CCC", Decimal(20)))


def _called_off(world: World) -> None:
    """What rests on the second day is not wanted any more."""
    world.ask(lambda *_: [world.manual.cancel(name) for name in list(world.book.parents)])


# By hand: an order that lasts over the night and fills on the second day, a position that is added to in two children
# and of which a part is taken out; then what rests is called off.
SCALED = Day(
    "scaled", ExitKind.PERCENT, False, _rows(BBB=[FLAT] * 5 + [DIP, LOWER, LOWER]),
    (
        (0, lambda world: _resting(world, "BBB")),
        (0, lambda world: order(world, Action.SELL, "CCC", 60)),
        (1, lambda world: order(world, Action.SELL, "CCC", 30, TWO, add=True)),
        (2, _part),
        (4, lambda world: _resting(world, "AAA")),
        (6, _called_off),
    ),
    days=2,
)  # fmt: skip
DAYS = {day.name: day for day in (PARTS, HANDS, TRAIL, VANISHED, OVER_TIME, PIECES, SCALED)}


@contextmanager
def begun(day: Day, profile: Profile, deaths: Collection[int] = ()) -> Iterator[World]:
    """The account before the day's first price."""
    with short_lived() as folder:
        world = World(
            folder,
            profile,
            day.market(),
            Steady(),
            watch=check,
            compare=check_books,
            vet=check_sending,
            exit=day.exit,
            partial_fills=day.partial_fills,
            deaths=deaths,
            execution=day.execution,
            freeze=day.freeze,
        )
        try:
            yield world
        finally:
            world.close()


def steps(world: World, day: Day) -> Iterator[int]:
    """Live through the day, stopping after each step; at its end all has come to rest, or Violation is raised."""
    yield from lived(world, day)
    check_end(world)


def lived(world: World, day: Day) -> Iterator[int]:
    """The steps of the day, and the time after it."""
    for step in range(len(day.rows["AAA"]) * len(MOMENTS)):
        for bar, deed in day.deeds:
            if step == bar * len(MOMENTS):
                deed(world)
        world.tick()
        yield step
    world.settle()


def live(day: Day, profile: Profile, deaths: Collection[int] = ()) -> World:
    """The whole day, dying at the points of these ordinals. Violation where an invariant breaks."""
    with begun(day, profile, deaths) as world:
        for _ in steps(world, day):
            pass
    return world


def opened(exchange: Exchange) -> Counter[str]:
    """How many units were ever opened at the venue, by symbol: what a trade added to the position there."""
    held: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for trade in exchange.trades:
        before = held[trade.symbol]
        held[trade.symbol] += int(trade.quantity) * trade.action.sign
        total[trade.symbol] += max(0, abs(held[trade.symbol]) - abs(before))
    return total

"""Four short days without a fault, in which all that the order path can do is done: what crashes are tried on."""

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
from livetrader.domain.order import Action
from livetrader.domain.signal import Side
from livetrader.engine.execution import AT_MARKET, Execution, ExecutionKind
from livetrader.faultsim.invariants import check, check_books, check_end
from livetrader.faultsim.market import MOMENTS, SYMBOLS, Market, Row, priced
from livetrader.faultsim.operator import order
from livetrader.faultsim.scenario import short_lived
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

    def market(self) -> Market:
        return priced(self.rows, 1)


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
ICEBERG = Execution(ExecutionKind.ICEBERG, visible_pct=Decimal(40))
# A parent by a strategy, in two children; and by hand an iceberg of three.
OVER_TIME = Day(
    "over time", ExitKind.PERCENT, False, _rows(AAA=[FLAT] * 5),
    (
        (0, lambda world: world.signal("AAA", Side.LONG)),
        (1, lambda world: order(world, Action.SELL, "BBB", 90, ICEBERG)),
    ),
    execution=Execution(ExecutionKind.TWAP, slices=2, over_minutes=10),
)  # fmt: skip
# An entry above the freeze quantity, its stop in pieces, and its exit too.
PIECES = Day(
    "pieces", ExitKind.PERCENT, False, _rows(AAA=[FLAT] * 4),
    ((0, lambda world: world.signal("AAA", Side.LONG)),), freeze=Decimal(200),
)  # fmt: skip
DAYS = {day.name: day for day in (PARTS, HANDS, TRAIL, VANISHED, OVER_TIME, PIECES)}


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

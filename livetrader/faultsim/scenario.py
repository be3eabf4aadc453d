"""A seed as a day: which market, which faults, and what people and machines do to the account."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random  # noqa: TID251 - a seed is the whole day, and the venue's `Chance` is this interface
from tempfile import TemporaryDirectory

from livetrader.brokers.loopback.profiles import Profile
from livetrader.domain.exit_plan import ExitKind
from livetrader.domain.signal import Side
from livetrader.faultsim.invariants import check, check_books, check_end
from livetrader.faultsim.market import MOMENTS, SYMBOLS, market
from livetrader.faultsim.operator import Operator
from livetrader.faultsim.wire import check_sending
from livetrader.faultsim.world import Check, World

# A file system in memory, where there is one.
MEMORY = Path("/dev/shm")

EXITS = (ExitKind.TRAILING_ATR, ExitKind.PERCENT, ExitKind.STEP_TRAIL)
RATES = (0.0, 0.02, 0.1, 0.3)
CLOCK_STEPS = (-3600, -5, 7, 3600)


def play(
    seed: int, profile: Profile, folder: Path | None = None, watch: Check = check, url: str | None = None, *,
    http: bool = False,
) -> World:  # fmt: skip
    """Live through the day of `seed`; Violation where an invariant breaks. The world is closed, and can be read.

    The state file is in `folder`, and stays there; without one it is gone at the end. With `url` the state is in that
    database, in which there is none yet. `watch` looks at each step. With `http` it is another day: the venue is a
    server on 127.0.0.1, and has troubles of its own.
    """
    chance = Random(f"{profile.name}:{seed}:http" if http else f"{profile.name}:{seed}")
    operator = Operator(Random(f"{profile.name}:{seed}:operator"), nights=not http)
    bars = chance.choice((8, 10, 14)) + 2 * (operator.days - 1)
    steps = bars * len(MOMENTS)
    deaths = {chance.randrange(1, 40 * bars) for _ in range(chance.choice((0, 0, 1, 1, 2, 4)))}
    with short_lived() as made:
        world = World(
            folder or made,
            profile,
            market(chance, bars, operator.days),
            chance,
            exit=chance.choice(EXITS),
            rate=chance.choice(RATES),
            partial_fills=chance.random() < 0.3,
            deaths=deaths,
            watch=watch,
            compare=check_books,
            vet=check_sending,
            url=url,
            http=http,
            execution=operator.execution,
            freeze=operator.freeze,
            product=operator.product,
            overnight=operator.overnight,
            cleared=operator.cleared,
        )
        try:
            for _ in range(steps):
                _happen(world, chance)
                operator.happen(world)
                if http and chance.random() < 0.03:
                    world.trouble(chance)
                world.tick()
            world.settle()
            check_end(world)
        finally:
            world.close()
    return world


@contextmanager
def short_lived() -> Iterator[Path]:
    """A folder for a state file that lives for some milliseconds: in memory where that is possible."""
    with TemporaryDirectory(prefix="faultsim-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as made:
        yield Path(made)


def _happen(world: World, chance: Random) -> None:
    """What goes on between two prices: signals often, people and clocks now and then."""
    if chance.random() < 0.25:
        world.signal(chance.choice(SYMBOLS), chance.choice((Side.LONG, Side.SHORT)))
    if chance.random() < 0.04:
        _meddle(world, chance)


def _meddle(world: World, chance: Random) -> None:
    deed = chance.randrange(8)
    if deed == 0:
        world.trade_by_hand(chance.choice(SYMBOLS), chance.choice((-7, 5, 20)))
    elif deed == 1:
        world.close_by_hand(chance.choice(SYMBOLS))
    elif deed == 2:
        world.cancel_by_hand(chance.randrange(5))
    elif deed == 3:
        world.withdraw(chance.choice((1_000, 20_000, -5_000)))
    elif deed == 4:
        world.halt()
    elif deed == 5:
        world.resume()
    elif deed == 6:
        world.step_clock(chance.choice(CLOCK_STEPS))
    else:
        world.kill()

"""Many seeds over worker processes: what broke, and how much was tried."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, field, fields

import structlog

from livetrader import processes
from livetrader.brokers.loopback.profiles import FINGERPRINT, OPEN_ONLY, OPENALGO, STRICT, TAG_SCAN, profile
from livetrader.faultsim.scenario import play
from livetrader.faultsim.violation import Violation

EVERY_PROFILE = tuple(one.name for one in (STRICT, OPEN_ONLY, TAG_SCAN, FINGERPRINT, OPENALGO))

# Seeds that a worker plays before it reports: a second or two.
CHUNK, CHUNK_ON_THE_WIRE = 50, 4

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Broken:
    """A seed whose day broke an invariant (I1 to I8), or ended in an exception, named by its type."""

    profile: str
    seed: int
    invariant: str
    text: str
    http: bool = False

    @property
    def again(self) -> str:
        """The call that shows it again."""
        return f"livetrader sim --profile {self.profile}{' --http' * self.http} --seed {self.seed}"


@dataclass(slots=True)
class Tally:
    """What the seeds of one profile have lived through. `add` folds another part in."""

    profile: str
    seeds: int = 0
    orders: int = 0
    fills: int = 0
    faults: int = 0
    crashes: int = 0
    broken: list[Broken] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        for one in fields(self)[1:]:
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


def trial(name: str, first: int, count: int, http: bool = False) -> Tally:
    """Play `count` seeds of a profile from `first` on, in this process; with `http` at a server in it."""
    tally, manners = Tally(profile(name).name), profile(name)
    for seed in range(first, first + count):
        tally.seeds += 1
        try:
            world = play(seed, manners, http=http)
        except Violation as violation:
            tally.broken.append(Broken(manners.name, seed, violation.invariant, str(violation), http))
        except Exception as error:  # noqa: BLE001 - what nobody caught would have ended the trader
            tally.broken.append(Broken(manners.name, seed, type(error).__name__, str(error), http))
        else:
            tally.orders += len(world.exchange.orders)
            tally.fills += len(world.exchange.trades)
            tally.faults += len(world.line.strikes)
            tally.crashes += len(world.crashes)
    return tally


def trials(
    names: Sequence[str],
    first: int,
    count: int,
    workers: int,
    progress: Progress = lambda _done: None,
    *,
    http: bool = False,
) -> list[Tally]:
    """Play seeds `first` to `first + count - 1` of each profile, over `workers` processes; a tally for each profile.

    `progress` is told what part is done, from 0 to 1. The result does not depend on `workers`. Ctrl+C ends all
    workers. UsageError for a profile that does not exist.
    """
    tallies = {name: Tally(name) for name in dict.fromkeys(profile(name).name for name in names)}
    end = first + count
    chunk = CHUNK_ON_THE_WIRE if http else CHUNK
    parts = [(name, at, min(chunk, end - at), http) for at in range(first, end, chunk) for name in tallies]
    done = 0
    with processes.workers(min(workers, len(parts)), silence) as pool:
        for job in as_completed([pool.submit(trial, *part) for part in parts]):
            tally = job.result()
            tallies[tally.profile].add(tally)
            done += tally.seeds
            progress(done / (count * len(tallies)))
    for tally in tallies.values():
        tally.broken.sort(key=lambda one: one.seed)
    return list(tallies.values())


def silence() -> None:
    """No log in this process: a day of faults has hundreds of warnings."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))

"""D5: a state file that was restored from an old copy. The broker's books are newer than the journal.

A day is lived once to count the points of `faultsim.crash`, at which a copy can be made. Then it is lived again and
again: copied at a point, some steps later killed, the copy put back, started, and lived to its end.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from crash_scenarios import FLAT, PARTS, TRAIL, VANISHED, Day, _rows, begun, lived, opened

from livetrader.bootstrap.comparing import Comparing
from livetrader.brokers.loopback.matching import Order
from livetrader.brokers.loopback.profiles import FINGERPRINT, OPEN_ONLY, STRICT, TAG_SCAN, Profile
from livetrader.domain.exit_plan import ExitKind
from livetrader.domain.order import OrderIntent, OrderType, Purpose
from livetrader.domain.order_state import OPEN
from livetrader.domain.signal import Side
from livetrader.engine.protection import STOP_ALERT
from livetrader.errors import BrokerError
from livetrader.faultsim.crash import CrashPoints
from livetrader.faultsim.invariants import _exposure, _folds
from livetrader.faultsim.market import MOMENTS
from livetrader.faultsim.world import MODE, World
from livetrader.store.location import state_path

# Two positions that are held until the square-off, wanted anew with every bar.
WANTED = Day(
    "wanted", ExitKind.TRAILING_ATR, False, _rows(AAA=[FLAT] * 6),
    tuple(
        (bar, lambda world, symbol=symbol, side=side: world.signal(symbol, side))
        for bar in range(6) for symbol, side in (("AAA", Side.LONG), ("BBB", Side.SHORT))
    ),
)  # fmt: skip
DAYS = (WANTED, PARTS, TRAIL, VANISHED)


@dataclass(slots=True)
class Copying(CrashPoints):
    """Points at one of which, the ordinal `at`, the state file is copied to `copy`. `steps` has the step of each."""

    state: Path = Path()
    copy: Path = Path()
    at: int = 0
    step: int = 0
    steps: list[int] = field(default_factory=list)

    def visit(self, name: str) -> None:
        self.names.append(name)
        self.steps.append(self.step)
        if len(self.names) == self.at:
            put(self.state, self.copy)


def put(source: Path, target: Path) -> None:
    """Copy a database as a backup does: what is committed."""
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as write:
        read.backup(write)


def check_unnamed(world: World) -> None:
    """I1 to I8 where the venue keeps nothing of us: what looks like an order of ours is taken for it.

    Of the orders that are one intent at most one is at work or has traded, and each position has one stop of its size.
    """
    if world.stirred():
        _folds(world)
        _exposure(world)
        orders = [order for order in world.exchange.orders.values() if order.state in OPEN or order.filled]
        assert {count for tag, count in Counter(order.ticket.tag for order in orders).items() if tag} <= {1}
    alerts = {alert.key for alert in world.journal.alerts()}
    for symbol, held in world.book.positions.items():
        stops = [o for o in orders_at_work(world, symbol) if o.ticket.order_type is OrderType.SL_M]
        if world.informed and held.leaving is None and STOP_ALERT + symbol not in alerts:
            assert [stop.remaining for stop in stops] == [abs(held.position.quantity)]


def closes_what_is_there(world: World, intent: OrderIntent) -> None:
    """No exit and no stop is sent for a position that is gone."""
    world._sending(intent)
    if intent.purpose is not Purpose.ENTRY:
        assert world.exchange.account.position(intent.symbol, intent.product) * intent.action.sign < 0, intent


def orders_at_work(world: World, symbol: str) -> list[Order]:
    return [o for o in world.exchange.orders.values() if o.state in OPEN and o.ticket.symbol == symbol]


def copying(world: World, folder: Path, at: int) -> Copying:
    """Have the state copied at that point from now on."""
    points = Copying(state=state_path(world.url, MODE), copy=folder / "copy.db", at=at)
    world.points = world.venue.points = world.journal._points = points
    world.venue.sending = lambda intent: closes_what_is_there(world, intent)
    if world.profile is FINGERPRINT:
        world.watch = check_unnamed
    return points


def restore(world: World, points: Copying) -> Comparing:
    """The process ends, the old copy is put back, and the next one compares books first, as a live trader does.

    Nobody does this within the minute in which a broker's book may lag.
    """
    points.at = 0
    world.journal.close()
    put(points.copy, points.state)
    world._pass_time(60)
    world._start()
    comparing = Comparing(world.journal, world.clock, 60.0, 1e6)
    comparing.begin()
    watch(comparing, world)
    return comparing


def watch(comparing: Comparing, world: World) -> None:
    with suppress(BrokerError):
        comparing.watch(world.reconciler)


def entries(world: World) -> list[str]:
    """The entries of ours that the venue has seen."""
    names = {o.intent.intent_id for o in world.journal.orders() if o.intent.purpose is Purpose.ENTRY}
    return [order.ticket.tag for order in world.exchange.orders.values() if order.ticket.tag in names]


def undisturbed(day: Day, profile: Profile, folder: Path) -> tuple[list[int], Counter[str]]:
    """A day on which nothing is restored: the step of each of its points, and what was opened."""
    with begun(day, profile) as world:
        points = copying(world, folder, 0)
        for step in lived(world, day):
            points.step = step + 1
    return points.steps, opened(world.exchange)


def restored_day(day: Day, profile: Profile, folder: Path, at: int, back: int) -> World:
    """The day with the copy of point `at` put back after step `back`. Violation where an invariant breaks."""
    comparing: Comparing | None = None
    known: list[str] = []
    with begun(day, profile) as world:
        points = copying(world, folder, at)
        for step in lived(world, day):
            points.step = step + 1
            if comparing is not None:
                watch(comparing, world)
            if step == back:
                known, comparing = entries(world), restore(world, points)
            if comparing is not None and world.journal.agreed() is None:
                assert set(entries(world)) <= set(known), "no entry before the books agree"
        assert world.agreed, (world.reconciler.differing, world.reconciler.unexplained)
        assert not world.book.positions
        assert [o for o in world.journal.orders() if not o.state.terminal] == []
        world.journal.verify_audit()
    return world


@pytest.mark.parametrize("profile", [STRICT, OPEN_ONLY, TAG_SCAN, FINGERPRINT], ids=lambda profile: profile.name)
@pytest.mark.parametrize("day", DAYS, ids=lambda day: day.name)
def test_d5_restored_from_an_old_copy_it_sends_nothing_twice(day: Day, profile: Profile, tmp_path: Path) -> None:
    """Whenever the copy was made, and whenever it comes back: I1 to I8 hold, and not a unit more is opened."""
    steps, normal = undisturbed(day, profile, tmp_path)
    last = len(day.rows["AAA"]) * len(MOMENTS) - 2
    # A third of the points for each delay: neighbours differ in little.
    points = list(enumerate(steps, 1))
    tried = [(at, step + 1) for at, step in points[::3]] + [(at, step + 5) for at, step in points[1::3]]
    tried = [(at, back) for at, back in tried if back <= last]
    assert len(tried) > 15, "copies were made all day"
    for at, back in tried:
        world = restored_day(day, profile, tmp_path, at, back)
        assert not opened(world.exchange) - normal, f"copied at point {at}, put back after step {back}"

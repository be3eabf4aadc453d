"""When the simulation holds the engine to what the venue knows: as soon as it has asked, and not before."""

from __future__ import annotations

import pytest
from crash_scenarios import TRAIL, VANISHED, Day, begun

from livetrader.brokers.loopback.faults import Fault, Strike
from livetrader.brokers.loopback.profiles import FINGERPRINT, TAG_SCAN, Profile
from livetrader.domain.order import OrderType
from livetrader.domain.order_state import OPEN
from livetrader.faultsim.market import BAR, MOMENTS
from livetrader.faultsim.world import World

CLOSE = 2 * len(MOMENTS)  # so many steps end with the close of the second bar: the next one is the same instant

late_books = pytest.mark.parametrize("profile", [FINGERPRINT, TAG_SCAN], ids=lambda profile: profile.name)


def stops(world: World) -> list[str]:
    """The stops that work at the venue."""
    orders = world.exchange.orders.values()
    return [one.order_id for one in orders if one.state in OPEN and one.ticket.order_type is OrderType.SL_M]


def closed(world: World, day: Day, strike: Strike | None = None) -> None:
    """Live until the second bar has closed, with a position and its stop; `strike` is what the close suffers from."""
    day.deeds[0][1](world)
    for step in range(CLOSE):
        if strike is not None and step == CLOSE - 1:
            world.line.begin(strike)
        world.tick()
    assert len(stops(world)) == 1


@late_books
def test_what_happens_at_the_instant_of_the_last_look_is_known_with_the_next_one(profile: Profile) -> None:
    """A stop that ends between a close and the open at the same instant: nothing was asked, so nothing is expected."""
    with begun(VANISHED, profile) as world:
        closed(world, VANISHED)
        world.exchange.manual_cancel(stops(world)[0])
        world.tick()
        assert (world.informed, world.undisturbed, stops(world)) == (False, True, [])
        world.tick()
        assert len(stops(world)) == 1, "it is made anew"


@late_books
def test_what_was_heard_of_a_fault_is_not_known_until_the_next_look(profile: Profile) -> None:
    """The book of the close is an old one, and at the open of the same instant none is read."""
    with begun(VANISHED, profile) as world:
        closed(world, VANISHED, Strike(Fault.STALE, seconds=BAR - MOMENTS[-2] + 0.5))
        assert not world.undisturbed
        world.tick()
        assert (world.informed, world.undisturbed) == (False, True)
        world.tick()
        assert world.informed


@late_books
def test_where_nothing_has_happened_it_knows_what_it_heard(profile: Profile) -> None:
    with begun(TRAIL, profile) as world:
        closed(world, TRAIL)
        asked = world.line.calls["orders"]
        world.tick()
        assert (world.informed, world.line.calls["orders"]) == (True, asked)

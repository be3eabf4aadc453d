"""Every place at which a process can die, and every pair of them: killed there, restarted, held to the invariants.

The days are those of `crash_scenarios`. The world checks I1 to I8 after every step, and at the end that everything
came to rest and both books agree.
"""

from __future__ import annotations

from functools import lru_cache

import pytest
from crash_scenarios import DAYS, Day, live, opened

from livetrader.brokers.loopback.profiles import FINGERPRINT, OPEN_ONLY, STRICT, TAG_SCAN, Profile
from livetrader.faultsim.violation import Violation
from livetrader.faultsim.world import World

PROFILES = (STRICT, OPEN_ONLY, TAG_SCAN, FINGERPRINT)
PARTS = 8  # of each day's pairs, so that processes can share the work
NEAR = {"over time": 3, "pieces": 3, "scaled": 3}  # in long days the second death is so soon after the first

# ORDERS.md, "How it is tested", and the same places of a modify, a cancel, a decision, a pass and a change by hand.
NAMES = {
    "before_decision", "after_decision", "before_intent", "after_intent", "before_sent", "after_sent", "in_call",
    "after_call", "before_ack_commit", "after_ack_commit", "while_booking_fill", "after_booking_fill", "before_amend",
    "after_amend", "in_modify", "after_modify", "in_cancel", "after_cancel", "before_mark", "after_mark",
    "before_parent", "after_parent", "before_parent_end", "after_parent_end",
    "before_parent_amend", "after_parent_amend", "before_replan", "after_replan",
}  # fmt: skip


@lru_cache
def undisturbed(day: str, profile: Profile) -> World:
    return live(DAYS[day], profile)


def survives(day: Day, profile: Profile, *deaths: int) -> int:
    """Live through the day with these deaths; the number of points that it passed. A crash opens nothing more."""
    try:
        world = live(day, profile, deaths)
    except Violation as violation:
        pytest.fail(f"{day.name} at {profile.name}, killed at points {deaths}: {violation}")
    assert len(world.crashes) == len(deaths), f"{deaths}: the process died at {world.crashes} only"
    normal = opened(undisturbed(day.name, profile).exchange)
    assert opened(world.exchange) <= normal, f"{day.name} at {profile.name}, killed at {deaths}: more was opened"
    return len(world.points.names)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_the_days_pass_every_named_point(profile: Profile) -> None:
    assert {name for day in DAYS for name in undisturbed(day, profile).points.names} == NAMES


@pytest.mark.parametrize(
    ("day", "traded"),
    [("parts", {"AAA"}), ("hands", {"BBB", "CCC"}), ("trail", {"AAA"}), ("vanished", {"BBB"}), ("pieces", {"AAA"})],
)
def test_an_undisturbed_day_trades_and_ends_flat(day: str, traded: set[str]) -> None:
    """What crashes are tried on is something."""
    world = undisturbed(day, TAG_SCAN)
    assert {symbol for symbol, quantity in opened(world.exchange).items() if quantity >= 100} == traded
    assert not any(holding.quantity for holding in world.exchange.account.held.values())


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
@pytest.mark.parametrize("day", DAYS)
def test_p1_killed_at_every_point_it_recovers(day: str, profile: Profile) -> None:
    for point in range(1, len(undisturbed(day, profile).points.names) + 1):
        survives(DAYS[day], profile, point)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("day", DAYS)
def test_p1_killed_at_every_pair_of_points_it_recovers(day: str, part: int) -> None:
    """The second death is at every point that the run passes after the first, its recovery included."""
    for first in range(1 + part, len(undisturbed(day, TAG_SCAN).points.names) + 1, PARTS):
        last = min(survives(DAYS[day], TAG_SCAN, first), first + NEAR.get(day, 1 << 30))
        for second in range(first + 1, last + 1):
            survives(DAYS[day], TAG_SCAN, first, second)

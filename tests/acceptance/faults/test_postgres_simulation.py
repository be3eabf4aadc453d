"""The days of the fault simulation, on a state in PostgreSQL, whose connections are cut all day long."""

from __future__ import annotations

import pytest

from livetrader.brokers.loopback.profiles import FINGERPRINT, TAG_SCAN, Profile
from livetrader.faultsim.invariants import check
from livetrader.faultsim.scenario import play
from livetrader.faultsim.world import World
from tests.postgres import PostgresServer, execute, new_database

SEEDS = range(5)
STEPS = 7


def outcome(world: World) -> list[str]:
    """What came of a day at the broker, in the order of its happening."""
    return [*map(str, world.exchange.orders.values()), *map(str, world.exchange.trades), *world.crashes]


@pytest.mark.parametrize("profile", [TAG_SCAN, FINGERPRINT], ids=lambda profile: profile.name)
@pytest.mark.parametrize("seed", SEEDS)
def test_d1_a_day_of_cut_connections_is_the_day_of_the_seed(
    postgres_server: PostgresServer, seed: int, profile: Profile
) -> None:
    """Every seventh step ends the journal's session: the invariants hold, and nothing else is different."""
    cuts, steps = 0, 0

    def cut(world: World) -> None:
        nonlocal cuts, steps
        check(world)
        steps += 1
        connection = world.journal._writer._connection
        if steps % STEPS == 0 and connection is not None:
            pid = connection._driver.info.backend_pid
            assert execute(postgres_server.dsn, f"SELECT pg_terminate_backend({pid}, 5000)") == [(True,)]
            cuts += 1

    with new_database(postgres_server.dsn) as url:
        world = play(seed, profile, watch=cut, url=url)
    assert cuts > 3
    assert outcome(world) == outcome(play(seed, profile))

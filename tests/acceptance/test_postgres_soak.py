"""A session on PostgreSQL, candles and state, whose server fails again and again, is traded as if nothing had been.

A small version of benchmarks/soak.py: a Saturday in two parts, and a trader that waits one second for its state.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from tests.acceptance.soak.drive import Fault, Soak
from tests.acceptance.soak.play import Stage, Told, calm, replayed, soaked, stage, stored
from tests.acceptance.soak.verdict import broken, differences, growth, moved
from tests.postgres import PostgresServer

pytestmark = [pytest.mark.slow, pytest.mark.allow_hosts(["127.0.0.1"])]

SATURDAY = date(2024, 5, 18)
LOOKS = (30, 62, 152, 242)
FAULTS = (
    Fault(2, "stop", 0.5, storing=True),
    Fault(4, "crash", 0.5),
    Fault(10, "cut"),
    Fault(12, "crash", 3.0),  # longer than a trader waits here: its process ends
)
PATIENCE = 1.0
# No entry is too late on a busy machine.
PATIENT = {"constraints.bar_max_age_seconds": 280}
GROWTH_MIB = 8.0


@pytest.fixture(scope="module")
def on(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("soak")
    with stage(folder, postgres_server, 40, SATURDAY, **PATIENT) as made:
        yield made


@pytest.fixture(scope="module")
def soak(on: Stage) -> Soak:
    """The session in paper and live, under faults."""
    return soaked(on, FAULTS, LOOKS, PATIENCE)


@pytest.fixture(scope="module")
def live(on: Stage, soak: Soak) -> Told:  # noqa: ARG001 - what it is about has to be over
    return stored(on.folder, "live")


@pytest.fixture(scope="module")
def paper(on: Stage, soak: Soak) -> Told:  # noqa: ARG001 - as above
    return stored(on.folder, "paper")


def test_no_order_is_lost_or_doubled_and_every_process_ends_as_it_should(soak: Soak, live: Told) -> None:
    """The server was stopped while bars were stored, and crashed at two orders; a COMMIT had no answer."""
    assert broken(soak, live) == []
    assert 74 in soak.traders[1].seen.codes, "the last absence ends who has an order under way"
    assert live.approved >= 4
    assert live.audited > 100


def test_live_orders_fills_and_cash_are_those_of_a_session_without_faults(on: Stage, live: Told) -> None:
    undisturbed = calm(on, LOOKS)
    assert differences(live, undisturbed) == []
    assert moved(live, undisturbed) == {}, "nothing was too late"


@pytest.mark.parametrize("as_decided", [False, True], ids=["replay", "replay as decided"])
def test_paper_orders_fills_and_cash_are_those_of_a_replay(on: Stage, paper: Told, as_decided: bool) -> None:
    without = replayed(on, as_decided=as_decided)
    assert differences(paper, without) == []
    assert moved(paper, without) == {}, "nothing was too late"
    assert paper.approved >= 4


def test_memory_stays(soak: Soak) -> None:
    for trader in soak.traders:
        assert growth(max(trader.seen.resident, key=len)) <= GROWTH_MIB

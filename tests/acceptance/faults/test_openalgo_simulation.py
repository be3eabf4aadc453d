"""The days of the fault simulation behind OpenAlgo, over HTTP: its own adapter, its own wire, its own troubles."""

from __future__ import annotations

import os
from functools import cache

import pytest
from test_mutations import retry_on_timeout

from livetrader.brokers.loopback import venue
from livetrader.brokers.loopback.faults import Fault, Strike
from livetrader.brokers.loopback.profiles import OPENALGO, STRICT, Profile
from livetrader.brokers.loopback.rules import refusal
from livetrader.cli.main import run
from livetrader.faultsim.runs import trial
from livetrader.faultsim.scenario import play
from livetrader.faultsim.story import tell
from livetrader.faultsim.world import World
from livetrader.ports import Outcome

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

PARTS = 4
SIZE = 8 if "CI" in os.environ else 3


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_no_seed_over_http_breaks_an_invariant(part: int) -> None:
    """Orders, fills and faults by the hundred go over sockets, and I1 to I8 hold."""
    tally = trial("openalgo", part * SIZE, SIZE, http=True)
    assert [(one.again, one.text) for one in tally.broken] == []
    assert min(tally.orders, tally.fills, tally.faults) > SIZE


@cache
def played(seed: int, profile: Profile) -> World:
    return play(seed, profile, http=True)


@pytest.mark.parametrize("profile", [OPENALGO, STRICT], ids=lambda profile: profile.name)
def test_a_seed_over_http_is_one_day(profile: Profile) -> None:
    """Sockets and threads change nothing: the same faults, troubles, crashes, orders and trades each time."""
    days = [played(2, profile), play(2, profile, http=True)]
    told = [
        (one.line.strikes, one.troubles, one.crashes, [str(order) for order in one.exchange.orders.values()],
         one.exchange.trades) for one in days
    ]  # fmt: skip
    assert told[0] == told[1]
    assert all(told[0][index] for index in (0, 3, 4)), "it has faults, orders and trades"


def test_orders_are_the_adapter_s_and_its_broker_keeps_nothing_of_them() -> None:
    """What goes over the wire is placeorder, modifyorder and cancelorder; market orders come back as limits."""
    world = played(2, OPENALGO)
    assert world.broker.name == "openalgo"
    assert {line.tag for line in world.exchange.order_book()} == {""}
    others = {name for name, order in world.exchange.orders.items() if not order.ticket.tag}
    ours = [line for line in world.exchange.order_book() if line.broker_order_id not in others]
    kinds = {line.order_type.value for line in ours}
    assert kinds <= {"LIMIT", "SL"}
    assert {order.ticket.order_type.value for order in world.exchange.orders.values()} >= {"MARKET", "SL-M"}


@pytest.mark.slow
def test_the_operator_s_switches_and_a_server_that_is_down_are_among_the_troubles() -> None:
    """Each kind of them, in the days that CI plays: which seed draws which is chance."""
    awaited = {
        "down: True", "mode: analyze", "revoked: True", "approval: True", "order_ids: null", "order_ids: number",
        "text_quantities: True",
    }  # fmt: skip
    for seed in range(32):
        if awaited:
            awaited -= set(played(seed, OPENALGO).troubles)
    assert awaited == set()


def test_a_bug_is_seen_over_http_and_the_line_that_plays_it_again_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An order that is sent again after a timeout is there twice: at OpenAlgo, too."""
    retry_on_timeout(monkeypatch)
    tallies = (trial("openalgo", seed, 1, http=True) for seed in range(60))
    (broken,) = next(tally.broken for tally in tallies if tally.broken)
    assert broken.again == f"livetrader sim --profile openalgo --http --seed {broken.seed}"
    assert run(broken.again.split()[1:]) == 70
    told = capsys.readouterr()
    assert (broken.invariant, f"of openalgo: {broken.text}" in told.err) == ("I1", True)
    assert " is SENT" in told.out


def test_a_500_that_is_taken_for_a_no_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is called rejected is no order at the venue: where it hides one, the invariant says so."""
    right = venue._outcome

    def outcome(strike: Strike) -> Outcome:
        return refusal("internal", "try again") if strike.fault is Fault.HTTP_500 else right(strike)

    monkeypatch.setattr(venue, "_outcome", outcome)
    tallies = (trial("openalgo", seed, 1) for seed in range(300))
    (broken,) = next(tally.broken for tally in tallies if tally.broken)
    assert (broken.invariant, "is called rejected" in broken.text) == ("I1", True)


def test_the_command_plays_every_profile_over_http(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sim", "--http", "--seeds", "1", "--workers", "1"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [(row[0], row[-1]) for row in rows] == [
        (name, "0") for name in ("strict", "open_only", "tag_scan", "fingerprint", "openalgo")
    ]


def test_a_day_with_troubles_is_told_with_them() -> None:
    seed = next(seed for seed in range(12) if played(seed, OPENALGO).troubles)
    assert any("  trouble: " in line for line in tell(seed, OPENALGO, http=True).lines)

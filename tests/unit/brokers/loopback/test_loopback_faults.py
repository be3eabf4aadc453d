"""The line to the broker: what is scripted strikes where it is scripted, and a seed means the same each time."""

from __future__ import annotations

import random  # noqa: TID251 - the seeded source that the package asks its callers to bring
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.brokers.loopback.faults import GATEWAY_READS, OPERATIONS, STRIKES, Fault, Line, Strike
from livetrader.brokers.loopback.profiles import PROFILES, profile
from livetrader.brokers.loopback.venue import LoopbackVenue
from livetrader.domain.order_state import OrderState
from livetrader.errors import BrokerError
from livetrader.market.clock import VirtualClock
from tests.unit.brokers.loopback.loopback_samples import approved, exchange


def test_a_script_strikes_the_nth_call_of_its_operation_only() -> None:
    line = Line(VirtualClock(0.0), [("place", 2, Fault.LOST_ANSWER), ("orders", 1, Strike(Fault.HTTP_500))])
    assert [line.strike(op) for op in ("place", "orders", "place", "place", "orders")] == [
        None,
        Strike(Fault.HTTP_500),
        Strike(Fault.LOST_ANSWER),
        None,
        None,
    ]
    assert line.strikes == [("orders", 1, Strike(Fault.HTTP_500)), ("place", 2, Strike(Fault.LOST_ANSWER))]


@pytest.mark.parametrize(
    ("operation", "fault"), [("orders", Fault.PARTIAL), ("place", Fault.STALE), ("funds", Fault.EMPTY_LIST)]
)
def test_a_fault_that_cannot_strike_there_is_refused(operation: str, fault: Fault) -> None:
    with pytest.raises(ValueError, match=f"{fault} cannot strike '{operation}', only "):
        Line(VirtualClock(0.0), [(operation, 1, fault)])


def test_every_operation_and_every_fault_has_the_other() -> None:
    assert set().union(*STRIKES.values()) == {*OPERATIONS, *GATEWAY_READS}
    assert all(STRIKES.values())


def test_a_lasting_fault_ends_with_its_time_or_by_healing() -> None:
    clock = VirtualClock(0.0)
    line = Line(clock)
    line.begin(Strike(Fault.OUTAGE, seconds=10.0))
    clock.sleep(9.9)
    assert line.strike("funds") == Strike(Fault.OUTAGE, seconds=10.0)
    clock.sleep(0.1)
    assert line.strike("funds") is None
    line.begin(Strike(Fault.AUTH_EXPIRED))
    clock.sleep(1e9)
    assert line.strike("place") is not None
    line.heal()
    assert line.strike("place") is None


def test_b14_a_frozen_feed_repeats_its_last_quote_and_leaves_the_books_alone() -> None:
    made = exchange()
    venue = LoopbackVenue(made, Line(made.clock, [("quotes", 2, Strike(Fault.STALE, seconds=60.0))]))
    made.quote("INFY", 1000.0)
    venue.quotes(["INFY"])
    for price in (1001.0, 1002.0):
        made.quote("INFY", price)
        assert venue.quotes(["INFY"])["INFY"].price == 1000.0
    venue.place(approved())
    assert venue.trades()[0].price == 1002
    made.clock.sleep(60.0)
    assert venue.quotes(["INFY"])["INFY"].price == 1002.0


def run(name: str, seed: int, rate: float) -> tuple[list[Any], LoopbackVenue]:
    """Thirty placed orders, all books read after each; what was answered, errors by their kind."""
    chance = random.Random(seed)
    made = exchange(profile(name), chance=chance, partial_fills=True)
    venue = LoopbackVenue(made, Line(made.clock, chance=chance, rate=rate))
    heard: list[Any] = []
    for i in range(30):
        made.quote("INFY", 1000 + chance.choice((-1, 1)))
        heard.append(venue.place(approved(f"{i}-")))
        for read in (venue.orders, venue.trades, venue.positions, venue.funds):
            try:
                heard.append(read())
            except BrokerError as error:
                heard.append((type(error), str(error)))
        made.clock.sleep(1.0)
    return heard, venue


@given(st.sampled_from(sorted(PROFILES)), st.integers(0, 2**32))
def test_a_seed_tells_the_same_story_twice(name: str, seed: int) -> None:
    heard, venue = run(name, seed, 0.3)
    again, other = run(name, seed, 0.3)
    assert (heard, venue.line.strikes) == (again, other.line.strikes)


@given(st.sampled_from(sorted(PROFILES)), st.integers(0, 2**32))
def test_whatever_strikes_an_acknowledged_order_exists_and_one_not_sent_does_not(name: str, seed: int) -> None:
    """The soundness of outcomes: ACKED is true, INTENT and REJECTED are proven, UNKNOWN claims nothing."""
    heard, venue = run(name, seed, 0.3)
    for i, outcome in enumerate(heard[::5]):
        there = venue.exchange.carrying(f"{i}-".ljust(20, "0"))
        assert len(there) <= 1
        if outcome.state is OrderState.ACKED:
            assert [order.order_id for order in there] == [outcome.broker_order_id]
        elif outcome.state in (OrderState.INTENT, OrderState.REJECTED):
            assert not there


def test_without_faults_nothing_strikes() -> None:
    assert run("strict", 1, 0.0)[1].line.strikes == []


def test_a_high_rate_brings_every_fault_of_a_call() -> None:
    """Over enough draws no fault that can strike a placed order is missing."""
    line = Line(VirtualClock(0.0), chance=random.Random(5), rate=1.0)
    for _ in range(2000):
        line._lasting.clear()
        line.strike("place")
    assert {strike.fault for _, _, strike in line.strikes} == {f for f in Fault if "place" in STRIKES[f]}


def test_a_slow_answer_costs_time_and_nothing_else() -> None:
    made = exchange()
    venue = LoopbackVenue(made, Line(made.clock, [("place", 1, Strike(Fault.SLOW, seconds=0.9))]))
    assert venue.place(approved()).state is OrderState.ACKED
    assert made.clock.monotonic() == pytest.approx(0.9)

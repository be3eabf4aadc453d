"""The message throttle and the pause, in virtual time."""

from __future__ import annotations

from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.brokers.throttle import LONGEST_PAUSE, Pause, Throttle
from livetrader.market.clock import VirtualClock
from tests.threads import PATIENCE


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 2)), min_size=1, max_size=60))
def test_no_second_sees_more_messages_than_burst_and_rate_allow(calls: list[tuple[bool, float]]) -> None:
    """Whoever calls, and whenever: at most 4 + 5 messages in any second, below NSE's 10."""
    clock = VirtualClock(1_000_000.0)
    throttle = Throttle(clock)
    sent = []
    for urgent, gap in calls:
        clock.sleep(gap)
        throttle.wait(urgent=urgent)
        sent.append(clock.monotonic())
    assert all(sum(at <= other < at + 1.0 - 1e-6 for other in sent) <= 9 for at in sent)


def test_entries_leave_the_reserve_to_exits() -> None:
    """After a row of entries two exits go out at once; a third waits its turn like everybody."""
    clock = VirtualClock(0.0)
    throttle = Throttle(clock, per_second=5.0, burst=4.0, reserve=2.0)
    waits = [throttle.wait(urgent=False) for _ in range(6)]
    assert waits == pytest.approx([0.0, 0.0, 0.2, 0.2, 0.2, 0.2])
    assert [throttle.wait(urgent=True) for _ in range(3)] == pytest.approx([0.0, 0.0, 0.2])


def test_an_exit_overtakes_an_entry_that_waits() -> None:
    """The wait of one caller is not the wait of all."""
    clock = VirtualClock(0.0)
    throttle = Throttle(clock, per_second=5.0, burst=4.0, reserve=2.0)
    overtaken: list[float] = []

    class Waiting(VirtualClock):
        def sleep(self, seconds: float) -> None:
            assert seconds > 0
            exit_ = Thread(target=lambda: overtaken.append(throttle.wait(urgent=True)))
            exit_.start()
            exit_.join(PATIENCE)

    throttle._clock = Waiting(0.0)
    for _ in range(3):
        throttle.wait(urgent=False)
    assert overtaken == [0.0]


@pytest.mark.parametrize(("rate", "burst", "reserve"), [(0.0, 4.0, 2.0), (5.0, 2.0, 2.0), (5.0, 4.0, -1.0)])
def test_a_throttle_that_lets_no_entry_out_is_refused(rate: float, burst: float, reserve: float) -> None:
    with pytest.raises(ValueError, match="no entry ever goes out"):
        Throttle(VirtualClock(0.0), rate, burst, reserve)


@pytest.mark.parametrize(
    ("holds", "left"),
    [
        ([], 0.0),
        ([7.0], 7.0),
        ([7.0, 3.0], 7.0),
        ([3.0, 7.0], 7.0),
        ([1e9], LONGEST_PAUSE),
        ([float("inf")], LONGEST_PAUSE),
        ([float("nan")], LONGEST_PAUSE),
        ([-5.0], 0.0),
    ],
)
def test_a_pause_is_bounded_and_never_shortened(holds: list[float], left: float) -> None:
    clock = VirtualClock(50.0)
    pause = Pause(clock)
    for seconds in holds:
        pause.hold(seconds)
    assert pause.left() == left
    clock.step(-3600.0)
    assert pause.left() == left, "a step of the wall clock neither lengthens nor ends it"
    clock.sleep(left)
    assert pause.left() == 0.0

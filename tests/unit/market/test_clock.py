"""The clocks: virtual time moves only when told, and never back."""

from __future__ import annotations

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.market.clock import SystemClock, VirtualClock

START = 1_770_000_000.0


def test_virtual_time_stands_still() -> None:
    clock = VirtualClock(START)
    assert [clock.now(), clock.now()] == [START, START]
    assert clock.monotonic() == clock.monotonic() == 0.0


def test_sleep_and_advance_move_both_readings() -> None:
    clock = VirtualClock(START)
    clock.sleep(2.5)
    assert (clock.now(), clock.monotonic()) == (START + 2.5, 2.5)
    clock.advance_to(START + 60)
    assert (clock.now(), clock.monotonic()) == (START + 60, 60.0)


@pytest.mark.parametrize("seconds", [3600.0, -3600.0], ids=["forward", "back"])
def test_a_step_of_the_wall_clock_is_no_time_passing(seconds: float) -> None:
    clock = VirtualClock(START)
    clock.sleep(5)
    clock.step(seconds)
    assert (clock.now(), clock.monotonic()) == (START + 5 + seconds, 5.0)
    clock.sleep(1)
    assert (clock.now(), clock.monotonic()) == (START + 6 + seconds, 6.0)


@pytest.mark.parametrize("instant", [START - 1, float("nan"), float("-inf")], ids=["past", "nan", "minus-inf"])
def test_time_never_goes_back(instant: float) -> None:
    clock = VirtualClock(START)
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance_to(instant)
    assert (clock.now(), clock.monotonic()) == (START, 0.0)


def test_a_negative_sleep_is_refused_as_the_system_refuses_it() -> None:
    with pytest.raises(ValueError, match="does not go back"):
        VirtualClock(START).sleep(-0.1)
    with pytest.raises(ValueError, match="non-negative"):
        SystemClock().sleep(-0.1)


@given(st.lists(st.floats(0.1, 1e12), min_size=1, max_size=20))
def test_advancing_lands_exactly_on_the_instant(instants: list[float]) -> None:
    """Replay schedules by instants, so `now` is the instant asked for, bit for bit, however it got there."""
    clock = VirtualClock(0.1)
    for instant in sorted(instants):
        clock.advance_to(instant)
        assert clock.now() == instant


def test_the_system_clock_runs() -> None:
    clock = SystemClock()
    wall, steady = clock.now(), clock.monotonic()
    clock.sleep(0.01)
    assert clock.monotonic() - steady >= 0.01
    assert clock.now() > wall > 1_700_000_000


def test_a_signal_ends_the_systems_sleep() -> None:
    """Ctrl-C must stop a waiting loop at once, not after its sleep."""

    class Stop(Exception):
        pass

    def stop(*_: object) -> None:
        raise Stop

    previous = signal.signal(signal.SIGALRM, stop)
    clock = SystemClock()
    started = clock.monotonic()
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        with pytest.raises(Stop):
            clock.sleep(30)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert clock.monotonic() - started < 10

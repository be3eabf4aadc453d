"""What tests of several threads need: to wait for another one, and a clock that stands still for all of them."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Lock

from livetrader.market.clock import SystemClock, VirtualClock

# What never comes fails a test after so long. It costs time only then, and a shared machine may stall for many seconds.
PATIENCE = 60.0


def soon(reached: Callable[[], object], every: float = 0.005) -> None:
    """Wait until it is so, looking every so many seconds. AssertionError if it never is."""
    clock = SystemClock()
    end = clock.monotonic() + PATIENCE
    while not reached():
        assert clock.monotonic() < end, "it never came so far"
        clock.sleep(every)


class Gate(SystemClock):
    """A clock whose sleeps end when it is `opened`: for a server that is slow until the test says so."""

    def __init__(self) -> None:
        self.opened = Event()

    def sleep(self, seconds: float) -> None:  # noqa: ARG002 - as long as it takes
        self.opened.wait(PATIENCE)


class SharedTime(VirtualClock):
    """A virtual clock that several threads wait on. Moved to a moment that is past, it stays where it is."""

    def __init__(self, start: float) -> None:
        super().__init__(start)
        self._lock = Lock()

    def advance_to(self, instant: float) -> None:
        with self._lock:
            super().advance_to(max(instant, self.now()))

"""The scheduler drives, stops and passes errors on; it decides nothing."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from livetrader.errors import StoreError
from livetrader.market.clock import SystemClock
from livetrader.scheduling import run, stopping

EVERY = {"scan": 0.05, "monitor": 0.05, "status": 0.05}


@dataclass
class Probe:
    """A trader that counts its calls, ends after `scans`, and may fail or take long."""

    scans: int = 3
    error: Exception | None = None
    calls: dict[str, int] = field(default_factory=lambda: {"scan": 0, "monitor": 0, "status": 0})
    threads: set[int] = field(default_factory=set)
    at_once: int = 0
    overlapped: bool = False

    def _called(self, name: str) -> None:
        self.at_once += 1
        self.overlapped |= self.at_once > 1
        self.calls[name] += 1
        self.threads.add(threading.get_ident())
        self.at_once -= 1

    def scan(self) -> None:
        self._called("scan")
        if self.error is not None:
            raise self.error

    def monitor(self) -> None:
        self._called("monitor")

    def status(self) -> None:
        self._called("status")

    @property
    def over(self) -> bool:
        return self.calls["scan"] >= self.scans


def test_runs_every_job_until_the_trader_is_over() -> None:
    probe = Probe()
    assert run(probe, EVERY, SystemClock()) == "session over"
    assert probe.calls["scan"] == 3
    assert probe.calls["monitor"]
    assert probe.calls["status"]


def test_jobs_share_one_thread_and_never_overlap() -> None:
    probe = Probe(scans=5)
    run(probe, EVERY, SystemClock())
    assert len(probe.threads) == 1
    assert not probe.overlapped


def test_an_error_in_a_job_ends_the_loop_and_is_raised_to_the_caller() -> None:
    probe = Probe(error=StoreError("state.db: disk full"))
    with pytest.raises(StoreError, match="disk full"):
        run(probe, EVERY, SystemClock())
    assert probe.calls["scan"] == 1, "a failed scan is not repeated"


def test_sigterm_stops_after_the_pass_in_flight() -> None:
    probe = Probe(scans=10**6)
    threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
    assert run(probe, EVERY, SystemClock()) == "SIGTERM"
    assert probe.calls["scan"] > 0


def test_the_second_ctrl_c_stops_at_once() -> None:
    def interrupt_twice() -> None:
        with stopping() as received:
            os.kill(os.getpid(), signal.SIGINT)
            assert received == ["SIGINT"]
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        interrupt_twice()


def test_signal_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with stopping():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_what_is_heard_makes_a_scan_at_once_and_one_at_a_time() -> None:
    """Long before the next one is due, from whatever thread."""
    probe = Probe(scans=4)
    wakes: list[Callable[[], None]] = []

    @contextmanager
    def listening(wake: Callable[[], None]) -> Iterator[None]:
        wakes.append(wake)
        yield
        wakes.clear()

    def hear() -> None:
        (wake,) = wakes
        while probe.calls["scan"] < 4:
            wake()
            SystemClock().sleep(0.05)

    thread = threading.Timer(0.3, hear)
    thread.start()
    begun = SystemClock().monotonic()
    seldom = {"scan": 600.0, "monitor": 600.0, "status": 600.0}
    assert run(probe, seldom, SystemClock(), listening) == "session over"
    assert SystemClock().monotonic() - begun < 60
    thread.join()
    assert probe.calls["scan"] == 4
    assert not probe.overlapped
    assert wakes == []

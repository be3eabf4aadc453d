"""APScheduler → engine; no logic.

One worker thread runs everything, so jobs never overlap. A late run is not dropped (`misfire_grace_time=None`), late
runs of one job become one (`coalesce`), and a run that could not start because the last one was still going is
counted and logged: each job looks at what has happened since it last ran, so nothing is lost.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any, NoReturn, Protocol

import structlog
from apscheduler.events import EVENT_JOB_MAX_INSTANCES
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from livetrader import INTERRUPTED
from livetrader.ports import Clock, wall_time

WOKEN = "woken scan"

log = structlog.get_logger(__name__)


class Trader(Protocol):
    """What the scheduler drives."""

    def scan(self) -> None: ...

    def monitor(self) -> None: ...

    def status(self) -> None: ...

    @property
    def over(self) -> bool: ...


Listening = Callable[[Callable[[], None]], AbstractContextManager[None]]
"""Given a function, calls it from any thread whenever there may be something new, until its context ends."""


def _deaf(_wake: Callable[[], None]) -> AbstractContextManager[None]:
    return nullcontext()


def run(trader: Trader, seconds: Mapping[str, float], clock: Clock, listening: Listening = _deaf) -> str:
    """Drive `trader` until it is over or a signal asks to stop; why it stopped.

    `seconds` has the period of `scan`, `monitor` and `status`; what `listening` hears makes one more scan at once. The
    first Ctrl+C or SIGTERM lets the pass in flight finish; the second Ctrl+C ends the process at once (130). Whatever a
    job raises is raised here.
    """
    return run_all([(trader, seconds)], clock, listening)


def run_all(
    loops: Sequence[tuple[Trader, Mapping[str, float]]],
    clock: Clock,
    listening: Listening = _deaf,
    idle: Callable[[], None] = lambda: None,
) -> str:
    """Drive several traders, each at its own pace and one job at a time, as `run` does until all of them are over.

    `idle` is called between looks, in the thread that waits: for what must not keep a pass waiting.
    """
    stop = threading.Event()
    failure: list[BaseException] = []
    scheduler = BackgroundScheduler(
        executors={"default": ThreadPoolExecutor(1)},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        timezone=UTC,
    )
    scheduler.add_listener(_skipped, EVENT_JOB_MAX_INSTANCES)
    traders = [trader for trader, _ in loops]
    for number, (trader, seconds) in enumerate(loops, 1):
        for name, job in (("scan", trader.scan), ("monitor", trader.monitor), ("status", trader.status)):
            scheduler.add_job(
                _guarded(job, trader, traders, stop, failure),
                "interval",
                seconds=seconds[name],
                id=name if len(loops) == 1 else f"{name} {number}",
                start_date=_whole_second(clock),
                next_run_time=_whole_second(clock),
            )
    scans = [_guarded(trader.scan, trader, traders, stop, failure) for trader in traders]
    with stopping(stop) as received, listening(lambda: _wake(scheduler, scans)):
        try:
            scheduler.start()
            while not stop.wait(0.2):
                idle()
            scheduler.shutdown(wait=True)
        except KeyboardInterrupt:
            _end_at_once()
    if failure:
        raise failure[0]
    return received[0] if received else "session over"


def _wake(scheduler: BackgroundScheduler, scans: Sequence[Callable[[], None]]) -> None:
    scheduler.add_job(lambda: [scan() for scan in scans], id=WOKEN, replace_existing=True)


def _end_at_once() -> NoReturn:
    """As a kill would: a pass in flight cannot be stopped, and must not trade on once the lock is given up."""
    # On a line of its own, also when the pass is in the middle of writing one.
    print(f"\n{INTERRUPTED}", file=sys.stderr, flush=True)
    os._exit(130)


def _guarded(
    job: Callable[[], None], trader: Trader, traders: Sequence[Trader], stop: threading.Event,
    failure: list[BaseException],
) -> Callable[[], None]:  # fmt: skip
    """The job of one of `traders`, ending the loop when all of them are over or something is raised."""

    def guarded() -> None:
        if stop.is_set() or (trader.over and len(traders) > 1):
            return
        try:
            job()
        except Exception as error:
            log.exception("stopped by an error", error=str(error))
            failure.append(error)
            stop.set()
        if all(one.over for one in traders):
            stop.set()

    return guarded


def _whole_second(clock: Clock) -> datetime:
    return wall_time(clock).replace(microsecond=0) + timedelta(seconds=1)


def _skipped(event: Any) -> None:
    # A scan that was woken is in the queue already: it will see what this one would have seen.
    if event.job_id != WOKEN:
        log.warning("run skipped: the one before it is still going", job=event.job_id)


@contextmanager
def stopping(stop: threading.Event | None = None) -> Iterator[list[str]]:
    """The first SIGINT or SIGTERM sets `stop`, the second Ctrl+C raises; the names of those received."""
    received: list[str] = []

    def on_signal(number: int, _frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if name == "SIGINT" and "SIGINT" in received:
            raise KeyboardInterrupt
        received.append(name)
        log.info("stopping after the pass in flight", signal=name)
        if stop is not None:
            stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

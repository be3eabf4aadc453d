"""One target, one thread: what the log has since the target's cursor, told at a bounded rate."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from livetrader.domain.log_entry import LogEntry
from livetrader.errors import StoreError
from livetrader.notify.backlog import Backlog, Message
from livetrader.notify.events import Reader, Severity
from livetrader.ports import Clock, wall_time

log = structlog.get_logger(__name__)

POLL_SECONDS = 1.0
# Between attempts, after ever longer ones.
PAUSES_SECONDS = (2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
PAGE = 500

Send = Callable[[Message], str]
"""Lets a message out: "" if the service took it, else why not, in one line without secrets."""


@dataclass
class Budget:
    """At most `per_minute` messages in any minute, attempts included; the last one is kept for what is critical."""

    per_minute: int
    clock: Clock
    _spent: deque[float] = field(default_factory=deque, init=False)

    def allows(self, severity: Severity) -> bool:
        while self._spent and self.clock.monotonic() - self._spent[0] >= 60.0:
            self._spent.popleft()
        return len(self._spent) < self.per_minute - (severity is not Severity.CRITICAL)

    def spend(self) -> None:
        self._spent.append(self.clock.monotonic())


@dataclass
class Courier:
    """Tells `name` what is at least as bad as `at_least`. The name is shown, and names the cursor.

    A service that fails is tried again, at growing intervals and at least once a minute; what is committed meanwhile
    waits in the log. Its first failure is logged, and that it is back.
    """

    name: str
    at_least: Severity
    send: Send
    reader: Reader
    backlog: Backlog
    budget: Budget
    clock: Clock
    _read: int = field(init=False)
    _kept: int = field(init=False)
    _failures: int = field(default=0, init=False)
    _not_before: float = field(default=0.0, init=False)
    _unreadable: bool = field(default=False, init=False)
    _ended: bool = field(default=False, init=False)
    _abandoned: threading.Event = field(default_factory=threading.Event, init=False)

    def __post_init__(self) -> None:
        """From where it was; the first time from now on: nobody wants a year's fills."""
        tail = self.reader.tail
        reached = tail.reached(self._cursor)
        if reached is None:
            tail.reach(self._cursor, self.reader.since)
        self._read = self._kept = self.reader.since if reached is None else reached

    @property
    def _cursor(self) -> str:
        return f"notified:{self.name}"

    def run(self, closing: threading.Event, abandoned: threading.Event) -> None:
        """Until `closing`, and then until all is told, or cannot be now, or nobody waits any more (`abandoned`).

        The body of a thread.
        """
        self._abandoned = abandoned
        while not closing.wait(POLL_SECONDS):
            self.step()
        # What is over its budget is waited for.
        while not self.step(closing=True) and not abandoned.wait(0.1):
            pass

    def step(self, *, closing: bool = False) -> bool:
        """Read on, and tell what may be told now. True if that is all, or, while `closing`, all that can be."""
        try:
            self._gather()
            self._unreadable = False
        except StoreError as error:
            if not self._unreadable:
                log.warning("what happens cannot be read, and is told later", target=self.name, error=str(error))
            self._unreadable = True
        if closing and self.reader.error and not self._ended:
            self._ended = True
            self.backlog.add(self.reader.ending(self._read, wall_time(self.clock)))
        return self._deliver(closing)

    def _gather(self) -> None:
        head = self.reader.tail.head()
        while self._read < head:
            page = self.reader.tail.entries(self.reader.kinds, self._read, head, PAGE)
            for entry in page:
                self._take(entry)
                self._read = entry.seq
            if len(page) < PAGE:
                self._read = head

    def _take(self, entry: LogEntry) -> None:
        try:
            event = self.reader.event(entry)
            if event is not None and event.severity >= self.at_least:
                self.backlog.add(event)
        except StoreError:
            raise
        except Exception:
            # One row that cannot be put into words must not hide those that follow it.
            log.exception("a row of the audit log could not be told", seq=entry.seq, kind=entry.kind)

    def _deliver(self, closing: bool) -> bool:
        while (message := self.backlog.next()) is not None:
            if self.clock.monotonic() < self._not_before:
                return closing
            if not self.budget.allows(message.severity):
                return False
            self.budget.spend()
            why = self.send(message)
            if self._abandoned.is_set():
                return True  # the log is closed by now
            if why:
                self._failed(why)
                return closing
            self._sent()
        if closing:
            self._keep()
        return True

    def _failed(self, why: str) -> None:
        pause = PAUSES_SECONDS[min(self._failures, len(PAUSES_SECONDS) - 1)]
        self._failures += 1
        self._not_before = self.clock.monotonic() + pause
        if self._failures == 1:
            log.warning("notifications do not get through; they are tried again", target=self.name, why=why)

    def _sent(self) -> None:
        if self._failures:
            log.info("notifications get through again", target=self.name, failures=self._failures)
        self._failures = 0
        self.backlog.sent()
        self._keep()

    def _keep(self) -> None:
        """Write down what is done with. Where that fails, a restart tells it again, which is better than never."""
        oldest = self.backlog.oldest
        seq = self._read if oldest is None else oldest - 1
        if seq == self._kept:
            return
        try:
            self.reader.tail.reach(self._cursor, seq)
            self._kept = seq
        except StoreError as error:
            log.debug("the cursor of notifications could not be written", target=self.name, error=str(error))

"""The threads that tell the operator: one for each target, one for the heartbeat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Event, Thread

import structlog

from livetrader.notify.courier import Courier
from livetrader.notify.heartbeat import Heartbeat
from livetrader.notify.systemd import Systemd
from livetrader.ports import Clock

log = structlog.get_logger(__name__)


@dataclass
class Notifications:
    """Implements ports.Notifier. The threads are daemons: a process never waits for them longer than `close` does."""

    couriers: Sequence[Courier]
    heartbeat: Heartbeat | None
    clock: Clock
    service: Systemd | None = None
    _threads: list[Thread] = field(default_factory=list, init=False)
    _closing: Event = field(default_factory=Event, init=False)
    _abandoned: Event = field(default_factory=Event, init=False)

    def start(self, *, announced: bool) -> None:
        """Begin to tell; with `announced`, also that this process starts and stops. It has all that it needs."""
        self._begin(announced=announced)
        if self.service is not None:
            self.service.ready()

    def _begin(self, *, announced: bool) -> None:
        for courier in self.couriers:
            courier.reader.announced = announced
            self._threads.append(Thread(target=courier.run, args=(self._closing, self._abandoned), daemon=True))
        for thread in self._threads:
            thread.start()
        if self.heartbeat is not None:
            Thread(target=self.heartbeat.run, args=(self._closing,), name="heartbeat", daemon=True).start()

    def scanned(self) -> None:
        if self.service is not None:
            self.service.scanned()
        if self.heartbeat is not None:
            self.heartbeat.scanned()

    def failed(self, error: str) -> None:
        """The process ends by this error."""
        for courier in self.couriers:
            courier.reader.error = error

    def close(self, seconds: float) -> None:
        """Tell what is left, for `seconds` at most. What is not told by then is told by the next start."""
        if self.service is not None:
            self.service.stopping()
        if not self._threads:  # the process ends before it began
            self._begin(announced=False)
        self._closing.set()
        until = self.clock.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - self.clock.monotonic()))
        self._abandoned.set()
        for courier in self.couriers:
            if left := courier.backlog.size:
                log.warning("not told yet; the next start does", target=courier.name, events=left)

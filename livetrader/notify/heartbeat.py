"""The dead man's switch: a service outside that raises the alarm when it hears nothing."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import structlog

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS = 5.0


@dataclass
class Heartbeat:
    """GETs `url`, at most every `seconds`, and only if a scan was completed since the last time.

    `url` is a secret: it is in no message.
    """

    url: str = field(repr=False)
    seconds: float
    _scanned: threading.Event = field(default_factory=threading.Event, init=False)
    _failing: bool = field(default=False, init=False)

    def scanned(self) -> None:
        """A scan was completed."""
        self._scanned.set()

    def run(self, closing: threading.Event) -> None:
        """Until `closing` is set. The body of a thread."""
        while not closing.is_set():
            if self._scanned.is_set():
                self._scanned.clear()
                self._heard(self._ping())
                closing.wait(self.seconds)
            else:
                closing.wait(min(1.0, self.seconds))

    def _ping(self) -> str:
        """Nothing, or why it failed."""
        import httpx  # costs a tenth of a second, on this thread alone

        try:
            answer = httpx.get(self.url, timeout=TIMEOUT_SECONDS)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return type(error).__name__
        return "" if answer.is_success else f"HTTP {answer.status_code}"

    def _heard(self, why: str) -> None:
        """Say once that nobody is heard, and once that it is over."""
        if why and not self._failing:
            log.warning("the heartbeat does not get through; it goes on", why=why)
        elif self._failing and not why:
            log.info("the heartbeat gets through again")
        self._failing = bool(why)

"""Market time that all processes of a soak share: it runs as real time does, and its driver skips what is idle."""

from __future__ import annotations

from livetrader.market.clock import SystemClock

_MACHINE = SystemClock()


class SharedClock:
    """Implements ports.Clock. `ahead` is its distance, in seconds, from the machine's monotonic clock, which is the
    same in every process: whoever is told it has the same time.

    Work takes as long as it takes, and an outage too: orders age meanwhile, as they do in production.
    """

    def __init__(self, ahead: float) -> None:
        self.ahead = ahead

    @classmethod
    def at(cls, instant: float) -> SharedClock:
        """A clock that shows `instant` (epoch seconds) now."""
        return cls(instant - _MACHINE.monotonic())

    def now(self) -> float:
        return _MACHINE.monotonic() + self.ahead

    def monotonic(self) -> float:
        return self.now()

    def sleep(self, seconds: float) -> None:
        self.skip_to(self.now() + seconds)

    def skip_to(self, instant: float) -> None:
        """Let the time until `instant` pass at once; nothing happens if that is past."""
        self.ahead += max(instant - self.now(), 0.0)

    def follow(self, ahead: float) -> None:
        """Be where another process has skipped to."""
        self.ahead = max(self.ahead, ahead)

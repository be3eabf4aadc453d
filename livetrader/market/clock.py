"""The two clocks. The only place of the package that reads or waits for the system's time."""

from __future__ import annotations

import time


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Epoch seconds; may jump when the machine's clock is set."""
        return time.time()  # noqa: TID251 - this is the Clock that others are told to use

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait. A signal whose handler raises ends the wait; after any other the rest is waited."""
        time.sleep(seconds)  # noqa: TID251 - as above


class VirtualClock:
    """A clock that stands still until it is told to move: replay, backtest and tests.

    Both readings move together, except for `step`, and at one instant for all threads. `monotonic` begins at 0.
    """

    def __init__(self, start: float) -> None:
        self._at = (float(start), 0.0)

    def now(self) -> float:
        """Epoch seconds."""
        return self._at[0]

    def monotonic(self) -> float:
        """Seconds that have passed since the start; steps of the wall clock do not count."""
        return self._at[1]

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass at once. Raises ValueError when they are negative, as `time.sleep` does."""
        self.advance_to(self._at[0] + seconds)

    def advance_to(self, instant: float) -> None:
        """Let time pass until `instant` (epoch seconds). Raises ValueError when that lies in the past."""
        now, monotonic = self._at
        if not instant >= now:  # so written that NaN is refused as well
            raise ValueError(f"time does not go back: {instant} is before {now}")
        self._at = (float(instant), monotonic + (instant - now))

    def step(self, seconds: float) -> None:
        """Set the wall clock forward or (negative) back, as NTP or an operator does; no time passes."""
        now, monotonic = self._at
        self._at = (now + seconds, monotonic)

"""How fast we may speak to a broker, and when not at all. Both live on a clock, virtual time included."""

from __future__ import annotations

import math
from threading import Lock

from livetrader.ports import Clock

UNTOLD_SECONDS = 5.0  # a 429 that does not say how long
BAN_SECONDS = 120.0  # a 418 that does not say how long: Binance bans for at least two minutes
LONGEST_PAUSE = 300.0  # nobody is believed who asks for more, or a bad header would silence exits for the day


class Pause:
    """Silence that a broker asked for (429, 418). All callers of one key share one pause."""

    def __init__(self, clock: Clock, longest: float = LONGEST_PAUSE) -> None:
        self._clock = clock
        self._longest = longest
        self._until = -math.inf

    def hold(self, seconds: float) -> None:
        """Be silent for `seconds`, bounded; a pause under way is never shortened."""
        bounded = min(max(seconds, 0.0), self._longest) if seconds == seconds else self._longest
        self._until = max(self._until, self._clock.monotonic() + bounded)

    def left(self) -> float:
        """Seconds of silence that remain; 0 when we may speak."""
        return max(self._until - self._clock.monotonic(), 0.0)


class Throttle:
    """A token bucket: `per_second` messages, `burst` at once, the last `reserve` of them for urgent ones.

    Exits, stops and cancels are urgent: a row of entries never makes them wait. No second sees more than
    burst + per_second messages; the default stays below NSE's threshold of 10 for unregistered algorithms (ORDERS.md).
    """

    def __init__(self, clock: Clock, per_second: float = 5.0, burst: float = 4.0, reserve: float = 2.0) -> None:
        if not (per_second > 0 and 0 <= reserve <= burst - 1):
            raise ValueError(f"with {per_second} a second and {reserve} of {burst} in reserve no entry ever goes out")
        self._clock = clock
        self._rate = per_second
        self._burst = burst
        self._reserve = reserve
        self._tokens = burst
        self._at = clock.monotonic()
        self._lock = Lock()

    def wait(self, *, urgent: bool) -> float:
        """Take a token, waiting for it on the clock if need be. Returns the seconds waited."""
        with self._lock:
            now = self._clock.monotonic()
            self._tokens = min(self._tokens + (now - self._at) * self._rate, self._burst)
            self._at = now
            floor = 0.0 if urgent else self._reserve
            seconds = max((1.0 + floor - self._tokens) / self._rate, 0.0)
            self._tokens -= 1.0
        # Taken before the wait and slept outside the lock: the next caller queues behind, an exit does not.
        if seconds > 0:
            self._clock.sleep(seconds)
        return seconds

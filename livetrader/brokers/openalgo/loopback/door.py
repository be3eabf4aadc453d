"""Who is let in, and how often: the key, the session with the broker, and OpenAlgo's rate limits for one caller."""

from __future__ import annotations

import hmac
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass

from livetrader.brokers.openalgo.loopback.switches import Switches
from livetrader.ports import Clock

SPANS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86_400.0}
LIMITS: Mapping[str, str] = {"orders": "10 per second", "api": "50 per second"}  # of its sample configuration


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` calls in any `span`."""

    count: int
    span: str

    def __str__(self) -> str:
        return f"{self.count} per 1 {self.span}"


def limits(text: str) -> tuple[Limit, ...]:
    """`10 per second`, several joined by `;`, none of an empty text. Raises ValueError."""
    found = []
    for part in filter(None, text.split(";")):
        count, per, span = part.split()
        if per != "per" or span not in SPANS:
            raise ValueError(f"{part.strip()!r} is no limit: write it as '10 per second'")
        found.append(Limit(int(count), span))
    return tuple(found)


class Door:
    """Lets in the holder of `key`. `groups` has the limits of each group of endpoints, as text.

    A limit is a moving window for each endpoint, on `clock`.
    """

    def __init__(self, key: str, switches: Switches, clock: Clock, groups: Mapping[str, str] = LIMITS) -> None:
        self.key = key
        self._switches = switches
        self._clock = clock
        self._limits = {group: limits(text) for group, text in groups.items()}
        self._hits: dict[tuple[str, Limit], deque[float]] = defaultdict(deque)

    def admits(self, key: str) -> bool:
        """Whether that is the key, and there is a session with the broker: nobody is told which of them fails."""
        return hmac.compare_digest(key.encode(), self.key.encode()) and not self._switches.revoked

    def over(self, endpoint: str, group: str) -> Limit | None:
        """The limit that a call would break; without one the call counts."""
        now, counted = self._clock.monotonic(), []
        for limit in self._limits.get(group, ()):
            hits = self._hits[endpoint, limit]
            while hits and now - hits[0] >= SPANS[limit.span]:
                hits.popleft()
            if len(hits) >= limit.count:
                return limit
            counted.append(hits)
        for hits in counted:
            hits.append(now)
        return None

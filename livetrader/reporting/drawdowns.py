"""The falls of an equity curve: how deep, how long, and when they were made good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from livetrader.reporting.statistics import EquityPoint, ratio


@dataclass(frozen=True, slots=True)
class Fall:
    """From a peak to the return to it. `pct` is of the peak; times are epoch seconds.

    `recovered_at` is the first point at or above the peak, None where the curve ends below it; `ends_at` is that
    point, or the curve's last.
    """

    value: Decimal
    pct: float | None
    peak_at: int
    trough_at: int
    recovered_at: int | None
    ends_at: int

    @property
    def duration_seconds(self) -> int:
        """From the peak to the recovery, or to the curve's end."""
        return self.ends_at - self.peak_at

    @property
    def recovery_seconds(self) -> int | None:
        """From the trough to the recovery."""
        return None if self.recovered_at is None else self.recovered_at - self.trough_at


def falls(curve: Sequence[EquityPoint]) -> tuple[Fall, ...]:
    """Every fall of `curve` (in time order), the earliest first.

    A fall begins at the last point of a peak's height, so that a flat top is no part of it.
    """
    found: list[Fall] = []
    start = 0
    for i in range(1, len(curve) + 1):
        if i == len(curve) or curve[i][1] >= curve[start][1]:
            if i - start > 1:
                found.append(_fall(curve, start, i))
            start = i
    return tuple(found)


def deepest(curve: Sequence[EquityPoint], count: int = 5) -> tuple[Fall, ...]:
    """The `count` deepest falls by percent of their peaks, the deepest first, the earliest of equals."""
    return tuple(sorted(falls(curve), key=lambda fall: (-(fall.pct or 0.0), -fall.value, fall.peak_at))[:count])


def _fall(curve: Sequence[EquityPoint], start: int, end: int) -> Fall:
    """The fall from point `start` until point `end`, which is back at the height, or past the last."""
    peak_at, peak = curve[start]
    trough_at, trough = min(curve[start + 1 : end], key=lambda point: (point[1], point[0]))
    recovered = None if end == len(curve) else curve[end][0]
    ends = curve[end - 1][0] if recovered is None else recovered
    return Fall(peak - trough, ratio((peak - trough) * 100, peak), peak_at, trough_at, recovered, ends)

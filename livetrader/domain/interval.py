"""The lengths of bars."""

from __future__ import annotations

from enum import StrEnum


class Interval(StrEnum):
    """The length of a bar. A bar is named by its open and known at its close."""

    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    H1 = "1h"
    D1 = "1d"

    @property
    def seconds(self) -> int:
        return {"1m": 60, "5m": 300, "15m": 900, "1h": 3600, "1d": 86400}[self.value]

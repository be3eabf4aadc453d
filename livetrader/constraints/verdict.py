"""The verdict on an intent is a type: what the order path accepts is only `Approved`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from livetrader.domain.order import OrderIntent


@dataclass(frozen=True, slots=True)
class Check:
    """What one rule said, with the numbers that it looked at."""

    rule: str
    passed: bool
    reason: str
    numbers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Approved:
    """An intent that every rule let pass."""

    intent: OrderIntent
    checks: Sequence[Check]


@dataclass(frozen=True, slots=True)
class Refused:
    """An intent that a rule of ours stopped (a broker *rejects*, we *refuse*)."""

    intent: OrderIntent
    rule: str
    reason: str
    numbers: Mapping[str, str]
    checks: Sequence[Check]


Verdict = Approved | Refused

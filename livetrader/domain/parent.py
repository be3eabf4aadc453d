"""A parent order: an approved entry whose quantity goes out in child orders, over time or because it must."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from livetrader.domain.order import OrderIntent, Purpose, intent_id
from livetrader.domain.order_state import OrderState

# A child that ended so may turn up as filled yet (or would have filled, in a dry run): it is never sent again.
GONE = frozenset({OrderState.ABANDONED, OrderState.RECORDED})


class Algo(StrEnum):
    """How a parent goes out."""

    SLICES = "slices"  # all at once, because one order may not be for as much
    TWAP = "twap"
    VWAP = "vwap"
    ICEBERG = "iceberg"
    RESTING = "resting"  # a day order in each session, until it has filled


@dataclass(frozen=True, slots=True)
class Slot:
    """From `at` on (epoch seconds) so much more of a parent is due."""

    at: int
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Schedule:
    """When how much goes out, fixed when the parent is made. The slots are in the order of time and make the whole.

    `largest` is the most that one child may be for. From `until` on (epoch seconds) nothing goes out any more, and what
    works is cancelled; None: it lasts until it has filled or is cancelled.
    """

    algo: Algo
    slots: tuple[Slot, ...]
    largest: Decimal
    until: int | None


@dataclass(frozen=True, slots=True)
class Parent:
    """`entry` is the whole of it, as it was approved; it is never sent itself."""

    entry: OrderIntent
    schedule: Schedule

    @property
    def name(self) -> str:
        return self.entry.intent_id


@dataclass(frozen=True, slots=True)
class ParentRecord:
    """A parent order as the journal holds it; `reason` says why it ended. What it has filled, its children say."""

    parent: Parent
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None = None
    reason: str = ""


def child_id(parent: OrderIntent, number: int) -> str:
    """The identity of a parent's child, a pure function of both. Children are numbered from 0."""
    leg = f"{Purpose.ENTRY}:{parent.intent_id}:{number}"
    return intent_id(parent.account, parent.strategy, parent.symbol, parent.as_of, parent.action, leg)

"""Bugs in what counts as exposure, planted one at a time: the machine of limits must find each, or it is decoration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, run_state_machine_as_test
from test_limits_machine import LOOSE, SETTINGS, LimitsMachine
from test_mutations import rest_of_a_parent_forgotten

from livetrader.brokers.loopback.profiles import STRICT
from livetrader.constraints.verdict import Approved
from livetrader.domain.exit_plan import ExitKind
from livetrader.domain.order import OrderIntent
from livetrader.engine.book import Book
from livetrader.engine.by_hand.manual import Manual
from livetrader.engine.parents.execution import Execution, ExecutionKind
from livetrader.engine.parents.under_way import UnderWay
from livetrader.faultsim.violation import Violation

Bug = Callable[[pytest.MonkeyPatch], None]


def working_child_counted_twice(plant: pytest.MonkeyPatch) -> None:
    """What has gone out and has not filled is part of the rest, too."""
    plant.setattr(UnderWay, "rest", property(lambda self: self.entry.quantity - self.filled))


def unknown_child_not_counted(plant: pytest.MonkeyPatch) -> None:
    right = Book.entries

    def entries(self: Book) -> Iterator[tuple[OrderIntent, Decimal]]:
        unknown = self.unknown
        yield from ((one, rest) for one, rest in right(self) if not (one.parent_id and one.intent_id in unknown))

    plant.setattr(Book, "entries", entries)


def adding_not_reviewed(plant: pytest.MonkeyPatch) -> None:
    """What enlarges a position by hand is approved whatever the rules say."""
    right = Manual.approve

    def approve(self: Manual, intent: OrderIntent, *shown: Any, **more: Any) -> Approved:
        return Approved(intent, ()) if intent.entry_id else right(self, intent, *shown, **more)

    plant.setattr(Manual, "approve", approve)


class ParentsMachine(LimitsMachine):
    """A LimitsMachine of which every entry goes out over time, and no limit is tight."""

    @initialize(chance=st.randoms(use_true_random=True))
    def begin(self, chance: Any) -> None:  # type: ignore[override] # all but the market is given
        slowly = Execution(ExecutionKind.TWAP, slices=3, over_minutes=15)
        super().begin(LOOSE, STRICT, ExitKind.TRAILING_ATR, False, slowly, None, chance)


@pytest.mark.parametrize(
    ("bug", "caught"),
    [
        (rest_of_a_parent_forgotten, "I4"),
        (working_child_counted_twice, "I4"),
        (unknown_child_not_counted, "I4"),
        (adding_not_reviewed, "I1|I4|I8"),  # whatever a rule would have kept from happening
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_the_machine_finds_a_planted_bug(bug: Bug, caught: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within as many days as the machine of limits has, and mostly within a few."""
    bug(monkeypatch)
    found = settings(SETTINGS, phases=[Phase.generate], database=None, print_blob=False)
    with pytest.raises(Violation, match=caught):
        run_state_machine_as_test(ParentsMachine, settings=found)

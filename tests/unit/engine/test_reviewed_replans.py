"""`livetrader protect`, read by somebody whose money it is."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from livetrader.engine.by_hand.replan import protect
from tests.unit.engine.test_replan import DAYS, FIXED_AT_98, ended, held_at, manual
from tests.unit.engine.trading_samples import at, flat

D = Decimal


@pytest.mark.parametrize("restarted", [False, True], ids=["", "restarted"])
@pytest.mark.parametrize("again", [(), (4,), (3, 4)], ids=["never", "once", "in each bar"])
def test_the_longest_time_of_holding_stays_as_it_was(again: tuple[int, ...], restarted: bool) -> None:
    """Twenty minutes from the fill on bar 1: the close of bar 4, sold at the open of the next."""
    made = held_at([flat(100)] * 8, replace(FIXED_AT_98, hold_minutes=20.0))
    for bar in range(3, 9):
        if bar in again:
            made.clock.advance_to(at(bar) + 60.0)
            protect(manual(made), bar, "A", D(99))
        if restarted and "A" in made.book.positions:
            made.recover(DAYS[0])
        made.step(at(bar + 1))
    assert ended(made) == [("100", "time", 5)]

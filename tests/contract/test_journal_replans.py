"""Changed exits in the journal: written down once, read back to the last bit."""

from __future__ import annotations

from math import nan

import pytest
from journal_samples import AT, LATER, replan

from livetrader.ports import Journal


def test_a_command_changes_an_exit_once_and_the_order_is_kept(journal: Journal) -> None:
    assert journal.replan(replan(9), AT)
    assert journal.replan(replan(3, "b"), LATER)
    assert not journal.replan(replan(9, stop=1.0), LATER)
    assert journal.replans() == [replan(9), replan(3, "b")]


def test_a_level_that_is_not_there_is_none_when_it_is_read(journal: Journal) -> None:
    written = replan(stop=nan, target=nan, first_stop=nan)
    journal.replan(written, AT)
    assert repr(journal.replans()) == repr([written]), "NaN is not NaN, and its text is"


def test_a_unit_that_fails_leaves_nothing_of_it(journal: Journal) -> None:
    def fails() -> None:
        with journal.unit():
            journal.replan(replan(), AT)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert journal.replans() == []

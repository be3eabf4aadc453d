"""Parent orders in the journal: written down once, ended once, read back to the last digit."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from journal_samples import AT, LATER, intent, sent

from livetrader.domain.order import TimeInForce
from livetrader.domain.parent import Algo, Parent, ParentRecord, Schedule, Slot
from livetrader.errors import ReconcileMismatch
from livetrader.ports import Journal

SLOTS = (Slot(1000, Decimal("3.50")), Slot(1300, Decimal("6.50")))
PARENT = Parent(intent("p", limit_price=Decimal("1500.00")), Schedule(Algo.TWAP, SLOTS, Decimal(5), 1600))
OTHER = Parent(intent("q"), Schedule(Algo.RESTING, (Slot(1000, Decimal(10)),), Decimal(10), None))


def test_a_parent_is_written_down_once(journal: Journal) -> None:
    assert journal.begin_parent(PARENT, AT)
    assert journal.begin_parent(OTHER, AT)
    assert not journal.begin_parent(replace(PARENT, entry=intent("p", quantity="99")), LATER)
    assert journal.parents() == [ParentRecord(PARENT, AT, AT), ParentRecord(OTHER, AT, AT)]


def test_it_ends_once_and_the_first_reason_stands(journal: Journal) -> None:
    journal.begin_parent(PARENT, AT)
    journal.end_parent("p", "by hand", LATER)
    journal.end_parent("p", "again", AT)
    journal.end_parent("never heard of", "by hand", AT)
    assert journal.parents() == [ParentRecord(PARENT, AT, LATER, LATER, "by hand")]


def test_its_terms_may_change_and_its_name_not(journal: Journal) -> None:
    journal.begin_parent(PARENT, AT)
    changed = replace(PARENT, entry=replace(PARENT.entry, quantity=Decimal("20.5"), amended=1200))
    journal.amend_parent(changed, LATER)
    assert journal.parents() == [ParentRecord(changed, AT, LATER)]
    with pytest.raises(ReconcileMismatch, match="q is not in the journal"):
        journal.amend_parent(OTHER, AT)


def test_a_unit_that_fails_leaves_nothing_of_it(journal: Journal) -> None:
    def fails() -> None:
        with journal.unit():
            journal.begin_parent(PARENT, AT)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert journal.parents() == []


def test_a_child_knows_its_parent_and_how_long_it_works(journal: Journal) -> None:
    journal.begin_parent(PARENT, AT)
    sent(journal, intent("c", parent_id="p", tif=TimeInForce.IOC))
    record = journal.order("c")
    assert record is not None
    assert (record.intent.parent_id, record.intent.tif) == ("p", TimeInForce.IOC)

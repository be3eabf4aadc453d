"""Latches, alerts, the day's start, flows and externals: they stand until somebody changes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from journal_samples import AT, LATER

from livetrader.domain.account import Alert, External, ExternalKind, ExternalStatus, Flow, Latch
from livetrader.domain.instrument import Product
from livetrader.ports import Journal
from livetrader.store.journal import SqlJournal
from tests.databases import DATABASES

MONDAY, TUESDAY = date(2026, 2, 2), date(2026, 2, 3)
POSITION = External(ExternalKind.POSITION, "INFY", Product.CNC, Decimal("-10.50"), ExternalStatus.FROZEN, AT)
ORDER = replace(POSITION, kind=ExternalKind.ORDER, quantity=Decimal(5), broker_order_id="B7")


def test_a_latch_is_on_until_it_is_taken_off(journal: Journal) -> None:
    """The first reason stands: it says what happened, and not what followed."""
    assert journal.latch("symbol:INFY", "rejected 3×", AT)
    assert journal.latch("halt", "by hand", LATER)
    assert not journal.latch("halt", "again", LATER + timedelta(seconds=1))
    assert journal.latches() == {
        "halt": Latch("halt", "by hand", LATER),
        "symbol:INFY": Latch("symbol:INFY", "rejected 3×", AT),
    }
    assert list(journal.latches()) == ["halt", "symbol:INFY"]
    assert journal.unlatch("halt", LATER)
    assert not journal.unlatch("halt", LATER)
    assert list(journal.latches()) == ["symbol:INFY"]
    assert journal.latch("halt", "a new one", LATER)
    assert journal.latches()["halt"].reason == "a new one"


def test_an_alert_is_open_until_it_is_settled(journal: Journal) -> None:
    assert journal.alert("stop:INFY", "no stop for 10 INFY", LATER)
    assert journal.alert("disk", "the disk is full", AT)
    assert not journal.alert("stop:INFY", "still none", LATER)
    oldest_first = [Alert("disk", "the disk is full", AT), Alert("stop:INFY", "no stop for 10 INFY", LATER)]
    assert journal.alerts() == oldest_first
    assert journal.settle_alert("disk", LATER)
    assert not journal.settle_alert("disk", LATER)
    assert journal.alerts() == oldest_first[1:]


def test_a_session_has_one_day_start(journal: Journal) -> None:
    """The mutation "daily loss reset at restart": the first figure is the session's, whoever asks again."""
    assert journal.day_start(MONDAY, Decimal("100000.50"), AT) == Decimal("100000.50")
    assert str(journal.day_start(MONDAY, Decimal(90000), LATER)) == "100000.50"
    assert journal.day_start(TUESDAY, Decimal(90000), LATER) == 90000


def test_flows_are_kept_as_they_came(journal: Journal) -> None:
    journal.flow(Decimal("-5000.00"), "withdrawn", LATER)
    journal.flow(Decimal("-5000.00"), "withdrawn", AT)
    assert journal.flows() == [
        Flow(Decimal("-5000.00"), "withdrawn", LATER),
        Flow(Decimal("-5000.00"), "withdrawn", AT),
    ]


def test_an_external_is_held_as_it_was_last_seen(journal: Journal) -> None:
    journal.external(POSITION, AT)
    journal.external(ORDER, AT)
    journal.external(replace(POSITION, symbol="ABB"), AT)
    seen = replace(POSITION, quantity=Decimal(-4), status=ExternalStatus.ADOPTED)
    journal.external(seen, LATER)
    assert journal.externals() == [replace(POSITION, symbol="ABB"), ORDER, seen]


@pytest.mark.parametrize("other", [{"symbol": "TCS"}, {"product": Product.MIS}], ids=str)
def test_an_external_position_is_known_by_symbol_and_product(journal: Journal, other: dict[str, Any]) -> None:
    journal.external(POSITION, AT)
    journal.external(replace(POSITION, **other), AT)
    assert len(journal.externals()) == 2


def test_an_external_of_quantity_zero_is_gone(journal: Journal) -> None:
    journal.external(POSITION, AT)
    journal.external(ORDER, AT)
    for _ in range(2):
        journal.external(replace(POSITION, quantity=Decimal("0.00")), LATER)
        assert journal.externals() == [ORDER]


def stand(journal: Journal) -> None:
    journal.latch("halt", "by hand", AT)
    journal.alert("disk", "full", AT)
    journal.day_start(MONDAY, Decimal(1), AT)
    journal.flow(Decimal(1), "paid in", AT)
    journal.external(POSITION, AT)


def standing(journal: Journal) -> str:
    day_start = journal.day_start(MONDAY, Decimal(99), AT)
    return repr((journal.latches(), journal.alerts(), day_start, journal.flows(), journal.externals()))


def change_and_fail(journal: Journal) -> None:
    with journal.unit():
        journal.unlatch("halt", LATER)
        journal.latch("kill", "", LATER)
        journal.settle_alert("disk", LATER)
        journal.alert("auth", "", LATER)
        journal.day_start(TUESDAY, Decimal(2), LATER)
        journal.flow(Decimal(2), "", LATER)
        journal.external(replace(POSITION, quantity=Decimal(0)), LATER)
        journal.external(ORDER, LATER)
        raise ZeroDivisionError


def test_the_last_time_that_the_books_agreed_is_kept_to_the_second(journal: Journal) -> None:
    assert journal.agreed() is None
    journal.agree(AT)
    journal.agree(LATER)
    assert journal.agreed() == LATER.replace(microsecond=0)


def test_a_unit_that_an_exception_leaves_changes_nothing(journal: Journal) -> None:
    stand(journal)
    before = standing(journal)
    with pytest.raises(ZeroDivisionError):
        change_and_fail(journal)
    assert standing(journal) == before
    assert journal.day_start(TUESDAY, Decimal(7), LATER) == 7


@pytest.mark.parametrize("journal", DATABASES, indirect=True)
def test_all_of_it_survives_a_restart(journal: SqlJournal) -> None:
    """Invariant I8: HALTED means halted, across restarts."""
    stand(journal)
    again = SqlJournal(journal._writer._database)
    assert standing(again) == standing(journal)
    again.close()


CHANGES: dict[str, Callable[[Journal], object]] = {
    "latch": lambda journal: journal.latch("kill", "by hand", LATER),
    "unlatch": lambda journal: journal.unlatch("halt", LATER),
    "alert": lambda journal: journal.alert("auth", "the token is dead", LATER),
    "settle": lambda journal: journal.settle_alert("disk", LATER),
    "day_start": lambda journal: journal.day_start(TUESDAY, Decimal(2), LATER),
    "flow": lambda journal: journal.flow(Decimal(2), "paid in", LATER),
    "external": lambda journal: journal.external(replace(POSITION, quantity=Decimal(0)), LATER),
}


@pytest.mark.parametrize("journal", DATABASES, indirect=True)
@pytest.mark.parametrize("kind", CHANGES)
def test_each_change_is_a_row_of_the_log_and_no_change_is_none(journal: SqlJournal, kind: str) -> None:
    stand(journal)
    rows = journal.verify_audit()
    CHANGES[kind](journal)
    assert journal.verify_audit() == rows + 1
    (row,) = journal._select("SELECT kind, at FROM audit WHERE seq = :seq", seq=rows + 1)
    assert (row["kind"], row["at"]) == (kind, "2026-02-02T04:00:01.500000Z")
    if kind != "flow":  # two of the same are two
        CHANGES[kind](journal)
        assert journal.verify_audit() == rows + 1

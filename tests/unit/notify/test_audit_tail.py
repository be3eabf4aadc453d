"""The log as its readers follow it: SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from livetrader.domain.order_state import OrderState
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal
from tests.contract.journal_samples import AT, LATER, fill, intent, sent
from tests.postgres import new_database


@pytest.fixture(params=["sqlite", "postgresql"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlJournal]:
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path}/state.db"
        if request.param == "postgresql":
            url = stack.enter_context(new_database(request.getfixturevalue("postgres_server").dsn))
        opened = SqlJournal(open_state(url, "paper", "main"))
        stack.callback(opened.close)
        yield opened
        assert opened.verify_audit() >= 1


def test_entries_are_those_of_some_kinds_in_order_page_by_page(journal: SqlJournal) -> None:
    for name in ("a", "b", "c"):
        sent(journal, intent(name))
    head = journal.head()
    first = journal.entries(("intend",), 0, head, 2)
    assert [entry.said["intent_id"] for entry in first] == ["a", "b"]
    rest = journal.entries(("intend",), first[-1].seq, head, 2)
    assert [entry.said["intent_id"] for entry in rest] == ["c"]
    assert (rest[0].kind, rest[0].at) == ("intend", AT)
    assert journal.entries(("intend", "advance"), head, head, 9) == []
    assert journal.entries(("intend",), 0, first[0].seq, 9) == first[:1]


def test_the_last_row_before_another_is_found_by_kind_and_by_what_it_said(journal: SqlJournal) -> None:
    for key in ("stop:INFY", "stop:TCS"):
        journal.alert(key, f"{key} %_ is bare", AT)
    head = journal.head()
    last = journal.before(head + 1, ("alert",))
    assert last is not None
    assert last.said["key"] == "stop:TCS"
    infy = journal.before(head + 1, ("alert",), ("key", "stop:INFY"))
    assert infy is not None
    assert infy.said["text"] == "stop:INFY %_ is bare"
    assert journal.before(infy.seq, ("alert",)) is None
    assert journal.before(head + 1, ("alert",), ("key", "stop:INF")) is None


def test_each_reader_has_a_cursor_of_its_own_which_is_no_row_of_the_log(journal: SqlJournal) -> None:
    journal.mark(500, AT)
    head = journal.head()
    journal.reach("notified:A", 7)
    journal.reach("notified:B", 9)
    journal.reach("notified:A", 8)
    assert [journal.reached(name) for name in ("notified:A", "notified:B", "notified:C")] == [8, 9, None]
    assert (journal.head(), journal.marked()) == (head, 500)


def test_fills_of_a_symbol_up_to_a_row_come_with_their_intents(journal: SqlJournal) -> None:
    for name, symbol in (("a", "INFY"), ("b", "TCS"), ("c", "INFY")):
        sent(journal, intent(name, symbol=symbol))
        journal.book(fill(f"t{name}", name, symbol=symbol), LATER)
    last = journal.entries(("book",), 0, journal.head(), 9)[-1]
    intents, fills = journal.fills_of("INFY", last.seq)
    assert (set(intents), [one.trade_id for one in fills]) == ({"a", "c"}, ["ta", "tc"])
    assert [one.trade_id for one in journal.fills_of("INFY", last.seq - 1)[1]] == ["ta"]
    order = journal.order("c")
    assert order is not None
    assert order.state is OrderState.FILLED

"""The two journals agree on whatever is asked of them, in whatever order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from journal_samples import AT, LATER, fill, intent, replan

from livetrader.domain.account import External, ExternalKind, ExternalStatus
from livetrader.domain.instrument import Product
from livetrader.domain.order_state import IllegalTransition, OrderState
from livetrader.errors import LiveTraderError
from livetrader.ports import Journal
from livetrader.store.database import open_state, wipe
from livetrader.store.journal import SqlJournal
from livetrader.store.memory import MemoryJournal
from tests.databases import DATABASES, empty


def everything(journal: Journal) -> str:
    orders = journal.orders(), journal.open_orders(), journal.unsent(), [journal.order(name) for name in "abc"]
    standing = journal.latches(), journal.alerts(), journal.externals(), journal.replans()
    return repr((orders, journal.fills(), journal.marked(), standing))


NAMES = st.sampled_from(["a", "b", "c"])


class Both(RuleBasedStateMachine):
    """The journal in memory, and the one in the database at `url`, begun anew."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    @initialize()
    def start(self) -> None:
        self.memory = MemoryJournal()
        wipe(self.url, "replay")
        self.sql = SqlJournal(open_state(self.url, "replay", "main"))
        self.trades = 0

    def both(self, method: str, *arguments: Any, **options: Any) -> object:
        answers = []
        for journal in (self.memory, self.sql):
            try:
                answers.append(getattr(journal, method)(*arguments, **options))
            except (IllegalTransition, LiveTraderError) as error:
                answers.append((type(error), str(error)))
        assert answers[0] == answers[1]
        return answers[0]

    @rule(name=NAMES, quantity=st.sampled_from(["10", "2.5"]))
    def intend(self, name: str, quantity: str) -> None:
        self.both("intend", intent(name, quantity), AT)

    @rule(name=NAMES)
    def send(self, name: str) -> None:
        """Chance alone seldom gets an order to where it may fill."""
        self.both("intend", intent(name), AT)
        self.both("advance", name, OrderState.SENT, AT)

    @rule(name=NAMES, state=st.sampled_from(list(OrderState)), told=st.sampled_from([None, "B1", "B2"]))
    def advance(self, name: str, state: OrderState, told: str | None) -> None:
        self.both("advance", name, state, LATER, broker_order_id=told, reason=told or "")

    @precondition(lambda self: self.memory.orders())
    @rule(name=NAMES, quantity=st.sampled_from(["1", "2.5", "7.5", "10", "11"]), again=st.booleans())
    def book(self, name: str, quantity: str, again: bool) -> None:
        self.trades += not again
        self.both("book", fill(f"t{self.trades}", name, quantity), LATER)

    @precondition(lambda self: self.memory.orders())
    @rule(name=NAMES, quantity=st.sampled_from(["2.5", "10", "11"]), price=st.sampled_from([None, Decimal("99.50")]))
    def amend(self, name: str, quantity: str, price: Decimal | None) -> None:
        self.both("amend", replace(intent(name, quantity), trigger_price=price, amended=1300), LATER)

    @rule(command=st.integers(1, 3), name=NAMES)
    def replan(self, command: int, name: str) -> None:
        self.both("replan", replan(command, name), AT)

    @rule(name=NAMES, on=st.booleans())
    def latch(self, name: str, on: bool) -> None:
        self.both("latch", name, "", AT) if on else self.both("unlatch", name, LATER)

    @rule(name=NAMES, on=st.booleans(), at=st.sampled_from([AT, LATER]))
    def alert(self, name: str, on: bool, at: datetime) -> None:
        self.both("alert", name, "", at) if on else self.both("settle_alert", name, at)

    @rule(name=NAMES, quantity=st.sampled_from(["0", "1", "-1"]), status=st.sampled_from(list(ExternalStatus)))
    def external(self, name: str, quantity: str, status: ExternalStatus) -> None:
        seen = External(ExternalKind.POSITION, name, Product.MIS, Decimal(quantity), status, AT)
        self.both("external", seen, LATER)

    @rule(day=st.sampled_from([AT.date(), LATER.date()]), equity=st.sampled_from(["1", "2"]))
    def day_start(self, day: date, equity: str) -> None:
        self.both("day_start", day, Decimal(equity), AT)

    @rule(as_of=st.integers(0, 3))
    def mark(self, as_of: int) -> None:
        self.both("mark", as_of, AT)

    @invariant()
    def hold_the_same(self) -> None:
        if hasattr(self, "sql"):
            assert everything(self.memory) == everything(self.sql)

    @invariant()
    def never_overfilled(self) -> None:
        if hasattr(self, "sql"):
            for record in self.sql.orders():
                booked = [f.quantity for f in self.sql.fills() if f.intent_id == record.intent.intent_id]
                assert sum(booked) == record.filled_quantity <= record.intent.quantity

    def teardown(self) -> None:
        if hasattr(self, "sql"):
            self.sql.verify_audit()
            self.sql.close()


@pytest.mark.parametrize("database", DATABASES)
def test_the_journals_answer_the_same_and_hold_the_same(
    database: str, tmp_path: Path, new_postgres: Callable[[str], str]
) -> None:
    """Whatever is asked of them, in whatever order."""
    few = settings(max_examples=25, stateful_step_count=30)
    url = empty(database, tmp_path, new_postgres)
    run_state_machine_as_test(lambda: Both(url), settings=few)

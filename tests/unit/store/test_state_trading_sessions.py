"""Trading sessions in the state: legal steps only, each in the log, the same on every database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from livetrader.domain.order import Fill, OrderIntent
from livetrader.domain.order_state import IllegalTransition, OrderState
from livetrader.domain.trading_session import Totals, TradingSession, TradingState
from livetrader.store.database import migrate, open_state
from livetrader.store.journal import SqlJournal
from livetrader.store.queries import open_queries
from tests.databases import on_each_database, on_postgresql
from tests.postgres import execute

OrderMaker = Callable[..., OrderIntent]
FillMaker = Callable[..., Fill]
S = TradingState
MADE = Totals(3, 2, Decimal("10.5"), Decimal("0.5"), Decimal("10.0"), Decimal("4.25"), 0.425)


def begun(journal: SqlJournal, at: datetime) -> TradingSession:
    return journal.begin_trading_session("crypto", "paper", Decimal("1000.00"), at)


@on_each_database
def test_a_session_is_kept_with_all_that_it_came_to(url: str, journal: SqlJournal, at: datetime) -> None:
    one, later = begun(journal, at), at + timedelta(hours=6)
    assert one == TradingSession(1, "crypto", "paper", S.STARTING, at, Decimal("1000.00"), first=2)
    journal.advance_trading_session(1, S.RUNNING, at)
    journal.rejoin_trading_session(1, at)
    journal.advance_trading_session(1, S.STOPPING, at, reason="by hand")
    journal.advance_trading_session(1, S.STOPPED, later, exit_code=0, totals=MADE)
    expected = TradingSession(
        1, "crypto", "paper", S.STOPPED, at, Decimal("1000.00"), first=2, runs=2, stopped_at=later, reason="by hand",
        exit_code=0, last=6, totals=MADE,
    )  # fmt: skip
    assert journal.trading_sessions() == [expected]
    assert journal.verify_audit() == 6, "each step is a row of the log"
    assert begun(journal, later).id == 2
    with open_queries(url, "paper", Path("/")) as queries:
        assert queries.trading_sessions() == journal.trading_sessions()


@on_each_database
def test_one_is_open_at_a_time(journal: SqlJournal, at: datetime) -> None:
    begun(journal, at)
    rows = journal.verify_audit()
    for state in (S.RUNNING, S.STOPPING, S.ERROR):
        with pytest.raises(IllegalTransition):
            begun(journal, at)
        journal.advance_trading_session(1, state, at)
    with pytest.raises(IllegalTransition):
        begun(journal, at)
    assert journal.verify_audit() == rows + 3, "what is not done is not in the log"
    journal.advance_trading_session(1, S.STOPPED, at)
    assert begun(journal, at).id == 2


@on_each_database
def test_a_step_that_the_table_does_not_have_changes_nothing(journal: SqlJournal, at: datetime) -> None:
    begun(journal, at)
    before = journal.trading_sessions()
    with pytest.raises(IllegalTransition, match="cannot go from STARTING to STOPPED"):
        journal.advance_trading_session(1, S.STOPPED, at, reason="x", totals=MADE)
    assert journal.trading_sessions() == before


@on_each_database
def test_its_fills_are_those_booked_in_it(
    journal: SqlJournal, at: datetime, order: OrderMaker, fill: FillMaker
) -> None:
    def book(name: str) -> Fill:
        made = order(name)
        journal.intend(made, at)
        journal.advance(name, OrderState.SENT, at)
        journal.book(fill(made), at)
        return fill(made)

    before = book("a")
    session = begun(journal, at)
    during = book("b")
    for state in (S.STOPPING, S.STOPPED):
        journal.advance_trading_session(1, state, at, totals=MADE if state is S.STOPPED else None)
    after = book("c")
    (session,) = journal.trading_sessions()
    assert journal.fills_until(session.first) == [before]
    assert journal.fills_until(session.last) == [before, during]
    assert journal.fills_until(None) == [before, during, after]


@on_postgresql
@pytest.mark.parametrize("table", ["trading_sessions", "parents", "orders", "replans"])
def test_in_postgresql_a_migrated_table_is_that_of_a_new_state(url: str, journal: SqlJournal, table: str) -> None:
    columns = (
        "SELECT column_name, data_type, is_nullable, collation_name FROM information_schema.columns"
        f" WHERE table_schema = 'livetrader_paper' AND table_name = '{table}' ORDER BY 1"
    )
    keys = (
        "SELECT contype, pg_get_constraintdef(oid) FROM pg_constraint"
        f" WHERE conrelid = 'livetrader_paper.{table}'::regclass ORDER BY 1, 2"
    )
    journal.close()
    new = execute(url, columns), execute(url, keys)
    assert new[0]
    assert new[1]
    for undone in ("DROP TABLE {}.trading_sessions", "DROP TABLE {}.parents", "DROP TABLE {}.replans",
                   "ALTER TABLE {}.orders DROP COLUMN parent_id, DROP COLUMN tif"):  # fmt: skip
        execute(url, undone.format("livetrader_paper"))
    execute(url, "UPDATE livetrader_paper.schema_version SET version = 3")
    migrate(url, "paper")
    assert (execute(url, columns), execute(url, keys)) == new
    open_state(url, "paper", "main")

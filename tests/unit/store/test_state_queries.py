"""What the command line reads: one moment of the state, while the daemon writes and when it is dead."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from livetrader.constraints.verdict import Approved
from livetrader.domain.account import Alert, External, ExternalKind, ExternalStatus, Flow, Latch
from livetrader.domain.candles import Interval
from livetrader.domain.instrument import Product
from livetrader.domain.order import Action, Fill, OrderIntent
from livetrader.domain.order_state import OrderState
from livetrader.domain.signal import Side, Signal
from livetrader.errors import StoreError
from livetrader.ports import Decision
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal
from livetrader.store.location import lock_path, place, state_path
from livetrader.store.lock import hold
from livetrader.store.queries import Run, open_queries
from tests.databases import on_each_database

OrderMaker = Callable[..., OrderIntent]
FillMaker = Callable[..., Fill]
INDIA = ZoneInfo("Asia/Kolkata")


@contextmanager
def unprivileged() -> Iterator[None]:
    """Root may write anywhere: for the block, be nobody."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def shut_directory() -> Iterator[Path]:
    """A directory that may be read and not written."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        yield directory
        directory.chmod(0o755)


@on_each_database
def test_status_says_what_is_there(
    url: str, tmp_path: Path, journal: SqlJournal, at: datetime, order: OrderMaker, fill: FillMaker
) -> None:
    buy = order("a")
    run = journal.start_run(at, mode="paper", version="0.1.0", config_hash="c0ffee")
    journal.intend(buy, at)
    journal.intend(order("b", symbol="TCS"), at)
    journal.advance("a", OrderState.SENT, at)
    journal.book(fill(buy), at)
    journal.mark(1300, at)
    journal.equity(1000, Decimal(1), Decimal(1), at)
    journal.equity(1300, Decimal("100.50"), Decimal(99), at)
    with hold(lock_path(url, "paper", tmp_path), at), open_queries(url, "paper", tmp_path) as queries:
        status = queries.status()
    assert (status.where, status.mode, status.account) == (place(url, "paper"), "paper", "main")
    assert status.holder is not None
    assert (status.holder.pid, status.holder.since) == (os.getpid(), at)
    assert status.last_run == Run("paper", "0.1.0", "c0ffee", at, None, None)
    assert status.marked == 1300
    assert status.orders == {OrderState.FILLED: 1, OrderState.INTENT: 1}
    assert status.equity == (1300, Decimal("100.50"), 99)

    journal.stop_run(run, at + timedelta(hours=6), exit_reason="session ended")
    with open_queries(url, "paper", tmp_path) as queries:
        ended = queries.status()
    assert ended.holder is None
    assert ended.last_run == Run("paper", "0.1.0", "c0ffee", at, at + timedelta(hours=6), "session ended")


@on_each_database
@pytest.mark.usefixtures("journal")
def test_a_state_in_which_nothing_happened_yet_has_a_status(url: str, tmp_path: Path) -> None:
    with open_queries(url, "paper", tmp_path) as queries:
        status = queries.status()
    assert (status.last_run, status.marked, status.orders, status.equity) == (None, None, {}, None)
    assert status.created_at.tzinfo is not None


@on_each_database
def test_what_stands_and_what_is_unknown_is_shown(
    url: str, tmp_path: Path, journal: SqlJournal, at: datetime, order: OrderMaker
) -> None:
    """Invariant I7 and the red lines of `livetrader status`, from the database alone."""
    external = External(ExternalKind.POSITION, "TCS", Product.CNC, Decimal(5), ExternalStatus.FROZEN, at)
    for name, states in {"a": (OrderState.ACKED,), "b": (OrderState.UNKNOWN,), "c": (OrderState.REJECTED,)}.items():
        journal.intend(order(name), at)
        for state in (OrderState.SENT, *states):
            journal.advance(name, state, at)
    journal.latch("halt", "by hand", at)
    journal.alert("stop:INFY", "no stop", at)
    journal.external(external, at)
    journal.flow(Decimal(-500), "withdrawn", at)
    asked = journal.post("resume", {}, at)
    with open_queries(url, "paper", tmp_path) as queries:
        status = queries.status()
        assert (status.killed, status.latches, status.alerts) == (False, queries.latches(), queries.alerts())
        assert queries.latches() == {"halt": Latch("halt", "by hand", at)}
        assert queries.alerts() == [Alert("stop:INFY", "no stop", at)]
        assert queries.externals() == [external]
        assert queries.flows() == [Flow(Decimal(-500), "withdrawn", at)]
        assert [one.intent.intent_id for one in queries.unknown_orders()] == ["b"]
        assert [one.intent.intent_id for one in queries.open_orders()] == ["a", "b"]
        assert [one.id for one in queries.commands()] == [asked]


@on_each_database
def test_trades_and_positions_are_folded_from_the_fills(
    url: str, tmp_path: Path, journal: SqlJournal, at: datetime, order: OrderMaker, fill: FillMaker
) -> None:
    deals = [
        (order("a"), "100"),
        (order("b", Action.SELL), "101"),
        (order("c", symbol="TCS"), "50"),
        (order("d", Action.SELL, "4", symbol="TCS"), "51"),
    ]
    for intent, price in deals:
        journal.intend(intent, at)
        journal.advance(intent.intent_id, OrderState.SENT, at)
        journal.book(fill(intent, price), at)
    with open_queries(url, "paper", tmp_path) as queries:
        (trade,) = queries.trades(INDIA)
        (position,) = queries.positions(INDIA)
        assert queries.verify_audit() == journal.verify_audit()
    assert (trade.trade_id, trade.exit_reason, trade.gross_pnl, trade.net_pnl) == ("a", "target", 10, 8)
    assert (position.intent_id, position.quantity, position.average_price) == ("c", 6, 50)


@on_each_database
def test_why_finds_the_decisions_of_a_symbol(
    url: str, tmp_path: Path, journal: SqlJournal, at: datetime, order: OrderMaker
) -> None:
    for symbol, as_of in (("INFY", 1000), ("TCS", 1000), ("INFY", 1300)):
        signal = Signal("s", "11", symbol, Side.LONG, Interval.M5, as_of - 300, as_of, 1.5, 0.5)
        journal.decide(Decision(signal, Approved(order("a"), ())), at)
    with open_queries(url, "paper", tmp_path) as queries:
        found = queries.decisions(symbol="INFY", since=1000, until=1001)
        assert [(d.signal.symbol, d.signal.as_of) for d in found] == [("INFY", 1000)]
        assert len(queries.decisions(symbol="INFY")) == 2
        assert len(queries.decisions()) == 3


@on_each_database
def test_reading_sees_one_moment_while_the_daemon_writes(
    url: str, tmp_path: Path, journal: SqlJournal, at: datetime, order: OrderMaker
) -> None:
    """Neither waits for the other: what a unit has not committed, or commits later, is not seen."""
    journal.intend(order("a"), at)
    with journal.unit():
        journal.intend(order("b"), at)
        with open_queries(url, "paper", tmp_path) as queries:
            assert [r.intent.intent_id for r in queries.orders()] == ["a"]
    with open_queries(url, "paper", tmp_path) as queries:
        assert len(queries.orders()) == 2
        journal.intend(order("c"), at)
        assert len(queries.orders()) == 2


@pytest.mark.parametrize("daemon", ["dead", "running"])
def test_a_directory_that_may_not_be_written_can_be_read(
    shut_directory: Path, at: datetime, order: OrderMaker, daemon: str
) -> None:
    url = f"sqlite:///{shut_directory}/state.db"
    journal = SqlJournal(open_state(url, "paper", "main"))
    journal.intend(order("a"), at)
    if daemon == "dead":
        journal.close()
    shut_directory.chmod(0o555)
    with unprivileged(), open_queries(url, "paper") as queries:
        assert [r.intent.intent_id for r in queries.orders()] == ["a"]
    journal.close()


def test_a_directory_that_may_not_be_written_cannot_be_traded_in(shut_directory: Path) -> None:
    url = f"sqlite:///{shut_directory}/state.db"
    shut_directory.chmod(0o555)
    with unprivileged(), pytest.raises(StoreError, match=r"cannot be opened: see that its directory exists"):
        open_state(url, "paper", "main")
    shut_directory.chmod(0o755)
    open_state(url, "paper", "main")
    state_path(url, "paper").chmod(0o444)
    shut_directory.chmod(0o555)
    with unprivileged(), pytest.raises(StoreError, match=r"is read-only|cannot be opened"):
        open_state(url, "paper", "main")


@pytest.mark.parametrize("content", [None, b"", b"PAR1" * 2048], ids=["missing", "empty", "not_a_database"])
def test_a_state_that_cannot_be_read_is_one_line(url: str, content: bytes | None) -> None:
    path = state_path(url, "paper")
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StoreError) as raised, open_queries(url, "paper"):
        pytest.fail("read a state that is not there")
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("DROP TABLE meta", "another program's tables"),
        ("UPDATE meta SET mode = 'live'", "belongs to mode 'live', not 'paper'"),
        ("INSERT INTO schema_version VALUES (99, '')", "schema 99"),
    ],
    ids=["strange", "another_mode", "newer"],
)
@pytest.mark.usefixtures("journal")
def test_a_state_that_is_not_ours_is_not_read(url: str, sql: str, says: str) -> None:
    with sqlite3.connect(state_path(url, "paper")) as owner:
        owner.execute(sql)
    owner.close()
    with pytest.raises(StoreError, match=says), open_queries(url, "paper"):
        pytest.fail("read somebody else's state")


def test_reading_the_state_does_not_import_what_status_has_no_time_for() -> None:
    heavy = ("sqlalchemy", "pandas", "numba", "pyarrow", "tenacity")
    code = f"import sys, livetrader.store.queries; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"

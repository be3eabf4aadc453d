"""Fault P1: a process that is killed while it writes."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from livetrader.domain.order_state import OrderState
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal
from livetrader.store.queries import open_queries
from tests.databases import on_each_database

# Writes whole orders for ever, and says of each step that it was committed once the journal has said so.
WRITER = """
import sys
from datetime import datetime, UTC
from decimal import Decimal
from livetrader.domain.instrument import Product
from livetrader.domain.order import Action, Fill, OrderIntent, OrderType, Purpose
from livetrader.domain.order_state import OrderState
from livetrader.domain.signal import Side
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal

url, start = sys.argv[1], int(sys.argv[2])
at = datetime(2026, 2, 2, 4, 0, tzinfo=UTC)
ten, price = Decimal(10), Decimal("100.05")
journal = SqlJournal(open_state(url, "paper", "main"))
for i in range(start, start + 100_000):
    name = f"order-{i}"
    journal.intend(
        OrderIntent(
            name, "main", "s", "INFY", Side.LONG, Action.BUY, Purpose.ENTRY, Product.MIS,
            OrderType.MARKET, ten, price, i,
        ),
        at,
    )
    print(name, "INTENT", flush=True)
    journal.advance(name, OrderState.SENT, at)
    print(name, "SENT", flush=True)
    with journal.unit():
        journal.advance(name, OrderState.ACKED, at, broker_order_id=f"B{i}")
        journal.book(Fill("sim", str(i), name, "INFY", Action.BUY, ten, price, price, at), at)
        journal.mark(i, at)
    print(name, "FILLED", flush=True)
"""


def write_and_kill(url: str, start: int, after: int) -> dict[str, str]:
    """Kill the writer after `after` steps; the last state of each order that it said was committed."""
    command = [sys.executable, "-c", WRITER, url, str(start)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline() for _ in range(after)]
        writer.send_signal(signal.SIGKILL)
        # What it could still say before the signal came counts as well; a line cut in two does not.
        said += [line for line in writer.stdout if line.endswith("\n")]
    assert writer.returncode == -signal.SIGKILL
    return dict(line.split() for line in said)


@on_each_database
@pytest.mark.parametrize("kills", [(1, 2, 3), (10, 50)], ids=["early", "in_full_flow"])
def test_a_killed_writer_leaves_all_that_it_committed_and_nothing_by_halves(
    url: str, tmp_path: Path, kills: tuple[int, ...], at: datetime
) -> None:
    """The audit chain holds, every acknowledged step is there, and the next process carries on."""
    order_of_steps = [OrderState.INTENT, OrderState.SENT, OrderState.FILLED]
    committed: dict[str, str] = {}
    for number, after in enumerate(kills):
        committed |= write_and_kill(url, number * 1_000_000, after)
        with open_queries(url, "paper", tmp_path) as queries:
            assert queries.verify_audit() > 1
            records = {r.intent.intent_id: r for r in queries.orders()}
            filled = {fill.intent_id for fill in queries.fills()}
            marked = queries.status().marked
        for name, state in committed.items():
            assert order_of_steps.index(records[name].state) >= order_of_steps.index(OrderState(state))
        assert len(records) <= len(committed) + number + 1, "at most one write a kill was not acknowledged"
        # One unit made the acknowledgement, the fill and the mark: together, or not at all.
        done = {name: r for name, r in records.items() if r.state is OrderState.FILLED}
        assert set(done) == filled == {name for name, r in records.items() if r.broker_order_id}
        assert marked == max((r.intent.as_of for r in done.values()), default=None)
    journal = SqlJournal(open_state(url, "paper", "main"))
    journal.mark(1 << 40, at)
    journal.verify_audit()
    journal.close()

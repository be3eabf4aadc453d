"""What the operator is told of each thing that is committed, in which words, and how bad it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest

from livetrader.domain.account import OPENING
from livetrader.domain.order import Action, Purpose
from livetrader.domain.order_state import OrderState
from livetrader.store.journal import SqlJournal
from tests.contract.journal_samples import AT, LATER, fill, intent, sent
from tests.unit.notify import told

Told = list[tuple[str, str]]
MONDAY = 1_770_004_800  # 2026-02-02 04:00 UTC, 09:30 IST


def _exit(journal: SqlJournal, quantity: str = "10", reason: str = "target", purpose: Purpose = Purpose.EXIT) -> None:
    sent(journal, intent("b", quantity, action=Action.SELL, purpose=purpose, reason=reason))
    journal.book(fill("t2", "b", quantity, "1510.10", action=Action.SELL), LATER)


def _entry(journal: SqlJournal) -> None:
    sent(journal)
    journal.book(fill(), LATER)


def _round_trip(journal: SqlJournal) -> None:
    _entry(journal)
    _exit(journal)


def _in_parts(journal: SqlJournal) -> None:
    sent(journal)
    journal.book(fill("t1", quantity="4"), LATER)
    journal.book(fill("t2", quantity="6"), LATER)


def _half_closed(journal: SqlJournal) -> None:
    _entry(journal)
    _exit(journal, "5", "by hand")


def _closed_by_others(journal: SqlJournal) -> None:
    _entry(journal)
    journal.found(intent("b", action=Action.SELL, purpose=Purpose.RECONCILE, reason="reconcile"), "B9", LATER)
    journal.book(fill("t2", "b", action=Action.SELL), LATER)


def _rejected(journal: SqlJournal) -> None:
    journal.advance(sent(journal), OrderState.REJECTED, LATER, reason="RMS: no funds")


def _unknown(journal: SqlJournal, became: OrderState) -> None:
    name = sent(journal)
    journal.advance(name, OrderState.UNKNOWN, AT, reason="timeout")
    journal.advance(name, became, LATER, broker_order_id="B1")


def _quiet(journal: SqlJournal) -> None:
    journal.advance(sent(journal), OrderState.ACKED, LATER, broker_order_id="B1")
    journal.advance("a", OrderState.CANCELLED, LATER)
    journal.latch("reconcile", "not compared yet", AT)
    journal.unlatch("reconcile", LATER)
    journal.flow(Decimal(1000), OPENING, AT)
    journal.day_start(date(2026, 2, 2), Decimal(1000), AT)


def _alerted(key: str) -> Callable[[SqlJournal], None]:
    def act(journal: SqlJournal) -> None:
        journal.alert(key, "look here", AT)
        journal.settle_alert(key, LATER)

    return act


def _latched(name: str) -> Callable[[SqlJournal], None]:
    def act(journal: SqlJournal) -> None:
        journal.latch(name, "lunch", AT)
        journal.unlatch(name, LATER)

    return act


BOUGHT = ("info", "INFY: bought 10 at 1500.10 (momentum_long)")
LOST = (
    "warning",
    "INFY: BUY 10 (momentum_long entry): nobody knows what became of it; it is looked up, and its symbol waits",
)


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        pytest.param(_entry, [BOUGHT], id="an entry"),
        pytest.param(
            _round_trip,
            [BOUGHT, ("info", "INFY: sold 10 at 1510.10 (momentum_long target): +93.66 net")],
            id="an exit, with what the trade made after charges",
        ),
        pytest.param(
            _in_parts,
            [
                ("info", "INFY: bought 4 at 1500.10, 4 of 10 filled (momentum_long)"),
                ("info", "INFY: bought 6 at 1500.10, 10 of 10 filled (momentum_long)"),
            ],
            id="partial fills",
        ),
        pytest.param(
            _half_closed,
            [BOUGHT, ("info", "INFY: sold 5 at 1510.10 (momentum_long by hand)")],
            id="an exit that closes no trade has no profit yet",
        ),
        pytest.param(
            _closed_by_others,
            [BOUGHT, ("info", "INFY: sold 10 at 1500.10 by others at the broker (momentum_long reconcile): -6.34 net")],
            id="closed by others",
        ),
        pytest.param(
            _rejected, [("warning", "INFY: BUY 10 (momentum_long entry) rejected: RMS: no funds")], id="a rejection"
        ),
        pytest.param(
            lambda journal: _unknown(journal, OrderState.ABANDONED),
            [LOST, ("warning", "INFY: BUY 10 (momentum_long entry): given up: the broker never showed it")],
            id="an order of unknown fate that is given up",
        ),
        pytest.param(
            lambda journal: _unknown(journal, OrderState.ACKED),
            [LOST, ("warning", "INFY: BUY 10 (momentum_long entry): found, acked")],
            id="an order of unknown fate that is found",
        ),
        pytest.param(
            _alerted("stop:INFY"),
            [("critical", "look here"), ("critical", "settled: look here")],
            id="a position without a stop",
        ),
        pytest.param(
            _alerted("external:position:INFY:MIS:"),
            [("warning", "look here"), ("warning", "settled: look here")],
            id="what is not ours",
        ),
        pytest.param(
            _latched("halt"),
            [("warning", "entries halted (halt): lunch"), ("warning", "halt taken off (halt)")],
            id="a halt",
        ),
        pytest.param(
            _latched("kill"),
            [("critical", "entries halted (kill): lunch"), ("critical", "halt taken off (kill)")],
            id="a kill",
        ),
        pytest.param(
            lambda journal: journal.flow(Decimal("-500"), "withdrawn", AT),
            [("info", "cash -500: withdrawn")],
            id="a flow of cash",
        ),
        pytest.param(_quiet, [], id="what is in order is not told"),
    ],
)
def test_what_is_committed_is_told_in_these_words(
    journal: SqlJournal, act: Callable[[SqlJournal], None], expected: Told
) -> None:
    act(journal)
    assert told.texts(told.reader(journal)) == expected


@pytest.mark.parametrize("key", ["auth", "store", "disk", "mismatch:a", "twice:a", "reconcile"])
def test_what_stops_trading_or_contradicts_the_books_is_critical(journal: SqlJournal, key: str) -> None:
    _alerted(key)(journal)
    assert [severity for severity, _ in told.texts(told.reader(journal))] == ["critical", "critical"]


def test_a_session_begins_once_with_its_first_decided_close_and_ends_with_its_summary(journal: SqlJournal) -> None:
    tuesday = MONDAY + 86_400
    for as_of in (MONDAY, MONDAY + 300):
        journal.mark(as_of, AT)
    journal.equity(MONDAY + 300, Decimal(1000), Decimal(1000), AT)
    journal.mark(tuesday, AT + timedelta(days=1))
    found = told.events(told.reader(journal))
    assert [event.text() for event in found] == [
        "session Mon 02 Feb 2026 has begun",
        "Mon 02 Feb 2026 is over",
        "session Tue 03 Feb 2026 has begun",
    ]
    assert [event.day is not None for event in found] == [False, True, False]


def _run(journal: SqlJournal, reason: str | None) -> None:
    run = journal.start_run(AT, mode="paper", version="9.9", config_hash="x")
    if reason is not None:
        journal.stop_run(run, LATER, exit_reason=reason)


@pytest.mark.parametrize(
    ("announced", "before", "own", "expected"),
    [
        pytest.param(
            True, "stopped", "stopped", [("info", "started, livetrader 9.9"), ("info", "stopped")], id="a loop"
        ),
        pytest.param(False, "stopped", "stopped", [], id="a single scan comes and goes unsaid"),
        pytest.param(
            False, None, "stopped", [("warning", "started; the run before it was killed")], id="after a kill -9"
        ),
        pytest.param(
            False,
            "error",
            "stopped",
            [("warning", "an earlier process ended by an error: see the log")],
            id="an error of an earlier run",
        ),
        pytest.param(False, "stopped", "error", [], id="of its own error there is more to say than the row has"),
    ],
)
def test_starts_and_stops(journal: SqlJournal, announced: bool, before: str | None, own: str, expected: Told) -> None:
    _run(journal, before)
    made = told.reader(journal)
    made.announced, made.error = announced, "no disk"
    _run(journal, own)
    assert told.texts(made) == expected

"""The write-ahead record in a database: what ORDERS.md means by "committed"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from decimal import Decimal

from livetrader.domain.order import Fill, OrderIntent
from livetrader.domain.order_state import OrderState
from livetrader.ports import Decision, OrderRecord
from livetrader.store import reads, tables
from livetrader.store.audit import verify
from livetrader.store.booking import advanced, amended, booked, found, intended, require_same, unknown_intent
from livetrader.store.driver import Database
from livetrader.store.lease import LeaseTable
from livetrader.store.parents import ParentTable
from livetrader.store.queue import CommandTable
from livetrader.store.replans import ReplanTable
from livetrader.store.rows import (
    Values,
    decision_values,
    fill_values,
    intent_values,
    progress_values,
    stamp,
    terms_values,
)
from livetrader.store.standing import StandingTables
from livetrader.store.tail import AuditReads
from livetrader.store.trading_sessions import TradingSessionTable
from livetrader.store.writer import Writer

_INTEND = tables.insertion(tables.orders)
_BOOK = tables.insertion(tables.fills)
_DECIDE = tables.insertion(tables.decisions)
_PROGRESS = (
    "UPDATE orders SET state = :state, broker_order_id = :broker_order_id, filled_quantity = :filled_quantity,"
    " average_price = :average_price, reason = :reason, updated_at = :updated_at, sent_at = :sent_at"
    " WHERE intent_id = :intent_id"
)
_AMEND = (
    "UPDATE orders SET quantity = :quantity, limit_price = :limit_price, trigger_price = :trigger_price,"
    " intent_reason = :intent_reason, amended = :amended, updated_at = :updated_at WHERE intent_id = :intent_id"
)
_EQUITY = (
    "INSERT INTO equity (as_of, value, cash, recorded_at) VALUES (:as_of, :value, :cash, :recorded_at)"
    " ON CONFLICT (as_of) DO UPDATE"
    " SET value = excluded.value, cash = excluded.cash, recorded_at = excluded.recorded_at"
)
_START = tables.insertion(tables.runs)
_STOP = "UPDATE runs SET stopped_at = :stopped_at, exit_reason = :exit_reason WHERE run = :run"


class SqlJournal(
    ParentTable, ReplanTable, StandingTables, LeaseTable, CommandTable, TradingSessionTable, AuditReads
):  # fmt: skip
    """Implements ports.Journal, ports.Lease, ports.CommandQueue and ports.AuditTail over `database.open_state`.

    A method that writes has committed, with its row of the audit log, when it returns; inside `unit` it
    commits with the unit, so that whatever relies on it (a call to a broker) belongs after the block. What
    changes nothing (an intent, fill or decision that is there already) writes nothing. StoreError when the
    database cannot commit.
    """

    def __init__(self, database: Database, algo_id: str = "") -> None:
        """`algo_id` is kept with every order: what the algorithm is registered as at the exchange."""
        self._writer = Writer(database)
        self._algo_id = algo_id
        self._select = self._writer.select

    def close(self) -> None:
        self._writer.close()

    def on_full(self, hook: Callable[[], None]) -> None:
        """Have `hook` called inside the unit that was done in the ballast's room, because the disk was full."""
        self._writer.on_full = hook

    def unit(self) -> AbstractContextManager[None]:
        """Several writes in one commit: all of them, or none if an exception leaves the block."""
        return self._writer.unit()

    def decide(self, decision: Decision, at: datetime) -> None:
        signal = decision.signal
        with self.unit():
            if reads.decided(self._select, signal):
                return
            values = decision_values(decision)
            seq = self._writer.append("decide", values, at)
            self._writer.execute(_DECIDE, {**values, "seq": seq, "decided_at": stamp(at)})

    def intend(self, intent: OrderIntent, at: datetime) -> bool:
        return self._write_down(intended(intent, at), at)

    def found(self, intent: OrderIntent, broker_order_id: str, at: datetime) -> bool:
        return self._write_down(found(intent, broker_order_id, at), at, found=broker_order_id)

    def _write_down(self, record: OrderRecord, at: datetime, **said: str) -> bool:
        with self.unit():
            if reads.intended(self._select, record.intent.intent_id):
                return False
            values = intent_values(record.intent)
            seq = self._writer.append("intend", {**values, **said}, at)
            made = {"seq": seq, "created_at": stamp(at), "algo_id": self._algo_id}
            self._writer.execute(_INTEND, {**values, **made, **progress_values(record)})
            return True

    def advance(
        self,
        intent_id: str,
        state: OrderState,
        at: datetime,
        *,
        broker_order_id: str | None = None,
        reason: str = "",
    ) -> None:
        with self.unit():
            record = advanced(self._order(intent_id), state, at, broker_order_id, reason)
            self._progress("advance", {}, record, at)

    def amend(self, intent: OrderIntent, at: datetime) -> None:
        with self.unit():
            before = self._order(intent.intent_id)
            record = amended(before, intent, at)
            old, new = terms_values(before.intent), terms_values(record.intent)
            self._writer.append("amend", {"intent_id": intent.intent_id, "old": old, "new": new}, at)
            self._writer.execute(_AMEND, {**new, "intent_id": intent.intent_id, "updated_at": stamp(at)})

    def book(self, fill: Fill, at: datetime) -> bool:
        with self.unit():
            before = reads.fill(self._select, fill.broker, fill.trade_id)
            if before is not None:
                require_same(before, fill)
                return False
            earlier = reads.fills_of(self._select, fill.intent_id)
            record = booked(self._order(fill.intent_id), earlier, fill, at)
            values = fill_values(fill)
            seq = self._progress("book", {"fill": values}, record, at)
            self._writer.execute(_BOOK, {**values, "seq": seq})
            return True

    def _order(self, intent_id: str) -> OrderRecord:
        record = reads.order(self._select, intent_id)
        if record is None:
            raise unknown_intent(intent_id)
        return record

    def _progress(self, kind: str, said: Values, record: OrderRecord, at: datetime) -> int:
        values = {"intent_id": record.intent.intent_id, **progress_values(record)}
        seq = self._writer.append(kind, {**said, "order": values}, at)
        self._writer.execute(_PROGRESS, values)
        return seq

    def mark(self, as_of: int, at: datetime) -> None:
        """The bars closed by `as_of` have been decided. The mark never moves back, whatever clocks do."""
        with self.unit():
            marked = self.marked()
            if marked is not None and as_of <= marked:
                return
            self._writer.append("mark", {"as_of": as_of}, at)
            self._writer.execute(tables.KEEP, {"name": reads.MARKED, "as_of": as_of})

    def marked(self) -> int | None:
        return reads.marked(self._select)

    def equity(self, as_of: int, value: Decimal, cash: Decimal, at: datetime) -> None:
        """Record the account's value at `as_of`; a later word on the same instant replaces the earlier."""
        values = {"as_of": as_of, "value": str(value), "cash": str(cash)}
        with self.unit():
            self._writer.append("equity", values, at)
            self._writer.execute(_EQUITY, {**values, "recorded_at": stamp(at)})

    def orders(self, *, since: int | None = None) -> Sequence[OrderRecord]:
        return reads.orders(self._select, since)

    def order(self, intent_id: str) -> OrderRecord | None:
        return reads.order(self._select, intent_id)

    def open_orders(self) -> Sequence[OrderRecord]:
        return reads.open_orders(self._select)

    def unsent(self) -> Sequence[OrderRecord]:
        return reads.orders_in(self._select, OrderState.INTENT)

    def fills(self) -> Sequence[Fill]:
        return reads.fills(self._select)

    def decisions(self, *, since: int, until: int) -> Sequence[Decision]:
        return reads.decisions(self._select, since, until)

    def equities(self) -> Sequence[tuple[int, Decimal, Decimal]]:
        return reads.equities(self._select)

    def start_run(self, at: datetime, *, mode: str, version: str, config_hash: str) -> int:
        """Record that a process begins to write; the number of the run."""
        values = {"mode": mode, "version": version, "config_hash": config_hash}
        with self.unit():
            run = self._writer.append("start", values, at)
            ending = {"stopped_at": None, "exit_reason": None}
            self._writer.execute(_START, {**values, "run": run, "started_at": stamp(at), **ending})
            return run

    def stop_run(self, run: int, at: datetime, *, exit_reason: str) -> None:
        """Record how a run ended. One without an end was killed, or is still running."""
        with self.unit():
            self._writer.append("stop", {"run": run, "exit_reason": exit_reason}, at)
            self._writer.execute(_STOP, {"run": run, "stopped_at": stamp(at), "exit_reason": exit_reason})

    def verify_audit(self) -> int:
        """The number of rows in the audit log; StoreError naming the first that was changed or is missing."""
        return verify(self._select)

"""The write-ahead record in a database: what ORDERS.md means by "committed"."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Engine, bindparam, insert, update

from livetrader.domain.order import Fill, OrderIntent
from livetrader.domain.order_state import OrderState
from livetrader.ports import Decision, OrderRecord
from livetrader.store import reads, tables
from livetrader.store.audit import verify
from livetrader.store.booking import advanced, booked, intended, require_same, unknown_intent
from livetrader.store.rows import Values, decision_values, fill_values, intent_values, progress_values, stamp
from livetrader.store.writer import Writer

_INTEND, _BOOK, _DECIDE = insert(tables.orders), insert(tables.fills), insert(tables.decisions)
_PROGRESS = update(tables.orders).where(tables.orders.c.intent_id == bindparam("of"))
_MARK, _REMARK = insert(tables.cursor), update(tables.cursor).where(tables.cursor.c.name == bindparam("of"))
_EQUITY, _REVALUE = (
    insert(tables.equity),
    update(tables.equity).where(tables.equity.c.as_of == bindparam("of")),
)
_START, _STOP = insert(tables.runs), update(tables.runs).where(tables.runs.c.run == bindparam("of"))


class SqlJournal:
    """Implements ports.Journal over an engine of `database.open_state`.

    A method that writes has committed, with its row of the audit log, when it returns; inside `unit` it
    commits with the unit, so that whatever relies on it (a call to a broker) belongs after the block. What
    changes nothing (an intent, fill or decision that is there already) writes nothing. StoreError when the
    database cannot commit.
    """

    def __init__(self, engine: Engine) -> None:
        self._writer = Writer(engine)
        self._select = self._writer.select

    def close(self) -> None:
        self._writer.close()

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
        with self.unit():
            if reads.intended(self._select, intent.intent_id):
                return False
            values = intent_values(intent)
            seq = self._writer.append("intend", values, at)
            made = {"seq": seq, "created_at": stamp(at)}
            self._writer.execute(_INTEND, {**values, **made, **progress_values(intended(intent, at))})
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
        intent_id, values = record.intent.intent_id, progress_values(record)
        seq = self._writer.append(kind, {**said, "order": {"intent_id": intent_id, **values}}, at)
        self._writer.execute(_PROGRESS, {"of": intent_id, **values})
        return seq

    def mark(self, as_of: int, at: datetime) -> None:
        """The bars closed by `as_of` have been decided. The mark never moves back, whatever clocks do."""
        with self.unit():
            marked = self.marked()
            if marked is not None and as_of <= marked:
                return
            self._writer.append("mark", {"as_of": as_of}, at)
            if marked is None:
                self._writer.execute(_MARK, {"name": reads.MARKED, "as_of": as_of})
            else:
                self._writer.execute(_REMARK, {"of": reads.MARKED, "as_of": as_of})

    def marked(self) -> int | None:
        return reads.marked(self._select)

    def equity(self, as_of: int, value: Decimal, cash: Decimal, at: datetime) -> None:
        """Record the account's value at `as_of`; a later word on the same instant replaces the earlier."""
        values = {"as_of": as_of, "value": str(value), "cash": str(cash)}
        recorded = {**values, "recorded_at": stamp(at)}
        with self.unit():
            self._writer.append("equity", values, at)
            if not self._writer.execute(_REVALUE, {"of": as_of, **recorded}):
                self._writer.execute(_EQUITY, recorded)

    def orders(self, *, since: int | None = None) -> Sequence[OrderRecord]:
        return reads.orders(self._select, since)

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
            self._writer.execute(_START, {**values, "run": run, "started_at": stamp(at)})
            return run

    def stop_run(self, run: int, at: datetime, *, exit_reason: str) -> None:
        """Record how a run ended. One without an end was killed, or is still running."""
        with self.unit():
            self._writer.append("stop", {"run": run, "exit_reason": exit_reason}, at)
            self._writer.execute(_STOP, {"of": run, "stopped_at": stamp(at), "exit_reason": exit_reason})

    def verify_audit(self) -> int:
        """The number of rows in the audit log; StoreError naming the first that was changed or is missing."""
        return verify(self._select)

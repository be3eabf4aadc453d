"""Parent orders in the database: their terms, and that they are over. What they have filled, their children say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from livetrader.domain.parent import Parent, ParentRecord
from livetrader.store import reads, tables
from livetrader.store.audit import Select
from livetrader.store.booking import unknown_intent
from livetrader.store.rows import parent_values, stamp
from livetrader.store.writer import Writer

_BEGIN = tables.insertion(tables.parents)
_AMEND = "UPDATE parents SET entry = :entry, schedule = :schedule, updated_at = :at WHERE intent_id = :intent_id"
_END = (
    "UPDATE parents SET ended_at = :at, updated_at = :at, reason = :reason"
    " WHERE intent_id = :intent_id AND ended_at IS NULL"
)


class ParentTable:
    """The part of SqlJournal that is about parent orders. What changes nothing writes nothing."""

    _writer: Writer
    _select: Select

    def begin_parent(self, parent: Parent, at: datetime) -> bool:
        with self._writer.unit():
            if reads.begun(self._select, parent.name):
                return False
            values, when = parent_values(parent), stamp(at)
            seq = self._writer.append("parent", values, at)
            made = {"seq": seq, "created_at": when, "updated_at": when, "ended_at": None, "reason": ""}
            self._writer.execute(_BEGIN, {**values, **made})
            return True

    def amend_parent(self, parent: Parent, at: datetime) -> None:
        values = parent_values(parent)
        with self._writer.unit():
            if not self._writer.execute(_AMEND, {**values, "at": stamp(at)}):
                raise unknown_intent(parent.name)
            self._writer.append("amend_parent", values, at)

    def end_parent(self, name: str, reason: str, at: datetime) -> None:
        values = {"intent_id": name, "reason": reason}
        with self._writer.unit():
            if self._writer.execute(_END, {**values, "at": stamp(at)}):
                self._writer.append("end_parent", values, at)

    def parents(self) -> Sequence[ParentRecord]:
        return reads.parents(self._select)

"""Parent orders and changed exits in memory: `parents.ParentTable` and `replans.ReplanTable` without the tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from livetrader.domain.exit_plan import Replan
from livetrader.domain.parent import Parent, ParentRecord
from livetrader.store.booking import unknown_intent
from livetrader.store.memory_unit import MemoryUnit


class MemoryParents(MemoryUnit):
    """The part of MemoryJournal that is about parent orders and changed exits."""

    def __init__(self) -> None:
        super().__init__()
        self._parents: dict[str, ParentRecord] = {}
        self._replans: dict[int, Replan] = {}

    def begin_parent(self, parent: Parent, at: datetime) -> bool:
        if parent.name in self._parents:
            return False
        self._put(self._parents, parent.name, ParentRecord(parent, at, at))
        return True

    def amend_parent(self, parent: Parent, at: datetime) -> None:
        record = self._parents.get(parent.name)
        if record is None:
            raise unknown_intent(parent.name)
        self._put(self._parents, parent.name, replace(record, parent=parent, updated_at=at))

    def end_parent(self, name: str, reason: str, at: datetime) -> None:
        record = self._parents.get(name)
        if record is not None and record.ended_at is None:
            self._put(self._parents, name, replace(record, updated_at=at, ended_at=at, reason=reason))

    def parents(self) -> Sequence[ParentRecord]:
        return list(self._parents.values())

    def replan(self, replan: Replan, at: datetime) -> bool:  # noqa: ARG002 (kept by SqlJournal only)
        if replan.command in self._replans:
            return False
        self._put(self._replans, replan.command, replan)
        return True

    def replans(self) -> Sequence[Replan]:
        return list(self._replans.values())

"""Exits that were changed while their position was held, in the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from livetrader.domain.exit_plan import Replan
from livetrader.store import reads, tables
from livetrader.store.audit import Select
from livetrader.store.rows import replan_values
from livetrader.store.writer import Writer

_REPLAN = tables.insertion(tables.replans)


class ReplanTable:
    """The part of SqlJournal that is about changed exits. What changes nothing writes nothing."""

    _writer: Writer
    _select: Select

    def replan(self, replan: Replan, at: datetime) -> bool:
        with self._writer.unit():
            if reads.replanned(self._select, replan.command):
                return False
            values = replan_values(replan)
            seq = self._writer.append("replan", values, at)
            self._writer.execute(_REPLAN, {**values, "seq": seq})
            return True

    def replans(self) -> Sequence[Replan]:
        return reads.replans(self._select)

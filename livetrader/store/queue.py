"""The command queue: asked by one process, answered by another, each in a commit of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from livetrader.domain.account import Answer, Command
from livetrader.store import reads, tables
from livetrader.store.audit import Select
from livetrader.store.rows import canonical, stamp
from livetrader.store.writer import Writer

_POST = tables.insertion(tables.commands)
_ANSWER = (
    "UPDATE commands SET outcome = :outcome, ok = :ok, answered_at = :answered_at"
    " WHERE seq = :seq AND answered_at IS NULL"
)


class CommandTable:
    """Implements ports.CommandQueue. A command's id is its row of the audit log."""

    _writer: Writer
    _select: Select

    def post(self, kind: str, arguments: Mapping[str, str], at: datetime) -> int:
        values = {"kind": kind, "arguments": dict(arguments)}
        unanswered = {"outcome": None, "ok": None, "answered_at": None}
        with self._writer.unit():
            seq = self._writer.append("post", values, at)
            row = {"seq": seq, "kind": kind, "arguments": canonical(dict(arguments)), "posted_at": stamp(at)}
            self._writer.execute(_POST, row | unanswered)
            return seq

    def commands(self) -> Sequence[Command]:
        return reads.commands(self._select)

    def answer(self, command_id: int, outcome: str, ok: bool, at: datetime) -> bool:
        said = {"outcome": outcome, "ok": int(ok)}
        with self._writer.unit():
            if not self._writer.execute(_ANSWER, {**said, "seq": command_id, "answered_at": stamp(at)}):
                return False
            self._writer.append("answer", {"command": command_id, **said}, at)
            return True

    def answered(self, command_id: int) -> Answer | None:
        return reads.answered(self._select, command_id)

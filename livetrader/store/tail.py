"""The audit log as others follow it: the rows since a reader's own cursor, and what those rows are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from livetrader.domain.log_entry import LogEntry
from livetrader.domain.order import Fill, OrderIntent
from livetrader.store import reads
from livetrader.store.audit import Select
from livetrader.store.rows import canonical, entry_of, fill_of, intent_of
from livetrader.store.tables import KEEP
from livetrader.store.writer import Writer

_ENTRY = "SELECT seq, at, kind, payload FROM audit"


class AuditReads:
    """Implements ports.AuditTail, together with the journal's own reads. Nothing here is a row of the log itself."""

    _writer: Writer
    _select: Select

    def head(self) -> int:
        return next(int(row["seq"]) for row in self._select("SELECT max(seq) AS seq FROM audit"))

    def entries(self, kinds: Sequence[str], after: int, until: int, limit: int) -> Sequence[LogEntry]:
        rows = self._select(
            f"{_ENTRY} WHERE seq > :after AND seq <= :until AND kind IN ({_quoted(kinds)}) ORDER BY seq LIMIT :limit",
            after=after,
            until=until,
            limit=limit,
        )
        return [entry_of(row) for row in rows]

    def before(self, seq: int, kinds: Sequence[str], said: tuple[str, str] | None = None) -> LogEntry | None:
        member = "" if said is None else canonical({said[0]: said[1]})[1:-1]
        rows = self._select(
            f"{_ENTRY} WHERE seq < :seq AND kind IN ({_quoted(kinds)}) AND payload LIKE :said"
            " ORDER BY seq DESC LIMIT 1",
            seq=seq,
            said=f"%{member}%",
        )
        return next((entry_of(row) for row in rows), None)

    def reached(self, reader: str) -> int | None:
        return reads.kept(self._select, reader)

    def reach(self, reader: str, seq: int) -> None:
        with self._writer.unit():
            self._writer.execute(KEEP, {"name": reader, "as_of": seq})

    def fills_of(self, symbol: str, until: int) -> tuple[Mapping[str, OrderIntent], Sequence[Fill]]:
        fills = self._select(
            "SELECT * FROM fills WHERE symbol = :symbol AND seq <= :until ORDER BY seq", symbol=symbol, until=until
        )
        orders = self._select("SELECT * FROM orders WHERE symbol = :symbol", symbol=symbol)
        return {row["intent_id"]: intent_of(row) for row in orders}, [fill_of(row) for row in fills]


def _quoted(kinds: Sequence[str]) -> str:
    """Names of our own, never text from outside."""
    return ", ".join(f"'{kind}'" for kind in kinds)

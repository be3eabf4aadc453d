"""What stands until somebody changes it: latches, alerts, the day's start, flows, what is not ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from livetrader.domain.account import Alert, External, Flow, Latch
from livetrader.store import reads, tables
from livetrader.store.audit import Select
from livetrader.store.rows import external_values, stamp
from livetrader.store.writer import Writer

_LATCH = tables.insertion(tables.latches)
_ALERT = tables.insertion(tables.alerts)
_START = tables.insertion(tables.day_starts)
_FLOW = tables.insertion(tables.flows)
_EXTERNAL = (
    tables.insertion(tables.externals) + " ON CONFLICT (kind, symbol, product, broker_order_id)"
    " DO UPDATE SET quantity = excluded.quantity, status = excluded.status, since = excluded.since"
)
_GONE = (
    "DELETE FROM externals WHERE kind = :kind AND symbol = :symbol AND product = :product"
    " AND broker_order_id = :broker_order_id"
)


class StandingTables:
    """The part of SqlJournal that is not about our orders. What changes nothing writes nothing."""

    _writer: Writer
    _select: Select

    def latch(self, name: str, reason: str, at: datetime) -> bool:
        with self._writer.unit():
            if name in self.latches():
                return False
            self._writer.append("latch", {"name": name, "reason": reason}, at)
            self._writer.execute(_LATCH, {"name": name, "reason": reason, "since": stamp(at)})
            return True

    def unlatch(self, name: str, at: datetime) -> bool:
        with self._writer.unit():
            if not self._writer.execute("DELETE FROM latches WHERE name = :name", {"name": name}):
                return False
            self._writer.append("unlatch", {"name": name}, at)
            return True

    def latches(self) -> Mapping[str, Latch]:
        return reads.latches(self._select)

    def alert(self, key: str, text: str, at: datetime) -> bool:
        with self._writer.unit():
            if any(alert.key == key for alert in self.alerts()):
                return False
            self._writer.append("alert", {"key": key, "text": text}, at)
            self._writer.execute(_ALERT, {"key": key, "text": text, "since": stamp(at)})
            return True

    def settle_alert(self, key: str, at: datetime) -> bool:
        with self._writer.unit():
            if not self._writer.execute("DELETE FROM alerts WHERE key = :key", {"key": key}):
                return False
            self._writer.append("settle", {"key": key}, at)
            return True

    def alerts(self) -> Sequence[Alert]:
        return reads.alerts(self._select)

    def day_start(self, session: date, equity: Decimal, at: datetime) -> Decimal:
        values = {"session": session.isoformat(), "equity": str(equity)}
        with self._writer.unit():
            recorded = reads.day_start(self._select, session)
            if recorded is not None:
                return recorded
            self._writer.append("day_start", values, at)
            self._writer.execute(_START, {**values, "recorded_at": stamp(at)})
            return equity

    def agree(self, at: datetime) -> None:
        # No row of the log: it happens every minute, and decides nothing.
        with self._writer.unit():
            self._writer.execute(tables.KEEP, {"name": reads.AGREED, "as_of": int(at.timestamp())})

    def agreed(self) -> datetime | None:
        return reads.agreed(self._select)

    def flow(self, amount: Decimal, reason: str, at: datetime) -> None:
        values = {"amount": str(amount), "reason": reason}
        with self._writer.unit():
            seq = self._writer.append("flow", values, at)
            self._writer.execute(_FLOW, {**values, "seq": seq, "at": stamp(at)})

    def flows(self) -> Sequence[Flow]:
        return reads.flows(self._select)

    def external(self, external: External, at: datetime) -> None:
        values = external_values(external)
        with self._writer.unit():
            if external.quantity:
                if external in self.externals():
                    return
                self._writer.execute(_EXTERNAL, values)
            elif not self._writer.execute(_GONE, values):
                return
            self._writer.append("external", values, at)

    def externals(self) -> Sequence[External]:
        return reads.externals(self._select)

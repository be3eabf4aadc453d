"""The account's lease: who may trade it, where the lock file does not reach (two hosts on one database)."""

from __future__ import annotations

from datetime import datetime, timedelta

from livetrader.store import tables
from livetrader.store.audit import Select
from livetrader.store.rows import Row, instant, stamp
from livetrader.store.writer import Writer

_FIRST = tables.insertion(tables.leases)
_TAKE = "UPDATE leases SET number = :number, holder = :holder, ttl_seconds = :ttl_seconds, expires_at = :expires_at"
_EXTEND = "UPDATE leases SET expires_at = :expires_at WHERE number = :number"


class LeaseTable:
    """Implements ports.Lease. Who takes it when is read and written in one unit, so no two holders have it."""

    _writer: Writer
    _select: Select

    def lease(self, holder: str, ttl_seconds: float, at: datetime) -> int | None:
        with self._writer.unit():
            last = self._last()
            if last is not None and last["holder"] not in ("", holder) and at < instant(last["expires_at"]):
                return None
            number = 1 if last is None else int(last["number"]) + 1
            values = {"number": number, "holder": holder, "ttl_seconds": repr(float(ttl_seconds))}
            self._writer.append("lease", values, at)
            expires_at = stamp(at + timedelta(seconds=ttl_seconds))
            self._writer.execute(_FIRST if last is None else _TAKE, {**values, "expires_at": expires_at})
            return number

    def renew(self, number: int, at: datetime) -> bool:
        """A renewal that comes late is good as long as nobody else has taken it. It is no row of the audit log:
        it says only that its holder is alive, every few seconds."""
        with self._writer.unit():
            last = self._last()
            if last is None or last["number"] != number or not last["holder"]:
                return False
            expires_at = stamp(at + timedelta(seconds=float(last["ttl_seconds"])))
            self._writer.execute(_EXTEND, {"number": number, "expires_at": expires_at})
            return True

    def release(self, number: int, at: datetime) -> None:
        with self._writer.unit():
            # The row stays, so that the number is not given again.
            freed = "UPDATE leases SET holder = '', expires_at = :at WHERE number = :number AND holder <> ''"
            if self._writer.execute(freed, {"number": number, "at": stamp(at)}):
                self._writer.append("release", {"number": number}, at)

    def _last(self) -> Row | None:
        return next(iter(self._select("SELECT * FROM leases")), None)

"""What the command line asks of the state: read-only, while the daemon writes and when it is dead.

Goes to SQLite directly: importing SQLAlchemy alone takes longer than `livetrader status` may.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from pathlib import Path

from livetrader.domain.account import Alert, Answer, Command, External, Flow, Latch
from livetrader.domain.order import Fill
from livetrader.domain.order_state import OrderState
from livetrader.domain.position import Trade
from livetrader.domain.trades import OpenPosition
from livetrader.domain.trades import trades as fold
from livetrader.ports import Decision, OrderRecord
from livetrader.store import reads
from livetrader.store.audit import verify
from livetrader.store.latch_file import is_on
from livetrader.store.location import has_state, kill_path, lock_path, state_path
from livetrader.store.lock import Holder, holder
from livetrader.store.ownership import no_state, require_ours
from livetrader.store.rows import Row, instant
from livetrader.store.sqlite import connect, faults

FOREVER = 1 << 62


@dataclass(frozen=True, slots=True)
class Run:
    """One process's time with the state. `exit_reason` is None while it runs, for ever if it was killed."""

    mode: str
    version: str
    config_hash: str
    started_at: datetime
    stopped_at: datetime | None
    exit_reason: str | None


@dataclass(frozen=True, slots=True)
class LeaseHolder:
    """Who had the account's lease last; past `expires_at` anybody may take it."""

    holder: str
    number: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Status:
    """`livetrader status`: `holder` is the trader that runs now, `marked` the last bar close decided, `killed` whether
    the kill file is there, `lease` who has the account's lease (None: given up, or never taken)."""

    path: Path
    mode: str
    account: str
    created_at: datetime
    holder: Holder | None
    last_run: Run | None
    marked: int | None
    orders: dict[OrderState, int]
    equity: tuple[int, Decimal, Decimal] | None
    killed: bool
    latches: Mapping[str, Latch]
    alerts: Sequence[Alert]
    lease: LeaseHolder | None


@contextmanager
def open_queries(url: str, mode: str) -> Iterator[Queries]:
    """The queries over the state of `mode`, all of one moment: what commits later is not seen.

    StoreError, in one line, for a state that is not there or cannot be read.
    """
    path = state_path(url, mode)
    if not has_state(path):
        raise no_state(path)
    with faults(path):
        connection = connect(path, "ro")
    connection.row_factory = sqlite3.Row
    try:
        with faults(path):
            connection.execute("BEGIN")
            require_ours(connection, path, mode)
        yield Queries(connection, path, lock_path(url, mode), kill_path(url, mode))
    finally:
        connection.close()


class Queries:
    """Reads of one moment of the state. Made by `open_queries`; StoreError when the database fails."""

    def __init__(self, connection: sqlite3.Connection, path: Path, lock: Path, kill: Path) -> None:
        self._connection = connection
        self._path = path
        self._lock = lock
        self._kill = kill

    def _select(self, sql: str, /, **values: object) -> Sequence[Row]:
        with faults(self._path):
            return self._connection.execute(sql, values).fetchall()

    def status(self) -> Status:
        meta = self._select("SELECT mode, account, created_at FROM meta")[0]
        counts = self._select("SELECT state, count(*) AS orders FROM orders GROUP BY state ORDER BY state")
        equities = reads.equities(self._select)
        return Status(
            path=self._path,
            mode=meta["mode"],
            account=meta["account"],
            created_at=instant(meta["created_at"]),
            holder=holder(self._lock),
            last_run=next(iter(self.runs()), None),
            marked=reads.marked(self._select),
            orders={OrderState(row["state"]): int(row["orders"]) for row in counts},
            equity=equities[-1] if equities else None,
            killed=is_on(self._kill),
            latches=self.latches(),
            alerts=self.alerts(),
            lease=next((_lease_of(row) for row in self._select("SELECT * FROM leases WHERE holder <> ''")), None),
        )

    def runs(self) -> list[Run]:
        """All runs, the latest first."""
        return [_run_of(row) for row in self._select("SELECT * FROM runs ORDER BY run DESC")]

    def orders(self, *, since: int | None = None) -> Sequence[OrderRecord]:
        """In the order in which they were intended, those decided at or after `since` (epoch seconds)."""
        return reads.orders(self._select, since)

    def open_orders(self) -> Sequence[OrderRecord]:
        """Those that may fill or have filled unseen, in the order in which they were intended."""
        return reads.open_orders(self._select)

    def unknown_orders(self) -> Sequence[OrderRecord]:
        """Those that were sent, and of which nobody knows yet what became."""
        return reads.orders_in(self._select, OrderState.UNKNOWN)

    def latches(self) -> Mapping[str, Latch]:
        return reads.latches(self._select)

    def alerts(self) -> Sequence[Alert]:
        """The open ones, oldest first."""
        return reads.alerts(self._select)

    def externals(self) -> Sequence[External]:
        """Orders and positions at the broker that are not ours, by symbol."""
        return reads.externals(self._select)

    def flows(self) -> Sequence[Flow]:
        """Recorded cash from and to the outside, oldest first."""
        return reads.flows(self._select)

    def commands(self) -> Sequence[Command]:
        """Those that no trader has answered, oldest first."""
        return reads.commands(self._select)

    def answered(self, command_id: int) -> Answer | None:
        """What became of a command; None while nobody has answered it."""
        return reads.answered(self._select, command_id)

    def fills(self) -> Sequence[Fill]:
        """All fills, in the order in which they were booked."""
        return reads.fills(self._select)

    def decisions(self, *, since: int = 0, until: int = FOREVER, symbol: str | None = None) -> Sequence[Decision]:
        """With since <= as_of < until, of one symbol or of all."""
        return reads.decisions(self._select, since, until, symbol)

    def equities(self) -> Sequence[tuple[int, Decimal, Decimal]]:
        """All recorded (as_of, value, cash), oldest first."""
        return reads.equities(self._select)

    def trades(self, timezone: tzinfo) -> list[Trade]:
        """Closed round trips, in the order of their exits; `timezone` is the exchange's."""
        return self._fold(timezone)[0]

    def positions(self, timezone: tzinfo) -> list[OpenPosition]:
        """What is held, in the order of entry."""
        return self._fold(timezone)[1]

    def _fold(self, timezone: tzinfo) -> tuple[list[Trade], list[OpenPosition]]:
        intents = {record.intent.intent_id: record.intent for record in self.orders()}
        return fold(intents, self.fills(), timezone)

    def verify_audit(self) -> int:
        """The number of rows in the audit log; StoreError naming the first that was changed or is missing."""
        return verify(self._select)


def _lease_of(row: Row) -> LeaseHolder:
    return LeaseHolder(row["holder"], int(row["number"]), instant(row["expires_at"]))


def _run_of(row: Row) -> Run:
    return Run(
        mode=row["mode"],
        version=row["version"],
        config_hash=row["config_hash"],
        started_at=instant(row["started_at"]),
        stopped_at=None if row["stopped_at"] is None else instant(row["stopped_at"]),
        exit_reason=row["exit_reason"],
    )

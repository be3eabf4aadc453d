"""What the command line asks of the state: read-only, while the daemon writes and when it is dead.

Goes to the driver directly: importing SQLAlchemy alone takes longer than `livetrader status` may.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from pathlib import Path

from livetrader.domain.account import Alert, Answer, Command, External, Flow, Latch
from livetrader.domain.exit_plan import Replan
from livetrader.domain.log_entry import LogEntry
from livetrader.domain.lots import LotMethod
from livetrader.domain.order import Fill, OrderIntent
from livetrader.domain.order_state import OrderState
from livetrader.domain.parent import ParentRecord
from livetrader.domain.position import Trade
from livetrader.domain.trades import ClosedLot, OpenPosition, closed_lots
from livetrader.domain.trades import trades as fold
from livetrader.domain.trading_session import TradingSession
from livetrader.errors import StoreError
from livetrader.ports import Decision, OrderRecord
from livetrader.store import reads
from livetrader.store.audit import verify
from livetrader.store.dialects import database_of
from livetrader.store.driver import Connection
from livetrader.store.faults import NoState
from livetrader.store.latch_file import is_on
from livetrader.store.location import kill_path, lock_path, mode_of
from livetrader.store.lock import Holder, holder
from livetrader.store.ownership import require_ours
from livetrader.store.rows import Row, instant

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
    """`livetrader status`: `holder` is the trader that runs now, `marked` the last bar close decided, `agreed` when the
    broker's books agreed with ours last, `killed` whether the kill file is there, `lease` who has the account's lease
    (None: given up, or never taken)."""

    where: str
    mode: str
    account: str
    created_at: datetime
    holder: Holder | None
    last_run: Run | None
    marked: int | None
    agreed: datetime | None
    orders: dict[OrderState, int]
    equity: tuple[int, Decimal, Decimal] | None
    killed: bool
    latches: Mapping[str, Latch]
    alerts: Sequence[Alert]
    lease: LeaseHolder | None


@contextmanager
def open_queries(url: str, mode: str, directory: Path | None = None) -> Iterator[Queries]:
    """The queries over the state of `mode`, all of one moment: what commits later is not seen.

    `directory` is where the lock and the kill file of a state in PostgreSQL lie. StoreError, in one line, for a state
    that is not there (NoState) or cannot be read.
    """
    database = database_of(url, mode, read_only=True)
    lock, kill = lock_path(url, mode, directory), kill_path(url, mode, directory)
    with closing(database.connect()) as connection:
        connection.snapshot()
        require_ours(connection, database.where, mode)
        yield Queries(connection, database.where, lock, kill)


def exists(url: str, mode: str) -> bool:
    """Whether there is a state of `mode`. StoreError where that cannot be told."""
    try:
        with closing(database_of(url, mode, read_only=True).connect()) as connection:
            return bool(connection.tables())
    except NoState:
        return False


class Queries:
    """Reads of one moment of the state. Made by `open_queries`; StoreError when the database fails."""

    def __init__(self, connection: Connection, where: str, lock: Path, kill: Path) -> None:
        self._connection = connection
        self._where = where
        self._lock = lock
        self._kill = kill

    def _select(self, sql: str, /, **values: object) -> Sequence[Row]:
        return self._connection.select(sql, values)

    def status(self) -> Status:
        meta = self._select("SELECT mode, account, created_at FROM meta")[0]
        counts = self._select("SELECT state, count(*) AS orders FROM orders GROUP BY state ORDER BY state")
        equities = reads.equities(self._select)
        return Status(
            where=self._where,
            mode=mode_of(meta["mode"]),
            account=meta["account"],
            created_at=instant(meta["created_at"]),
            holder=holder(self._lock),
            last_run=next(iter(self.runs()), None),
            marked=reads.marked(self._select),
            agreed=reads.agreed(self._select),
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

    def parents(self) -> Sequence[ParentRecord]:
        """All parent orders, in the order in which they were begun."""
        return reads.parents(self._select)

    def replans(self) -> Sequence[Replan]:
        """Exits that the operator has changed, in the order in which they were."""
        return reads.replans(self._select)

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

    def latch_log(self) -> Sequence[LogEntry]:
        """Each time that a latch was put on (`latch`) or taken off (`unlatch`), oldest first."""
        return reads.latch_log(self._select)

    def trading_sessions(self) -> Sequence[TradingSession]:
        """All of them, oldest first."""
        return reads.trading_sessions(self._select)

    def fills_until(self, seq: int | None) -> Sequence[Fill]:
        """Those that were booked up to row `seq` of the log (None: all), in the order in which they were."""
        return reads.fills_until(self._select, seq)

    def holder(self) -> Holder | None:
        """The trader that runs now, if any."""
        return holder(self._lock)

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
        return self._fold(timezone, LotMethod.AVERAGE)[0]

    def positions(self, timezone: tzinfo, method: LotMethod = LotMethod.AVERAGE) -> list[OpenPosition]:
        """What is held, in the order of entry."""
        return self._fold(timezone, method)[1]

    def _fold(self, timezone: tzinfo, method: LotMethod) -> tuple[list[Trade], list[OpenPosition]]:
        return fold(self._intents(), self.fills(), timezone, method)

    def closed_lots(self, timezone: tzinfo) -> list[ClosedLot]:
        """What was closed, lot by lot, first in, first out, in the order of the exits."""
        return closed_lots(self._intents(), self.fills(), timezone)

    def _intents(self) -> dict[str, OrderIntent]:
        return {record.intent.intent_id: record.intent for record in self.orders()}

    @property
    def where(self) -> str:
        """The place of the state, as messages name it."""
        return self._where

    def check(self) -> dict[str, int]:
        """The number of rows of each table, when everything was found whole; StoreError naming what is not."""
        if damage := self._connection.damage():
            raise StoreError(
                f"{self._where}: is damaged ({damage}): move it away and restore a backup, then run "
                "`livetrader reconcile`"
            )
        self.verify_audit()
        tables = sorted(self._connection.tables())
        return {table: int(self._select(f"SELECT count(*) AS count FROM {table}")[0]["count"]) for table in tables}

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

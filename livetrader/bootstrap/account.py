"""What a process that trades holds: the lock, the journal, the account's lease, and the venue of its mode."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import structlog

from livetrader.bootstrap.master import Master
from livetrader.bootstrap.room import keep_room
from livetrader.bootstrap.trader import Connected, Secrets, account_of, connect, no_secret
from livetrader.brokers.dry_run import ReadingDryRun
from livetrader.brokers.polled import PolledBroker
from livetrader.config import Settings
from livetrader.domain.account import KILL
from livetrader.domain.order import OrderIntent, Purpose
from livetrader.errors import AlreadyRunning, StoreError
from livetrader.ports import Clock, wall_time
from livetrader.servers import on_server
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal
from livetrader.store.latch_file import is_on
from livetrader.store.location import kill_path, lock_path
from livetrader.store.lock import hold

log = structlog.get_logger(__name__)

# Another host takes the account over when its holder has been silent for so long.
LEASE_SECONDS = 60.0


@dataclass(slots=True)
class AccountPermit:
    """The last word before an order leaves. Implements engine.orders.Permit.

    The lease is renewed before every send: who has lost it stops there, whatever it believes. Latches are read anew,
    and the kill file counts whatever the database says.
    """

    journal: SqlJournal
    lease: int
    clock: Clock
    kill: Path
    stopping: str = field(default="", init=False)
    """Why this process takes no more entries; empty while it does."""
    _renewed: float = field(init=False)

    def __post_init__(self) -> None:
        self._renewed = self.clock.monotonic()

    def refuses(self, intent: OrderIntent) -> str:
        self.renew()
        if intent.purpose is not Purpose.ENTRY:
            return ""
        if self.stopping:
            return self.stopping
        if is_on(self.kill):
            return f"{KILL}: the file {self.kill.name} is there"
        halts = (latch for name, latch in sorted(self.journal.latches().items()) if ":" not in name)
        return next((f"{latch.name}: {latch.reason}" for latch in halts), "")

    def keep(self) -> None:
        """Renew in good time, and take a kill file into the database, where everybody sees it."""
        if self.clock.monotonic() - self._renewed >= LEASE_SECONDS / 4:
            self.renew()
        if is_on(self.kill) and KILL not in self.journal.latches():
            self.journal.latch(KILL, f"the file {self.kill.name} is there", self._at())

    def renew(self) -> None:
        if not self.journal.renew(self.lease, self._at()):
            raise AlreadyRunning(
                "another host has taken the account's lease: this one sends nothing more; see `livetrader status`"
            )
        self._renewed = self.clock.monotonic()

    def _at(self) -> datetime:
        return wall_time(self.clock)


@dataclass(frozen=True, slots=True)
class Account:
    """What the process holds. `broker` is None where orders fill on the tape, `master` where nothing is listed."""

    mode: str
    journal: SqlJournal
    clock: Clock
    permit: AccountPermit
    broker: Connected | None
    master: Master | None = None


def lock_file(settings: Settings) -> Path:
    """What a process that trades the account of the mode holds the lock of."""
    return lock_path(settings.state.url, settings.state_name(), settings.state.directory)


def kill_file(settings: Settings) -> Path:
    """What stops all entries of the mode by being there."""
    return kill_path(settings.state.url, settings.state_name(), settings.state.directory)


@contextmanager
def taken(settings: Settings, clock: Clock, secret: Secrets = no_secret) -> Iterator[Account]:
    """Hold the account of the mode for the block. AlreadyRunning if another process, or another host, has it."""
    mode, at = settings.mode, wall_time(clock)
    with ExitStack() as stack:
        stack.enter_context(hold(lock_file(settings), at))
        database = open_state(settings.state.url, settings.state_name(), account_of(settings))
        if doubts := database.doubts():
            log.warning("commits may be lost", state=database.where, why=doubts)
        journal = SqlJournal(database, settings.broker.algo_id or "")
        stack.callback(journal.close)
        number = _lease(journal, _holder(settings), at)
        stack.callback(_release, journal, number, clock)
        keep_room(journal, settings, clock)
        broker = connect(settings, clock, secret)
        if isinstance(broker, PolledBroker):
            broker.restore(journal.orders(), journal.fills())
        master = Master(broker) if isinstance(broker, PolledBroker | ReadingDryRun) else None
        permit = AccountPermit(journal, number, clock, kill_file(settings))
        yield Account(mode, journal, clock, permit, broker, master)


def _holder(settings: Settings) -> str:
    """Who is kept apart by one lock file: this host, and where the lock is not beside the state, its folder too."""
    host = os.uname().nodename
    return f"{host}:{settings.state.directory}" if on_server(settings.state.url) else host


def _lease(journal: SqlJournal, holder: str, at: datetime) -> int:
    # Two processes of one holder are kept apart by the lock: one that was killed must not keep the next one waiting.
    number = journal.lease(holder, LEASE_SECONDS, at)
    if number is None:
        raise AlreadyRunning("another host trades this account: stop it there, or wait a minute if it has died")
    return number


def _release(journal: SqlJournal, number: int, clock: Clock) -> None:
    with suppress(StoreError):  # it runs out by itself
        journal.release(number, wall_time(clock))

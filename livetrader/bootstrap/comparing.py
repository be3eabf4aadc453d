"""When our books are compared with the broker's, and what stands still while they cannot be, or differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from math import inf

import structlog

from livetrader.engine.reconcile import Reconciler
from livetrader.errors import AuthExpired, BrokerError, BrokerUnavailable, ReconcileMismatch
from livetrader.ports import Clock, Journal, wall_time

log = structlog.get_logger(__name__)

# The latches that are put on and taken off here: no entry before the books agree, none without a login.
APART, AUTH = "reconcile", "auth"

# Books that differ are read again at once; so much longer than the broker's own lag is no lag any more.
SETTLING_SECONDS = 10.0


@dataclass(slots=True)
class Comparing:
    """Compares at the start, in each new session, when the broker is readable again, and every `every` seconds.

    A broker that cannot be read for `patience` seconds ends the process: the error of the last attempt is raised.
    """

    journal: Journal
    clock: Clock
    every: float
    patience: float
    _due: float = field(default=-inf, init=False)
    _unread_since: float | None = field(default=None, init=False)
    _error: BrokerError | None = field(default=None, init=False)
    _apart_since: float | None = field(default=None, init=False)
    _last: Reconciler | None = field(default=None, init=False)

    def begin(self) -> None:
        """No entry until the first comparison has agreed."""
        self.journal.latch(APART, "our books and the broker's have not been compared yet", self._at())

    def watch(self, reconciler: Reconciler) -> None:
        """Compare if it is time."""
        silent = reconciler.path.silent_since is not None
        readable_again = self._unread_since is not None and not silent
        if readable_again or reconciler is not self._last or self.clock.monotonic() >= self._due:
            try:
                self.compare(reconciler)
            except BrokerError as error:
                self._error = error
                self._endure(error)
        elif silent:
            if self._error is None:
                self._due = -inf  # what exactly is wrong, the next comparison tells
            self._endure(self._error or BrokerUnavailable("the broker's books cannot be read: is it up?"))

    def compare(self, reconciler: Reconciler) -> bool:
        """One comparison; True if all agrees. Raises BrokerError where the books cannot be read."""
        self._due, self._last = self.clock.monotonic() + self.every, reconciler
        try:
            agreed = reconciler.reconcile()
        except AuthExpired as error:
            self._stop(AUTH, str(error))
            raise
        except BrokerError as error:
            self._stop(APART, f"the broker cannot be read: {error}")
            raise
        self._unread_since = self._error = None
        self._free(AUTH)
        if agreed:
            self._apart_since = None
            self.journal.agree(self._at())
            self._free(APART)
        else:
            self._due = -inf
            self._wait_apart(reconciler)
        return agreed

    def agree(self, reconciler: Reconciler) -> None:
        """Compare until all agrees; ReconcileMismatch where it does not, in the time that the broker may lag."""
        began = self.clock.monotonic()
        while not self.compare(reconciler):
            # A process that ends before an order of unknown fate is found or given up leaves it to the next one, anew.
            patience = reconciler.path.patience if reconciler.book.unknown else reconciler.path.horizon
            if self.clock.monotonic() - began >= patience + SETTLING_SECONDS:
                raise ReconcileMismatch(f"{difference(reconciler)}: see `livetrader status`; entries are halted")
            self.clock.sleep(1.0)

    def _wait_apart(self, reconciler: Reconciler) -> None:
        """An order of unknown fate stops its symbol only; a difference that lasts stops all entries."""
        now = self.clock.monotonic()
        if not (reconciler.differing or reconciler.unexplained):
            self._apart_since = None
            return
        self._apart_since = now if self._apart_since is None else self._apart_since
        if now - self._apart_since > _longest_lag(reconciler):
            self._stop(APART, difference(reconciler))

    def _endure(self, error: BrokerError) -> None:
        now = self.clock.monotonic()
        self._unread_since = now if self._unread_since is None else self._unread_since
        if now - self._unread_since > self.patience:
            raise error

    def _stop(self, latch: str, reason: str) -> None:
        if self.journal.alert(latch, f"{reason}; entries are halted", self._at()):
            log.warning("entries are halted", why=latch, reason=reason)
        self.journal.latch(latch, reason, self._at())

    def _free(self, latch: str) -> None:
        self.journal.settle_alert(latch, self._at())
        if self.journal.unlatch(latch, self._at()):
            log.info("entries are free again" if latch == APART else "logged in again")

    def _at(self) -> datetime:
        return wall_time(self.clock)


def _longest_lag(reconciler: Reconciler) -> float:
    """Seconds that books may differ for because one of them is late."""
    return reconciler.path.horizon + SETTLING_SECONDS


def difference(reconciler: Reconciler) -> str:
    """What our books and the broker's differ in, in one phrase."""
    found = [f"{symbol} {product} by {doubt.amount:+f}" for (symbol, product), doubt in reconciler.differing.items()]
    if reconciler.unexplained is not None:
        found.append(f"cash by {reconciler.unexplained.amount:+f}")
    unknown = len(reconciler.book.unknown)
    if unknown:
        found.append(f"{unknown} order{'s' * (unknown > 1)} of unknown fate")
    return f"the broker's books differ from ours: {', '.join(found)}" if found else "the books agree"

"""What stands still while the feed of quotes is silent."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import structlog

from livetrader.ports import Clock, Journal, Quotes, wall_time

log = structlog.get_logger(__name__)

# The latch that is put on and taken off here: no entry on a market that nobody sees.
FEED = "feed"

# A feed that has just been begun has so long to find its first words.
STARTING_SECONDS = 30.0

# Quotes that have come back have to stay for so long.
SETTLING_SECONDS = 5.0


@dataclass(slots=True)
class Silence:
    """Stops entries while `quotes` (None: there is no such feed) cannot be believed. Exits go on."""

    journal: Journal
    clock: Clock
    quotes: Quotes | None
    _on: bool = field(default=False, init=False)
    _judged_from: float = field(default=0.0, init=False)
    _back_since: float | None = field(default=None, init=False)

    def begin(self) -> None:
        """Take up a latch that an earlier process has left; without a feed there is nothing for it to say."""
        self._judged_from = self.clock.monotonic() + STARTING_SECONDS
        self._on = FEED in self.journal.latches()
        if self._on and self.quotes is None:
            self._free()

    def watch(self) -> None:
        """Look at the feed, and latch or free entries."""
        if self.quotes is None:
            return
        why = self.quotes.silence()
        now = self.clock.monotonic()
        if why:
            self._back_since = None
            if now >= self._judged_from:
                self._stop(why)
        elif self._on:
            self._back_since = now if self._back_since is None else self._back_since
            if now - self._back_since >= SETTLING_SECONDS:
                self._free()

    def _stop(self, why: str) -> None:
        if not self._on:
            self._on = True
            text = f"{why}; entries are halted, exits go on: see `livetrader doctor --live`"
            self.journal.alert(FEED, text, self._at())
            self.journal.latch(FEED, why, self._at())
            log.warning("entries are halted", why=FEED, reason=why)

    def _free(self) -> None:
        self._on, self._back_since = False, None
        self.journal.settle_alert(FEED, self._at())
        if self.journal.unlatch(FEED, self._at()):
            log.info("the quotes are not silent any more: entries are free again")

    def _at(self) -> datetime:
        return wall_time(self.clock)

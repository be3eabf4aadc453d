"""What a full disk does to trading: entries halt, exits go on in the room that the ballast kept (fault D3)."""

from __future__ import annotations

import structlog

from livetrader.config import Settings
from livetrader.errors import StoreError
from livetrader.ports import Clock, wall_time
from livetrader.store import ballast
from livetrader.store.journal import SqlJournal
from livetrader.store.location import ballast_path

log = structlog.get_logger(__name__)

DISK = "disk"


def keep_room(journal: SqlJournal, settings: Settings, clock: Clock) -> None:
    """Have ballast beside the state, as far as its disk is ours; where there is no room for it, entries halt."""
    halt_when_full(journal, clock)
    refusal = take_room(settings)
    if refusal:
        _halt(journal, clock, refusal)


def take_room(settings: Settings) -> str:
    """Make the ballast if it is not there; why it cannot be made, or nothing."""
    file = ballast_path(settings.state.url, settings.state_name())
    if file is not None:
        try:
            ballast.make(file)
        except StoreError as error:
            return str(error)
    return ""


def halt_when_full(journal: SqlJournal, clock: Clock) -> None:
    """Halt entries, and tell the operator, in the same commit that goes on in the ballast's room."""
    journal.on_full(lambda: _halt(journal, clock, "the disk of the state is full: free some space"))


def _halt(journal: SqlJournal, clock: Clock, why: str) -> None:
    at = wall_time(clock)
    with journal.unit():
        journal.latch(DISK, f"{why}, then run `livetrader resume`", at)
        journal.alert(DISK, f"{why}; entries are halted until `livetrader resume`, exits go on", at)
    log.error("entries are halted", why=DISK, reason=why)

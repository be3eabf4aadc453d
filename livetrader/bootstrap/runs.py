"""A process's time with a journal, on record: when it began, when and why it ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from livetrader import __version__
from livetrader.ports import Clock, wall_time
from livetrader.store.journal import SqlJournal


@contextmanager
def recorded(journal: SqlJournal, clock: Clock, mode: str, identity: str) -> Iterator[None]:
    """Record the block as a run of `mode`; `identity` is the hash of what decides its results.

    A run that is killed has no end on record.
    """
    run = journal.start_run(wall_time(clock), mode=mode, version=__version__, config_hash=identity)
    reason = "error"
    try:
        yield
        reason = "stopped"
    except KeyboardInterrupt:
        reason = "interrupted"
        raise
    finally:
        journal.stop_run(run, wall_time(clock), exit_reason=reason)

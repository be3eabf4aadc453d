"""What PostgreSQL's errors mean to the operator, by SQLSTATE. A message of the server's never holds a password."""

from __future__ import annotations

import psycopg

from livetrader.errors import StoreError
from livetrader.servers import first_line
from livetrader.store.faults import Busy, Full, Lost

_LOST = "the connection was lost: see that the server runs and can be reached"
_FAULTS: dict[str, tuple[type[StoreError], str]] = {
    "55P03": (Busy, "locked by another process for too long: see pg_stat_activity for the one that writes"),
    "57014": (StoreError, "a statement took too long, or was cancelled: see what the server is busy with"),
    "53100": (Full, "the server's disk is full: free space there, nothing was committed"),
    "25006": (StoreError, "is read-only: name the primary server, or see default_transaction_read_only"),
    "42501": (StoreError, "{detail}: grant the role what docs/postgresql.md lists"),
    "42P01": (StoreError, "{detail}: grant the role USAGE on the schema, or restore a backup"),
    "42P06": (StoreError, "{detail}: an earlier migration left it; rename or drop it"),
    "58030": (StoreError, "the server's disk failed to read or write: see the server's log, nothing was committed"),
    "XX001": (StoreError, "is damaged: restore a backup, then run `livetrader reconcile`"),
    "XX002": (StoreError, "an index is damaged: run REINDEX, and see the server's disk"),
}
# Failures of the server, and of what it does to a session, that end the connection or make it useless.
_ENDED = ("08", "57P01", "57P02", "57P03", "57P05", "25P03")


def fault(error: psycopg.Error, where: str, *, lost: bool) -> StoreError:
    """A driver's error as one line: where, what, what to do. `lost` says that there is no connection any more."""
    state = error.sqlstate or ""
    if lost or state.startswith(_ENDED):
        return Lost(f"{where}: {_LOST} ({first_line(error)})")
    kind, text = _FAULTS.get(state, (StoreError, "{detail}: run `livetrader doctor`"))
    return kind(f"{where}: {text.format(detail=first_line(error))}")


def unreachable(error: psycopg.Error, where: str) -> Lost:
    """Why there is no connection: what the server or the network said."""
    return Lost(f"{where}: no connection: {first_line(error)}: see that the server runs, and what state.url says")

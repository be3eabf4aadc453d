"""What PostgreSQL's errors mean to the operator: one line of where, what, what to do. None shows a password."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from livetrader.errors import StoreError
from livetrader.servers import first_line

PASSWORD = "TIMESCALE_DB_PASSWORD (environment or .env)"

# By SQLSTATE.
_ANSWERS = {
    "25006": "the database is read-only; name the primary server, or see default_transaction_read_only",
    "28000": f"the server does not let this user in; see candles.url, {PASSWORD}, and its pg_hba.conf",
    "28P01": f"the password is wrong; correct {PASSWORD}",
    "3D000": "the server has no such database; correct candles.url, or make it with CREATE DATABASE",
    "3F000": "{said}; correct candles.db_schema or candles.tables",
    "40P01": "another process wrote the same candles the other way round; try again",
    "42501": "{said}; grant the role what docs/postgresql.md lists",
    "42703": "{said}; see candles.tables, or import the candles into another candles.db_schema",
    "42P01": "{said}; restore a backup, or see candles.db_schema and candles.tables",
    "53100": "the server's disk is full; free some space there, nothing was stored",
    "53300": "the server has too many connections; close some, or raise max_connections",
    "55000": "{said}; if this is a standby, name the primary server",
    "55P03": "another process has kept the candles locked; end it or try again",
    "57014": "a statement took too long, or was cancelled; see what the server is busy with",
    "57P01": "the server was stopped; start it, and try again",
    "57P03": "the server is starting or stopping; try again",
    "58030": "the server's disk failed to read or write; see the server's log",
}
# A connection that fails has no SQLSTATE, only what the server or libpq says.
_REFUSALS = {
    "password authentication failed": _ANSWERS["28P01"],
    "no password supplied": f"the server asks for a password; set {PASSWORD}",
    "pg_hba.conf": _ANSWERS["28000"],
    'role "': "the server has no such user; correct candles.url",
    'database "': _ANSWERS["3D000"],
    "too many clients": _ANSWERS["53300"],
    "translate host name": "the host is not known; correct candles.url",
    "resolve host": "the host is not known; correct candles.url",
    "invalid": "cannot be read as a PostgreSQL URL; see docs/postgresql.md",
}
_STARTING = ("starting up", "shutting down", "recovery")
_UNREACHABLE = "the server cannot be reached ({said}); see that it runs, and candles.url"
_UNKNOWN = "the database failed ({said}); run `livetrader doctor`"


@contextmanager
def faults(where: str) -> Iterator[None]:
    """Raise what the driver reports as StoreError."""
    try:
        yield
    except psycopg.Error as error:
        raise StoreError(f"{where}: {_advice(error)}") from error


def refused(error: psycopg.OperationalError) -> bool:
    """Whether a connection was not made for a reason that waiting does not change."""
    said = str(error)
    return not any(word in said for word in _STARTING) and any(word in said for word in _REFUSALS)


def _advice(error: psycopg.Error) -> str:
    said = first_line(error)
    if error.sqlstate:
        return _ANSWERS.get(error.sqlstate, _UNKNOWN).format(said=said)
    if isinstance(error, psycopg.OperationalError):
        found = next((advice for word, advice in _REFUSALS.items() if word in said), _UNREACHABLE)
        return found.format(said=said)
    return _UNKNOWN.format(said=said)

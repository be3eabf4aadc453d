"""The seam between the state and its database: what SQLite and PostgreSQL each do in their own way, and nothing else.

All SQL above it is the same text for both, with `:name` parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from livetrader.store.rows import Row

NOTHING: Mapping[str, Any] = {}


class Connection(Protocol):
    """One connection. Whatever fails raises StoreError, of a kind of faults.py where that is known."""

    dialect: str
    """As Database.dialect."""

    def begin(self) -> None:
        """Begin a transaction with the write lock: what is read from now on changes by nobody else before its end
        (fault D2). Busy where another one keeps the lock."""

    def snapshot(self) -> None:
        """Begin a transaction that reads, all of one moment."""

    def commit(self) -> None:
        """Make it durable. Lost where the answer did not come: it may be committed, or not."""

    def roll_back(self) -> None:
        """Undo the transaction, if one is open."""

    def execute(self, sql: str, values: Mapping[str, Any] = NOTHING) -> int:
        """Run a statement; the number of rows that it touched."""

    def select(self, sql: str, values: Mapping[str, Any] = NOTHING) -> Sequence[Row]:
        """Run a query; its rows."""

    def make(self, statements: Iterable[str]) -> None:
        """Make the schema."""

    def tables(self) -> set[str]:
        """The names of all tables that are there."""

    def now(self) -> datetime:
        """The database's own clock, on which nothing is decided."""

    def damage(self) -> str:
        """What is wrong with the database below its tables; empty if nothing is, or if it does not tell."""

    def close(self) -> None:
        """Close it, and with it whatever transaction it is in. Never raises."""


class Database(Protocol):
    """Where the state of one mode is. A value: connections are made from it, and it holds none."""

    @property
    def where(self) -> str:
        """Its place, as messages name it: never with a password."""

    @property
    def dialect(self) -> str:
        """SQLAlchemy's name of it."""

    def connect(self, *, create: bool = False) -> Connection:
        """A new connection; NoState where there is nothing to connect to, unless `create`."""

    def backup(self, connection: Connection, version: int) -> str:
        """Copy what is committed, before it is taken from schema `version` to another; the place of the copy."""

    def doubts(self) -> str:
        """Why what it calls committed may be lost, where that is not as it was asked for; else empty."""

    def relieve(self) -> bool:
        """Give up the room that was kept for a full disk; False where there is none."""

    def wipe(self) -> None:
        """Delete all of it."""

"""What is PostgreSQL's own: how a state's schema is reached and copied. One session for each connection, psycopg 3.

A module apart, and imported for such a state only: psycopg takes longer to import than all else of a reading command.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.rows import dict_row
from psycopg.types.string import StrDumper

from livetrader.errors import StoreError
from livetrader.servers import advisory, parameters
from livetrader.store.driver import NOTHING, Connection
from livetrader.store.faults import Busy
from livetrader.store.location import place, schema_name, server_of
from livetrader.store.postgres_faults import fault, unreachable
from livetrader.store.rows import Row

# A writer waits so long for another one; the journal tries three times.
BUSY_SECONDS = 2.0
STATEMENT_SECONDS = 15.0
# A unit whose client has gone keeps the write lock until the server notices: sooner than the next one stops waiting.
IDLE_SECONDS = 3.0

_PARAMETER = re.compile(r":([a-z_]+)")


@cache  # as many as there are statements in this package
def _translated(sql: str) -> bytes:
    """`:name` parameters as psycopg has them."""
    return _PARAMETER.sub(r"%(\1)s", sql).encode()


class _Text(StrDumper):
    """PostgreSQL has no texts with NUL in them, and brokers' messages may be anything."""

    def dump(self, obj: str) -> Buffer | None:
        return super().dump(obj.replace("\0", "\N{REPLACEMENT CHARACTER}"))


class PostgresConnection:
    """Implements driver.Connection.

    The write lock is an advisory one for the whole schema: it is there before any table is, and the next one gets it
    when the transaction that had it has ended, and not before.
    """

    dialect = "postgresql"

    def __init__(self, driver: psycopg.Connection[Row], schema: str, where: str) -> None:
        self._driver = driver
        self._schema = schema
        self._where = where
        self._cursor = driver.cursor()
        # Not the server's default isolation: with any other one, what is read after the wait would be from before it.
        self._begin = f"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({advisory(schema)})"

    def begin(self) -> None:
        try:
            self.execute(self._begin)
        except Busy:
            self.roll_back()
            raise

    def snapshot(self) -> None:
        self.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def commit(self) -> None:
        self.execute("COMMIT")
        # A transaction that a statement has failed in is rolled back by its COMMIT, without an error.
        if self._cursor.statusmessage != "COMMIT":
            raise StoreError(f"{self._where}: a statement of the transaction failed: none of it was committed")

    def roll_back(self) -> None:
        if self._driver.closed or self._driver.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            self.execute("ROLLBACK")

    def execute(self, sql: str, values: Mapping[str, Any] = NOTHING) -> int:
        try:
            return self._cursor.execute(_translated(sql), values or None).rowcount
        except psycopg.Error as error:
            raise fault(error, self._where, lost=self._driver.closed) from error

    def select(self, sql: str, values: Mapping[str, Any] = NOTHING) -> Sequence[Row]:
        try:
            return self._cursor.execute(_translated(sql), values or None).fetchall()
        except psycopg.Error as error:
            raise fault(error, self._where, lost=self._driver.closed) from error

    def make(self, statements: Iterable[str]) -> None:
        # A role that may not create schemas can be given an empty one.
        if not self.select("SELECT FROM pg_namespace WHERE nspname = :name", {"name": self._schema}):
            self.execute(f"CREATE SCHEMA {self._schema}")
        for statement in statements:
            self.execute(statement)

    def tables(self) -> set[str]:
        found = self.select("SELECT tablename FROM pg_tables WHERE schemaname = :name", {"name": self._schema})
        return {row["tablename"] for row in found}

    def now(self) -> datetime:
        at: datetime = self.select("SELECT now() AS at")[0]["at"]
        return at

    def damage(self) -> str:
        return ""

    def close(self) -> None:
        self._driver.close()


@dataclass(frozen=True, slots=True)
class PostgresDatabase:
    """Implements driver.Database: a schema of its own for each mode. `synchronous` other than FULL does not wait for
    the server's disk: a crash of the server may take back the last commits, and damages nothing."""

    url: str = field(repr=False)
    mode: str
    read_only: bool = False
    synchronous: str = "FULL"

    @property
    def where(self) -> str:
        return place(self.url, self.mode)

    @property
    def dialect(self) -> str:
        return "postgresql"

    @property
    def _schema(self) -> str:
        return schema_name(self.mode)

    def connect(self, *, create: bool = False) -> PostgresConnection:  # noqa: ARG002 - the server is there already
        try:
            driver = psycopg.connect(**self._parameters(), autocommit=True, row_factory=dict_row)
        except psycopg.Error as error:
            raise unreachable(error, self.where) from error
        driver.adapters.register_dumper(str, _Text)
        connection = PostgresConnection(driver, self._schema, self.where)
        try:
            connection.execute(self._session())
        except BaseException:
            connection.close()
            raise
        return connection

    def _parameters(self) -> dict[str, Any]:
        server_of(self.url)
        refusal = "state.url cannot be read: see docs/postgresql.md for what it may say"
        return parameters(self.url, f"livetrader {self.mode}", refusal)

    def _session(self) -> str:
        """What holds for a connection. Who reads may take his time, and never keeps the lock."""
        settings = [f"SET search_path = {self._schema}", f"SET lock_timeout = {BUSY_SECONDS * 1000:.0f}"]
        if self.read_only:
            return "; ".join([*settings, "SET default_transaction_read_only = on"])
        settings.append(f"SET statement_timeout = {STATEMENT_SECONDS * 1000:.0f}")
        settings.append(f"SET idle_in_transaction_session_timeout = {IDLE_SECONDS * 1000:.0f}")
        if self.synchronous == "FULL":
            # Only what is weaker is changed: a standby that is waited for is waited for.
            off = "WHERE current_setting('synchronous_commit') = 'off'"
            return "; ".join([*settings, f"SELECT set_config('synchronous_commit', 'on', false) {off}"])
        return "; ".join([*settings, "SET synchronous_commit = off"])

    def backup(self, connection: Connection, version: int) -> str:
        """In the transaction that migrates: there is a copy if, and only if, there is a newer schema."""
        copy = f"{self._schema}_schema{version}_bak"
        connection.execute(f"CREATE SCHEMA {copy}")
        for table in sorted(connection.tables()):
            connection.execute(f"CREATE TABLE {copy}.{table} AS TABLE {self._schema}.{table}")
        return f"schema {copy}"

    def doubts(self) -> str:
        with closing(self.connect()) as connection:
            fsync = connection.select("SELECT current_setting('fsync') AS fsync")[0]["fsync"]
        if self.synchronous != "FULL" or fsync == "on":
            return ""
        return "the server runs with fsync off: a crash of its machine loses what was committed, or the database"

    def relieve(self) -> bool:
        return False

    def wipe(self) -> None:
        with closing(self.connect()) as connection:
            connection.begin()
            connection.execute(f"DROP SCHEMA IF EXISTS {self._schema} CASCADE")
            connection.commit()

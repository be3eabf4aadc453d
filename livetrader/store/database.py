"""Opens the state's database, and refuses one that is not ours to write."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from functools import lru_cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection, Engine, create_engine, func, insert, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from livetrader.store import migrations, sqlite
from livetrader.store.audit import GENESIS, link
from livetrader.store.location import SCHEME, has_state, state_path
from livetrader.store.ownership import (
    no_state,
    require_known,
    require_ours,
    tables_of,
    version_of,
)
from livetrader.store.rows import canonical, stamp
from livetrader.store.tables import METADATA, audit, meta, schema_version


@contextmanager
def faults(where: Path | str) -> Iterator[None]:
    """Raise what the database reports as StoreError: one line of where, what, what to do."""
    with sqlite.faults(where):
        try:
            yield
        except DBAPIError as error:
            raise sqlite.fault(error.orig, where) from error


def begin_write(connection: Connection) -> None:
    """Take the write lock now: what is read after this cannot change before the commit (fault D2)."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def open_state(
    url: str,
    mode: str,
    account: str,
    *,
    create: bool = True,
    read_only: bool = False,
    synchronous: str | None = None,
) -> Engine:
    """An engine on the state of `mode` and `account`, of today's schema; SqlJournal writes through it.

    A missing file is made unless `create` is False or `read_only` is set. `synchronous` is SQLite's (FULL, NORMAL,
    OFF): FULL unless said otherwise, and NORMAL for a replay, which can be made again. StoreError, in one line,
    for a file that is missing, not a database, another program's, another mode's or account's, of an older or newer
    schema, or that cannot be opened or written.
    """
    path = state_path(url, mode)
    if not has_state(path):
        if read_only or not create:
            raise no_state(path)
        with faults(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            sqlite.make(path)
    durability = synchronous or ("NORMAL" if mode == "replay" else "FULL")
    engine = _engine(path, "ro" if read_only else "rw", durability)
    try:
        with faults(path), engine.connect() as connection, connection.begin():
            if not read_only:
                begin_write(connection)
            if create and not read_only and not tables_of(_driver(connection)):
                _make(connection, mode, account)
            require_ours(_driver(connection), path, mode, account)
    except BaseException:
        engine.dispose()
        raise
    return engine


@lru_cache
def template(mode: str, account: str) -> bytes:
    """A state in which nothing has happened yet, as the content of its file; made once in a process.

    Writing it to `location.state_path` makes a state hundreds of times faster than its DDL does: for simulations.
    """
    with TemporaryDirectory() as folder:
        url = f"{SCHEME}{folder}/state.db"
        open_state(url, mode, account).dispose()
        return state_path(url, mode).read_bytes()


def migrate(url: str, mode: str) -> Path | None:
    """Take the state of `mode` to the newest schema: the backup made before, or None if it was newest."""
    path = state_path(url, mode)
    if not has_state(path):
        raise no_state(path)
    engine = _engine(path, "rw")
    try:
        with faults(path), engine.connect() as connection, connection.begin():
            begin_write(connection)
            version = version_of(_driver(connection), path)
            require_known(path, version)
            if version == migrations.newest():
                return None
            copy = path.with_name(f"{path.name}.schema{version}.bak")
            sqlite.backup(path, copy)
            for step in range(version, migrations.newest()):
                migrations.MIGRATIONS[step - 1](connection)
                _record(connection, step + 1)
            return copy
    finally:
        engine.dispose()


def _engine(path: Path, access: str, synchronous: str = "FULL") -> Engine:
    # One connection for each holder, whatever its thread: the journal serialises its own use of it.
    url = URL.create("sqlite", database=str(path))
    return create_engine(url, creator=partial(sqlite.connect, path, access, synchronous), poolclass=QueuePool)


def _make(connection: Connection, mode: str, account: str) -> None:
    METADATA.create_all(connection)
    at = _record(connection, migrations.newest())
    connection.execute(insert(meta).values(mode=mode, account=account, created_at=at))
    payload = canonical({"mode": mode, "account": account})
    first = {"seq": 1, "at": at, "kind": "create", "payload": payload, "previous": GENESIS}
    connection.execute(insert(audit).values(**first, hash=link(GENESIS, 1, at, "create", payload)))


def _record(connection: Connection, version: int) -> str:
    """Note that the database has this schema now; when, by its own clock, on which nothing is decided."""
    at = stamp(connection.execute(select(func.current_timestamp())).scalar_one().replace(tzinfo=UTC))
    connection.execute(insert(schema_version).values(version=version, applied_at=at))
    return at


def _driver(connection: Connection) -> sqlite3.Connection:
    driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]  # our `creator`'s
    return driver

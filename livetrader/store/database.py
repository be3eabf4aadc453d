"""Makes, checks, migrates and wipes states, and refuses one that is not ours to write."""

from __future__ import annotations

from contextlib import closing
from functools import lru_cache
from tempfile import TemporaryDirectory

from livetrader.errors import StoreError
from livetrader.store import migrations
from livetrader.store.audit import GENESIS, link
from livetrader.store.dialects import database_of
from livetrader.store.driver import Connection, Database
from livetrader.store.location import SCHEME, mode_of, place, state_path
from livetrader.store.ownership import require_known, require_ours, version_of
from livetrader.store.rows import canonical, stamp
from livetrader.store.tables import audit, insertion, meta, schema, schema_version


def open_state(
    url: str,
    mode: str,
    account: str,
    *,
    create: bool = True,
    read_only: bool = False,
    synchronous: str | None = None,
) -> Database:
    """The database of the state of `mode` and `account`, of today's schema; SqlJournal writes to it.

    A missing state is made unless `create` is False or `read_only` is set. `synchronous` is FULL (a commit that
    returns is on the disk), NORMAL or OFF (it may be lost with the machine): FULL unless said otherwise, and NORMAL
    for a replay, which can be made again. StoreError, in one line, for a state that is missing, another program's,
    another mode's or account's, of an older or newer schema, or that cannot be opened or written; ConfigError for a
    URL that names none.
    """
    durability = synchronous or ("NORMAL" if mode_of(mode) == "replay" else "FULL")
    database = database_of(url, mode, read_only=read_only, synchronous=durability)
    create = create and not read_only
    with closing(database.connect(create=create)) as connection:
        if read_only:
            connection.snapshot()
        else:
            connection.begin()
        if create and not connection.tables():
            _make(connection, database.dialect, mode, account)
        require_ours(connection, database.where, mode, account)
        connection.commit()
    return database


@lru_cache
def template(mode: str, account: str) -> bytes:
    """A state in which nothing has happened yet, as the content of its file; made once in a process.

    Writing it to `location.state_path` makes a state hundreds of times faster than its DDL does: for simulations.
    """
    with TemporaryDirectory() as folder:
        url = f"{SCHEME}{folder}/state.db"
        open_state(url, mode, account)
        return state_path(url, mode).read_bytes()


def migrate(url: str, mode: str) -> str | None:
    """Take the state of `mode` to the newest schema: the place of the backup made before, or None if it was newest."""
    database = database_of(url, mode)
    with closing(database.connect()) as connection:
        connection.begin()
        version = version_of(connection, database.where)
        require_known(database.where, version)
        if version == migrations.newest():
            return None
        copy = database.backup(connection, version)
        for step in range(version, migrations.newest()):
            migrations.MIGRATIONS[step - 1](connection)
            _record(connection, step + 1)
        connection.commit()
        return copy


def wipe(url: str, mode: str) -> None:
    """Delete a replay's state, so that the same days can be replayed again. No other mode's ever is."""
    if mode_of(mode) != "replay":
        raise StoreError(
            f"{place(url, mode)}: only a replay's state can be wiped; this is {mode}'s, move it away by hand"
        )
    database_of(url, mode).wipe()


def _make(connection: Connection, dialect: str, mode: str, account: str) -> None:
    connection.make(schema(dialect))
    at = _record(connection, migrations.newest())
    connection.execute(insertion(meta), {"mode": mode, "account": account, "created_at": at})
    payload = canonical({"mode": mode, "account": account})
    first = {"seq": 1, "at": at, "kind": "create", "payload": payload, "previous": GENESIS}
    connection.execute(insertion(audit), {**first, "hash": link(GENESIS, 1, at, "create", payload)})


def _record(connection: Connection, version: int) -> str:
    """Note that the database has this schema now; when, by its own clock."""
    at = stamp(connection.now())
    connection.execute(insertion(schema_version), {"version": version, "applied_at": at})
    return at

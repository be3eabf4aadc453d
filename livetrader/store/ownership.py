"""Whether a state file is ours to use; what is not is refused in one line. Free of SQLAlchemy."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from livetrader.errors import StoreError
from livetrader.store.migrations import newest


def no_state(path: Path) -> StoreError:
    return StoreError(f"{path}: there is no state yet: `livetrader run` makes it")


def tables_of(connection: sqlite3.Connection) -> set[str]:
    """The names of all tables that the file holds."""
    return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def version_of(connection: sqlite3.Connection, path: Path) -> int:
    """The schema's version; StoreError for another program's database, or one without tables."""
    tables = tables_of(connection)
    if not tables:
        # What a process leaves that was killed while it made the file.
        raise no_state(path)
    if not {"schema_version", "meta", "audit"} <= tables:
        raise StoreError(f"{path}: holds another program's tables: set state.url to a file of its own")
    return int(connection.execute("SELECT max(version) FROM schema_version").fetchone()[0] or 0)


def require_ours(connection: sqlite3.Connection, path: Path, mode: str, account: str | None = None) -> None:
    """StoreError for any schema but today's, and for the state of another mode or (if it is named) account."""
    require_newest(path, version_of(connection, path))
    made_for = connection.execute("SELECT mode, account FROM meta").fetchone()
    require_owner(path, "mode", made_for[0], mode)
    require_owner(path, "account", made_for[1], account or made_for[1])


def require_known(path: Path, version: int) -> None:
    """StoreError for a schema that this livetrader does not know."""
    if version > newest():
        raise StoreError(
            f"{path}: made by a newer livetrader (schema {version}, this one knows {newest()}): update livetrader"
        )


def require_newest(path: Path, version: int) -> None:
    """StoreError for any schema but today's."""
    require_known(path, version)
    if version < newest():
        raise StoreError(f"{path}: has schema {version} of {newest()}: run `livetrader db migrate`")


def require_owner(path: Path, what: str, owner: str, asked: str) -> None:
    """StoreError for the state of another mode or account."""
    if owner != asked:
        raise StoreError(f"{path}: belongs to {what} {owner!r}, not {asked!r}: set state.url to another file")

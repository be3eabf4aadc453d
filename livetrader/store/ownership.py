"""Whether a state is ours to use; what is not is refused in one line. Free of SQLAlchemy."""

from __future__ import annotations

from livetrader.errors import StoreError
from livetrader.store.driver import Connection
from livetrader.store.faults import NoState
from livetrader.store.migrations import newest


def version_of(connection: Connection, where: str) -> int:
    """The schema's version; StoreError for another program's database, or one without tables."""
    tables = connection.tables()
    if not tables:
        # What a process leaves that was killed while it made the state.
        raise NoState(where)
    if not {"schema_version", "meta", "audit"} <= tables:
        raise StoreError(f"{where}: holds another program's tables: set state.url to a database of its own")
    return int(connection.select("SELECT max(version) AS version FROM schema_version")[0]["version"] or 0)


def require_ours(connection: Connection, where: str, mode: str, account: str | None = None) -> None:
    """StoreError for any schema but today's, and for the state of another mode or (if it is named) account."""
    require_newest(where, version_of(connection, where))
    made_for = connection.select("SELECT mode, account FROM meta")[0]
    require_owner(where, "mode", made_for["mode"], mode)
    require_owner(where, "account", made_for["account"], account or made_for["account"])


def require_known(where: str, version: int) -> None:
    """StoreError for a schema that this livetrader does not know."""
    if version > newest():
        raise StoreError(
            f"{where}: made by a newer livetrader (schema {version}, this one knows {newest()}): update livetrader"
        )


def require_newest(where: str, version: int) -> None:
    """StoreError for any schema but today's."""
    require_known(where, version)
    if version < newest():
        raise StoreError(f"{where}: has schema {version} of {newest()}: run `livetrader db migrate`")


def require_owner(where: str, what: str, owner: str, asked: str) -> None:
    """StoreError for the state of another mode or account."""
    if owner != asked:
        raise StoreError(f"{where}: belongs to {what} {owner!r}, not {asked!r}: set state.url to another database")

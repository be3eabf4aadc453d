"""The databases that a state may be in."""

from __future__ import annotations

from livetrader.servers import on_server
from livetrader.store.driver import Database
from livetrader.store.location import state_path


def database_of(url: str, mode: str, *, read_only: bool = False, synchronous: str = "FULL") -> Database:
    """The database of `mode`'s state. ConfigError for a URL that names none."""
    if on_server(url):
        from livetrader.store.postgres import PostgresDatabase

        return PostgresDatabase(url, mode, read_only, synchronous)
    from livetrader.store.sqlite import SqliteDatabase

    return SqliteDatabase(state_path(url, mode), read_only, synchronous)

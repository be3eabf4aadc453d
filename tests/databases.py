"""The databases that a state can be in: SQLite, and PostgreSQL on our own server and on that of LIVETRADER_TEST_DSN."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.postgres import SERVERS

DATABASES = ("sqlite", *SERVERS)

# For tests that ask for the fixture `url`, themselves or through another one: once with each database.
on_each_database = pytest.mark.parametrize("url", DATABASES, indirect=True)
on_postgresql = pytest.mark.parametrize("url", SERVERS, indirect=True)


def empty(database: str, folder: Path, new_postgres: Callable[[str], str]) -> str:
    """The URL of a place for a state, in which nothing is yet; a SQLite file would be in `folder`."""
    return new_postgres(database) if database in SERVERS else f"sqlite:///{folder}/state.db"

"""The databases that a state can be in: SQLite, and PostgreSQL on our own server and on that of LIVETRADER_TEST_DSN."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.postgres import OUTSIDE, new_database

SERVERS = ("postgresql", *(["outside"] if OUTSIDE in os.environ else []))
DATABASES = ("sqlite", *SERVERS)

# For tests that ask for the fixture `url`, themselves or through another one: once with each database.
on_each_database = pytest.mark.parametrize("url", DATABASES, indirect=True)
on_postgresql = pytest.mark.parametrize("url", SERVERS, indirect=True)


@contextmanager
def empty(database: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a place for a state, in which nothing is yet; a SQLite file would be in `folder`."""
    if database == "sqlite":
        yield f"sqlite:///{folder}/state.db"
        return
    server = os.environ[OUTSIDE] if database == "outside" else request.getfixturevalue("postgres_server").dsn
    with new_database(server) as dsn:
        yield dsn

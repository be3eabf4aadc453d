"""The journals that keep the promises of ports.Journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal
from livetrader.store.memory import MemoryJournal
from tests.databases import DATABASES, empty


@pytest.fixture(params=[*DATABASES, "memory"])
def journal(
    request: pytest.FixtureRequest, tmp_path: Path, new_postgres: Callable[[str], str]
) -> Iterator[SqlJournal | MemoryJournal]:
    if request.param == "memory":
        yield MemoryJournal()
        return
    opened = SqlJournal(open_state(empty(request.param, tmp_path, new_postgres), "paper", "main"))
    yield opened
    assert opened.verify_audit() >= 1, "whatever a test did, the audit chain holds"
    opened.close()

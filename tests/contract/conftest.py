"""The journals that keep the promises of ports.Journal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal
from livetrader.store.memory import MemoryJournal
from tests.databases import DATABASES, empty


@pytest.fixture(params=[*DATABASES, "memory"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlJournal | MemoryJournal]:
    if request.param == "memory":
        yield MemoryJournal()
        return
    with empty(request.param, tmp_path, request) as url:
        opened = SqlJournal(open_state(url, "paper", "main"))
        yield opened
        assert opened.verify_audit() >= 1, "whatever a test did, the audit chain holds"
        opened.close()

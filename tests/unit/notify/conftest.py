"""A state to tell of, and a service to tell it to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal
from tests.unit.notify.post_office import PostOffice, load_plug_ins


@pytest.fixture(scope="session", autouse=True)
def _apprise() -> None:
    load_plug_ins()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqlJournal]:
    opened = SqlJournal(open_state(f"sqlite:///{tmp_path}/state.db", "paper", "main"))
    yield opened
    opened.close()


@pytest.fixture
def office() -> Iterator[Callable[..., PostOffice]]:
    """A function that opens a service."""
    opened: list[PostOffice] = []

    def open_one(**manners: object) -> PostOffice:
        opened.append(PostOffice(**manners))  # type: ignore[arg-type]  # its own fields
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()

"""No log: days of faults have warnings by the hundred, and a test that fails says which seed it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import structlog
from live_account import LiveAccount, Make

from livetrader.faultsim.runs import silence


@pytest.fixture(autouse=True)
def _silent(_warnings_only: None) -> Iterator[None]:
    silence()
    yield
    structlog.reset_defaults()


@pytest.fixture
def live_account(tmp_path: Path) -> Iterator[Make]:
    """A function that begins a day at a loopback exchange, with its state in a folder of the test's own."""
    with ExitStack() as opened:

        def make(*given: object, **more: object) -> LiveAccount:
            return opened.enter_context(closing(LiveAccount(tmp_path, *given, **more)))  # type: ignore[arg-type]

        yield make

"""No log: days of faults have warnings by the hundred, and a test that fails says which seed it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

from livetrader.faultsim.runs import silence


@pytest.fixture(autouse=True)
def _silent(_warnings_only: None) -> Iterator[None]:
    silence()
    yield
    structlog.reset_defaults()

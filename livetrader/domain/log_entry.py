"""A row of the audit log, for those who follow it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A row of the audit log: what was committed, as the journal wrote it down. `seq` has no gaps."""

    seq: int
    at: datetime
    kind: str
    said: Mapping[str, Any]

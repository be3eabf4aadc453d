"""The schema's versions. A fresh database gets today's tables; an older one is taken there step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

# The n-th takes schema n to n + 1. Append only: what was shipped is never edited.
MIGRATIONS: list[Callable[[Connection], None]] = []


def newest() -> int:
    """The schema that this livetrader reads and writes."""
    return len(MIGRATIONS) + 1

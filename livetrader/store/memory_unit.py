"""Units of work over dictionaries: what SqlJournal leaves to the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_ABSENT = object()


class MemoryUnit:
    """Dictionaries that are written through `_put` and `_drop`, and go back if an exception leaves a unit."""

    def __init__(self) -> None:
        self._undo: list[tuple[dict[Any, Any], Any, Any]] | None = None

    @contextmanager
    def unit(self) -> Iterator[None]:
        """Several writes as one: all of them, or none if an exception leaves the block."""
        if self._undo is not None:
            yield
            return
        self._undo = []
        try:
            yield
        except BaseException:
            for table, key, value in reversed(self._undo):
                if value is _ABSENT:
                    del table[key]
                else:
                    table[key] = value
            raise
        finally:
            self._undo = None

    def _put(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        if self._undo is not None:
            self._undo.append((table, key, table.get(key, _ABSENT)))
        table[key] = value

    def _drop(self, table: dict[Any, Any], key: Any) -> bool:
        """Whether there was anything to drop."""
        if key not in table:
            return False
        if self._undo is not None:
            self._undo.append((table, key, table[key]))
        del table[key]
        return True

"""What a failure of the state means to whoever writes: the kinds of StoreError that something can be done about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from livetrader.errors import StoreError


class NoState(StoreError):
    """Nothing was ever committed there."""

    def __init__(self, where: str) -> None:
        self.where = where
        super().__init__(f"{where}: there is no state yet: `livetrader run` makes it")


class Busy(StoreError):
    """Another process has held the write lock for too long. Nothing was begun, and the connection is good."""


class Full(StoreError):
    """There is no room to write. Nothing was committed."""


class Lost(StoreError):
    """There is no connection, or none any more. What was begun on it is gone; of a COMMIT nobody knows."""


@contextmanager
def file_faults(path: Path | str) -> Iterator[None]:
    """Raise what the file system reports as StoreError."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}: see that the directory may be written to") from error

"""Whether a state file is ours to use; what is not is refused in one line. Free of SQLAlchemy."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from livetrader.errors import StoreError
from livetrader.store.migrations import newest


def no_state(path: Path) -> StoreError:
    return StoreError(f"{path}: there is no state yet: `livetrader run` makes it")


def require_tables(path: Path, tables: Collection[str]) -> None:
    """StoreError for another program's database, or one without tables."""
    if not tables:
        # What a process leaves that was killed while it made the file.
        raise no_state(path)
    if not {"schema_version", "meta", "audit"} <= set(tables):
        raise StoreError(f"{path}: holds another program's tables: set state.url to a file of its own")


def require_known(path: Path, version: int) -> None:
    """StoreError for a schema that this livetrader does not know."""
    if version > newest():
        raise StoreError(
            f"{path}: made by a newer livetrader (schema {version}, this one knows {newest()}): update livetrader"
        )


def require_newest(path: Path, version: int) -> None:
    """StoreError for any schema but today's."""
    require_known(path, version)
    if version < newest():
        raise StoreError(f"{path}: has schema {version} of {newest()}: run `livetrader db migrate`")


def require_owner(path: Path, what: str, owner: str, asked: str) -> None:
    """StoreError for the state of another mode or account."""
    if owner != asked:
        raise StoreError(f"{path}: belongs to {what} {owner!r}, not {asked!r}: set state.url to another file")

"""The audit log's chain: each row carries the hash of the one before it, so none changes or goes unseen."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Protocol

from livetrader.errors import StoreError
from livetrader.store.rows import Row

GENESIS = "0" * 64

# Every row of these tables was made by a row of the log, and by one only.
_MADE_BY = {"orders": "intend", "fills": "book", "decisions": "decide", "flows": "flow", "commands": "post"}


class Select(Protocol):
    """Runs a SELECT with `:name` parameters, on whatever database."""

    def __call__(self, sql: str, /, **values: object) -> Iterable[Row]: ...


def link(previous: str, seq: int, at: str, kind: str, payload: str) -> str:
    """The hash of a row: SHA-256 over the hash before it and all that the row says, in hex."""
    return hashlib.sha256("\x1f".join((previous, str(seq), at, kind, payload)).encode()).hexdigest()


def verify(select: Select) -> int:
    """The number of rows in the log, after recomputing every hash and checking that the tables agree with it.

    StoreError naming the first row that was changed, is missing, or that a table has without the log.
    """
    seq, previous = 0, GENESIS
    for row in select("SELECT seq, at, kind, payload, previous, hash FROM audit ORDER BY seq"):
        seq += 1
        if row["seq"] != seq:
            raise _broken(f"row {seq} is missing")
        expected = link(previous, seq, row["at"], row["kind"], row["payload"])
        if row["previous"] != previous or row["hash"] != expected:
            raise _broken(f"row {seq} was changed")
        previous = expected
    for table, kind in _MADE_BY.items():
        _agree(select, table, kind)
    return seq


def _agree(select: Select, table: str, kind: str) -> None:
    """Each row of `table` has its row in the log; and each such row in the log has made one."""
    joined = f"{table} LEFT JOIN audit ON audit.seq = {table}.seq AND audit.kind = :kind"
    for row in select(f"SELECT {table}.seq AS seq FROM {joined} WHERE audit.seq IS NULL LIMIT 1", kind=kind):
        raise _broken(f"a row of {table} names row {row['seq']}, which did not make it")
    joined = f"audit LEFT JOIN {table} ON audit.seq = {table}.seq"
    lost = f"SELECT audit.seq AS seq FROM {joined} WHERE audit.kind = :kind AND {table}.seq IS NULL LIMIT 1"
    for row in select(lost, kind=kind):
        raise _broken(f"the row of {table} that row {row['seq']} made is missing")


def _broken(what: str) -> StoreError:
    return StoreError(f"audit log: {what}: keep the file as evidence, restore a backup, then reconcile")

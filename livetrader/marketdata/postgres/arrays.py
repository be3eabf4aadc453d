"""Numpy arrays as PostgreSQL's binary arrays, and back: a column of many bars travels as one value.

A query that gives `array_agg` of each column sends a message for each close. As rows, and as COPY too, the same bars
come with a message each, and to take those apart costs more than the query.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from psycopg import Connection, postgres
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format
from psycopg.types.string import ByteaBinaryLoader

from livetrader.domain.candles import Floats, Ints

# An array begins with five 32-bit words: dimensions, whether NULL occurs, the type of the elements, how many there are,
# and the first index. Each element has its length before it.
_HEADER = np.dtype(">i4")
_HEADER_BYTES = 20
_FLOAT = np.dtype([("length", ">i4"), ("value", ">f8")])
_INT = np.dtype([("length", ">i4"), ("value", ">i8")])
_TEXT = postgres.types["text"].oid
EPOCH_MICROSECONDS = 946_684_800_000_000  # PostgreSQL counts from the year 2000


class Times:
    """Epoch seconds that travel as timestamptz[]."""

    def __init__(self, seconds: Ints) -> None:
        self.seconds = seconds


class Names(tuple[str, ...]):
    """Texts that travel as text[]."""

    __slots__ = ()


class Labels(NamedTuple):
    """Texts that travel as text[]: `names[code]` for each code."""

    names: Sequence[str]
    codes: npt.NDArray[np.int32]


def adapt(connection: Connection[Any]) -> None:
    """Teach the connection to take float64 arrays and the classes above, and to hand out arrays as bytes."""
    adapters = connection.adapters
    for element in ("float8", "timestamptz", "text"):
        adapters.register_loader(postgres.types[element].array_oid, ByteaBinaryLoader)
    for kind, dumper in ((np.ndarray, _Floats), (Times, _Times), (Names, _Names), (Labels, _Labels)):
        adapters.register_dumper(kind, dumper)


def floats(columns: Iterable[bytes]) -> Floats:
    """The elements of float8[] values without NULL, one after the other."""
    return _elements(columns, _FLOAT).astype(np.float64)


def seconds(columns: Iterable[bytes]) -> Ints:
    """The elements of timestamptz[] values without NULL, one after the other, as epoch seconds, rounded down."""
    return (_elements(columns, _INT).astype(np.int64) + EPOCH_MICROSECONDS) // 1_000_000


@lru_cache(maxsize=16)  # every close names the same symbols
def texts(column: bytes) -> tuple[str | None, ...]:
    """The elements of a text[] value; None for NULL."""
    found: list[str | None] = []
    at = _HEADER_BYTES
    while at < len(column):
        length = int.from_bytes(column[at : at + 4], "big", signed=True)
        at += 4
        found.append(None if length < 0 else column[at : at + length].decode())
        at += max(length, 0)
    return tuple(found)


def _elements(columns: Iterable[bytes], kind: np.dtype[Any]) -> npt.NDArray[Any]:
    elements: npt.NDArray[Any] = np.frombuffer(b"".join(column[_HEADER_BYTES:] for column in columns), kind)["value"]
    return elements


class _Floats(Dumper):
    """An array of float64 as float8[]; NaN stays NaN."""

    format = Format.BINARY
    oid = postgres.types["float8"].array_oid

    def dump(self, obj: Floats) -> Buffer:
        return _array(postgres.types["float8"].oid, obj, _FLOAT)


class _Times(Dumper):
    format = Format.BINARY
    oid = postgres.types["timestamptz"].array_oid

    def dump(self, obj: Times) -> Buffer:
        return _array(postgres.types["timestamptz"].oid, obj.seconds * 1_000_000 - EPOCH_MICROSECONDS, _INT)


class _Names(Dumper):
    format = Format.BINARY
    oid = postgres.types["text"].array_oid

    def dump(self, obj: Names) -> Buffer:
        return _cached(obj)


class _Labels(_Names):
    def dump(self, obj: Labels) -> Buffer:  # type: ignore[override]  # each class dumps its own kind
        elements = _elements_of(obj.names)
        return _header(_TEXT, len(obj.codes)) + b"".join(map(elements.__getitem__, obj.codes.tolist()))


def _array(element: int, values: npt.NDArray[Any], kind: np.dtype[Any]) -> bytes:
    elements = np.empty(len(values), kind)
    elements["length"], elements["value"] = 8, values
    return _header(element, len(values)) + elements.tobytes()


@lru_cache(maxsize=16)  # every poll names the same symbols
def _cached(names: Names) -> bytes:
    return _header(_TEXT, len(names)) + b"".join(_elements_of(names))


def _elements_of(names: Sequence[str]) -> list[bytes]:
    texts = (name.encode() for name in names)
    return [len(text).to_bytes(4, "big") + text for text in texts]


def _header(element: int, count: int) -> bytes:
    words = [1, 0, element, count, 1] if count else [0, 0, element]  # an empty array has no dimension
    return np.array(words, _HEADER).tobytes()

"""Bars as a database gives them, symbol by symbol or in no order at all, as the columns that a store promises."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from livetrader.domain.candles import FIELDS, CandleColumns, Floats, Ints, empty_columns

Codes = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Naming:
    """The symbols that are looked for, in their order, and what the database calls them.

    `ranks` has the place among the sorted symbols by what the database calls each; `order` goes from there to the place
    in `symbols`.
    """

    symbols: tuple[str, ...]
    ranks: Mapping[str | None, int]
    order: Codes

    def rank(self, stored: Sequence[str | None]) -> Codes:
        """The place of each among the sorted symbols; -1 for one that is not looked for."""
        ranks: Iterable[int] = map(self.ranks.get, stored, repeat(-1))
        return np.fromiter(ranks, np.int32, len(stored))


def naming(symbols: Sequence[str], stored: Sequence[str]) -> Naming:
    """A naming of `symbols`, which the database calls `stored`."""
    order = sorted(range(len(symbols)), key=symbols.__getitem__)
    return Naming(tuple(symbols), {stored[i]: rank for rank, i in enumerate(order)}, np.array(order, np.int32))


class Bars(NamedTuple):
    """Bars ordered by (ts, symbol), one of each; `rank` is the place of the symbol among the sorted `names`."""

    names: Naming
    ts: Ints
    rank: Codes
    fields: tuple[Floats, ...]


def ordered(names: Naming, rank: Codes, ts: Ints, fields: Sequence[Floats]) -> Bars:
    """Bars as they come, in order; those of rank -1 are left out.

    Of two bars of the same symbol and time the one with the larger volume counts, for it is the later one.
    """
    fields = [np.where(np.isinf(field), np.nan, field) for field in fields]
    if rank.min(initial=0) < 0:
        known = rank >= 0
        ts, rank, fields = ts[known], rank[known], [field[known] for field in fields]
    key = ts * max(len(names.symbols), 1) + rank
    if (np.diff(key) <= 0).any():
        order = np.argsort(key, kind="stable")
        if not np.diff(key[order]).all():
            order = _one_of_each(key, fields)
        ts, rank, fields = ts[order], rank[order], [field[order] for field in fields]
    return Bars(names, ts, rank, tuple(fields))


def joined(parts: Sequence[Bars], symbols: Sequence[str] | None) -> CandleColumns:
    """Parts that follow each other in time as one, of the `symbols` that all parts name, or of those found (None)."""
    parts = [part for part in parts if len(part.ts)]
    if symbols is None:
        found = tuple(sorted({name for part in parts for name in part.names.symbols}))
        place = {name: i for i, name in enumerate(found)}
        codes = [np.array([place[name] for name in part.names.symbols], np.int32)[part.rank] for part in parts]
    else:
        found = tuple(symbols)
        codes = [part.names.order[part.rank] for part in parts]
    if not parts:
        return empty_columns(found)
    fields = (_one([part.fields[i] for part in parts]) for i in range(len(FIELDS)))
    return CandleColumns(found, _one([part.ts for part in parts]), _one(codes), *fields)


def _one(parts: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _one_of_each(key: Ints, fields: Sequence[Floats]) -> npt.NDArray[np.intp]:
    """The order of `key`, with the last by volume (then by its prices) of those that are the same."""
    order = np.lexsort((*(np.nan_to_num(field, nan=-1.0) for field in fields), key))
    return order[np.diff(key[order], append=np.iinfo(np.int64).max) > 0]

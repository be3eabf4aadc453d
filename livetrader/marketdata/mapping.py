"""A user's own table of candles, by name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TableMapping:
    """A user's table or view of one interval: its name, with or without a schema, and those of its columns.

    `time` is the bar's open, or its close where `stamp` says so: a timestamp with time zone, one without or a date
    (time in `timezone`), or a number of `time_unit` (s, ms, us) since 1970. `symbol` may be an enum, and have
    `symbol_prefix` before and `symbol_suffix` after our own name; rows without them are not seen. Prices and volume
    are numbers of any type.
    """

    table: str
    time: str
    symbol: str
    open: str
    high: str
    low: str
    close: str
    volume: str
    stamp: str
    timezone: str
    time_unit: str
    symbol_prefix: str
    symbol_suffix: str

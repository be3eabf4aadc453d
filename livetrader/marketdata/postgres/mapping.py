"""A user's own table, as SQL: its columns checked, its times converted."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from psycopg import sql

from livetrader.domain.candles import FIELDS, Interval
from livetrader.errors import ConfigError
from livetrader.marketdata.mapping import TableMapping
from livetrader.marketdata.postgres.session import Connection
from livetrader.marketdata.postgres.table import Conversion, Table

_NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision")
_DATES = ("timestamp with time zone", "timestamp without time zone", "date")
_UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000}

_TYPES = """SELECT attname, format_type(coalesce(nullif(typbasetype, 0), atttypid), NULL)
    FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
    WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped"""
# The first column of each index. A view has none of its own, and says nothing of those below it.
_INDEXED = """SELECT relkind IN ('r', 'p', 'm'), ARRAY(SELECT attname::text FROM pg_index
        JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0] WHERE indrelid = pg_class.oid AND indisvalid)
    FROM pg_class WHERE oid = to_regclass(%s)"""


def mapped_table(connection: Connection, mapping: TableMapping, interval: Interval) -> Table:
    """The table of a mapping. ConfigError, naming the setting, where it is not there, or not as the mapping says."""
    where = f"candles.tables.{interval.value}"
    types: dict[str, str] = dict(connection.execute(_TYPES, [_quoted(mapping)]).fetchall())
    if not types:
        raise ConfigError(f"{where}.table: there is no table or view {mapping.table} that this user may see")
    _require(where, mapping, types)
    to_open, from_open = _times(mapping, types[mapping.time])
    if mapping.stamp == "close":
        to_open, from_open = _from_close(to_open, from_open, interval)
    number = sql.SQL("coalesce({}::float8, 'NaN')")
    return Table(
        relation=_relation(mapping),
        time=sql.Identifier(mapping.time),
        to_open=to_open,
        from_open=from_open,
        # To compare an enum with a name that it does not have is an error.
        symbol=sql.SQL("{}::text").format(sql.Identifier(mapping.symbol)),
        fields=tuple(number.format(sql.Identifier(getattr(mapping, name))) for name in FIELDS),
        prefix=mapping.symbol_prefix,
        suffix=mapping.symbol_suffix,
    )


def leading_columns(connection: Connection, mapping: TableMapping) -> frozenset[str] | None:
    """The columns that an index of the table begins with; None for a view, which says nothing of those below it."""
    row = connection.execute(_INDEXED, [_quoted(mapping)]).fetchone()
    return frozenset(row[1]) if row is not None and row[0] else None


def slow(mapping: TableMapping, interval: Interval, leading: frozenset[str] | None) -> str | None:
    """The warning that no index begins with the time, and what to do about it."""
    if leading is None or mapping.time in leading:
        return None
    columns = ", ".join(sql.Identifier(name).as_string() for name in (mapping.time, mapping.symbol))
    return (
        f"candles.tables.{interval.value}: no index of {mapping.table} begins with {mapping.time}, so every poll reads "
        f"the whole table; run CREATE INDEX ON {_quoted(mapping)} ({columns})"
    )


def _require(where: str, mapping: TableMapping, types: Mapping[str, str]) -> None:
    """ConfigError with every column that is missing, or of a type that does not do."""
    wanted = {"time": (*_DATES, *_NUMBERS), "symbol": (), **dict.fromkeys(FIELDS, _NUMBERS)}
    problems = []
    for key, allowed in wanted.items():
        column = getattr(mapping, key)
        if column not in types:
            problems.append(f"{where}.{key}: {mapping.table} has no column {column}; it has {', '.join(types)}")
        elif allowed and types[column] not in allowed:
            kind = "a time" if key == "time" else "a number"
            problems.append(f"{where}.{key}: {column} is {types[column]}, which is not {kind}")
    if mapping.stamp == "close" and where.endswith(("1h", "1d")):
        problems.append(f"{where}.stamp: where the last bar is shorter, its open cannot be told from its close")
    if problems:
        raise ConfigError(problems)


def _times(mapping: TableMapping, kind: str) -> tuple[Conversion, Conversion]:
    """From the column `time` to a timestamptz, and from epoch seconds to the column."""
    instant, zone = sql.SQL("to_timestamp({}::float8)"), sql.Literal(mapping.timezone)
    if kind == "timestamp with time zone":
        return sql.SQL("{}").format, instant.format
    if kind in _DATES:
        local = sql.SQL("({}::timestamp AT TIME ZONE {zone})")
        naive = sql.SQL("(to_timestamp({}::float8) AT TIME ZONE {zone})")
        return partial(local.format, zone=zone), partial(naive.format, zone=zone)
    unit = sql.Literal(_UNITS[mapping.time_unit])
    seconds, number = sql.SQL("to_timestamp({}::float8 / {unit})"), sql.SQL("({}::bigint * {unit})")
    return partial(seconds.format, unit=unit), partial(number.format, unit=unit)


def _from_close(to_open: Conversion, from_open: Conversion, interval: Interval) -> tuple[Conversion, Conversion]:
    """The same for a column that has the bar's close."""
    length = sql.Literal(interval.seconds)
    earlier, later = sql.SQL("({} - {} * interval '1 second')"), sql.SQL("({} + {})")
    return (
        lambda column: earlier.format(to_open(column), length),
        lambda seconds: from_open(later.format(seconds, length)),
    )


def _relation(mapping: TableMapping) -> sql.Identifier:
    return sql.Identifier(*mapping.table.split("."))


def _quoted(mapping: TableMapping) -> str:
    return _relation(mapping).as_string()

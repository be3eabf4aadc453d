"""The schema of our own candles in PostgreSQL: made once, then checked at every opening."""

from __future__ import annotations

from typing import Literal

from psycopg import sql

from livetrader.domain.candles import FIELDS, Interval
from livetrader.errors import ConfigError, StoreError
from livetrader.marketdata.postgres.session import Connection
from livetrader.servers import advisory

SCHEMA_VERSION = 1

Timescale = Literal["auto", "on", "off"]

# Sorted as Python sorts, whatever the database's own order of letters is.
_BARS = f"""CREATE TABLE {{}} (ts timestamptz NOT NULL, symbol text COLLATE "C" NOT NULL,
    {", ".join(f"{name} float8" for name in FIELDS)}, PRIMARY KEY (ts, symbol))"""
_COVERAGE = """CREATE TABLE {} (interval text NOT NULL, symbol text COLLATE "C" NOT NULL,
    first timestamptz NOT NULL, last timestamptz NOT NULL, count bigint NOT NULL, PRIMARY KEY (interval, symbol))
    WITH (fillfactor = 50)"""  # each new bar updates a row, which then finds room beside itself
_VERSION = "CREATE TABLE {} (version integer NOT NULL, changes bigint NOT NULL)"
_EXTENSION = "SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'timescaledb'"
_CHUNK_DAYS = {Interval.M1: 7, Interval.M5: 30, Interval.M15: 90, Interval.H1: 360, Interval.D1: 3600}


def make(connection: Connection, schema: str, timescale: Timescale) -> None:
    """Make the tables, unless they are there. ConfigError where TimescaleDB is asked for and missing."""
    if _tables(connection, schema):
        return
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [advisory(f"candles {schema}")])
        if not _tables(connection, schema):  # another process may have been first
            _create(connection, schema, timescale)


def require(connection: Connection, schema: str, where: str) -> None:
    """StoreError unless the schema holds candles of today's version."""
    tables = _tables(connection, schema)
    if not tables:
        raise StoreError(f"{where}: no candle store there; fill one with `livetrader data import` or `data fetch`")
    if not {"schema_version", "coverage"} <= tables:
        raise StoreError(f"{where}: {schema} is not a livetrader candle store; set candles.db_schema to another name")
    query = sql.SQL("SELECT max(version) FROM {}").format(sql.Identifier(schema, "schema_version"))
    ((version,),) = connection.execute(query).fetchall()
    if version is None or version < SCHEMA_VERSION:
        raise StoreError(f"{where}: made by an older livetrader; import the candles into another candles.db_schema")
    if version > SCHEMA_VERSION:
        raise StoreError(f"{where}: made by a newer livetrader; update livetrader")


def _create(connection: Connection, schema: str, timescale: Timescale) -> None:
    extension = None if timescale == "off" else connection.execute(_EXTENSION).fetchone()
    if timescale == "on" and extension is None:
        raise ConfigError(
            "candles.timescale: the database has no TimescaleDB; run CREATE EXTENSION timescaledb there, or set auto"
        )
    # A role that may not create schemas can be given an empty one.
    if not connection.execute("SELECT FROM pg_namespace WHERE nspname = %s", [schema]).fetchone():
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    for interval in Interval:
        name = sql.Identifier(schema, f"candles_{interval.value}")
        connection.execute(sql.SQL(_BARS).format(name))
        if extension is not None:
            _make_hypertable(connection, name, interval, extension[0])
    connection.execute(sql.SQL(_COVERAGE).format(sql.Identifier(schema, "coverage")))
    version = sql.Identifier(schema, "schema_version")
    connection.execute(sql.SQL(_VERSION).format(version))
    connection.execute(sql.SQL("INSERT INTO {} VALUES (%s, 0)").format(version), [SCHEMA_VERSION])


def _make_hypertable(connection: Connection, name: sql.Identifier, interval: Interval, namespace: str) -> None:
    call = sql.SQL(
        "SELECT {}.create_hypertable({}::regclass, 'ts', chunk_time_interval => {} * interval '1 day',"
        " create_default_indexes => false)"
    )
    days = sql.Literal(_CHUNK_DAYS[interval])
    connection.execute(call.format(sql.SQL(namespace), sql.Literal(name.as_string()), days))


def _tables(connection: Connection, schema: str) -> frozenset[str]:
    rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema]).fetchall()
    return frozenset(name for (name,) in rows)

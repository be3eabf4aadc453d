"""Candles in PostgreSQL: a poll, the read at start-up and an upsert, against the ways that others take.

    .venv/bin/python benchmarks/postgres.py [--symbols 2000] [--sessions 60] [--rounds 5] [--dsn DSN]

The server is the one of the tests (PostgreSQL 18), on the disk with fsync, unless --dsn names an empty database of
another. All read the same rows of 5-minute bars, and end with the same arrays: times, symbols as numbers, five fields.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import adbc_driver_postgresql.dbapi as adbc
import numpy as np
import pandas as pd
import psycopg
from market import simulated, stocks
from sqlalchemy import create_engine, text
from timing import clocked, in_turns, row, seconds

from livetrader.domain.candles import FIELDS, CandleColumns, CandleWindow, Interval
from livetrader.market.calendar import load
from livetrader.marketdata.store import CandleStore, open_store

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.postgres import PostgresServer, execute

M5 = Interval.M5
FIRST = date(2025, 1, 1)
READ_SESSIONS = 4  # 600,000 rows at 2,000 symbols
COLUMNS = f"ts, symbol, {', '.join(FIELDS)}"
# What PostgreSQL uses for its pages in production; its default is for a machine of 2005.
SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "4GB"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=2000)
    parser.add_argument("--sessions", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dsn", help="an empty database, in place of a server of our own")
    asked = parser.parse_args()
    if asked.dsn:
        compare(asked.dsn, asked.symbols, asked.sessions, asked.rounds)
        return
    server = PostgresServer(durable=True)
    try:
        server.restart(**SETTINGS)
        compare(server.dsn, asked.symbols, asked.sessions, asked.rounds)
    finally:
        server.remove()


def compare(dsn: str, count: int, sessions: int, rounds: int) -> None:
    calendar = load("nse")
    days = [s for s in calendar.sessions(FIRST, date(2026, 6, 30)) if s.kind == "regular"][:sessions]
    window = simulated(stocks(count), days)
    with open_store(dsn) as store:
        taken = clocked(lambda: [store.upsert(M5, bars(window, i, i + 1)) for i in range(sessions)])
        execute(dsn, "VACUUM ANALYZE livetrader.candles_5m")
        size = f"{count:,} symbols × {sessions} sessions"
        row(f"PostgreSQL, load of {size}, session by session", f"{count * sessions * 75 / taken / 1e3:,.0f} k bars/s")
        poll(dsn, store, window, rounds)
        read(dsn, store, window, rounds)
        upsert(dsn, store, window, rounds)


def bars(window: CandleWindow, first: int, last: int) -> CandleColumns:
    """The bars of the sessions first..last-1, as a feed brings them: a bar of every symbol, and the next."""
    rows = np.flatnonzero((window.session >= first) & (window.session < last))
    return of_rows(window, slice(rows[0], rows[-1] + 1))


def of_rows(window: CandleWindow, rows: slice) -> CandleColumns:
    symbols = len(window.symbols)
    ts = window.ts[rows]
    fields = (getattr(window, name)[rows].reshape(-1) for name in FIELDS)
    codes = np.tile(np.arange(symbols, dtype=np.int32), len(ts))
    return CandleColumns(window.symbols, np.repeat(ts, symbols), codes, *fields)


def poll(dsn: str, store: CandleStore, window: CandleWindow, rounds: int) -> None:
    """The newest bar of every symbol, with a key that begins with the time, and one that begins with the symbol."""
    start, end = int(window.ts[-1]), int(window.ts[-1]) + M5.seconds
    expected = len(window.symbols)
    work = f"PostgreSQL, poll of {expected:,} new bars"
    ours = partial(store.read, M5, start, end, window.symbols)
    with psycopg.connect(dsn) as connection, adbc.connect(dsn) as arrow:
        peers = ways(dsn, connection, arrow, start, end, window.symbols)
        found = in_turns({"": many(ours), **{name: many(way) for name, way in peers.items()}}, rounds)
        assert all(len(way()) == expected for way in (ours, *peers.values()))
    report(work, {name: taken / POLLS for name, taken in found.items()}, "≤ 2.5 ms")
    execute(dsn, "CREATE TABLE by_symbol AS TABLE livetrader.candles_5m")
    execute(dsn, "CREATE UNIQUE INDEX ON by_symbol (symbol, ts)")
    execute(dsn, "VACUUM ANALYZE by_symbol")
    query = f"SELECT {COLUMNS} FROM {{}} WHERE ts >= to_timestamp({start}) AND ts < to_timestamp({end})"
    keys = {"": "livetrader.candles_5m", "only an index (symbol, ts)": "by_symbol"}
    with psycopg.connect(dsn, autocommit=True) as connection:
        reads = {name: partial(connection.execute, query.format(table)) for name, table in keys.items()}
        found = in_turns(reads, rounds)
    report(f"{work}, psycopg, key (ts, symbol)", found, "–")
    execute(dsn, "DROP TABLE by_symbol")


POLLS = 20


def many(work: Callable[[], object]) -> Callable[[], object]:
    return lambda: [work() for _ in range(POLLS)]


def read(dsn: str, store: CandleStore, window: CandleWindow, rounds: int) -> None:
    """Some sessions of every symbol, as the start-up of a session reads them."""
    last = len(window.sessions)
    start, end = window.sessions[max(last - READ_SESSIONS, 0)].opens, window.sessions[-1].closes
    ours = partial(store.read, M5, start, end, window.symbols)
    with psycopg.connect(dsn) as connection, adbc.connect(dsn) as arrow:
        peers = ways(dsn, connection, arrow, start, end, window.symbols)
        one = ours()
        assert all(len(way()) == len(one) for way in peers.values())
        found = in_turns({"": ours, **peers}, rounds)
    report(f"PostgreSQL, read of {len(one):,} bars", found, "≤ 1.5 × ADBC")


def upsert(dsn: str, store: CandleStore, window: CandleWindow, rounds: int) -> None:
    """One new bar of every symbol into the full table, committed; then one statement with all values in it."""
    opens = iter(range(int(window.ts[-1]) + M5.seconds, 2**40, M5.seconds))
    newest = of_rows(window, slice(len(window.ts) - 1, len(window.ts)))

    def ours() -> None:
        store.upsert(M5, _at(newest, next(opens)))

    with psycopg.connect(dsn) as connection:
        found = in_turns(
            {"": ours, "one giant VALUES": lambda: giant(connection, _at(newest, next(opens)))}, rounds * 2
        )
    report(f"PostgreSQL, upsert of {len(newest):,} bars", found, "≤ 25 ms")


def giant(connection: psycopg.Connection, columns: CandleColumns) -> None:
    rows = [
        (int(ts), columns.symbols[code], *map(float, fields))
        for ts, code, *fields in zip(
            columns.ts, columns.symbol, *(getattr(columns, name) for name in FIELDS), strict=True
        )
    ]
    values = ", ".join(["(to_timestamp(%s), %s, %s, %s, %s, %s, %s)"] * len(rows))
    updates = ", ".join(f"{name} = excluded.{name}" for name in FIELDS)
    statement = f"INSERT INTO livetrader.candles_5m ({COLUMNS}) VALUES {values} ON CONFLICT (ts, symbol) DO UPDATE"
    with psycopg.ClientCursor(connection) as cursor:
        cursor.execute(f"{statement} SET {updates}", [value for one in rows for value in one])
    connection.commit()


def ways(
    dsn: str, connection: psycopg.Connection, arrow: adbc.Connection, start: int, end: int, symbols: tuple[str, ...]
) -> dict[str, Callable[[], CandleColumns]]:
    """The peers, by name: each ends with the columns that the store gives."""
    query = (
        f"SELECT {COLUMNS} FROM livetrader.candles_5m WHERE ts >= to_timestamp({start}) AND ts < to_timestamp({end})"
    )
    query += " ORDER BY ts, symbol"
    engine = create_engine(dsn.replace("postgresql://", "postgresql+psycopg://", 1))
    place = {name: code for code, name in enumerate(symbols)}

    def by_adbc() -> CandleColumns:
        with arrow.cursor() as cursor:
            cursor.execute(query)
            table = cursor.fetch_arrow_table()
        coded = table.column(1).dictionary_encode().combine_chunks()
        codes = np.array([place[name] for name in coded.dictionary.to_pylist()], np.int32)[coded.indices.to_numpy()]
        ts = table.column(0).cast("int64").to_numpy() // 1_000_000
        return CandleColumns(symbols, ts, codes, *(table.column(2 + i).to_numpy() for i in range(5)))

    def by_read_sql() -> CandleColumns:
        with engine.connect() as opened:
            frame = pd.read_sql(text(query), opened)
        ts = frame["ts"].astype("datetime64[s, UTC]").astype("int64").to_numpy()
        codes = frame["symbol"].map(place).to_numpy(np.int32)
        return CandleColumns(symbols, ts, codes, *(frame[name].to_numpy(float) for name in FIELDS))

    def by_fetch() -> CandleColumns:
        ts, names, *fields = zip(*connection.execute(query, binary=True).fetchall(), strict=True)
        codes = np.array([place[name] for name in names], np.int32)
        instants = np.array([one.timestamp() for one in ts], np.int64)
        return CandleColumns(symbols, instants, codes, *(np.array(field, float) for field in fields))

    return {"ADBC": by_adbc, "SQLAlchemy + read_sql": by_read_sql, "psycopg fetchall": by_fetch}


def _at(columns: CandleColumns, opens: int) -> CandleColumns:
    return replace(columns, ts=np.full_like(columns.ts, opens))


def report(work: str, found: dict[str, float], goal: str) -> None:
    ours = found.pop("")
    for name, taken in found.items():
        row(work, seconds(ours), f"{name} {seconds(taken)}", f"{taken / ours:.3g}×", goal)


if __name__ == "__main__":
    main()

"""The schema's versions. A fresh database gets today's tables; an older one is taken there step by step.

What was shipped is never edited: the steps say what they did then, and not what tables.py says today.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from livetrader.store.driver import Connection

# Stops, modifies and the time of sending; what stands in an account beside its orders.
_SCHEMA_2 = """
ALTER TABLE orders ADD COLUMN entry_id TEXT DEFAULT '' NOT NULL;
ALTER TABLE orders ADD COLUMN amended INTEGER;
ALTER TABLE orders ADD COLUMN sent_at TEXT;
CREATE INDEX orders_state ON orders (state);
CREATE TABLE latches (name TEXT NOT NULL, reason TEXT NOT NULL, since TEXT NOT NULL, PRIMARY KEY (name));
CREATE TABLE alerts ("key" TEXT NOT NULL, text TEXT NOT NULL, since TEXT NOT NULL, PRIMARY KEY ("key"));
CREATE TABLE day_starts (
    session TEXT NOT NULL, equity TEXT NOT NULL, recorded_at TEXT NOT NULL, PRIMARY KEY (session)
);
CREATE TABLE flows (
    seq INTEGER NOT NULL, amount TEXT NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL,
    UNIQUE (seq), FOREIGN KEY(seq) REFERENCES audit (seq)
);
CREATE TABLE externals (
    kind TEXT NOT NULL, symbol TEXT NOT NULL, product TEXT NOT NULL, broker_order_id TEXT NOT NULL,
    quantity TEXT NOT NULL, status TEXT NOT NULL, since TEXT NOT NULL,
    PRIMARY KEY (kind, symbol, product, broker_order_id)
);
CREATE TABLE leases (
    number INTEGER NOT NULL, holder TEXT NOT NULL, ttl_seconds TEXT NOT NULL, expires_at TEXT NOT NULL,
    PRIMARY KEY (number)
);
CREATE TABLE commands (
    seq INTEGER NOT NULL, kind TEXT NOT NULL, arguments TEXT NOT NULL, posted_at TEXT NOT NULL,
    outcome TEXT, ok INTEGER, answered_at TEXT,
    UNIQUE (seq), FOREIGN KEY(seq) REFERENCES audit (seq)
);
CREATE INDEX commands_answered_at ON commands (answered_at);
UPDATE orders SET sent_at = sent.at FROM (
    SELECT json_extract(payload, '$.order.intent_id') AS intent_id, max(at) AS at FROM audit
    WHERE kind = 'advance' AND json_extract(payload, '$.order.state') = 'SENT' GROUP BY 1
) AS sent WHERE sent.intent_id = orders.intent_id
"""


def _to_schema_2(connection: Connection) -> None:
    for statement in _SCHEMA_2.split(";"):
        connection.execute(statement)


def _to_schema_3(connection: Connection) -> None:
    """The registered id of the algorithm that an order was sent under."""
    connection.execute("ALTER TABLE orders ADD COLUMN algo_id TEXT DEFAULT '' NOT NULL")


_SCHEMA_4 = """
ALTER TABLE orders ADD COLUMN parent_id {text} DEFAULT '' NOT NULL;
ALTER TABLE orders ADD COLUMN tif {text} DEFAULT 'DAY' NOT NULL;
CREATE TABLE parents (
    intent_id {text} NOT NULL, seq {big} NOT NULL, entry {text} NOT NULL, schedule {text} NOT NULL,
    created_at {text} NOT NULL, updated_at {text} NOT NULL, ended_at {text}, reason {text} NOT NULL,
    PRIMARY KEY (intent_id), UNIQUE (seq), FOREIGN KEY(seq) REFERENCES audit (seq)
);
CREATE TABLE trading_sessions (
    id {big} NOT NULL, portfolio {text} NOT NULL, mode {text} NOT NULL, state {text} NOT NULL,
    started_at {text} NOT NULL, capital {text} NOT NULL, first {big} NOT NULL, runs {big} NOT NULL,
    reason {text} NOT NULL, stopped_at {text}, exit_code {big}, last {big}, trades {big}, wins {big},
    gross_pnl {text}, charges {text}, net_pnl {text}, max_drawdown {text}, max_drawdown_pct {text},
    PRIMARY KEY (id), UNIQUE (first), FOREIGN KEY(first) REFERENCES audit (seq)
)
"""
_TYPES = {
    "sqlite": {"big": "INTEGER", "text": "TEXT"},
    "postgresql": {"big": "BIGINT", "text": 'TEXT COLLATE "C"'},
}


def _to_schema_4(connection: Connection) -> None:
    """Parent orders, what makes an order a child, and trading sessions."""
    for statement in _SCHEMA_4.format_map(_TYPES[connection.dialect]).split(";"):
        connection.execute(statement)


_SCHEMA_5 = """
CREATE TABLE replans (
    command {big} NOT NULL, seq {big} NOT NULL, entry_id {text} NOT NULL, opened {big} NOT NULL,
    since {big} NOT NULL, exit_plan {text} NOT NULL, levels {text} NOT NULL,
    PRIMARY KEY (command), UNIQUE (seq), FOREIGN KEY(seq) REFERENCES audit (seq)
)
"""


def _to_schema_5(connection: Connection) -> None:
    """Exits that were changed while their position was held."""
    connection.execute(_SCHEMA_5.format_map(_TYPES[connection.dialect]))


# The n-th takes schema n to n + 1. Append only. What made schemas 1 and 2 knew SQLite only.
MIGRATIONS: list[Callable[[Connection], None]] = [_to_schema_2, _to_schema_3, _to_schema_4, _to_schema_5]


def newest() -> int:
    """The schema that this livetrader reads and writes."""
    return len(MIGRATIONS) + 1

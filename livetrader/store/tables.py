"""The schema of the state, free of dialect except where marked. The form of each kind of value: rows.py.

`seq` is the number of the audit row that made the row: it orders every table as things were written, and
leads from any row to the log.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

METADATA = MetaData()

# SQLite has one integer type, and keys rows by it.
_Big = BigInteger().with_variant(Integer, "sqlite")

# Texts sort by their bytes, as they do in SQLite, and not by a language's rules.
_Text = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _text(name: str, *, primary_key: bool = False, nullable: bool = False, default: str | None = None) -> Column[str]:
    return Column(name, _Text, primary_key=primary_key, nullable=nullable, server_default=default)


def _big(name: str, *, primary_key: bool = False, nullable: bool = False) -> Column[int]:
    return Column(name, _Big, primary_key=primary_key, nullable=nullable, autoincrement=False)


def _seq() -> Column[int]:
    return Column("seq", _Big, ForeignKey("audit.seq"), nullable=False, unique=True)


schema_version = Table("schema_version", METADATA, _big("version", primary_key=True), _text("applied_at"))

meta = Table("meta", METADATA, _text("mode", primary_key=True), _text("account"), _text("created_at"))

audit = Table(
    "audit",
    METADATA,
    _big("seq", primary_key=True),
    _text("at"),
    _text("kind"),
    _text("payload"),
    _text("previous"),
    _text("hash"),
)

orders = Table(
    "orders",
    METADATA,
    _text("intent_id", primary_key=True),
    _seq(),
    _text("account"),
    _text("strategy"),
    _text("symbol"),
    _text("side"),
    _text("action"),
    _text("purpose"),
    _text("product"),
    _text("order_type"),
    _text("quantity"),
    _text("price"),
    _big("as_of"),
    _text("limit_price", nullable=True),
    _text("trigger_price", nullable=True),
    _text("intent_reason"),
    _text("exit_plan", nullable=True),
    _text("state"),
    _text("broker_order_id", nullable=True),
    _text("filled_quantity"),
    _text("average_price"),
    _text("reason"),
    _text("created_at"),
    _text("updated_at"),
    _text("entry_id", default=""),
    _big("amended", nullable=True),
    _text("sent_at", nullable=True),
    _text("algo_id", default=""),
    _text("parent_id", default=""),
    _text("tif", default="DAY"),
    Index("orders_as_of", "as_of"),
    Index("orders_state", "state"),
)

# Entries that go out in child orders: the intent, which is never sent itself, and when its children are due.
parents = Table(
    "parents",
    METADATA,
    _text("intent_id", primary_key=True),
    _seq(),
    _text("entry"),
    _text("schedule"),
    _text("created_at"),
    _text("updated_at"),
    _text("ended_at", nullable=True),
    _text("reason"),
)

# Exits of positions that were changed while they were held, by the command that did it.
replans = Table(
    "replans",
    METADATA,
    _big("command", primary_key=True),
    _seq(),
    _text("entry_id"),
    _big("opened"),
    _big("since"),
    _text("exit_plan"),
    _text("levels"),
)

fills = Table(
    "fills",
    METADATA,
    _seq(),
    _text("broker"),
    _text("trade_id"),
    Column("intent_id", _Text, ForeignKey("orders.intent_id"), nullable=False, index=True),
    _text("symbol"),
    _text("action"),
    _text("quantity"),
    _text("price"),
    _text("charges"),
    _text("filled_at"),
    UniqueConstraint("broker", "trade_id"),
)

decisions = Table(
    "decisions",
    METADATA,
    _seq(),
    _text("strategy"),
    _text("strategy_id"),
    _text("symbol"),
    _text("side"),
    _text("interval"),
    _big("bar_open"),
    _big("as_of"),
    _text("price"),
    _text("atr"),
    _text("tag"),
    _text("inputs"),
    _text("verdict", nullable=True),
    _text("note"),
    _text("decided_at"),
    PrimaryKeyConstraint("as_of", "symbol", "strategy", "side"),
)

equity = Table("equity", METADATA, _big("as_of", primary_key=True), _text("value"), _text("cash"), _text("recorded_at"))

cursor = Table("cursor", METADATA, _text("name", primary_key=True), _big("as_of"))

runs = Table(
    "runs",
    METADATA,
    _big("run", primary_key=True),
    _text("mode"),
    _text("version"),
    _text("config_hash"),
    _text("started_at"),
    _text("stopped_at", nullable=True),
    _text("exit_reason", nullable=True),
)

latches = Table("latches", METADATA, _text("name", primary_key=True), _text("reason"), _text("since"))

alerts = Table("alerts", METADATA, _text("key", primary_key=True), _text("text"), _text("since"))

day_starts = Table("day_starts", METADATA, _text("session", primary_key=True), _text("equity"), _text("recorded_at"))

flows = Table("flows", METADATA, _seq(), _text("amount"), _text("reason"), _text("at"))

externals = Table(
    "externals",
    METADATA,
    _text("kind"),
    _text("symbol"),
    _text("product"),
    _text("broker_order_id"),
    _text("quantity"),
    _text("status"),
    _text("since"),
    PrimaryKeyConstraint("kind", "symbol", "product", "broker_order_id"),
)

# One row, from the first taking on: a number is never given twice.
leases = Table(
    "leases",
    METADATA,
    _big("number", primary_key=True),
    _text("holder"),
    _text("ttl_seconds"),
    _text("expires_at"),
)

commands = Table(
    "commands",
    METADATA,
    _seq(),
    _text("kind"),
    _text("arguments"),
    _text("posted_at"),
    _text("outcome", nullable=True),
    _big("ok", nullable=True),
    _text("answered_at", nullable=True),
    Index("commands_answered_at", "answered_at"),
)

# `first` and `last` are rows of the log: what was booked between them was booked in the session.
trading_sessions = Table(
    "trading_sessions",
    METADATA,
    _big("id", primary_key=True),
    _text("portfolio"),
    _text("mode"),
    _text("state"),
    _text("started_at"),
    _text("capital"),
    Column("first", _Big, ForeignKey("audit.seq"), nullable=False, unique=True),
    _big("runs"),
    _text("reason"),
    _text("stopped_at", nullable=True),
    _big("exit_code", nullable=True),
    _big("last", nullable=True),
    _big("trades", nullable=True),
    _big("wins", nullable=True),
    _text("gross_pnl", nullable=True),
    _text("charges", nullable=True),
    _text("net_pnl", nullable=True),
    _text("max_drawdown", nullable=True),
    _text("max_drawdown_pct", nullable=True),
)


# Sets a name in `cursor`.
KEEP = "INSERT INTO cursor (name, as_of) VALUES (:name, :as_of) ON CONFLICT (name) DO UPDATE SET as_of = excluded.as_of"


def insertion(table: Table) -> str:
    """The INSERT of a whole row, with `:name` parameters."""
    names = [column.name for column in table.columns]
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})"


# The log only grows, by one, for whoever has the database open. (SQLite's INSERT OR REPLACE deletes without a DELETE
# trigger, and PostgreSQL's TRUNCATE too, hence the condition on inserts and the third event.)
_ONLY_GROWS = "the audit log is append-only"
_NEXT = "NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM audit)"
_TRIGGERS = {
    "sqlite": [
        f"CREATE TRIGGER {name} {when} BEGIN SELECT RAISE(ABORT, '{_ONLY_GROWS}'); END"
        for name, when in (
            ("audit_no_update", "BEFORE UPDATE ON audit"),
            ("audit_no_delete", "BEFORE DELETE ON audit"),
            ("audit_no_gap", f"BEFORE INSERT ON audit WHEN {_NEXT}"),
        )
    ],
    "postgresql": [
        "CREATE FUNCTION audit_only_grows() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS"
        f" $$ BEGIN IF TG_OP = 'INSERT' THEN IF NOT ({_NEXT}) THEN RETURN NEW; END IF; END IF;"
        f" RAISE EXCEPTION '{_ONLY_GROWS}'; END $$",
        "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_only_grows()",
        "CREATE TRIGGER audit_no_gap BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_only_grows()",
    ],
}
_DIALECTS = {"sqlite": sqlite.dialect, "postgresql": postgresql.dialect}


def schema(name: str) -> list[str]:
    """The statements that make today's schema, in the dialect of that name."""
    dialect = _DIALECTS[name]()
    tables = METADATA.sorted_tables
    made: list[CreateTable | CreateIndex] = [CreateTable(table) for table in tables]
    made += [CreateIndex(index) for table in tables for index in sorted(table.indexes, key=lambda one: str(one.name))]
    return [str(one.compile(dialect=dialect)).strip() for one in made] + _TRIGGERS[name]

"""The journal's reads, as SQL that every database takes. Used by the journal itself and by the queries."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal

from livetrader.domain.account import Alert, Answer, Command, External, Flow, Latch
from livetrader.domain.exit_plan import Replan
from livetrader.domain.log_entry import LogEntry
from livetrader.domain.order import Fill
from livetrader.domain.order_state import OPEN, OrderState
from livetrader.domain.parent import ParentRecord
from livetrader.domain.signal import Signal
from livetrader.domain.trading_session import TradingSession
from livetrader.ports import Decision, OrderRecord
from livetrader.store.audit import Select
from livetrader.store.rows import (
    Row,
    decision_of,
    entry_of,
    external_of,
    fill_of,
    instant,
    order_of,
    parent_of,
    replan_of,
    trading_session_of,
)

MARKED, AGREED = "marked", "agreed"


def _any(rows: Iterable[Row]) -> bool:
    return any(True for _ in rows)


def orders(select: Select, since: int | None = None) -> list[OrderRecord]:
    """In the order in which they were intended, those decided at or after `since`."""
    if since is None:
        rows = select("SELECT * FROM orders ORDER BY seq")
    else:
        rows = select("SELECT * FROM orders WHERE as_of >= :since ORDER BY seq", since=since)
    return [order_of(row) for row in rows]


def intended(select: Select, intent_id: str) -> bool:
    """Whether the intent is there already."""
    return _any(select("SELECT seq FROM orders WHERE intent_id = :intent_id", intent_id=intent_id))


def order(select: Select, intent_id: str) -> OrderRecord | None:
    rows = select("SELECT * FROM orders WHERE intent_id = :intent_id", intent_id=intent_id)
    return next((order_of(row) for row in rows), None)


_OPEN = ", ".join(f"'{state}'" for state in sorted(OPEN))


def open_orders(select: Select) -> list[OrderRecord]:
    """Those that may fill, or have filled without our knowing, in the order in which they were intended."""
    return [order_of(row) for row in select(f"SELECT * FROM orders WHERE state IN ({_OPEN}) ORDER BY seq")]


def orders_in(select: Select, state: OrderState) -> list[OrderRecord]:
    rows = select("SELECT * FROM orders WHERE state = :state ORDER BY seq", state=state.value)
    return [order_of(row) for row in rows]


def parents(select: Select) -> list[ParentRecord]:
    """In the order in which they were begun."""
    return [parent_of(row) for row in select("SELECT * FROM parents ORDER BY seq")]


def begun(select: Select, name: str) -> bool:
    """Whether a parent of that name is there already."""
    return _any(select("SELECT seq FROM parents WHERE intent_id = :name", name=name))


def replans(select: Select) -> list[Replan]:
    """In the order in which they were given."""
    return [replan_of(row) for row in select("SELECT * FROM replans ORDER BY seq")]


def replanned(select: Select, command: int) -> bool:
    """Whether a command's change of an exit is there already."""
    return _any(select("SELECT seq FROM replans WHERE command = :command", command=command))


def fills(select: Select) -> list[Fill]:
    """In the order in which they were booked."""
    return [fill_of(row) for row in select("SELECT * FROM fills ORDER BY seq")]


def fills_of(select: Select, intent_id: str) -> list[Fill]:
    rows = select("SELECT * FROM fills WHERE intent_id = :intent_id ORDER BY seq", intent_id=intent_id)
    return [fill_of(row) for row in rows]


def fill(select: Select, broker: str, trade_id: str) -> Fill | None:
    rows = select(
        "SELECT * FROM fills WHERE broker = :broker AND trade_id = :trade_id",
        broker=broker,
        trade_id=trade_id,
    )
    return next((fill_of(row) for row in rows), None)


def decisions(select: Select, since: int, until: int, symbol: str | None = None) -> list[Decision]:
    """With since <= as_of < until, of one symbol or all, in the order in which they were recorded."""
    sql = "SELECT * FROM decisions WHERE as_of >= :since AND as_of < :until"
    if symbol is None:
        rows = select(f"{sql} ORDER BY seq", since=since, until=until)
    else:
        rows = select(f"{sql} AND symbol = :symbol ORDER BY seq", since=since, until=until, symbol=symbol)
    return [decision_of(row) for row in rows]


def decided(select: Select, signal: Signal) -> bool:
    """Whether a decision on this signal is there already."""
    key = "as_of = :as_of AND symbol = :symbol AND strategy = :strategy AND side = :side"
    return _any(
        select(
            f"SELECT seq FROM decisions WHERE {key}",
            as_of=signal.as_of,
            symbol=signal.symbol,
            strategy=signal.strategy,
            side=signal.side.value,
        )
    )


def marked(select: Select) -> int | None:
    return kept(select, MARKED)


def agreed(select: Select) -> datetime | None:
    """When the broker's books agreed with ours last."""
    at = kept(select, AGREED)
    return None if at is None else datetime.fromtimestamp(at, UTC)


def kept(select: Select, name: str) -> int | None:
    """Where the cursor of that name stands, if it was ever set."""
    rows = select("SELECT as_of FROM cursor WHERE name = :name", name=name)
    return next((int(row["as_of"]) for row in rows), None)


def equities(select: Select) -> list[tuple[int, Decimal, Decimal]]:
    """(as_of, value, cash), oldest first."""
    rows = select("SELECT as_of, value, cash FROM equity ORDER BY as_of")
    return [(int(row["as_of"]), Decimal(row["value"]), Decimal(row["cash"])) for row in rows]


def latches(select: Select) -> dict[str, Latch]:
    rows = select("SELECT * FROM latches ORDER BY name")
    return {row["name"]: Latch(row["name"], row["reason"], instant(row["since"])) for row in rows}


def latch_log(select: Select) -> list[LogEntry]:
    """Each time that a latch was put on (`latch`) or taken off (`unlatch`), oldest first."""
    rows = select("SELECT seq, at, kind, payload FROM audit WHERE kind IN ('latch', 'unlatch') ORDER BY seq")
    return [entry_of(row) for row in rows]


def alerts(select: Select) -> list[Alert]:
    """The open ones, oldest first."""
    rows = select("SELECT * FROM alerts ORDER BY since, key")
    return [Alert(row["key"], row["text"], instant(row["since"])) for row in rows]


def day_start(select: Select, session: date) -> Decimal | None:
    """The equity that a session began with, if it was recorded."""
    rows = select("SELECT equity FROM day_starts WHERE session = :session", session=session.isoformat())
    return next((Decimal(row["equity"]) for row in rows), None)


def trading_sessions(select: Select) -> list[TradingSession]:
    """All of them, oldest first."""
    return [trading_session_of(row) for row in select("SELECT * FROM trading_sessions ORDER BY id")]


def fills_until(select: Select, seq: int | None) -> list[Fill]:
    """Those that were booked up to row `seq` of the log (None: all), in the order in which they were."""
    if seq is None:
        return fills(select)
    return [fill_of(row) for row in select("SELECT * FROM fills WHERE seq <= :seq ORDER BY seq", seq=seq)]


def flows(select: Select) -> list[Flow]:
    """All recorded, oldest first."""
    rows = select("SELECT * FROM flows ORDER BY seq")
    return [Flow(Decimal(row["amount"]), row["reason"], instant(row["at"])) for row in rows]


def externals(select: Select) -> list[External]:
    """Those that are there now, by symbol."""
    rows = select("SELECT * FROM externals ORDER BY symbol, product, kind, broker_order_id")
    return [external_of(row) for row in rows]


def commands(select: Select) -> list[Command]:
    """Those without an answer, oldest first."""
    rows = select("SELECT * FROM commands WHERE answered_at IS NULL ORDER BY seq")
    return [
        Command(int(row["seq"]), row["kind"], json.loads(row["arguments"]), instant(row["posted_at"])) for row in rows
    ]


def answered(select: Select, command_id: int) -> Answer | None:
    rows = select("SELECT * FROM commands WHERE seq = :seq AND answered_at IS NOT NULL", seq=command_id)
    return next((Answer(row["outcome"], bool(row["ok"]), instant(row["answered_at"])) for row in rows), None)

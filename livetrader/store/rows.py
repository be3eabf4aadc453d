"""Domain values as rows, and back.

One form for each kind of value, on every database: money and quantities are TEXT decimals (exact), instants
are TEXT in ISO 8601 UTC of fixed width (they sort as text), bars (`as_of`, `bar_open`) are INTEGER epoch
seconds as in the domain, floats are TEXT in the shortest form that reads back to the same bits, structures
are TEXT JSON, in which a float that JSON cannot hold (NaN, ±inf) is written as its name.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from operator import itemgetter
from typing import Any, Protocol

from livetrader.constraints.verdict import Approved, Check, Refused, Verdict
from livetrader.domain.account import External, ExternalKind, ExternalStatus
from livetrader.domain.exit_plan import ExitKind, ExitPlan, Replan
from livetrader.domain.instrument import Product
from livetrader.domain.interval import Interval
from livetrader.domain.log_entry import LogEntry
from livetrader.domain.order import Action, Fill, OrderIntent, OrderType, Purpose, TimeInForce
from livetrader.domain.order_state import OrderState
from livetrader.domain.parent import Algo, Parent, ParentRecord, Schedule, Slot
from livetrader.domain.signal import Side, Signal
from livetrader.domain.trading_session import Totals, TradingSession, TradingState
from livetrader.ports import Decision, OrderRecord

Values = dict[str, Any]

# What intents have that were written as JSON by an older livetrader.
_EARLIER: Values = {"entry_id": "", "amended": None, "parent_id": "", "tif": TimeInForce.DAY.value}

_LEVELS = ("fill", "best", "stop", "target", "first_stop")

_PLAN_NUMBERS = tuple(f.name for f in fields(ExitPlan) if f.name not in ("kind", "square_off", "overnight"))


class Row(Protocol):
    """A row of any driver: its values by column name."""

    def __getitem__(self, column: str, /) -> Any: ...


def stamp(at: datetime) -> str:
    """An instant as text: 2026-02-02T07:30:00.000000Z. ValueError for a naive one."""
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone")
    return at.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


def instant(text: str) -> datetime:
    """What `stamp` wrote."""
    return datetime.fromisoformat(text)


_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical(value: object) -> str:
    """JSON as the audit log hashes it: members in the order given, which people who read `inputs` rely on."""
    return _JSON.encode(value)


def _number(value: float) -> float | str:
    number = float(value)
    return number if math.isfinite(number) else repr(number)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _plan_text(plan: ExitPlan) -> str:
    numbers = {name: getattr(plan, name) for name in _PLAN_NUMBERS}
    used = {name: _number(value) for name, value in numbers.items() if not math.isnan(value)}
    overnight = {"overnight": True} if plan.overnight else {}
    return canonical({"kind": plan.kind.value, "square_off": plan.square_off} | overnight | used)


def _plan_of(text: str) -> ExitPlan:
    plan = json.loads(text)
    kind, square_off = ExitKind(plan.pop("kind")), bool(plan.pop("square_off"))
    overnight = bool(plan.pop("overnight", False))
    numbers = {name: float(value) for name, value in plan.items()}
    return ExitPlan(kind, square_off=square_off, overnight=overnight, **numbers)


_INTENT_COLUMNS = (
    "intent_id", "account", "strategy", "symbol", "side", "action", "purpose", "product", "order_type", "quantity",
    "price", "as_of", "limit_price", "trigger_price", "intent_reason", "exit_plan", "entry_id", "amended", "parent_id",
    "tif",
)  # fmt: skip
_INTENT = itemgetter(*_INTENT_COLUMNS)


def intent_values(intent: OrderIntent) -> Values:
    """An intent's columns; `intent_reason` is its own reason, `reason` is left to what becomes of it."""
    return {
        "intent_id": intent.intent_id,
        "account": intent.account,
        "strategy": intent.strategy,
        "symbol": intent.symbol,
        "side": intent.side.value,
        "action": intent.action.value,
        "purpose": intent.purpose.value,
        "product": intent.product.value,
        "order_type": intent.order_type.value,
        "quantity": str(intent.quantity),
        "price": str(intent.price),
        "as_of": intent.as_of,
        "limit_price": _text(intent.limit_price),
        "trigger_price": _text(intent.trigger_price),
        "intent_reason": str(intent.reason),
        "exit_plan": None if intent.exit is None else _plan_text(intent.exit),
        "entry_id": intent.entry_id,
        "amended": intent.amended,
        "parent_id": intent.parent_id,
        "tif": intent.tif.value,
    }


def intent_of(row: Row) -> OrderIntent:
    return _intent(*_INTENT(row))


@lru_cache(1024)  # an order is read at every look, and what was intended changes seldom
def _intent(*values: Any) -> OrderIntent:
    row = dict(zip(_INTENT_COLUMNS, values, strict=True))
    return OrderIntent(
        intent_id=row["intent_id"],
        account=row["account"],
        strategy=row["strategy"],
        symbol=row["symbol"],
        side=Side(row["side"]),
        action=Action(row["action"]),
        purpose=Purpose(row["purpose"]),
        product=Product(row["product"]),
        order_type=OrderType(row["order_type"]),
        quantity=Decimal(row["quantity"]),
        price=Decimal(row["price"]),
        as_of=row["as_of"],
        limit_price=_decimal(row["limit_price"]),
        trigger_price=_decimal(row["trigger_price"]),
        reason=row["intent_reason"],
        exit=None if row["exit_plan"] is None else _plan_of(row["exit_plan"]),
        entry_id=row["entry_id"],
        amended=row["amended"],
        parent_id=row["parent_id"],
        tif=TimeInForce(row["tif"]),
    )


def terms_values(intent: OrderIntent) -> Values:
    """The columns of an intent that a modify may change."""
    return {
        "quantity": str(intent.quantity),
        "limit_price": _text(intent.limit_price),
        "trigger_price": _text(intent.trigger_price),
        "intent_reason": str(intent.reason),
        "amended": intent.amended,
    }


def progress_values(record: OrderRecord) -> Values:
    """The columns of an order that change."""
    return {
        "state": record.state.value,
        "broker_order_id": record.broker_order_id,
        "filled_quantity": str(record.filled_quantity),
        "average_price": str(record.average_price),
        "reason": record.reason,
        "updated_at": stamp(record.updated_at),
        "sent_at": None if record.sent_at is None else stamp(record.sent_at),
    }


def order_of(row: Row) -> OrderRecord:
    return OrderRecord(
        intent=intent_of(row),
        state=OrderState(row["state"]),
        broker_order_id=row["broker_order_id"],
        filled_quantity=Decimal(row["filled_quantity"]),
        average_price=Decimal(row["average_price"]),
        reason=row["reason"],
        created_at=instant(row["created_at"]),
        updated_at=instant(row["updated_at"]),
        sent_at=None if row["sent_at"] is None else instant(row["sent_at"]),
        algo_id=row["algo_id"],
    )


def parent_values(parent: Parent) -> Values:
    """The columns of a parent that an amendment may change, and its name."""
    schedule = parent.schedule
    return {
        "intent_id": parent.name,
        "entry": canonical(intent_values(parent.entry)),
        "schedule": canonical({
            "algo": schedule.algo.value,
            "slots": [[slot.at, str(slot.quantity)] for slot in schedule.slots],
            "largest": str(schedule.largest),
            "until": schedule.until,
        }),
    }  # fmt: skip


def parent_of(row: Row) -> ParentRecord:
    schedule = json.loads(row["schedule"])
    slots = tuple(Slot(at, Decimal(quantity)) for at, quantity in schedule["slots"])
    return ParentRecord(
        parent=Parent(
            intent_of(_EARLIER | json.loads(row["entry"])),
            Schedule(Algo(schedule["algo"]), slots, Decimal(schedule["largest"]), schedule["until"]),
        ),
        created_at=instant(row["created_at"]),
        updated_at=instant(row["updated_at"]),
        ended_at=None if row["ended_at"] is None else instant(row["ended_at"]),
        reason=row["reason"],
    )


def replan_values(replan: Replan) -> Values:
    return {
        "command": replan.command,
        "entry_id": replan.entry_id,
        "opened": replan.opened,
        "since": replan.since,
        "exit_plan": _plan_text(replan.plan),
        "levels": canonical({name: _number(getattr(replan, name)) for name in _LEVELS}),
    }


def replan_of(row: Row) -> Replan:
    levels = {name: float(value) for name, value in json.loads(row["levels"]).items()}
    plan = _plan_of(row["exit_plan"])
    return Replan(int(row["command"]), row["entry_id"], int(row["opened"]), int(row["since"]), plan, **levels)


def fill_values(fill: Fill) -> Values:
    return {
        "broker": fill.broker,
        "trade_id": fill.trade_id,
        "intent_id": fill.intent_id,
        "symbol": fill.symbol,
        "action": fill.action.value,
        "quantity": str(fill.quantity),
        "price": str(fill.price),
        "charges": str(fill.charges),
        "filled_at": stamp(fill.filled_at),
    }


def fill_of(row: Row) -> Fill:
    return Fill(
        broker=row["broker"],
        trade_id=row["trade_id"],
        intent_id=row["intent_id"],
        symbol=row["symbol"],
        action=Action(row["action"]),
        quantity=Decimal(row["quantity"]),
        price=Decimal(row["price"]),
        charges=Decimal(row["charges"]),
        filled_at=instant(row["filled_at"]),
    )


def external_values(external: External) -> Values:
    return {
        "kind": external.kind.value,
        "symbol": external.symbol,
        "product": external.product.value,
        "broker_order_id": external.broker_order_id,
        "quantity": str(external.quantity),
        "status": external.status.value,
        "since": stamp(external.since),
    }


def external_of(row: Row) -> External:
    return External(
        kind=ExternalKind(row["kind"]),
        symbol=row["symbol"],
        product=Product(row["product"]),
        quantity=Decimal(row["quantity"]),
        status=ExternalStatus(row["status"]),
        since=instant(row["since"]),
        broker_order_id=row["broker_order_id"],
    )


def decision_values(decision: Decision) -> Values:
    signal = decision.signal
    return {
        "strategy": signal.strategy,
        "strategy_id": signal.strategy_id,
        "symbol": signal.symbol,
        "side": signal.side.value,
        "interval": signal.interval.value,
        "bar_open": signal.bar_open,
        "as_of": signal.as_of,
        "price": repr(float(signal.price)),
        "atr": repr(float(signal.atr)),
        "tag": signal.tag,
        "inputs": canonical({name: _number(v) for name, v in signal.inputs.items()}),
        "verdict": None if decision.verdict is None else canonical(_verdict_values(decision.verdict)),
        "note": decision.note,
    }


def decision_of(row: Row) -> Decision:
    signal = Signal(
        strategy=row["strategy"],
        strategy_id=row["strategy_id"],
        symbol=row["symbol"],
        side=Side(row["side"]),
        interval=Interval(row["interval"]),
        bar_open=row["bar_open"],
        as_of=row["as_of"],
        price=float(row["price"]),
        atr=float(row["atr"]),
        tag=row["tag"],
        inputs={name: float(v) for name, v in json.loads(row["inputs"]).items()},
    )
    verdict = None if row["verdict"] is None else _verdict_of(json.loads(row["verdict"]))
    return Decision(signal, verdict, row["note"])


def _verdict_values(verdict: Verdict) -> Values:
    checks = [[c.rule, c.passed, c.reason, dict(c.numbers)] for c in verdict.checks]
    values: Values = {"intent": intent_values(verdict.intent), "checks": checks}
    if isinstance(verdict, Refused):
        values |= {"rule": verdict.rule, "reason": verdict.reason, "numbers": dict(verdict.numbers)}
    return values


def _verdict_of(values: Mapping[str, Any]) -> Verdict:
    intent = intent_of(_EARLIER | values["intent"])
    checks = tuple(Check(*check) for check in values["checks"])
    if "rule" in values:
        return Refused(intent, values["rule"], values["reason"], values["numbers"], checks)
    return Approved(intent, checks)


def trading_session_of(row: Row) -> TradingSession:
    """A row of the table trading_sessions."""
    return TradingSession(
        id=int(row["id"]),
        portfolio=row["portfolio"],
        mode=row["mode"],
        state=TradingState(row["state"]),
        started_at=instant(row["started_at"]),
        capital=Decimal(row["capital"]),
        first=int(row["first"]),
        runs=int(row["runs"]),
        stopped_at=None if row["stopped_at"] is None else instant(row["stopped_at"]),
        reason=row["reason"],
        exit_code=None if row["exit_code"] is None else int(row["exit_code"]),
        last=None if row["last"] is None else int(row["last"]),
        totals=None if row["trades"] is None else _totals_of(row),
    )


def _totals_of(row: Row) -> Totals:
    pct = row["max_drawdown_pct"]
    return Totals(
        trades=int(row["trades"]),
        wins=int(row["wins"]),
        gross_pnl=Decimal(row["gross_pnl"]),
        charges=Decimal(row["charges"]),
        net_pnl=Decimal(row["net_pnl"]),
        max_drawdown=Decimal(row["max_drawdown"]),
        max_drawdown_pct=None if pct is None else float(pct),
    )


def entry_of(row: Row) -> LogEntry:
    """A row of the audit log."""
    return LogEntry(int(row["seq"]), instant(row["at"]), row["kind"], json.loads(row["payload"]))

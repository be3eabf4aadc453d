"""How `livetrader why` and `livetrader status` read to people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from decimal import Decimal
from math import isnan
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from livetrader.bootstrap.inputs import Seen

Row = Mapping[str, Any]

_MONEY = ("day_pnl", "realised", "open_pnl", "day_drawdown", "exposure")
_PARTS = (("realised", "realised"), ("open_pnl", "open"))


def decision_lines(row: Row, zone: tzinfo) -> Iterator[str]:
    """A decision as a block: what was wanted, how old its bar was, the inputs, each verdict, the final action."""
    side, symbol = row["side"].upper(), row["symbol"]
    yield f"{local(row['decided_at'], zone)}  {row['strategy']}  {side} {symbol} at {row['price']}: {row['verdict']}"
    if row["data_age_seconds"] is not None:
        yield f"  data age  the bar had closed {row['data_age_seconds']} s before"
    if row["inputs"]:
        yield f"  inputs  {inputs_text(row['inputs'])}"
    width = max((len(check["rule"]) for check in row["checks"]), default=0)
    for check in row["checks"]:
        yield f"  {'✓' if check['passed'] else '✗'} {check['rule']:<{width}}  {check['reason']}"
    yield f"  → {row['action']}{': ' + row['reason'] if row['reason'] else ''}"


def seen_lines(seen: Seen, zone: tzinfo) -> Iterator[str]:
    """What a strategy that gave no signal saw."""
    rule = "its rule is true" if seen.entry else "its rule is not true"
    if not seen.allowed:
        rule += ", and the bar is outside its hours"
    yield f"  {seen.strategy}  {seen.interval} bar {_clock(seen.opened, zone)}–{_clock(seen.closed, zone)}: {rule}"
    if seen.inputs:
        yield f"    {inputs_text(seen.inputs)}"


def inputs_text(inputs: Mapping[str, float | None]) -> str:
    """Names and values on one line; `–` where there is no value."""
    return "  ".join(
        f"{name}={'–' if value is None or isnan(value) else format(value, '.6g')}" for name, value in inputs.items()
    )


def status_lines(row: Row, zone: tzinfo) -> Iterator[tuple[str, str]]:
    """What `livetrader status` shows, name and value."""
    yield "mode", row["mode"].upper()
    yield "runs", _running(row, zone)
    yield "decided until", local(row["decided_until"], zone) if row["decided_until"] else "nothing yet"
    if row["reconciled_at"]:
        yield "books agreed", local(row["reconciled_at"], zone)
    yield "open positions", str(row["open_positions"])
    yield "orders", ", ".join(f"{count} {state}" for state, count in row["orders"].items()) or "none"
    yield from _matters(row, zone)
    if row["live"]["day"] is not None:
        yield from _today(row["live"])
    if row["value"] is not None:
        yield "account", f"{row['value']} at {local(row['value_at'], zone)}"
    yield "state", row["state"]


def _today(live: Row) -> Iterator[tuple[str, str]]:
    """The last day that was decided, so far: what it made, how, and what is at stake."""
    from livetrader.reporting.figures import money, percent

    worth, currency = {name: None if live[name] is None else Decimal(live[name]) for name in _MONEY}, live["currency"]
    parts = [f"{money(worth[name], currency, signed=True)} {word}" for name, word in _PARTS]
    day = money(worth["day_pnl"], currency, signed=True)
    yield "day", f"{live['day']}  {day}  ({', '.join(parts)}, {money(worth['day_drawdown'], currency)} below its best)"
    if live["trades"]:
        yield "trades", f"{live['trades']}, {percent(live['win_rate'] * 100)} won"
    if live["concentration"]:
        share = f"{percent(live['exposure_pct'])} of the capital"
        yield "exposure", f"{money(worth['exposure'], currency)}  {share}, concentration {live['concentration']}"


def _matters(row: Row, zone: tzinfo) -> Iterator[tuple[str, str]]:
    """What the operator has to look at; names in capitals."""
    for one in row["unknown"]:
        what = f"{one['action']} {one['quantity']} {one['symbol']} of {local(one['created_at'], zone)}"
        yield "UNKNOWN ORDER", f"{what}: sent, outcome not known ({one['intent_id']})"
    if row["killed"] and not any(latch["name"] == "kill" for latch in row["latches"]):
        yield "LATCH", "kill: the kill file is there; `livetrader resume` takes it off"
    for one in row["latches"]:
        yield "LATCH", f"{one['name']}: {one['reason']} (since {local(one['since'], zone)})"
    for one in row["alerts"]:
        yield "ALERT", f"{one['text']} (since {local(one['since'], zone)})"
    for one in row["externals"]:
        name = "NOT OURS" if one["status"] == "frozen" else "not ours"
        order = "" if one["broker_order_id"] is None else f" ({one['broker_order_id']})"
        yield name, f"{one['kind']} {one['quantity']} {one['symbol']} {one['product']}{order}: {one['status']}"


def _running(row: Row, zone: tzinfo) -> str:
    if row["running"]:
        since = f" since {local(row['started_at'], zone)}" if row["started_at"] else ""
        return f"yes{since} (process {row['pid']})"
    if row["started_at"] is None:
        return "no; it never ran"
    if row["stopped_at"] is None:
        return f"no; the run of {local(row['started_at'], zone)} was killed"
    return f"no; it ended at {local(row['stopped_at'], zone)} ({row['exit_reason']})"


def local(text: str, zone: tzinfo) -> str:
    return f"{datetime.fromisoformat(text).astimezone(zone):%Y-%m-%d %H:%M %Z}"


def _clock(instant: int, zone: tzinfo) -> str:
    return f"{datetime.fromtimestamp(instant, zone):%H:%M}"

"""What the state database says: plain rows for `status`, `positions`, `orders`, `trades` and `why`.

Light on purpose: no numpy, no pandas. It reads while the trader runs, and when it is dead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

from livetrader.config import Configuration
from livetrader.constraints.verdict import Check, Refused
from livetrader.domain.lots import LotMethod
from livetrader.domain.order import Fill, OrderIntent, Purpose
from livetrader.domain.parent import ParentRecord
from livetrader.domain.position import Trade
from livetrader.domain.trades import ClosedLot, OpenPosition
from livetrader.domain.trades import trades as fold
from livetrader.errors import StoreError
from livetrader.market.nse import IST
from livetrader.ports import Decision, OrderRecord
from livetrader.reporting.document import order_json, trade_json
from livetrader.reporting.parents import parent_json
from livetrader.reporting.values import Document, exact, utc
from livetrader.store.faults import NoState
from livetrader.store.queries import Queries, Status, exists, open_queries

# Each mode, and the command that makes its state.
MADE_BY = {
    "paper": "livetrader run",
    "dry-run": "livetrader run --dry-run",
    "live": "livetrader run --mode live",
    "replay": "livetrader replay --date DATE",
}

ZERO = Decimal(0)

Row = Mapping[str, object]
Span = tuple[date, date]


def exchange_zone(configuration: Configuration) -> ZoneInfo:
    """The exchange's time zone."""
    return ZoneInfo("UTC") if configuration.settings.market.calendar == "24x7" else IST


def lot_method(configuration: Configuration) -> LotMethod:
    """What a partial exit closes."""
    return LotMethod(configuration.settings.capital.lots)


def status(configuration: Configuration, mode: str | None) -> Row:
    """Whether it runs, since when, what it decided last, and what the account is worth."""
    zone = exchange_zone(configuration)
    with open_books(configuration, mode) as queries:
        found = queries.status()
        fills = queries.fills()
        intents = {one.intent.intent_id: one.intent for one in queries.orders()}
        closed, held = fold(intents, fills, zone, lot_method(configuration))
        unknown, externals = queries.unknown_orders(), queries.externals()
    last = found.last_run
    return {
        "mode": found.mode,
        "running": found.holder is not None,
        "pid": None if found.holder is None else found.holder.pid,
        "started_at": None if last is None else utc(last.started_at),
        "stopped_at": None if last is None or last.stopped_at is None else utc(last.stopped_at),
        "exit_reason": None if last is None else last.exit_reason,
        "decided_until": None if found.marked is None else utc(found.marked),
        "reconciled_at": None if found.agreed is None else utc(found.agreed),
        "open_positions": len(held),
        "orders": {state.value: count for state, count in found.orders.items()},
        "unknown_orders": len(unknown),
        "unknown": [order_json(one) for one in unknown],
        "killed": found.killed,
        "latches": [
            {"name": one.name, "reason": one.reason, "since": utc(one.since)} for one in found.latches.values()
        ],
        "alerts": [{"key": one.key, "text": one.text, "since": utc(one.since)} for one in found.alerts],
        "externals": [
            {
                "kind": one.kind.value,
                "symbol": one.symbol,
                "product": one.product.value,
                "quantity": exact(one.quantity),
                "status": one.status.value,
                "broker_order_id": one.broker_order_id or None,
                "since": utc(one.since),
            }
            for one in externals
        ],
        "lease": None
        if found.lease is None
        else {"holder": found.lease.holder, "number": found.lease.number, "expires_at": utc(found.lease.expires_at)},
        "value": None if found.equity is None else exact(found.equity[1]),
        "value_at": None if found.equity is None else utc(found.equity[0]),
        "live": _live(found, closed, held, fills, zone) | _of_capital(configuration, held),
        "state": found.where,
    }


def _live(
    found: Status, closed: Sequence[Trade], held: Sequence[OpenPosition], fills: Sequence[Fill], zone: tzinfo
) -> dict[str, object]:
    """The figures of the last day that was decided. Prices are not in the state: open positions are valued by the
    last record of the account's value, if nothing has filled since."""
    # Not at the top: every command that reads imports this module, and one of them needs it.
    from livetrader.reporting.live import live_figures, worth_of

    day = None if found.marked is None else _date(found.marked - 1, zone)
    seen = live_figures(held, [one for one in closed if one.session == day], {}, worth_of(found.equity, fills))
    return {
        "day": None if day is None else day.isoformat(),
        "open_pnl": None if seen.open_pnl is None else exact(seen.open_pnl),
        "realised": exact(seen.realised),
        "day_pnl": None if seen.day_pnl is None else exact(seen.day_pnl),
        "day_drawdown": exact(seen.day_drawdown),
        "exposure": exact(seen.exposure),
        "hhi": seen.hhi,
        "concentration": None if seen.concentration is None else seen.concentration.value,
        "trades": seen.trades,
        "win_rate": seen.win_rate,
    }


def _of_capital(configuration: Configuration, held: Sequence[OpenPosition]) -> dict[str, object]:
    """What is held at entry prices, as a part of the starting capital."""
    capital = configuration.settings.capital
    invested = sum((one.quantity * one.average_price for one in held), Decimal(0))
    return {"currency": capital.currency, "exposure_pct": round(float(invested * 100 / capital.amount), 2)}


def positions(configuration: Configuration, mode: str | None) -> list[Row]:
    """What is held, and the stop that protects it at the venue (None: there is none)."""
    with open_books(configuration, mode) as queries:
        held = queries.positions(exchange_zone(configuration), lot_method(configuration))
        stops: dict[str, list[OrderIntent]] = {}
        for order in queries.open_orders():
            if order.intent.purpose is Purpose.STOP:
                stops.setdefault(order.intent.symbol, []).append(order.intent)
    return [
        {
            "symbol": one.symbol,
            "side": one.side.value,
            "quantity": exact(one.quantity),
            "average_price": exact(one.average_price),
            "strategy": one.strategy,
            "opened_at": utc(one.opened_at),
            "charges": exact(one.charges),
            "realised": exact(one.realised),
            "stop": _trigger(stops.get(one.symbol, [None])[-1]),
            "stop_quantity": exact(sum((s.quantity for s in stops[one.symbol]), ZERO)) if one.symbol in stops else None,
        }
        for one in held
    ]


def open_lots(configuration: Configuration, mode: str | None) -> list[Row]:
    """What positions are made of, first in, first out, and how many dates each lot has been held over by the last bar
    close that was decided."""
    zone = exchange_zone(configuration)
    with open_books(configuration, mode) as queries:
        held, marked = queries.positions(zone, LotMethod.FIFO), queries.status().marked
    return [
        {
            "symbol": one.symbol,
            "side": one.side.value,
            "strategy": one.strategy,
            "opened_at": utc(lot.opened_at),
            "quantity": exact(lot.quantity),
            "price": exact(lot.price),
            "holding_days": _days(lot.opened_at, marked, zone),
            "charges": exact(lot.charges),
        }
        for one in held
        for lot in one.lots
    ]


def _days(opened_at: datetime, marked: int | None, zone: tzinfo) -> int:
    opened = opened_at.astimezone(zone).date()
    return 0 if marked is None else max((_date(marked - 1, zone) - opened).days, 0)


def closed_lots(configuration: Configuration, mode: str | None, span: Span | None) -> list[ClosedLot]:
    """The lots whose exit lies in `span` (None: all), first in, first out."""
    with open_books(configuration, mode) as queries:
        found = queries.closed_lots(exchange_zone(configuration))
    return [one for one in found if span is None or span[0] <= one.session <= span[1]]


def _trigger(stop: OrderIntent | None) -> str | None:
    return None if stop is None or stop.trigger_price is None else exact(stop.trigger_price)


def orders(configuration: Configuration, mode: str | None, span: Span | None) -> list[Row]:
    """Orders of the sessions of `span` (None: all), with CLI.md's keys; parent orders before their children.

    A parent's `left` is what may still go out, its state UNDER_WAY or OVER; what fills are its children.
    """
    since, until = _instants(span, exchange_zone(configuration))
    with open_books(configuration, mode) as queries:
        found = [one for one in queries.orders() if since <= one.intent.as_of < until]
        parents = [one for one in queries.parents() if since <= one.parent.entry.as_of < until]
    whole = [(one.created_at, parent_json(one, [child for child in found if _of(child, one)])) for one in parents]
    rows = whole + [(one.created_at, _alone(one)) for one in found]
    return [row for _, row in sorted(rows, key=lambda one: one[0])]


def _alone(record: OrderRecord) -> Document:
    return {**order_json(record), "parent_id": record.intent.parent_id or None, "algo": None, "left": None}


def _of(child: OrderRecord, parent: ParentRecord) -> bool:
    return child.intent.parent_id == parent.parent.name


def trades(configuration: Configuration, mode: str | None, span: Span | None) -> list[Row]:
    """Trades whose exit lies in `span` (None: all), with CLI.md's keys."""
    zone = exchange_zone(configuration)
    with open_books(configuration, mode) as queries:
        found = queries.trades(zone)
    return [trade_json(one) for one in found if span is None or span[0] <= one.session <= span[1]]


def why(
    configuration: Configuration, mode: str | None, symbol: str, when: tuple[date | None, time] | None
) -> list[Row]:
    """What was decided about a symbol: signal, inputs, each constraint's verdict, order. Latest session first
    unless a time is given; a time without a date is the latest session's."""
    zone = exchange_zone(configuration)
    with open_books(configuration, mode) as queries:
        found = list(queries.decisions(symbol=symbol))
        found = _chosen(found, when, zone, queries.status().marked)
        sent = {one.intent.intent_id: one for one in queries.orders() if one.intent.symbol == symbol}
    rows = []
    for decision in found:
        order = sent.get(decision.verdict.intent.intent_id) if decision.verdict else None
        rows.append(_why(decision, None if order is None else order.state.value))
    return rows


def latest_day(configuration: Configuration, mode: str, zone: tzinfo) -> date | None:
    """The exchange date of the last bar close that was decided."""
    with open_books(configuration, mode) as queries:
        marked = queries.status().marked
    return None if marked is None else _date(marked, zone)


def _chosen(
    found: Sequence[Decision], when: tuple[date | None, time] | None, zone: tzinfo, marked: int | None
) -> list[Decision]:
    if when is None:
        latest = {_date(one.signal.as_of, zone) for one in found[-1:]}
        return [one for one in found if _date(one.signal.as_of, zone) in latest]
    day = when[0] or (None if marked is None else _date(marked, zone))
    if day is None:
        return []
    instant = int(datetime.combine(day, when[1], zone).timestamp())
    # The bar may be named by its close, as decisions are, or by its open, as charts do.
    return [one for one in found if instant in (one.signal.as_of, one.signal.bar_open)]


def _why(decision: Decision, state: str | None) -> Row:
    signal, verdict = decision.signal, decision.verdict
    refused = isinstance(verdict, Refused)
    checks = () if verdict is None else verdict.checks
    return {
        "symbol": signal.symbol,
        "strategy": signal.strategy,
        "side": signal.side.value,
        "bar_open": utc(signal.bar_open),
        "decided_at": utc(signal.as_of),
        "price": exact(verdict.intent.price) if verdict is not None else str(signal.price),
        "data_age_seconds": _age(checks),
        "inputs": dict(signal.inputs),
        "checks": [
            {"rule": one.rule, "passed": one.passed, "reason": one.reason, "numbers": dict(one.numbers)}
            for one in checks
        ],
        "verdict": "refused" if refused else "approved" if verdict is not None else "none",
        "reason": f"{verdict.rule}: {verdict.reason}" if isinstance(verdict, Refused) else decision.note,
        "action": "refused" if refused else state or "not sent",
    }


def _age(checks: Sequence[Check]) -> int | None:
    """Seconds from the close of the newest bar to the decision on it; None where no limit was set on them."""
    ages = [one.numbers["age_seconds"] for one in checks if one.rule == "bar_freshness"]
    return int(float(ages[0])) if ages else None


@contextmanager
def open_books(configuration: Configuration, mode: str | None) -> Iterator[Queries]:
    """The queries over the state of `mode` (None: the configured one); StoreError where there is none yet."""
    settings = configuration.settings
    state, asked = settings.state, mode or settings.mode
    with ExitStack() as stack:
        try:
            queries = stack.enter_context(open_queries(state.url, settings.state_name(asked), state.directory))
        except NoState as error:
            others = [other for other in MADE_BY if exists(state.url, settings.state_name(other))]
            hint = f"; there is one of {' and '.join(others)}: say --mode {others[0]}" if others else ""
            raise StoreError(f"{error.where}: there is no state yet: `{MADE_BY[asked]}` makes it{hint}") from None
        yield queries


def _instants(span: Span | None, zone: tzinfo) -> tuple[int, int]:
    if span is None:
        return 0, 1 << 62
    start = datetime.combine(span[0], time(), zone)
    end = datetime.combine(span[1] + timedelta(days=1), time(), zone)
    return int(start.timestamp()), int(end.timestamp())


def _date(instant: int, zone: tzinfo) -> date:
    return datetime.fromtimestamp(instant, zone).date()

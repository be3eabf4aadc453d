"""An account in the middle of a day, written by the journal as a trader writes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from livetrader.constraints.verdict import Check, Refused
from livetrader.domain.exit_plan import ExitKind, ExitPlan
from livetrader.domain.instrument import Product
from livetrader.domain.interval import Interval
from livetrader.domain.order import Action, Fill, OrderIntent, OrderType, Purpose, closing, opening
from livetrader.domain.order_state import OrderState
from livetrader.domain.signal import Side, Signal
from livetrader.ports import Decision
from livetrader.store.journal import SqlJournal

# A Friday on which NSE trades from 03:45 to 10:00 UTC.
OPENS = datetime(2026, 2, 27, 3, 45, tzinfo=UTC)
NOON = datetime(2026, 2, 27, 6, 30, 5, tzinfo=UTC)
STOP = ExitPlan(ExitKind.TRAILING_ATR, distance=4.0)


def intent(
    symbol: str, side: Side, purpose: Purpose, at: datetime, price: str, quantity: str = "10", reason: str = "",
    trigger: str | None = None,
) -> OrderIntent:  # fmt: skip
    """An order of `symbol`, decided at `at`, at market, or as a stop at `trigger`."""
    entry = purpose is Purpose.ENTRY
    return OrderIntent(
        intent_id=f"{symbol}-{purpose.value}-{int(at.timestamp())}".lower(),
        account="main",
        strategy="momentum_long",
        symbol=symbol,
        side=side,
        action=opening(side) if entry else closing(side),
        purpose=purpose,
        product=Product.MIS,
        order_type=OrderType.MARKET if trigger is None else OrderType.SL_M,
        quantity=Decimal(quantity),
        price=Decimal(price),
        as_of=int(at.timestamp()),
        trigger_price=None if trigger is None else Decimal(trigger),
        reason=reason,
        exit=STOP if entry else None,
    )


def work(journal: SqlJournal, one: OrderIntent, state: OrderState = OrderState.ACKED, reason: str = "") -> OrderIntent:
    """Send an order two seconds after its bar closed; `state` is what the broker's answer makes of it."""
    at = datetime.fromtimestamp(one.as_of, UTC) + timedelta(seconds=2)
    journal.intend(one, at)
    journal.advance(one.intent_id, OrderState.SENT, at)
    journal.advance(one.intent_id, state, at, broker_order_id=f"B-{one.intent_id}", reason=reason)
    return one


def fill(journal: SqlJournal, one: OrderIntent, price: str) -> None:
    at = datetime.fromtimestamp(one.as_of, UTC) + timedelta(seconds=3)
    action: Action = one.action
    booked = Fill("sim", f"t-{one.intent_id}", one.intent_id, one.symbol, action, one.quantity, Decimal(price),
                  Decimal("1.5"), at)  # fmt: skip
    journal.book(booked, at)


def hold(journal: SqlJournal, symbol: str, at: datetime, price: str, stop: str, side: Side = Side.LONG) -> None:
    """Open ten of `symbol`, with a stop at the venue."""
    fill(journal, work(journal, intent(symbol, side, Purpose.ENTRY, at, price)), price)
    work(journal, intent(symbol, side, Purpose.STOP, at + timedelta(seconds=5), stop, trigger=stop))


def trade(journal: SqlJournal, symbol: str, at: datetime, price: str, out: str) -> None:
    """A round trip of ten that took a quarter of an hour."""
    fill(journal, work(journal, intent(symbol, Side.LONG, Purpose.ENTRY, at, price)), price)
    leave = intent(symbol, Side.LONG, Purpose.EXIT, at + timedelta(minutes=15), out, reason="target")
    fill(journal, work(journal, leave), out)


def refuse(journal: SqlJournal, symbol: str, at: datetime, rule: str) -> None:
    entry = intent(symbol, Side.LONG, Purpose.ENTRY, at, "100")
    as_of = entry.as_of
    signal = Signal("momentum_long", "1", symbol, Side.LONG, Interval.M5, as_of - 300, as_of, 100.0, 2.0)
    check = Check(rule, False, "3 of 3", {})
    journal.decide(Decision(signal, Refused(entry, rule, "3 of 3", {}, (check,))), at)


def busy_day(journal: SqlJournal) -> None:
    """Two positions, one of them bare; an entry of unknown fate; two trades; two refusals; a halt and an alert."""
    trade(journal, "SBIN", OPENS + timedelta(minutes=5), "800", "812.5")
    trade(journal, "WIPRO", OPENS + timedelta(minutes=10), "250", "248")
    hold(journal, "INFY", OPENS + timedelta(minutes=30), "1500", "1498")
    fill(journal, work(journal, intent("TCS", Side.SHORT, Purpose.ENTRY, OPENS + timedelta(hours=1), "3600")), "3600")
    lost = intent("RELIANCE", Side.LONG, Purpose.ENTRY, OPENS + timedelta(hours=2), "2900")
    work(journal, lost, OrderState.UNKNOWN)
    rejected = intent("ITC", Side.LONG, Purpose.ENTRY, OPENS + timedelta(hours=2), "400")
    work(journal, rejected, OrderState.REJECTED, "funds: 12 short")
    for minutes in (5, 10):
        refuse(journal, "LT", OPENS + timedelta(minutes=minutes), "max_open_positions")
    journal.latch("halt", "results at noon", NOON)
    journal.alert("stop:TCS", "TCS: no stop is known to work", NOON)
    journal.mark(int(NOON.timestamp()) - 5, NOON)

"""A journal in memory: the behaviour of SqlJournal without the durability, for the backtest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from livetrader.domain.order import Fill, OrderIntent
from livetrader.domain.order_state import OPEN, OrderState
from livetrader.ports import Decision, OrderRecord
from livetrader.store.booking import advanced, amended, booked, found, intended, require_same, unknown_intent
from livetrader.store.memory_parents import MemoryParents
from livetrader.store.memory_standing import MemoryStanding


class MemoryJournal(MemoryParents, MemoryStanding):
    """Implements ports.Journal over dictionaries, which keep the order of insertion."""

    def __init__(self) -> None:
        super().__init__()
        self._orders: dict[str, OrderRecord] = {}
        self._unended: dict[str, int] = {}  # those that have not ended, with their number in the order of intending
        self._fills: dict[tuple[str, str], Fill] = {}
        self._fills_of: dict[str, tuple[Fill, ...]] = {}
        self._decisions: dict[tuple[str, str, int, str], Decision] = {}
        self._equity: dict[int, tuple[Decimal, Decimal]] = {}
        self._cursor: dict[str, int] = {}

    def decide(self, decision: Decision, at: datetime) -> None:  # noqa: ARG002 (kept by SqlJournal only)
        signal = decision.signal
        key = (signal.strategy, signal.symbol, signal.as_of, signal.side.value)
        if key not in self._decisions:
            self._put(self._decisions, key, decision)

    def intend(self, intent: OrderIntent, at: datetime) -> bool:
        return self._write_down(intended(intent, at))

    def found(self, intent: OrderIntent, broker_order_id: str, at: datetime) -> bool:
        return self._write_down(found(intent, broker_order_id, at))

    def _write_down(self, record: OrderRecord) -> bool:
        intent_id = record.intent.intent_id
        if intent_id in self._orders:
            return False
        self._put(self._unended, intent_id, len(self._orders))
        self._put(self._orders, intent_id, record)
        return True

    def advance(
        self,
        intent_id: str,
        state: OrderState,
        at: datetime,
        *,
        broker_order_id: str | None = None,
        reason: str = "",
    ) -> None:
        self._progress(advanced(self._order(intent_id), state, at, broker_order_id, reason))

    def amend(self, intent: OrderIntent, at: datetime) -> None:
        self._put(self._orders, intent.intent_id, amended(self._order(intent.intent_id), intent, at))

    def book(self, fill: Fill, at: datetime) -> bool:
        name = (fill.broker, fill.trade_id)
        before = self._fills.get(name)
        if before is not None:
            require_same(before, fill)
            return False
        earlier = self._fills_of.get(fill.intent_id, ())
        record = booked(self._order(fill.intent_id), earlier, fill, at)
        self._put(self._fills, name, fill)
        self._put(self._fills_of, fill.intent_id, (*earlier, fill))
        self._progress(record)
        return True

    def _progress(self, record: OrderRecord) -> None:
        intent_id = record.intent.intent_id
        self._put(self._orders, intent_id, record)
        if record.state.terminal:
            self._drop(self._unended, intent_id)
        elif intent_id not in self._unended:  # news that came after its end
            self._put(self._unended, intent_id, list(self._orders).index(intent_id))

    def mark(self, as_of: int, at: datetime) -> None:  # noqa: ARG002 (kept by SqlJournal only)
        marked = self.marked()
        if marked is None or as_of > marked:
            self._put(self._cursor, "marked", as_of)

    def marked(self) -> int | None:
        return self._cursor.get("marked")

    def equity(self, as_of: int, value: Decimal, cash: Decimal, at: datetime) -> None:  # noqa: ARG002 (as above)
        self._put(self._equity, as_of, (value, cash))

    def orders(self, *, since: int | None = None) -> Sequence[OrderRecord]:
        return [r for r in self._orders.values() if since is None or r.intent.as_of >= since]

    def order(self, intent_id: str) -> OrderRecord | None:
        return self._orders.get(intent_id)

    def open_orders(self) -> Sequence[OrderRecord]:
        return [r for r in self._working() if r.state in OPEN]

    def unsent(self) -> Sequence[OrderRecord]:
        return [r for r in self._working() if r.state is OrderState.INTENT]

    def _working(self) -> list[OrderRecord]:
        return [self._orders[name] for name in sorted(self._unended, key=self._unended.__getitem__)]

    def fills(self) -> Sequence[Fill]:
        return list(self._fills.values())

    def decisions(self, *, since: int, until: int) -> Sequence[Decision]:
        return [d for d in self._decisions.values() if since <= d.signal.as_of < until]

    def equities(self) -> Sequence[tuple[int, Decimal, Decimal]]:
        return [(as_of, value, cash) for as_of, (value, cash) in sorted(self._equity.items())]

    def _order(self, intent_id: str) -> OrderRecord:
        record = self._orders.get(intent_id)
        if record is None:
            raise unknown_intent(intent_id)
        return record

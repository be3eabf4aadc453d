"""A journal in memory: the behaviour of SqlJournal without the durability, for the backtest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

from livetrader.domain.order import Fill, OrderIntent
from livetrader.domain.order_state import OrderState
from livetrader.ports import Decision, OrderRecord
from livetrader.store.booking import advanced, booked, intended, require_same, unknown_intent

_ABSENT = object()


class MemoryJournal:
    """Implements ports.Journal over dictionaries, which keep the order of insertion."""

    def __init__(self) -> None:
        self._orders: dict[str, OrderRecord] = {}
        self._fills: dict[tuple[str, str], Fill] = {}
        self._fills_of: dict[str, tuple[Fill, ...]] = {}
        self._decisions: dict[tuple[str, str, int, str], Decision] = {}
        self._equity: dict[int, tuple[Decimal, Decimal]] = {}
        self._cursor: dict[str, int] = {}
        self._undo: list[tuple[dict[Any, Any], Any, Any]] | None = None

    @contextmanager
    def unit(self) -> Iterator[None]:
        """Several writes as one: all of them, or none if an exception leaves the block."""
        if self._undo is not None:
            yield
            return
        self._undo = []
        try:
            yield
        except BaseException:
            for table, key, value in reversed(self._undo):
                if value is _ABSENT:
                    del table[key]
                else:
                    table[key] = value
            raise
        finally:
            self._undo = None

    def _put(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        if self._undo is not None:
            self._undo.append((table, key, table.get(key, _ABSENT)))
        table[key] = value

    def decide(self, decision: Decision, at: datetime) -> None:  # noqa: ARG002 (kept by SqlJournal only)
        signal = decision.signal
        key = (signal.strategy, signal.symbol, signal.as_of, signal.side.value)
        if key not in self._decisions:
            self._put(self._decisions, key, decision)

    def intend(self, intent: OrderIntent, at: datetime) -> bool:
        if intent.intent_id in self._orders:
            return False
        self._put(self._orders, intent.intent_id, intended(intent, at))
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
        record = advanced(self._order(intent_id), state, at, broker_order_id, reason)
        self._put(self._orders, intent_id, record)

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
        self._put(self._orders, fill.intent_id, record)
        return True

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

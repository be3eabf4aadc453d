"""Latches, alerts, the day's start, flows and externals in memory: `standing.StandingTables` without the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from livetrader.domain.account import Alert, External, Flow, Latch
from livetrader.store.memory_unit import MemoryUnit


class MemoryStanding(MemoryUnit):
    """The part of MemoryJournal that is not about our orders."""

    def __init__(self) -> None:
        super().__init__()
        self._latches: dict[str, Latch] = {}
        self._alerts: dict[str, Alert] = {}
        self._day_starts: dict[date, Decimal] = {}
        self._agreed: dict[str, datetime] = {}
        self._flows: dict[int, Flow] = {}
        self._externals: dict[tuple[str, str, str, str], External] = {}

    def latch(self, name: str, reason: str, at: datetime) -> bool:
        if name in self._latches:
            return False
        self._put(self._latches, name, Latch(name, reason, at))
        return True

    def unlatch(self, name: str, at: datetime) -> bool:  # noqa: ARG002 (kept by SqlJournal only)
        return self._drop(self._latches, name)

    def latches(self) -> Mapping[str, Latch]:
        return dict(sorted(self._latches.items()))

    def alert(self, key: str, text: str, at: datetime) -> bool:
        if key in self._alerts:
            return False
        self._put(self._alerts, key, Alert(key, text, at))
        return True

    def settle_alert(self, key: str, at: datetime) -> bool:  # noqa: ARG002 (as above)
        return self._drop(self._alerts, key)

    def alerts(self) -> Sequence[Alert]:
        return sorted(self._alerts.values(), key=lambda alert: (alert.since, alert.key))

    def day_start(self, session: date, equity: Decimal, at: datetime) -> Decimal:  # noqa: ARG002 (as above)
        if session not in self._day_starts:
            self._put(self._day_starts, session, equity)
        return self._day_starts[session]

    def agree(self, at: datetime) -> None:
        self._put(self._agreed, "", at.replace(microsecond=0))

    def agreed(self) -> datetime | None:
        return self._agreed.get("")

    def flow(self, amount: Decimal, reason: str, at: datetime) -> None:
        self._put(self._flows, len(self._flows), Flow(amount, reason, at))

    def flows(self) -> Sequence[Flow]:
        return list(self._flows.values())

    def external(self, external: External, at: datetime) -> None:  # noqa: ARG002 (as above)
        key = (external.symbol, external.product.value, external.kind.value, external.broker_order_id)
        if external.quantity:
            self._put(self._externals, key, external)
        else:
            self._drop(self._externals, key)

    def externals(self) -> Sequence[External]:
        return [external for _, external in sorted(self._externals.items())]

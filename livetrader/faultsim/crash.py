"""Places at which a process can die: before and after every commit, before and after every call to the venue."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from livetrader.constraints.verdict import Approved
from livetrader.domain.books import BrokerOrder, BrokerPosition, BrokerTrade, Identity
from livetrader.domain.exit_plan import Replan
from livetrader.domain.instrument import Instrument
from livetrader.domain.order import Fill, OrderIntent
from livetrader.domain.order_state import OrderState
from livetrader.domain.parent import Parent
from livetrader.ports import Decision, Outcome, Venue
from livetrader.store.driver import Database
from livetrader.store.journal import SqlJournal

T = TypeVar("T")


class Crash(BaseException):
    """The process dies here. Nothing may catch it but the world, which starts the next one."""


@dataclass(slots=True)
class CrashPoints:
    """Counts the points that a run passes, across restarts, and dies at the ordinals `deaths` (from 1)."""

    deaths: Collection[int] = ()
    names: list[str] = field(default_factory=list)

    def visit(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) in self.deaths:
            raise Crash(name)

    def around(self, before: str, act: Callable[[], T], after: str) -> T:
        """Do `act` with a point on either side of it."""
        self.visit(before)
        done = act()
        self.visit(after)
        return done


class MortalJournal(SqlJournal):
    """The real journal, in a process that may die next to each of its commits."""

    def __init__(self, database: Database, points: CrashPoints) -> None:
        super().__init__(database)
        self._points = points

    def decide(self, decision: Decision, at: datetime) -> None:
        self._points.around("before_decision", lambda: SqlJournal.decide(self, decision, at), "after_decision")

    def intend(self, intent: OrderIntent, at: datetime) -> bool:
        return self._points.around("before_intent", lambda: SqlJournal.intend(self, intent, at), "after_intent")

    def advance(
        self,
        intent_id: str,
        state: OrderState,
        at: datetime,
        *,
        broker_order_id: str | None = None,
        reason: str = "",
    ) -> None:
        name = "sent" if state is OrderState.SENT else "ack_commit"

        def act() -> None:
            SqlJournal.advance(self, intent_id, state, at, broker_order_id=broker_order_id, reason=reason)

        self._points.around(f"before_{name}", act, f"after_{name}")

    def amend(self, intent: OrderIntent, at: datetime) -> None:
        self._points.around("before_amend", lambda: SqlJournal.amend(self, intent, at), "after_amend")

    def book(self, fill: Fill, at: datetime) -> bool:
        return self._points.around("while_booking_fill", lambda: SqlJournal.book(self, fill, at), "after_booking_fill")

    def begin_parent(self, parent: Parent, at: datetime) -> bool:
        return self._points.around("before_parent", lambda: SqlJournal.begin_parent(self, parent, at), "after_parent")

    def amend_parent(self, parent: Parent, at: datetime) -> None:
        def act() -> None:
            SqlJournal.amend_parent(self, parent, at)

        self._points.around("before_parent_amend", act, "after_parent_amend")

    def end_parent(self, name: str, reason: str, at: datetime) -> None:
        def act() -> None:
            SqlJournal.end_parent(self, name, reason, at)

        self._points.around("before_parent_end", act, "after_parent_end")

    def replan(self, replan: Replan, at: datetime) -> bool:
        return self._points.around("before_replan", lambda: SqlJournal.replan(self, replan, at), "after_replan")

    def mark(self, as_of: int, at: datetime) -> None:
        self._points.around("before_mark", lambda: SqlJournal.mark(self, as_of, at), "after_mark")


@dataclass(slots=True)
class MortalVenue:
    """`venue`, called by a process that may die before its request leaves and after the venue has acted.

    `sending` is told of each order before it goes out. Its books show nothing of the orders in `cleared`: brokers
    begin theirs anew each day. Implements ports.Venue.
    """

    venue: Venue
    points: CrashPoints
    sending: Callable[[OrderIntent], None]
    cleared: Collection[str] = ()
    name: str = field(init=False)
    identity: Identity = field(init=False)
    visibility_seconds: float = field(init=False)

    def __post_init__(self) -> None:
        one = self.venue
        self.name, self.identity, self.visibility_seconds = one.name, one.identity, one.visibility_seconds

    def place(self, order: Approved) -> Outcome:
        self.sending(order.intent)
        return self.points.around("in_call", lambda: self.venue.place(order), "after_call")

    def modify(self, broker_order_id: str, intent: OrderIntent) -> Outcome:
        return self.points.around("in_modify", lambda: self.venue.modify(broker_order_id, intent), "after_modify")

    def cancel(self, broker_order_id: str) -> Outcome:
        return self.points.around("in_cancel", lambda: self.venue.cancel(broker_order_id), "after_cancel")

    def orders(self) -> Sequence[BrokerOrder]:
        return [one for one in self.venue.orders() if one.broker_order_id not in self.cleared]

    def order(self, broker_order_id: str) -> BrokerOrder:
        return self.venue.order(broker_order_id)

    def trades(self) -> Sequence[BrokerTrade]:
        return [one for one in self.venue.trades() if one.broker_order_id not in self.cleared]

    def positions(self) -> Sequence[BrokerPosition]:
        return self.venue.positions()

    def funds(self) -> Decimal:
        return self.venue.funds()

    def instruments(self) -> Sequence[Instrument]:
        return self.venue.instruments()

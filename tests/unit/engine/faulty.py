"""A sound venue behind a line that fails on purpose: what tests of the order path's faults stand on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from livetrader.brokers.simulated import SimulatedBroker
from livetrader.constraints.verdict import Approved
from livetrader.domain.exit_plan import ExitKind
from livetrader.domain.instrument import Product
from livetrader.domain.order import OrderIntent, Purpose
from livetrader.domain.order_state import OrderState
from livetrader.engine.sizing import ExitSettings
from livetrader.errors import BrokerError, BrokerUnavailable
from livetrader.ports import OrderRecord, OrderUpdate, Outcome
from tests.unit.engine.trading_samples import BAR, Price, Rig, sessions, signal, sizer, tape

S = OrderState

REFUSED = Outcome(S.INTENT, reason="connection refused")
REJECTED = Outcome(S.REJECTED, reason="RMS")
LOST = Outcome(S.UNKNOWN, reason="timeout")
ASKED = Outcome(S.ACKED)

DAYS = sessions(2, bars=12, square_off=10 * BAR)
# A fill at 100 has its stop at 98 and its target at 103.
PERCENT = ExitSettings(ExitKind.PERCENT, stop_loss_pct=2.0, take_profit_pct=3.0)


@dataclass
class Faulty:
    """Implements ports.Broker over a simulated venue. Each list is used up from the front, one entry a call.

    `places` are answers by purpose, and whether the order arrives; `hidden`: the books do not show new orders yet.
    Outlives the engine's process, as a venue does.
    """

    venue: SimulatedBroker = field(init=False)
    places: dict[Purpose, list[tuple[Outcome, bool]]] = field(default_factory=dict)
    modifies: list[Outcome] = field(default_factory=list)
    cancels: list[Outcome] = field(default_factory=list)
    reads: list[str | BrokerError] = field(default_factory=list)
    news: list[OrderUpdate] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    silent: bool = False
    hidden: bool = False
    name: str = "simulated"
    visibility_seconds: float = 30.0

    def over(self, venue: SimulatedBroker) -> Faulty:
        if not hasattr(self, "venue"):
            self.venue = venue
        return self

    def place(self, order: Approved) -> Outcome:
        intent = order.intent
        self.calls.append(f"place {intent.purpose} {intent.quantity:f}")
        answers = self.places.get(intent.purpose)
        outcome, arrives = answers.pop(0) if answers else (None, True)
        told = self.venue.place(order) if arrives else None
        return outcome or told or LOST

    def modify(self, intent: OrderIntent) -> Outcome:
        self.calls.append(f"modify {intent.purpose} {intent.quantity:f} @ {intent.trigger_price}")
        return self.modifies.pop(0) if self.modifies else self.venue.modify(intent)

    def cancel(self, intent_id: str) -> Outcome:
        self.calls.append("cancel")
        return self.cancels.pop(0) if self.cancels else self.venue.cancel(intent_id)

    def updates(self, now: int) -> Sequence[OrderUpdate]:
        if self.silent:
            raise BrokerUnavailable("the venue does not answer")
        news, self.news = self.news, []
        for fill in (fill for update in news for fill in update.fills):
            before = self.venue.held.get(fill.symbol, Decimal(0))
            self.venue.held[fill.symbol] = before + fill.action.sign * fill.quantity
        return [*news, *self.venue.updates(now)]

    def find(self, order: OrderRecord) -> Outcome:
        return Outcome(S.UNKNOWN) if self.hidden else self.venue.find(order)

    def position(self, symbol: str, product: Product) -> Decimal:
        self.calls.append("position")
        if not self.reads:
            return self.venue.position(symbol, product)
        answer = self.reads.pop(0)
        if isinstance(answer, BrokerError):
            raise answer
        return Decimal(answer)

    def loses(self, intent_id: str, state: OrderState) -> None:
        """The venue ends an order by itself, and says so."""
        del self.venue.resting[intent_id]
        self.news.append(OrderUpdate(intent_id, state, reason="the exchange's"))

    def sends(self) -> list[str]:
        """The calls that reach for an order: none of the reads, and each only once."""
        calls, self.calls = self.calls, []
        return [call for call in calls if call != "position"]


@dataclass
class Refuses:
    """A permit that `times` orders of a purpose are not given."""

    purpose: Purpose
    times: int

    def refuses(self, intent: OrderIntent) -> str:
        if intent.purpose is self.purpose and self.times:
            self.times -= 1
            return "too many messages"
        return ""


def faulty(bars: Sequence[Price | None], line: Faulty | None = None, **more: Any) -> tuple[Rig, Faulty]:
    """An engine over symbol A, and the line to its venue; 20 are bought on a signal of bar 0."""
    line = line or Faulty()
    settings: dict[str, Any] = {"sizer": sizer(PERCENT), "signals": [signal()], **more}
    return Rig(DAYS, tape(DAYS, {"A": bars}), broker=line.over, **settings), line


def monitor(rig: Rig, seconds: float = 1.0) -> None:
    """Time passes between two passes, and the engine looks around."""
    rig.clock.sleep(seconds)
    rig.engine.monitor()


def made(rig: Rig, purpose: Purpose) -> list[tuple[OrderState, str, str]]:
    """State, quantity and trigger (or limit) of each intent of that purpose, oldest first."""
    return [
        (r.state, f"{r.intent.quantity:f}", f"{r.intent.trigger_price or r.intent.limit_price or 0:.2f}")
        for r in rig.journal.orders()
        if r.intent.purpose is purpose
    ]


def names(rig: Rig, purpose: Purpose) -> list[str]:
    return [r.intent.intent_id for r in rig.journal.orders() if r.intent.purpose is purpose]


def working(rig: Rig) -> int:
    """How many orders rest at the venue."""
    venue = rig.path.broker
    assert isinstance(venue, Faulty)
    return len(venue.venue.resting)

"""A position that is held: the entry that made it, its exit, and what works for it at the venue."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from decimal import Decimal

from livetrader.domain.exit_plan import ExitReason, Replan
from livetrader.domain.order import OrderIntent
from livetrader.domain.position import Position
from livetrader.engine.exits import ExitState, Walked, resumed
from livetrader.ports import Bars

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Leaving:
    """Why a position is being closed, and the decision time of that (epoch seconds)."""

    reason: ExitReason
    as_of: int


@dataclass(slots=True)
class HeldPosition:
    """A position, the entry that made it, and its exit. `walked` is the close of the last bar it was tested on.

    `cash` is what its fills have brought and cost since the account was flat in the symbol.
    `stops` and `closing` are the intents of the protective stop (several, where one may not be so large) and of the
    exit that work at the venue; `intended` is an exit that is written down and not sent. `exits` counts those made,
    `lost_stops` the stops that the venue refused or lost, `refused_stops` those that our own permit refused. After an
    exit the next one waits until `retry_at`, after a refused stop the next until `stop_retry_at`, on the monotonic
    clock, as `closing_since`. `reducing` is what is about to be taken out of it by hand: its stop makes room for that.
    `replan` is the operator's last word on its exit; None: it is the entry's.
    """

    entry: OrderIntent
    position: Position
    exit: ExitState
    opened: int
    walked: int
    cash: Decimal = ZERO
    stops: list[str] = field(default_factory=list)
    lost_stops: int = 0
    refused_stops: int = 0
    stop_retry_at: float = 0.0
    leaving: Leaving | None = None
    intended: OrderIntent | None = None
    closing: str | None = None
    closing_since: float = -math.inf
    retry_at: float = 0.0
    exits: int = 0
    reducing: Decimal = ZERO
    replan: Replan | None = None

    @property
    def due(self) -> float:
        """When it has been held for as long as its plan allows, in epoch seconds; NaN: no limit."""
        return self.opened + self.exit.plan.hold_minutes * 60

    @property
    def stop(self) -> str | None:
        """The protective stop; the first, where there are several."""
        return self.stops[0] if self.stops else None

    @property
    def margin(self) -> Decimal:
        """Quantity × average price: what it takes from the account at leverage 1."""
        return abs(self.position.quantity) * self.position.average_price

    @property
    def begun(self) -> tuple[ExitState, int]:
        """Its exit as it began, with the fill or with the operator's last word, and when (epoch seconds)."""
        if self.replan is None:
            return replace(self.exit, best=self.exit.fill, stop=self.exit.first_stop), self.opened
        return replace(self.exit, best=self.replan.best, stop=self.replan.stop), self.replan.since

    def follow(self, replan: Replan, tick: float) -> None:
        """Go on with another exit: bars that open since then are tested on it, and none before."""
        self.replan, self.walked = replan, replan.since
        self.exit = resumed(replan, self.position.side, tick)

    def advance(self, bars: Bars, end: int, walked: Walked) -> ExitReason | None:
        """Take the exit to where a walk over the bars before `end` has brought it; why to leave, if one reached it."""
        self.exit = walked.state
        self.walked = int(bars.closes[end - 1] if walked.bar is None else bars.ts[walked.bar])
        return walked.reason

"""Engine and venue put together: the one place where the mode picks the venue."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from livetrader.bootstrap.workspace import Workspace
from livetrader.brokers.dry_run import DryRunBroker
from livetrader.brokers.simulated import SimulatedBroker
from livetrader.domain.order import OrderIntent
from livetrader.domain.position import ZERO
from livetrader.engine.backtest import KnownSignals
from livetrader.engine.book import OPEN, Book
from livetrader.engine.cycle import Engine
from livetrader.engine.orders import OrderPath
from livetrader.ports import Broker, Clock, Journal, Tape

ACCOUNT = "simulated"


class Venue(Broker, Protocol):
    """A venue that the product ships: it can take up earlier orders, and be told that no more prices come."""

    def restore(self, resting: list[OrderIntent], held: dict[str, Decimal]) -> None: ...

    def close_market(self) -> None: ...

    def next_event(self, intent: OrderIntent) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Trader:
    """An engine and the venue under it."""

    engine: Engine
    venue: Venue


def build(
    workspace: Workspace,
    journal: Journal,
    tape: Tape,
    clock: Clock,
    strategies: tuple[str, ...],
    mode: str = "paper",
) -> Trader:
    """An engine whose orders fill on `tape`, or in dry-run nowhere.

    The venue takes up what the journal says was resting there: it forgets with its process, and its books follow
    from what was sent and filled.
    """
    sizer = workspace.sizer(ACCOUNT, strategies)
    capital = workspace.settings.capital
    book = Book(sizer, capital.amount, capital.compound)
    venue: Venue = (
        DryRunBroker()
        if mode == "dry-run"
        else SimulatedBroker(tape, workspace.fill_model(), sizer.instrument, workspace.calendar.at)
    )
    held: dict[str, Decimal] = {}
    for fill in journal.fills():
        held[fill.symbol] = held.get(fill.symbol, ZERO) + fill.action.sign * fill.quantity
    venue.restore([record.intent for record in journal.orders() if record.state in OPEN], held)
    path = OrderPath(journal, venue, book, tape, clock)
    engine = Engine(journal, path, book, tape, KnownSignals(()), workspace.rules(), clock, ACCOUNT)
    return Trader(engine, venue)

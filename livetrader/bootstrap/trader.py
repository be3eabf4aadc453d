"""An engine on the simulated venue: what backtest, replay and paper share."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from livetrader.bootstrap.workspace import Workspace
from livetrader.brokers.simulated import SimulatedBroker
from livetrader.domain.position import ZERO
from livetrader.engine.backtest import KnownSignals
from livetrader.engine.book import OPEN, Book
from livetrader.engine.cycle import Engine, Signals
from livetrader.engine.orders import OrderPath
from livetrader.ports import Clock, Journal, Tape

ACCOUNT = "simulated"


@dataclass(frozen=True, slots=True)
class Trader:
    """An engine and the venue under it."""

    engine: Engine
    venue: SimulatedBroker


def simulated(
    workspace: Workspace,
    journal: Journal,
    tape: Tape,
    clock: Clock,
    strategies: tuple[str, ...],
    signals: Signals | None = None,
) -> Trader:
    """An engine whose orders fill on `tape`. The venue takes up what the journal says was resting there."""
    sizer = workspace.sizer(ACCOUNT, strategies)
    capital = workspace.settings.capital
    book = Book(sizer, capital.amount, capital.compound)
    venue = SimulatedBroker(tape, workspace.fill_model(), sizer.instrument, workspace.calendar.at)
    restore(venue, journal)
    path = OrderPath(journal, venue, book, tape, clock)
    engine = Engine(journal, path, book, tape, signals or KnownSignals(()), workspace.rules(), clock, ACCOUNT)
    return Trader(engine, venue)


def restore(venue: SimulatedBroker, journal: Journal) -> None:
    """A venue in memory forgets with its process; its books follow from what was sent and filled."""
    held: dict[str, Decimal] = {}
    for fill in journal.fills():
        held[fill.symbol] = held.get(fill.symbol, ZERO) + fill.action.sign * fill.quantity
    venue.restore([record.intent for record in journal.orders() if record.state in OPEN], held)

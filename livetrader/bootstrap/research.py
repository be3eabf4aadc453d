"""Signals and backtests over stored candles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, replace
from datetime import date

from livetrader import processes
from livetrader.bootstrap.frictions import frictions_of
from livetrader.bootstrap.results import RunResult, Terms, result
from livetrader.bootstrap.tapes import tape_of
from livetrader.bootstrap.trader import build
from livetrader.bootstrap.workspace import Workspace
from livetrader.config import Configuration
from livetrader.domain.session import Session
from livetrader.domain.signal import Signal
from livetrader.engine.backtest import Backtest, KnownSignals
from livetrader.engine.signals import in_order
from livetrader.market.clock import VirtualClock
from livetrader.ports import Journal
from livetrader.store.memory import MemoryJournal
from livetrader.strategies.base import Strategy
from livetrader.strategies.registry import source_digest

Progress = Callable[[str, float], None]


def quiet(_stage: str, _done: float) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to look at. `symbols` and `strategies` default to the configuration's."""

    first: date
    last: date
    symbols: str | None = None
    strategies: tuple[str, ...] | None = None
    preset: str | None = None
    max_symbols: int | None = None
    workers: int = 1


def find_signals(workspace: Workspace, request: Request, progress: Progress = quiet) -> list[Signal]:
    """Every signal of a period, before constraints, in order."""
    strategies = workspace.strategies(request.strategies, request.preset)
    sessions = workspace.sessions(request.first, request.last)
    symbols = workspace.known(workspace.symbols(request.symbols, request.max_symbols), sessions)
    found = _signals(workspace, request, strategies, symbols, progress)
    return [signal for signal in found if not signal.exit]


def _signals(
    workspace: Workspace,
    request: Request,
    strategies: Sequence[Strategy],
    symbols: tuple[str, ...],
    progress: Progress,
) -> list[Signal]:
    plans = workspace.plans(strategies)
    if request.workers <= 1 or len(symbols) == 1:
        finder = workspace.finder(plans, symbols)
        return finder.between(request.first, request.last, lambda done: progress("signals", done))
    # As few parts as there are processes: each reads the candles of its whole time.
    size = -(-len(symbols) // request.workers)
    parts = [symbols[i : i + size] for i in range(0, len(symbols), size)]
    found: list[Signal] = []
    with processes.workers(len(parts)) as pool:
        jobs = [pool.submit(_scan_part, workspace.configuration, request, part) for part in parts]
        for done, job in enumerate(as_completed(jobs), 1):
            found += job.result()
            progress("signals", done / len(jobs))
    return in_order(found, plans, symbols)


def _scan_part(configuration: Configuration, request: Request, symbols: tuple[str, ...]) -> list[Signal]:
    """In a worker process: the signals of some symbols."""
    with Workspace(configuration, read_only=True) as workspace:
        plans = workspace.plans(workspace.strategies(request.strategies, request.preset))
        return workspace.finder(plans, symbols).between(request.first, request.last)


def backtest(workspace: Workspace, request: Request, progress: Progress = quiet) -> RunResult:
    """Trade a period of stored candles on the simulated venue, as fast as it goes."""
    strategies = workspace.strategies(request.strategies, request.preset)
    sessions = workspace.sessions(request.first, request.last)
    symbols = workspace.known(workspace.symbols(request.symbols, request.max_symbols), sessions)
    signals = _signals(workspace, request, strategies, symbols, progress)
    journal, clock = MemoryJournal(), VirtualClock(float(sessions[0].opens))
    tape = tape_of(workspace, {signal.symbol for signal in signals}, sessions)
    names = tuple(one.name for one in strategies)
    trader = build(workspace, journal, tape, clock, names)
    trader.engine.history = workspace.history(tuple(tape.finest), sessions)
    finest = min(workspace.candles.finest(symbols).values(), key=lambda one: one.seconds, default=None)
    driver = Backtest(trader.engine, trader.venue, clock, KnownSignals(signals), finest)
    driver.run(sessions, lambda done: progress("trading", done))
    return outcome(workspace, journal, "BACKTEST", sessions, strategies, symbols)


def outcome(
    workspace: Workspace,
    journal: Journal,
    label: str,
    sessions: Sequence[Session],
    strategies: Sequence[Strategy],
    symbols: Sequence[str],
) -> RunResult:
    """The result of a run over stored candles, with the identity of everything that decided it."""
    found = result(
        journal,
        label,
        sessions,
        workspace.settings.capital.amount,
        Terms.of(workspace.settings, workspace.calendar.timezone),
        config_hash=workspace.settings.digest(),
        strategy_hashes=source_digest(strategies),
        data_hash=workspace.data_digest(symbols, sessions[0].date, sessions[-1].date),
    )
    return replace(found, frictions=frictions_of(found, workspace))

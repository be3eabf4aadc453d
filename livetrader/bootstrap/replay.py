"""Stored candles through the live loop on a virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

from livetrader.bootstrap.research import Progress, Request, outcome, quiet
from livetrader.bootstrap.results import RunResult
from livetrader.bootstrap.trader import ACCOUNT, Trader, build
from livetrader.bootstrap.workspace import Workspace
from livetrader.domain.session import Session
from livetrader.engine.live import LiveSession
from livetrader.engine.market import LiveMarket, earlier_bars
from livetrader.market.clock import SystemClock, VirtualClock
from livetrader.ports import Clock, Journal
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal
from livetrader.store.location import lock_path, wipe
from livetrader.store.lock import hold
from livetrader.strategies.base import Strategy

MODE = "replay"


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a replay runs: `speed` × real time (0: as fast as it goes), until `stop`, asked
    before each close, says so.

    `watch` is called after every pass, for a display.
    """

    speed: float = 0.0
    stop: Callable[[int], bool] = lambda _close: False
    watch: Callable[[LiveSession], None] = lambda _: None
    wall: Clock | None = None


def live_session(
    workspace: Workspace,
    journal: Journal,
    clock: Clock,
    session: Session,
    strategies: Sequence[Strategy],
    symbols: tuple[str, ...],
    waits: tuple[float, float] = (0.0, 0.0),
    mode: str = "paper",
) -> tuple[LiveSession, Trader]:
    """One session of the live loop, recovered from the journal and warmed up."""
    plans = workspace.plans(strategies)
    finder = workspace.finder(plans, symbols)
    intervals = frozenset(one.series.interval for one in strategies)
    earlier = earlier_bars(workspace.candles, workspace.calendar, journal, session)
    market = LiveMarket(workspace.candles, symbols, session, intervals, earlier)
    names = tuple(one.name for one in strategies)
    trader = build(workspace, journal, market, clock, names, mode)
    live = LiveSession(trader.engine, market, finder, clock, session, *waits)
    live.open()
    return live, trader


def replay(
    workspace: Workspace,
    request: Request,
    journal: Journal,
    pace: Pace | None = None,
    progress: Progress = quiet,
) -> RunResult:
    """Run the sessions of a period one after the other, from where the journal stopped.

    Every session is a start-up: engine, book and venue are rebuilt from the journal, as after a crash.
    """
    pace = pace or Pace()
    strategies = workspace.strategies(request.strategies, request.preset)
    symbols = workspace.known(workspace.symbols(request.symbols, request.max_symbols))
    sessions = workspace.sessions(request.first, request.last)
    clock = VirtualClock(float(max(sessions[0].opens, journal.marked() or 0)))
    for done, session in enumerate(sessions, 1):
        if session.closes <= (journal.marked() or 0):
            continue
        clock.advance_to(max(clock.now(), float(session.opens)))
        live, trader = live_session(workspace, journal, clock, session, strategies, symbols)
        _play(live, clock, pace)
        if not live.over:
            break
        if session is sessions[-1]:
            trader.venue.close_market()
            trader.engine.finish(session.closes)
        progress("replay", done / len(sessions))
    return outcome(workspace, journal, "REPLAY", sessions, strategies, symbols)


def _play(live: LiveSession, clock: VirtualClock, pace: Pace) -> None:
    """Stop the clock at every close of the session, and scan."""
    for close in live.market.closes(live.decided, live.session.closes):
        if pace.stop(close):
            return
        if pace.speed > 0 and pace.wall is not None:
            pace.wall.sleep((close - clock.now()) / pace.speed)
        clock.advance_to(float(close))
        live.scan()
        pace.watch(live)


def replay_stored(
    workspace: Workspace,
    request: Request,
    pace: Pace,
    progress: Progress = quiet,
    *,
    resume: bool = False,
) -> RunResult:
    """As `replay`, with the journal in the state database of mode `replay`.

    A new replay clears it; `resume` goes on where the last one stopped.
    """
    url = workspace.settings.state.url
    at = datetime.fromtimestamp(SystemClock().now(), UTC)
    with hold(lock_path(url, MODE), at), ExitStack() as stack:
        if not resume:
            wipe(url, MODE)
        engine = open_state(url, MODE, ACCOUNT)
        stack.callback(engine.dispose)
        return replay(workspace, request, SqlJournal(engine), pace, progress)

"""Stored candles through the live loop on a virtual clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b

from livetrader.bootstrap.research import Progress, Request, outcome, quiet
from livetrader.bootstrap.results import RunResult
from livetrader.bootstrap.runs import recorded
from livetrader.bootstrap.trader import Trader, build, simulated_account
from livetrader.bootstrap.workspace import Workspace
from livetrader.config import Settings
from livetrader.domain.log_entry import LogEntry
from livetrader.domain.session import Session
from livetrader.engine.cycle import Engine
from livetrader.engine.live import LiveSession
from livetrader.engine.market import LiveMarket, earlier_bars
from livetrader.errors import UsageError
from livetrader.market.clock import SystemClock, VirtualClock
from livetrader.ports import CandleSource, Clock, Journal
from livetrader.store.database import open_state, wipe
from livetrader.store.faults import NoState
from livetrader.store.journal import SqlJournal
from livetrader.store.location import lock_path
from livetrader.store.lock import hold
from livetrader.store.queries import open_queries
from livetrader.strategies.base import Strategy
from livetrader.strategies.registry import source_digest

MODE = "replay"

# How soon a replay that waits hears that it shall stop.
HEED_SECONDS = 0.2


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
    source: CandleSource | None = None,
) -> tuple[LiveSession, Trader]:
    """One session of the live loop on the simulated venue, recovered from the journal and warmed up."""
    market = market_of(workspace, journal, session, strategies, symbols, source)
    trader = build(workspace, journal, market, clock, tuple(one.name for one in strategies))
    return opened(workspace, trader.engine, market, clock, strategies, waits), trader


def market_of(
    workspace: Workspace, journal: Journal, session: Session, strategies: Sequence[Strategy], symbols: tuple[str, ...],
    source: CandleSource | None = None,
) -> LiveMarket:  # fmt: skip
    """The market of one session, polled from `source` (the store). What is held over brings its earlier bars along."""
    intervals = frozenset(one.series.interval for one in strategies)
    earlier = earlier_bars(workspace.candles, workspace.calendar, journal, session)
    return LiveMarket(source or workspace.candles, symbols, session, intervals, earlier)


def opened(
    workspace: Workspace, engine: Engine, market: LiveMarket, clock: Clock, strategies: Sequence[Strategy],
    waits: tuple[float, float],
) -> LiveSession:  # fmt: skip
    """The live loop over `market`, recovered from the journal and warmed up."""
    finder = workspace.finder(workspace.plans(strategies), market.symbols, market.source)
    engine.history = workspace.history(market.symbols, (market.session,))
    live = LiveSession(engine, market, finder, clock, market.session, *waits)
    live.open()
    return live


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
    sessions = workspace.sessions(request.first, request.last)
    symbols = workspace.known(workspace.symbols(request.symbols, request.max_symbols), sessions)
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


def replay_tape(workspace: Workspace, request: Request, journal: Journal, mode: str, pace: Pace) -> RunResult:
    """Decide a session of `mode` again as it was decided: on the bars that its loop saw, when it saw them.

    Each process that traded it is a start-up here, too, and what stopped entries then stops them again. UsageError for
    several sessions, DataError without a tape.
    """
    strategies = workspace.strategies(request.strategies, request.preset)
    sessions = workspace.sessions(request.first, request.last)
    if len(sessions) > 1:
        raise UsageError(f"--as-decided: takes one session, not {len(sessions)}: give --date D")
    (session,) = sessions
    clock = VirtualClock(float(session.opens))
    tape = workspace.tape(session, mode, clock)
    latches = _latch_log(workspace.settings, mode)
    for run in tape.runs:
        clock.advance_to(max(clock.now(), float(run[0])))
        _latch(journal, latches, run[0])
        live, _ = live_session(
            workspace, journal, clock, session, strategies, tape.symbols, workspace.waits(tape.symbols), source=tape
        )
        for at in run:
            if pace.stop(at) or not _waited(at, clock, pace):
                break
            clock.advance_to(max(clock.now(), float(at)))
            _latch(journal, latches, at)
            live.scan()
            pace.watch(live)
    return outcome(workspace, journal, "REPLAY", sessions, strategies, tape.symbols)


def _latch_log(settings: Settings, mode: str) -> deque[LogEntry]:
    """The latches of a mode's state as they came and went; none where there is no such state any more."""
    found = deque[LogEntry]()
    with (
        suppress(NoState),
        open_queries(settings.state.url, settings.state_name(mode), settings.state.directory) as queries,
    ):
        found.extend(queries.latch_log())
    return found


def _latch(journal: Journal, log: deque[LogEntry], until: int) -> None:
    """Put on and take off what came and went before `until`. What a pass has done by itself is done."""
    while log and log[0].at.timestamp() < until:
        entry = log.popleft()
        if entry.kind == "latch":
            journal.latch(entry.said["name"], entry.said["reason"], entry.at)
        else:
            journal.unlatch(entry.said["name"], entry.at)


def _play(live: LiveSession, clock: VirtualClock, pace: Pace) -> None:
    """Stop the clock at every close of the session, and scan."""
    for close in live.market.closes(live.decided, live.session.closes):
        if pace.stop(close):
            return
        if not _waited(close, clock, pace):
            return
        clock.advance_to(float(close))
        live.scan()
        pace.watch(live)


def _waited(close: int, clock: VirtualClock, pace: Pace) -> bool:
    """Let the time until `close` pass at the pace; False if it was stopped meanwhile."""
    if pace.speed <= 0 or pace.wall is None:
        return True
    until = pace.wall.monotonic() + (close - clock.now()) / pace.speed
    while (left := until - pace.wall.monotonic()) > 0:
        pace.wall.sleep(min(left, HEED_SECONDS))
        if pace.stop(close):
            return False
    return True


def replay_stored(
    workspace: Workspace,
    request: Request,
    pace: Pace,
    progress: Progress = quiet,
    *,
    resume: bool = False,
    decided: str | None = None,
) -> RunResult:
    """As `replay`, or with the mode `decided` as `replay_tape`, with the journal in the state of mode `replay`.

    A new replay clears it, once it is sure to begin; `resume` goes on where the last one stopped, and is refused
    (UsageError) if that was another one.
    """
    url, directory = workspace.settings.state.url, workspace.settings.state.directory
    name, account = workspace.settings.state_name(MODE), simulated_account(workspace.settings)
    wall = SystemClock()
    at = datetime.fromtimestamp(wall.now(), UTC)
    identity = _identity(workspace, request)
    with hold(lock_path(url, name, directory), at), ExitStack() as stack:
        database = open_state(url, name, account)  # refuses what is not a replay's
        if resume:
            _require_same(workspace.settings, identity)
        else:
            wipe(url, name)
            database = open_state(url, name, account)
        journal = SqlJournal(database)
        stack.callback(journal.close)
        with recorded(journal, wall, MODE, identity):
            if decided is not None:
                return replay_tape(workspace, request, journal, decided, pace)
            return replay(workspace, request, journal, pace, progress)


def _identity(workspace: Workspace, request: Request) -> str:
    """What makes one replay another than the next: 16 hex digits. Raises whatever is wrong with the request."""
    strategies = workspace.strategies(request.strategies, request.preset)
    sessions = workspace.sessions(request.first, request.last)
    symbols = workspace.known(workspace.symbols(request.symbols, request.max_symbols), sessions)
    parts = (workspace.settings.digest(), str(request.first), str(request.last), symbols, source_digest(strategies))
    return blake2b(repr(parts).encode(), digest_size=8).hexdigest()


def _require_same(settings: Settings, identity: str) -> None:
    with open_queries(settings.state.url, settings.state_name(MODE), settings.state.directory) as queries:
        last = next(iter(queries.runs()), None)
    if last is not None and last.config_hash != identity:
        raise UsageError(
            "--resume: the last replay had other dates, symbols, strategies or settings; give the same ones, or leave "
            "--resume out to begin anew"
        )

"""`livetrader demo`: a simulated market, its last session traded by the live loop, and the report."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from livetrader.bootstrap import reports
from livetrader.bootstrap.replay import Pace, replay_stored
from livetrader.bootstrap.research import Progress, Request, quiet
from livetrader.bootstrap.workspace import Workspace
from livetrader.config import Configuration, load
from livetrader.domain.candles import Interval
from livetrader.domain.position import Trade
from livetrader.domain.session import Session
from livetrader.engine.live import LiveSession
from livetrader.errors import UsageError
from livetrader.files import write
from livetrader.market.clock import SystemClock
from livetrader.marketdata.simulated import INDEX, simulate
from livetrader.marketdata.store import open_store
from livetrader.reporting.figures import money

SESSIONS = 70
CONFIG = """\
# Made by `livetrader demo`: a simulated market of its own. Try here:
#   livetrader report --mode replay
#   livetrader why SYMBOL --mode replay
symbols: live
candles:
  url: sqlite:///candles.db
state:
  url: sqlite:///state.db
"""

Say = Callable[[str], None]


def demo(directory: Path, *, seed: int = 1, speed: float = 0.0, progress: Progress = quiet, say: Say = print) -> Path:
    """Make the market in `directory`, replay its last session where one can watch it; the report's path."""
    configuration = _prepare(directory, seed, progress)
    with Workspace(configuration) as workspace:
        sessions = _sessions(workspace)
        last = sessions[-1]
        say(
            f"REPLAY  a simulated NSE session: {last.date:%a %d %b %Y}, {len(workspace.symbols())} symbols, "
            f"seed {seed}; paper money, no keys"
        )
        watch = Watcher(workspace, say)
        pace = Pace(speed=speed, watch=watch, wall=SystemClock())
        result = replay_stored(workspace, Request(last.date, last.date), pace)
        watch.close(list(result.trades))
        made = reports.of_result(result, configuration, workspace)
    path = configuration.settings.reports.directory / f"replay_{last.date:%Y%m%d}.html"
    say("")
    say(reports.render(made, "terminal", workspace.calendar.timezone))
    return write(path, reports.render(made, "html", workspace.calendar.timezone))


def _prepare(directory: Path, seed: int, progress: Progress) -> Configuration:
    """The folder, its config.yaml and its candles; made once for each seed and last session."""
    config = directory / "config.yaml"
    _require_own(directory, config)
    if not config.exists():
        write(config, CONFIG)
    configuration = load(config, environ={})
    with Workspace(configuration) as workspace:
        sessions, symbols = _sessions(workspace), (*workspace.symbols(), INDEX)
    stamp = directory / f"seed-{seed}-{sessions[-1].date:%Y%m%d}"
    if not stamp.exists():
        progress("making the market", 0.0)
        for old in (*directory.glob("candles.db*"), *directory.glob("seed-*")):
            old.unlink()
        with open_store(configuration.settings.candles.url) as store:
            store.upsert(Interval.M5, simulate(symbols, sessions, seed))
        stamp.touch()
    progress("making the market", 1.0)
    return configuration


def _require_own(directory: Path, config: Path) -> None:
    """Refuse a folder that holds anything but an earlier demo: its candles would be replaced."""
    try:
        empty = not directory.exists() or not list(directory.iterdir())
        own = empty or config.read_text("utf-8", errors="replace").startswith(CONFIG.split("\n")[0])
    except OSError:
        own = False
    if not own:
        raise UsageError(f"--dir {directory}: is no empty folder, nor one of an earlier demo; name another one")


def _sessions(workspace: Workspace) -> tuple[Session, ...]:
    """The last 70 sessions that are over."""
    calendar = workspace.calendar
    today = datetime.fromtimestamp(SystemClock().now(), UTC).astimezone(calendar.timezone).date()
    return calendar.before(min(today, calendar.valid_until), SESSIONS)


class Watcher:
    """Says what happens, as it happens: every fill, and what a closed position made."""

    def __init__(self, workspace: Workspace, say: Say) -> None:
        self.zone, self.say = workspace.calendar.timezone, say
        self.currency = workspace.settings.capital.currency
        self.seen = 0

    def __call__(self, live: LiveSession) -> None:
        journal = live.engine.journal
        fills = journal.fills()
        if len(fills) == self.seen:
            return
        intents = {record.intent.intent_id: record.intent for record in journal.orders()}
        for fill in fills[self.seen :]:
            intent = intents[fill.intent_id]
            at = fill.filled_at.astimezone(self.zone)
            held = live.engine.book.positions.get(fill.symbol)
            stop = "" if held is None else f"  stop {held.exit.stop:.2f}"
            self.say(
                f"{at:%H:%M}  {fill.action:<4}  {fill.quantity:>6} {fill.symbol:<12} at {fill.price:>10.2f}"
                f"  {intent.strategy:<20} {intent.purpose:<5} {intent.reason}{stop}"
            )
        self.seen = len(fills)

    def close(self, trades: list[Trade]) -> None:
        net = sum((trade.net_pnl for trade in trades), start=trades[0].net_pnl * 0) if trades else None
        self.say(f"{len(trades)} trades" + ("" if net is None else f", net {money(net, self.currency)}"))

"""A simulated market in the configured candle store, today's session included: a feed to try `run` on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from livetrader.bootstrap.workspace import Workspace
from livetrader.domain.candles import Interval
from livetrader.domain.session import Session
from livetrader.errors import UsageError
from livetrader.files import write
from livetrader.marketdata.location import file_of, place_of
from livetrader.marketdata.simulated import INDEX, simulate
from livetrader.marketdata.store import CandleStore
from livetrader.servers import on_server

UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class Simulated:
    """What was written: symbols (the index included), sessions, and bars."""

    symbols: tuple[str, ...]
    sessions: tuple[Session, ...]
    bars: int


def fill(
    workspace: Workspace,
    today: date,
    *,
    sessions: int,
    seed: int,
    symbols: str | None = None,
    force: bool = False,
    progress: Callable[[float], None] = lambda _: None,
) -> Simulated:
    """Write 5m bars of `sessions` sessions into the store, over whatever it has of the same symbols and times.

    The last session is today's, whole: polls see a bar only when it has closed, so it comes as time passes. Where
    today has none, it is the next one. UsageError for a store with candles that were not made here, unless `force`;
    a file beside the store tells how many were. UsageError for a store in PostgreSQL.
    """
    url = workspace.settings.candles.url
    if on_server(url):
        raise UsageError(f"{place_of(url)}: simulated candles go into an SQLite file of their own; set candles.url")
    marker = _marker(url)
    own = _made(marker) in (UNFINISHED, str(_bars(workspace.store)))
    if not own and not force:
        raise UsageError(
            f"{url}: holds candles that were not simulated; use another candles.url, or "
            "--force to write over those of the same symbols and times"
        )
    days = _sessions(workspace, today, sessions)
    listed = dict.fromkeys((*workspace.symbols(symbols), workspace.settings.market.trend_symbol or INDEX))
    candles = simulate(tuple(listed), days, seed, dirt=False)
    if own:
        write(marker, UNFINISHED)
    workspace.store.upsert(Interval.M5, candles, lambda done: progress(done / len(candles)))
    if own:
        write(marker, str(_bars(workspace.store)))
    return Simulated(tuple(listed), days, len(candles))


def is_simulated(url: str) -> bool:
    """Whether the candles at a URL were made here, some of them at least."""
    return not on_server(url) and _marker(url).exists()


def _marker(url: str) -> Path:
    return Path(f"{file_of(url)}.simulated")


def _sessions(workspace: Workspace, today: date, count: int) -> tuple[Session, ...]:
    calendar = workspace.calendar
    last = calendar.session_on(today) or calendar.after(today)
    if last is None:
        raise UsageError(f"no session on or after {today}; see `livetrader calendar show`")
    return (*calendar.before(last.date, count - 1), last)


def _bars(store: CandleStore) -> int:
    return sum(one.count for interval in store.intervals() for one in store.coverage(interval).values())


def _made(marker: Path) -> str:
    """How many bars the store had when it had been simulated; UNFINISHED if that was stopped, 0 if it never was."""
    return marker.read_text("utf-8") if marker.exists() else "0"

"""Candles from the broker: what `data fetch` brings, and the feed of a running session."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import chain

import structlog

from livetrader.bootstrap.candles import open_candles
from livetrader.bootstrap.doctor.subject import reader
from livetrader.bootstrap.simulation import is_simulated
from livetrader.bootstrap.workspace import Workspace
from livetrader.config import Configuration, resolve_symbols
from livetrader.domain.interval import Interval
from livetrader.domain.session import Session
from livetrader.engine.signals import month_start
from livetrader.errors import ConfigError, UsageError
from livetrader.marketdata.feed import Feed, fed
from livetrader.marketdata.fetching import Fetch, FetchReport
from livetrader.marketdata.history import missing, whole
from livetrader.marketdata.quote_feed import STORE_SECONDS
from livetrader.marketdata.ticks import GRACE_SECONDS
from livetrader.ports import CandleHistory, Clock, wall_time

log = structlog.get_logger(__name__)

# When the bars are stored that are made of ticks, after their close.
QUOTES_SECONDS = GRACE_SECONDS + 4 * STORE_SECONDS

# What strategies look back on before the month of a session (see strategies/), when no date is given.
WARM_UP_SESSIONS = 60


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to fetch. None: the configured symbols with the index of the trend filter; the intervals that the strategies
    need; from where they begin to look back; until today. `again`: also what is stored, for corrections."""

    symbols: str | None = None
    intervals: Sequence[Interval] | None = None
    first: date | None = None
    last: date | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was fetched, and what became of it."""

    symbols: tuple[str, ...]
    intervals: tuple[Interval, ...]
    sessions: tuple[Session, ...]
    report: FetchReport

    def as_dict(self) -> dict[str, object]:
        return {
            "symbols": list(self.symbols),
            "intervals": [interval.value for interval in self.intervals],
            "from": self.sessions[0].date.isoformat(),
            "to": self.sessions[-1].date.isoformat(),
            **self.report.as_dict(),
        }


def history(configuration: Configuration, clock: Clock) -> CandleHistory:
    """The broker's record of candles, whatever the mode. ConfigError where there is none, or its key is missing."""
    kind = configuration.settings.broker.kind
    if kind != "openalgo":
        where = configuration.where("broker.kind", "broker")
        has = "there is no broker" if kind is None else f"{kind} has no history of candles"
        raise ConfigError(f"{where}: broker.kind: {has}; set it to openalgo, or use `livetrader data import FILE`")
    from livetrader.brokers.openalgo.reader import OpenAlgoReader

    found = reader(configuration, clock)
    assert isinstance(found, OpenAlgoReader), "it is what the settings say"
    return found


def fetch(workspace: Workspace, clock: Clock, wanted: Wanted, progress: Callable[[str, float], None]) -> Fetched:
    """Bring what the store lacks of what is `wanted`.

    ConfigError and UsageError before anything is asked; AuthExpired, BrokerUnavailable and StoreError end it, and what
    has come by then is stored. What failed of single symbols is in the report.
    """
    require_history(workspace.configuration)
    source = history(workspace.configuration, clock)
    symbols, intervals = _symbols(workspace, wanted), _intervals(workspace, wanted)
    sessions = _sessions(workspace, clock, wanted)
    store, zone, now = workspace.store, workspace.calendar.timezone, clock.now()
    pieces = [
        piece
        for interval in intervals
        for piece in (
            chain.from_iterable(whole(symbol, interval, sessions) for symbol in symbols)
            if wanted.again
            else missing(store, symbols, interval, sessions, zone, now)
        )
    ]
    work = Fetch(source, store, zone, clock, workspace.settings.market.indices)
    return Fetched(symbols, intervals, sessions, work.run(pieces, progress))


def require_history(configuration: Configuration) -> None:
    """ConfigError where candles of a broker have no place: in tables of others, among simulated ones, or on a calendar
    that is made of the store."""
    settings = configuration.settings
    if is_simulated(settings.candles.url):
        where = configuration.where("candles.url", "candles")
        raise ConfigError(f"{where}: {settings.candles.url} holds simulated candles; set candles.url to another file")
    if settings.candles.tables:
        where = configuration.where("candles.tables", "candles")
        raise ConfigError(f"{where}: candles.tables are filled by others and only read here; take them out to fetch")
    if settings.market.calendar == "observed":
        where = configuration.where("market.calendar", "market")
        raise ConfigError(
            f"{where}: market.calendar: 'observed' knows the stored dates only, not what is missing; set it to nse"
        )


def require_feed(configuration: Configuration) -> None:
    """ConfigError where the settings ask for a feed that there cannot be; its key is not looked at."""
    if configuration.settings.feed.kind is None:
        return
    if configuration.settings.broker.kind != "openalgo":
        where = configuration.where("feed.kind", "feed")
        raise ConfigError(f"{where}: feed.kind: openalgo is asked through broker: set broker.kind to openalgo, too")
    require_history(configuration)


@contextmanager
def feeding(workspace: Workspace, clock: Clock, symbols: Sequence[str]) -> Iterator[Feed | None]:
    """The feed of a session of `symbols` and the index of the trend filter, while the block lasts; None if none is set.

    ConfigError where there cannot be one.
    """
    settings = workspace.settings
    if settings.feed.kind is None:
        yield None
        return
    require_feed(workspace.configuration)
    source, followed = history(workspace.configuration, clock), with_trend(workspace, symbols)
    if not settings.feed.quotes:
        _say_pace(workspace, source, followed)
    feed = Feed(
        source, partial(open_candles, workspace.configuration), workspace.calendar, clock, followed,
        delay_seconds=_delay_seconds(workspace), untraded=settings.market.indices, corrects=settings.feed.quotes,
    )  # fmt: skip
    feed.start()
    try:
        yield feed
    finally:
        feed.close()


def _delay_seconds(workspace: Workspace) -> float:
    """How long after a close history is asked. Bars made of ticks have their time first."""
    feed = workspace.settings.feed
    return max(feed.delay_seconds, QUOTES_SECONDS) if feed.quotes else feed.delay_seconds


def _say_pace(workspace: Workspace, source: CandleHistory, symbols: Sequence[str]) -> None:
    """Warn where the last symbol's bar comes too late to be traded on."""
    settings = workspace.settings
    calls = sum(len(intervals) for intervals in fed(workspace.store, symbols).values())
    seconds = _delay_seconds(workspace) + calls * source.history_seconds
    most = settings.constraints.bar_max_age_seconds
    if most is not None and seconds > most:
        log.warning(
            "the feed is too slow for so many symbols: entries on the last ones are refused; take fewer "
            "(--max-symbols N), or raise constraints.bar_max_age_seconds",
            symbols=len(symbols), seconds=round(seconds), bar_max_age_seconds=most,
        )  # fmt: skip


def with_trend(workspace: Workspace, symbols: Sequence[str]) -> tuple[str, ...]:
    """What a feed brings: the symbols, and the index of the trend filter, first."""
    trend = workspace.settings.market.trend_symbol
    return tuple(dict.fromkeys((*([trend] if trend else []), *symbols)))


def _symbols(workspace: Workspace, wanted: Wanted) -> tuple[str, ...]:
    if wanted.symbols is None:
        return with_trend(workspace, workspace.symbols())
    return tuple(dict.fromkeys(resolve_symbols(wanted.symbols, workspace.configuration.directory)))


def _intervals(workspace: Workspace, wanted: Wanted) -> tuple[Interval, ...]:
    """5m, of which longer bars are made; 1m where a strategy needs them."""
    if wanted.intervals is not None:
        return tuple(dict.fromkeys(wanted.intervals))
    needed = {min(one.series.interval, Interval.M5, key=_seconds) for one in workspace.strategies()}
    return tuple(sorted(needed, key=_seconds))


def _seconds(interval: Interval) -> int:
    return interval.seconds


def _sessions(workspace: Workspace, clock: Clock, wanted: Wanted) -> tuple[Session, ...]:
    calendar = workspace.calendar
    today = wall_time(clock).astimezone(calendar.timezone).date()
    if wanted.first is not None and wanted.first > today:
        raise UsageError(f"--from {wanted.first}: is in the future; the broker has candles up to now")
    last = min(wanted.last or today, today)
    before = calendar.before(month_start(last), WARM_UP_SESSIONS)
    first = wanted.first or (before[0].date if before else calendar.valid_from)
    return workspace.sessions(first, last)

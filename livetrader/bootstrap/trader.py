"""Engine and venue put together: the one place where the mode picks the venue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import structlog

from livetrader.bootstrap.workspace import NOT_LISTED, Instruments, Workspace
from livetrader.brokers.dry_run import DryRunBroker, Reader, ReadingDryRun
from livetrader.brokers.polled import PolledBroker
from livetrader.brokers.simulated import SimulatedBroker
from livetrader.config import Secret, Settings
from livetrader.domain.books import BrokerTrade
from livetrader.domain.lots import LotMethod
from livetrader.domain.order_state import OPEN
from livetrader.engine.backtest import KnownSignals
from livetrader.engine.book import Book
from livetrader.engine.cycle import Engine
from livetrader.engine.orders import OrderPath, Permit, Unlimited
from livetrader.engine.parents.profile import VolumeProfile
from livetrader.errors import ConfigError
from livetrader.ports import Broker, Clock, Journal, Tape, Venue

log = structlog.get_logger(__name__)

ACCOUNT = "simulated"

OPENALGO_KEY = "LIVETRADER_OPENALGO_KEY"
_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")

Secrets = Callable[[str], Secret]
"""Configuration.secret: a secret by the name of its variable; ConfigError where it is not set."""

Connected = PolledBroker | ReadingDryRun | DryRunBroker
"""A venue that does not follow from the tape, and outlives sessions."""


@dataclass(frozen=True, slots=True)
class Trader:
    """An engine and the simulated venue under it."""

    engine: Engine
    venue: SimulatedBroker


def no_secret(name: str) -> Secret:
    raise ConfigError(f"{name}: is not set")


def account_of(settings: Settings) -> str:
    """The account that the mode trades: the broker's in live, else one that exists here only."""
    return _of_portfolio(settings.broker.kind or ACCOUNT if settings.mode == "live" else ACCOUNT, settings)


def simulated_account(settings: Settings) -> str:
    """The account of a replay, whatever the mode is."""
    return _of_portfolio(ACCOUNT, settings)


def _of_portfolio(account: str, settings: Settings) -> str:
    """Portfolios trade the same symbols at the same close: their intents must not have one identity."""
    return f"{account}/{settings.portfolio}" if settings.portfolio else account


def cash_is_exact(settings: Settings) -> bool:
    """Whether the broker's cash moves by fills alone. OpenAlgo tells what may be traded with: margins are off it."""
    return settings.broker.kind != "openalgo"


def connect(settings: Settings, clock: Clock, secret: Secrets = no_secret) -> Connected | None:
    """The venue of the mode: the broker in live, a recorder in dry-run; None in paper, which fills on the tape.

    Only live gets a client that can send. `secret` gives the broker's key by its name. ConfigError for live without a
    broker, and for a broker without its key.
    """
    mode = settings.mode
    if mode == "live":
        return PolledBroker(_client(settings, clock, secret), _charges(settings))
    if mode == "dry-run":
        return DryRunBroker() if settings.broker.kind is None else ReadingDryRun(_reader(settings, clock, secret))
    return None


def require_broker(settings: Settings, where: str) -> None:
    """ConfigError where live is asked for and no broker is configured."""
    if settings.mode == "live" and settings.broker.kind is None:
        raise ConfigError(
            f"{where}: broker.kind: no broker is configured; set it, or use `--mode paper` or `--dry-run`"
        )


def _client(settings: Settings, clock: Clock, secret: Secrets) -> Venue:
    from livetrader.brokers.permit import LivePermit

    broker, permit = settings.broker, LivePermit(settings.mode)
    if broker.kind == "openalgo":
        from livetrader.brokers.openalgo.client import OpenAlgoClient

        key, reading = secret(OPENALGO_KEY).reveal, _reading(settings)
        seconds = broker.order_timeout_seconds
        return OpenAlgoClient(broker.base_url, key, clock, permit, order_seconds=seconds, **reading)
    from livetrader.brokers.loopback.client import LoopbackClient
    from livetrader.brokers.loopback.profiles import profile

    return LoopbackClient(broker.url, profile(broker.profile), clock, permit, algo_id=broker.algo_id or "")


def _reader(settings: Settings, clock: Clock, secret: Secrets) -> Reader:
    broker = settings.broker
    if broker.kind == "openalgo":
        from livetrader.brokers.openalgo.reader import OpenAlgoReader

        return OpenAlgoReader(broker.base_url, secret(OPENALGO_KEY).reveal, clock, **_reading(settings))
    from livetrader.brokers.loopback.profiles import profile
    from livetrader.brokers.loopback.reader import LoopbackReader

    return LoopbackReader(broker.url, profile(broker.profile), clock)


def _reading(settings: Settings) -> dict[str, Any]:
    """How OpenAlgo is read, by whatever reads it."""
    from livetrader.brokers.openalgo.master import MasterFile
    from livetrader.brokers.openalgo.symbols import Symbols

    broker = settings.broker
    warn_in_clear(broker.base_url)
    source = " ".join((broker.base_url, broker.exchange, *broker.segments))
    return {
        "expect": broker.expect,
        "symbols": Symbols(broker.exchange, frozenset(settings.market.indices)),
        "segments": broker.segments,
        "master_file": MasterFile(settings.state.directory / "instruments.openalgo.json", source),
        "timeout_seconds": broker.timeout_seconds,
        "reads_per_second": broker.reads_per_second,
    }


def in_clear(url: str) -> bool:
    """Whether what is sent to `url` can be read on the way."""
    server = urlsplit(url)
    return server.scheme not in ("https", "wss") and server.hostname not in _THIS_MACHINE


def warn_in_clear(url: str) -> None:
    """A key that is sent to `url` can be read on the way, unless the line is encrypted or within this machine."""
    if in_clear(url):
        log.warning("the API key goes over the network in clear: use https (or wss), or a tunnel", url=url)


def _charges(settings: Settings) -> Callable[[BrokerTrade], Decimal]:
    from livetrader.domain.costs import charge_table

    table = charge_table(settings.venue.charges)
    return lambda one: table.of(one.product).charges(one.action, one.quantity, one.price, one.traded_at.date()).total


def build(workspace: Workspace, journal: Journal, tape: Tape, clock: Clock, strategies: tuple[str, ...]) -> Trader:
    """An engine whose orders fill on `tape`.

    The venue takes up what the journal says was resting there: it forgets with its process, and its books follow
    from what was sent and filled.
    """
    venue = simulated(workspace, journal, tape)
    return Trader(assemble(workspace, journal, tape, clock, strategies, venue), venue)


def simulated(workspace: Workspace, journal: Journal, tape: Tape) -> SimulatedBroker:
    """The simulated venue, with what the journal says is resting and held there."""
    instrument = workspace.sizer(ACCOUNT, ()).instrument
    venue = SimulatedBroker(tape, workspace.fill_model(), instrument, workspace.calendar.at)
    venue.restore([record.intent for record in journal.orders() if record.state in OPEN], journal.fills())
    return venue


def assemble(
    workspace: Workspace,
    journal: Journal,
    tape: Tape,
    clock: Clock,
    strategies: tuple[str, ...],
    broker: Broker,
    permit: Permit | None = None,
    instruments: Instruments = NOT_LISTED,
) -> Engine:
    """An engine over `broker`, whose master is `instruments`. Its exits are tested on `tape`, whatever fills them."""
    settings = workspace.settings
    account, capital, limits = account_of(settings), settings.capital, settings.constraints
    sizer = workspace.sizer(account, strategies, instruments)
    book = Book(sizer, capital.amount, capital.compound, LotMethod(capital.lots))
    path = OrderPath(journal, broker, book, tape, clock, permit or Unlimited())
    if limits.bar_max_age_seconds is not None:
        path.fresh_seconds = limits.bar_max_age_seconds
    return Engine(
        journal, path, book, tape, KnownSignals(()), workspace.rules(last_close(tape), instruments), clock, account,
        max_daily_loss=workspace.limits.daily_loss, floor=workspace.limits.floor,
        volumes=VolumeProfile(workspace.candles, workspace.calendar),
    )  # fmt: skip


def last_close(tape: Tape) -> Callable[[str, int, int], float | None]:
    """The last close of a symbol on `tape`, for constraints.rules.sanity.PriceCollar."""

    def found(symbol: str, since: int, before: int) -> float | None:
        bars = tape.bars(symbol)
        i = int(bars.closes.searchsorted(before)) - 1
        return float(bars.close[i]) if i >= 0 and bars.ts[i] >= since else None

    return found

"""Notifications as the settings have them: targets and their secrets, the day's summary, the beginning and the end."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial
from urllib.parse import unquote

import structlog

from livetrader import files
from livetrader.bootstrap import reports
from livetrader.bootstrap.room import halt_when_full
from livetrader.bootstrap.state import exchange_zone
from livetrader.bootstrap.trader import account_of
from livetrader.config import Configuration, Secret, Settings
from livetrader.config.secrets import redact
from livetrader.errors import ConfigError
from livetrader.notify.backlog import Backlog, Message
from livetrader.notify.courier import Budget, Courier
from livetrader.notify.events import Day, Reader, Severity
from livetrader.notify.heartbeat import Heartbeat
from livetrader.notify.notifications import Notifications
from livetrader.notify.sender import AppriseSender
from livetrader.notify.systemd import Systemd
from livetrader.ports import Clock
from livetrader.reporting.daily import Report
from livetrader.reporting.figures import money
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal

log = structlog.get_logger(__name__)

# How long the end of a process waits for what is still to be told.
CLOSING_SECONDS = 10.0

VARIABLE = "env:"

# Where systemd hears a service of Type=notify.
NOTIFY_SOCKET = "NOTIFY_SOCKET"

# A part of a URL that is so long may be a token; hiding shorter ones would tear holes into ordinary words.
_TOKEN = 8
_HERE = ("127.0.0.1", "localhost")


@dataclass(frozen=True, slots=True)
class Outlet:
    """Where messages go: its name in logs, the least severity that it takes, and what sends there."""

    name: str
    at_least: Severity
    send: AppriseSender


@dataclass(frozen=True, slots=True)
class Outside:
    """What notifications have to do with the world outside. `service` is systemd's, None: as the environment says."""

    outlets: Sequence[Outlet] = ()
    heartbeat: Heartbeat | None = None
    service: Systemd | None = None


def outside(configuration: Configuration) -> Outside:
    """The targets and the heartbeat of the settings; ConfigError with all that is wrong with them."""
    settings, problems = configuration.settings.notify, []
    outlets: list[Outlet] = []
    heartbeat = None
    for i, target in enumerate(settings.targets):
        name = target.url.removeprefix(VARIABLE)
        try:
            send = AppriseSender(_url(configuration, target.url), name, redact)
        except ConfigError as error:
            problems.append(f"{configuration.where(f'notify.targets.{i}.url', 'notify.targets')}: {error}")
        else:
            outlets.append(Outlet(name, Severity[target.at_least.upper()], send))
    try:
        heartbeat = heartbeat_of(configuration)
    except ConfigError as error:
        problems.append(f"{configuration.where('notify.heartbeat_url')}: {error}")
    if problems:
        raise ConfigError(problems)
    return Outside(outlets, heartbeat)


def heartbeat_of(configuration: Configuration) -> Heartbeat | None:
    """The heartbeat of the settings, None where there is none; ConfigError where its variable is not set."""
    settings = configuration.settings.notify
    if settings.heartbeat_url is None:
        return None
    return Heartbeat(_url(configuration, settings.heartbeat_url), settings.heartbeat_seconds)


def _url(configuration: Configuration, setting: str) -> str:
    """The URL that a setting names. What may be a token in it is masked from now on, wherever it turns up."""
    if not setting.startswith(VARIABLE):
        return setting
    url = configuration.secret(setting.removeprefix(VARIABLE)).reveal()
    for part in re.split(r"[/:@?&=#,;]+", url.partition("://")[2]):
        if len(part) >= _TOKEN and part not in _HERE:
            Secret(part)
            Secret(unquote(part))
    return url


@contextmanager
def notifying(configuration: Configuration, world: Outside, clock: Clock) -> Iterator[Notifications]:
    """Notifications of what the mode's state, which has to be there, is told from now on; they begin with `start`.

    An error that leaves the block is told as the end of the process. What is left at its end is told for some seconds.
    """
    with ExitStack() as stack:
        couriers = _couriers(configuration, world.outlets, clock, stack) if world.outlets else ()
        service = world.service or systemd(configuration, clock)
        made = Notifications(couriers, world.heartbeat, clock, service)
        stack.callback(made.close, CLOSING_SECONDS)
        try:
            yield made
        except Exception as error:
            made.failed(str(error) or type(error).__name__)
            raise


def systemd(configuration: Configuration, clock: Clock) -> Systemd | None:
    """What tells systemd of this process; None where it does not ask."""
    socket = configuration.variables.get(NOTIFY_SOCKET)
    return None if socket is None else Systemd(socket.value, clock)


def _couriers(
    configuration: Configuration, outlets: Sequence[Outlet], clock: Clock, stack: ExitStack
) -> Sequence[Courier]:
    settings, zone = configuration.settings, exchange_zone(configuration)
    # A connection of their own: the trader's is never waited for. What a power cut takes of its cursors is told twice.
    url, account = settings.state.url, account_of(settings)
    tail = SqlJournal(open_state(url, settings.state_name(), account, create=False, synchronous="NORMAL"))
    stack.callback(tail.close)
    halt_when_full(tail, clock)  # a cursor's row may be the one that finds the disk full
    in_words = partial(money, currency=settings.capital.currency, signed=True)
    day = lru_cache(1)(partial(_day, configuration))  # all targets tell the same one
    reader = Reader(tail, zone, in_words, tail.head(), day)
    return [
        Courier(
            outlet.name, outlet.at_least, outlet.send, reader, Backlog(_label(settings), zone, clock),
            Budget(settings.notify.per_minute, clock), clock,
        )
        for outlet in outlets
    ]  # fmt: skip


def _label(settings: Settings) -> str:
    """What every message begins with."""
    return f"{settings.mode.upper()} {settings.portfolio}".rstrip()


def _day(configuration: Configuration, closes: int) -> Day:
    """The day that ends at `closes` in a few lines, with its report as an HTML file in the folder of the reports."""
    zone, settings = exchange_zone(configuration), configuration.settings
    date = datetime.fromtimestamp(closes - 1, UTC).astimezone(zone).date()
    try:
        made, name = reports.of_state(configuration, None, (date, date), candles=True)
        path = settings.reports.directory / f"{name}.html"
        return Day(_lines(made), files.write(path, reports.render(made, "html", zone)))
    except Exception as error:
        # Whatever is wrong with a report, the end of the day is told, and so is everything after it.
        log.exception("the report of the day could not be made", day=date.isoformat())
        return Day((f"the report could not be made: {error}",), None)


def _lines(made: Report) -> tuple[str, ...]:
    total, currency = made.statistics.total, made.currency
    result = f"{money(total.net_pnl, currency, signed=True)} net, charges {money(total.charges, currency)}"
    lines = [f"{total.trades} trades, {total.winners} won, {total.losers} lost: {result}"]
    if made.equity:
        lines.append(f"value {money(made.equity[-1][1], currency)}")
    lines += [
        f"stays open: {one.position.symbol} {one.position.side} {one.position.quantity:f}" for one in made.holdings
    ]
    lines += [f"unknown: {one.intent.symbol} {one.intent.action}" for one in made.unknown]
    return (*lines, *(f"alert: {one.text}" for one in made.alerts))


def try_targets(configuration: Configuration) -> list[tuple[str, str]]:
    """Send one message to each target: its name, and "" or why it was not taken. ConfigError where there is none."""
    outlets = outside(configuration).outlets
    if not outlets:
        raise ConfigError(f"{configuration.where('notify.targets', 'notify')}: notify.targets: there is none to test")
    message = Message(Severity.INFO, f"{_label(configuration.settings)}: test", ("livetrader can reach you here",))
    return [(outlet.name, outlet.send(message)) for outlet in outlets]

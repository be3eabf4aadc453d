"""Several portfolios in one process: each with its own trader, account and books, over candles that they share.

What goes wrong with one of them ends that one; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial

import structlog
from structlog.contextvars import bound_contextvars

from livetrader.bootstrap.candles import layout, open_candles
from livetrader.bootstrap.notifying import heartbeat_of, systemd
from livetrader.bootstrap.trading import SessionTrader, trading
from livetrader.config import Configuration
from livetrader.errors import ConfigError, LiveTraderError
from livetrader.marketdata.store import CandleStore
from livetrader.notify.notifications import Notifications
from livetrader.notify.systemd import Systemd
from livetrader.ports import Clock

log = structlog.get_logger(__name__)

# What needs a human comes before what another start may mend: a service is not started again on the former.
_WORST_FIRST = (78, 77, 75, 70, 2, 1, 74, 69)


@dataclass
class Member:
    """One portfolio's trader, as the scheduler drives it. Its jobs never raise: `failure` has what ended it."""

    configuration: Configuration
    trader: SessionTrader | None = field(default=None, init=False)
    failure: Exception | None = field(default=None, init=False)
    _held: ExitStack = field(default_factory=ExitStack, init=False)
    _busy: bool = field(default=False, init=False)

    @property
    def name(self) -> str:
        return self.configuration.settings.portfolio

    @property
    def over(self) -> bool:
        return self.trader is None or self.failure is not None or self.trader.over

    def begin(self, opened: AbstractContextManager[SessionTrader]) -> None:
        """Take its account. A configuration that is wrong is raised: nobody trades before it is mended."""
        with self._fence(ConfigError):
            self.trader = self._held.enter_context(opened)

    def scan(self) -> None:
        self._do(SessionTrader.scan)

    def monitor(self) -> None:
        self._do(SessionTrader.monitor)

    def status(self) -> None:
        self._do(SessionTrader.status)

    def once(self) -> None:
        self._do(SessionTrader.once)

    def _do(self, job: Callable[[SessionTrader], None]) -> None:
        if self.trader is not None and not self.over:
            self._busy = True
            with self._fence():
                job(self.trader)
            self._busy = False

    @property
    def left(self) -> bool:
        """Whether it will do nothing any more. Its jobs run in another thread, and may still be about to end."""
        return self.over and not self._busy

    def leave(self) -> None:
        """Give up what it holds, telling whoever keeps the record why, if it failed. Done once."""
        held, error = self._held.pop_all(), self.failure
        with self._fence():
            held.__exit__(type(error) if error else None, error, error.__traceback__ if error else None)

    @contextmanager
    def _fence(self, *passing: type[Exception]) -> Iterator[None]:
        with bound_contextvars(portfolio=self.name, mode=self.configuration.settings.mode.upper()):
            try:
                yield
            except passing:
                raise
            except Exception as error:
                # The fence around a portfolio: whatever is wrong with it, the others' exits must go on.
                if error is not self.failure:
                    trace = not isinstance(error, LiveTraderError)
                    log.error("this portfolio is stopped; the others go on", error=str(error), exc_info=trace)
                self.failure = self.failure or error


@dataclass(frozen=True)
class Together:
    """The portfolios that run in this process, in the order of the configuration."""

    members: Sequence[Member]

    def reap(self) -> None:
        """Have those that are over give up what they hold, while others go on."""
        for member in self.members:
            if member.left:
                member.leave()

    @property
    def failures(self) -> Mapping[str, Exception]:
        return {one.name: one.failure for one in self.members if one.failure is not None}

    @property
    def exit_code(self) -> int:
        """That of the worst failure; 0 if there was none."""
        codes = {one.exit_code if isinstance(one, LiveTraderError) else 1 for one in self.failures.values()}
        return next((code for code in _WORST_FIRST if code in codes), max(codes, default=0))


@contextmanager
def together(
    configurations: Sequence[Configuration],
    clock: Clock,
    *,
    strategies: Sequence[str] | None = None,
    max_symbols: int | None = None,
    once: bool = False,
) -> Iterator[Together]:
    """The traders of several portfolios, each holding its account. Raises ConfigError if any of them is wrong."""
    service = systemd(configurations[0], clock) or Systemd(None, clock)
    with ExitStack() as stack:
        members, pulses = [Member(one) for one in configurations], list[_Pulse]()
        candles = _stores(stack)
        # The process goes on for the market that never closes: the others have to be there again in the morning.
        endless = any(one.settings.market.calendar == "24x7" for one in configurations)
        for member in members:
            stack.callback(member.leave)
        for member in members:
            member.begin(
                trading(
                    member.configuration, clock, strategies=strategies, max_symbols=max_symbols, once=once,
                    endless=endless and not once, candles=candles(member.configuration),
                    service=_Scans(service.address, clock, partial(_scanned, pulses, member)),
                )
            )  # fmt: skip
        pulses += _pulses(members, clock)
        for pulse in pulses:
            stack.callback(pulse.heart.close, 0.0)
            pulse.heart.start(announced=False)
        service.ready()
        stack.callback(service.stopping)
        yield Together(members)


@dataclass
class _Scans(Systemd):
    """One process is one service: that it begins and ends is not for each portfolio to say."""

    told: Callable[[], None]

    def ready(self) -> None:
        pass

    def scanned(self) -> None:
        super().scanned()
        self.told()

    def stopping(self) -> None:
        pass


@dataclass
class _Pulse:
    """A heartbeat that portfolios share: it beats when each of them has completed a scan since the last time.

    One that has failed keeps it from beating; one that is over as it should be does not.
    """

    heart: Notifications
    members: list[Member] = field(default_factory=list)
    _done: set[str] = field(default_factory=set, init=False)

    def scanned(self, member: Member) -> None:
        if all(one is not member for one in self.members):
            return
        self._done.add(member.name)
        if all(one.name in self._done for one in self.members if one.failure is not None or not one.over):
            self._done.clear()
            self.heart.scanned()


def _pulses(members: Sequence[Member], clock: Clock) -> list[_Pulse]:
    """The heartbeats of the members that have one: those that name the same address share it."""
    found: dict[str, _Pulse] = {}
    for member in members:
        heartbeat = heartbeat_of(member.configuration)
        if heartbeat is not None:
            found.setdefault(heartbeat.url, _Pulse(Notifications((), heartbeat, clock))).members.append(member)
    return list(found.values())


def _scanned(pulses: Sequence[_Pulse], member: Member) -> None:
    for pulse in pulses:
        pulse.scanned(member)


def _stores(stack: ExitStack) -> Callable[[Configuration], CandleStore]:
    """Opens the store of a configuration, once for all that read the same tables in the same way."""
    opened: dict[object, CandleStore] = {}

    def candles(configuration: Configuration) -> CandleStore:
        found = layout(configuration)
        key = repr((configuration.settings.candles.url, found))
        if key not in opened:
            opened[key] = open_candles(configuration, read_only=True)
            stack.callback(opened[key].close)
        return opened[key]

    return candles

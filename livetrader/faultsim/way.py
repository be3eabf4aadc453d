"""The way from a process to its venue: a call, or HTTP on 127.0.0.1 through the adapter of the venue's broker.

On the wire both ends share the world's time, so a wait costs none and a seed is one day here, too. What happens
there and has no name in a Line is a trouble: the server is down, or its operator plays with its switches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, Protocol

from livetrader.brokers.loopback.client import LoopbackClient
from livetrader.brokers.loopback.exchange import Exchange
from livetrader.brokers.loopback.faults import Chance, Fault, Line
from livetrader.brokers.loopback.listener import LONGEST_REFUSAL, Listener
from livetrader.brokers.loopback.matching import Order
from livetrader.brokers.loopback.profiles import OPENALGO, Profile
from livetrader.brokers.loopback.server import LoopbackServer
from livetrader.brokers.loopback.venue import LoopbackVenue
from livetrader.brokers.openalgo.books import STRATEGY
from livetrader.brokers.openalgo.client import OpenAlgoClient
from livetrader.brokers.openalgo.loopback.server import OpenAlgoServer
from livetrader.brokers.permit import LivePermit
from livetrader.market.clock import SystemClock
from livetrader.ports import Clock, Venue

# A server cannot refuse a connection that it has: it is down instead.
NOT_ON_THE_WIRE = frozenset({Fault.REFUSED})
# Nor has a trade of OpenAlgo's an id: one that is listed twice is two, as far as anybody can tell.
NOT_AT_OPENALGO = NOT_ON_THE_WIRE | {Fault.DUPLICATED}

Switches = tuple[tuple[str, Any], ...]

KEY = "faultsim" * 8
DOWN = "down"
TROUBLE_SECONDS = (5.0, 100.0, 400.0)

# What somebody turns in OpenAlgo's page, or its broker's plugin does, for some minutes.
SWITCHES: Switches = (
    ("mode", "analyze"), ("revoked", True), ("approval", True), ("order_ids", "null"), ("order_ids", "number"),
    ("text_quantities", True),
)  # fmt: skip
SOUND: Mapping[str, Any] = {
    "mode": "live", "revoked": False, "approval": False, "order_ids": "text", "text_quantities": False,
}  # fmt: skip


def carried(order: Order) -> str:
    """The intent that an order of the venue really is; empty for other people's. OpenAlgo is told it as a strategy."""
    return order.ticket.tag.removeprefix(STRATEGY)


class Way(Protocol):
    """What a world asks of it."""

    looks: int
    """How often what the venue says has to be seen before it is believed."""

    def venue(self) -> Venue:
        """What a new process has in its hands."""

    @property
    def sound(self) -> bool:
        """Whether the venue can be asked, as far as the way goes."""

    def trouble(self, chance: Chance) -> str:
        """Let something of its own go wrong, for some time. What it is; empty where there is nothing."""

    def look(self) -> None:
        """What has gone wrong for long enough is well again."""

    def heal(self) -> None:
        """All is well, for good."""

    def close(self) -> None: ...


class Call:
    """The venue in this process. It remembers what it said last, whoever asks."""

    looks = 1

    def __init__(self, exchange: Exchange, line: Line) -> None:
        self._venue = LoopbackVenue(exchange, line)

    def venue(self) -> Venue:
        return self._venue

    @property
    def sound(self) -> bool:
        return not self._venue.silent

    def trouble(self, chance: Chance) -> str:  # noqa: ARG002 - a call has no way of its own to fail
        return ""

    def look(self) -> None:
        """Nothing has."""

    def heal(self) -> None:
        """Nothing is ill."""

    def close(self) -> None:
        """Nothing is open."""


class Wire:
    """A running server, and a client of the process's own. `switches` are what its operator may turn."""

    looks = 2  # what OpenAlgo says of an order's end may be another order's

    def __init__(
        self,
        server: Listener,
        client: Callable[[str], LoopbackClient | OpenAlgoClient],
        clock: Clock,
        switches: Switches = (),
    ) -> None:
        self._clock, self._client, self._switches = clock, client, switches
        self._until: dict[str, float] = {}
        self._open = ExitStack()
        self._server = self._open.enter_context(server.running())
        self._venue: LoopbackClient | OpenAlgoClient | None = None

    def venue(self) -> Venue:
        self._hang_up()
        self._venue = self._client(self._server.url)
        return self._venue

    @property
    def sound(self) -> bool:
        return not self._until and self._venue is not None and not self._venue.silent

    def trouble(self, chance: Chance) -> str:
        what, value = chance.choice(((DOWN, True), *self._switches))
        until = self._clock.monotonic() + chance.choice(TROUBLE_SECONDS)
        if what in self._until:
            return ""
        self._until[what] = until
        if what == DOWN:
            self._server.refuse(LONGEST_REFUSAL)
        else:
            self._switch({what: value})
        return f"{what}: {value}"

    def look(self) -> None:
        now = self._clock.monotonic()
        for what in [what for what, until in self._until.items() if now >= until]:
            self._mend(what)

    def heal(self) -> None:
        for what in list(self._until):
            self._mend(what)

    def close(self) -> None:
        self._hang_up()
        self._open.close()

    def _mend(self, what: str) -> None:
        del self._until[what]
        if what != DOWN:
            self._switch({what: SOUND[what]})
            return
        self._server.accept()
        while not self._server.listening:  # it does so in its own thread, and the next call must find it
            SystemClock().sleep(0.001)

    def _switch(self, switches: Mapping[str, Any]) -> None:
        with self._server.front.lock:
            self._server.front.control.act("switch", switches)

    def _hang_up(self) -> None:
        if self._venue is not None:
            self._venue.close()


def faults(profile: Profile, *, http: bool) -> tuple[Fault, ...]:
    """What may strike on the way to a broker of that profile."""
    if not http:
        return tuple(Fault)
    return tuple(one for one in Fault if one not in (NOT_AT_OPENALGO if profile is OPENALGO else NOT_ON_THE_WIRE))


def way(exchange: Exchange, line: Line, clock: Clock, *, http: bool) -> Way:
    """How `exchange` is reached, whose calls `line` strikes: with `http` through the adapter of its broker.

    `clock` is that of the process's machine.
    """
    if not http:
        return Call(exchange, line)
    permit = LivePermit("live")
    if exchange.profile is OPENALGO:
        return Wire(
            OpenAlgoServer(exchange, line, key=KEY, delays=clock),
            lambda url: OpenAlgoClient(url, lambda: KEY, clock, permit),
            clock,
            SWITCHES,
        )
    return Wire(
        LoopbackServer(exchange, line, delays=clock),
        lambda url: LoopbackClient(url, exchange.profile, clock, permit),
        clock,
    )

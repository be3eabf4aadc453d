"""A session at the processes that trade it, while the server under them fails.

The driver owns market time. Between closes it skips what is idle; at a close all goes on in real time, as in
production: the feed stores the bars, the traders look every second, and once more when the bars are there.
"""

from __future__ import annotations

import selectors
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Literal

from livetrader.brokers.loopback.matching import Order
from livetrader.brokers.loopback.rules import TRIGGERED
from livetrader.domain.candles import CandleColumns
from livetrader.domain.order import OrderType
from livetrader.domain.session import Session
from livetrader.errors import StoreError
from livetrader.market.clock import SystemClock
from tests.acceptance.faults.cut_wire import CutWire
from tests.acceptance.soak.clock import SharedClock
from tests.acceptance.soak.desk import BAR, bar_of
from tests.acceptance.soak.process import Process
from tests.acceptance.soak.supervised import Trader
from tests.acceptance.soak.venue import MOMENTS, Venue
from tests.postgres import PostgresServer

MONITOR_SECONDS, STATUS_SECONDS = 2, 60
RESTART_SECONDS = 30  # as in the unit that `livetrader service` writes
PATIENCE_SECONDS = 300.0
# What a pass has begun is ended before prices move on, however late it was: fills are shown five seconds later, and
# stops are placed then.
SETTLING = (2, 6, 8, 14)
STORING_SECONDS = 0.02  # so long after the feed was told to, it stores
_MACHINE = SystemClock()


@dataclass(frozen=True)
class Fault:
    """What happens from the close number `close` of the session on, when the venue has just taken a market order, that
    is an entry or an exit; with `storing`, while that close's bars are being stored.

    `cut`: the next COMMIT of the live trader has no answer. `stop`, `crash`: the server is away for `away` seconds.
    """

    close: int
    what: Literal["stop", "crash", "cut"]
    away: float = 0.0
    storing: bool = False


@dataclass
class Soak:
    """`looks` are the seconds after a bar's open at which the traders look, besides its close.

    `feed` stores the bars (None: they are all there). `wire` is the live trader's to `server`, whose settings are
    `settings`. `say` is told of what happens.
    """

    session: Session
    day: CandleColumns
    clock: SharedClock
    venue: Venue
    traders: Sequence[Trader]
    looks: Sequence[int]
    feed: Process | None = None
    server: PostgresServer | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    wire: CutWire | None = None
    faults: Sequence[Fault] = ()
    say: Callable[[str], None] = lambda _text: None
    struck: dict[int, str] = field(default_factory=dict, init=False)
    """What has happened, by the last close before it."""
    _left: list[Fault] = field(default_factory=list, init=False)
    _armed: Fault | None = field(default=None, init=False)
    _known: set[str] = field(default_factory=set, init=False)
    _closed: int = field(default=0, init=False)
    _stopped: Event = field(default_factory=Event, init=False)
    _back_at: float = field(default=0.0, init=False)
    _monitored: float = field(default=0.0, init=False)
    _told: float = field(default=0.0, init=False)

    def run(self) -> None:
        """Live through the session, to the end of every trader's."""
        self._left = list(self.faults)
        self.venue.exchange.on_order.append(self._taken)
        for trader in self.traders:
            trader.start(self.clock.ahead)
        if self.feed is not None:
            self.feed.answer()  # it is ready
        self._hear()
        for number, opens in enumerate(sorted(set(self.day.ts.tolist())), 1):
            self._bar(opens)
            self._close(number, opens + BAR.seconds)
        self.venue.end_of_day()
        while not all(trader.over for trader in self.traders):
            self._look(self.clock.now() + 1)
        for trader in self.traders:
            trader.end()
        if self.feed is not None:
            self.feed.end()

    def close(self) -> None:
        """End all processes, however far they are; the server is there."""
        self._back_at = 0.0
        self._restore()
        for process in (self.feed, *(trader.process for trader in self.traders)):
            if process is not None:
                process.kill()

    def _bar(self, opens: int) -> None:
        bars = bar_of(self.day, opens)
        for after in sorted({*self.looks, *MOMENTS}):
            if after in MOMENTS and (after or opens != self._closed):
                self.clock.skip_to(opens + after)
                self.venue.quote(bars, MOMENTS[after])
            if after and self.clock.now() <= opens + after + 1:  # late looks become one, as the scheduler's do
                self._look(opens + after)

    def _close(self, number: int, closes: int) -> None:
        """The bar is over and the next one has begun: its candles arrive, and are decided."""
        self.clock.skip_to(closes)
        following = bar_of(self.day, closes)
        if len(following):
            self.venue.quote(following, "open")
        self._closed = closes
        # What fills later than in a bar's first second does not trail on it: so it is with faults and without.
        self.clock.skip_to(closes + 1)
        stored = self.feed is None
        if self.feed is not None:
            self.feed.ask(closes - BAR.seconds)
        self._arm(number)
        self._look(closes + 1)
        while not all(trader.decided >= closes for trader in self.traders):
            if self.clock.now() > closes + PATIENCE_SECONDS:
                raise RuntimeError(f"the close {closes} is not decided: see the logs")
            if stored:
                self.clock.skip_to(self.clock.now() + 1)
            stored = stored or self._comes(1.0)
            self._look(self.clock.now())
        if not stored and not self._comes(PATIENCE_SECONDS):
            raise RuntimeError("the feed does not store its bars: see its log")
        passed = self.clock.now()
        for after in SETTLING:
            self._look(passed + after)

    def _comes(self, seconds: float) -> bool:
        """Wait for the feed to have stored its bars, at most so long in real time."""
        assert self.feed is not None, "there is one"
        if not _ready([self.feed], seconds):
            return False
        if not self.feed.answer():
            raise RuntimeError("the feed has stored no bar: see its log")
        return True

    def _look(self, at: float) -> None:
        """All traders scan at that time. One that ends is begun again, and scans at the next look."""
        self.clock.skip_to(at)
        now = self.clock.now()
        monitor, status = now - self._monitored >= MONITOR_SECONDS, now - self._told >= STATUS_SECONDS
        self._monitored = now if monitor else self._monitored
        self._told = now if status else self._told
        for trader in self.traders:
            if not trader.over:
                trader.ask({"ahead": self.clock.ahead, "monitor": monitor, "status": status})
        self._hear()

    def _hear(self) -> None:
        """Take all answers. The server comes back meanwhile, and so do the traders that its absence has ended."""
        until = _MACHINE.monotonic() + PATIENCE_SECONDS
        while waiting := [trader for trader in self.traders if trader.waiting]:
            if _MACHINE.monotonic() > until:
                raise RuntimeError(f"no answer of {', '.join(trader.name for trader in waiting)}: see the logs")
            ready = _ready([trader.process for trader in waiting if trader.process is not None], 0.02)
            for trader in waiting:
                if trader.process in ready:
                    trader.hear(self.clock)
            self._restore()
            gone = [trader for trader in self.traders if trader.process is None]
            if gone and not any(trader.waiting for trader in self.traders):
                self._supervise(gone)

    def _supervise(self, gone: Sequence[Trader]) -> None:
        """What systemd does: it waits, and starts them again."""
        for trader in gone:
            code = trader.seen.codes[-1]
            if code != StoreError.exit_code:
                raise RuntimeError(f"{trader.name} ended with {code}: see its log")
            self.say(f"{trader.name} ended with {code}, and is started again")
        self.clock.skip_to(self.clock.now() + RESTART_SECONDS)
        for trader in gone:
            trader.start(self.clock.ahead)

    # Faults.

    def _arm(self, number: int) -> None:
        """The next fault, if it is due."""
        if self._armed is not None or not self._left or self._left[0].close > number:
            return
        fault = self._left.pop(0)
        if fault.storing:
            _MACHINE.sleep(STORING_SECONDS)
            self._strike(fault, "while bars were stored")
        else:
            self._armed = fault

    def _taken(self, order: Order) -> None:
        """The venue has just taken an order, or moved one on; its sender knows nothing of it yet. Its own thread."""
        new = order.order_id not in self._known
        self._known.add(order.order_id)
        if new and self._armed is not None and order.ticket.order_type is OrderType.MARKET:
            fault, self._armed = self._armed, None
            orders = self.venue.exchange.orders.values()
            stops = sum(one.ticket.order_type in TRIGGERED and not one.state.terminal for one in orders)
            self._strike(fault, f"at the order {order.ticket.action} {order.ticket.symbol}, {stops} stops at work")

    def _strike(self, fault: Fault, where: str) -> None:
        if fault.what == "cut":
            assert self.wire is not None, "there is one"
            self.wire.cut = "after"
            happened = f"a COMMIT was cut off from its answer {where}"
        else:
            assert self.server is not None, "there is one"
            self.server.stop(crash=fault.what == "crash")
            self._back_at = _MACHINE.monotonic() + fault.away
            self._stopped.set()
            verb = "crashed" if fault.what == "crash" else "was stopped"
            happened = f"the server {verb}, for {fault.away:g} s, {where}"
        self.struck[self._closed] = happened
        self.say(happened)

    def _restore(self) -> None:
        """Start the server when its time away is over: in this thread, whose end would be the server's."""
        if self._stopped.is_set() and _MACHINE.monotonic() >= self._back_at:
            assert self.server is not None, "it was stopped"
            self.server.start(**self.settings)
            self._stopped.clear()


def _ready(processes: Sequence[Process], seconds: float) -> list[Process]:
    """Those that have something to say, or have ended, within so many seconds."""
    with selectors.DefaultSelector() as selector:
        for process in processes:
            selector.register(process, selectors.EVENT_READ, process)
        return [key.data for key, _ in selector.select(seconds)]

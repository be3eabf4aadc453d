"""A day of a trader at the loopback server, in a process that kills itself at a point. For `test_real_kills`."""

from __future__ import annotations

import json
import os
import signal
import sys
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from threading import Event, Thread
from typing import Any, NoReturn

from crash_scenarios import FLAT, RISE, Day

from livetrader.brokers.loopback.client import LoopbackClient
from livetrader.brokers.loopback.profiles import TAG_SCAN
from livetrader.brokers.permit import LivePermit
from livetrader.brokers.polled import PolledBroker
from livetrader.constraints.verdict import Approved
from livetrader.domain.exit_plan import ExitKind
from livetrader.domain.interval import Interval
from livetrader.domain.order import OrderIntent
from livetrader.domain.signal import Side, Signal
from livetrader.engine.book import Book
from livetrader.engine.cycle import Engine
from livetrader.engine.orders import OrderPath
from livetrader.engine.reconcile import Reconciler
from livetrader.engine.recovery import recover
from livetrader.errors import BrokerError
from livetrader.faultsim.crash import CrashPoints, MortalJournal
from livetrader.faultsim.desk import ACCOUNT, RULES, sizer
from livetrader.faultsim.market import BAR, INSTRUMENT, INSTRUMENTS, MOMENTS, OPENS, ArrivedTape
from livetrader.faultsim.runs import silence
from livetrader.faultsim.world import CAPITAL, MODE
from livetrader.market.clock import VirtualClock
from livetrader.ports import Outcome
from livetrader.store.database import open_state

HIGH = (101.0, 101.05, 100.95, 101.0)
# Two entries and their stops, one of which is moved; at the square-off the stops are cancelled, and both are closed.
DAY = Day("wire", ExitKind.TRAILING_ATR, False, {"AAA": [FLAT, RISE, HIGH, HIGH], "BBB": [FLAT] * 4}, ())
SETTLING_ROUNDS = 20


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Killer(CrashPoints):
    """Points at which the process is killed by the system, and not by an exception."""

    def __init__(self, name: str, nth: int) -> None:
        super().__init__()
        self.fatal = (name, nth)

    def visit(self, name: str) -> None:
        self.names.append(name)
        if (name, self.names.count(name)) == self.fatal:
            die()


class KilledClient(LoopbackClient):
    """The wire, in a process that dies before its request leaves, or when the answer is there."""

    points: CrashPoints

    def place(self, order: Approved) -> Outcome:
        return self.points.around("in_call", lambda: LoopbackClient.place(self, order), "after_call")

    def modify(self, broker_order_id: str, intent: OrderIntent) -> Outcome:
        return self.points.around(
            "in_modify", lambda: LoopbackClient.modify(self, broker_order_id, intent), "after_modify"
        )

    def cancel(self, broker_order_id: str) -> Outcome:
        return self.points.around("in_cancel", lambda: LoopbackClient.cancel(self, broker_order_id), "after_cancel")


def die_in_commit(journal: MortalJournal, nth: int) -> None:
    """SQLite tells of a COMMIT before it is run, and runs it without Python's lock: another thread kills meanwhile."""
    seen, begun = [], Event()

    def traced(statement: str) -> None:
        seen.extend([statement] if statement == "COMMIT" else [])
        if len(seen) == nth:
            begun.set()

    def kill() -> None:
        begun.wait()
        die()

    journal._writer._open()._driver.set_trace_callback(traced)
    Thread(target=kill, daemon=True).start()


@dataclass
class Bell:
    """The day's only signals: both entries at the first close."""

    def due(self, now: int) -> Sequence[Signal]:
        first = OPENS + BAR
        made = (Signal("s", "s", one, Side.LONG, Interval.M5, OPENS, first, 100.0, 0.5) for one in ("AAA", "BBB"))
        return [signal for signal in made if now == first]


class KilledDay:
    """The trader of `faultsim.world`, over the wire."""

    def __init__(self, url: str, token: str, folder: Path, points: Killer) -> None:
        self.url, self.token, self.market = url, token, DAY.market()
        self.clock = VirtualClock(self.control("state")["now"])
        journal = MortalJournal(open_state(f"sqlite:///{folder / 'state.db'}", MODE, ACCOUNT), points)
        if points.fatal[0] == "commit":
            die_in_commit(journal, points.fatal[1])
        self.tape = ArrivedTape(self.market)
        client = KilledClient(url, TAG_SCAN, self.clock, LivePermit("live"), attempts=1)
        client.points = points
        broker = PolledBroker(client, lambda _trade: Decimal(0))
        broker.restore(journal.orders(), journal.fills())
        self.book = Book(sizer(DAY.exit, INSTRUMENTS), CAPITAL)
        path = OrderPath(journal, broker, self.book, self.tape, self.clock)
        self.engine = Engine(journal, path, self.book, self.tape, Bell(), RULES, self.clock, ACCOUNT, keeps_books=True)
        self.reconciler = Reconciler(
            journal, broker, path, self.book, self.clock, lambda _symbol: INSTRUMENT.price(100.0), self.engine.alert
        )
        self.journal = journal
        recover(self.engine, self.market.session)

    def control(self, name: str, **asked: Any) -> Any:
        data = None if name == "state" else json.dumps(asked).encode()
        request = urllib.request.Request(f"{self.url}/control/{name}", data, {"Authorization": f"Bearer {self.token}"})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
            return json.load(answer)

    def trade(self) -> None:
        """From the server's time to the close; prices of moments that another process has seen are past."""
        for bar in range(len(DAY.rows["AAA"])):
            for instant, prices in self.market.path(bar):
                if instant >= int(self.clock.now()):
                    self.pass_time(instant)
                    for symbol, price in prices.items():
                        self.control("quote", symbol=symbol, price=price)
                    if instant == OPENS + bar * BAR + MOMENTS[-1]:
                        self.pass_time(instant + 1)
                        self.tape.arrived = bar + 1
                    self.look()
            self.tape.arrived = bar + 1

    def rest(self) -> bool:
        """After the close: whether all comes to rest, and the books agree."""
        self.control("end_of_day", square_off=True)
        for _ in range(SETTLING_ROUNDS):
            self.pass_time(int(self.clock.now()) + 60)
            if self.look() and not self.journal.open_orders() and not self.book.positions:
                self.journal.verify_audit()
                return True
        return False

    def pass_time(self, instant: float) -> None:
        self.clock.advance_to(max(instant, self.clock.now()))
        self.control("time", now=self.clock.now())

    def look(self) -> bool:
        """The passes that are due, a reconciliation, the monitor. True if the books agree."""
        agreed, now = False, int(self.clock.now())
        for close in range(OPENS + BAR, min(now, self.market.session.closes) + 1, BAR):
            if close > max(self.journal.marked() or 0, OPENS):
                self.engine.step(close)
        with suppress(BrokerError):
            agreed = self.reconciler.reconcile()
        self.engine.monitor()
        return agreed


def live(url: str, token: str, folder: Path, point: str, nth: int) -> NoReturn:
    """The whole of a process: the day, from the server's time on.

    `point` is a name of faultsim.crash, "commit" for the `nth` commit of SQLite, or "never". Ends with 0 when the day
    is over, all is at rest and both books agree, else with 1.
    """
    silence()
    day = KilledDay(url, token, folder, Killer(point, nth))
    day.trade()
    sys.exit(0 if day.rest() else 1)

"""The soak from its candles to its verdict: a session on PostgreSQL under faults, and the same session without any."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from livetrader.bootstrap.replay import Pace, replay, replay_tape
from livetrader.bootstrap.research import Request
from livetrader.bootstrap.workspace import Workspace
from livetrader.constraints.verdict import Approved
from livetrader.domain.candles import CandleColumns
from livetrader.domain.order import Fill, OrderIntent, Purpose
from livetrader.domain.order_state import OrderState
from livetrader.domain.session import Session
from livetrader.marketdata.store import open_store
from livetrader.ports import Decision, OrderRecord
from livetrader.store.memory import MemoryJournal
from livetrader.store.queries import open_queries
from livetrader.store.writer import RECONNECT_SECONDS
from tests.acceptance.faults.cut_wire import CutWire
from tests.acceptance.soak.clock import SharedClock
from tests.acceptance.soak.desk import (
    TRADED,
    configuration,
    fill,
    names,
    read_day,
    save_day,
    sessions_of,
    write_settings,
)
from tests.acceptance.soak.drive import Fault, Soak
from tests.acceptance.soak.process import Process
from tests.acceptance.soak.supervised import Trader
from tests.acceptance.soak.venue import Venue
from tests.postgres import PostgresServer, new_database

LEAD_SECONDS = 60  # how long before the open the traders are started


class Books(Protocol):
    """What a journal and the queries over a state both have."""

    def orders(self) -> Sequence[OrderRecord]: ...

    def fills(self) -> Sequence[Fill]: ...


Key = tuple[str, str, int]
"""A signal by its strategy, its symbol and its close."""

Name = tuple[str, str, Purpose]
"""An order by its symbol, its entry and its purpose."""


class Order(NamedTuple):
    """An order's last terms and its end."""

    when: tuple[Any, ...] | None
    terms: tuple[Any, ...]
    why: str
    state: OrderState
    filled: Decimal
    average_price: Decimal
    said: str


@dataclass(frozen=True)
class Told:
    """What a state says of the day, by value: decisions, orders, fills, and what they left in cash.

    Of a stop it is not said when it was first placed, and at which level: it is placed when a fill is heard of. Of a
    filled order it is not said how its fate was learnt.
    """

    decisions: Mapping[Key, Decision]
    orders: Mapping[Name, Sequence[Order]]
    fills: Mapping[Name, Sequence[tuple[Any, ...]]]
    cash: Decimal
    quantities: Mapping[str, Decimal]
    """What each order has filled, by its identity."""
    working: Sequence[Name]
    audited: int = 0

    @property
    def sent(self) -> int:
        return sum(map(len, self.orders.values()))

    @property
    def filled(self) -> int:
        return sum(map(len, self.fills.values()))

    @property
    def approved(self) -> int:
        return sum(isinstance(one.verdict, Approved) for one in self.decisions.values())


def told(books: Books, decisions: Sequence[Decision], audited: int = 0) -> Told:
    records, booked = books.orders(), books.fills()
    named = {one.intent.intent_id: _name(one.intent) for one in records}
    orders: dict[Name, list[Order]] = {}
    fills: dict[Name, list[tuple[Any, ...]]] = {}
    for one in records:
        orders.setdefault(_name(one.intent), []).append(_terms(one))
    for one_fill in booked:
        found = fills.setdefault(named[one_fill.intent_id], [])
        found.append((one_fill.action, one_fill.quantity, one_fill.price, one_fill.charges))
    keyed = {(one.signal.strategy, one.signal.symbol, one.signal.as_of): one for one in decisions}
    quantities = {one.intent.intent_id: one.filled_quantity for one in records if one.filled_quantity}
    working = [_name(one.intent) for one in records if not one.state.terminal]
    return Told(keyed, orders, fills, sum((one.cash for one in booked), Decimal(0)), quantities, working, audited)


def _name(intent: OrderIntent) -> Name:
    return intent.symbol, intent.entry_id or intent.intent_id, intent.purpose


def _terms(one: OrderRecord) -> Order:
    intent = one.intent
    when = None if intent.purpose is Purpose.STOP else (intent.intent_id, intent.as_of, intent.price)
    terms = intent.action, intent.product, intent.order_type, intent.quantity, intent.limit_price, intent.trigger_price
    said = "" if one.state is OrderState.FILLED else one.reason
    return Order(when, terms, str(intent.reason), one.state, one.filled_quantity, one.average_price, said)


def stored(folder: Path, name: str) -> Told:
    """What the state of the settings `name` says, with its log verified."""
    settings = configuration(folder, name).settings
    with open_queries(settings.state.url, settings.mode, settings.state.directory) as queries:
        return told(queries, queries.decisions(), queries.verify_audit())


@dataclass(frozen=True)
class Stage:
    """A server with the candles of every session before `session`, whose bars are in `folder` and in `day`.

    `settings` are over those of every process.
    """

    folder: Path
    server: PostgresServer
    dsn: str
    symbols: tuple[str, ...]
    session: Session
    day: CandleColumns
    settings: Mapping[str, object]

    def settle(self, name: str, mode: str, **settings: object) -> None:
        """Write down the settings of a process."""
        directory = self.folder / name
        directory.mkdir(exist_ok=True)
        chosen = {
            **TRADED, "mode": mode, "symbols": f"{','.join(self.symbols)},", "candles.url": self.dsn,
            "candles.tape": str(self.folder / "tape"), "state.url": self.dsn, "state.directory": str(directory),
        }  # fmt: skip
        write_settings(self.folder, name, {**chosen, **self.settings, **settings})


@contextmanager
def stage(folder: Path, server: PostgresServer, count: int, day: date, **settings: object) -> Iterator[Stage]:
    """Fill a new database on `server` with the history of `count` symbols."""
    sessions, symbols = sessions_of(day), names(count)
    with new_database(server.dsn) as dsn:
        with open_store(dsn) as store:
            save_day(folder, fill(store, symbols, sessions))
        yield Stage(folder, server, dsn, symbols, sessions[-1], read_day(folder), settings)


def soaked(
    on: Stage,
    faults: Sequence[Fault],
    looks: Sequence[int],
    patience: float = RECONNECT_SECONDS,
    settings: Mapping[str, str] | None = None,
    say: Callable[[str], None] = lambda _text: None,
) -> Soak:
    """The session in paper and live at once, its candles arriving bar by bar, under `faults`."""
    with ExitStack() as stack:
        wires = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        wire = CutWire(on.dsn, wires)
        stack.callback(wire.close)
        clock = SharedClock.at(on.session.opens - LEAD_SECONDS)
        venue = Venue(clock, on.symbols, on.session, Decimal(str(TRADED["capital.amount"])))
        stack.callback(venue.close)
        on.settle("feed", "paper")
        on.settle("paper", "paper")
        on.settle("live", "live", **{"broker.url": venue.url, "state.url": wire.dsn})
        feed = Process("feed", on.folder, "feed", log=on.folder / "feed.log")
        traders = [Trader(on.folder, name, patience) for name in ("paper", "live")]
        soak = Soak(
            on.session, on.day, clock, venue, traders, looks, feed, on.server, settings or {}, wire, faults, say
        )
        stack.callback(soak.close)
        soak.run()
        # The wire goes; what it led to stays.
        on.settle("live", "live", **{"broker.url": venue.url})
        return soak


def calm(on: Stage, looks: Sequence[int]) -> Told:
    """The session in live once more: in a database of its own, with all candles there, and nothing that fails."""
    with ExitStack() as stack:
        clock = SharedClock.at(on.session.opens - LEAD_SECONDS)
        venue = Venue(clock, on.symbols, on.session, Decimal(str(TRADED["capital.amount"])))
        stack.callback(venue.close)
        state = stack.enter_context(new_database(on.server.dsn))
        tape = str(on.folder / "calm_tape")
        on.settle("calm", "live", **{"broker.url": venue.url, "state.url": state, "candles.tape": tape})
        soak = Soak(on.session, on.day, clock, venue, [Trader(on.folder, "calm")], looks)
        stack.callback(soak.close)
        soak.run()
        return stored(on.folder, "calm")


def replayed(on: Stage, *, as_decided: bool) -> Told:
    """The session once more in a replay: on the stored candles, or on what the paper trader saw of them."""
    journal, asked = MemoryJournal(), Request(on.session.date, on.session.date)
    with Workspace(configuration(on.folder, "paper"), read_only=True) as workspace:
        if as_decided:
            replay_tape(workspace, asked, journal, "paper", Pace())
        else:
            replay(workspace, asked, journal)
    return told(journal, journal.decisions(since=0, until=1 << 60))

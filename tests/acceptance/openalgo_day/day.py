"""The trader of a day at OpenAlgo: the production objects on a virtual clock, its broker behind real HTTP.

Nothing of it stands in for anything but time and the market: configuration, candle store, state file, `SessionTrader`,
adapter, sockets, OpenAlgo's own manners. It is held against the invariants of the fault simulation at every look.

For a part of the day a process brings its own candles: it hears the server's WebSocket, a trade of each share each
second. The market waits for it there: time that stands still would outrun threads.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from livetrader.bootstrap.trading import SessionTrader, trading
from livetrader.brokers.loopback.exchange import Exchange
from livetrader.brokers.loopback.faults import Line, Script
from livetrader.brokers.loopback.profiles import OPENALGO
from livetrader.brokers.openalgo.loopback.server import OpenAlgoServer, broker_number
from livetrader.brokers.openalgo.loopback.switches import Mode
from livetrader.brokers.polled import PolledBroker
from livetrader.config import load
from livetrader.domain.books import BrokerTrade
from livetrader.domain.costs import charge_table
from livetrader.domain.instrument import Instrument, Product
from livetrader.domain.order import OrderIntent, Purpose
from livetrader.domain.order_state import OPEN
from livetrader.domain.session import Session
from livetrader.engine.book import Book
from livetrader.engine.cycle import Engine
from livetrader.engine.reconcile import Reconciler
from livetrader.faultsim.crash import CrashPoints, MortalVenue
from livetrader.faultsim.invariants import check, check_books, check_end
from livetrader.faultsim.way import carried
from livetrader.faultsim.wire import check_sending
from livetrader.marketdata.store import open_store
from livetrader.marketdata.ticks import GRACE_SECONDS
from livetrader.ports import Tape, wall_time
from livetrader.store.database import database_of
from livetrader.store.journal import SqlJournal
from tests.acceptance.history_server import overhearing, rows
from tests.acceptance.openalgo_day.market import BAR, LISTED, SYMBOLS, Market
from tests.threads import SharedTime, soon

KEY = "c0ffee00" * 8
CAPITAL, MAX_POSITIONS = Decimal(5_000_000), 20
CONFIG = f"""\
mode: live
symbols: "{",".join(SYMBOLS)}"
candles: {{url: "sqlite:///candles.db", tape: null}}
state: {{url: "sqlite:///state.db"}}
capital: {{amount: {CAPITAL}, allocation_pct: 4}}
constraints: {{max_open_positions: {MAX_POSITIONS}, max_trades_per_day: null, max_trades_per_strategy: null}}
broker: {{kind: openalgo, base_url: "{{url}}"}}
strategies:
  entries:
    momentum_long: {{exit: {{kind: percent, stop_loss_pct: 0.8, take_profit_pct: 0.6}}}}
    momentum_short: {{exit: {{kind: step_trail, stop_loss_pct: 0.8, activation_pct: 0.3}}}}
"""

# Closed bars are looked for every 10 s. The broker's books are read as often while anything is under way, and else each
# minute: production reads them every 2 s, also where nothing has happened.
LOOK_SECONDS, IDLE_LOOKS = 10, 6
LEAD_SECONDS = 60

# How far apart trades are: where they are heard, and where nobody hears them.
TICK_SECONDS = 1

# A bar that was made of ticks, or asked for, is in the store so long after its close; and then it is waited for.
STORED_SECONDS = 10
FEED = """\
feed: {kind: openalgo, websocket_url: "{url}"}
"""


class OpenAlgoDay:
    """A day in `folder`, from a minute before the open until the trader says that it is over.

    `script` strikes at the broker; `deeds` are what people and operators do, by the epoch second. It is what the
    invariants of `livetrader.faultsim` ask a World for.
    """

    profile = replace(OPENALGO, lag_seconds=0.0)  # its own book shows an order at once
    capital, max_positions, max_daily_loss = CAPITAL, MAX_POSITIONS, CAPITAL
    clock_was_set = forgetful = False
    asked = 0  # by hand
    seen = sys.maxsize  # a bar that has closed is waited for: no pass is before it

    def __init__(
        self, folder: Path, market: Market, script: Script = (),
        deeds: Iterable[tuple[int, Callable[[OpenAlgoDay], object]]] = (),
    ) -> None:  # fmt: skip
        self.folder, self.market = folder, market
        self.clock = SharedTime(float(market.session.opens - LEAD_SECONDS))
        self._table = charge_table("nse_intraday")
        self.instruments = {symbol: Instrument(symbol) for symbol in LISTED}
        self.exchange = Exchange(self.profile, self.clock, self.instruments, CAPITAL, number=broker_number)
        self.line = Line(self.clock, script)
        self._deeds = sorted(deeds, key=lambda one: one[0])
        self._open, self._process = ExitStack(), ExitStack()
        server = OpenAlgoServer(self.exchange, self.line, key=KEY, bars=market.tape.bars, limits={}, delays=self.clock)
        self.server = self._open.enter_context(server.running())
        self.file = folder / "config.yaml"
        self.store = self._open.enter_context(open_store(f"sqlite:///{folder / 'candles.db'}"))
        market.fill(self.store)
        self._told = self._open.enter_context(overhearing())
        self._heard_from = float("inf")
        self.agreements, self.processes = 0, 0
        self.sent: dict[int, str] = {}  # the intent of each call of placeorder, by its ordinal
        self.agreed = self.informed = self.passed = False
        self.told: list[str] = []
        self.latched: list[tuple[int, frozenset[str]]] = []  # what stops entries, since when
        self.alerts: dict[str, str] = {}
        self.kept: dict[int, set[tuple[object, ...]]] = {}
        self.histories: list[int] = []
        self.fallen = ""  # a share of ours that is halted, and falls
        self.fell: list[str] = []
        self.tested: dict[tuple[str, int], int] = {}
        self.decided, self._looks, self._strikes = 0, 0, 0
        self._sound_since, self._agreed_at = float("inf"), None
        self._seen: object = None
        self.start()

    # The process.

    def start(self, feed: str = "") -> None:
        """A process begins, as `livetrader run` does; one with a `feed` when that has caught up."""
        self.file.write_text(CONFIG.replace("{url}", self.server.url) + feed)
        configuration = load(self.file, environ={"LIVETRADER_OPENALGO_KEY": KEY, "XDG_CONFIG_HOME": str(self.folder)})
        self.trader: SessionTrader = self._process.enter_context(trading(configuration, self.clock))
        self.broker = self.trader.account.broker
        assert isinstance(self.broker, PolledBroker)
        self._process.callback(self.broker.venue.close)  # type: ignore[attr-defined]  # it is an OpenAlgoClient
        self.broker.venue = MortalVenue(self.broker.venue, CrashPoints(), self._sending)
        state = configuration.settings.state.url
        self._committed = database_of(state, "live", read_only=True).connect()
        self._process.callback(self._committed.close)
        self.processes += 1
        self.passed, self.decided, self._sound_since = False, 0, float("inf")
        if self.trader.feed is not None:
            soon(lambda: self.trader.feed is not None and self.trader.feed.ready)
            self._connected()

    def stop(self) -> None:
        """It ends, as after a signal: stops stay at the broker."""
        self._process.close()

    def close(self) -> None:
        self.stop()
        self._open.close()

    # Time.

    def run(self) -> None:
        """Live through the day. Violation where an invariant breaks."""
        session = self.market.session
        for now in range(int(self.clock.now()), session.closes + 120, LOOK_SECONDS):
            heard = self._hearing
            for at in range(now - LOOK_SECONDS + TICK_SECONDS, now + TICK_SECONDS, TICK_SECONDS) if heard else ():
                self._trade(at, TICK_SECONDS)
            self.clock.advance_to(float(now))  # a throttled call may have taken more time
            while self._deeds and self._deeds[0][0] <= now:
                self._deeds.pop(0)[1](self)
            if now == session.closes:
                self.exchange.end_of_day()
            if not heard:
                self._trade(now, LOOK_SECONDS)
            self._look(now)
            if self.trader.over:
                break
        else:
            raise AssertionError("the trader does not say that the day is over")
        self._strikes = len(self.line.strikes)
        self.trader.compare()
        self.agreed = self.journal.agreed() != self._agreed_at
        check_books(self)  # type: ignore[arg-type]  # it has what they ask of a World
        check_end(self)  # type: ignore[arg-type]  # as above

    def _trade(self, now: int, step: int) -> None:
        """The market trades once in so many seconds. Where the trader hears it, what comes next comes after that."""
        if not self.market.session.opens <= now < self.market.session.closes:
            return
        self.clock.advance_to(float(now))
        began, last = self.clock.monotonic(), ""
        with self.server.front.lock:
            for symbol, price, size in self.market.tape.trades(now, step):
                if symbol != self.fallen:
                    self.exchange.quote(symbol, price, size=size)
                    last = symbol if size else last  # one that says nothing new is not heard
            if self.fallen:
                last, price = self.fallen, self.exchange.feed[self.fallen].price
                self.exchange.quote(last, price - 0.05 * self.book.positions[last].position.side.sign)
        if self.fallen or self._hearing:  # quotes are told in their order
            soon(lambda: self._heard(last) >= began, every=0.0005)
        if self._hearing:  # what they have made of a bar is there before anybody might ask for it
            opened = now - GRACE_SECONDS - BAR.seconds
            made = {key for key in self.market.closed(now) if self._heard_from < key[1] == opened}
            soon(lambda: made <= self._told)

    def _look(self, now: int) -> None:
        """What the scheduler makes of a moment, and what holds after it."""
        if self.trader.feed is None:
            self.market.bring(self.store, now)
        else:
            soon(lambda: self._stored(now))
        self._strikes = len(self.line.strikes)
        known = {} if self.trader.live is None else dict(self.book.positions)
        self.trader.scan()
        self._looks += 1
        if self.trader.over:
            return
        self._passed({(symbol, held.opened) for symbol, held in known.items()})
        if self._looks % IDLE_LOOKS == 0 or self._busy:
            self.trader.monitor()
            self._hold()
            latches = frozenset(self.journal.latches())
            if latches != (self.latched[-1][1] if self.latched else frozenset()):
                self.latched.append((now, latches))
                self.alerts |= {one.key: one.text for one in self.journal.alerts()}

    def _passed(self, known: set[tuple[str, int]]) -> None:
        live = self.trader.live
        if live is not None and live.decided > max(self.decided, self.market.session.opens):
            self.passed, self.decided = self.decided > 0 or live.passes > 0, live.decided
            self.tested |= dict.fromkeys(known, self.decided)

    def _hold(self) -> None:
        """The invariants, as far as the trader can know by now what the broker knows."""
        if self.trader.live is None:
            return
        self.informed = self.undisturbed
        self._sound_since = min(self._sound_since, self.clock.monotonic()) if self.informed else float("inf")
        check(self)  # type: ignore[arg-type]  # it has what they ask of a World
        agreed = self.journal.agreed()
        if agreed != self._agreed_at and self.informed and not self.book.differing:
            self._agreed_at, self.agreements = agreed, self.agreements + 1
            check_books(self)  # type: ignore[arg-type]  # as above

    @property
    def _busy(self) -> bool:
        """Whether anything is under way."""
        if self.trader.live is None:
            return False
        if self.fallen:
            return True
        working = any(one.purpose is not Purpose.STOP for one in self.book.orders.values())
        doubted = self.engine.path.doubtful
        bare = (one.leaving or one.stop is None or one.stop in doubted for one in self.book.positions.values())
        return working or bool(self.book.unknown) or any(bare)

    # The quotes.

    @property
    def _hearing(self) -> bool:
        """Whether somebody hears what is traded."""
        return self.trader.quotes is not None and not self.server.switches.silent

    def _heard(self, symbol: str) -> float:
        """When (monotonic) the trader last heard of a symbol."""
        assert self.trader.quotes is not None
        last = self.trader.quotes.prices.last(symbol)
        return float("-inf") if last is None else self.clock.monotonic() - last.age_seconds

    def _connected(self) -> None:
        """Wait until the trader hears every symbol."""
        soon(lambda: self.trader.quotes is not None and self.trader.quotes.prices.watched == len(LISTED))
        self._heard_from = self.clock.now()

    def _stored(self, now: int) -> bool:
        """Whether the feed has brought what had closed some seconds before."""
        expected = {key for key in self.market.closed(now - STORED_SECONDS) if key[1] >= now - 4 * BAR.seconds}
        found = self.store.read(BAR, now - 4 * BAR.seconds, now, LISTED)
        return expected <= {(found.symbols[code], ts) for code, ts in zip(found.symbol, found.ts.tolist(), strict=True)}

    # What the invariants ask for.

    @property
    def engine(self) -> Engine:
        return self.trader.desk.engine

    @property
    def session(self) -> Session:
        return self.market.session

    @property
    def book(self) -> Book:
        return self.engine.book

    @property
    def intraday(self) -> list[str]:
        return list(self.book.positions)

    @property
    def reconciler(self) -> Reconciler | None:
        return self.trader.desk.reconciler

    @property
    def tape(self) -> Tape:
        return self.engine.tape

    @property
    def journal(self) -> SqlJournal:
        return self.trader.journal

    @property
    def true_time(self) -> int:
        return int(self.clock.now())

    @property
    def sound_seconds(self) -> float:
        return self.clock.monotonic() - self._sound_since

    @property
    def undisturbed(self) -> bool:
        """Whether nothing keeps the trader from knowing what the broker knows."""
        hidden = len(self.exchange.order_book()) < len(self.exchange.orders)
        switches = self.server.switches
        elsewhere = switches.revoked or switches.mode is not Mode.LIVE
        # A bar has closed that is waited for: the tape may have more by now than the last pass has seen.
        waits = self.decided + BAR.seconds <= self.clock.now() < self.market.session.closes
        return len(self.line.strikes) == self._strikes and not (hidden or elsewhere or waits)

    def committed(self, sql: str, **values: object) -> Sequence[Any]:
        return self._committed.select(sql, values)

    def cash_of(self, trade: BrokerTrade) -> Decimal:
        return -trade.action.sign * trade.quantity * trade.price - self._charges(trade)

    def stirred(self) -> bool:
        head = self.committed("SELECT max(seq) AS head FROM audit")[0]["head"] or 0
        now = (head, self.line.order_calls, len(self.exchange.trades), self.informed)
        stirred, self._seen = now != self._seen, now
        return stirred

    def _sending(self, intent: OrderIntent) -> None:
        self.sent[self.line.calls["place"] + 1] = intent.intent_id
        check_sending(self, intent)  # type: ignore[arg-type]  # it has what is asked of a World

    def _charges(self, trade: BrokerTrade) -> Decimal:
        return self._table.charges(trade.action, trade.quantity, trade.price, trade.traded_at.date()).total

    # What people do.

    def switch(self, **switches: Any) -> None:
        """Somebody turns a switch of the server."""
        with self.server.front.lock:
            self.server.switches.set(switches)

    def trade_in_the_app(self, quantity: int) -> None:
        """Somebody trades a share that we have nothing to do with."""
        busy = self.book.positions.keys() | {order.symbol for order in self.book.orders.values()}
        symbol = next(symbol for symbol in reversed(SYMBOLS) if symbol not in busy)
        self.exchange.manual_trade(symbol, Decimal(quantity))
        self.told.append(symbol)

    def answer_for_it(self) -> None:
        """The operator has seen it: `livetrader ignore`."""
        self.journal.post("ignore", {"symbol": self.told[-1]}, wall_time(self.clock))

    def close_in_the_app(self) -> None:
        """Somebody closes what we hold of a share."""
        symbol = next(symbol for symbol, held in self.book.positions.items() if held.leaving is None)
        self.exchange.manual_trade(symbol, -self.exchange.account.position(symbol, Product.MIS))
        self._sound_since = float("inf")
        self.told.append(symbol)

    def cancel_in_the_app(self) -> None:
        """Somebody cancels one of our stops."""
        stop = next(order for order in self.exchange.orders.values() if order.state in OPEN and carried(order))
        self.exchange.manual_cancel(stop.order_id)
        self._sound_since = float("inf")
        self.told.append(stop.ticket.symbol)

    def start_again(self) -> None:
        """The process ends, as for an update, and another one begins."""
        self.stop()
        self.start()

    def hear(self) -> None:
        """The operator has set a feed, and begins anew."""
        self.stop()
        self.start(FEED.replace("{url}", self.server.stream.url))

    def keep(self, ts: int) -> None:
        """Note what the store has of the shares' bars that open then, and how often the history was asked by now."""
        found = self.store.read(BAR, ts, ts + 1, SYMBOLS)
        self.kept[ts] = rows(found)
        self.histories.append(self.server.front.control.requests["history"])

    def be_silent(self) -> None:
        """The socket is healthy, and nothing comes."""
        self.switch(silent=True)

    def be_heard_again(self) -> None:
        self.switch(silent=False)
        self._connected()

    def fall_while_halted(self) -> None:
        """Trading in a share of ours stops beyond its stop, which the exchange does not trigger then."""
        held = next(one for one in self.book.positions.values() if one.leaving is None and one.stop is not None)
        self.fallen = held.entry.symbol
        with self.server.front.lock:
            self.exchange.halt(self.fallen, on=True)
            self.exchange.quote(self.fallen, round(held.exit.stop * (1 - 0.002 * held.position.side.sign)))

    def trade_again(self) -> None:
        """It goes on."""
        with self.server.front.lock:
            self.exchange.halt(self.fallen, on=False)
        self.fell.append(self.fallen)
        self.fallen = ""

"""One account and everything that can happen to it: prices, faults on the line, crashes, people, clocks.

The venue and the state file outlive the process; the engine is built anew from the file after each crash, by the same
code that starts a live trader. Nothing here is faked but the market and time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from livetrader.brokers.loopback.exchange import Exchange, plain_number
from livetrader.brokers.loopback.faults import Chance, Line
from livetrader.brokers.loopback.profiles import OPENALGO, Profile
from livetrader.brokers.loopback.rules import Rejected
from livetrader.brokers.openalgo.loopback.server import broker_number
from livetrader.domain.books import BrokerTrade
from livetrader.domain.exit_plan import ExitKind
from livetrader.domain.instrument import Product
from livetrader.domain.interval import Interval
from livetrader.domain.order import Action, OrderIntent
from livetrader.domain.order_state import OrderState
from livetrader.domain.signal import Side, Signal
from livetrader.engine.book import Book
from livetrader.engine.cycle import Engine
from livetrader.engine.execution import AT_MARKET, Execution
from livetrader.engine.manual import Manual, NotDone, Ticket
from livetrader.engine.orders import OrderPath
from livetrader.engine.reconcile import Reconciler
from livetrader.engine.recovery import recover
from livetrader.errors import BrokerError
from livetrader.faultsim.crash import Crash, CrashPoints, MortalJournal, MortalVenue
from livetrader.faultsim.desk import ACCOUNT, CHARGES, MAX_POSITIONS, RULES, charges, sizer
from livetrader.faultsim.heard import HeardBroker
from livetrader.faultsim.market import (
    BAR,
    INSTRUMENT,
    INSTRUMENTS,
    MOMENTS,
    OPENS,
    SYMBOLS,
    TICK,
    ArrivedTape,
    Market,
    MarketClock,
)
from livetrader.faultsim.way import faults, way
from livetrader.faultsim.wire import check_sending
from livetrader.market.clock import VirtualClock
from livetrader.ports import wall_time
from livetrader.store.database import open_state, template
from livetrader.store.dialects import database_of
from livetrader.store.location import state_path
from livetrader.store.rows import Row

MODE = "live"
CAPITAL = Decimal(100_000)
RECONCILE_SECONDS = 60
MONITOR_SECONDS = 2
MAX_DAILY_LOSS = CAPITAL / 250  # two stops

# After the close faults end, and this many rounds of a minute must bring everything to rest.
SETTLING_ROUNDS = 30

# What OpenAlgo says of an order's end may be another order's: it is believed when it is seen again.
LOOKS_ON_THE_WIRE = 2

Check = Callable[["World"], None]


class World:
    """The account, from before the first price until everything is at rest.

    `deaths` are the ordinals of the crash points at which the process dies. `watch` is what holds after
    every step, `compare` when a reconciliation has just found that the books agree. The state is a file in `folder`, or
    in the database at `url`. With `http` the venue is a server, and the process has its broker's adapter.
    """

    def __init__(
        self,
        folder: Path,
        profile: Profile,
        market: Market,
        chance: Chance,
        *,
        watch: Check,
        compare: Check,
        exit: ExitKind = ExitKind.TRAILING_ATR,
        rate: float = 0.0,
        partial_fills: bool = False,
        deaths: Collection[int] = (),
        url: str | None = None,
        http: bool = False,
        execution: Execution = AT_MARKET,
        freeze: Decimal | None = None,
    ) -> None:
        self.market, self.profile = market, profile
        self.clock = VirtualClock(float(OPENS))
        self.tape = ArrivedTape(market)
        self.points = CrashPoints(deaths)
        # Behind OpenAlgo only whole shares are traded, and orders have the ids of a broker.
        gateway = profile is OPENALGO
        special = {} if gateway else INSTRUMENTS
        self.instruments = {
            symbol: replace(special.get(symbol, INSTRUMENT), symbol=symbol, freeze_quantity=freeze)
            for symbol in SYMBOLS
        }  # fmt: skip
        self.exchange = Exchange(
            profile,
            MarketClock(self.clock) if http else self.clock,
            self.instruments,
            CAPITAL,
            charges=CHARGES,
            partial_fills=partial_fills,
            chance=chance,
            number=broker_number if gateway else plain_number,
        )
        self.line = Line(self.clock, chance=chance, rate=rate, faults=faults(profile, http=http))
        self.way = way(self.exchange, self.line, self.clock, http=http)
        self.looks = LOOKS_ON_THE_WIRE if http else 1
        self.venue = MortalVenue(self.way.venue(), self.points, self._sending)
        self.url = url or f"sqlite:///{folder / 'state.db'}"
        if url is None:
            state_path(self.url, MODE).write_bytes(template(MODE, ACCOUNT))
        else:
            open_state(self.url, MODE, ACCOUNT)
        self.wanted: dict[int, list[Signal]] = {}
        self.crashes: list[str] = []
        self.troubles: list[str] = []
        self.agreed = self.informed = self.passed = self.clock_was_set = False
        self.forgetful, self._head = False, 0  # whether an old copy of the journal was put back
        self.tested: set[tuple[str, int]] = set()
        self._sound_since, self._before = float("inf"), (0, 0)
        self.watch, self.compare = watch, compare
        self.max_positions, self.max_daily_loss, self.capital = MAX_POSITIONS, MAX_DAILY_LOSS, CAPITAL
        self._seen: object = None
        self._unseen = False
        self.tickets: list[Ticket] = []
        self.asked = 0
        self._exit, self._bar, self._moment, self._execution = exit, 0, 0, execution
        self._committed = database_of(self.url, MODE, read_only=True).connect()
        self._start()

    def close(self) -> None:
        self._committed.close()
        self.journal.close()
        self.way.close()

    # The process.

    def _start(self) -> None:
        """Begin a process, again if it dies while it recovers."""
        while True:
            try:
                self._boot()
                return
            except Crash as crash:
                self._died(crash)

    def _boot(self) -> None:
        self.journal = MortalJournal(open_state(self.url, MODE, ACCOUNT, synchronous="OFF"), self.points)
        self.forgetful |= self._audited() < self._head
        self._sound_since = float("inf")  # a new process takes its time, too
        self.venue.venue = self.way.venue()
        self.broker = HeardBroker(self.venue, charges)
        self.broker.restore(self.journal.orders(), self.journal.fills())
        self.book = Book(sizer(self._exit, self.instruments, self._execution), CAPITAL)
        path = OrderPath(self.journal, self.broker, self.book, self.tape, self.clock)
        self.engine = Engine(
            self.journal, path, self.book, self.tape, self, RULES, self.clock, ACCOUNT, max_daily_loss=MAX_DAILY_LOSS,
            keeps_books=True,
        )  # fmt: skip
        self.reconciler = Reconciler(
            self.journal, self.broker, path, self.book, self.clock, self._price, self.engine.alert,
            cash_is_exact=self.profile.tells_cash,
        )  # fmt: skip
        self.manual = Manual(self.engine, RULES, self._price)
        self.reconciled_at = float("-inf")
        self.decided, self.passed, self.seen = max(self.journal.marked() or 0, OPENS), False, self.tape.arrived
        recover(self.engine, self.market.session)

    def _died(self, crash: Crash) -> None:
        self.crashes.append(str(crash))
        self.agreed = False  # what this process found, the next one has to find again
        self.journal.close()

    def kill(self) -> None:
        """The process ends between two steps."""
        self.crashes.append("between steps")
        self.journal.close()
        self._start()

    def due(self, now: int) -> list[Signal]:
        """The engine's signals: of bars that have arrived."""
        return [signal for signal in self.wanted.get(now, ()) if signal.as_of <= self.true_time]

    # Time.

    @property
    def true_time(self) -> int:
        """The market's own time; the machine's clock may stand elsewhere."""
        return OPENS + int(self.clock.monotonic())

    @property
    def undisturbed(self) -> bool:
        """Whether nothing in this step has kept the engine from knowing what the venue knows."""
        quiet = self._before == (len(self.line.strikes), len(self.crashes))
        return quiet and not (self._unseen or self._hidden) and self.way.sound

    @property
    def sound_seconds(self) -> float:
        """For how long nothing has kept the engine from knowing; negative where something does."""
        return self.clock.monotonic() - self._sound_since

    @property
    def over(self) -> bool:
        return self._bar >= self._height

    @property
    def _height(self) -> int:
        return (self.market.session.closes - OPENS) // BAR

    def tick(self) -> None:
        """The next prices of the market, and what the process makes of them."""
        instant, prices = self.market.path(self._bar)[self._moment]
        self._pass_time(instant - self.true_time)
        self.way.look()
        for symbol, price in prices.items():
            self.exchange.quote(symbol, price)
        self._moment += 1
        if self._moment == len(MOMENTS):
            self._moment, self._bar = 0, self._bar + 1
            self._pass_time(OPENS + self._bar * BAR - self.true_time)
            self.tape.arrived = self._bar
        self._live()

    def settle(self) -> None:
        """The day is over: faults end, the broker squares off, and everything comes to rest."""
        self.line.heal()
        self.way.heal()
        self.exchange.end_of_day(square_off=True)
        for _ in range(SETTLING_ROUNDS):
            self._pass_time(60)
            self._live()
            if self.agreed and not self.journal.open_orders() and not self.book.positions:
                return

    def _pass_time(self, seconds: int) -> None:
        self.clock.advance_to(self.clock.now() + max(seconds, 0))  # a slow answer may have taken its time already

    def _live(self) -> None:
        """What the scheduler makes of a moment: passes that are due, the monitor, the periodic reconciliation."""
        self._before = len(self.line.strikes), len(self.crashes)
        self.agreed = self.broker.heard = False
        try:
            session, now = self.market.session, int(self.clock.now())
            for close in range(OPENS + BAR, min(now, session.closes) + 1, BAR):
                if close > self.decided:
                    known = {(symbol, held.opened) for symbol, held in self.book.positions.items()}
                    self.engine.step(close)
                    self.decided, self.passed, self.seen, self.tested = close, True, self.tape.arrived, known
            self._reconcile()
            rejected = self._rejected
            for look in range(self.looks):
                self._pass_time(MONITOR_SECONDS if look else 0)
                self._unseen = self._hidden  # reads take time on the wire: what turns up meanwhile was not seen
                self.engine.monitor()
            self._unseen |= self.looks > 1 and self._rejected != rejected  # seen once at most, and not believed yet
            self._attend()
        except Crash as crash:
            self._died(crash)
            self._start()
        self.informed = self.broker.knows(self.exchange.order_book(), undisturbed=self.undisturbed)
        self._sound_since = min(self._sound_since, self.clock.monotonic()) if self.undisturbed else float("inf")
        self.watch(self)

    def _attend(self) -> None:
        """Carry out what was asked by hand, each until it is answered: a process that dies over one does it again."""
        for ticket in list(self.tickets):
            with suppress(NotDone):
                self.manual.trade(ticket)
            self.tickets.remove(ticket)

    def _reconcile(self) -> None:
        if self.clock.monotonic() - self.reconciled_at < RECONCILE_SECONDS:
            return
        before = len(self.line.strikes), len(self.exchange.orders), self._hidden
        with suppress(BrokerError):  # the next round tries again
            self.agreed = self.reconciler.reconcile()
            self.reconciled_at = self.clock.monotonic()
        # On the wire an order that was hidden, or not sent yet, may have turned up since the books were read.
        if self.agreed and before == (len(self.line.strikes), len(self.exchange.orders), False) and not self._hidden:
            self.compare(self)

    @property
    def _hidden(self) -> bool:
        """Whether there is an order that the venue's books do not show yet."""
        return len(self.exchange.order_book()) < len(self.exchange.orders)

    @property
    def _rejected(self) -> set[str]:
        """The orders that the venue's book shows as rejected."""
        return {line.broker_order_id for line in self.exchange.order_book() if line.state is OrderState.REJECTED}

    # What happens.

    def signal(self, symbol: str, side: Side) -> None:
        """The bar that is under way will close with a signal."""
        closes = OPENS + (self._bar + 1) * BAR
        price = self.market.prices[symbol][self._bar][3] if not self.over else 100.0
        one = Signal("s", "s", symbol, side, Interval.M5, closes - BAR, closes, price, 0.5)
        earlier = self.wanted.setdefault(closes, [])
        if all(other.symbol != symbol for other in earlier):
            earlier.append(one)

    def order(self, action: Action, symbol: str, quantity: int, execution: Execution) -> None:
        """The operator gives an order, through us: a limit at the last price where the execution needs one."""
        self.asked += 1
        price = self._price(symbol)
        stop = (price * (1 - action.sign * Decimal("0.006"))).quantize(TICK * 20)
        self.tickets.append(Ticket(
            self.asked, int(self.clock.now()), action, symbol, Decimal(quantity),
            limit_price=price.quantize(TICK) if execution.at_limit else None, stop=stop, execution=execution,
        ))  # fmt: skip

    def trade_by_hand(self, symbol: str, quantity: int) -> None:
        """Somebody trades on the account, past us."""
        self._by_hand(lambda: self.exchange.manual_trade(symbol, Decimal(quantity)))

    def close_by_hand(self, symbol: str) -> None:
        """Somebody closes what the account holds."""
        held = self.exchange.account.position(symbol, Product.MIS)
        if held:
            self._by_hand(lambda: self.exchange.manual_trade(symbol, -held))

    def cancel_by_hand(self, nth: int) -> None:
        """Somebody cancels one of the working orders."""
        working = [order for order in self.exchange.orders.values() if not order.state.terminal]
        if working:
            self._by_hand(lambda: self.exchange.manual_cancel(working[nth % len(working)].order_id))

    def _by_hand(self, act: Callable[[], object]) -> None:
        self._sound_since = float("inf")
        self._pass_time(1)  # they act between two looks of ours
        with suppress(Rejected):  # people are refused things, too
            act()

    def trouble(self, chance: Chance) -> None:
        """Something goes wrong on the way to the venue."""
        told = self.way.trouble(chance)
        self.troubles += [told] if told else []

    def withdraw(self, amount: int) -> None:
        self.exchange.withdraw(Decimal(amount))

    def halt(self) -> None:
        self.journal.latch("halt", "by hand", self._at())

    def resume(self) -> None:
        self.journal.unlatch("halt", self._at())

    def step_clock(self, seconds: int) -> None:
        """The machine's clock is set."""
        self.clock_was_set = True
        self.clock.step(seconds)

    # What is seen on the way.

    def _sending(self, intent: OrderIntent) -> None:
        check_sending(self, intent)

    def committed(self, sql: str, **values: object) -> Sequence[Row]:
        """Rows as any other process sees them."""
        return self._committed.select(sql, values)

    def _audited(self) -> int:
        """How much the journal has written down."""
        return self.committed("SELECT max(seq) AS head FROM audit")[0]["head"] or 0

    def cash_of(self, trade: BrokerTrade) -> Decimal:
        """What a trade of the venue added to its cash."""
        return -trade.action.sign * trade.quantity * trade.price - charges(trade)

    def stirred(self) -> bool:
        """Whether anything was written down, asked for or traded since this was asked last."""
        self._head = self._audited()
        now = (self._head, self.line.order_calls, len(self.exchange.trades), self.informed)
        stirred, self._seen = now != self._seen, now
        return stirred

    def _price(self, symbol: str) -> Decimal:
        bar = min(self._bar, self._height - 1)
        return INSTRUMENT.price(self.market.prices[symbol][bar][0])

    def _at(self) -> datetime:
        return wall_time(self.clock)

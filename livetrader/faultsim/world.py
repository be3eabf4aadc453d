"""One account and everything that can happen to it: prices, faults on the line, crashes, people, clocks.

The venue and the state file outlive the process; the engine is built anew from the file after each crash, by the same
code that starts a live trader. Nothing here is faked but the market and time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

from livetrader.brokers.loopback.faults import Chance, Line
from livetrader.brokers.loopback.profiles import Profile
from livetrader.brokers.loopback.rules import Rejected
from livetrader.domain.books import BrokerTrade
from livetrader.domain.exit_plan import ExitKind
from livetrader.domain.instrument import Product
from livetrader.domain.interval import Interval
from livetrader.domain.order import OrderIntent
from livetrader.domain.order_state import OrderState
from livetrader.domain.session import Session
from livetrader.domain.signal import Side, Signal
from livetrader.engine.book import Book
from livetrader.engine.by_hand.manual import Manual, NotDone
from livetrader.engine.cycle import Engine
from livetrader.engine.orders import OrderPath
from livetrader.engine.parents.execution import AT_MARKET, Execution
from livetrader.engine.reconcile import Reconciler
from livetrader.engine.recovery import recover
from livetrader.errors import BrokerError
from livetrader.faultsim.account import CAPITAL, exchange, heard
from livetrader.faultsim.crash import Crash, CrashPoints, MortalJournal, MortalVenue
from livetrader.faultsim.desk import ACCOUNT, MAX_POSITIONS, RULES, by_hand, charges, sizer
from livetrader.faultsim.heard import HeardBroker
from livetrader.faultsim.market import BAR, INSTRUMENT, MOMENTS, OPENS, ArrivedTape, Market, MarketClock
from livetrader.faultsim.way import faults, way
from livetrader.market.clock import VirtualClock
from livetrader.ports import wall_time
from livetrader.store.database import open_state, template
from livetrader.store.dialects import database_of
from livetrader.store.location import state_path
from livetrader.store.rows import Row

MODE = "live"
RECONCILE_SECONDS = 60
MONITOR_SECONDS = 2
MAX_DAILY_LOSS = CAPITAL / 250  # two stops

# After the close faults end, and this many rounds of a minute must bring everything to rest.
SETTLING_ROUNDS = 30
EVENING_ROUNDS = 2

Check = Callable[["World"], None]
Vet = Callable[["World", OrderIntent], None]


class World:
    """The account, from before the first price until everything is at rest.

    `deaths` are the ordinals of the crash points at which the process dies. `watch` is what holds after every step,
    `compare` when a reconciliation has just found that the books agree, `vet` of each order that is about to go out.
    The state is a file in `folder`, or in the database at `url`. With `http` the venue is a server.
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
        vet: Vet,
        exit: ExitKind = ExitKind.TRAILING_ATR,
        rate: float = 0.0,
        partial_fills: bool = False,
        deaths: Collection[int] = (),
        url: str | None = None,
        http: bool = False,
        execution: Execution = AT_MARKET,
        freeze: Decimal | None = None,
        product: Product = Product.MIS,
        overnight: bool = False,
        cleared: bool = False,
    ) -> None:
        self.market, self.profile = market, profile
        self.clock = VirtualClock(float(OPENS))
        self.tape = ArrivedTape(market)
        self.points = CrashPoints(deaths)
        times = MarketClock(self.clock) if http else self.clock
        self.exchange = exchange(profile, times, chance, freeze, partial_fills=partial_fills)
        self.instruments = self.exchange.instruments
        self.line = Line(self.clock, chance=chance, rate=rate, faults=faults(profile, http=http))
        self.way = way(self.exchange, self.line, self.clock, http=http)
        self.venue = MortalVenue(self.way.venue(), self.points, self._sending)
        self.url = url or f"sqlite:///{folder / 'state.db'}"
        if url is None:
            state_path(self.url, MODE).write_bytes(template(MODE, ACCOUNT))
        else:
            open_state(self.url, MODE, ACCOUNT)
        self.wanted: dict[int, list[Signal]] = {}
        self.crashes, self.troubles = list[str](), list[str]()
        self.agreed = self.informed = self.passed = self.clock_was_set = self._unseen = False
        self.forgetful, self._head = False, 0  # whether an old copy of the journal was put back
        self.tested: dict[tuple[str, int], int] = {}  # the last pass that tested each position
        self._sound_since, self._before, self._seen = float("inf"), (0, 0), (0, 0, 0, False)
        self.watch, self.compare, self.vet = watch, compare, vet
        self.max_positions, self.max_daily_loss, self.capital = MAX_POSITIONS, MAX_DAILY_LOSS, CAPITAL
        self.asks, self.asked = list[Callable[[], object]](), 0
        self._bar, self._moment, self._day, self._cleared = 0, 0, 0, cleared
        self.sizer = sizer(exit, self.instruments, execution, product, overnight=overnight)
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
        self.book = Book(self.sizer, CAPITAL)
        path = OrderPath(self.journal, self.broker, self.book, self.tape, self.clock)
        self.engine = Engine(
            self.journal, path, self.book, self.tape, self, RULES, self.clock, ACCOUNT, max_daily_loss=MAX_DAILY_LOSS,
            keeps_books=True,
        )  # fmt: skip
        self.reconciler = Reconciler(
            self.journal, self.broker, path, self.book, self.clock, self.price, self.engine.alert,
            cash_is_exact=self.profile.tells_cash,
        )  # fmt: skip
        self.manual = Manual(self.engine, by_hand(RULES), self.price)
        self.reconciled_at = float("-inf")
        self.passed, self.seen = False, self.tape.arrived
        self.decided = max(self.journal.marked() or 0, self.session.opens)
        recover(self.engine, self.session)

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
    def session(self) -> Session:
        """The session that goes on, or was the last one."""
        return self.market.sessions[self._day]

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
        return len(self.market.sessions) * self.market.bars_a_day

    def tick(self) -> None:
        """The next prices of the market, and what the process makes of them."""
        if self._bar == (self._day + 1) * self.market.bars_a_day:
            self._night()
        instant, prices = self.market.path(self._bar)[self._moment]
        self._pass_time(instant - self.true_time)
        self.way.look()
        for symbol, price in prices.items():
            self.exchange.quote(symbol, price)
        self._moment += 1
        if self._moment == len(MOMENTS):
            self._moment, self._bar = 0, self._bar + 1
            self._pass_time(self.market.opening(self._bar - 1) + BAR - self.true_time)
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
            if self.agreed and not self.journal.open_orders() and not self.intraday:
                return

    @property
    def intraday(self) -> list[str]:
        """What is held that no broker holds over night."""
        return [symbol for symbol, held in self.book.positions.items() if held.entry.product is Product.MIS]

    def _night(self) -> None:
        """The session ends, for the broker and for the process, and another one begins with the next."""
        self.exchange.end_of_day(square_off=True)
        for _ in range(EVENING_ROUNDS):
            self._pass_time(60)
            self._live()
        self.venue.cleared = heard(self.exchange, self.journal.orders()) if self._cleared else ()
        self.journal.close()
        self._day += 1
        self._pass_time(self.session.opens - self.true_time)
        self._start()
        self.capital = self.engine.value(self.session.opens)

    def _pass_time(self, seconds: int) -> None:
        self.clock.advance_to(self.clock.now() + max(seconds, 0))  # a slow answer may have taken its time already

    def _live(self) -> None:
        """What the scheduler makes of a moment: passes that are due, the monitor, the periodic reconciliation."""
        self._before = len(self.line.strikes), len(self.crashes)
        self.agreed = self.broker.heard = False
        try:
            session, now = self.session, int(self.clock.now())
            for close in range(session.opens + BAR, min(now, session.closes) + 1, BAR):
                if close > self.decided:
                    sure = [held for symbol, held in self.book.positions.items() if symbol not in self.book.questioned]
                    self.engine.step(close)
                    self.decided, self.passed, self.seen = close, True, self.tape.arrived
                    self.tested |= {(held.entry.symbol, held.opened): close for held in sure}
            self._reconcile()
            rejected = self._rejected
            for look in range(self.way.looks):
                self._pass_time(MONITOR_SECONDS if look else 0)
                self._unseen = self._hidden  # reads take time on the wire: what turns up meanwhile was not seen
                self.engine.monitor()
            self._unseen |= self.way.looks > 1 and self._rejected != rejected  # seen once at most, and not believed yet
            self._attend()
        except Crash as crash:
            self._died(crash)
            self._start()
        self.informed = self.broker.knows(self.exchange.order_book(), undisturbed=self.undisturbed)
        self._sound_since = min(self._sound_since, self.clock.monotonic()) if self.undisturbed else float("inf")
        self.watch(self)

    def _attend(self) -> None:
        """Carry out what was asked by hand, each until it is answered: a process that dies over one does it again."""
        for ask in list(self.asks):
            self.engine.monitor()
            with suppress(NotDone, BrokerError):  # which is the answer
                ask()
            self.asks.remove(ask)

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
        closes = self.market.opening(self._bar) + BAR
        price = self.market.prices[symbol][self._bar][3] if not self.over else 100.0
        one = Signal("s", "s", symbol, side, Interval.M5, closes - BAR, closes, price, 0.5)
        earlier = self.wanted.setdefault(closes, [])
        if all(other.symbol != symbol for other in earlier):
            earlier.append(one)

    def ask(self, act: Callable[[int, int], object]) -> None:
        """The operator gives a command, through us: `act` is told its number, and when it was given."""
        self.asked += 1
        self.asks.append(partial(act, self.asked, int(self.clock.now())))

    def trade_by_hand(self, symbol: str, quantity: int) -> None:
        """Somebody trades on the account, past us."""
        self._by_hand(lambda: self.exchange.manual_trade(symbol, Decimal(quantity)))

    def close_by_hand(self, symbol: str) -> None:
        """Somebody closes what the account holds."""
        for product in Product:
            held = self.exchange.account.position(symbol, product)
            if held:
                self._by_hand(partial(self.exchange.manual_trade, symbol, -held, product))

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
        self.vet(self, intent)

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

    def price(self, symbol: str) -> Decimal:
        bar = min(self._bar, self._height - 1)
        return INSTRUMENT.price(self.market.prices[symbol][bar][0])

    def _at(self) -> datetime:
        return wall_time(self.clock)

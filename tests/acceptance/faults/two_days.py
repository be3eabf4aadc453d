"""A trader at a loopback exchange for some short days: what it buys on one, it holds over the night.

The parts are the real ones: exchange, adapter, journal on a SQLite file, engine, reconciliation. Prices are traded at
the exchange and are the tape's bars.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from livetrader.bootstrap.comparing import Comparing
from livetrader.brokers.loopback.exchange import Exchange
from livetrader.brokers.loopback.profiles import Profile
from livetrader.brokers.loopback.venue import LoopbackVenue
from livetrader.brokers.polled import PolledBroker
from livetrader.constraints.rules.latches import NotHalted, SymbolFree
from livetrader.domain.instrument import Instrument, Product
from livetrader.domain.order import Purpose
from livetrader.domain.order_state import OPEN
from livetrader.domain.session import Session
from livetrader.domain.signal import Signal
from livetrader.engine.backtest import KnownSignals
from livetrader.engine.book import Book
from livetrader.engine.by_hand.manual import Manual
from livetrader.engine.cycle import Engine
from livetrader.engine.orders import OrderPath
from livetrader.engine.reconcile import Reconciler
from livetrader.engine.recovery import recover
from livetrader.faultsim.scenario import short_lived
from livetrader.market.clock import VirtualClock
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal
from tests.unit.engine.faulty import PERCENT
from tests.unit.engine.trading_samples import BAR, RULES, Price, sessions, sizer, tape

DAYS = sessions(3, bars=12)
CAPITAL = Decimal(10_000)
ACCOUNT = "loopback"
INDIA = ZoneInfo("Asia/Kolkata")


class TwoDays:
    """`prices` are the bars of each symbol over both days. A fill at 100 has its stop at 98 and its target at 103."""

    def __init__(
        self,
        folder: Path,
        profile: Profile,
        prices: Mapping[str, Sequence[Price | None]],
        signals: Sequence[Signal],
        product: Product = Product.CNC,
    ) -> None:
        self.folder, self.prices, self.signals = folder, prices, KnownSignals(signals)
        self.clock = VirtualClock(float(DAYS[0].opens))
        self.sizer = sizer(PERCENT, product=product)
        instruments = {symbol: Instrument(symbol) for symbol in prices}
        self.exchange = Exchange(profile, self.clock, instruments, CAPITAL)
        self.venue = LoopbackVenue(self.exchange)
        self.tape = tape(DAYS, prices)
        self.objections: dict[str, str] = {}
        self.journal: SqlJournal | None = None
        self.start(DAYS[0])

    def start(self, session: Session, *, compared: bool = True) -> None:
        """A process begins, with what the state file says. A live trader compares books at once."""
        if self.journal is not None:
            self.journal.close()
        self.session = session
        if self.clock.now() <= session.opens:
            self.clock.advance_to(float(session.opens))
            self._trade(0)  # the exchange takes orders from the day's first price on
        self.journal = SqlJournal(open_state(f"sqlite:///{self.folder / 'state.db'}", "live", ACCOUNT))
        self.broker = PolledBroker(self.venue, lambda _trade: Decimal(0))
        self.broker.restore(self.journal.orders(), self.journal.fills())
        self.book = Book(self.sizer, CAPITAL)
        path = OrderPath(self.journal, self.broker, self.book, self.tape, self.clock)
        rules = (NotHalted(), SymbolFree(), *RULES)
        self.engine = Engine(
            self.journal, path, self.book, self.tape, self.signals, rules, self.clock, ACCOUNT, keeps_books=True
        )
        self.reconciler = Reconciler(
            self.journal, self.broker, path, self.book, self.clock, lambda _symbol: Decimal(100), self.engine.alert,
            self._objection,
        )  # fmt: skip
        self.manual = Manual(self.engine, rules[:2], lambda _symbol: Decimal(100))
        self.comparing = Comparing(self.journal, self.clock, 60.0, 300.0)
        self.comparing.begin()
        recover(self.engine, session)
        if compared:
            self.look()

    def _objection(self, symbol: str, _since: int) -> str:
        return self.objections.get(symbol, "")

    def look(self, seconds: float = 0.0) -> None:
        """What a live trader does between passes, every ten seconds for so long."""
        until = self.clock.now() + seconds
        while True:
            self.engine.monitor()
            self.comparing.watch(self.reconciler)
            if self.clock.now() >= until:
                return
            self.clock.sleep(min(10.0, until - self.clock.now()))

    def play(self, bars: int) -> None:
        """Trade so many bars: each one's open, its extremes and its close; then its pass."""
        for _ in range(bars):
            self._trade_bar(int(self.clock.now() - self.session.opens) // BAR)
            self.engine.step(int(self.clock.now()))
            self.look()

    def _trade_bar(self, bar: int) -> None:
        for column in range(4):
            self._trade(bar, column)
            self.look(BAR // 4)

    def _trade(self, bar: int, column: int = 0) -> None:
        row = bar + DAYS.index(self.session) * 12
        for symbol, prices in self.prices.items():
            price = prices[row] if row < len(prices) else None
            if price is not None:
                self.exchange.quote(symbol, price[column])

    def night(self) -> None:
        """The rest of the day, and its end: for the process, too."""
        while self.clock.now() < self.session.closes:
            self.play(1)
        self.exchange.end_of_day()

    def alerts(self) -> dict[str, str]:
        assert self.journal is not None
        return {alert.key: alert.text for alert in self.journal.alerts()}

    def working(self, purpose: Purpose) -> list[tuple[str, str]]:
        """Symbol and remaining quantity of our orders that work at the exchange, as the journal names them."""
        assert self.journal is not None
        tags = {r.intent.intent_id for r in self.journal.orders() if r.intent.purpose is purpose}
        found = (o for o in self.exchange.orders.values() if o.state in OPEN and o.ticket.tag in tags)
        return [(order.ticket.symbol, f"{order.remaining:f}") for order in found]

    def agrees(self) -> bool:
        """I2 and I3: positions and cash are the broker's, to the unit and the paisa."""
        assert self.journal is not None
        for symbol in self.prices:
            for product in Product:
                ours = self.book.own(symbol, product) + self.book.foreign(symbol, product)
                if ours != self.exchange.account.position(symbol, product):
                    return False
        flows = sum((flow.amount for flow in self.journal.flows()), Decimal(0))
        return self.book.cash - self.book.capital + flows == self.exchange.account.cash


@contextmanager
def two_days(
    profile: Profile, prices: Mapping[str, Sequence[Price | None]], signals: Sequence[Signal],
    product: Product = Product.CNC,
) -> Iterator[TwoDays]:  # fmt: skip
    with short_lived() as folder:
        made = TwoDays(folder, profile, prices, signals, product)
        try:
            yield made
        finally:
            assert made.journal is not None
            made.journal.close()

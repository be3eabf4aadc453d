"""A live trader's desk at a loopback exchange, driven by hand: moments, prices, commands and restarts.

The parts are the real ones: exchange, line, polled broker, journal on a SQLite file, engine, reconciliation, orders by
hand. What a test asserts is what the exchange holds and what works there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from livetrader.bootstrap.commands import attend
from livetrader.bootstrap.comparing import Comparing
from livetrader.bootstrap.desk import Desk
from livetrader.brokers.loopback.exchange import Exchange
from livetrader.brokers.loopback.faults import Fault, Line
from livetrader.brokers.loopback.matching import Order
from livetrader.brokers.loopback.profiles import STRICT, Profile
from livetrader.brokers.loopback.rules import Ticket as TheirTicket
from livetrader.brokers.loopback.venue import LoopbackVenue
from livetrader.brokers.polled import PolledBroker
from livetrader.constraints.gate import Rule
from livetrader.constraints.rules.latches import NotHalted, SymbolFree
from livetrader.constraints.rules.sanity import ExitDefined
from livetrader.domain.account import Answer
from livetrader.domain.instrument import Instrument, Product
from livetrader.domain.order import Action, OrderType
from livetrader.domain.session import Session
from livetrader.domain.signal import Signal
from livetrader.engine.backtest import KnownSignals
from livetrader.engine.book import Book
from livetrader.engine.by_hand.manual import Manual, Ticket
from livetrader.engine.cycle import Engine
from livetrader.engine.orders import OrderPath
from livetrader.engine.reconcile import Reconciler
from livetrader.engine.recovery import recover
from livetrader.engine.sizing import ExitSettings
from livetrader.market.clock import VirtualClock
from livetrader.ports import Tape, wall_time
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal
from tests.unit.engine.faulty import PERCENT
from tests.unit.engine.trading_samples import RULES, Price, at, flat, plain, sessions, sizer, tape

DAYS = sessions(3, bars=12)
LEVEL: dict[str, Sequence[Price | None]] = {"A": [flat(100)] * 36, "B": [flat(100)] * 36}
BY_HAND: tuple[Rule, ...] = (NotHalted(), SymbolFree(), *(rule for rule in RULES if not isinstance(rule, ExitDefined)))
CAPITAL = Decimal(10_000)

Make = Callable[..., "LiveAccount"]
"""The arguments are those of `LiveAccount`, less the folder."""


class LiveAccount:
    """`prices` are the bars of each symbol, row by row; the exchange trades at what `quote` says, and begins at them.

    It is 09:25 on the first day. `freeze` is the largest quantity of one order.
    """

    def __init__(
        self,
        folder: Path,
        profile: Profile = STRICT,
        *,
        prices: Mapping[str, Sequence[Price | None]] = LEVEL,
        signals: Sequence[Signal] = (),
        exit: ExitSettings = PERCENT,
        product: Product = Product.MIS,
        freeze: Decimal | None = None,
        max_daily_loss: Decimal | None = None,
    ) -> None:
        instruments = {symbol: Instrument(symbol, freeze_quantity=freeze) for symbol in prices}
        self.clock = VirtualClock(float(DAYS[0].opens))
        # Numbers of orders begin anew each day with the day's date, those of trades without.
        self.exchange = Exchange(
            profile, self.clock, instruments, Decimal(1_000_000), number=lambda day, count: f"{day:%m%d}-{count}"
        )
        self.line = Line(self.clock)
        self.venue = LoopbackVenue(self.exchange, self.line)
        self.sizer = replace(sizer(exit, product=product), instruments=instruments)
        self.signals, self.max_daily_loss = KnownSignals(signals), max_daily_loss
        self.url = f"sqlite:///{folder / 'state.db'}"
        for symbol, bars in prices.items():
            self.exchange.quote(symbol, (bars[0] or flat(100))[0])
        self.tape: Tape = tape(DAYS, prices)
        self._begin(DAYS[0])
        self.to(at(2))
        self.look(1)

    def start(self, session: Session | None, bars: Tape | None = None) -> None:
        """Another process, in `session` or between two, with what the state file says; from now on with `bars`."""
        self.close()
        self.tape = bars or self.tape
        self._begin(session)

    def _begin(self, session: Session | None) -> None:
        journal = self.journal = SqlJournal(open_state(self.url, "live", "test", synchronous="OFF"))
        self.broker = PolledBroker(self.venue, lambda _trade: Decimal(0))
        self.broker.restore(journal.orders(), journal.fills())
        self.book = Book(self.sizer, CAPITAL)
        self.path = OrderPath(journal, self.broker, self.book, self.tape, self.clock)
        self.engine = Engine(
            journal, self.path, self.book, self.tape, self.signals, (NotHalted(), SymbolFree(), *RULES), self.clock,
            "test", self.max_daily_loss, keeps_books=True,
        )  # fmt: skip
        self.reconciler = Reconciler(
            journal, self.broker, self.path, self.book, self.clock, lambda _symbol: Decimal(100), self.engine.alert
        )
        self.manual = Manual(self.engine, BY_HAND, lambda _symbol: Decimal(100))
        self.comparing = Comparing(journal, self.clock, 5.0, 300.0)
        self.comparing.begin()
        recover(self.engine, session)

    def close(self) -> None:
        self.journal.close()

    # Time.

    def to(self, instant: float) -> None:
        """Let time pass until then; the trader does nothing meanwhile."""
        self.clock.advance_to(max(self.clock.now(), float(instant)))

    def look(self, seconds: float = 0.0, every: float = 1.0) -> None:
        """What a live trader does between passes, for so long."""
        for _ in range(int(seconds / every) + 1):
            self.engine.monitor()
            self.comparing.watch(self.reconciler)
            self.clock.sleep(every)

    def bar(self, number: int) -> None:
        """The pass of the first day's close that opens bar `number`."""
        self.to(at(number))
        self.engine.step(at(number))
        self.look()

    def night(self, *, cleared: bool = False) -> None:
        """The first day ends, for the trader and for the exchange; then its books may be `cleared` for the next."""
        self.to(DAYS[0].closes)
        self.engine.step(DAYS[0].closes)
        self.exchange.end_of_day()
        if cleared:
            self.exchange.orders.clear()
            self.exchange.trades.clear()

    def morning(self, day: int = 1) -> None:
        """The market opens at 100, and a process begins in the session."""
        self.to(DAYS[day].opens + 1)
        for symbol in self.exchange.instruments:
            self.exchange.quote(symbol, 100.0)
        self.start(DAYS[day])

    # People.

    def buy(
        self,
        quantity: str,
        stop: str | None = None,
        *,
        symbol: str = "A",
        number: int = 1,
        limit: str | None = None,
        product: Product = Product.MIS,
    ) -> str:
        """`livetrader buy`, as the command of that number; NotDone where it is not done."""
        ticket = Ticket(number, int(self.clock.now()), Action.BUY, symbol, Decimal(quantity), product=product)
        return self.manual.trade(replace(ticket, limit_price=_decimal(limit), stop=_decimal(stop)))

    def short(self, quantity: str, stop: str, *, number: int) -> str:
        """`livetrader sell A`, where nothing is held that it could close."""
        ticket = Ticket(number, int(self.clock.now()), Action.SELL, "A", Decimal(quantity), stop=Decimal(stop))
        return self.manual.trade(ticket)

    def post(self, kind: str, **given: str) -> int:
        """A command is asked for, by another process; its number."""
        return self.journal.post(kind, given, wall_time(self.clock))

    def attend(self) -> None:
        """The trader carries out what was asked for."""
        desk = Desk(self.engine, self.reconciler, self.manual)
        attend(self.journal, self.clock, lambda: desk, self.comparing, lambda _: "nothing runs here")

    def answer(self, number: int) -> Answer | None:
        return self.journal.answered(number)

    def submit_by_hand(self, action: Action, quantity: str, order_type: OrderType, price: str) -> Order:
        """Somebody enters an order for A in the broker's own app: a limit order, or a stop."""
        limit, trigger = (None, Decimal(price)) if order_type is OrderType.SL_M else (Decimal(price), None)
        return self.exchange.submit(
            TheirTicket("", "A", action, Product.MIS, order_type, Decimal(quantity), limit, trigger)
        )

    def cancel_all_by_hand(self) -> None:
        """Somebody, or the exchange, cancels what works there."""
        for order in [one for one in self.exchange.orders.values() if not one.state.terminal]:
            self.exchange.manual_cancel(order.order_id)

    def strike(self, operation: str, nth: int, fault: Fault) -> None:
        """The nth call of `operation` from now on fails so."""
        self.line.add([(operation, self.line.calls[operation] + nth, fault)])

    # What is there.

    def held(self, symbol: str = "A") -> Decimal:
        """The position at the exchange, whatever we know of it."""
        return sum((self.exchange.account.position(symbol, product) for product in Product), Decimal(0))

    def working(self, symbol: str = "A") -> list[str]:
        """The orders that work at the exchange: "SELL 10 SL-M 98"."""
        found = []
        for order in self.exchange.orders.values():
            ticket, price = order.ticket, order.ticket.trigger_price or order.ticket.limit_price
            if ticket.symbol == symbol and not order.state.terminal:
                level = "" if price is None else f" {plain(price)}"
                found.append(f"{ticket.action} {plain(order.remaining)} {ticket.order_type}{level}")
        return found

    def ours(self, symbol: str = "A") -> int:
        """How many orders of ours the exchange has seen."""
        return sum(bool(o.ticket.tag) and o.ticket.symbol == symbol for o in self.exchange.orders.values())

    def alerts(self) -> set[str]:
        """The keys of the open alerts."""
        return {alert.key for alert in self.journal.alerts()}


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)

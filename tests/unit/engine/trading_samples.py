"""Small sessions, tapes and signals, and an engine over them, for the tests of engine, constraints and brokers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np

from livetrader.brokers.fill_model import FillModel
from livetrader.brokers.realistic import RealisticModel
from livetrader.brokers.simulated import SimulatedBroker
from livetrader.constraints.gate import Rule
from livetrader.constraints.rules.portfolio import (
    CapitalAllocation,
    MaxOpenPositions,
    MaxTradesPerDay,
    OnePositionPerSymbol,
)
from livetrader.constraints.rules.sanity import ExitDefined, LotSanity, PriceSanity
from livetrader.constraints.rules.timing import TradingWindow
from livetrader.domain.candles import FIELDS, CandleColumns, CandleWindow, Interval, grid
from livetrader.domain.costs import charge_table
from livetrader.domain.exit_plan import ExitKind
from livetrader.domain.instrument import Instrument, Product
from livetrader.domain.liquidity import Realism
from livetrader.domain.order import Fill, OrderIntent, OrderType, Purpose, opening
from livetrader.domain.order_state import OPEN
from livetrader.domain.session import Session
from livetrader.domain.signal import Side, Signal
from livetrader.engine.backtest import Backtest, KnownSignals
from livetrader.engine.book import Book, HeldPosition
from livetrader.engine.cycle import Engine
from livetrader.engine.orders import OrderPath
from livetrader.engine.parents.execution import AT_MARKET, Execution, ExecutionKind
from livetrader.engine.recovery import recover
from livetrader.engine.sizing import ExitSettings, Holding, Sizer
from livetrader.engine.tape import WindowTape
from livetrader.market.calendar import Calendar
from livetrader.market.clock import VirtualClock
from livetrader.ports import Broker, Journal, Tape
from livetrader.store.memory import MemoryJournal

INDIA = ZoneInfo("Asia/Kolkata")
BAR = 300
OPENS = int(datetime(2026, 2, 2, 3, 45, tzinfo=UTC).timestamp())
DAY = 86_400

Price = tuple[float, ...]
"""Open, high, low, close; and volume, if it is not 100."""


def sessions(count: int = 1, bars: int = 12, square_off: int = 10 * BAR) -> tuple[Session, ...]:
    """Days of `bars` 5m bars from 09:15 IST; `square_off` in seconds from the open."""
    made = []
    for i in range(count):
        opens = OPENS + i * DAY
        day = date(2026, 2, 2) + timedelta(days=i)
        made.append(Session(day, ((opens, opens + bars * BAR),), opens + square_off))
    return tuple(made)


def calendar(days: Sequence[Session]) -> Calendar:
    """A calendar that knows these sessions and no other."""
    return Calendar("test", "1", INDIA, date.min, date.max, tuple(days), {}, "test")


def at(bar: int) -> int:
    """The open of the first session's `bar`, which is the close of the one before."""
    return OPENS + bar * BAR


def flat(price: float, volume: float = 100.0) -> Price:
    """A bar that does not move."""
    return (price, price, price, price, volume)


def window(
    days: Sequence[Session], prices: Mapping[str, Sequence[Price | None]], interval: Interval = Interval.M5
) -> CandleWindow:
    """The prices on the grid of `days`, row by row from the first; None, and what is left out, is not traded."""
    slots = grid(days, interval)
    fields = np.full((5, len(slots[0]), len(prices)), np.nan)
    for column, bars in enumerate(prices.values()):
        for row, bar in enumerate(bars):
            if bar is not None:
                fields[:, row, column] = (*bar, 100.0)[:5]
    return CandleWindow(interval, tuple(prices), tuple(days), *slots, *fields)


def tape(days: Sequence[Session], prices: Mapping[str, Sequence[Price | None]]) -> WindowTape:
    return WindowTape({Interval.M5: window(days, prices)}, dict.fromkeys(prices, Interval.M5))


def signal(
    symbol: str = "A", bar: int = 0, side: Side = Side.LONG, price: float = 100.0, atr: float = 2.0, strategy: str = "s"
) -> Signal:
    """A signal of the first session's 5m bar `bar`, known at its close."""
    return Signal(
        strategy=strategy,
        strategy_id=strategy,
        symbol=symbol,
        side=side,
        interval=Interval.M5,
        bar_open=at(bar),
        as_of=at(bar + 1),
        price=price,
        atr=atr,
    )


def intent(
    name: str = "i1",
    symbol: str = "A",
    side: Side = Side.LONG,
    quantity: str = "10",
    price: str = "100",
    bar: int = 0,
    strategy: str = "s",
    **changes: object,
) -> OrderIntent:
    """A market entry decided at the close of `bar`, whose trailing stop is 3 away."""
    base = OrderIntent(
        intent_id=name,
        account="test",
        strategy=strategy,
        symbol=symbol,
        side=side,
        action=opening(side),
        purpose=Purpose.ENTRY,
        product=Product.MIS,
        order_type=OrderType.MARKET,
        quantity=Decimal(quantity),
        price=Decimal(price),
        as_of=at(bar + 1),
        exit=ExitSettings().plan(2.0, square_off=True),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def fill(
    order: OrderIntent,
    price: str = "100",
    quantity: str | None = None,
    number: int = 1,
    charges: str = "0",
    bar: int = 1,
) -> Fill:
    """An execution of `order` at the open of `bar`: all of it, or `quantity`."""
    return Fill(
        broker="simulated",
        trade_id=f"{order.intent_id}-{number}",
        intent_id=order.intent_id,
        symbol=order.symbol,
        action=order.action,
        quantity=order.quantity if quantity is None else Decimal(quantity),
        price=Decimal(price),
        charges=Decimal(charges),
        filled_at=datetime.fromtimestamp(at(bar), UTC),
    )


def sizer(
    exit: ExitSettings | None = None,
    *,
    allocation_pct: str = "20",
    leverage: str = "1",
    product: Product = Product.MIS,
    tick: str = "0.05",
    lot: str = "1",
    strategies: Sequence[str] = ("s", "t"),
    execution: Execution = AT_MARKET,
    freeze: str | None = None,
) -> Sizer:
    holding = Holding(exit or ExitSettings(), product, product is Product.MIS, execution=execution)
    return Sizer(
        account="test",
        allocation_pct=Decimal(allocation_pct),
        leverage=Decimal(leverage),
        instruments={},
        default=Instrument("", Decimal(tick), Decimal(lot), None if freeze is None else Decimal(freeze)),
        holdings=dict.fromkeys(strategies, holding),
    )


RULES: tuple[Rule, ...] = (
    TradingWindow(INDIA),
    PriceSanity(),
    ExitDefined(),
    OnePositionPerSymbol(),
    MaxOpenPositions(3),
    MaxTradesPerDay(6),
    LotSanity(),
    CapitalAllocation(),
)


def realism(**changes: object) -> Realism:
    """A tenth of a bar's volume, and fills at the prices that they meet."""
    return replace(Realism(0.0, 0.0, 0.0, 20, 0.0, 0.0, Decimal(10), 0), **changes)  # type: ignore[arg-type]


# Some of everything, so that all terms are in each price.
FRICTIONS = realism(
    slippage_floor_bps=1.0, slippage_cap_bps=15.0, volatility_weight=0.2, volatility_bars=5, participation_weight=0.1,
    impact_coefficient=0.8, latency_ms=400,
)  # fmt: skip


def fill_model(slippage_bps: str = "0", charges: str = "none", assumed: Realism | None = None) -> FillModel:
    """The fixed model; the realistic one where its numbers are given."""
    table = charge_table(charges)
    if assumed is None:
        return FillModel(Decimal(slippage_bps), table)
    return RealisticModel(Decimal(slippage_bps), table, assumed)


@dataclass
class Rig:
    """An engine, what it stands on, and the ways to drive it."""

    days: tuple[Session, ...]
    tape: Tape
    sizer: Sizer = field(default_factory=sizer)
    signals: Sequence[Signal] = ()
    journal: Journal = field(default_factory=MemoryJournal)
    rules: Sequence[Rule] = RULES
    capital: str = "10000"
    compound: bool = False
    slippage_bps: str = "0"
    charges: str = "none"
    realism: Realism | None = None
    broker: Callable[[SimulatedBroker], Broker] = lambda venue: venue
    clock: VirtualClock = field(init=False)

    def __post_init__(self) -> None:
        self.clock = VirtualClock(float(self.days[0].opens))
        self.boot()

    def boot(self) -> None:
        """A process begins: engine, book and venue know nothing but what the journal says."""
        self.book = Book(self.sizer, Decimal(self.capital), self.compound)
        model = fill_model(self.slippage_bps, self.charges, self.realism)
        self.venue = SimulatedBroker(self.tape, model, self.sizer.instrument, calendar(self.days).at)
        self.venue.restore([r.intent for r in self.journal.orders() if r.state in OPEN], self.journal.fills())
        self.path = OrderPath(self.journal, self.broker(self.venue), self.book, self.tape, self.clock)
        self.engine = Engine(
            self.journal, self.path, self.book, self.tape, KnownSignals(self.signals), self.rules, self.clock, "test"
        )

    def recover(self, session: Session) -> None:
        """A process begins in the middle of things."""
        self.boot()
        recover(self.engine, session)

    def step(self, now: int) -> None:
        self.clock.advance_to(max(self.clock.now(), float(now)))
        self.engine.step(now)

    def play(self, upto: int | None = None) -> Rig:
        """Every close of every session until `upto`, as a live loop makes them."""
        for session in self.days:
            due = [close for close in closes(session) if upto is None or close <= upto]
            if due:
                self.engine.start(session)
            for close in due:
                self.step(close)
        return self

    def backtest(self) -> Rig:
        Backtest(self.engine, self.venue, self.clock, KnownSignals(self.signals)).run(self.days)
        return self

    def fills(self) -> list[tuple[str, str, str, str, int]]:
        """(symbol, action, quantity, price, bar): prices as they read, without trailing zeros."""
        return [
            (f.symbol, f.action.value, f"{f.quantity:f}", plain(f.price), int(f.filled_at.timestamp() - OPENS) // BAR)
            for f in self.journal.fills()
        ]


def plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


def closes(session: Session, interval: Interval = Interval.M5) -> list[int]:
    """The closes of the session's bars, and its square-off."""
    return sorted({int(c) for c in grid((session,), interval)[1]} | {session.square_off})


def record(journal: Journal) -> list[str]:
    """Everything that a run leaves behind, but what tells of its way there.

    A call that was cut off brings no order name of the venue's, and a time and a reason of its own. A stop is moved bar
    by bar or at once, which nothing tells of unless it fills. Text, because NaN is not NaN.
    """
    lines = [
        repr((replace(one.intent, amended=None), one.state, one.filled_quantity, one.average_price))
        for one in journal.orders()
        if one.intent.purpose is not Purpose.STOP or one.filled_quantity
    ]
    lines += [repr(one.parent) for one in journal.parents()]
    lines += map(repr, journal.fills())
    lines += map(repr, journal.decisions(since=0, until=1 << 40))
    return [*lines, *map(repr, journal.equities())]


def account(book: Book) -> dict[str, object]:
    """What a book says, without where its exits stand."""
    return {
        "money": (book.cash, book.base, book.day_cash, book.available),
        "held": {s: (h.entry.intent_id, h.position, h.opened, *under_way(h)) for s, h in book.positions.items()},
        "orders": {name: (order.symbol, book.unfilled[name]) for name, order in book.orders.items()},
        "entered": set(book.entered),
        "closed": book.closed_at,
    }


def under_way(held: HeldPosition) -> tuple[object, ...]:
    """Where the stop and the exit of a position stand at the venue. How its stops ended is nothing to who leaves."""
    lost = held.lost_stops if held.leaving is None else 0
    return held.stop, lost, held.leaving, held.intended, held.closing, held.exits


@dataclass
class StoredWindow:
    """A CandleSource over one window in memory."""

    stored: CandleWindow

    def windows(
        self, symbols: Sequence[str], days: Mapping[Interval, Sequence[Session]]
    ) -> dict[Interval, CandleWindow]:
        return {interval: self._window(symbols, interval, some) for interval, some in days.items()}

    def _window(self, symbols: Sequence[str], interval: Interval, days: Sequence[Session]) -> CandleWindow:
        empty = window(days, dict.fromkeys(symbols, ()), interval)
        if interval is self.stored.interval:
            rows = np.searchsorted(self.stored.ts, empty.ts)
            columns = [self.stored.symbols.index(symbol) for symbol in symbols]
            for name in FIELDS:
                getattr(empty, name)[:] = getattr(self.stored, name)[rows][:, columns]
        return empty

    def finest(self, symbols: Sequence[str]) -> dict[str, Interval]:
        return dict.fromkeys(symbols, self.stored.interval)

    def poll(self, symbols: Sequence[str], interval: Interval, after: int, now: int) -> CandleColumns:
        known = (self.stored.ts > after) & (self.stored.closes <= now) & (interval is self.stored.interval)
        columns = [self.stored.symbols.index(symbol) for symbol in symbols]
        rows, places = np.nonzero(known[:, None] & ~np.isnan(self.stored.close[:, columns]))
        fields = (getattr(self.stored, name)[:, columns][rows, places] for name in FIELDS)
        return CandleColumns(tuple(symbols), self.stored.ts[rows], places.astype(np.int32), *fields)


def random_walk(days: Sequence[Session], symbols: int, seed: int, gaps: float = 0.1) -> CandleWindow:
    """Prices around 100 on a tick of 0.05, each bar missing with probability `gaps`; volumes of 0 to 300."""
    rng = np.random.default_rng(seed)
    rows = len(grid(days, Interval.M5)[0])
    close = 100.0 + np.cumsum(rng.integers(-8, 9, (rows, symbols)), axis=0) * 0.05
    opened = close + rng.integers(-6, 7, (rows, symbols)) * 0.05
    high = np.maximum(opened, close) + rng.integers(0, 6, (rows, symbols)) * 0.05
    low = np.minimum(opened, close) - rng.integers(0, 6, (rows, symbols)) * 0.05
    on_tick = (np.round(field * 20) / 20 for field in (opened, high, low, close))
    missing = rng.random((rows, symbols)) < gaps
    volume = np.maximum(rng.integers(-60, 301, (rows, symbols)), 0).astype(float)
    fields = [np.where(missing, np.nan, field) for field in (*on_tick, volume)]
    return CandleWindow(
        Interval.M5, tuple(f"S{i}" for i in range(symbols)), tuple(days), *grid(days, Interval.M5), *fields
    )


def random_signals(stored: CandleWindow, seed: int, often: float = 0.15) -> list[Signal]:
    """Signals of two strategies on traded bars, both sides."""
    rng = np.random.default_rng(seed)
    found = []
    for row, column in zip(*np.nonzero(~np.isnan(stored.close)), strict=True):
        if rng.random() < often:
            found.append(
                Signal(
                    strategy=("s", "t")[int(rng.integers(2))],
                    strategy_id="",
                    symbol=stored.symbols[column],
                    side=(Side.LONG, Side.SHORT)[int(rng.integers(2))],
                    interval=Interval.M5,
                    bar_open=int(stored.ts[row]),
                    as_of=int(stored.closes[row]),
                    price=float(stored.close[row, column]),
                    atr=float(rng.integers(1, 20)) * 0.03,
                )
            )
    return found


EXECUTIONS = {
    "market": AT_MARKET,
    "limit": Execution(ExecutionKind.LIMIT),
    "twap": Execution(ExecutionKind.TWAP, slices=3, over_minutes=15),
    "twap off the grid": Execution(ExecutionKind.TWAP, slices=4, over_minutes=27),
    "vwap": Execution(ExecutionKind.VWAP, slices=4, over_minutes=20),
    "iceberg": Execution(ExecutionKind.ICEBERG, visible_pct=Decimal(35)),
}

EXITS = {
    "trailing_atr": ExitSettings(ExitKind.TRAILING_ATR),
    "percent": ExitSettings(ExitKind.PERCENT, stop_loss_pct=0.6, take_profit_pct=0.7),
    "step_trail": ExitSettings(
        ExitKind.STEP_TRAIL, stop_loss_pct=0.6, activation_pct=0.3, increment_pct=0.1, gap_pct=0.1
    ),
    "none": ExitSettings(ExitKind.NONE),
}

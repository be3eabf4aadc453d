"""Trades without limits, in columns: the same fills as the engine's, whatever the signals, bars and exits."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from livetrader.brokers.simulated import FillModel, SimulatedBroker
from livetrader.constraints.rules.portfolio import CapitalAllocation, OnePositionPerSymbol
from livetrader.constraints.rules.sanity import ExitDefined, LotSanity, PriceSanity
from livetrader.constraints.rules.timing import TradingWindow
from livetrader.domain.candles import CandleColumns, CandleWindow, Interval, grid
from livetrader.domain.costs import charge_table
from livetrader.domain.exit_plan import ExitKind
from livetrader.domain.instrument import Instrument, Product
from livetrader.domain.order import Purpose
from livetrader.domain.signal import Side, Signal
from livetrader.engine.backtest import Backtest, KnownSignals
from livetrader.engine.book import Book
from livetrader.engine.cycle import Engine
from livetrader.engine.orders import OrderPath
from livetrader.engine.signals import SignalFinder
from livetrader.engine.sizing import ExitSettings, Holding, Sizer
from livetrader.engine.tape import WindowTape
from livetrader.engine.unconstrained import REASONS, TradeColumns, trade
from livetrader.market.calendar import Calendar, load
from livetrader.market.clock import VirtualClock
from livetrader.store.memory import MemoryJournal
from livetrader.strategies.crypto import SmaCross
from livetrader.strategies.scanner import SignalColumns, plan

SYMBOLS = ("AAA", "BBB")
CAPITAL = Decimal(10**9)
EXITS = {
    "trailing_atr": ExitSettings(ExitKind.TRAILING_ATR),
    "percent": ExitSettings(ExitKind.PERCENT, stop_loss_pct=0.4, take_profit_pct=0.5),
    "step_trail": ExitSettings(ExitKind.STEP_TRAIL, stop_loss_pct=0.6, activation_pct=0.3),
    "none": ExitSettings(ExitKind.NONE),
}


def bars(
    calendar: Calendar, first: date, last: date, seed: int, gaps: float, off_tick: bool, interval: Interval
) -> CandleWindow:
    """A random walk in which a share of `gaps` of the bars was not traded."""
    sessions = calendar.sessions(first, last)
    slots = grid(sessions, interval)
    rng = np.random.default_rng(seed)
    shape = (len(slots[0]), len(SYMBOLS))
    close = 100 + np.cumsum(rng.normal(0, 0.3, shape), axis=0)
    opening = close + rng.normal(0, 0.2, shape)
    high = np.maximum(opening, close) + rng.exponential(0.1, shape)
    low = np.minimum(opening, close) - rng.exponential(0.1, shape)
    fields = [opening, high, low, close, np.ones(shape)]
    if not off_tick:
        fields = [np.rint(values * 20) / 20 for values in fields]
    missing = rng.random(shape) < gaps
    for values in fields:
        values[missing] = np.nan
    return CandleWindow(interval, SYMBOLS, sessions, *slots, *fields)


def signals(window: CandleWindow, seed: int, share: float) -> SignalColumns:
    """Random signals on traded bars, some without an ATR."""
    rng = np.random.default_rng(seed)
    row, symbol = np.nonzero((rng.random(window.shape) < share) & ~np.isnan(window.close))
    atr = np.where(rng.random(len(row)) < 0.05, np.nan, rng.uniform(0.1, 1.0, len(row)))
    sign = rng.choice([-1, 1], len(row))
    return SignalColumns(SYMBOLS, symbol, sign, window.closes[row], window.close[row, symbol], atr)


def by_engine(
    found: SignalColumns, window: CandleWindow, calendar: Calendar, holding: Holding, bps: Decimal
) -> list[tuple[object, ...]]:
    """The trades of the engine, with every rule that is always on."""
    known = [
        Signal("s", "s", SYMBOLS[found.symbol[i]], Side.LONG if found.sign[i] > 0 else Side.SHORT, window.interval,
               int(found.as_of[i]) - window.interval.seconds, int(found.as_of[i]), float(found.price[i]),
               float(found.atr[i]))
        for i in range(len(found.as_of))
    ]  # fmt: skip
    clock, journal = VirtualClock(window.sessions[0].opens), MemoryJournal()
    tape = WindowTape({window.interval: window}, dict.fromkeys(SYMBOLS, window.interval))
    book = Book(sizer(holding), CAPITAL)
    venue = SimulatedBroker(tape, FillModel(bps, charge_table("none")), book.sizer.instrument, calendar.at)
    rules = (
        TradingWindow(calendar.timezone), PriceSanity(), ExitDefined(), OnePositionPerSymbol(), LotSanity(),
        CapitalAllocation(),
    )  # fmt: skip
    path = OrderPath(journal, venue, book, tape, clock)
    engine = Engine(journal, path, book, tape, KnownSignals(()), rules, clock, "test")
    with capture_logs():
        Backtest(engine, venue, clock, KnownSignals(known)).run(window.sessions)
    intents = {record.intent.intent_id: record.intent for record in journal.orders()}
    trades, entries = [], {}
    for fill in journal.fills():
        intent = intents[fill.intent_id]
        this = (intent.side.sign, int(fill.quantity), at(fill.filled_at), fill.price)
        if intent.purpose is Purpose.ENTRY:
            entries[fill.symbol] = this
        else:
            trades.append((fill.symbol, *entries.pop(fill.symbol), *this[2:], intent.reason))
    assert not entries
    return sorted(trades)


def in_columns(made: TradeColumns) -> list[tuple[object, ...]]:
    return sorted(
        (SYMBOLS[made.symbol[i]], made.sign[i], made.lots[i], made.entry_at[i], made.entry_price[i] * made.quantum,
         made.exit_at[i], made.exit_price[i] * made.quantum, REASONS[made.reason[i]])
        for i in range(len(made))
    )  # fmt: skip


def at(when: datetime) -> int:
    return int(when.astimezone(UTC).timestamp())


def sizer(holding: Holding) -> Sizer:
    return Sizer("test", Decimal("0.001"), Decimal(1), {}, Instrument(""), {"s": holding})


class NoCandles:
    """A source that is never asked: the windows are given."""

    def windows(self, *_: object) -> dict[Interval, CandleWindow]:
        raise AssertionError

    def finest(self, *_: object) -> dict[str, Interval]:
        raise AssertionError

    def poll(self, *_: object) -> CandleColumns:
        raise AssertionError


@pytest.mark.parametrize("exit_", EXITS.values(), ids=EXITS.keys())
@pytest.mark.parametrize("intraday", [True, False], ids=["intraday", "swing"])
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    gaps=st.sampled_from([0.0, 0.3, 0.9]),
    share=st.sampled_from([0.02, 0.5]),
    off_tick=st.booleans(),
    bps=st.sampled_from([Decimal(0), Decimal(2), Decimal("7.5"), Decimal(50)]),
    interval=st.sampled_from([Interval.M5, Interval.M15]),
)
def test_trades_are_those_of_the_engine(
    exit_: ExitSettings, intraday: bool, seed: int, gaps: float, share: float, off_tick: bool, bps: Decimal,
    interval: Interval,
) -> None:  # fmt: skip
    """Symbols, quantities, times, prices and reasons, to the last quantum."""
    calendar = load("nse", square_off=time(15, 20))
    holding = Holding(exit_, Product.MIS if intraday else Product.CNC, intraday)
    window = bars(calendar, date(2026, 1, 30), date(2026, 2, 3), seed, gaps, off_tick, interval)
    found = signals(window, seed + 1, share)
    made = trade([found], window, holding, sizer(holding), CAPITAL, bps)
    assert in_columns(made) == by_engine(found, window, calendar, holding, bps)


def test_columns_hold_what_the_scan_finds() -> None:
    """The same signals in the same order within a month, without the objects; of two months and both sides."""
    calendar = load("nse")
    cross = plan(SmaCross())
    window = bars(calendar, date(2025, 12, 15), date(2026, 2, 10), 1, 0.1, False, Interval.M5)
    finder = SignalFinder((cross,), SYMBOLS, calendar, NoCandles(), {})
    windows, first, last = {cross.strategy.series: window}, date(2026, 1, 5), date(2026, 2, 10)
    scanned = [(s.symbol, s.side.sign, s.as_of, s.price, s.atr) for s in finder.scan(windows, first, last)]
    months = finder.columns(windows, first, last)
    columns = [
        (SYMBOLS[one.symbol[i]], one.sign[i], one.as_of[i], one.price[i], one.atr[i])
        for one in months
        for i in range(len(one.as_of))
    ]
    assert len(months) == 2
    assert {sign for _, sign, *_ in scanned} == {1, -1}
    assert columns == scanned

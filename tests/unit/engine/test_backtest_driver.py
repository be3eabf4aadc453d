"""The backtest makes only the passes at which something can happen; a pass at every close gives the same.

This is the parity of backtest and live at the level of the engine: the same signals and prices, driven by events over
a whole tape, and close by close over a market that knows only what has closed, restarted on the way.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livetrader.domain.candles import CandleWindow, Interval
from livetrader.domain.instrument import Product
from livetrader.domain.session import Session
from livetrader.domain.signal import Signal
from livetrader.engine.backtest import Backtest, KnownSignals
from livetrader.engine.market import LiveMarket, earlier_bars
from livetrader.engine.tape import WindowTape
from livetrader.store.memory import MemoryJournal
from tests.unit.engine.trading_samples import (
    BAR,
    EXITS,
    FRICTIONS,
    Rig,
    StoredWindow,
    at,
    calendar,
    flat,
    random_signals,
    random_walk,
    record,
    sessions,
    signal,
    sizer,
    tape,
)


def whole_tape(stored: CandleWindow) -> WindowTape:
    return WindowTape({stored.interval: stored}, dict.fromkeys(stored.symbols, stored.interval))


def stepped(stored: CandleWindow, days: tuple[Session, ...], restarts: set[int], **settings: Any) -> MemoryJournal:
    """Every close of every session over a live market, with a new process at each session and at `restarts`."""
    journal, source = MemoryJournal(), StoredWindow(stored)
    rig = None
    for day in days:
        earlier = earlier_bars(source, calendar(days), journal, day)
        rig, market = begun(source, day, days, earlier, journal, settings)
        for close in market.closes(day.opens, day.closes):
            if close in restarts:
                rig, market = begun(source, day, days, earlier, journal, settings)
                market.poll(journal.marked() or day.opens, 0)
                rig.recover(day)
            market.poll(close, journal.marked() or 0)
            rig.step(close)
    assert rig is not None
    rig.venue.close_market()
    rig.engine.finish(days[-1].closes)
    return journal


def begun(
    source: StoredWindow, day: Session, days: tuple[Session, ...], earlier: Any, journal: MemoryJournal, settings: Any
) -> tuple[Rig, LiveMarket]:
    market = LiveMarket(source, source.stored.symbols, day, frozenset({Interval.M5, Interval.M15}), earlier)
    rig = Rig(days, market, journal=journal, **settings)
    rig.clock.advance_to(float(max(day.opens, journal.marked() or 0)))
    rig.recover(day)
    return rig, market


@settings(max_examples=150)
@given(
    seed=st.integers(0, 10_000),
    kind=st.sampled_from(sorted(EXITS)),
    product=st.sampled_from([Product.MIS, Product.CNC]),
    gaps=st.sampled_from([0.0, 0.15, 0.7]),
    often=st.sampled_from([0.02, 0.15, 0.6]),
    count=st.integers(1, 3),
    square_off=st.sampled_from([8 * BAR, 9 * BAR + 130, 12 * BAR, 3 * BAR - 1]),
    restarts=st.sets(st.integers(0, 40), max_size=5),
    compound=st.booleans(),
    participation=st.sampled_from([None, 3, 10, 40]),
)
def test_the_backtest_gives_what_a_pass_at_every_close_gives(
    seed: int, kind: str, product: Product, gaps: float, often: float, count: int, square_off: int,
    restarts: set[int], compound: bool, participation: int | None,
) -> None:  # fmt: skip
    """The same intents, orders, fills, prices, decisions and values, under the fixed model and the realistic one."""
    days = sessions(count, bars=12, square_off=square_off)
    stored = random_walk(days, 3, seed, gaps)
    settings: dict[str, Any] = {
        "sizer": sizer(EXITS[kind], product=product, leverage="2", allocation_pct="40"),
        "signals": random_signals(stored, seed + 1, often),
        "slippage_bps": "3",
        "charges": "nse_intraday",
        "compound": compound,
        "realism": None if participation is None else replace(FRICTIONS, max_participation_pct=Decimal(participation)),
    }
    events = Rig(days, whole_tape(stored), **settings).backtest()
    every = [close for day in days for close in range(day.opens + BAR, day.closes + 1, BAR)]
    closes = stepped(stored, days, {every[i % len(every)] for i in restarts}, **settings)
    assert record(events.journal) == record(closes)
    assert events.journal.marked() == closes.marked()


@pytest.mark.parametrize("kind", EXITS)
def test_the_random_sessions_have_every_kind_of_ending(kind: str) -> None:
    """Otherwise the property above would say little."""
    days = sessions(3, bars=12, square_off=9 * BAR + 130)
    reasons: set[str] = set()
    for seed in range(12):
        stored = random_walk(days, 3, seed)
        signals = random_signals(stored, seed)
        rig = Rig(days, whole_tape(stored), sizer(EXITS[kind]), signals).backtest()
        reasons |= {str(r.intent.reason) for r in rig.journal.orders()}
    expected = {
        "trailing_atr": {"stop", "trailing", "square_off"},
        "percent": {"stop", "target", "square_off"},
        "step_trail": {"stop", "trailing", "square_off"},
        "none": {"square_off"},
    }
    assert expected[kind] <= reasons


class MarkedJournal(MemoryJournal):
    """A journal that keeps every mark."""

    def __init__(self) -> None:
        super().__init__()
        self.marks: list[int] = []

    def mark(self, as_of: int, at: datetime) -> None:
        super().mark(as_of, at)
        self.marks.append(as_of)


def passes(days: tuple[Session, ...], prices: dict[str, list[Any]], signals: Sequence[Signal]) -> list[int]:
    """The bars at whose open the backtest makes a pass."""
    journal = MarkedJournal()
    Rig(days, tape(days, prices), sizer(EXITS["percent"]), signals, journal).backtest()
    return [(mark - at(0)) // BAR for mark in journal.marks]


def test_the_backtest_passes_only_where_something_happens() -> None:
    """Signal at the close of bar 2, fill known at 4, stop reached in bar 8, and the session's end."""
    days = sessions(1, bars=60, square_off=50 * BAR)
    bars = [flat(100)] * 8 + [(100, 100, 99, 99)] + [flat(99)] * 51
    assert passes(days, {"A": bars}, [signal(bar=2)]) == [3, 4, 9, 60]
    assert passes(days, {"A": [flat(100)] * 60}, [signal(bar=2)]) == [3, 4, 50, 51, 60]
    assert passes(days, {"A": bars}, []) == [60]


def test_the_clock_stands_at_the_pass_that_is_made() -> None:
    days = sessions(2)
    rig = Rig(days, tape(days, {"A": [flat(100)] * 24}), signals=[signal()]).backtest()
    assert rig.clock.now() == days[1].closes
    (entry, stop, leaving) = rig.journal.orders()
    assert (entry.created_at.timestamp(), stop.created_at.timestamp()) == (at(1), at(2))
    assert leaving.created_at.timestamp() == days[0].square_off


def test_a_signal_that_is_known_before_the_first_session_is_not_traded() -> None:
    days = sessions(1)
    rig = Rig(days, tape(days, {"A": [flat(100)] * 12}), signals=[signal(bar=-3)]).backtest()
    assert (rig.journal.orders(), rig.journal.decisions(since=0, until=1 << 40)) == ([], [])


def test_no_sessions_are_no_trades() -> None:
    rig = Rig(sessions(1), tape(sessions(1), {"A": []}))
    Backtest(rig.engine, rig.venue, rig.clock, KnownSignals([])).run([])
    assert rig.journal.equities() == []


def test_no_garbage_is_looked_for_while_a_backtest_runs() -> None:
    days = sessions(1)
    rig = Rig(days, tape(days, {"A": []}))
    looked_for: list[bool] = []
    Backtest(rig.engine, rig.venue, rig.clock, KnownSignals([])).run(days, lambda _: looked_for.append(gc.isenabled()))
    assert (looked_for, gc.isenabled()) == ([False], True)


def test_progress_is_told_session_by_session() -> None:
    days = sessions(4)
    rig = Rig(days, tape(days, {"A": []}))
    told: list[float] = []
    Backtest(rig.engine, rig.venue, rig.clock, KnownSignals([])).run(days, told.append)
    assert told == [0.25, 0.5, 0.75, 1.0]

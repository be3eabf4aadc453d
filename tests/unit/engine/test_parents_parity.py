"""Parents go out on closed bars: the backtest, a pass at every close, and processes that die on the way agree."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livetrader.domain.candles import Interval
from livetrader.domain.instrument import Product
from livetrader.domain.parent import Algo, Parent
from livetrader.engine.tape import WindowTape
from tests.unit.engine.test_backtest_driver import stepped, whole_tape
from tests.unit.engine.test_engine_recovery import MortalJournal, Stopped
from tests.unit.engine.trading_samples import (
    BAR,
    EXECUTIONS,
    EXITS,
    FRICTIONS,
    Rig,
    account,
    closes,
    random_signals,
    random_walk,
    record,
    sessions,
    sizer,
)

DAYS = sessions(2, bars=12, square_off=10 * BAR)
SEED = 15


class Mortal(MortalJournal):
    """The journal that dies after a write, those about parents included."""

    def begin_parent(self, parent: Parent, at: datetime) -> bool:
        new = super().begin_parent(parent, at)
        self._live()
        return new

    def end_parent(self, name: str, reason: str, at: datetime) -> None:
        super().end_parent(name, reason, at)
        self._live()


def rig_of(seed: int, kind: str, execution: str) -> Rig:
    """Two sessions of three symbols whose entries go out so."""
    stored = random_walk(DAYS, 3, seed)
    prices = WindowTape({Interval.M5: stored}, dict.fromkeys(stored.symbols, Interval.M5))
    desk = sizer(EXITS[kind], leverage="2", allocation_pct="40", execution=EXECUTIONS[execution])
    signals = random_signals(stored, seed + 1)
    return Rig(DAYS, prices, desk, signals, slippage_bps="2", charges="nse_intraday", compound=True)


def run_from(rig: Rig, marked: int) -> None:
    """Go on after `marked` as the live loop does: each session is a start-up from the journal."""
    for day in DAYS:
        left = [close for close in closes(day) if close > marked]
        if left:
            rig.recover(day)
            for close in left:
                rig.step(close)


ALL = st.sampled_from(sorted(EXECUTIONS))


@settings(max_examples=120)
@given(
    seed=st.integers(0, 10_000),
    kind=st.sampled_from(sorted(EXITS)),
    execution=ALL,
    product=st.sampled_from([Product.MIS, Product.CNC]),
    gaps=st.sampled_from([0.0, 0.15, 0.7]),
    count=st.integers(1, 3),
    square_off=st.sampled_from([8 * BAR, 12 * BAR]),
    restarts=st.sets(st.integers(0, 40), max_size=5),
    participation=st.sampled_from([None, 3, 10, 40]),
)
def test_the_backtest_gives_what_a_pass_at_every_close_gives(
    seed: int, kind: str, execution: str, product: Product, gaps: float, count: int,
    square_off: int, restarts: set[int], participation: int | None,
) -> None:  # fmt: skip
    """The same parents, children, fills, prices, decisions and values, with restarts in the middle of them."""
    days = sessions(count, bars=12, square_off=square_off)
    stored = random_walk(days, 3, seed, gaps)
    options: dict[str, Any] = {
        "sizer": sizer(
            EXITS[kind], product=product, leverage="2", allocation_pct="40", execution=EXECUTIONS[execution],
        ),
        "signals": random_signals(stored, seed + 1),
        "slippage_bps": "3",
        "charges": "nse_intraday",
        "compound": True,
        "realism": None if participation is None else replace(FRICTIONS, max_participation_pct=Decimal(participation)),
    }  # fmt: skip
    events = Rig(days, whole_tape(stored), **options).backtest()
    every = [close for day in days for close in range(day.opens + BAR, day.closes + 1, BAR)]
    closes = stepped(stored, days, {every[i % len(every)] for i in restarts}, **options)
    assert record(events.journal) == record(closes)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 500),
    kind=st.sampled_from(sorted(EXITS)),
    execution=ALL,
    lives=st.lists(st.integers(1, 60), min_size=1, max_size=6),
)
def test_a_process_that_dies_after_any_write_leaves_nothing_that_a_restart_does_not_finish(
    seed: int, kind: str, execution: str, lives: list[int]
) -> None:
    """The same parents, children and fills as if nothing had happened, and nothing twice."""
    whole, broken = rig_of(seed, kind, execution), rig_of(seed, kind, execution)
    run_from(whole, 0)
    journal = broken.journal = Mortal()
    for life in [*lives, 1 << 30]:
        journal.lives = life
        try:
            run_from(broken, journal.marked() or 0)
        except Stopped:
            continue
    assert record(journal) == record(whole.journal)


@pytest.mark.parametrize("execution", ["twap", "iceberg"])
def test_every_single_write_of_a_session_can_be_the_last(execution: str) -> None:
    """Exhaustively, once: the writes are counted, then each is the one after which the process dies."""
    whole = rig_of(SEED, "percent", execution)
    counting = whole.journal = Mortal()
    run_from(whole, 0)
    expected, writes = record(counting), (1 << 30) - counting.lives
    assert {one.parent.schedule.algo for one in counting.parents()} == {Algo(execution)}
    for last in range(1, writes + 1):
        broken = rig_of(SEED, "percent", execution)
        journal = broken.journal = Mortal()
        journal.lives = last
        with pytest.raises(Stopped):
            run_from(broken, 0)
        journal.lives = 1 << 30
        run_from(broken, journal.marked() or 0)
        assert record(journal) == expected, f"killed after write {last}"


@pytest.mark.parametrize("execution", ["twap", "vwap", "iceberg"])
def test_a_book_rebuilt_at_any_close_is_the_book_that_went_on(execution: str) -> None:
    """What parents have left counts the same after a restart."""
    for day in DAYS:
        for close in closes(day):
            whole, cut_off = (rig_of(SEED, "percent", execution).play(close) for _ in range(2))
            cut_off.recover(day)
            assert account(cut_off.book) == account(whole.book)
            left = [{name: (u.rest, u.filled) for name, u in rig.book.parents.items()} for rig in (whole, cut_off)]
            assert left[0] == left[1]

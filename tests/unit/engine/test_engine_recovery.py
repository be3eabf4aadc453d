"""Start-up and crash recovery are the same code: stopped anywhere, the account is the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livetrader.domain.candles import Interval
from livetrader.domain.exit_plan import ExitReason
from livetrader.domain.instrument import Product
from livetrader.domain.liquidity import Realism
from livetrader.domain.order import Purpose
from livetrader.domain.order_state import OrderState
from livetrader.engine.tape import WindowTape
from livetrader.store.memory import MemoryJournal
from tests.unit.engine.trading_samples import (
    BAR,
    EXITS,
    FRICTIONS,
    OPENS,
    Rig,
    account,
    at,
    closes,
    fill,
    flat,
    intent,
    random_signals,
    random_walk,
    record,
    sessions,
    signal,
    sizer,
    tape,
)

SEED = 15
DAYS = sessions(2, bars=12, square_off=10 * BAR)
EVERY_CLOSE = [(day, close) for day in DAYS for close in closes(day)]


class Stopped(Exception):
    """The process dies here."""


class MortalJournal(MemoryJournal):
    """A journal whose process dies right after its `lives`th write has committed."""

    lives = 1 << 30

    def _put(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        super()._put(table, key, value)
        self._writes = getattr(self, "_writes", 0) + 1

    def _live(self) -> None:
        self.lives -= 1
        if self.lives == 0:
            raise Stopped

    def decide(self, *arguments: Any) -> None:
        super().decide(*arguments)
        self._live()

    def intend(self, *arguments: Any) -> bool:
        new = super().intend(*arguments)
        self._live()
        return new

    def advance(self, *arguments: Any, **more: Any) -> None:
        super().advance(*arguments, **more)
        self._live()

    def book(self, *arguments: Any) -> bool:
        new = super().book(*arguments)
        self._live()
        return new

    def amend(self, *arguments: Any) -> None:
        super().amend(*arguments)
        self._live()

    def mark(self, *arguments: Any) -> None:
        super().mark(*arguments)
        self._live()

    def equity(self, *arguments: Any) -> None:
        super().equity(*arguments)
        self._live()


def session_of(seed: int, kind: str, product: Product = Product.MIS, realism: Realism | None = None) -> Rig:
    """Two sessions of three symbols that trade a good deal; with `realism`, in parts."""
    stored = random_walk(DAYS, 3, seed)
    prices = WindowTape({Interval.M5: stored}, dict.fromkeys(stored.symbols, Interval.M5))
    return Rig(
        DAYS,
        prices,
        sizer(EXITS[kind], product=product, leverage="2", allocation_pct="40"),
        random_signals(stored, seed + 1),
        slippage_bps="2",
        charges="nse_intraday",
        compound=True,
        realism=realism,
    )


def walked(rig: Rig) -> dict[str, tuple[str, int]]:
    """Where the exits stand that may still move."""
    held = rig.book.positions.items()
    return {symbol: (repr(one.exit), one.walked) for symbol, one in held if one.closing is None}


def run_from(rig: Rig, marked: int) -> None:
    """Go on after `marked` as the live loop does: each session is a start-up from the journal."""
    for day in DAYS:
        left = [close for close in closes(day) if close > marked]
        if left:
            rig.recover(day)
            for close in left:
                rig.step(close)


MODELS = pytest.mark.parametrize("realism", [None, FRICTIONS], ids=["fixed", "realistic"])


@MODELS
@pytest.mark.parametrize("product", [Product.MIS, Product.CNC], ids=str)
@pytest.mark.parametrize("kind", EXITS)
def test_a_book_rebuilt_at_any_close_is_the_book_that_went_on(
    kind: str, product: Product, realism: Realism | None
) -> None:
    for cut in range(len(EVERY_CLOSE)):
        whole, cut_off = (session_of(SEED, kind, product, realism) for _ in range(2))
        day, close = EVERY_CLOSE[cut]
        whole.play(close)
        cut_off.play(close)
        cut_off.recover(day)
        assert account(cut_off.book) == account(whole.book)
        if close < day.closes:
            following = min(c for c in closes(day) if c > close)
            whole.step(following)
            cut_off.step(following)
            assert account(cut_off.book) == account(whole.book)
            assert walked(cut_off) == walked(whole), "each exit is walked again from the entry to the same place"


def test_the_sample_trades_enough_to_mean_something() -> None:
    played = [session_of(SEED, kind).play().journal for kind in EXITS]
    leaving = (r for journal in played for r in journal.orders() if r.intent.purpose is not Purpose.ENTRY)
    reasons = {r.intent.reason for r in leaving if r.filled_quantity}
    assert reasons >= {ExitReason.STOP, ExitReason.TARGET, ExitReason.TRAILING, ExitReason.SQUARE_OFF}
    assert all(len(journal.fills()) >= 8 for journal in played)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 500),
    kind=st.sampled_from(sorted(EXITS)),
    lives=st.lists(st.integers(1, 60), min_size=1, max_size=6),
    realism=st.sampled_from([None, FRICTIONS]),
)
def test_a_process_that_dies_after_any_write_leaves_nothing_that_a_restart_does_not_finish(
    seed: int, kind: str, lives: list[int], realism: Realism | None
) -> None:
    """The same orders, fills, decisions and values as if nothing had happened, and nothing twice."""
    whole = session_of(seed, kind, realism=realism)
    run_from(whole, 0)
    broken = session_of(seed, kind, realism=realism)
    journal = MortalJournal()
    broken.journal = journal
    for life in [*lives, 1 << 30]:
        journal.lives = life
        try:
            run_from(broken, journal.marked() or 0)
        except Stopped:
            continue
    assert record(journal) == record(whole.journal)


@MODELS
def test_every_single_write_of_a_session_can_be_the_last(realism: Realism | None) -> None:
    """Exhaustively, once: the writes are counted, then each is the one after which the process dies."""
    whole = session_of(SEED, "percent", realism=realism)
    counting = MortalJournal()
    whole.journal = counting
    run_from(whole, 0)
    writes = (1 << 30) - counting.lives
    assert writes > 50
    expected = record(counting)
    for last in range(1, writes + 1):
        broken = session_of(SEED, "percent", realism=realism)
        journal = MortalJournal()
        broken.journal = journal
        journal.lives = last
        with pytest.raises(Stopped):
            run_from(broken, 0)
        journal.lives = 1 << 30
        run_from(broken, journal.marked() or 0)
        assert record(journal) == expected, f"killed after write {last}"


def test_the_counts_of_a_session_survive_a_restart_in_it_and_not_the_night() -> None:
    """A strategy's daily limit is not given anew by a restart (nor is the day's money)."""
    prices = tape(DAYS, {"A": [flat(100)] * 12 + [flat(100)] * 12})
    rig = Rig(DAYS, prices, sizer(EXITS["none"]), [signal()]).play(at(5))
    rig.recover(DAYS[0])
    assert rig.book.exposure(at(5), signal(bar=4)).trades == 1
    rig.recover(DAYS[1])
    assert rig.book.exposure(at(5), signal(bar=4)).trades == 0


def test_an_order_of_unknown_fate_still_counts_after_a_restart() -> None:
    rig = Rig(DAYS, tape(DAYS, {"A": [flat(100)] * 12}))
    order = intent()
    rig.journal.intend(order, DAYS[0].open_at)
    rig.journal.advance(order.intent_id, OrderState.SENT, DAYS[0].open_at)
    rig.journal.advance(order.intent_id, OrderState.UNKNOWN, DAYS[0].open_at)
    rig.recover(DAYS[0])
    exposure = rig.book.exposure(at(1), signal())
    assert (exposure.pending, exposure.trades, exposure.available) == ({"A"}, 1, 9000)


def test_what_is_left_of_a_partly_filled_order_is_reserved_after_a_restart() -> None:
    rig = Rig(DAYS, tape(DAYS, {"A": [flat(100)] * 12}))
    order = intent(quantity="10")
    rig.journal.intend(order, DAYS[0].open_at)
    rig.journal.advance(order.intent_id, OrderState.SENT, DAYS[0].open_at)
    rig.journal.book(fill(order, "90", "4"), DAYS[0].open_at)
    rig.recover(DAYS[0])
    assert (rig.book.unfilled, rig.book.available) == ({"i1": 6}, 10_000 - 4 * 90 - 6 * 100)


def test_an_intent_that_was_never_sent_reserves_nothing_and_lapses_with_the_session() -> None:
    rig = Rig(DAYS[:1], tape(DAYS, {"A": [flat(100)] * 12}))
    rig.journal.intend(intent(), DAYS[0].open_at)
    rig.recover(DAYS[0])
    assert (rig.book.available, rig.book.orders) == (10_000, {})
    for close in closes(DAYS[0]):
        rig.step(close)
    (left,) = rig.journal.orders()
    assert (left.state, left.reason) == (OrderState.EXPIRED, "never sent, and not decided again")
    assert rig.journal.fills() == []


def test_an_exit_that_was_resting_is_known_to_be_under_way() -> None:
    bars = [flat(100), flat(100), *[None] * 8, flat(100)]
    rig = Rig(DAYS, tape(DAYS, {"A": bars}), sizer(EXITS["none"]), [replace(signal(), tag="x")]).play(OPENS + 10 * BAR)
    before = rig.book.positions["A"].closing
    rig.recover(DAYS[0])
    assert rig.book.positions["A"].closing == before is not None


_RISING = [
    flat(100.0),
    flat(100.0),
    *((p, p + 1.0, p, p + 1.0) for p in (100.0, 101.0, 102.0, 103.0)),
    *[flat(104.0)] * 6,
]


def test_a_stop_that_had_trailed_does_not_fall_back_between_a_restart_and_the_next_pass() -> None:
    """`monitor` keeps the venue's stop at the exit's level, and runs before the first pass."""
    rig = Rig(DAYS, tape(DAYS, {"A": _RISING}), signals=[signal("A", 0)]).play(at(6))
    (stop,) = rig.book.orders.values()
    trailed = stop.trigger_price
    assert trailed is not None
    assert trailed > 97, "it has moved, or this shows nothing"
    rig.recover(DAYS[0])
    rig.engine.monitor()
    (after,) = rig.book.orders.values()
    # The level after the last bar is set by the next pass; until then it is not below where it was.
    assert after.trigger_price is not None
    assert after.trigger_price >= trailed

"""Invariant I8: what stops entries stops them across restarts, and never an exit."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from livetrader.constraints.rules.latches import NotHalted, SymbolFree
from livetrader.constraints.verdict import Refused
from livetrader.domain.account import External, ExternalKind, ExternalStatus
from livetrader.domain.instrument import Product
from livetrader.domain.order import Purpose
from livetrader.domain.signal import Signal
from livetrader.engine.cycle import loss_latch
from livetrader.engine.recovery import recover
from tests.unit.engine.faulty import DAYS, PERCENT
from tests.unit.engine.trading_samples import (
    BAR,
    DAY,
    RULES,
    Price,
    Rig,
    at,
    closes,
    fill,
    flat,
    intent,
    sessions,
    signal,
    sizer,
    tape,
)  # fmt: skip

LEVEL = [flat(100)] * 24
EVERY_BAR = [signal(symbol, bar) for bar in range(24) for symbol in "AB"]
THREE = sessions(3, bars=12, square_off=10 * BAR)


def rig(prices: dict[str, list[Price | None]], signals: list[Signal], limit: str | None = None, **more: Any) -> Rig:
    """An engine whose rules begin with the latches'. A limit is set on each engine that boots."""
    made = Rig(THREE, tape(THREE, prices), sizer(PERCENT), signals, rules=(NotHalted(), SymbolFree(), *RULES), **more)
    boot = made.boot

    def limited() -> None:
        boot()
        made.engine.max_daily_loss = None if limit is None else Decimal(limit)

    made.boot = limited  # type: ignore[method-assign]
    made.boot()
    return made


def verdicts(of: Rig, bar: int) -> dict[str, str]:
    """By symbol, the rule that refused the entry decided at the close of `bar`; empty: approved."""
    found = of.journal.decisions(since=at(bar + 1), until=at(bar + 1) + 1)
    return {d.signal.symbol: d.verdict.rule if isinstance(d.verdict, Refused) else "" for d in found}


def entries(of: Rig) -> list[str]:
    return [r.intent.symbol for r in of.journal.orders() if r.intent.purpose is Purpose.ENTRY]


@pytest.mark.parametrize("name", ["halt", "kill", "auth", "mismatch"])
def test_a_latch_stops_entries_until_it_is_off_and_restarts_do_not_take_it_off(name: str) -> None:
    made = rig({"A": LEVEL, "B": LEVEL}, EVERY_BAR)
    made.journal.latch(name, "by hand", DAYS[0].open_at)
    made.play(at(2))
    made.recover(THREE[0])
    made.step(at(3))
    assert [verdicts(made, bar) for bar in (0, 1, 2)] == [{"A": "not_halted", "B": "not_halted"}] * 3
    assert made.journal.orders() == []
    (decision, *_) = made.journal.decisions(since=0, until=at(3))
    assert isinstance(decision.verdict, Refused)
    assert decision.verdict.reason == f"{name}: by hand"
    made.journal.unlatch(name, DAYS[0].open_at)
    made.step(at(4))
    assert entries(made) == ["A", "B"]


def test_a_latch_stops_no_stop_and_no_exit() -> None:
    bars: list[Price | None] = [flat(100), flat(100), (100, 106, 100, 105), *[flat(105)] * 9]
    held = Rig(THREE, tape(THREE, {"A": bars}), signals=[signal()], rules=(NotHalted(), *RULES)).play(at(2))
    held.journal.latch("kill", "by hand", DAYS[0].open_at)
    for close in closes(DAYS[0])[2:]:
        held.step(close)
    stop, out = [r for r in held.journal.orders() if r.intent.purpose is not Purpose.ENTRY]
    assert (stop.intent.trigger_price, out.intent.reason, held.book.positions) == (103, "square_off", {})


def test_a_symbols_latch_stops_that_symbol_only_and_is_off_in_the_next_session() -> None:
    """Rejected again and again: for the rest of the day, restarts included, and no longer."""
    made = rig({"A": [None] * 24, "B": [None] * 24}, EVERY_BAR)
    made.engine.start(THREE[0])
    made.clock.advance_to(at(1) - 1.0)
    made.journal.latch("symbol:A", "rejected 3 times", made.engine._at())
    made.step(at(1))
    made.recover(THREE[0])
    made.step(at(2))
    assert [verdicts(made, bar)["A"] for bar in (0, 1)] == ["symbol_free"] * 2
    assert verdicts(made, 0)["B"] == ""
    made.recover(THREE[1])
    assert made.journal.latches() == {}


@pytest.mark.parametrize(
    ("status", "rule"),
    [(ExternalStatus.FROZEN, "symbol_free"), (ExternalStatus.IGNORED, ""), (ExternalStatus.ADOPTED, "")],
    ids=str,
)
@pytest.mark.parametrize("kind", ExternalKind, ids=str)
def test_o2_what_is_not_ours_freezes_its_symbol_until_somebody_decides(
    kind: ExternalKind, status: ExternalStatus, rule: str
) -> None:
    made = rig({"A": LEVEL, "B": LEVEL}, EVERY_BAR)
    made.engine.start(THREE[0])
    made.book.compared([External(kind, "A", Product.MIS, Decimal(5), status, THREE[0].open_at)], [])
    made.step(at(1))
    assert verdicts(made, 0) == {"A": rule, "B": ""}


def test_a_position_in_doubt_freezes_its_symbol_until_the_books_agree() -> None:
    made = rig({"A": LEVEL, "B": LEVEL}, EVERY_BAR)
    made.engine.start(THREE[0])
    made.book.compared([], ["A"])
    made.step(at(1))
    made.book.compared([], [])
    made.step(at(2))
    assert (verdicts(made, 0)["A"], verdicts(made, 1)["A"]) == ("symbol_free", "")


# 20 A bought at 100 fall to 99 (their stop is at 98) and recover: 20 lost at the close of bar 2, none at that of bar 3.
DIP: list[Price | None] = [flat(100), flat(100), (100, 100, 99, 99), *[flat(100)] * 21]
ASKING = [signal("A", 0), signal("B", 2), signal("B", 3), signal("B", 13)]


@pytest.mark.parametrize(("limit", "locked"), [("20", True), ("20.01", False), (None, False)])
def test_a_session_that_lost_too_much_takes_no_more_entries(limit: str | None, locked: bool) -> None:
    """Open losses count. A recovery does not open entries again."""
    made = rig({"A": DIP, "B": LEVEL}, ASKING, limit).play(at(5))
    assert ("not_halted" in verdicts(made, 2).values(), "B" in entries(made)) == (locked, not locked)
    if locked:
        assert verdicts(made, 3) == {"B": "not_halted"}
        (alert,) = made.journal.alerts()
        assert alert.text == "lost 20.00 of at most 20.00 today: no more entries this session"
        assert list(made.journal.latches()) == [loss_latch(THREE[0])]


def test_the_days_loss_and_its_lock_survive_a_restart_and_not_the_night() -> None:
    made = rig({"A": DIP, "B": LEVEL}, [*ASKING[:3], replace(ASKING[1], bar_open=at(1) + DAY, as_of=at(2) + DAY)], "20")
    made.play(at(3))
    made.recover(THREE[0])
    made.step(at(4))
    assert (verdicts(made, 3), entries(made)) == ({"B": "not_halted"}, ["A"])
    made.clock.advance_to(float(THREE[1].opens))
    made.recover(THREE[1])
    made.step(at(2) + DAY)
    assert entries(made) == ["A", "B"]


def test_a_loss_before_a_restart_counts_after_it() -> None:
    """The day's start is written down: counted from the restart, 12 + 12 would never be 20."""
    bars: list[Price | None] = [flat(100), flat(100), flat(99.4), flat(99.4), flat(98.8), *[flat(98.8)] * 7]
    made = rig({"A": bars, "B": LEVEL}, [signal("A", 0), signal("B", 2), signal("B", 4)], "20")
    made.play(at(4))
    before = made.book.day_value
    made.recover(THREE[0])
    assert made.book.day_value == before == 10_000
    made.step(at(5))
    assert verdicts(made, 4) == {"B": "not_halted"}


def test_a_restart_in_the_day_does_not_take_what_is_held_at_its_present_price() -> None:
    """Held over at 99, it opens at 98.5: 10 lost today, also for a process that began after that."""
    bars: list[Price | None] = [flat(100)] * 2 + [flat(99)] * 10 + [flat(99), *[flat(98.5)] * 11]
    made = Rig(THREE, tape(THREE, {"A": bars}), sizer(PERCENT, product=Product.CNC), [signal()])
    made.engine.max_daily_loss = Decimal(10)
    made.play(THREE[1].opens + 3 * BAR)
    made.boot()
    made.engine.max_daily_loss = Decimal(10)
    recover(made.engine, THREE[1])
    assert (made.book.day_value, made.engine.value(THREE[1].opens + 3 * BAR)) == (9980, 9970)


def test_what_a_position_held_over_had_lost_yesterday_is_not_todays_loss() -> None:
    days = THREE
    bars: list[Price | None] = [flat(100)] * 2 + [flat(99)] * 10 + [flat(99)] * 12
    made = Rig(days, tape(days, {"A": bars}), sizer(PERCENT, product=Product.CNC), [signal()])
    made.engine.max_daily_loss = Decimal(20)
    made.play(days[1].opens + BAR)
    assert (made.book.day_value, "A" in made.book.positions) == (9980, True)


def test_the_value_of_a_position_without_a_bar_yet_is_what_it_cost() -> None:
    """Filled in a bar that is still forming: no later price may stand in for it, nor may there be none at all."""
    made = Rig(THREE, tape(THREE, {"A": [None] * 12 + [flat(150)] * 12, "B": []})).play(at(1))
    for symbol in "AB":
        order = intent(f"i{symbol}", symbol)
        made.book.book(fill(order, "100"), order, at(2))
    assert made.engine.value(at(2)) == 10_000

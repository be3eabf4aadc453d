"""What the book tells the rules of the session so far is a fold over fills and orders: a restart changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from livetrader.constraints.rules.breakers import ConsecutiveLosses, StopCooldown
from livetrader.constraints.rules.latches import NotHalted
from livetrader.constraints.rules.money import PositionSize
from livetrader.constraints.verdict import Refused
from livetrader.domain.exit_plan import ExitKind
from livetrader.domain.instrument import Product
from livetrader.domain.order import Action, OrderIntent, Purpose
from livetrader.domain.order_state import OrderState
from livetrader.engine.book import Book
from livetrader.engine.floor import PORTFOLIO_LATCH
from livetrader.engine.sizing import ExitSettings
from livetrader.ports import OrderRecord
from tests.unit.engine.trading_samples import (
    BAR,
    DAY,
    Price,
    Rig,
    at,
    closes,
    fill,
    flat,
    intent,
    record,
    sessions,
    signal,
    sizer,
    tape,
)  # fmt: skip

TWO = sessions(2, bars=12, square_off=10 * BAR)
PERCENT = ExitSettings(ExitKind.PERCENT, stop_loss_pct=1.0, take_profit_pct=50.0)


def exit_of(entry: OrderIntent, reason: str, name: str = "out") -> OrderIntent:
    action = Action.SELL if entry.action is Action.BUY else Action.BUY
    return replace(
        entry, intent_id=name, action=action, purpose=Purpose.EXIT, reason=reason, exit=None, entry_id=entry.intent_id
    )


def book() -> Book:
    made = Book(sizer(), Decimal(10_000))
    made.start(TWO[0])
    return made


def round_trip(made: Book, price: str, reason: str = "target", charges: str = "0", bar: int = 2) -> None:
    entry = intent(f"in{bar}")
    made.book(fill(entry, "100"), entry, at(2))
    out = exit_of(entry, reason, f"out{bar}")
    made.book(fill(out, price, charges=charges, bar=bar), out, at(bar + 1))


@pytest.mark.parametrize(
    ("prices", "losses"),
    [
        ([], 0),
        (["99"], 1),
        (["99", "98"], 2),
        (["99", "101", "99"], 1),
        (["99", "99", "101"], 2),
        (["100", "99"], 1),
    ],
    ids=["none", "one", "two", "a gain between", "a gain after does not reopen", "neither is no loss"],
)
def test_the_longest_run_of_losses_counts(prices: list[str], losses: int) -> None:
    made = book()
    for bar, price in enumerate(prices, 2):
        round_trip(made, price, bar=bar)
    assert made.exposure(at(9), signal(bar=8)).losses == losses


def test_charges_make_a_loss_of_a_trade_that_only_just_gained() -> None:
    made = book()
    round_trip(made, "100.05", charges="0.51")
    assert made.losses == 1


def test_a_trade_in_parts_is_one_trade() -> None:
    made, entry = book(), intent()
    made.book(fill(entry, "100"), entry, at(2))
    out = exit_of(entry, "stop")
    made.book(fill(out, "110", "9"), out, at(3))
    made.book(fill(out, "50", "1", number=2), out, at(3))
    assert (made.losses, made.positions) == (0, {})


def test_a_fill_that_turns_a_position_ends_one_trade_and_begins_the_next() -> None:
    made, entry = book(), intent()
    made.book(fill(entry, "100"), entry, at(2))
    out = exit_of(entry, "stop")
    made.book(fill(out, "99", "15"), out, at(3))
    assert (made.losses, made.positions["A"].cash) == (1, Decimal(5 * 99))
    back = intent("back")
    made.book(fill(back, "98", "5"), back, at(4))
    assert (made.losing, made.losses) == (0, 1)


@pytest.mark.parametrize(
    ("reason", "stopped"),
    [("stop", True), ("trailing", True), ("target", False), ("square_off", False), ("manual", False)],
)
def test_a_stop_that_was_reached_is_remembered_with_its_time(reason: str, stopped: bool) -> None:
    made = book()
    before = made.exposure(at(2), signal(bar=1))
    round_trip(made, "99", reason, bar=4)
    assert made.exposure(at(5), signal(bar=4)).stopped == ({"A": at(4)} if stopped else {})
    assert before.stopped == {}, "what was decided on does not change"


def test_a_session_begins_with_no_losses_and_remembers_its_stops() -> None:
    made = book()
    round_trip(made, "99", "stop", bar=4)
    made.start(TWO[1])
    assert (made.losses, made.stopped) == (0, {"A": at(4)})


def sent(made: Book, name: str, *states: OrderState, bar: int = 0) -> None:
    made.open(intent(name, bar=bar))
    for state in states:
        made.advance(name, state)


@pytest.mark.parametrize(
    ("orders", "unanswered"),
    [
        ([], (0, 0)),
        ([[OrderState.UNKNOWN]], (1, at(1))),
        ([[OrderState.UNKNOWN], [OrderState.UNKNOWN]], (2, at(2))),
        ([[OrderState.UNKNOWN], [OrderState.ACKED]], (0, 0)),
        ([[OrderState.ACKED], [OrderState.UNKNOWN]], (1, at(2))),
        ([[OrderState.UNKNOWN], [OrderState.UNKNOWN, OrderState.ABANDONED]], (2, at(2))),
        ([[OrderState.UNKNOWN], [OrderState.UNKNOWN, OrderState.REJECTED]], (0, 0)),
        ([[OrderState.UNKNOWN, OrderState.ACKED], [OrderState.UNKNOWN]], (1, at(2))),
    ],
    ids=["none", "one", "two", "answered since", "answered before", "abandoned", "a no is an answer", "found late"],
)
def test_entries_in_a_row_without_an_answer_are_counted(
    orders: list[list[OrderState]], unanswered: tuple[int, int]
) -> None:
    made = book()
    for bar, states in enumerate(orders):
        sent(made, f"i{bar}", *states, bar=bar)
    seen = made.exposure(at(9), signal(bar=8))
    assert (seen.unanswered, seen.unanswered_at) == unanswered


SILENT, HEARD = (1, at(1)), (0, 0)
LEFT: dict[str, tuple[dict[str, Any], tuple[int, int]]] = {
    "unknown": ({"state": OrderState.UNKNOWN}, SILENT),
    "abandoned": ({"state": OrderState.ABANDONED}, SILENT),
    "abandoned, and was there once": ({"state": OrderState.ABANDONED, "broker_order_id": "7"}, HEARD),
    "could not be sent in time": ({"state": OrderState.EXPIRED}, SILENT),
    "a day order's end": ({"state": OrderState.EXPIRED, "broker_order_id": "7"}, HEARD),
    "called off before it was sent": ({"state": OrderState.CANCELLED}, SILENT),
    "cancelled there": ({"state": OrderState.CANCELLED, "broker_order_id": "7"}, HEARD),
    "rejected": ({"state": OrderState.REJECTED}, HEARD),
    "working": ({"state": OrderState.ACKED, "broker_order_id": "7"}, HEARD),
    "of yesterday": ({"state": OrderState.UNKNOWN, "intent": intent(bar=-300)}, HEARD),
    "never sent": ({"state": OrderState.REFUSED, "sent_at": None}, HEARD),
}


@pytest.mark.parametrize(("left", "unanswered"), LEFT.values(), ids=LEFT)
def test_a_new_process_counts_what_the_last_one_was_not_answered(
    left: dict[str, Any], unanswered: tuple[int, int]
) -> None:
    begun = TWO[0].open_at
    usual = OrderRecord(intent(), OrderState.SENT, None, Decimal(0), Decimal(0), "", begun, begun, sent_at=begun)
    made = book()
    made.recall(replace(usual, **left))
    seen = made.exposure(at(9), signal(bar=8))
    assert (seen.unanswered, seen.unanswered_at) == unanswered


def test_without_a_rule_about_money_the_account_is_not_valued() -> None:
    made = Rig(TWO, tape(TWO, {"A": [flat(100)] * 24}), sizer(PERCENT))
    made.engine.start(TWO[0])
    assert made.book.exposure(at(1), signal()).portfolio is None


def test_the_account_is_worth_its_cash_and_its_positions_at_the_last_closes() -> None:
    """What may yet fill counts at its own price; what was withdrawn is gone."""
    bars: list[Price | None] = [flat(100), flat(110), flat(120), *[flat(500)] * 9]
    made = Rig(TWO, tape(TWO, {"A": bars}), sizer(PERCENT), rules=(PositionSize(Decimal(10)),))
    made.engine.start(TWO[0])
    entry, other = intent(), intent("i2", "B", quantity="4", price="50", strategy="t")
    made.book.book(fill(entry, "100"), entry, at(2))
    made.book.open(other)
    made.book.advance("i2", OrderState.UNKNOWN)
    made.book.flow(Decimal(-300))
    seen = made.book.exposure(at(3), signal("C", 2)).portfolio
    assert seen is not None
    assert seen.equity == 10_000 + 10 * 20 - 300
    assert (dict(seen.values), dict(seen.strategy_values)) == ({"A": 1200, "B": 200}, {"s": 1200, "t": 200})


# A falls to its stop of 99 in bar 2, again in bar 5, and so on: 20 at 100 lose 20 each time.
FALLS: list[Price | None] = [flat(100), flat(100), (100, 100, 98, 98)] * 4
AGAIN = [signal("A", bar) for bar in range(9)]


def refusals(made: Rig) -> list[str]:
    """By bar, the rule that refused the entry decided at its close; empty: approved."""
    verdicts = [one.verdict for one in made.journal.decisions(since=0, until=1 << 40)]
    return [one.rule if isinstance(one, Refused) else "" for one in verdicts]


def played(rule: Any, restarts: bool) -> Rig:
    made = Rig(TWO[:1], tape(TWO[:1], {"A": FALLS}), sizer(PERCENT), AGAIN)
    made.rules = (NotHalted(), rule, *made.rules)
    made.boot()
    made.engine.start(TWO[0])
    for close in closes(TWO[0]):
        if restarts:
            made.recover(TWO[0])
        made.step(close)
    return made


@pytest.mark.parametrize(
    ("rule", "name"),
    [(StopCooldown(Decimal(15)), "stop_cooldown"), (ConsecutiveLosses(2), "consecutive_losses")],
    ids=["cooldown", "losses"],
)
def test_a_restart_at_every_close_decides_the_same(rule: Any, name: str) -> None:
    once, restarted = played(rule, restarts=False), played(rule, restarts=True)
    assert name in refusals(once)
    assert record(once.journal) == record(restarted.journal)


class TestPortfolioStop:
    """An account worth no more than its floor closes everything, and stays closed."""

    # 20 of A at 100 fall to 96 in bar 3 (no stop): 80 lost.
    DROP: tuple[Price | None, ...] = (flat(100), flat(100), flat(100), (100, 100, 96, 96), *[flat(97)] * 20)

    def rig(self, floor: str, product: Product = Product.CNC, **more: Any) -> Rig:
        exits = ExitSettings(ExitKind.NONE)
        prices = {"A": list(self.DROP), "B": [flat(50)] * 24}
        asked = [
            signal("A", 0),
            signal("B", 3),
            signal("B", 5),
            replace(signal("B", 2), bar_open=at(2) + DAY, as_of=at(3) + DAY),
        ]
        made = Rig(TWO, tape(TWO, prices), sizer(exits, product=product), asked, **more)
        made.rules = (NotHalted(), *made.rules)
        boot = made.boot

        def floored() -> None:
            boot()
            made.engine.floor = Decimal(floor)

        made.boot = floored  # type: ignore[method-assign]
        made.boot()
        return made

    @pytest.mark.parametrize(("floor", "stopped"), [("9920", True), ("9919.99", False)])
    def test_it_closes_at_its_floor_and_takes_no_entries_until_resume(self, floor: str, stopped: bool) -> None:
        made = self.rig(floor).play(TWO[1].opens + 4 * BAR)
        entered = [one.intent.symbol for one in made.journal.orders() if one.intent.purpose is Purpose.ENTRY]
        assert entered == (["A"] if stopped else ["A", "B"])
        assert (PORTFOLIO_LATCH in made.journal.latches()) is stopped
        if stopped:
            out = [one.intent for one in made.journal.orders() if one.intent.purpose is Purpose.EXIT]
            assert [(one.symbol, one.reason, one.as_of) for one in out] == [("A", "portfolio_stop", at(4))]
            assert made.fills()[-1] == ("A", "SELL", "20", "97", 4)
            (alert,) = made.journal.alerts()
            assert alert.text == (
                "the account is worth 9920.00, its floor is 9920.00: closing everything, no more entries until "
                "`livetrader resume`"
            )

    def test_it_is_put_on_again_where_the_account_is_no_better(self) -> None:
        made = self.rig("9950").play(at(5))
        made.journal.unlatch(PORTFOLIO_LATCH, TWO[0].open_at)
        made.step(at(6))
        assert PORTFOLIO_LATCH in made.journal.latches()
        assert refusals(made)[-1] == "not_halted"

    @pytest.mark.parametrize("way", ["backtest", "restarts"])
    def test_backtest_live_and_restarts_do_the_same(self, way: str) -> None:
        live, other = self.rig("9920").play(), self.rig("9920")
        ways: dict[str, Callable[[], object]] = {"backtest": other.backtest, "restarts": lambda: self.restarted(other)}
        ways[way]()
        assert record(live.journal) == record(other.journal)

    def restarted(self, made: Rig) -> None:
        for session in TWO:
            for close in closes(session):
                made.clock.advance_to(max(made.clock.now(), float(session.opens)))
                made.recover(session)
                made.step(close)

"""One pass: fills, then exits, then entries; the square-off; exits that nothing refuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from livetrader.constraints.gate import Exposure, Rule
from livetrader.constraints.rules.portfolio import CapitalAllocation, OnePositionPerSymbol
from livetrader.constraints.rules.timing import BarFreshness
from livetrader.constraints.verdict import Check, Refused
from livetrader.domain.exit_plan import ExitKind, ExitReason
from livetrader.domain.instrument import Product
from livetrader.domain.order import OrderIntent, OrderType, Purpose
from livetrader.domain.order_state import OrderState
from livetrader.domain.signal import Side, Signal
from livetrader.engine.sizing import ExitSettings
from tests.unit.engine.trading_samples import (
    BAR,
    RULES,
    Price,
    Rig,
    at,
    flat,
    plain,
    sessions,
    signal,
    sizer,
    tape,
)

DAYS = sessions(1, bars=8, square_off=6 * BAR)
SQUARE_OFF, CLOSE = DAYS[0].square_off, DAYS[0].closes
PERCENT = ExitSettings(ExitKind.PERCENT, stop_loss_pct=2.0, take_profit_pct=3.0)


def rig(bars: Sequence[Price | None], signals: Sequence[Signal] = (), **more: object) -> Rig:
    return Rig(DAYS, tape(DAYS, {"A": bars}), signals=signals or [signal()], **more)  # type: ignore[arg-type]


def reasons(of: Rig) -> list[str]:
    """Why positions were left: of every exit that was sent, and of the stops that filled."""
    return [
        str(r.intent.reason)
        for r in of.journal.orders()
        if r.intent.purpose is Purpose.EXIT or (r.intent.purpose is Purpose.STOP and r.filled_quantity)
    ]


def refusals(of: Rig) -> list[str]:
    verdicts = [d.verdict for d in of.journal.decisions(since=0, until=CLOSE + 1)]
    return [v.rule if isinstance(v, Refused) else "approved" for v in verdicts]


def test_a_signal_at_a_close_is_a_position_at_the_next_open() -> None:
    played = rig([flat(100), flat(101), flat(101)]).play(at(2))
    assert played.fills() == [("A", "BUY", "20", "101", 1)]
    held = played.book.positions["A"]
    assert (held.position.quantity, held.exit.stop, held.opened) == (20, 98.0, at(1))


EXIT_CASES: dict[str, tuple[Side, ExitSettings, list[Price | None], str, int, str, OrderType]] = {
    "stop in the entry's own bar": (
        Side.LONG,
        PERCENT,
        [flat(100), (100, 100.5, 97, 99)],
        "98",
        1,
        "stop",
        OrderType.SL_M,
    ),
    "stop later": (Side.LONG, PERCENT, [flat(100), flat(100), (99, 99, 97, 98)], "98", 2, "stop", OrderType.SL_M),
    "gap beyond the stop": (Side.LONG, PERCENT, [flat(100), flat(100), flat(96)], "96", 2, "stop", OrderType.SL_M),
    "short's stop": (
        Side.SHORT,
        PERCENT,
        [flat(100), flat(100), (101, 103, 101, 102)],
        "102",
        2,
        "stop",
        OrderType.SL_M,
    ),
    "target": (
        Side.LONG,
        PERCENT,
        [flat(100), flat(100), (101, 103.05, 101, 102)],
        "103",
        2,
        "target",
        OrderType.LIMIT,
    ),
    "gap beyond the target": (
        Side.LONG,
        PERCENT,
        [flat(100), flat(100), flat(104)],
        "104",
        2,
        "target",
        OrderType.LIMIT,
    ),
    "short's target": (
        Side.SHORT,
        PERCENT,
        [flat(100), flat(100), (99, 99, 96, 98)],
        "97",
        2,
        "target",
        OrderType.LIMIT,
    ),
    "trailing stop": (
        Side.LONG,
        ExitSettings(),
        [flat(100), (100, 106, 100, 105), (105, 105, 102, 103)],
        "103",
        2,
        "trailing",
        OrderType.SL_M,
    ),
    "short's trailing stop": (
        Side.SHORT,
        ExitSettings(),
        [flat(100), (100, 100, 94, 95), (95, 98, 95, 97)],
        "97",
        2,
        "trailing",
        OrderType.SL_M,
    ),
}


@pytest.mark.parametrize(
    ("side", "exits", "bars", "price", "bar", "reason", "kind"), EXIT_CASES.values(), ids=EXIT_CASES
)
def test_a_stop_or_target_fills_where_it_lies_on_the_bar_that_reaches_it(
    side: Side, exits: ExitSettings, bars: list[Price | None], price: str, bar: int, reason: str, kind: OrderType
) -> None:
    played = rig(bars, [signal(side=side)], sizer=sizer(exits)).play(at(bar + 1))
    assert played.fills()[1:] == [("A", "SELL" if side is Side.LONG else "BUY", "20", price, bar)]
    (_, stop, *rest) = played.journal.orders()
    leaving = rest[0] if rest else stop
    assert (leaving.intent.reason, leaving.intent.order_type, leaving.state) == (reason, kind, OrderState.FILLED)
    assert (len(rest), stop.state is OrderState.CANCELLED) == ((1, True) if kind is OrderType.LIMIT else (0, False))
    assert played.book.positions == {}


def test_a_position_is_known_before_its_exit_is_tested_and_closed_before_entries_are_decided() -> None:
    """At the close of bar 1: the entry at its open is booked, its stop on that bar is hit, and another symbol's
    signal of that bar is decided on the money that is left."""
    prices = {"A": [flat(100), (100, 100, 90, 91)], "B": [flat(50), flat(50), flat(50)]}
    signals = [signal("A", 0), signal("B", 1, price=50.0)]
    played = Rig(DAYS, tape(DAYS, prices), sizer(PERCENT, allocation_pct="100"), signals).play(at(3))
    assert played.fills()[:2] == [("A", "BUY", "100", "100", 1), ("A", "SELL", "100", "98", 1)]
    assert refusals(played) == ["approved", "capital_allocation"]
    (_, second) = played.journal.decisions(since=0, until=CLOSE)
    assert isinstance(second.verdict, Refused)
    assert second.verdict.numbers == {"margin": "10000.00", "available": "9800.00"}


def test_the_square_off_closes_at_the_first_open_from_its_instant_on() -> None:
    played = rig([flat(100 + i) for i in range(8)]).play()
    assert played.fills()[1:] == [("A", "SELL", "20", "106", 6)]
    (_, stop, leaving) = played.journal.orders()
    assert (stop.intent.purpose, stop.state) == (Purpose.STOP, OrderState.CANCELLED)
    assert (leaving.intent.as_of, leaving.intent.order_type) == (SQUARE_OFF, OrderType.MARKET)
    assert reasons(played) == ["square_off"]


def test_an_exit_of_the_bar_before_the_square_off_goes_first() -> None:
    bars = [flat(100)] * 5 + [(100, 100, 97, 97), flat(97), flat(97)]
    played = rig(bars, sizer=sizer(PERCENT)).play()
    assert (reasons(played), played.fills()[1][3:]) == (["stop"], ("98", 5))


def test_a_square_off_between_two_closes_is_not_late() -> None:
    """At 09:42:30 a pass sends it; the stop on the bar that is still forming then comes too late."""
    days = sessions(1, bars=8, square_off=5 * BAR + 150)
    bars = [flat(100)] * 5 + [(100, 100, 90, 97), flat(97), flat(97)]
    played = Rig(days, tape(days, {"A": bars}), sizer(PERCENT), [signal()]).play()
    assert (reasons(played), played.fills()[1][3:]) == (["square_off"], ("97", 6))


def test_without_a_further_price_an_intraday_position_is_closed_at_the_last() -> None:
    played = rig([flat(100), flat(101), flat(102)]).play()
    assert (reasons(played), played.fills()[1][3:]) == (["square_off"], ("102", 8))


def test_no_entry_is_taken_from_the_square_off_on() -> None:
    played = rig([flat(100)] * 8, [signal(bar=4), signal("A", 5), signal(bar=7)]).play()
    assert refusals(played) == ["approved", "trading_window", "trading_window"]


def test_what_is_held_over_is_not_squared_off_and_is_tested_in_the_next_session() -> None:
    days = sessions(2, bars=8, square_off=6 * BAR)
    bars = [flat(100)] * 8 + [(101, 102, 100, 101), (100, 100, 97, 98)]
    played = Rig(days, tape(days, {"A": bars}), sizer(PERCENT, product=Product.CNC), [signal()]).play()
    assert reasons(played) == ["stop"]
    assert played.journal.fills()[1].filled_at.timestamp() == days[1].opens + BAR
    assert [plain(f.price) for f in played.journal.fills()] == ["100", "98"]


def test_a_symbol_is_not_entered_again_on_the_bar_that_closed_its_position() -> None:
    bars = [flat(100), flat(100), (100, 100, 97, 98), flat(98), flat(98)]
    signals = [signal(bar=0), signal(bar=2, strategy="t", price=98.0), signal(bar=3, strategy="t", price=98.0)]
    played = rig(bars, signals, sizer=sizer(PERCENT)).play(at(5))
    assert refusals(played) == ["approved", "one_position_per_symbol", "approved"]
    assert [f[1:] for f in played.fills()] == [("BUY", "20", "100", 1), ("SELL", "20", "98", 2), ("BUY", "20", "98", 4)]


def test_a_symbol_with_a_position_or_an_order_is_not_entered() -> None:
    signals = [signal(bar=0), signal(bar=0, strategy="t"), signal(bar=2, strategy="t")]
    played = rig([flat(100), None, flat(100), flat(100)], signals).play(at(4))
    assert refusals(played) == ["approved", "one_position_per_symbol", "one_position_per_symbol"]


def test_signals_of_one_close_are_decided_in_their_order_while_the_money_lasts() -> None:
    prices = {symbol: [flat(100), flat(100)] for symbol in "ABC"}
    signals = [signal("C"), signal("A"), signal("B")]
    rules = (OnePositionPerSymbol(), CapitalAllocation())
    played = Rig(DAYS, tape(DAYS, prices), sizer(allocation_pct="45"), signals, rules=rules).play(at(2))
    assert [f[0] for f in played.fills()] == ["C", "A"]
    assert refusals(played) == ["approved", "approved", "capital_allocation"]


class Never:
    """A rule that refuses whatever it is asked."""

    def passes(self, intent: OrderIntent, exposure: Exposure) -> bool:  # noqa: ARG002 - every rule sees both
        return False

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:  # noqa: ARG002 - every rule sees both
        return Check("never", False, "no", {})


def test_exits_are_never_refused() -> None:
    """Every rule turns against us while a position is open: its stop goes out all the same."""
    played = rig([flat(100), flat(100), (99, 99, 90, 91)], sizer=sizer(PERCENT))
    played.play(at(2))
    never: list[Rule] = [Never()]
    played.engine.rules = never
    played.journal.latch("kill", "by hand", DAYS[0].open_at)
    played.step(at(3))
    assert (reasons(played), played.book.positions) == (["stop"], {})


def test_a_late_pass_judges_the_age_of_its_bar_by_the_clock() -> None:
    late = rig([flat(100), flat(100)], rules=(*RULES, BarFreshness(60)))
    late.engine.start(DAYS[0])
    late.clock.advance_to(float(at(1) + 61))
    late.step(at(1))
    assert refusals(late) == ["bar_freshness"]


def test_a_refused_signal_leaves_a_record_and_no_order() -> None:
    played = rig([flat(100)], [signal(atr=float("nan"))]).play(at(1))
    (decision,) = played.journal.decisions(since=0, until=CLOSE)
    assert isinstance(decision.verdict, Refused)
    assert (decision.verdict.rule, played.journal.orders()) == ("exit_defined", [])


def test_a_pass_is_marked_when_it_is_done() -> None:
    played = rig([flat(100)])
    played.engine.start(DAYS[0])
    for bar in (1, 2):
        played.step(at(bar))
        assert played.journal.marked() == at(bar)


def test_the_value_of_the_account_is_recorded_at_the_sessions_close() -> None:
    played = rig(
        [flat(100)] * 6 + [flat(103)] * 2, sizer=sizer(ExitSettings(ExitKind.NONE), product=Product.CNC)
    ).play()
    assert played.journal.equities() == [(CLOSE, Decimal(10_060), Decimal(8_000))]


def test_a_value_uses_the_last_price_that_is_known() -> None:
    played = rig([flat(100), flat(100), None, flat(110)]).play(at(3))
    assert played.engine.value(at(3)) == 10_000
    assert played.engine.value(at(4)) == 10_200


def test_at_the_end_of_data_what_is_open_closes_at_the_last_price() -> None:
    played = rig(
        [flat(100), flat(100), flat(104)], sizer=sizer(ExitSettings(ExitKind.NONE), product=Product.CNC)
    ).play()
    played.venue.close_market()
    played.engine.finish(CLOSE)
    assert (reasons(played), played.fills()[1][3:], played.book.positions) == (["end_of_data"], ("104", 8), {})
    assert played.journal.equities()[-1] == (CLOSE, played.book.cash, played.book.cash), (
        "what it cost is in the account"
    )


def test_an_exit_signal_closes_only_what_its_strategy_holds() -> None:
    leave = replace(signal(bar=2), exit=True)
    prices = [flat(100), flat(100), flat(101), flat(102)]
    mine = rig(prices, [signal(), leave]).play(at(4))
    theirs = rig(prices, [signal(), replace(leave, strategy="t")]).play(at(4))
    assert (reasons(mine), mine.fills()[1][3:]) == (["signal"], ("102", 3))
    assert reasons(theirs) == []


def test_a_manual_close_sends_one_market_order() -> None:
    played = rig([flat(100), flat(100), flat(101), flat(102)]).play(at(3))
    played.engine.closing.close(played.book.positions["A"], at(3), ExitReason.MANUAL)
    played.step(at(4))
    assert (reasons(played), played.fills()[1][3:]) == (["manual"], ("102", 3))

"""Invariant I7: a held position has exactly one stop at the venue, sized to what filled, or an alert is open."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.domain.exit_plan import ExitKind, ExitReason
from livetrader.domain.order import OrderIntent, Purpose, closing
from livetrader.domain.order_state import OrderState
from livetrader.domain.signal import Side
from livetrader.engine.sizing import ExitSettings
from livetrader.errors import BrokerUnavailable
from livetrader.ports import OrderUpdate, Outcome
from tests.unit.engine.faulty import (
    DAYS,
    LOST,
    PERCENT,
    REFUSED,
    REJECTED,
    Faulty,
    Refuses,
    S,
    faulty,
    made,
    monitor,
    names,
    working,
)  # fmt: skip
from tests.unit.engine.trading_samples import at, fill, flat, intent, signal, sizer

LEVEL = [flat(100)] * 12
STOP = Purpose.STOP


def protected(line: Faulty | None = None, bars: Any = LEVEL, **more: Any) -> tuple[Any, Faulty]:
    """20 bought at 100 at the open of bar 1, after the pass at its close."""
    rig, line = faulty(bars, line, **more)
    rig.play(at(2))
    return rig, line


@pytest.mark.parametrize(("side", "trigger"), [(Side.LONG, "98.00"), (Side.SHORT, "102.00")], ids=str)
def test_a_position_has_its_stop_in_the_pass_that_learns_of_its_fill(side: Side, trigger: str) -> None:
    rig, line = protected(signals=[signal(side=side)])
    assert line.sends() == ["place entry 20", "place stop 20"]
    assert made(rig, STOP) == [(S.ACKED, "20", trigger)]
    assert rig.book.positions["A"].stop == names(rig, STOP)[0]


def test_asked_for_again_it_is_left_alone() -> None:
    rig, line = protected()
    line.sends()
    for _ in range(3):
        monitor(rig)
    rig.step(at(3))
    assert (line.sends(), working(rig)) == ([], 1)


def test_without_an_exit_there_is_no_stop() -> None:
    rig, _ = protected(sizer=sizer(ExitSettings(ExitKind.NONE)))
    assert ("A" in rig.book.positions, made(rig, STOP)) == (True, [])


def entered_in_parts(*quantities: str) -> tuple[Any, Faulty, OrderIntent]:
    """An entry of 20 that fills at the venue in the given parts, one a pass."""
    line = Faulty(places={Purpose.ENTRY: [(Outcome(S.ACKED, "B1"), False)]})
    rig, _ = faulty(LEVEL, line)
    rig.play(at(1))
    (entry,) = rig.book.orders.values()
    for number, quantity in enumerate(quantities, 1):
        news = fill(entry, "100", quantity, number)
        line.news = [OrderUpdate(entry.intent_id, S.PARTIALLY_FILLED, (news,))]
        rig.step(at(number + 1))
    return rig, line, entry


def test_a_stop_grows_with_the_entry_that_fills_in_parts() -> None:
    """Fault B9, B10: its quantity is what filled, never what was wanted."""
    rig, line, _ = entered_in_parts("8", "5", "7")
    assert line.sends() == ["place entry 20", "place stop 8", "modify stop 13 @ 98.0000", "modify stop 20 @ 98.0000"]
    assert made(rig, STOP) == [(S.ACKED, "20", "98.00")]


def test_an_entry_that_is_cancelled_half_way_keeps_the_stop_of_what_filled() -> None:
    rig, line, entry = entered_in_parts("8")
    line.news = [OrderUpdate(entry.intent_id, S.CANCELLED)]
    rig.step(at(3))
    assert (made(rig, STOP), rig.book.positions["A"].position.quantity) == ([(S.ACKED, "8", "98.00")], 8)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5).filter(lambda parts: sum(parts) <= 20))
def test_whatever_parts_come_the_one_stop_is_the_position(parts: list[int]) -> None:
    rig, line, _ = entered_in_parts(*map(str, parts))
    assert made(rig, STOP) == [(S.ACKED, str(sum(parts)), "98.00")]
    assert [order.quantity for order in line.venue.resting.values()] == [sum(parts)]


def test_a_stop_that_filled_in_part_is_not_topped_up() -> None:
    """What rests is what is still held."""
    rig, line = protected()
    stop = rig.book.orders[rig.book.positions["A"].stop]
    line.news = [OrderUpdate(stop.intent_id, S.PARTIALLY_FILLED, (fill(stop, "98", "6", bar=2),))]
    line.sends()
    rig.step(at(3))
    held = rig.book.positions["A"]
    assert (held.position.quantity, rig.book.unfilled[stop.intent_id], line.sends()) == (14, 14, [])


def test_a_trailing_stop_is_moved_when_its_level_moves_and_only_then() -> None:
    bars = [flat(100), flat(100), (100, 106, 100, 105), flat(105), (105, 108, 105, 107), flat(107)]
    rig, line = faulty(bars, sizer=sizer(ExitSettings()))
    rig.play(at(6))
    moves = [call for call in line.sends() if call.startswith("modify")]
    assert moves == ["modify stop 20 @ 103.0000", "modify stop 20 @ 105.0000"]
    assert made(rig, STOP) == [(S.ACKED, "20", "105.00")]


@pytest.mark.parametrize("answer", [LOST, REJECTED, REFUSED], ids=lambda outcome: str(outcome.state))
def test_a_move_whose_answer_is_doubtful_is_asked_for_again_and_believed_only_then(answer: Outcome) -> None:
    bars = [flat(100), flat(100), (100, 106, 100, 105), flat(105)]
    line = Faulty(modifies=[answer])
    rig, _ = faulty(bars, line, sizer=sizer(ExitSettings()))
    rig.play(at(2))
    rig.path.resolve()
    line.sends()
    rig.step(at(3))
    assert made(rig, STOP) == [(S.ACKED, "20", "97.00")]
    monitor(rig)
    assert made(rig, STOP) == [(S.ACKED, "20", "103.00")]
    assert line.sends() == ["modify stop 20 @ 103.0000"] * 2
    (record,) = [r for r in rig.journal.orders() if r.intent.purpose is STOP]
    assert (record.intent.amended, record.intent.reason) == (at(3), "trailing")


def test_no_stop_goes_out_or_moves_while_an_order_of_the_symbol_is_of_unknown_fate() -> None:
    """ORDERS.md: while one is UNKNOWN, no other goes out."""
    bars = [flat(100), flat(100), (100, 106, 100, 105), flat(105), flat(105)]
    line = Faulty(places={STOP: [(LOST, True)]}, hidden=True, visibility_seconds=1e6)
    rig, _ = faulty(bars, line, sizer=sizer(ExitSettings()))
    rig.play(at(4))
    assert line.sends() == ["place entry 20", "place stop 20"]
    line.hidden = False
    rig.step(at(5))
    assert line.sends() == ["modify stop 20 @ 103.0000"]
    assert made(rig, STOP) == [(S.ACKED, "20", "103.00")]


@pytest.mark.parametrize("state", [S.CANCELLED, S.REJECTED], ids=str)
def test_a_stop_that_vanishes_is_made_anew_once_then_the_position_is_closed_and_somebody_told(
    state: OrderState,
) -> None:
    rig, line = protected()
    line.loses(names(rig, STOP)[0], state)
    monitor(rig)
    assert made(rig, STOP) == [(state, "20", "98.00"), (S.ACKED, "20", "98.00")]
    assert (rig.journal.alerts(), len(set(names(rig, STOP)))) == ([], 2)
    line.loses(names(rig, STOP)[1], state)
    monitor(rig)
    assert (len(made(rig, STOP)), [alert.key for alert in rig.journal.alerts()]) == (2, ["stop:A"])
    rig.step(at(4))
    (out,) = [r for r in rig.journal.orders() if r.intent.purpose is Purpose.EXIT]
    assert (out.intent.reason, out.state, rig.book.positions) == (ExitReason.UNPROTECTED, S.FILLED, {})
    assert rig.journal.alerts() == [], "settled with the position"


@pytest.mark.parametrize("reads", [["0", "0"], ["5", "5"], [BrokerUnavailable("no answer")]], ids=["gone", "less", "?"])
def test_a_stop_that_vanished_is_made_anew_only_for_what_is_still_there(reads: list[Any]) -> None:
    """It may have gone with its position: another one would sell what is not there."""
    rig, line = protected()
    line.loses(names(rig, STOP)[0], S.CANCELLED)
    line.reads = reads
    line.sends()
    monitor(rig)
    assert (line.sends(), [alert.key for alert in rig.journal.alerts()]) == ([], ["stop:A"])
    monitor(rig)
    assert (line.sends(), rig.journal.alerts()) == (["place stop 20"], [])


def test_d5_after_a_restart_the_first_stop_waits_for_the_position_to_be_confirmed() -> None:
    """The journal may be an old copy, and the position sold since."""
    rig, line = faulty(LEVEL)
    rig.play(at(1))
    rig.recover(DAYS[0])
    line.reads = ["0"] * 20
    rig.step(at(2))
    assert (line.sends(), [alert.key for alert in rig.journal.alerts()]) == (["place entry 20"], ["stop:A"])
    line.reads = []
    monitor(rig)
    assert line.sends() == ["place stop 20"]


def test_a_stop_that_is_refused_twice_closes_the_position() -> None:
    rig, line = protected(Faulty(places={STOP: [(REJECTED, False)] * 2}))
    monitor(rig)
    assert [alert.key for alert in rig.journal.alerts()] == ["stop:A"]
    assert line.sends() == ["place entry 20", "place stop 20", "place stop 20", "place exit 20"]
    rig.step(at(4))
    assert rig.book.positions == {}


def test_a_day_order_that_expires_is_not_lost() -> None:
    """The venue's end of day is no refusal: tomorrow's stop is as good as the first, as often as it takes."""
    rig, line = protected()
    for number in range(4):
        line.loses(names(rig, STOP)[-1], S.EXPIRED)
        monitor(rig)
        assert (len(made(rig, STOP)), working(rig)) == (number + 2, 1)
    assert (rig.journal.alerts(), rig.book.positions["A"].lost_stops) == ([], 0)


def test_a_stop_that_never_arrived_is_given_up_after_the_horizon_and_made_anew() -> None:
    rig, _ = protected(Faulty(places={STOP: [(LOST, False)]}))
    monitor(rig)
    monitor(rig, 59)
    assert made(rig, STOP) == [(S.UNKNOWN, "20", "98.00")]
    assert [alert.key for alert in rig.journal.alerts()] == ["stop:A"]
    monitor(rig, 2)
    assert rig.journal.alerts() == []
    assert made(rig, STOP) == [(S.ABANDONED, "20", "98.00"), (S.ACKED, "20", "98.00")]
    assert working(rig) == 1


def test_an_abandoned_stop_that_turns_up_after_all_does_not_stay_beside_the_new_one() -> None:
    """Never two: both filling would turn the position around."""
    line = Faulty(places={STOP: [(LOST, True)]}, hidden=True)
    rig, _ = protected(line)
    monitor(rig)
    monitor(rig, 61)
    assert working(rig) == 2
    line.hidden = False
    line.news = [OrderUpdate(names(rig, STOP)[0], S.ACKED, broker_order_id="late")]
    monitor(rig)
    monitor(rig)
    assert sorted(state for state, *_ in made(rig, STOP)) == [S.ACKED, S.CANCELLED]
    held = rig.book.positions["A"]
    assert ([*line.venue.resting], held.stop, held.lost_stops) == ([held.stop], held.stop, 1)


@pytest.mark.parametrize("refusals", [1, 4])
def test_a_stop_that_could_not_be_sent_is_sent_under_the_same_name(refusals: int) -> None:
    """Fault B3: nothing left, so nothing is lost, and the journal does not fill with attempts."""
    line = Faulty(places={STOP: [(REFUSED, False)] * refusals})
    rig, _ = protected(line)
    for _ in range(refusals):
        monitor(rig)
    assert made(rig, STOP) == [(S.ACKED, "20", "98.00")]
    assert (rig.journal.alerts(), rig.book.positions["A"].lost_stops) == ([], 0)


def test_after_a_restart_a_stop_that_vanishes_is_made_anew_whatever_could_not_be_sent_before() -> None:
    """The names of attempts must not run into each other: the second stop would be taken for one that had ended."""
    line = Faulty(places={STOP: [(REFUSED, False)]})
    rig, _ = protected(line)
    monitor(rig)
    rig.recover(DAYS[0])
    line.loses(names(rig, STOP)[-1], S.CANCELLED)
    monitor(rig)
    assert (made(rig, STOP)[-1], working(rig)) == ((S.ACKED, "20", "98.00"), 1)


def test_an_alert_outlives_the_process_and_is_settled_by_the_one_that_mends_it() -> None:
    line = Faulty(places={STOP: [(REFUSED, False)] * 2})
    rig, _ = protected(line)
    assert [alert.key for alert in rig.journal.alerts()] == ["stop:A"]
    rig.recover(DAYS[0])
    monitor(rig)
    assert (working(rig), rig.journal.alerts()) == (1, [])


def test_the_stop_of_a_position_that_somebody_else_closed_is_cancelled() -> None:
    """Left alone it would open a new position, the other way round."""
    rig, _ = protected()
    order = intent("r", action=closing(Side.LONG), purpose=Purpose.RECONCILE, exit=None, quantity="20")
    rig.book.book(fill(order, "99", bar=2), order, at(2))
    monitor(rig)
    assert (working(rig), made(rig, STOP)[0][0], rig.book.orders) == (0, S.CANCELLED, {})


def test_a_stop_that_we_refused_ourselves_is_tried_again() -> None:
    """A throttle's no ends an intent, and must not end the protection."""
    rig, _ = faulty(LEVEL)
    rig.path.permit = Refuses(STOP, 2)
    rig.play(at(4))
    assert (made(rig, STOP)[-1], working(rig)) == ((S.ACKED, "20", "98.00"), 1)


def test_a_stop_that_we_keep_refusing_waits_longer_each_time_and_is_not_a_lost_one() -> None:
    """Each attempt is a row of its own. The position keeps its alert, and is not closed for what we did."""
    rig, _ = faulty(LEVEL)
    rig.path.permit = Refuses(STOP, 1000)
    rig.play(at(2))
    for _ in range(30):
        monitor(rig, 2)
    assert made(rig, STOP) == [(S.REFUSED, "20", "98.00")] * 5, "after 0, 2, 6, 14 and 30 s"
    held = rig.book.positions["A"]
    assert (held.lost_stops, held.leaving, [one.key for one in rig.journal.alerts()]) == (0, None, ["stop:A"])
    rig.recover(DAYS[0])
    assert rig.book.positions["A"].lost_stops == 0
    monitor(rig)
    assert (made(rig, STOP)[-1], working(rig), rig.journal.alerts()) == ((S.ACKED, "20", "98.00"), 1, [])


def test_a_stop_that_was_refused_does_not_hold_an_exit_back() -> None:
    rig, line = faulty(LEVEL)
    rig.path.permit = Refuses(STOP, 1)
    rig.play(at(2))
    line.sends()
    rig.engine.closing.close(rig.book.positions["A"], at(2), ExitReason.MANUAL)
    assert line.sends() == ["place exit 20"]


def test_a_stop_that_was_written_down_and_not_sent_goes_out_with_todays_level() -> None:
    """The process died between INTENT and SENT; meanwhile the level has moved."""
    bars = [flat(100), flat(100), (100, 106, 100, 105), flat(105)]
    rig, line = faulty(bars, sizer=sizer(ExitSettings()))
    line.places[STOP] = [(REFUSED, False)] * 2
    rig.play(at(2))
    rig.recover(DAYS[0])
    rig.step(at(4))
    assert made(rig, STOP) == [(S.ACKED, "20", "103.00")]
    (resting,) = line.venue.resting.values()
    assert (resting.trigger_price, resting.quantity) == (Decimal(103), 20)


def test_the_percent_sample_lies_where_it_says() -> None:
    plan = PERCENT.plan(1.0, square_off=True)
    assert (plan.stop_loss_pct, plan.take_profit_pct) == (2.0, 3.0)

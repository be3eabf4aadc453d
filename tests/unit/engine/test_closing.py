"""An exit is a target, flat, from a fresh read: what works is cancelled first, and nothing is sold twice."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.domain.account import External, ExternalKind, ExternalStatus
from livetrader.domain.exit_plan import ExitReason
from livetrader.domain.instrument import Product
from livetrader.domain.order import Action, OrderType, Purpose
from livetrader.domain.order_state import OrderState
from livetrader.engine.closing import wait_seconds
from livetrader.errors import AuthExpired, BrokerProtocol, BrokerUnavailable
from livetrader.ports import OrderUpdate, Outcome
from livetrader.store.memory import MemoryJournal
from tests.unit.engine.faulty import (
    ASKED,
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
from tests.unit.engine.trading_samples import BAR, Rig, at, closes, fill, flat, sizer

LEVEL = [flat(100)] * 24
EXIT, STOP = Purpose.EXIT, Purpose.STOP


def holding(line: Faulty | None = None, bars: Any = LEVEL, **more: Any) -> tuple[Rig, Faulty]:
    """20 held at 100 under their stop, at the close of bar 2; the calls so far are forgotten."""
    rig, line = faulty(bars, line, **more)
    rig.play(at(3))
    line.calls.clear()
    return rig, line


def leave(rig: Rig, reason: ExitReason = ExitReason.MANUAL) -> None:
    rig.engine.closing.close(rig.book.positions["A"], int(rig.clock.now()), reason)


def sold(rig: Rig) -> Decimal:
    return sum((f.quantity for f in rig.journal.fills() if f.action is Action.SELL), Decimal(0))


def exits(rig: Rig) -> list[tuple[OrderState, str]]:
    return [(state, quantity) for state, quantity, _ in made(rig, EXIT)]


def test_the_stop_is_cancelled_before_the_position_is_read_and_the_exit_goes_out() -> None:
    rig, line = holding()
    leave(rig)
    assert line.calls == ["cancel", "position", "place exit 20"]
    rig.step(at(4))
    assert (made(rig, STOP), exits(rig), sold(rig)) == ([(S.CANCELLED, "20", "98.00")], [(S.FILLED, "20")], 20)
    assert (rig.book.positions, working(rig)) == ({}, 0)


def test_a_second_wish_to_leave_changes_nothing() -> None:
    """The first reason stands, and one exit goes out."""
    rig, line = holding()
    for reason in (ExitReason.MANUAL, ExitReason.SIGNAL, ExitReason.SQUARE_OFF):
        leave(rig, reason)
        monitor(rig)
    (out,) = [r.intent for r in rig.journal.orders() if r.intent.purpose is EXIT]
    assert (out.reason, out.as_of, line.calls.count("place exit 20")) == ("manual", at(3), 1)


def test_b10_a_stop_that_fills_while_it_is_being_cancelled_leaves_no_exit_to_send() -> None:
    bars = [flat(100)] * 3 + [(100, 100, 97, 98), flat(98)]
    rig, line = holding(Faulty(cancels=[REJECTED]), bars)
    leave(rig)
    assert (line.sends(), exits(rig)) == (["cancel"], [(S.INTENT, "20")])
    rig.step(at(4))
    assert (made(rig, STOP)[0][0], rig.book.positions, sold(rig)) == (S.FILLED, {}, 20)
    rig.play()
    assert (exits(rig), sold(rig)) == ([(S.EXPIRED, "20")], 20)


def test_b10_a_stop_that_filled_in_part_before_its_cancel_is_taken_off_the_exit() -> None:
    """The venue's position says so before its trade book does."""
    rig, line = holding(Faulty(reads=["14", "14"]))
    (stop,) = line.venue.resting.values()
    line.venue.held["A"] = Decimal(14)
    leave(rig)
    assert exits(rig) == [(S.EXPIRED, "20"), (S.ACKED, "14")]
    line.venue.held["A"] = Decimal(20)  # the news below takes its part off
    line.news = [OrderUpdate(stop.intent_id, S.CANCELLED, (fill(stop, "98", "6", bar=3),))]
    rig.step(at(4))
    assert (rig.book.positions, sold(rig), line.venue.held["A"]) == ({}, 20, 0)


def test_a_cancel_that_is_only_asked_for_is_waited_for() -> None:
    rig, line = holding(Faulty(cancels=[ASKED, ASKED, LOST]))
    leave(rig)
    monitor(rig)
    monitor(rig)
    assert (set(line.sends()), exits(rig)) == ({"cancel"}, [(S.INTENT, "20")])
    line.loses(names(rig, STOP)[0], S.CANCELLED)
    monitor(rig)
    assert (line.sends(), exits(rig)) == (["place exit 20"], [(S.ACKED, "20")])
    assert (rig.book.positions["A"].lost_stops, rig.journal.alerts()) == (0, [])


@pytest.mark.parametrize("error", [BrokerUnavailable, BrokerProtocol, AuthExpired])
def test_b5_an_exit_waits_while_the_position_cannot_be_read(error: type[Exception]) -> None:
    """No answer is not flat, and not the old quantity either."""
    rig, line = holding(Faulty(reads=[error("no answer"), error("no answer")]))  # type: ignore[list-item]
    leave(rig)
    monitor(rig)
    assert (line.sends(), exits(rig)) == (["cancel"], [(S.INTENT, "20")])
    monitor(rig)
    assert exits(rig) == [(S.ACKED, "20")]


@pytest.mark.parametrize(
    ("reads", "sent"),
    [
        pytest.param(["20"], "20", id="as we know it: one read"),
        pytest.param(["30"], "20", id="more there than ours: ours"),
        pytest.param(["5", "5"], "5", id="fewer, said twice: fewer"),
        pytest.param(["5", "20"], None, id="fewer, not said again: wait"),
        pytest.param(["0", "0"], None, id="none, said twice: nothing to sell"),
        pytest.param(["-3", "-3"], None, id="the other way round: nothing to sell"),
        pytest.param(["5", BrokerUnavailable("no answer")], None, id="fewer, then no answer: wait"),
    ],
)
def test_what_goes_out_is_what_the_venue_holds_for_us(reads: list[Any], sent: str | None) -> None:
    """Shrinking needs two agreeing reads; what is not ours is never sold."""
    rig, line = holding(Faulty(reads=reads))
    leave(rig)
    assert line.sends() == (["cancel"] if sent is None else ["cancel", f"place exit {sent}"])
    assert line.reads == []


def test_what_others_hold_of_the_symbol_is_not_ours_to_sell() -> None:
    rig, line = holding(Faulty(reads=["25", "25"]))
    theirs = External(ExternalKind.POSITION, "A", Product.MIS, Decimal(10), ExternalStatus.FROZEN, DAYS[0].open_at)
    rig.book.compared([theirs], [])
    leave(rig)
    assert line.sends() == ["cancel", "place exit 15"]


def test_a_restart_does_not_forget_what_others_hold_of_the_symbol() -> None:
    """Exits go out before the first reconciliation, too."""
    rig, line = holding(Faulty(reads=["25", "25"]))
    theirs = External(ExternalKind.POSITION, "A", Product.MIS, Decimal(10), ExternalStatus.FROZEN, DAYS[0].open_at)
    rig.journal.external(theirs, DAYS[0].open_at)
    rig.recover(DAYS[0])
    assert rig.book.frozen == {"A": "position +10 is not ours"}
    leave(rig)
    assert line.sends() == ["cancel", "place exit 15"]


def test_a_quantity_that_changed_is_a_new_intent_and_the_old_one_ends() -> None:
    rig, _ = holding(Faulty(reads=["5", "5"]))
    leave(rig)
    first, second = [r for r in rig.journal.orders() if r.intent.purpose is EXIT]
    assert (first.state, first.reason, second.state) == (S.EXPIRED, "the position is 5 by now", S.ACKED)
    assert first.intent.intent_id != second.intent.intent_id


def test_a_target_that_is_not_taken_by_the_next_pass_is_left_at_market() -> None:
    """Its limit stands where the price has been; if it is gone, the position must go all the same."""
    bars = [flat(100)] * 3 + [(100, 104, 100, 101), flat(101), flat(101)]
    resting = Outcome(S.ACKED, "B1")
    rig, line = holding(Faulty(places={EXIT: [(resting, False)]}, cancels=[Outcome(S.CANCELLED)] * 2), bars)
    line.venue.resting.clear()
    rig.step(at(4))
    monitor(rig)
    rig.step(at(4))
    assert exits(rig) == [(S.ACKED, "20")], "between passes, and in its own made again, it is given its time"
    rig.step(at(5))
    limit, market = [r for r in rig.journal.orders() if r.intent.purpose is EXIT]
    assert (limit.intent.order_type, limit.intent.limit_price, limit.state) == (OrderType.LIMIT, 103, S.CANCELLED)
    assert (market.intent.order_type, market.intent.reason) == (OrderType.MARKET, "target")
    assert market.intent.intent_id != limit.intent.intent_id
    rig.step(at(6))
    assert (sold(rig), rig.book.positions) == (20, {})


def test_a_rejected_exit_is_tried_again_under_a_new_name() -> None:
    """The decision is the same one, so it keeps its time and reason. Each attempt waits longer for the next."""
    rig, _ = holding(Faulty(places={EXIT: [(REJECTED, False)] * 2}))
    leave(rig)
    monitor(rig)
    assert len(exits(rig)) == 1, "not at once"
    for wait in (2, 3, 1):
        rig.clock.sleep(wait)
        monitor(rig)
        monitor(rig)
    assert exits(rig) == [(S.REJECTED, "20"), (S.REJECTED, "20"), (S.ACKED, "20")]
    assert len(set(names(rig, EXIT))) == 3
    assert {(r.intent.as_of, r.intent.reason) for r in rig.journal.orders() if r.intent.purpose is EXIT} == {
        (at(3), "manual")
    }
    assert working(rig) == 1


def test_an_exit_that_our_own_permit_refuses_waits_like_a_rejected_one() -> None:
    """Each attempt is a row of its own: a lock in doubt must not fill the journal."""
    rig, _ = holding()
    rig.path.permit = Refuses(EXIT, 1000)
    leave(rig)
    for _ in range(30):
        monitor(rig, 2)
    assert exits(rig) == [(S.REFUSED, "20")] * 5, "after 0, 2, 6, 14 and 30 s"
    rig.path.permit = Refuses(EXIT, 0)
    monitor(rig, 2)
    assert (exits(rig)[5:], working(rig)) == ([(S.ACKED, "20")], 1)


@pytest.mark.parametrize(("tries", "seconds"), [(1, 2), (2, 4), (5, 32), (6, 60), (5000, 60)])
def test_the_wait_doubles_up_to_a_minute_however_often_it_was_in_vain(tries: int, seconds: float) -> None:
    assert wait_seconds(tries) == seconds


def test_b3_an_exit_that_could_not_be_sent_is_pursued_under_its_name() -> None:
    rig, line = holding(Faulty(places={EXIT: [(REFUSED, False)] * 5}))
    leave(rig)
    for _ in range(5):
        monitor(rig)
    assert (exits(rig), working(rig)) == ([(S.ACKED, "20")], 1)
    assert line.sends().count("place exit 20") == 6


def test_b2_an_exit_whose_answer_is_lost_is_not_sent_again() -> None:
    rig, line = holding(Faulty(places={EXIT: [(LOST, True)]}, hidden=True))
    leave(rig)
    for _ in range(5):
        monitor(rig, 10)
    assert (line.sends(), exits(rig)) == (["cancel", "place exit 20"], [(S.UNKNOWN, "20")])
    line.hidden = False
    rig.step(at(4))
    assert (exits(rig), sold(rig), rig.book.positions) == ([(S.FILLED, "20")], 20, {})


def test_b1_an_exit_that_never_arrived_is_made_anew_after_the_horizon() -> None:
    rig, _ = holding(Faulty(places={EXIT: [(LOST, False)]}))
    leave(rig)
    monitor(rig)
    monitor(rig, 59)
    assert exits(rig) == [(S.UNKNOWN, "20")]
    monitor(rig, 2)
    assert (exits(rig), working(rig)) == ([(S.ABANDONED, "20"), (S.ACKED, "20")], 1)


def test_an_abandoned_exit_that_filled_unseen_is_not_followed_by_another() -> None:
    """The books lag for longer than ever declared, but the position is read afresh: there is nothing to sell."""
    rig, line = holding(Faulty(places={EXIT: [(LOST, False)]}))
    leave(rig)
    line.venue.held["A"] = Decimal(0)
    monitor(rig)
    monitor(rig, 61)
    monitor(rig)
    assert (exits(rig)[0], line.sends().count("place exit 20")) == ((S.ABANDONED, "20"), 1)
    line.venue.held["A"] = Decimal(20)  # the news below takes it off
    (out, *_) = [r.intent for r in rig.journal.orders() if r.intent.purpose is EXIT]
    line.news = [OrderUpdate(out.intent_id, S.FILLED, (fill(out, "100", bar=3),))]
    monitor(rig)
    assert (rig.book.positions, sold(rig)) == ({}, 20)


def test_nothing_goes_out_while_the_stop_is_of_unknown_fate() -> None:
    line = Faulty(places={STOP: [(LOST, True)]}, hidden=True, visibility_seconds=1e6)
    rig, _ = holding(line)
    leave(rig)
    monitor(rig)
    assert (line.sends(), exits(rig)) == ([], [])
    line.hidden = False
    monitor(rig)
    assert line.sends() == ["cancel", "place exit 20"]


class Dying(MemoryJournal):
    """A journal whose process dies when an order is about to move to the given state."""

    before: OrderState | None = None

    def advance(self, intent_id: str, state: OrderState, at: datetime, **more: Any) -> None:
        if state is self.before:
            self.before = None
            raise KeyboardInterrupt
        super().advance(intent_id, state, at, **more)


@pytest.mark.parametrize(
    "before", [S.CANCELLED, S.SENT], ids=["before the cancel is booked", "before the exit is sent"]
)
def test_p1_a_process_that_dies_on_the_way_out_is_followed_by_one_that_finishes(before: OrderState) -> None:
    """The wish to leave was written down first, and goes out under the name that it had."""
    journal = Dying()
    rig, line = holding(journal=journal)
    journal.before = before
    with pytest.raises(KeyboardInterrupt):
        leave(rig)
    (name,) = names(rig, EXIT)
    if before is S.CANCELLED:
        line.news.append(OrderUpdate(names(rig, STOP)[0], S.CANCELLED))
    rig.recover(DAYS[0])
    held = rig.book.positions["A"]
    assert (held.leaving is not None, held.intended is not None) == (True, True)
    monitor(rig)
    assert (names(rig, EXIT), exits(rig), line.sends().count("place exit 20")) == ([name], [(S.ACKED, "20")], 1)
    rig.step(at(4))
    assert (sold(rig), rig.book.positions) == (20, {})


@pytest.mark.parametrize("left", ["20", "5"], ids=["as much", "fewer by now"])
def test_an_exit_that_was_never_sent_in_its_session_goes_out_in_the_next(left: str) -> None:
    """The old intent has lapsed; its name is not taken up again."""
    rig, line = holding(sizer=sizer(PERCENT, product=Product.CNC))
    line.reads = [BrokerUnavailable("no answer")] * 100
    leave(rig)
    for close in closes(DAYS[0])[3:]:
        rig.step(close)
    assert exits(rig) == [(S.EXPIRED, "20")]
    line.reads, line.venue.held["A"] = [], Decimal(left)
    rig.clock.advance_to(float(DAYS[1].opens))
    rig.engine.start(DAYS[1])
    rig.step(DAYS[1].opens + BAR)
    rig.step(DAYS[1].opens + 2 * BAR)
    assert ((S.FILLED, left) in exits(rig), sold(rig)) == (True, Decimal(left))


@given(
    st.lists(st.sampled_from([(REJECTED, False), (REFUSED, False), (LOST, False), (LOST, True)]), max_size=4),
    st.lists(st.sampled_from([REJECTED, ASKED, LOST]), max_size=3),
    st.lists(st.sampled_from(["20", "7", "0", "-1", "40"]), max_size=6),
    st.lists(st.booleans(), max_size=12),
)
def test_whatever_the_line_does_nothing_is_oversold_and_the_position_ends_flat_when_it_is_sound_again(
    places: list[tuple[Outcome, bool]], cancels: list[Outcome], reads: list[str], hides: list[bool]
) -> None:
    """Invariants I1, I2, I5: what is sold is what was bought, at the venue as in the ledger.

    The book may hide orders for as long as the adapter declares; for longer, nobody could know of a resting one.
    """
    faults = Faulty(places={EXIT: list(places)}, cancels=list(cancels), reads=list(reads), visibility_seconds=150)
    rig, line = holding(faults)
    leave(rig)
    for hidden in hides:
        line.hidden = hidden
        monitor(rig, 25)
        assert len(line.venue.resting) <= 1
        assert line.venue.held["A"] == 20 - sold(rig) >= 0
    line.places, line.cancels, line.reads, line.hidden = {}, [], [], False
    for _ in range(3):
        monitor(rig, 301)
    rig.step(int(rig.clock.now()) // BAR * BAR + BAR)
    assert (line.venue.held["A"], sold(rig), rig.book.positions) == (0, 20, {})

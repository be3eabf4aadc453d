"""What was certainly not sent may go out later: entries while they are fresh, exits for as long as it takes."""

from __future__ import annotations

from livetrader.domain.order import OrderIntent, Purpose, closing
from livetrader.domain.order_state import OrderState
from livetrader.domain.signal import Side
from livetrader.engine.orders import ATTEMPTS
from livetrader.ports import Outcome
from tests.unit.engine.desk import ACKED, SIGNAL, desk, submit
from tests.unit.engine.trading_samples import at, fill, intent

S = OrderState
LOST = Outcome(S.UNKNOWN, reason="timeout")
REFUSED = Outcome(S.INTENT, reason="connection refused")


class Permit:
    """Says no for the given reason; none: yes."""

    reason = ""

    def refuses(self, intent: OrderIntent) -> str:  # noqa: ARG002 - it is about the account
        return self.reason


def test_b3_an_entry_that_could_not_be_sent_is_tried_a_few_times_and_keeps_its_place() -> None:
    """What it takes stays reserved while it may still go out: others must not be given it (invariant I4)."""
    d = desk(REFUSED)
    submit(d)
    assert (d.state(), d.book.available, d.book.exposure(at(1), SIGNAL).pending) == (S.INTENT, 9000, {"A"})
    for _ in range(5):
        d.later(1)
    (record,) = d.journal.orders()
    assert (d.calls, record.state, record.reason) == (ATTEMPTS, S.EXPIRED, "could not be sent in time")
    assert (d.book.available, d.book.orders, len(d.book.entered)) == (10_000, {}, 0)


def test_b3_it_goes_out_as_soon_as_the_line_is_back() -> None:
    d = desk(REFUSED)
    submit(d)
    d.broker.outcome = ACKED
    d.later(1)
    d.later(1)
    assert (d.calls, d.state(), d.book.available) == (2, S.ACKED, 9000)


def test_b3_a_later_attempt_whose_answer_is_lost_is_the_last() -> None:
    d = desk(REFUSED)
    submit(d)
    d.broker.outcome = LOST
    for _ in range(4):
        d.later(1)
    assert (d.calls, d.state()) == (2, S.UNKNOWN)


def test_b3_an_entry_that_is_not_fresh_any_more_is_not_sent() -> None:
    d = desk(REFUSED)
    submit(d)
    d.broker.outcome = ACKED
    d.later(61)
    assert (d.calls, d.state(), d.book.available) == (1, S.EXPIRED, 10_000)


def test_b3_the_sessions_end_lets_what_was_never_sent_lapse() -> None:
    d = desk(REFUSED)
    submit(d)
    d.path.lapse()
    d.broker.outcome = ACKED
    d.later(1)
    assert (d.calls, d.state(), d.book.orders, d.book.available) == (1, S.EXPIRED, {}, 10_000)


def test_b3_an_exit_that_could_not_be_sent_is_left_to_whoever_pursues_it() -> None:
    d = desk()
    submit(d)
    d.hears(S.FILLED, fill(intent(), "100"))
    d.broker.outcome = REFUSED
    submit(d, intent("x1", action=closing(Side.LONG), purpose=Purpose.EXIT, exit=None))
    d.later(1)
    assert (d.calls, d.state("x1"), d.book.orders, d.book.positions["A"].closing) == (2, S.INTENT, {}, None)


def test_an_unsent_order_that_is_refused_or_sent_is_not_lapsed_with_its_position() -> None:
    """What has ended, or gone out, has left the list of what waits to be sent."""
    d = desk()
    d.path.permit = permit = Permit()
    out = intent("x1", action=closing(Side.LONG), purpose=Purpose.EXIT, exit=None, entry_id="i0")
    again = intent("x2", action=closing(Side.LONG), purpose=Purpose.EXIT, exit=None, entry_id="i0")
    for one, reason in ((out, "throttled"), (again, "")):
        permit.reason = reason
        d.path.write_down(one)
        submit(d, one)
    assert d.path.unsent == {}
    d.path.drop_unsent(0)
    assert (d.state("x1"), d.state("x2")) == (S.REFUSED, S.ACKED)


def test_an_exit_that_was_never_sent_lapses_with_its_position() -> None:
    d = desk()
    submit(d)
    d.hears(S.FILLED, fill(intent(), "100"))
    for name, entry in (("x1", "i1"), ("x2", "another")):
        d.path.write_down(intent(name, action=closing(Side.LONG), purpose=Purpose.EXIT, exit=None, entry_id=entry))
    d.path.drop_unsent(0)
    assert (d.state("x1"), d.state("x2"), list(d.path.unsent)) == (S.INTENT, S.EXPIRED, ["x1"])


def test_a_permit_that_is_not_given_is_recorded_and_nothing_is_sent() -> None:
    d = desk()
    d.path.permit = permit = Permit()
    permit.reason = "kill: by hand"
    assert submit(d) is S.REFUSED
    (record,) = d.journal.orders()
    assert (record.state, record.reason, record.sent_at, d.calls) == (S.REFUSED, "kill: by hand", None, 0)
    assert (d.book.available, d.book.orders) == (10_000, {})


def test_a_permit_is_asked_again_before_every_attempt() -> None:
    """Somebody pulled the latch while the entry waited for its line."""
    d = desk(REFUSED)
    d.path.permit = permit = Permit()
    submit(d)
    permit.reason = "kill: by hand"
    d.later(1)
    d.later(1)
    assert (d.calls, d.state(), d.book.available, d.book.orders) == (1, S.REFUSED, 10_000, {})

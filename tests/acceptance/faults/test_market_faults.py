"""M7 and M8 of docs/faults.md: symbols that do not trade, and shares that are not what they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
from two_days import DAYS, TwoDays, two_days

from livetrader.brokers.loopback.account import Holding
from livetrader.brokers.loopback.profiles import FINGERPRINT, OPEN_ONLY, STRICT, TAG_SCAN, Profile
from livetrader.constraints.verdict import Refused
from livetrader.domain.account import ExternalStatus
from livetrader.domain.instrument import Product
from livetrader.domain.order import Action, Purpose
from livetrader.domain.order_state import OPEN, OrderState
from livetrader.engine.by_hand.adoption import adopt, ignore
from livetrader.engine.by_hand.manual import NotDone, Ticket
from livetrader.engine.by_hand.replan import protect
from tests.unit.engine.trading_samples import DAY, Price, at, flat, signal

every_profile = pytest.mark.parametrize(
    "profile", [STRICT, OPEN_ONLY, TAG_SCAN, FINGERPRINT], ids=lambda profile: profile.name
)
LEVEL: list[Price | None] = [flat(100)] * 36
D = Decimal


def orders(account: TwoDays, purpose: Purpose) -> list[tuple[str, OrderState, str]]:
    """Symbol, state and reason of each order of that purpose in the journal."""
    return [(r.intent.symbol, r.state, r.reason) for r in account.journal.orders() if r.intent.purpose is purpose]


def sent(account: TwoDays) -> int:
    """How many orders of ours the exchange has seen."""
    return sum(bool(order.ticket.tag) for order in account.exchange.orders.values())


# M7: a symbol that is halted, or at its circuit limit.


@every_profile
@pytest.mark.parametrize("restarted", [False, True], ids=["", "restarted"])
def test_m7_an_exit_that_nobody_takes_stays_and_is_reported_until_it_is_done(profile: Profile, restarted: bool) -> None:
    with two_days(profile, {"A": LEVEL}, [signal()]) as account:
        account.play(3)
        account.exchange.halt("A", on=True)
        account.manual.close("A")
        account.look(50)
        assert "exit:A" not in account.alerts()
        account.look(30)
        assert account.alerts()["exit:A"].startswith("A: the exit has been open for 60 s: is the symbol halted")
        if restarted:
            account.start(DAYS[0])
        account.look(600)
        assert account.working(Purpose.EXIT) == [("A", "20")], "it stays"
        account.exchange.halt("A", on=False)
        account.exchange.quote("A", 100)
        account.look(60)
        assert (account.alerts(), account.book.positions, account.agrees()) == ({}, {}, True)
        assert [state for _, state, _ in orders(account, Purpose.EXIT)] == [OrderState.FILLED]


def test_m7_an_exit_that_the_exchange_ends_again_and_again_waits_longer_each_time_and_is_reported() -> None:
    """An exchange may cancel what has no other side at a circuit limit: no order a second for the rest of the day."""
    with two_days(STRICT, {"A": LEVEL}, [signal()]) as account:
        account.play(3)
        account.exchange.halt("A", on=True)
        account.manual.close("A")
        for _ in range(120):
            for order in [one for one in account.exchange.orders.values() if one.state in OPEN]:
                account.exchange.manual_cancel(order.order_id)
            account.clock.sleep(1)
            account.engine.monitor()
        ended = [state for _, state, _ in orders(account, Purpose.EXIT)]
        assert 5 <= len(ended) <= 8, "after 2, 4, 8 ... 60 s"
        assert "no exit has filled for 60 s" in account.alerts()["exit:A"]
        account.exchange.halt("A", on=False)
        account.look(120)
        assert (account.alerts(), account.book.positions) == ({}, {})


@every_profile
@pytest.mark.parametrize("part", ["0", "5"], ids=["unfilled", "filled in part"])
def test_m7_a_market_entry_that_a_whole_bar_has_not_filled_is_cancelled(profile: Profile, part: str) -> None:
    """Nobody sells at the circuit limit: what was decided a bar ago is not bought later. What has filled stays."""
    with two_days(profile, {"A": LEVEL}, [signal()]) as account:
        account.exchange.halt("A", on=True)
        account.play(1)
        (order,) = account.exchange.orders.values()
        if part != "0":
            account.exchange._fill(order, D(part), D(100), account.clock.now())
        account.look(290)
        assert next(state for _, state, _ in orders(account, Purpose.ENTRY)) in OPEN, "its bar is not over"
        account.look(60)
        ((_, state, _),) = orders(account, Purpose.ENTRY)
        assert (state, order.state) == (OrderState.CANCELLED, OrderState.CANCELLED)
        assert account.book.own("A", Product.CNC) == D(part)
        account.exchange.halt("A", on=False)
        account.exchange.quote("A", 100)
        account.look(60)
        assert account.book.own("A", Product.CNC) == D(part)


def test_m7_an_entry_by_hand_at_a_price_waits_for_its_price() -> None:
    with two_days(STRICT, {"A": LEVEL}, []) as account:
        account.play(1)
        account.manual.trade(Ticket(1, at(1), Action.BUY, "A", D(5), limit_price=D(90)))
        account.play(4)
        assert account.working(Purpose.ENTRY) == [("A", "5")]


# M8: a split, a bonus, a new name.


@contextmanager
def carried(
    profile: Profile = STRICT,
    night: Callable[[TwoDays], object] = lambda _account: None,
    tomorrow: list[Price | None] = LEVEL[:24],
    terms: tuple[D, D] | None = None,
) -> Iterator[TwoDays]:
    """20 A bought at 100 yesterday, at today's open; B has a signal in today's first bar, and so has A.

    `terms` are the stop and the target that were given to it by hand.
    """
    later = [signal(symbol, 0) for symbol in ("A", "B")]
    moved = [
        type(one)(**{name: getattr(one, name) for name in one.__dataclass_fields__} | {
            "bar_open": one.bar_open + DAY, "as_of": one.as_of + DAY,
        }) for one in later
    ]  # fmt: skip
    prices = {"A": LEVEL[:12] + tomorrow, "B": LEVEL}
    with two_days(profile, prices, [signal(), *moved]) as account:
        account.play(3)
        assert account.book.own("A", Product.CNC) == 20
        if terms is not None:
            protect(account.manual, 7, "A", *terms)
        account.night()
        night(account)
        account.before = sent(account)
        account.start(DAYS[1])
        yield account


def split(ratio: str) -> Callable[[TwoDays], object]:
    return lambda account: account.exchange.split("A", D(ratio))


def refused(account: TwoDays, symbol: str) -> str:
    """The rule that refused today's entry in a symbol; empty: none did."""
    (found,) = (
        d.verdict for d in account.journal.decisions(since=DAYS[1].opens, until=2**40) if d.signal.symbol == symbol
    )
    return found.rule if isinstance(found, Refused) else ""


@every_profile
def test_m8_a_position_held_over_night_has_its_stop_as_soon_as_the_books_agree(profile: Profile) -> None:
    with carried(profile) as account:
        assert (account.working(Purpose.STOP), account.book.questioned) == ([], {}), "compared just now"
        account.engine.monitor()
        assert account.working(Purpose.STOP) == [("A", "20")]
        assert account.alerts() == {}


def test_m8_before_the_books_are_compared_nothing_is_done_about_what_was_held_over_night() -> None:
    """At half the price the old stop would sell at once, and so would the exit itself."""
    with carried(tomorrow=[flat(50)] * 24) as account:
        account.start(DAYS[1], compared=False)
        before = sent(account)
        for bar in (1, 2):
            account.clock.advance_to(DAYS[1].opens + bar * 300.0)
            account.engine.step(int(account.clock.now()))
            account.engine.monitor()
        assert (sent(account), list(account.book.positions), list(account.book.frozen)) == (before, ["A"], ["A"])


@every_profile
@pytest.mark.parametrize(
    ("ratio", "price", "held", "stop"),
    [
        pytest.param("2", 50.0, "+40 at 50.0000", "49.00", id="split 1 to 2"),
        pytest.param("1.5", 66.65, "+30.0 at 66.6667", "65.35", id="bonus 1 for 2"),
        pytest.param("0.1", 1000.0, "+2.0 at 1000.0000", "980.00", id="consolidation 10 to 1"),
    ],
)
def test_m8_a_split_is_asked_about_and_adopted_with_its_stop(
    profile: Profile, ratio: str, price: float, held: str, stop: str
) -> None:
    with carried(profile, split(ratio), [flat(price)] * 24) as account:
        account.play(3)
        assert sent(account) == account.before + 2, "B was bought, with its stop; of A nothing was sold"
        assert (refused(account, "A"), refused(account, "B")) == ("symbol_free", "")
        assert (account.book.own("A", Product.CNC), account.journal.externals()) == (20, [])
        (text,) = account.alerts().values()
        assert text.startswith("A: +20 at 100.0000 became ")
        account.start(DAYS[1])
        account.look(60)
        assert list(account.alerts().values()) == [text], "a restart changes nothing, and tells nothing twice"

        assert adopt(account.engine, account.reconciler, "A", None) == f"adopted: A as {held}, stop {stop}"
        account.look(60)
        assert account.working(Purpose.STOP)[-1] == ("A", held.split()[0][1:])
        assert (account.alerts(), account.agrees()) == ({}, True)
        positions = account.book.positions["A"].position, account.book.cash
        account.start(DAYS[1])
        account.look(60)
        assert (account.book.positions["A"].position, account.book.cash) == positions
        assert (account.agrees(), account.alerts(), len(account.working(Purpose.STOP))) == (True, {}, 2)


def test_m8_the_stop_of_a_split_position_is_the_one_that_is_given() -> None:
    with carried(night=split("2"), tomorrow=[flat(50)] * 24) as account:
        account.look(30)
        with pytest.raises(NotDone, match="multiple of the tick"):
            adopt(account.engine, account.reconciler, "A", D("48.01"))
        adopt(account.engine, account.reconciler, "A", D(48))
        account.look()
        (stop,) = (o.ticket for o in account.exchange.orders.values() if o.state in OPEN)
        assert (stop.trigger_price, stop.quantity) == (48, 40)


@pytest.mark.parametrize("objection", ["has its ex-date today: a split or a bonus?", ""], ids=["a split", "none"])
def test_m8_an_order_that_lasts_does_not_go_out_at_the_price_of_another_share(objection: str) -> None:
    """Nothing is held that could be asked about: a missed entry is cheap."""
    with two_days(STRICT, {"A": LEVEL}, []) as account:
        account.look(60)
        now = int(account.clock.now())
        account.manual.trade(Ticket(1, now, Action.BUY, "A", D(10), D(99), product=Product.CNC, lasts=True))
        account.night()
        account.objections["A"] = objection
        account.start(DAYS[1])
        account.play(3)
        account.start(DAYS[1])
        account.play(1)
        (parent,) = account.journal.parents()
        if objection:
            assert account.working(Purpose.ENTRY) == []
            assert parent.reason == f"A {objection}"
            (text,) = account.alerts().values()
            assert text.startswith(f"A: {objection} The order {parent.parent.name} is cancelled")
            assert text.endswith("give it again")
        else:
            assert (account.working(Purpose.ENTRY), account.alerts()) == ([("A", "10")], {})


def test_m8_what_is_given_again_today_goes_out() -> None:
    """Its terms are those of today's share."""
    with two_days(STRICT, {"A": LEVEL}, []) as account:
        account.night()
        account.objections["A"] = "has its ex-date today: a split or a bonus?"
        account.start(DAYS[1])
        account.play(1)
        now = int(account.clock.now())
        account.manual.trade(Ticket(1, now, Action.BUY, "A", D(10), D(99), product=Product.CNC, lasts=True))
        account.play(2)
        account.start(DAYS[1])
        account.play(1)
        assert account.working(Purpose.ENTRY) == [("A", "10")]


def test_m8_an_exit_by_hand_is_adopted_with_the_split() -> None:
    """Of a position that was protected by hand, both levels are those of today's shares."""
    with carried(night=split("2"), tomorrow=[flat(50)] * 24, terms=(D(97), D(110))) as account:
        account.look(30)
        assert adopt(account.engine, account.reconciler, "A", None) == "adopted: A as +40 at 50.0000, stop 48.50"
        exit = account.book.positions["A"].exit
        assert (exit.stop, exit.target) == (48.5, 55)


def test_m8_a_split_is_no_loss_of_the_day() -> None:
    """Half the price for twice the shares: other symbols go on."""
    with carried(night=split("2"), tomorrow=[flat(50)] * 24) as account:
        account.engine.max_daily_loss = D(100)
        account.engine.start(DAYS[1])
        account.play(2)
        assert (refused(account, "B"), account.book.halts) == ("", {})
        adopt(account.engine, account.reconciler, "A", None)
        account.play(2)
        assert (account.book.halts, account.engine.value(int(account.clock.now()))) == ({}, 10_000)


def test_m8_a_question_is_answered_with_ignore_for_the_session_restarts_included() -> None:
    """Its ex-date is today, says the file; nothing has happened, says the operator."""
    with carried() as account:
        account.objections["A"] = "has its ex-date today: a split or a bonus?"
        account.start(DAYS[1])
        account.look(60)
        assert (account.working(Purpose.STOP), list(account.alerts())) == ([], ["corporate_action:A"])
        assert ignore(account.engine, "A") == "A: taken as it was, for this session"
        account.engine.monitor()
        assert (account.working(Purpose.STOP), account.alerts()) == ([("A", "20")], {})
        account.start(DAYS[1])
        account.look(60)
        assert (account.book.questioned, account.book.halts, account.alerts()) == ({}, {}, {})
        account.night()
        account.start(DAYS[2])
        account.look(60)
        assert (list(account.book.questioned), list(account.alerts())) == (["A"], ["corporate_action:A"])


def test_m8_a_split_that_is_ignored_leaves_the_new_shares_to_somebody_else() -> None:
    with carried(night=split("2"), tomorrow=[flat(99)] * 24) as account:
        account.look(30)
        ignore(account.engine, "A")
        account.look(60)
        (more,) = account.journal.externals()
        assert (more.symbol, more.quantity, more.status) == ("A", 20, ExternalStatus.FROZEN)
        assert (account.agrees(), account.working(Purpose.STOP)) == (True, [("A", "20")])


def test_m8_a_split_of_what_others_hold_beside_us_is_asked_about_and_cannot_be_adopted() -> None:
    """How much of the new shares is ours, the broker does not know."""

    def theirs(account: TwoDays) -> None:
        account.exchange.manual_trade("A", D(10), Product.CNC)
        account.look(120)
        account.exchange.split("A", D(2))

    with carried(night=theirs, tomorrow=[flat(50)] * 24) as account:
        account.look(60)
        assert account.alerts()["corporate_action:A"].startswith("A: has become +30 more, and others hold some of it")
        assert sent(account) == account.before
        with pytest.raises(NotDone, match="others hold some of it"):
            adopt(account.engine, account.reconciler, "A", None)
        ignore(account.engine, "A")
        account.look(120)
        assert (account.agrees(), [one.quantity for one in account.journal.externals()]) == (True, [40])


def test_m8_a_share_that_has_another_name_is_not_taken_for_sold() -> None:
    def renamed(account: TwoDays) -> None:
        account.objections["A"] = "is not listed any more: has it another name?"
        held: Holding = account.exchange.account.held.pop(("A", Product.CNC))
        account.exchange.account.held["B", Product.CNC] = held

    with carried(night=renamed) as account:
        account.look(120)
        assert set(account.alerts()) == {"corporate_action:A", "external:position:B:CNC:"}
        assert (account.book.own("A", Product.CNC), sent(account)) == (20, account.before)
        said = adopt(account.engine, account.reconciler, "A", None)
        assert said == "A: taken out of our books: the broker has none of it"
        adopt(account.engine, account.reconciler, "B", D(97))
        account.look(60)
        assert (account.book.own("A", Product.CNC), account.book.own("B", Product.CNC)) == (0, 20)
        assert (account.agrees(), account.alerts(), account.working(Purpose.STOP)) == (True, {}, [("B", "20")])


def test_m8_what_is_in_question_can_be_closed_by_hand() -> None:
    with carried(night=split("2"), tomorrow=[flat(50)] * 24) as account:
        account.look(30)
        account.manual.close("A")
        account.exchange.quote("A", 50)
        account.look(120)
        (rest,) = account.journal.externals()
        assert (account.book.own("A", Product.CNC), rest.quantity, account.agrees()) == (0, 20, True)
        assert [state for _, state, _ in orders(account, Purpose.EXIT)] == [OrderState.FILLED]


def test_m8_what_was_sold_over_night_is_closed_by_hand_as_on_any_day() -> None:
    with carried(night=lambda account: account.exchange.manual_trade("A", D(-8), Product.CNC)) as account:
        account.look(60)
        (alert,) = account.alerts()
        assert (alert.split(":")[0], account.book.own("A", Product.CNC)) == ("hand", 12)
        assert (account.agrees(), account.working(Purpose.STOP)) == (True, [("A", "12")])


@pytest.mark.parametrize("answer", ["adopt", "ignore"])
def test_m8_there_is_nothing_to_answer_before_the_books_were_compared(answer: str) -> None:
    with carried() as account:
        account.start(DAYS[1], compared=False)
        if answer == "adopt":
            with pytest.raises(NotDone, match="run `livetrader reconcile`"):
                adopt(account.engine, account.reconciler, "A", None)
        else:
            account.book.session = None
            with pytest.raises(NotDone, match="the market is closed"):
                ignore(account.engine, "A")
        assert list(account.book.questioned) == ["A"]

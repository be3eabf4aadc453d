"""Whose an order is, whether it may go out, and what a command means by the time that it is carried out.

Each of these once went wrong in the real engine. What counts is what the exchange holds, and what works there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from math import inf

import pytest
from live_account import DAYS, LiveAccount, Make

from livetrader.brokers.loopback.faults import Fault
from livetrader.brokers.loopback.profiles import FINGERPRINT, OPEN_ONLY, TAG_SCAN
from livetrader.brokers.loopback.rules import Ticket as TheirTicket
from livetrader.domain.books import BrokerPosition
from livetrader.domain.instrument import Product
from livetrader.domain.order import Action, OrderType
from livetrader.engine.by_hand.adoption import adopt, ignore
from livetrader.engine.by_hand.manual import NotDone, Ticket
from livetrader.engine.parents.execution import AT_MARKET, Execution, ExecutionKind
from livetrader.errors import StoreError
from livetrader.market.clock import VirtualClock
from tests.unit.engine.trading_samples import flat

D = Decimal
STOP = ["SELL 10 SL-M 98"]
BERG = Execution(ExecutionKind.ICEBERG, visible_pct=D(50))


# Commands.


def test_a_sale_that_is_carried_out_again_after_a_crash_opens_no_short(
    live_account: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was done, and the state file could not take the answer: the next process finds it unanswered."""
    account = live_account()
    account.buy("10", "98")
    account.look(3)
    number = account.post("trade", action="SELL", symbol="A", quantity="10")

    def full(*_: object) -> bool:
        raise StoreError("disk full")

    monkeypatch.setattr(account.journal, "answer", full)
    with pytest.raises(StoreError):
        account.attend()
    account.start(DAYS[0])
    account.look(2)
    account.attend()
    account.look(5)
    assert account.answer(number) is not None
    assert (account.held(), account.working()) == (0, [])


def test_a_sale_that_its_stop_has_forestalled_opens_no_short(live_account: Make) -> None:
    """The operator saw 10 and asked to sell 10; the stop sold them before the trader looked."""
    account = live_account()
    account.buy("10", "98")
    account.look(3)
    account.post("trade", action="SELL", symbol="A", quantity="10")
    account.exchange.quote("A", 97.9)
    account.attend()
    account.look(5)
    assert (account.held(), account.working()) == (0, [])


def test_a_sale_that_is_asked_for_after_a_position_has_closed_is_a_short_sale(live_account: Make) -> None:
    account = live_account()
    account.buy("10", "98")
    account.look(3)
    account.exchange.quote("A", 97.9)
    account.look(3)
    account.exchange.quote("A", 100.0)
    account.short("10", "102", number=2)
    account.look(3)
    assert (account.held(), account.working()) == (-10, ["BUY 10 SL-M 102"])


@pytest.mark.parametrize("execution", [AT_MARKET, BERG], ids=["at once", "as an iceberg"])
def test_what_was_asked_for_before_the_square_off_opens_nothing_after_it(
    live_account: Make, execution: Execution
) -> None:
    """The trader comes to it a moment too late: nobody would close it any more but the broker."""
    account = live_account()
    account.to(DAYS[0].square_off - 2)
    ticket = Ticket(1, int(account.clock.now()), Action.BUY, "A", D(10), D(101), stop=D(98), execution=execution)
    account.to(DAYS[0].square_off)
    account.engine.step(DAYS[0].square_off)
    with pytest.raises(NotDone, match="decided in time, and it is 10:05:00 by now"):
        account.manual.trade(ticket)
    account.look(5)
    assert (account.held(), account.working()) == (0, [])


def test_closing_a_symbol_withdraws_the_entry_that_waits_for_a_connection(live_account: Make) -> None:
    account = live_account()
    account.strike("place", 1, Fault.REFUSED)
    account.buy("10", "98")
    account.manual.close("A")
    account.look(30)
    assert (account.held(), account.ours()) == (0, 0)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("trade", {"action": "BUY", "quantity": "1e30"}),
        ("trade", {"action": "BUY", "quantity": "10", "limit": "1e40"}),
        ("trade", {"action": "BUY", "quantity": "10", "stop": "-1e40"}),
        ("adopt", {"stop": "1e40"}),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value.values()),
)
def test_a_number_beyond_all_reason_is_answered_and_the_trader_goes_on(
    live_account: Make, kind: str, given: dict[str, str]
) -> None:
    """It ended the process, and, unanswered, the next one, too."""
    account = live_account()
    mistyped = account.post(kind, symbol="A", **given)
    account.post("trade", action="BUY", symbol="B", quantity="10", stop="98")
    account.attend()
    account.look(2)
    answer = account.answer(mistyped)
    assert answer is not None
    assert (answer.ok, "too large" in answer.outcome) == (False, True)
    assert (account.held("A"), account.held("B")) == (0, 10)


@pytest.mark.parametrize("modified", [False, True], ids=["an entry", "more of one under way"])
def test_a_day_that_has_lost_too_much_takes_nothing_more_by_hand(live_account: Make, modified: bool) -> None:
    """No signal has come since, so nobody has looked at the loss before."""
    prices = {"A": [flat(100)] * 3 + [flat(80)] * 9, "B": [flat(100)] * 12}
    account = live_account(prices=prices, max_daily_loss=D(50))
    account.buy("10")
    account.buy("5", symbol="B", number=2, limit="95")
    account.look(2)
    account.exchange.quote("A", 80.0)
    account.bar(5)
    (entry,) = account.book.orders
    with pytest.raises(NotDone, match="lost"):
        account.manual.modify(entry, D(9), None, None) if modified else account.buy("5", symbol="B", number=3)
    account.look(2)
    assert (account.held("B"), account.working("B"), account.ours("B")) == (0, ["BUY 5 LIMIT 95"], 1)


@pytest.mark.parametrize("loses", [False, True], ids=["a gain", "too much is lost"])
def test_an_entry_that_waits_for_a_connection_does_not_go_out_once_the_day_has_lost_too_much(
    live_account: Make, loses: bool
) -> None:
    """It was approved before the stop of another position filled."""
    account = live_account(max_daily_loss=D(15))
    account.buy("10", "98")
    account.look(3)
    account.strike("place", 1, Fault.REFUSED)
    account.buy("10", "98", symbol="B", number=2)
    account.exchange.quote("A", 97.9 if loses else 100.5)
    account.path.collect(int(account.clock.now()))
    account.look(10)
    assert (account.held("B"), account.ours("B") > 0) == ((0, False) if loses else (10, True))


# Orders of unknown fate.


class Behind:
    """The broker's own clock, ten seconds late."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock, self.monotonic, self.sleep = clock, clock.monotonic, clock.sleep

    def now(self) -> float:
        return self.clock.now() - 10


def test_an_order_without_a_tag_is_found_though_the_brokers_clock_is_late(live_account: Make) -> None:
    """What was not in the book before the send is ours, whatever time it bears."""
    account = live_account(FINGERPRINT)
    account.exchange.clock = Behind(account.clock)
    account.strike("place", 1, Fault.LOST_ANSWER)
    account.buy("10", "98")
    account.look(90)
    assert (account.held(), account.working()) == (10, STOP)


def test_an_order_of_unknown_fate_keeps_its_terms_and_is_found_by_them(live_account: Make) -> None:
    account = live_account(FINGERPRINT)
    account.strike("place", 1, Fault.LOST_ANSWER)
    account.buy("10", "98", limit="99")
    (unknown,) = account.book.orders
    with pytest.raises(NotDone, match="its fate is unknown"):
        account.manual.modify(unknown, D(12), None, None)
    account.look(20)
    account.exchange.quote("A", 98.9)
    account.look(60)
    assert (account.held(), account.working()) == (10, STOP)


def test_no_entry_goes_out_beside_an_order_of_unknown_fate(live_account: Make) -> None:
    """The stop was lost on its way, and the position closed by hand: until the stop is found or given up, nothing."""
    account = live_account(OPEN_ONLY)
    account.strike("place", 2, Fault.LOST_REQUEST)
    account.buy("10", "98")
    account.look(1)
    account.exchange.manual_trade("A", D(-10))
    account.look(4)
    with pytest.raises(NotDone, match="fate of one of its orders is unknown"):
        account.buy("10", number=2)
    assert (account.held(), account.ours()) == (0, 1)
    account.look(90)
    account.buy("10", number=3)
    assert (account.held(), account.ours()) == (10, 2)


@pytest.mark.parametrize("killed", [False, True], ids=["", "killed when it was booked"])
def test_a_position_that_a_lost_entry_turns_round_has_the_stop_of_its_new_side(
    live_account: Make, killed: bool
) -> None:
    """The stop of the old side would add to the new one."""
    account = live_account(TAG_SCAN)
    account.strike("place", 1, Fault.LOST_REQUEST)
    account.buy("30", "98")
    (sent,) = account.book.orders.values()
    account.look(70)
    account.short("10", "102", number=2)
    account.look(10)
    assert account.held() == -10, "the first one was given up"
    account.exchange.submit(TheirTicket.of(sent, tag=sent.intent_id, protected=True))
    if killed:
        account.clock.sleep(6)
        assert account.path.collect(int(account.clock.now())), "the fill"
        account.start(DAYS[0])
    account.look(20)
    assert (account.held(), account.working()) == (20, ["SELL 20 SL-M 98"])


# The broker's books.


class Lagging:
    """The position book as it was some seconds ago."""

    def __init__(self, account: LiveAccount, seconds: float) -> None:
        self.seconds, self.clock, self.read = seconds, account.clock, account.venue.positions
        self.seen = [(-inf, self.read())]

    def __call__(self) -> Sequence[BrokerPosition]:
        now = self.clock.monotonic()
        self.seen.append((now, self.read()))
        return [book for since, book in self.seen if since <= now - self.seconds][-1]


@pytest.mark.parametrize("restarted", [False, True], ids=["", "restarted"])
@pytest.mark.parametrize("asked", [False, True], ids=["", "reconcile is asked for"])
def test_a_position_book_that_is_late_does_not_take_a_fill_for_closed_by_hand(
    live_account: Make, monkeypatch: pytest.MonkeyPatch, asked: bool, restarted: bool
) -> None:
    """Two reads of the same old book say the same. Booked away, ours would be taken for somebody else's."""
    account = live_account(TAG_SCAN)
    account.look(20)
    monkeypatch.setattr(account.venue, "positions", Lagging(account, 12.0))
    account.buy("10")
    account.look(6)
    if restarted:
        account.start(DAYS[0])
    for _ in range(10):
        if asked:
            account.post("reconcile")
            account.attend()
        account.look(1, every=2.0)
    account.manual.close("A")
    account.look(60)
    assert (account.held(), account.working()) == (0, [])


@pytest.mark.parametrize("minutes", [2, 4])
def test_a_position_book_that_stays_empty_without_a_trade_is_not_taken_for_closed_by_hand(
    live_account: Make, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    """An answer may be well-formed, empty and wrong for minutes; whoever closes a position leaves a trade."""
    account = live_account()
    account.buy("10", "98")
    account.look(10)
    with monkeypatch.context() as outage:
        outage.setattr(account.venue, "positions", list)
        account.look(60 * minutes, every=5.0)
    assert (account.book.own("A", Product.MIS), account.held(), account.working()) == (10, 10, STOP)
    account.look(60, every=5.0)
    assert "hand" not in " ".join(account.alerts())


def test_a_position_that_is_gone_for_long_is_gone_though_nobody_shows_the_trade(
    live_account: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A product was converted, or shares were transferred: no trade will ever tell it."""
    account = live_account()
    account.buy("10", "98")
    account.look(10)
    monkeypatch.setattr(account.venue, "positions", list)
    account.look(400, every=5.0)
    assert (account.book.own("A", Product.MIS), account.working()) == (0, [])
    assert any(key.startswith("hand:") for key in account.alerts())


def buy_beside(account: LiveAccount, theirs: int) -> None:
    """Somebody else has so many of A, and is ignored; we buy 10."""
    account.exchange.manual_trade("A", D(theirs))
    account.look(10)
    ignore(account.engine, "A")
    account.look(1)
    account.buy("10", "98")


@pytest.mark.parametrize("theirs", [-4, -10, 4], ids=lambda theirs: f"{theirs:+d} of theirs")
@pytest.mark.parametrize("seen", ["after the close", "next morning"])
def test_what_the_broker_squares_off_is_over_for_us_and_for_others(live_account: Make, theirs: int, seen: str) -> None:
    """It knows the sum only. What ours and theirs seem to be still is no position: to leave it would open one."""
    account = live_account()
    buy_beside(account, theirs)
    account.look(10)
    assert (account.book.own("A", Product.MIS), account.book.foreign("A", Product.MIS)) == (10, theirs)
    account.to(DAYS[0].closes + 1)
    account.exchange.end_of_day(square_off=True)
    if seen == "next morning":
        account.morning()
    account.look(400, every=5.0)
    assert (account.book.own("A", Product.MIS), account.book.foreign("A", Product.MIS)) == (0, 0)
    account.morning()
    account.look(120, every=5.0)
    assert (account.held(), account.working()) == (0, [])


def test_ours_and_theirs_that_make_up_for_each_other_stay_until_the_session_ends(live_account: Make) -> None:
    account = live_account()
    buy_beside(account, -10)
    account.look(400, every=5.0)
    assert (account.book.own("A", Product.MIS), account.working()) == (10, STOP)


def test_ours_and_theirs_stay_on_a_market_that_squares_nothing_off(live_account: Make) -> None:
    """Its days end, and nothing else does: booked as closed, ours would be held without a stop."""
    account = live_account()
    buy_beside(account, -10)
    account.look(10)
    opens, closes = DAYS[1].opens, DAYS[1].opens + 86_400
    account.to(opens + 1)
    account.start(replace(DAYS[1], parts=((opens, closes),), square_off=closes))
    account.look(400, every=5.0)
    assert (account.book.own("A", Product.MIS), account.book.foreign("A", Product.MIS)) == (10, -10)
    assert account.working() == STOP


def test_an_order_of_somebodys_stays_somebodys_after_a_restart(live_account: Make) -> None:
    """They sold ours and more. Under the id of their order we have booked our part; the rest is not ours."""
    account = live_account()
    account.buy("10", "98")
    account.look(10)
    account.exchange.manual_trade("A", D(-15))
    account.look(30)
    account.start(DAYS[0])
    account.look(10)
    account.exchange.manual_trade("A", D(5))
    account.look(30)
    assert (account.book.own("A", Product.MIS), account.held(), account.working()) == (0, 0, [])
    assert (account.reconciler.reconcile(), "mismatch" in account.journal.latches()) == (True, False)


def test_a_fill_is_known_from_yesterdays_though_the_exchange_numbers_its_trades_anew(live_account: Make) -> None:
    account = live_account()
    account.buy("10")
    account.look(2)
    account.manual.close("A")
    account.look(2)
    account.night(cleared=True)
    account.morning()
    account.look(2)
    account.buy("10", "98", number=2)
    account.look(5)
    assert (account.held(), account.working()) == (10, STOP)


def test_two_trades_may_bear_one_number(live_account: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each segment of an exchange numbers its own."""
    account = live_account()
    trades = account.venue.trades
    monkeypatch.setattr(account.venue, "trades", lambda: [replace(one, trade_id="1") for one in trades()])
    account.buy("10", "98")
    account.buy("10", "98", symbol="B", number=2)
    account.look(10)
    assert (account.working("A"), account.working("B"), account.alerts()) == (STOP, STOP, set())


def test_an_order_of_somebodys_that_went_with_the_night_does_not_stop_its_symbol(live_account: Make) -> None:
    account = live_account()
    account.submit_by_hand(Action.BUY, "10", OrderType.LIMIT, "90")
    account.look(10)
    with pytest.raises(NotDone, match="not ours"):
        account.buy("10")
    account.night(cleared=True)
    account.morning()
    account.look(150, every=5.0)
    account.buy("10", number=2)
    account.look(10)
    assert account.held() == 10


def test_a_position_is_not_adopted_while_its_owners_stop_works(live_account: Make) -> None:
    """Both stops would fill, and leave the account short."""
    account = live_account()
    account.exchange.manual_trade("A", D(10))
    theirs = account.submit_by_hand(Action.SELL, "10", OrderType.SL_M, "98")
    account.look(10)
    with pytest.raises(NotDone, match="cancel it first"):
        adopt(account.engine, account.reconciler, "A", D("97.5"))
    account.exchange.manual_cancel(theirs.order_id)
    account.look(10)
    adopt(account.engine, account.reconciler, "A", D("97.5"))
    account.look(2)
    assert account.working() == ["SELL 10 SL-M 97.5"]
    account.exchange.quote("A", 97.0)
    account.look(10)
    assert (account.held(), account.working()) == (0, [])

"""What is held keeps its stop and finds its way out: over nights, refusals, lost orders, candles that cannot be read.

Each of these once went wrong in the real engine. What counts is what the exchange holds, and what works there.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from live_account import DAYS, LEVEL, LiveAccount, Make

from livetrader.brokers.loopback.faults import Fault, Strike
from livetrader.brokers.loopback.matching import Order
from livetrader.brokers.loopback.profiles import STRICT, TAG_SCAN, Profile
from livetrader.brokers.loopback.rules import Rejected, Ticket
from livetrader.domain.books import BrokerPosition
from livetrader.domain.candles import CandleColumns, Interval
from livetrader.domain.instrument import Product
from livetrader.domain.order import OrderType
from livetrader.engine.by_hand.adoption import adopt
from livetrader.engine.by_hand.manual import NotDone
from livetrader.engine.live import LiveSession
from livetrader.engine.market import LiveMarket
from livetrader.engine.signals import SignalFinder
from livetrader.engine.sizing import ExitSettings
from livetrader.errors import BrokerUnavailable, DataError, StoreError
from livetrader.ports import Bars
from tests.unit.engine.trading_samples import StoredWindow, at, calendar, flat, signal, tape, window

D = Decimal
STOP = ["SELL 10 SL-M 98"]
both = pytest.mark.parametrize("profile", [STRICT, TAG_SCAN], ids=lambda profile: profile.name)


# Over night.


def carrying(account: LiveAccount) -> LiveAccount:
    """10 A have been bought, and not for the day only; their stop works."""
    account.buy("10", "98", product=Product.CNC)
    account.look(10)
    assert (account.held(), account.working()) == (10, STOP)
    return account


@both
@pytest.mark.parametrize("restarted", [False, True], ids=["by the same process", "by another one"])
def test_a_position_held_over_night_is_not_sold_because_a_closed_market_takes_no_stop(
    live_account: Make, profile: Profile, restarted: bool
) -> None:
    """Whoever looks while the market is closed finds the position without a stop, and no exchange to take one."""
    account = carrying(live_account(profile))
    account.night()
    if restarted:
        account.to(DAYS[1].opens - 900)
        account.start(None)
    account.look(60, every=2.0)
    account.morning()
    account.look(60, every=2.0)
    assert (account.held(), account.working()) == (10, STOP)


@pytest.mark.parametrize("restarted", [False, True], ids=["in one process", "in another each day"])
def test_a_broker_that_calls_the_end_of_a_day_order_cancelled_does_not_cost_the_position(
    live_account: Make, restarted: bool
) -> None:
    """Two stops lost on one day mean a venue that keeps none. Two nights do not."""
    account = carrying(live_account())
    for today, tomorrow in ((0, 1), (1, 2)):
        account.to(DAYS[today].closes)
        account.engine.step(DAYS[today].closes)
        account.cancel_all_by_hand()
        if restarted:
            account.morning(tomorrow)
        else:
            account.to(DAYS[tomorrow].opens + 1)
            account.engine.start(DAYS[tomorrow])
        account.look(20)
        assert (account.held(), account.working()) == (10, STOP), f"in the morning of day {tomorrow + 1}"


def test_a_venue_that_loses_stops_is_known_for_it_by_the_next_process(live_account: Make) -> None:
    """A stop may be of yesterday, where it lives on, and be lost today: the second one lost is the last."""
    account = carrying(live_account())
    account.morning()
    for left in (10, 0):
        account.look(2)
        account.cancel_all_by_hand()
        account.look(4)
        assert account.held() == left
        account.start(DAYS[1])


@both
def test_a_stop_that_the_brokers_book_has_not_kept_over_night_is_placed_again(
    live_account: Make, profile: Profile
) -> None:
    """The process ended before it heard that the stop expired, and the order book begins anew each day."""
    account = carrying(live_account(profile))
    account.night(cleared=True)
    account.morning()
    account.look(400, every=5.0)
    assert (account.held(), account.working()) == (10, STOP)


@both
def test_an_exit_does_not_wait_for_ever_for_a_stop_that_is_in_no_book(live_account: Make, profile: Profile) -> None:
    account = carrying(live_account(profile))
    account.night(cleared=True)
    account.morning()
    account.manual.close("A")
    account.look(400, every=5.0)
    assert (account.held(), account.working()) == (0, [])


def test_an_order_that_the_book_shows_late_is_not_given_up_for_gone(live_account: Make) -> None:
    """Fault B8: acknowledged, filled, and in no book for minutes. It is bought once."""
    account = live_account(TAG_SCAN)
    account.line.add([("place", 1, Strike(Fault.LATE_BOOK, seconds=250.0))])
    account.buy("10", "98")
    account.look(240, every=2.0)
    with pytest.raises(NotDone):
        account.buy("10", number=2)
    account.look(60, every=2.0)
    assert (account.held(), account.working(), account.ours()) == (10, STOP, 2)


# The way out.


def test_an_exit_that_is_refused_is_told_of_and_goes_out_when_it_may(
    live_account: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its stop was cancelled for it: nothing protects the position meanwhile."""
    account = live_account()
    account.buy("10", "98")
    account.look(2)
    submit = account.exchange.submit

    def refusing(ticket: Ticket, strike: Strike | None = None) -> Order:
        if ticket.order_type is OrderType.MARKET:
            raise Rejected("rms", "MARKET is not allowed in this scrip today")
        return submit(ticket, strike)

    with monkeypatch.context() as refused:
        refused.setattr(account.exchange, "submit", refusing)
        account.manual.close("A")
        account.look(90)
        assert (account.held(), account.working(), account.alerts()) == (10, [], {"exit:A"})
    account.look(90)
    assert (account.held(), account.alerts()) == (0, set())


def test_an_exit_whose_position_cannot_be_read_is_told_of_and_goes_out_when_it_can(
    live_account: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = live_account()
    account.buy("10", "98")
    account.look(2)

    def unreadable() -> Sequence[BrokerPosition]:
        raise BrokerUnavailable("HTTP 500")

    with monkeypatch.context() as away:
        away.setattr(account.venue, "positions", unreadable)
        account.manual.close("A")
        account.look(90)
        assert (account.held(), account.working()) == (10, [])
        assert "exit:A" in account.alerts()
    account.look(90)
    assert (account.held(), account.alerts()) == (0, set())


def test_more_than_one_order_may_be_for_is_closed_by_several(live_account: Make) -> None:
    account = live_account(freeze=D(18))
    account.exchange.manual_trade("A", D(40))
    account.look(10)
    adopt(account.engine, account.reconciler, "A", D(98))
    account.look(4)
    account.manual.close("A")
    account.look(30)
    assert (account.held(), account.working()) == (0, [])


def test_an_exit_at_its_target_leaves_at_market_in_time_though_the_clock_was_wrong(live_account: Make) -> None:
    """The bar has touched the target and the market has not: a limit that rests is nobody's protection."""
    rows = [*[flat(100)] * 3, (100, 104, 100, 101), *[flat(101)] * 8]
    account = live_account(prices={"A": rows}, signals=[signal(bar=1)])
    account.engine.step(at(2))
    account.look(2)
    account.exchange.quote("A", 101.0)
    account.clock.step(3600)
    account.engine.step(at(4))
    assert account.working() == ["SELL 20 LIMIT 103"]
    account.clock.step(-3600)
    for number in (5, 6):
        account.bar(number)
    assert (account.held(), account.working()) == (0, [])


# Stops.


def test_a_stop_with_other_terms_at_the_broker_is_given_ours_again(live_account: Make) -> None:
    """Somebody has changed it in the broker's app, or a modify was received and then rejected."""
    account = live_account(TAG_SCAN)
    account.buy("10", "98")
    account.look(10)
    (stop,) = [one for one in account.exchange.orders.values() if not one.state.terminal]
    account.exchange.amend(stop.order_id, D(4), None, D(60))
    account.look(120, every=2.0)
    assert account.working() == STOP


def test_a_trailed_stop_stays_where_it_is_when_a_restart_finds_no_candles(live_account: Make) -> None:
    rows = [flat(100), flat(100), (100, 106, 100, 105), flat(105), (105, 108, 105, 107), *[flat(107)] * 7]
    account = live_account(prices={"A": rows}, signals=[signal(bar=1)], exit=ExitSettings())
    account.engine.step(at(2))
    account.look(2)
    for number in (3, 4, 5, 6):
        account.exchange.quote("A", rows[number - 1][3])
        account.bar(number)
    trailed = account.working()
    assert trailed == ["SELL 20 SL-M 105"]
    account.start(DAYS[0], tape(DAYS, {"A": []}))
    account.look(4)
    assert account.working() == trailed


# Candles that cannot be read.


class Unreadable:
    """A tape whose store is away for the first so many reads."""

    def __init__(self, account: LiveAccount, error: Exception, times: int) -> None:
        self.tape, self.error, self.times = account.tape, error, times
        account.path.tape = account.engine.tape = self

    def bars(self, symbol: str) -> Bars:
        self.times -= 1
        if self.times >= 0:
            raise self.error
        return self.tape.bars(symbol)


@pytest.mark.parametrize(
    "error", [DataError("A: candles are malformed"), StoreError("the server cannot be reached")], ids=["data", "store"]
)
def test_a_fill_whose_candle_cannot_be_read_is_booked_and_has_its_stop(live_account: Make, error: Exception) -> None:
    """A command hears the fill, and takes the error for its own answer: the fill must not be lost with it."""
    account = live_account()
    account.buy("10", "98")
    Unreadable(account, error, times=1)
    account.post("cancel", id="none")
    account.attend()
    account.look(5)
    assert (account.held(), account.working()) == (10, STOP)
    account.manual.close("A")
    account.look(5)
    assert account.held() == 0


def test_stops_are_seen_to_before_candles_are_asked_for(live_account: Make) -> None:
    """An entry that waits at a halt is judged by its candles: they must not stand in the way of another's stop."""
    account = live_account()
    account.exchange.halt("B", on=True)
    account.buy("10", symbol="B", number=2)
    account.buy("10", "98")
    Unreadable(account, StoreError("the server cannot be reached"), times=1000)
    with pytest.raises(StoreError):
        account.look()
    assert account.working() == STOP


def test_the_square_off_does_not_wait_for_a_candle_store_that_is_away(
    live_account: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, stored = live_account(), StoredWindow(window(DAYS, LEVEL))
    account.buy("10", "98")
    account.look(2)
    market = LiveMarket(stored, ("A", "B"), DAYS[0], frozenset({Interval.M5}))
    account.start(DAYS[0], market)
    finder = SignalFinder((), ("A", "B"), calendar(DAYS), stored, {})
    loop = LiveSession(account.engine, market, finder, account.clock, DAYS[0], 3.0, 60.0)
    loop.open()

    def away(*_: object) -> CandleColumns:
        raise StoreError("postgresql://db/candles: the server cannot be reached")

    monkeypatch.setattr(stored, "poll", away)
    account.to(DAYS[0].square_off)
    for _ in range(10):
        loop.scan()
        account.look(4)
    assert (account.held(), account.working()) == (0, [])


@pytest.mark.parametrize("killed", [False, True], ids=["", "killed"])
def test_an_exit_that_was_decided_beside_an_order_of_unknown_fate_is_not_forgotten(
    live_account: Make, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    """The stop was lost on its way, its level was reached, and nothing may go out before the stop is given up.

    A process that begins meanwhile does not wait for the next bar, nor begin again with the first stop.
    """
    account = live_account(prices={"A": [flat(100)] * 3 + [(100, 100, 97, 97)] + [flat(97)] * 32})
    account.strike("place", 2, Fault.LOST_REQUEST)
    account.buy("10", "98")
    account.look(1)
    with monkeypatch.context() as outage:
        outage.setattr(account.venue, "orders", _no_answer)
        account.bar(3)
        account.bar(4)
    assert (account.held(), account.working(), len(account.book.unknown)) == (10, [], 1)
    if killed:
        account.start(DAYS[0])
    account.look(150, every=2.0)
    assert (account.held(), account.working()) == (0, [])


def _no_answer() -> Sequence[Order]:
    raise BrokerUnavailable("down")

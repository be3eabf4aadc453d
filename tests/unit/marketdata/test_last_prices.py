"""The last price of each symbol, what is none, and when a feed is silent though it speaks."""

from __future__ import annotations

import math
from threading import Thread

import pytest

from livetrader.domain.candles import Interval
from livetrader.domain.tick import Tick
from livetrader.market.clock import VirtualClock
from livetrader.marketdata.quotes import LastPrices, QuoteAges
from livetrader.marketdata.ticks import TickBars
from tests.unit.engine.trading_samples import BAR, OPENS, calendar, sessions

DAYS = sessions(2, bars=12)
AT = calendar(DAYS).at


class Bench:
    """Prices of A and B, whose feed is silent after 30 s; it is a minute after the open."""

    def __init__(self, start: float = OPENS + 60) -> None:
        self.clock = VirtualClock(start)
        self.prices = LastPrices(self.clock, AT, 30.0, [TickBars(Interval.M5, ("A", "B"), AT)])

    def up(self) -> Bench:
        self.prices.subscribed(["A", "B"])
        return self

    def tell(self, price: float, volume: float = math.nan, symbol: str = "A", after: float = 0.0) -> None:
        self.clock.sleep(after)
        self.prices.tick(Tick(symbol, price, self.clock.now(), volume))

    def pair(self, symbol: str = "A") -> tuple[float, float]:
        last = self.prices.last(symbol)
        assert last is not None
        return last.before, last.price


@pytest.fixture
def bench() -> Bench:
    return Bench().up()


def test_the_last_two_prices_and_the_age_of_the_last(bench: Bench) -> None:
    assert bench.prices.last("A") is None
    bench.tell(100.0)
    before, price = bench.pair()
    assert (math.isnan(before), price) == (True, 100.0)
    bench.tell(101.0, after=2)
    bench.clock.sleep(3)
    last = bench.prices.last("A")
    assert last is not None
    assert (last.before, last.price, last.age_seconds) == (100.0, 101.0, 3.0)
    assert bench.prices.last("B") is None


def test_what_is_told_twice_is_heard_once_and_grows_old(bench: Bench) -> None:
    """A duplicate is no second opinion, and a frozen price is no price of now."""
    bench.tell(100.0, 5.0)
    bench.tell(103.0, 6.0)
    for _ in range(10):
        bench.tell(103.0, 6.0, after=1)
    assert bench.pair() == (100.0, 103.0)
    last = bench.prices.last("A")
    assert last is not None
    assert last.age_seconds == 10.0
    assert bench.prices.dropped == {"repeated": 10}


@pytest.mark.parametrize(
    ("first", "second", "more"),
    [
        ((100.0, 5.0, 0.0), (100.0, 6.0, 1.0), True),
        ((100.0, 5.0, 0.0), (100.0, 5.0, 1.0), False),
        ((100.0, 5.0, 0.0), (100.5, 5.0, 1.0), True),
        ((100.0, math.nan, 0.0), (100.0, math.nan, 1.0), True),
        ((100.0, math.nan, 0.0), (100.0, math.nan, 0.0), False),
        ((100.0, math.nan, 0.0), (100.0, 5.0, 0.0), False),
    ],
    ids=["more volume", "a later time alone", "a price", "later, without volume", "the same", "a volume is told now"],
)
def test_what_says_more_than_before(
    bench: Bench, first: tuple[float, float, float], second: tuple[float, float, float], more: bool
) -> None:
    for price, volume, after in (first, second):
        bench.tell(price, volume, after=after)
    before, _ = bench.pair()
    assert math.isnan(before) is not more


@pytest.mark.parametrize("price", [0.0, -1.0, math.nan, math.inf, -math.inf])
def test_b15_what_is_no_price_is_not_heard(bench: Bench, price: float) -> None:
    bench.tell(100.0)
    bench.tell(price)
    bench.prices.told([Tick("A", price, bench.clock.now(), 1.0)])
    assert (bench.pair()[1], bench.prices.dropped) == (100.0, {"no price": 2})


def test_b15_a_price_that_leaps_has_to_be_told_twice(bench: Bench) -> None:
    """Ten times the price, and back; a real leap stays, and is the price from its second word on."""
    for price in (100.0, 1000.0, 100.5):
        bench.tell(price)
    assert bench.pair() == (100.0, 100.5)
    for price in (1000.0, 10.0, 130.0, 100.6):
        bench.tell(price)
    assert bench.pair() == (100.5, 100.6)
    for price in (130.0, 131.0):
        bench.tell(price)
    assert bench.pair() == (100.6, 131.0)
    assert bench.prices.dropped == {"leaps": 5}


def test_a_leap_is_in_no_bar(bench: Bench) -> None:
    bench = Bench(OPENS - 60).up()
    bench.clock.sleep(61)
    for count, price in enumerate((100.0, 1000.0, 100.5)):
        bench.tell(price, count + 1.0)
    bars = bench.prices.closed(OPENS + BAR + 10)[Interval.M5]
    assert (bars.high.tolist(), bars.low.tolist(), bars.volume.tolist()) == ([100.5], [100.0], [3.0])


# Silence.


def test_b14_a_connection_that_tells_nothing_is_silent_after_its_time(bench: Bench) -> None:
    bench.tell(100.0)
    bench.clock.sleep(30)
    assert (bench.prices.silence(), bench.prices.stale()) == ("", False)
    bench.clock.sleep(1)
    assert bench.prices.silence() == "no quote of 2 symbols for 31 s, though the connection is up"
    assert bench.prices.stale()
    bench.tell(100.5)
    assert (bench.prices.silence(), bench.prices.stale()) == ("", False)


def test_b14_quotes_that_never_change_are_silence(bench: Bench) -> None:
    """Frozen prices keep coming: each of them is of the same trade."""
    for _ in range(33):
        bench.tell(100.0, 5.0, after=1)
        bench.tell(200.0, 7.0, symbol="B")
    assert bench.prices.silence() == "quotes come, and none has changed for 32 s: the feed is frozen"
    assert bench.prices.stale()


def test_one_symbol_that_nobody_trades_is_no_silence(bench: Bench) -> None:
    bench.tell(100.0, 5.0)
    for count in range(100):
        bench.tell(200.0, 7.0 + count, symbol="B", after=1)
    assert (bench.prices.silence(), bench.prices.stale()) == ("", False)
    last = bench.prices.last("A")
    assert last is not None
    assert last.age_seconds == 100.0


def test_a_connection_that_is_gone_is_silent_with_its_reason(bench: Bench) -> None:
    bench.tell(100.0)
    bench.prices.lost("refused")
    assert bench.prices.silence() == "", "it may be back in a moment"
    bench.clock.sleep(31)
    assert bench.prices.silence() == "no quotes for 31 s: the connection is down: refused"
    bench.up()
    assert not bench.prices.stale(), "the new one has its time"
    assert bench.prices.silence() == "no quote of 2 symbols for 31 s, though the connection is up"


def test_before_its_first_word_a_feed_is_silent() -> None:
    bench = Bench()
    assert bench.prices.silence() == "no quotes for 60 s: the connection is down: it has not been made yet"


def test_outside_of_a_session_silence_is_no_fault() -> None:
    bench = Bench(OPENS - 3600).up()
    bench.clock.sleep(3600 + 29)
    assert bench.prices.silence() == "", "the market is open for less than its time"
    bench.clock.sleep(2)
    assert bench.prices.silence() != ""
    bench.clock.advance_to(DAYS[0].closes)
    assert (bench.prices.silence(), bench.prices.stale()) == ("", False)


def test_prices_from_elsewhere_are_last_prices_and_no_sign_of_life(bench: Bench) -> None:
    """REST keeps exits alive; what it repeats grows old all the same, and makes no bar."""
    bench.prices.lost("gone")
    bench.clock.sleep(40)
    for price in (100.0, 101.0, 101.0):
        bench.clock.sleep(2)
        bench.prices.told([Tick("A", price, bench.clock.now(), 5.0)])
    last = bench.prices.last("A")
    assert last is not None
    assert (last.before, last.price, last.age_seconds) == (100.0, 101.0, 2.0)
    assert bench.prices.silence().endswith("gone")
    bench.clock.advance_to(OPENS + BAR + 10)
    assert len(bench.prices.closed(bench.clock.now())[Interval.M5]) == 0


def test_t1_a_clock_that_is_set_takes_the_bar_that_it_was_set_in() -> None:
    """Set back by an hour and forth again: no bar of another time, none that is cut, the next one whole."""
    bench = Bench(OPENS - 60).up()
    bench.clock.sleep(70)
    bench.tell(100.0, 1.0)
    bench.clock.step(-3600)
    bench.tell(101.0, 2.0)
    bench.clock.step(3600)
    bench.tell(102.0, 3.0, after=10)
    bench.tell(103.0, 4.0, after=BAR)
    bench.tell(104.0, 5.0, after=BAR)
    bars = bench.prices.closed(OPENS + 3 * BAR + 10)[Interval.M5]
    assert [(int(ts - OPENS) // BAR, close) for ts, close in zip(bars.ts, bars.close, strict=True)] == [
        (1, 103.0), (2, 104.0),
    ]  # fmt: skip


def test_threads_that_tell_and_ask_do_not_disturb_each_other(bench: Bench) -> None:
    def tell() -> None:
        for count in range(2000):
            bench.prices.tick(Tick("A", 100.0 + count % 7, OPENS + 61, float(count)))

    telling = [Thread(target=tell) for _ in range(2)]
    for thread in telling:
        thread.start()
    while any(thread.is_alive() for thread in telling):
        last = bench.prices.last("A")
        assert last is None or 100.0 <= last.price <= 106.0
        bench.prices.closed(OPENS)
    assert bench.pair()[1] == 100.0 + 1999 % 7


def test_an_age_is_the_same_within_a_review(bench: Bench) -> None:
    ages = QuoteAges(bench.prices)
    bench.tell(100.0)
    bench.clock.sleep(5)
    assert (ages("A", 1), ages("B", 1)) == (5.0, None)
    bench.tell(101.0)
    bench.tell(50.0, symbol="B")
    assert (ages("A", 1), ages("B", 1)) == (5.0, None)
    assert (ages("A", 2), ages("B", 2)) == (0.0, 0.0)

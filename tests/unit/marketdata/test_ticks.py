"""Ticks become the bars that a plain reading of them gives, or none at all where something may be missing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.domain.candles import FIELDS, CandleColumns, Interval
from livetrader.domain.tick import Tick
from livetrader.marketdata.ticks import GRACE_SECONDS, TickBars
from tests.unit.engine.trading_samples import BAR, OPENS, calendar, sessions

DAYS = sessions(2, bars=6)
AT = calendar(DAYS).at
CLOSES = DAYS[0].closes
LATER = CLOSES + 10

Row = tuple[str, int, float, float, float, float, float]
"""Symbol, number of the bar, open, high, low, close, volume."""


def bars(*symbols: str, since: float = OPENS - 60, interval: Interval = Interval.M5, **more: object) -> TickBars:
    made = TickBars(interval, ("A", "B"), AT, **more)  # type: ignore[arg-type]
    made.subscribed(symbols or ("A",), since)
    return made


def tick(second: float, price: float = 100.0, volume: float = 1.0, symbol: str = "A") -> Tick:
    """A trade so many seconds after the open."""
    return Tick(symbol, price, OPENS + second, volume)


def told(made: TickBars, ticks: Iterable[Tick], delay: float = 0.1) -> TickBars:
    for one in ticks:
        made.add(one, one.at + delay)
    return made


def rows(columns: CandleColumns) -> list[Row]:
    fields = zip(*(getattr(columns, name) for name in FIELDS), strict=True)
    names = [columns.symbols[code] for code in columns.symbol]
    numbers = [int(ts - OPENS) // BAR for ts in columns.ts]
    return [(name, number, *prices) for name, number, prices in zip(names, numbers, fields, strict=True)]


def plain(ticks: Sequence[Tick]) -> list[Row]:
    """The bars as one would write them down with a pencil."""
    found = []
    for number in range(6):
        for symbol in sorted({one.symbol for one in ticks}):
            own = [one for one in ticks if one.symbol == symbol]
            inside = [one for one in own if number * BAR <= one.at - OPENS < (number + 1) * BAR]
            before = [one.volume for one in own if one.at - OPENS < number * BAR]
            if inside:
                prices = [one.price for one in inside]
                volume = inside[-1].volume - (before[-1] if before else 0.0)
                found.append((symbol, number, prices[0], max(prices), min(prices), prices[-1], volume))
    return found


@st.composite
def days_of_ticks(draw: st.DrawFn) -> list[Tick]:
    """Trades of two symbols, oldest first, each with the volume of the day so far."""
    seconds = sorted(draw(st.lists(st.integers(0, 6 * BAR - 1), max_size=40, unique=True)))
    volumes, found = {"A": 0.0, "B": 0.0}, []
    for second in seconds:
        symbol = draw(st.sampled_from("AB"))
        volumes[symbol] += draw(st.integers(1, 50))
        found.append(tick(second, draw(st.integers(1900, 2100)) / 20, volumes[symbol], symbol))
    return found


@given(days_of_ticks())
def test_the_fold_is_a_plain_reading_of_open_high_low_close_and_volume(ticks: list[Tick]) -> None:
    assert rows(told(bars("A", "B"), ticks).closed(LATER)) == plain(ticks)


@given(days_of_ticks(), st.lists(st.integers(0, 6 * BAR)))
def test_it_gives_the_same_bars_however_often_it_is_asked(ticks: list[Tick], asked: list[int]) -> None:
    made, found = bars("A", "B"), []
    for one in sorted([*ticks, *(OPENS + second for second in asked)], key=lambda o: o if isinstance(o, int) else o.at):
        if isinstance(one, Tick):
            made.add(one, one.at + 0.1)
        else:
            found += rows(made.closed(one))
    assert found + rows(made.closed(LATER)) == rows(told(bars("A", "B"), ticks).closed(LATER))


@given(days_of_ticks(), st.integers(0, 6 * BAR), st.integers(0, 2 * BAR))
def test_what_is_given_after_a_break_is_what_would_have_been_given_without_it(
    ticks: list[Tick], broken: int, gap: int
) -> None:
    """A break costs bars, and never makes one of them wrong, whether the feed begins anew with a snapshot or not."""
    made = bars("A", "B")
    told(made, [one for one in ticks if one.at + 0.1 < OPENS + broken])
    made.lost(OPENS + broken)
    made.subscribed(("A", "B"), OPENS + broken + gap)
    told(made, [one for one in ticks if one.at + 0.1 >= OPENS + broken + gap])
    assert set(rows(made.closed(LATER))) <= set(plain(ticks))


def test_a_bar_is_given_a_moment_after_its_close_and_once() -> None:
    made = told(bars(), [tick(10)])
    assert len(made.closed(OPENS + BAR + GRACE_SECONDS - 0.01)) == 0
    assert len(made.closed(OPENS + BAR + GRACE_SECONDS)) == 1
    assert len(made.closed(LATER)) == 0


@pytest.mark.parametrize(
    ("since", "whole"),
    [(-60, [0, 1]), (-1, [1]), (0, [1]), (10, [1]), (BAR - 1, []), (BAR - GRACE_SECONDS, [1])],
    ids=["before the open", "a moment before", "at the open", "within the bar", "late in it", "just before the next"],
)
def test_the_bar_that_a_subscription_begins_in_is_not_given(since: float, whole: list[int]) -> None:
    """What was traded before is known of the bar after it."""
    made = bars(since=OPENS + since)
    told(made, [tick(30, volume=5.0), tick(BAR - 1, volume=7.0), tick(BAR + 30, volume=9.0)])
    assert [row[1] for row in rows(made.closed(LATER))] == whole


@pytest.mark.parametrize(
    ("second", "lost"),
    [(BAR / 2, [0]), (BAR + 1, [0, 1]), (BAR + GRACE_SECONDS, [1]), (3 * BAR - 1, [2, 3])],
    ids=["within", "before its last trades are sure to be here", "when they are", "on the edge"],
)
def test_a_connection_that_breaks_takes_the_bars_that_it_cut(second: float, lost: list[int]) -> None:
    ticks = [tick(10 + BAR * number, volume=1.0 + number) for number in range(5)]
    made = bars()
    told(made, [one for one in ticks if one.at < OPENS + second])
    made.lost(OPENS + second)
    made.subscribed(("A",), OPENS + second + 0.5)
    told(made, [tick(second + 0.5, volume=0.5 + second // BAR)])  # servers begin with the last trade
    told(made, [one for one in ticks if one.at >= OPENS + second])
    assert {row[1] for row in rows(made.closed(LATER))} == set(range(5)) - set(lost)


def test_without_what_was_traded_before_it_a_bar_has_no_volume_and_is_not_given() -> None:
    """Subscribed in the middle of the day to a symbol that then trades for the first time in the next bar but one."""
    made = told(bars(since=OPENS + 10), [tick(BAR * 2 + 5, volume=900.0), tick(BAR * 3 + 5, volume=950.0)])
    assert [(row[1], row[-1]) for row in rows(made.closed(LATER))] == [(3, 50.0)]


def test_a_snapshot_of_the_last_trade_counts_for_the_volume_and_makes_no_bar() -> None:
    made = bars(since=OPENS + BAR + 5)
    made.add(tick(200, 99.0, 800.0), OPENS + BAR + 5)
    told(made, [tick(BAR * 2 + 5, volume=900.0)])
    assert rows(made.closed(LATER)) == [("A", 2, 100.0, 100.0, 100.0, 100.0, 100.0)]


def test_the_day_before_and_the_auction_before_the_open() -> None:
    """Yesterday's count is none of today's; that of the auction is not the first bar's."""
    made = bars("A", "B")
    made.add(tick(-86_400, volume=5000.0), OPENS - 59)
    made.add(tick(-86_400, volume=5000.0, symbol="B"), OPENS - 59)
    made.add(tick(-400, 99.0, 300.0, "B"), OPENS - 50)
    told(made, [tick(5, volume=20.0), tick(5, volume=320.0, symbol="B")])
    assert [(row[0], row[-1]) for row in rows(made.closed(LATER))] == [("A", 20.0), ("B", 20.0)]


@pytest.mark.parametrize("volume", [math.nan, 3.0], ids=["none is told", "it has fallen"])
def test_a_bar_whose_volume_is_not_known_is_not_given(volume: float) -> None:
    made = told(bars(), [tick(5, volume=10.0), tick(BAR + 5, volume=volume)])
    assert [row[1] for row in rows(made.closed(LATER))] == [0]


def test_an_index_has_no_volume() -> None:
    made = told(bars(volumeless={"A"}), [tick(5, volume=math.nan), tick(9, 101.0, 77.0)])
    assert rows(made.closed(LATER)) == [("A", 0, 100.0, 101.0, 100.0, 101.0, 0.0)]


def test_a_tick_that_comes_too_late_changes_no_bar_and_a_little_late_is_in_time() -> None:
    made = told(bars(), [tick(5, 100.0, 10.0)])
    made.add(tick(BAR - 1, 90.0, 12.0), OPENS + BAR + 1)
    made.add(tick(BAR - 1, 50.0, 15.0), OPENS + BAR + GRACE_SECONDS)
    told(made, [tick(BAR + 5, 100.0, 20.0)])
    assert [row[4:] for row in rows(made.closed(LATER))] == [(90.0, 90.0, 12.0), (100.0, 100.0, 5.0)]


def test_trades_are_in_the_exchanges_order_whatever_order_they_come_in() -> None:
    made = bars()
    for second, price, volume in ((20, 101.0, 3.0), (10, 99.0, 2.0), (30, 102.0, 4.0), (25, 103.0, 3.5)):
        made.add(tick(second, price, volume), OPENS + 31)
    assert rows(made.closed(LATER)) == [("A", 0, 99.0, 103.0, 99.0, 102.0, 4.0)]


def test_what_is_traded_outside_of_a_session_is_in_no_bar() -> None:
    ticks = [tick(-30, 90.0, 1.0), tick(CLOSES - OPENS - 1, 100.0, 5.0), tick(CLOSES - OPENS, 200.0, 9.0)]
    assert rows(told(bars(), ticks).closed(LATER)) == [("A", 5, 100.0, 100.0, 100.0, 100.0, 4.0)]


def test_symbols_that_are_none_of_its_own_make_no_bars() -> None:
    """A symbol with 5m bars in the store gets no 1m bars beside them, which would be its finest from then on."""
    made = told(bars("A", "C"), [tick(5), tick(6, symbol="C")])
    assert [row[0] for row in rows(made.closed(LATER))] == ["A"]


def test_one_minute_bars_come_out_of_the_same_ticks() -> None:
    made = told(bars(interval=Interval.M1), [tick(5), tick(65, 101.0, 3.0)])
    found = made.closed(LATER)
    assert (found.ts - OPENS).tolist() == [0, 60]
    assert found.volume.tolist() == [1.0, 2.0]


def test_a_clock_that_is_set_back_gives_no_bar_again() -> None:
    made = told(bars(), [tick(5)])
    assert len(made.closed(OPENS + BAR + 5)) == 1
    made.add(tick(6, 50.0, 9.0), OPENS + 6)
    assert len(made.closed(OPENS + BAR + 5)) == 0


def test_bars_are_ordered_as_a_store_has_them() -> None:
    ticks = [tick(5, symbol="B"), tick(6), tick(BAR + 5, volume=2.0, symbol="B"), tick(BAR + 6, volume=2.0)]
    found = told(bars("A", "B"), ticks).closed(LATER)
    assert found.symbols == ("A", "B")
    assert found.symbol.dtype == np.int32
    assert [(row[0], row[1]) for row in rows(found)] == [("A", 0), ("B", 0), ("A", 1), ("B", 1)]

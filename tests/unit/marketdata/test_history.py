"""What is believed of a broker's history, and what is asked of it: the dirt of real servers, and holes in the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.domain.candle import Candle
from livetrader.domain.candles import Interval, columns_of
from livetrader.domain.session import Session
from livetrader.market.calendar import Calendar, load
from livetrader.marketdata.flaws import Flaw
from livetrader.marketdata.history import (
    FORMING,
    NOBODY_TRADED,
    Accepted,
    Piece,
    accept,
    missing,
    whole,
)
from livetrader.marketdata.store import CandleStore, open_store
from tests.unit.marketdata.history_samples import candle, day_of

NSE = load("nse")
FRIDAY, MONDAY = date(2024, 2, 23), date(2024, 2, 26)
Store = Callable[..., CandleStore]


@pytest.fixture
def days(nse: Calendar) -> tuple[Session, ...]:
    """A Friday and the Monday after it."""
    return nse.sessions(FRIDAY, MONDAY)


def taken(
    nse: Calendar, days: tuple[Session, ...], candles: list[Candle], interval: Interval = Interval.M5, **how: Any
) -> Accepted:
    now = how.pop("now", days[-1].closes + 86_400)
    return accept(Piece("TCS", interval, days), candles, nse.timezone, now, **{"traded": True, **how})


def test_a_sound_answer_is_taken_whole(nse: Calendar, days: tuple[Session, ...]) -> None:
    bars = [bar for day in days for bar in day_of(day)]
    found = taken(nse, days, bars)
    assert (found.bars.ts.tolist(), found.bars.symbols) == ([bar.ts for bar in bars], ("TCS",))
    assert found.bars.high.tolist() == [bar.high for bar in bars]
    assert (found.left_out, found.short) == ({}, {})


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        pytest.param(lambda o: candle(o - 300), Flaw.OFF_SESSION, id="before the open"),
        pytest.param(lambda o: candle(o + 375 * 60), Flaw.OFF_SESSION, id="a ghost bar at the close"),
        pytest.param(lambda o: candle(o + 86_400), Flaw.OFF_SESSION, id="on a Saturday"),
        pytest.param(lambda o: candle(o - 86_400), Flaw.OFF_SESSION, id="of a day that was not asked for"),
        pytest.param(lambda o: candle(o + 120), Flaw.MISALIGNED, id="off the grid"),
        pytest.param(lambda o: candle(o - 19_800), Flaw.OFF_SESSION, id="stamped 5:30 early"),
        pytest.param(lambda o: Candle(o, 1.0, 2.0, 0.0, 1.0, 5.0), Flaw.NOT_POSITIVE, id="no price"),
        pytest.param(lambda o: Candle(o, 1.0, float("nan"), 1.0, 1.0, 5.0), Flaw.MISSING, id="null"),
        pytest.param(lambda o: Candle(o, 9.0, 2.0, 1.0, 1.0, 5.0), Flaw.HIGH_TOO_LOW, id="high below open"),
        pytest.param(lambda o: Candle(o, 7.0, 7.0, 7.0, 7.0, 0.0), NOBODY_TRADED, id="an invented bar"),
    ],
)
def test_a_bar_that_has_no_place_is_left_out_and_counted(
    nse: Calendar, days: tuple[Session, ...], wrong: Callable[[int], Candle], reason: str
) -> None:
    bars = day_of(days[1])
    one = wrong(days[0].opens)
    found = taken(nse, days, [one, *bars])
    assert found.bars.ts.tolist() == [bar.ts for bar in bars]
    assert found.left_out == {reason: 1}
    assert found.short == {FRIDAY: (0, 75)}


def test_candles_after_the_last_trade_are_not_believed_of_a_share(nse: Calendar, days: tuple[Session, ...]) -> None:
    """Of an index nobody tells a volume: its bars are taken as they come."""
    bars = day_of(days[0])
    bars[60:] = [Candle(bar.ts, 160.0, 160.0, 160.0, 160.0, 0.0) for bar in bars[60:]]
    found = taken(nse, days[:1], bars)
    assert (len(found.bars), found.left_out, found.short) == (60, {NOBODY_TRADED: 15}, {FRIDAY: (60, 75)})
    assert len(taken(nse, days[:1], bars, traded=False).bars) == 75


def test_a_bar_that_is_still_forming_is_left_out(nse: Calendar, days: tuple[Session, ...]) -> None:
    """Readers leave it out themselves, by the time at which they asked."""
    now = days[0].opens + 10 * 300 + 1
    found = taken(nse, days, day_of(days[0])[:12], now=now)
    assert (len(found.bars), found.left_out) == (10, {FORMING: 2})
    assert found.short == {}, "what could not be there yet is not missing"


def midnight(day: date, seconds: int = 0) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) + seconds


@pytest.mark.parametrize(
    ("ts", "reason"),
    [
        pytest.param(midnight(FRIDAY), "", id="00:00 UTC of its date"),
        pytest.param(midnight(FRIDAY, -19_800), Flaw.MISALIGNED, id="midnight in India"),
        pytest.param(midnight(FRIDAY, 33_300), Flaw.MISALIGNED, id="09:15 of some zone"),
        pytest.param(midnight(FRIDAY, 86_400), Flaw.OFF_SESSION, id="a Saturday"),
    ],
)
def test_a_day_is_at_its_sessions_open_or_nowhere(
    nse: Calendar, days: tuple[Session, ...], ts: int, reason: str
) -> None:
    found = taken(nse, days[:1], [candle(ts)], Interval.D1)
    assert found.bars.ts.tolist() == ([] if reason else [days[0].opens])
    assert found.left_out == ({reason: 1} if reason else {})


def test_a_days_bar_is_not_expected_before_midnight(nse: Calendar, days: tuple[Session, ...]) -> None:
    evening, night = days[1].closes + 60, days[1].closes + 12 * 3600
    assert taken(nse, days, [candle(midnight(FRIDAY))], Interval.D1, now=evening).short == {}
    assert taken(nse, days, [candle(midnight(FRIDAY))], Interval.D1, now=night).short == {MONDAY: (0, 1)}


@given(st.lists(st.tuples(st.integers(-200_000, 400_000), st.floats(width=32), st.floats(0, 10)), max_size=30))
def test_whatever_comes_only_bars_on_the_grid_are_taken(came: list[tuple[int, float, float]]) -> None:
    days = NSE.sessions(FRIDAY, MONDAY)
    slots = {ts for day in days for ts in day.slots(300)}
    found = taken(NSE, days, [candle(days[0].opens + at, price, volume) for at, price, volume in came])
    assert set(found.bars.ts.tolist()) <= slots
    assert (found.bars.low > 0).all()
    assert len(found.bars) + sum(found.left_out.values()) == len(came)


def pieces(nse: Calendar, store: CandleStore, days: tuple[Session, ...], interval: Interval = Interval.M5) -> list[Any]:
    found = missing(store, ("INFY", "TCS"), interval, days, nse.timezone, days[-1].closes + 86_400)
    return [(piece.symbol, *(day.isoformat() for day in piece.days)) for piece in found]


def test_what_is_missing_is_asked_for_in_one_call(nse: Calendar, candle_store: Store) -> None:
    """TCS has all but two sessions, one of them without a single bar."""
    days = nse.sessions(date(2024, 2, 19), date(2024, 2, 28))
    bars = [bar for day in days for bar in day_of(day) if day.date.day != 21]
    store = candle_store({Interval.M5: columns_of("TCS", [bar for bar in bars if bar.ts != days[4].slots(300)[-1]])})
    assert pieces(nse, store, days) == [
        ("INFY", "2024-02-19", "2024-02-28"),
        ("TCS", "2024-02-21", "2024-02-23"),
    ]
    store.upsert(Interval.M5, columns_of("TCS", [bar for day in days for bar in day_of(day)]))
    assert pieces(nse, store, days) == [("INFY", "2024-02-19", "2024-02-28")]


def test_a_bar_outside_the_grid_fills_no_hole(nse: Calendar, candle_store: Store, days: tuple[Session, ...]) -> None:
    bars = [*day_of(days[0])[:-1], candle(days[0].opens + 120)]
    store = candle_store({Interval.M5: columns_of("TCS", bars)})
    assert ("TCS", "2024-02-23", "2024-02-23") in pieces(nse, store, days[:1])


@pytest.mark.parametrize("stamp", [0, 19_800, 33_300], ids=["midnight", "00:00 UTC", "the open"])
def test_a_day_is_held_however_it_was_stamped(
    nse: Calendar, candle_store: Store, days: tuple[Session, ...], stamp: int
) -> None:
    bars = [candle(midnight(day.date, stamp - 19_800)) for day in days]
    store = candle_store({Interval.D1: columns_of("TCS", [*bars, candle(days[0].opens + 60)])})
    assert [symbol for symbol, *_ in pieces(nse, store, days, Interval.D1)] == ["INFY"]


def test_the_session_in_progress_lacks_only_what_has_closed(
    nse: Calendar, candle_store: Store, days: tuple[Session, ...]
) -> None:
    store, now = candle_store({Interval.M5: columns_of("TCS", day_of(days[0])[:10])}), days[0].opens + 10 * 300
    assert list(missing(store, ("TCS",), Interval.M5, days[:1], nse.timezone, now + 299)) == []
    assert len(list(missing(store, ("TCS",), Interval.M5, days[:1], nse.timezone, now + 300))) == 1


@pytest.mark.parametrize(("interval", "most"), [(Interval.M5, 60), (Interval.D1, 2000)])
def test_no_call_is_for_more_days_than_a_broker_gives(nse: Calendar, interval: Interval, most: int) -> None:
    sessions = nse.sessions(date(2016, 1, 1), date(2024, 2, 28))
    found = list(whole("TCS", interval, sessions))
    assert [session for piece in found for session in piece.sessions] == list(sessions)
    lengths = [piece.days[1] - piece.days[0] for piece in found]
    assert max(lengths) < timedelta(days=most)
    assert len(found) <= (sessions[-1].date - sessions[0].date).days // (most - 10) + 1


@given(st.sets(st.integers(0, 149), max_size=80))
def test_what_is_asked_for_is_what_is_missing_and_what_lies_between(full: set[int]) -> None:
    """Nothing missing is left out, nothing is asked twice, and no call begins or ends with what is there."""
    days = NSE.sessions(date(2023, 7, 3), date(2024, 2, 28))[:150]
    now = days[-1].closes + 86_400
    with open_store("sqlite://") as store:
        bars = [candle(days[i].opens) for i in sorted(full)]
        store.upsert(Interval.D1, columns_of("TCS", bars))
        found = list(missing(store, ("TCS",), Interval.D1, days, NSE.timezone, now))
    asked = [session for piece in found for session in piece.sessions]
    assert len(asked) == len(set(asked))
    lacking = {day for i, day in enumerate(days) if i not in full}
    assert lacking <= set(asked)
    assert all({piece.sessions[0], piece.sessions[-1]} <= lacking for piece in found)

"""S1–S8: every condition of every rule at its limit and one tick beyond, and the weeks that they look at."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.domain.candles import CandleWindow, Floats, grid
from livetrader.domain.interval import Interval
from livetrader.domain.session import Session
from livetrader.market.calendar import load
from livetrader.strategies.weekly_options import Bias, WeeklySignal, weekly_signals

Row = tuple[float, float, float, float]
Fired = tuple[str, str, str, float]

NSE = load("nse")
BEFORE, WEEK, FRIDAY = date(2025, 7, 7), date(2025, 7, 14), date(2025, 7, 18)

# Of the week before: support 24800–24840, resistance 25160–25200, both margins 120 points.
WEEK_BEFORE: tuple[Row, ...] = (
    (25000, 25200, 24990, 25100),
    (25100, 25170, 25050, 25165),
    (25165, 25180, 25090, 25100),
    (25100, 25165, 25080, 25160),
    (25000, 25010, 24800, 24810),
    (24810, 24900, 24805, 24830),
    (24830, 24850, 24820, 24830),
    (24830, 24850, 24825, 24840),
)
FLAT: Row = (25000, 25000, 25000, 25000)
BULLISH, NEUTRAL, BEARISH = 24940.0, 25000.0, 25060.0


def window(sessions: Sequence[Session], bars: Mapping[int, Row]) -> CandleWindow:
    """The hourly bars given by open time, on the grid of `sessions`."""
    slots = grid(sessions, Interval.H1)
    nothing = (np.nan,) * 4
    table: Floats = np.array([(*bars.get(ts, nothing), 0.0) for ts in slots[0].tolist()]).reshape(-1, 5)
    fields = [np.ascontiguousarray(column.reshape(-1, 1)) for column in table.T]
    return CandleWindow(Interval.H1, ("NIFTY",), tuple(sessions), *slots, *fields)


def day(on: date, rows: Sequence[Row | None]) -> dict[int, Row]:
    """A session's bars from its first slot on; None is a slot without a bar."""
    session = NSE.session_on(on)
    assert session is not None
    return {ts: row for ts, row in zip(session.slots(3600), rows, strict=False) if row is not None}


def week_before(close: float) -> dict[int, Row]:
    """The week of `BEFORE`, with this week_close."""
    slots = [ts for session in NSE.sessions(BEFORE, date(2025, 7, 11)) for ts in session.slots(3600)]
    last = (25000, max(25000, close), min(25000, close), close)
    rows = [*WEEK_BEFORE, *[FLAT] * (len(slots) - len(WEEK_BEFORE) - 1), last]
    return dict(zip(slots, rows, strict=True))


def of_week(close: float, *days: Sequence[Row | None]) -> dict[int, Row]:
    """The bars of the week before, and of the first days of `WEEK`."""
    bars = week_before(close)
    for session, rows in zip(NSE.sessions(WEEK, FRIDAY), days, strict=False):
        bars |= day(session.date, rows)
    return bars


def fired(close: float, *days: Sequence[Row | None]) -> Fired | None:
    """Rule, day and time, side and stop of the signal in the week whose first days are `days`."""
    found = weekly_signals(window(NSE.sessions(BEFORE, FRIDAY), of_week(close, *days)), WEEK, FRIDAY)
    if not found:
        return None
    (signal,) = found
    at = datetime.fromtimestamp(signal.bar_open, NSE.timezone)
    assert signal.week_start == WEEK
    return signal.signal, f"{at:%a %H:%M}", signal.side.value, signal.stop


SECOND, THIRD = "Mon 10:15", "Mon 11:15"
S1 = ("S1", SECOND, "bullish", 24730.0)
S2 = ("S2", SECOND, "bullish", 24800.0)
S3, S3_LATE = ("S3", SECOND, "bearish", 25200.0), ("S3", THIRD, "bearish", 25200.0)
S6, S6_LATE = ("S6", SECOND, "bearish", 25200.0), ("S6", THIRD, "bearish", 25200.0)


def case(name: str, expected: Fired | None, close: float, *rows: Row) -> object:
    return pytest.param(close, rows, expected, id=name)


@pytest.mark.parametrize(
    ("close", "rows", "expected"),
    [
        case("S1 fires", S1, NEUTRAL, (24820, 24830, 24770, 24780), (24780, 24790, 24760, 24770.05)),
        case("S1 second closes at the low", None, NEUTRAL, (24820, 24830, 24770, 24780), (24780,) * 3 + (24770,)),
        case("S1 opens at the bottom", ("S1", SECOND, "bullish", 24750.0), NEUTRAL,
             (24800, 24810, 24770, 24780), (24780, 24790, 24760, 24775)),
        case("S1 opens below it", None, NEUTRAL, (24799.95, 24810, 24770, 24780), (24780, 24790, 24760, 24775)),
        case("S1 closes at the bottom", None, NEUTRAL, (24820, 24830, 24770, 24800), (24800, 24810, 24780, 24790)),
        case("S1 only the second bar", None, NEUTRAL, (24820, 24830, 24770, 24780), (24780, 24790, 24765, 24770),
             (24770, 24800, 24770, 24790)),
        case("S2 touches the zone", S2, BULLISH, (24950, 24980, 24840, 24945), (24945, 24960, 24930, 24940.05)),
        case("S2 misses it", None, BULLISH, (24950, 24980, 24840.05, 24945), (24945, 24960, 24930, 24940.05)),
        case("S2 bullish by two ticks", S2, 24999.95, (25010, 25040, 24840, 25005), (25005, 25010, 25000, 25005)),
        case("S2 neutral", None, NEUTRAL, (25010, 25040, 24840, 25005), (25005, 25010, 25000, 25005)),
        case("S2 neutral within a tick", None, 24999.98, (25010, 25040, 24840, 25005), (25005, 25010, 25000, 25005)),
        case("S2 within the margin", S2, 24920, (24920, 24950, 24900, 24930), (24930, 24935, 24915, 24930)),
        case("S2 opens beyond the margin", None, 24920, (24920.05, 24950, 24900, 24925), (24925, 24935, 24915, 24930)),
        case("S2 week_close beyond it", None, 24920.05, (24920, 24950, 24900, 24925), (24925, 24935, 24915, 24930)),
        case("S2 opens at week_low", None, 24840, (24800, 24860, 24795, 24850), (24850, 24855, 24830, 24845)),
        case("S2 opens above week_low", S2, 24840, (24800.05, 24860, 24795, 24850), (24850, 24855, 24830, 24845)),
        case("S2 first closes at week_close", S2, BULLISH, (24950, 24980, 24830, 24940), (24940, 24960, 24930, 24945)),
        case("S2 below it", None, BULLISH, (24950, 24980, 24830, 24939.95), (24940, 24960, 24930, 24945)),
        case("S2 second closes at week_close", None, BULLISH, (24950, 24980, 24830, 24945),
             (24945, 24960, 24930, 24940)),
        case("S2 second closes at first.low", S2, 24850, (24910, 24930, 24900, 24915), (24915, 24920, 24890, 24900)),
        case("S2 below it, above the rest", None, 24850, (24910, 24930, 24900, 24915), (24915, 24920, 24890, 24899.95)),
        case("S2 only the second bar", None, BULLISH, (24950, 24980, 24830, 24945), (24945, 24960, 24930, 24940),
             (24940, 24960, 24930, 24950)),
    ],
)  # fmt: skip
def test_s1_and_s2_at_support(close: float, rows: Sequence[Row], expected: Fired | None) -> None:
    assert fired(close, rows) == expected


UNDER: Row = (25050, 25159.95, 25040, 25100)
WAITS: Row = (25100, 25120, 25060, 25110)
TESTS: Row = (25100, 25160, 25050, 25140)


@pytest.mark.parametrize(
    ("close", "rows", "expected"),
    [
        case("S3 A touches resistance", S3, BEARISH, UNDER, (25100, 25160, 25080, 25150)),
        case("S3 first touches: S6's turn", S6, BEARISH, (25050, 25160, 25040, 25100), (25100, 25160, 25080, 25150)),
        case("S3 A misses it", None, BEARISH, UNDER, (25100, 25159.95, 25080, 25150)),
        case("S3 A closes at first.high", None, BEARISH, UNDER, (25100, 25160, 25080, 25159.95)),
        case("S3 opens at the margin", S3, BEARISH, (25040, 25150, 25030, 25100), (25100, 25160, 25080, 25140)),
        case("S3 beyond it", None, BEARISH, (25039.95, 25150, 25030, 25100), (25100, 25160, 25080, 25140)),
        case("S3 week_close at the margin", S3, 25040, UNDER, (25100, 25160, 25080, 25150)),
        case("S3 beyond it too", None, 25039.95, UNDER, (25100, 25160, 25080, 25150)),
        case("S3 B closes below all", S3_LATE, BEARISH, UNDER, WAITS, (25110, 25110, 25030, 25039.95)),
        case("S3 B closes at first.low", None, BEARISH, UNDER, WAITS, (25110, 25110, 25030, 25040)),
        case("S3 B closes at a later low", None, BEARISH, UNDER, (25100, 25120, 25035, 25110),
             (25110, 25110, 25030, 25035)),
        case("S3 B not on the second bar", None, BEARISH, UNDER, (25100, 25100, 25030, 25035)),
        case("S3 B on the fourth", ("S3", "Mon 12:15", "bearish", 25200.0), BEARISH, UNDER, WAITS, WAITS,
             (25110, 25110, 25030, 25035)),
        case("S6 A", S6, BEARISH, TESTS, (25140, 25150, 25090, 25140)),
        case("S6 A closes at first.high", None, BEARISH, TESTS, (25140, 25160, 25090, 25160)),
        case("S6 A closes at the bottom", None, BEARISH, (25180, 25260, 25150, 25200), (25200, 25210, 25155, 25160)),
        case("S6 A closes below it", S6, BEARISH, (25180, 25260, 25150, 25200), (25200, 25210, 25155, 25159.95)),
        case("S6 first closes above week_high", None, BEARISH, (25180, 25260, 25150, 25200.05),
             (25200, 25210, 25155, 25159.95)),
        case("S6 first misses it", None, BEARISH, (25100, 25159.95, 25050, 25140), (25140, 25150, 25090, 25140)),
        case("S6 not bearish", None, NEUTRAL, TESTS, (25140, 25150, 25090, 25140)),
        case("S6 B", S6_LATE, BEARISH, (25190, 25230, 25180, 25190), (25190, 25200, 25165, 25180),
             (25180, 25180, 25140, 25159.95)),
        case("S6 B closes at the bottom", None, BEARISH, (25190, 25230, 25180, 25190), (25190, 25200, 25165, 25180),
             (25180, 25180, 25140, 25160)),
    ],
)  # fmt: skip
def test_s3_and_s6_at_resistance(close: float, rows: Sequence[Row], expected: Fired | None) -> None:
    assert fired(close, rows) == expected


ABOVE: Row = (25200.05, 25230, 25190, 25220)
BELOW: Row = (24799.95, 24810, 24780, 24790)


@pytest.mark.parametrize(
    ("close", "rows", "expected"),
    [
        case("S4", ("S4", SECOND, "bullish", 25190.0), BEARISH, ABOVE, (25220, 25240, 25210, 25230.05)),
        case("S4: no trigger", None, BEARISH, ABOVE, (25220, 25240, 25210, 25230)),
        case("S4: opens at the top, S7's turn", ("S7", SECOND, "bullish", 25190.0), BEARISH,
             (25200, 25230, 25190, 25220), (25220, 25240, 25210, 25230.05)),
        case("S4: neutral, S7's turn", ("S7", SECOND, "bullish", 25190.0), NEUTRAL, ABOVE,
             (25220, 25240, 25210, 25230.05)),
        case("S5", ("S5", SECOND, "bearish", 24810.0), BULLISH, BELOW, (24790, 24800, 24770, 24779.95)),
        case("S5: closes at first.low", None, BULLISH, BELOW, (24790, 24800, 24770, 24780)),
        case("S5: on any later bar", ("S5", THIRD, "bearish", 24810.0), BULLISH, BELOW,
             (24790, 24800, 24770, 24780), (24780, 24790, 24770, 24775)),
        case("S5: neutral", None, NEUTRAL, BELOW, (24790, 24800, 24770, 24779.95)),
        case("S5: opens at the bottom", None, BULLISH, (24800, 24810, 24780, 24790), (24790, 24800, 24770, 24779.95)),
        case("S5: first closes at the bottom", None, BULLISH, (24799.95, 24810, 24780, 24800),
             (24800, 24800, 24770, 24779.95)),
    ],
)  # fmt: skip
def test_s4_and_s5_bias_failure(close: float, rows: Sequence[Row], expected: Fired | None) -> None:
    assert fired(close, rows) == expected


CALM: Row = (25000, 25050, 24990, 25040)
S7, S8 = ("S7", SECOND, "bullish", 24990.0), ("S8", SECOND, "bearish", 25160.0)


@pytest.mark.parametrize(
    ("close", "rows", "expected"),
    [
        case("S7 at week_high", S7, NEUTRAL, CALM, (25040, 25210, 25030, 25200)),
        case("S7 just below week_high", None, NEUTRAL, CALM, (25040, 25210, 25030, 25199.95)),
        case("S7 0.4 % below week_high", S7, NEUTRAL, CALM, (25040, 25110, 25030, 25099.2)),
        case("S7 less than that", None, NEUTRAL, CALM, (25040, 25110, 25030, 25099.25)),
        case("S7 without a trigger", None, NEUTRAL, CALM, (25040, 25060, 25030, 25050)),
        case("S7 not above every high: spent", None, NEUTRAL, CALM, (25040, 25080, 25030, 25045),
             (25045, 25080, 25040, 25080), (25080, 25100, 25070, 25090)),
        case("S7 above every high", ("S7", THIRD, "bullish", 24990.0), NEUTRAL, CALM, (25040, 25080, 25030, 25045),
             (25045, 25090, 25040, 25080.05)),
        case("S8", S8, NEUTRAL, (25100, 25160, 25090, 25100), (25100, 25110, 25080, 25089.95)),
        case("S8 without a trigger", None, NEUTRAL, (25100, 25160, 25090, 25100), (25100, 25110, 25080, 25090)),
        case("S8: resistance not reached", None, NEUTRAL, (25100, 25159.95, 25090, 25100),
             (25100, 25110, 25080, 25089.95)),
        case("S8: reached by the bar itself", ("S8", SECOND, "bearish", 25150.0), NEUTRAL,
             (25100, 25150, 25090, 25100), (25100, 25160, 25080, 25085)),
        case("S8 closes at resistance: spent", None, NEUTRAL, (25180, 25250, 25170, 25200),
             (25200, 25200, 25150, 25160), (25160, 25165, 25100, 25110)),
        case("S8 below resistance", ("S8", SECOND, "bearish", 25250.0), NEUTRAL, (25180, 25250, 25170, 25200),
             (25200, 25200, 25150, 25159.95)),
        case("S8 not below every low: spent", None, NEUTRAL, (25100, 25160, 25090, 25100),
             (25100, 25110, 25050, 25095), (25095, 25100, 25040, 25050), (25050, 25050, 25000, 25010)),
    ],
)  # fmt: skip
def test_s7_and_s8_confirmed_breaks(close: float, rows: Sequence[Row], expected: Fired | None) -> None:
    assert fired(close, rows) == expected


MONDAY: list[Row | None] = [CALM, *[(25040.0, 25045.0, 25035.0, 25040.0)] * 6]
RISES: Row = (25040, 25070, 25035, 25060)
CLEARS: Row = (25060, 25215, 25060, 25210)


@pytest.mark.parametrize(
    ("tuesday", "expected"),
    [
        pytest.param([RISES, CLEARS], "Tue 10:15", id="a rising bar, then a close above its high"),
        pytest.param([CLEARS], None, id="the rising bar itself does not trigger"),
        pytest.param([RISES, (25060, 25070, 25050, 25070), CLEARS], "Tue 11:15", id="a close at its high is none"),
        pytest.param([(25060, 25070, 25035, 25060), CLEARS], None, id="a flat bar is not remembered"),
        pytest.param([(25040, 25070, 25035, 25050), CLEARS], None, id="nor a close at first.high"),
        pytest.param([(25060, 25100, 25040, 25045), (25045, 25099.95, 25045, 25060), CLEARS], None,
                     id="nor a high below an earlier one"),
        pytest.param([(25060, 25100, 25040, 25045), (25045, 25100, 25045, 25060), CLEARS], "Tue 11:15",
                     id="a high as high as the earlier"),
    ],
)  # fmt: skip
def test_a_breakout_from_the_second_day_on(tuesday: Sequence[Row], expected: str | None) -> None:
    """Without a close above first.high on Monday, one bar is remembered and a later one triggers."""
    found = fired(NEUTRAL, MONDAY, tuesday)
    assert found == (None if expected is None else ("S7", expected, "bullish", 24990.0))


def test_the_remembered_bar_is_never_replaced() -> None:
    """The second rising bar has the higher high, and the trigger stays a close above the first one's."""
    monday: list[Row | None] = [ABOVE, *[(25220.0, 25225.0, 25215.0, 25220.0)] * 6]
    tuesday = [(25220, 25250, 25215, 25240), (25240, 25300, 25235, 25250), (25250, 25265, 25245, 25250.05)]
    assert fired(BEARISH, monday, tuesday) == ("S4", "Tue 11:15", "bullish", 25190.0)


def test_a_breakdown_is_the_mirror_of_a_breakout() -> None:
    """From the second day on: a falling bar below first.low, then a close below its low."""
    monday: list[Row | None] = [(25100, 25160, 25090, 25100), *[(25100.0, 25105.0, 25095.0, 25100.0)] * 6]
    falls, breaks = (25100, 25105, 25070, 25080), (25080, 25085, 25050, 25069.95)
    assert fired(NEUTRAL, monday, [falls, breaks]) == ("S8", "Tue 10:15", "bearish", 25160.0)
    at_the_low = (25080, 25085, 25060, 25070)
    assert fired(NEUTRAL, monday, [falls, at_the_low]) is None
    later = [falls, at_the_low, (25070, 25070, 25050, 25059.95)]
    assert fired(NEUTRAL, monday, later) == ("S8", "Tue 11:15", "bearish", 25160.0)


@pytest.mark.parametrize(
    ("missing", "expected"), [(0, None), (1, None), (2, "Tue 10:15")], ids=["first", "second", "third"]
)
def test_a_week_without_its_first_or_second_slot_has_no_signal(missing: int, expected: str | None) -> None:
    """A later hole is no more than a bar that nobody looks at."""
    monday = [None if i == missing else row for i, row in enumerate(MONDAY)]
    found = fired(NEUTRAL, monday, [RISES, CLEARS])
    assert (found and found[1]) == expected


def test_blocks_of_four_run_over_the_bars_there_are() -> None:
    """Without its first bar the week before has other blocks: its highest body is 25100, its high 25180."""
    bars, sessions = of_week(BEARISH, [UNDER, (25100, 25160, 25080, 25090)]), NSE.sessions(BEFORE, FRIDAY)
    (whole,) = weekly_signals(window(sessions, bars), WEEK, FRIDAY)
    del bars[min(bars)]
    (holed,) = weekly_signals(window(sessions, bars), WEEK, FRIDAY)
    assert (whole.signal, whole.stop) == ("S3", 25200.0)
    assert (holed.signal, holed.stop) == ("S6", 25180.0)


def test_the_week_before_is_the_last_one_with_a_session() -> None:
    """A week in which the exchange was closed is passed over; one in which only the index is missing is not."""
    later = day(date(2025, 7, 21), [CALM, (25040, 25210, 25030, 25200)])
    bars = week_before(NEUTRAL) | later
    closed = (*NSE.sessions(BEFORE, date(2025, 7, 11)), *NSE.sessions(date(2025, 7, 21), date(2025, 7, 25)))
    (found,) = weekly_signals(window(closed, bars), date(2025, 7, 21), date(2025, 7, 25))
    assert (found.week_start, found.signal) == (date(2025, 7, 21), "S7")
    lost = NSE.sessions(BEFORE, date(2025, 7, 25))
    assert weekly_signals(window(lost, bars), date(2025, 7, 21), date(2025, 7, 25)) == []
    assert weekly_signals(window(closed[5:], bars), date(2025, 7, 21), date(2025, 7, 25)) == []


def test_a_sunday_session_ends_the_week() -> None:
    """Sunday, 1 February 2026: a signal on it belongs to Monday, 26 January, its close to the next week."""
    sunday, monday = date(2026, 2, 1), date(2026, 1, 26)
    sessions = NSE.sessions(date(2026, 1, 19), date(2026, 2, 6))
    bars = day(date(2026, 1, 19), [*WEEK_BEFORE[:7]]) | day(date(2026, 1, 20), [WEEK_BEFORE[7], FLAT])
    bars |= day(date(2026, 1, 27), MONDAY) | day(sunday, [RISES, CLEARS])
    bars |= day(date(2026, 2, 2), [(25210, 25216, 25205, 25212), (25212, 25217, 25210, 25216.05)])
    found = weekly_signals(window(sessions, bars), monday, date(2026, 2, 6))
    days = [datetime.fromtimestamp(signal.bar_open, NSE.timezone).date() for signal in found]
    assert [(s.week_start, s.signal, on) for s, on in zip(found, days, strict=True)] == [
        (monday, "S7", sunday),
        (date(2026, 2, 2), "S7", date(2026, 2, 2)),
    ]


def test_the_second_bar_may_be_on_the_second_day() -> None:
    """After a first session of one hour: its bar is the first day, and a close above its high is no trigger."""
    hour = NSE.sessions(date(2025, 10, 21), date(2025, 10, 21))
    sessions = (
        *NSE.sessions(date(2025, 10, 13), date(2025, 10, 17)),
        *hour,
        *NSE.sessions(date(2025, 10, 23), date(2025, 10, 24)),
    )
    assert len(hour[0].slots(3600)) == 1
    slots = [ts for session in sessions[:5] for ts in session.slots(3600)]
    bars = dict(zip(slots, week_before(NEUTRAL).values(), strict=True))
    bars |= day(date(2025, 10, 21), [CALM])
    trap = day(date(2025, 10, 21), [(24820, 24830, 24770, 24780)]) | day(date(2025, 10, 23), [(24780,) * 4])
    above = day(date(2025, 10, 23), [(25040, 25215, 25030, 25210)])
    first, last = date(2025, 10, 20), date(2025, 10, 24)
    assert [s.signal for s in weekly_signals(window(sessions, bars | trap), first, last)] == ["S1"]
    assert weekly_signals(window(sessions, bars | above), first, last) == []


def test_a_period_holds_the_signals_that_fire_in_it() -> None:
    """The bar's date decides, not the week's."""
    whole = window(NSE.sessions(BEFORE, FRIDAY), of_week(NEUTRAL, MONDAY, [RISES, CLEARS]))
    tuesday = date(2025, 7, 15)
    assert len(weekly_signals(whole, tuesday, tuesday)) == 1
    assert weekly_signals(whole, WEEK, WEEK) == []
    assert weekly_signals(whole, date(2025, 7, 16), FRIDAY) == []


@given(st.integers(0, 2**32 - 1))
def test_no_signal_depends_on_later_bars(seed: int) -> None:
    """Signals up to any bar's close are the same whether or not there are bars after it."""
    rng = np.random.default_rng(seed)
    sessions = NSE.sessions(BEFORE, date(2025, 8, 8))
    slots = [ts for session in sessions for ts in session.slots(3600)]
    closes = 25000 + 10 * rng.integers(-5, 6, len(slots)).cumsum()
    opens = np.concatenate(([25000], closes[:-1]))
    spread = 10 * rng.integers(0, 3, (2, len(slots)))
    highs, lows = np.maximum(opens, closes) + spread[0], np.minimum(opens, closes) - spread[1]
    rows = np.column_stack((opens, highs, lows, closes)).astype(float).tolist()
    bars = {ts: row for ts, row in zip(slots, rows, strict=True) if rng.random() > 0.02}
    cut = slots[int(rng.integers(len(slots)))]
    first, last = sessions[0].date, sessions[-1].date
    known = weekly_signals(window(sessions, {ts: row for ts, row in bars.items() if ts <= cut}), first, last)
    whole = weekly_signals(window(sessions, bars), first, last)
    assert known == [signal for signal in whole if signal.bar_open <= cut]


@pytest.mark.parametrize(
    ("side", "stop", "option_type", "strike", "hedge"),
    [
        (Bias.BULLISH, 24950.0, "PE", 25000, 24800),
        (Bias.BULLISH, 24949.95, "PE", 24900, 24700),
        (Bias.BEARISH, 25050.0, "CE", 25100, 25300),
        (Bias.BEARISH, 25049.95, "CE", 25000, 25200),
        (Bias.BULLISH, 24950.1 - abs(25007.7 - 25007.6), "PE", 25000, 24800),
        (Bias.BEARISH, 25000.0, "CE", 25000, 25200),
    ],
    ids=["half up", "below the half", "bearish half up", "bearish below", "half but for float noise", "whole"],
)
def test_the_strike_is_the_stop_rounded_half_up_and_the_hedge_further_out(
    side: Bias, stop: float, option_type: str, strike: int, hedge: int
) -> None:
    signal = WeeklySignal(WEEK, "S1", 0, side, stop)
    assert (signal.option_type, signal.strike, signal.hedge_strike()) == (option_type, strike, hedge)
    assert abs(signal.hedge_strike(500) - strike) == 500


def test_another_window_is_refused() -> None:
    """Bars of another length and of several symbols would give signals without meaning."""
    bars = window(NSE.sessions(BEFORE, FRIDAY), {})
    with pytest.raises(ValueError, match="hourly bars of one symbol"):
        weekly_signals(dataclasses.replace(bars, interval=Interval.M15), WEEK, FRIDAY)
    with pytest.raises(ValueError, match="hourly bars of one symbol"):
        weekly_signals(dataclasses.replace(bars, symbols=("NIFTY", "BANKNIFTY")), WEEK, FRIDAY)

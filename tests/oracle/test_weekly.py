"""Pins S1 to S8 to the page: one hand-made week each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pytest

from livetrader.market.calendar import load
from tests.oracle.bars import Bar
from tests.oracle.weekly import (
    WeeklySignal,
    breakdown_at,
    breakout_at,
    context_of,
    is_within,
    monday,
    ticks,
    weekly_signals,
)

NSE = load("nse")
BEFORE, WEEK = date(2024, 2, 5), date(2024, 2, 12)
TUESDAY, FRIDAY = date(2024, 2, 13), date(2024, 2, 16)

Row = tuple[float, float, float, float]


def hours(day: date, rows: Sequence[Row]) -> list[Bar]:
    """The day's hourly bars from 09:15 on."""
    session = NSE.session_on(day)
    assert session is not None
    return [Bar(slot, *row, 0.0) for slot, row in zip(session.slots(3600), rows, strict=False)]


def previous(close: float) -> list[Bar]:
    """A Monday with week_high 22100, week_low 21900, body 21920 to 22080, and this week_close.

    Support is 21900..21920, resistance 22080..22100, both margins 60 points.
    """
    return hours(
        BEFORE,
        [
            (21920, 21950, 21900, 21950),
            (21950, 22100, 21940, 22060),
            (22060, 22090, 22050, 22070),
            (22070, 22090, 22060, 22080),
            (22080, 22085, 21950, 22000),
            (22000, 22050, 21950, 22000),
            (22000, max(22050, close), min(21950, close), close),
        ],
    )


def fired(close: float, *days: Sequence[Row]) -> tuple[str, str, str, float] | None:
    """Signal, IST day and time, side and stop of the week whose first days are `days`."""
    bars = previous(close)
    for session, rows in zip(NSE.sessions(WEEK, FRIDAY), days, strict=False):
        bars += hours(session.date, rows)
    found = weekly_signals(bars, NSE, WEEK, FRIDAY, seconds=3600)
    if not found:
        return None
    (signal,) = found
    assert signal.week_start == WEEK
    at = signal.bar_open_utc.astimezone(NSE.timezone).strftime("%a %H:%M")
    return signal.signal, at, signal.side, signal.stop


BEARISH, NEUTRAL, BULLISH = 22040.0, 22000.0, 21960.0

TRAP = [(21910, 21920, 21880, 21890), (21890, 21895, 21882, 21885)]
HOLD = [(21950, 21970, 21915, 21965), (21965, 21980, 21960, 21970)]
NEAR = [(21950, 21970, 21930, 21965), (21965, 21980, 21960, 21970)]
REFUSED = [(22050, 22070, 22030, 22060), (22060, 22085, 22020, 22050)]
SLID = [(22050, 22070, 22030, 22060), (22060, 22070, 22035, 22050), (22050, 22055, 22010, 22020)]
ABOVE = [(22110, 22130, 22105, 22120), (22120, 22150, 22115, 22140)]
BELOW = [(21890, 21895, 21870, 21880), (21880, 21885, 21855, 21860)]
WEAK = [(22060, 22090, 22050, 22070), (22070, 22095, 22055, 22060)]
WEAK_LATE = [(22060, 22090, 22050, 22070), (22070, 22095, 22055, 22085), (22085, 22086, 22030, 22045)]
BREAK_HIGH = [(22000, 22050, 21990, 22040), (22040, 22120, 22030, 22110)]
BREAK_LOW = [(21950, 21980, 21940, 21970), (21970, 22005, 21960, 22000)]
DROP = [(22070, 22090, 22050, 22060), (22060, 22065, 22035, 22040)]
INSIDE = (22000.0, 22010.0, 21995.0, 22000.0)


@pytest.mark.parametrize(
    ("close", "rows", "expected"),
    [
        pytest.param(NEUTRAL, TRAP, ("S1", "Mon 10:15", "bullish", 21860), id="S1"),
        pytest.param(BULLISH, HOLD, ("S2", "Mon 10:15", "bullish", 21900), id="S2 touches the zone"),
        pytest.param(BULLISH, NEAR, ("S2", "Mon 10:15", "bullish", 21900), id="S2 within the margin, 60 of 60"),
        pytest.param(BEARISH, REFUSED, ("S3", "Mon 10:15", "bearish", 22100), id="S3 case A"),
        pytest.param(BEARISH, SLID, ("S3", "Mon 11:15", "bearish", 22100), id="S3 case B"),
        pytest.param(BEARISH, ABOVE, ("S4", "Mon 10:15", "bullish", 22105), id="S4"),
        pytest.param(BULLISH, BELOW, ("S5", "Mon 10:15", "bearish", 21895), id="S5"),
        pytest.param(BEARISH, WEAK, ("S6", "Mon 10:15", "bearish", 22100), id="S6 case A"),
        pytest.param(BEARISH, WEAK_LATE, ("S6", "Mon 11:15", "bearish", 22100), id="S6 case B"),
        pytest.param(NEUTRAL, BREAK_HIGH, ("S7", "Mon 10:15", "bullish", 21990), id="S7 above the high"),
        pytest.param(NEUTRAL, BREAK_LOW, ("S7", "Mon 10:15", "bullish", 21940), id="S7 far below the high"),
        pytest.param(NEUTRAL, DROP, ("S8", "Mon 10:15", "bearish", 22090), id="S8"),
    ],
)
def test_each_signal_fires_on_its_own_week(
    close: float, rows: Sequence[Row], expected: tuple[str, str, str, float]
) -> None:
    assert fired(close, rows) == expected


@pytest.mark.parametrize(
    ("close", "rows"),
    [
        pytest.param(NEUTRAL, [TRAP[0], (21885, 21890, 21875, 21880)], id="S1: second closes at first low"),
        pytest.param(NEUTRAL, HOLD, id="S2 needs a bullish bias"),
        pytest.param(BULLISH, NEAR[:1], id="no second bar"),
        pytest.param(BULLISH, [(21960.05, 21970, 21930, 21965), NEAR[1]], id="S2: one tick beyond the margin"),
        pytest.param(BULLISH, [HOLD[0], (21965, 21980, 21950, 21960)], id="S2: second closes at week_close"),
        pytest.param(NEUTRAL, REFUSED, id="S3 needs a bearish bias"),
        pytest.param(BEARISH, [REFUSED[0], (22060, 22079.95, 22040, 22050)], id="S3 A: no touch of the zone"),
        pytest.param(BEARISH, [*SLID[:2], (22050, 22055, 22010, 22030)], id="S3 B: closes at first low, not below"),
        pytest.param(NEUTRAL, BELOW, id="S5 needs a bullish bias"),
        pytest.param(NEUTRAL, [BREAK_HIGH[0], (22040, 22095, 22030, 22090)], id="S7: neither above nor far"),
        pytest.param(NEUTRAL, [(22070, 22079.95, 22050, 22060), DROP[1]], id="S8: no high reached resistance"),
    ],
)
def test_a_condition_that_fails_silences_the_signal(close: float, rows: Sequence[Row]) -> None:
    assert fired(close, rows) is None


def test_a_trigger_whose_signal_fails_is_spent() -> None:
    """The first close above first.high is neither above week_high nor far below it; the next would be."""
    spent = [BREAK_HIGH[0], (22040, 22095, 22030, 22090), (22090, 22130, 22085, 22120)]
    assert fired(NEUTRAL, spent) is None


def test_the_signals_stand_in_order_on_one_bar() -> None:
    """On a break-out above the zone S4 and S7 are both true; S7 has its turn where S4 is not."""
    at_the_top = [(22100, 22130, 22100, 22120), ABOVE[1]]
    assert fired(BEARISH, ABOVE) == ("S4", "Mon 10:15", "bullish", 22105)
    assert fired(NEUTRAL, ABOVE) == ("S7", "Mon 10:15", "bullish", 22105)
    assert fired(BEARISH, at_the_top) == ("S7", "Mon 10:15", "bullish", 22100)


def test_from_the_second_day_a_bar_is_remembered_and_a_later_one_triggers() -> None:
    """A close above first.high alone is no trigger on Tuesday; a close above that bar's high is."""
    monday_rows = [(22000.0, 22020.0, 21990.0, 22010.0), *[INSIDE] * 6]
    remembers = (22010.0, 22060.0, 22005.0, 22050.0)
    lower = (22050.0, 22058.0, 22030.0, 22040.0)
    triggers = (22040.0, 22120.0, 22035.0, 22110.0)
    days = (monday_rows, [remembers, lower, triggers])
    assert fired(NEUTRAL, *days) == ("S7", "Tue 11:15", "bullish", 21990)
    assert fired(NEUTRAL, monday_rows, [triggers, lower]) is None


FIRST = Bar(0, 100, 110, 90, 100, 0)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([(100, 112, 99, 111), (111, 113, 111, 113)], 2, id="remembered, then triggered"),
        pytest.param([(112, 112, 99, 111), (111, 113, 111, 112)], None, id="a falling bar is not remembered"),
        pytest.param([(100, 110, 99, 110), (110, 111, 110, 111)], None, id="nor a close at first.high"),
        pytest.param([(100, 112, 99, 111), (100, 130, 99, 111.5), (111, 120, 111, 113)], 3, id="never replaced"),
        pytest.param(
            [(112, 120, 99, 108), (108, 119, 99, 112), (112, 114, 110, 113)],
            None,
            id="high below an earlier one",
        ),
    ],
)
def test_breakout_and_breakdown_from_the_second_day_on(rows: Sequence[Row], expected: int | None) -> None:
    """Breakdown is the mirror: prices reflected at 100 trigger on the same bar."""
    bars = [FIRST, *[Bar(i, *row, 0) for i, row in enumerate(rows, 1)]]
    mirrored = [Bar(b.ts, 200 - b.open, 200 - b.low, 200 - b.high, 200 - b.close, 0) for b in bars]
    is_first_day = [True, *[False] * len(rows)]
    assert breakout_at(bars, is_first_day) == expected
    assert breakdown_at(mirrored, is_first_day) == expected


def test_bodies_are_those_of_blocks_of_four_across_days_and_the_last_counts() -> None:
    """Opens and closes inside a block do not count; the fifth bar is a block of its own."""
    rows: Sequence[Row] = [
        (100, 130, 95, 125),
        (125, 128, 70, 80),
        (80, 90, 75, 85),
        (85, 111, 84, 110),
        (110, 121, 90, 120),
    ]
    context = context_of([Bar(i, *row, 0) for i, row in enumerate(rows)])
    assert list(context) == [130, 70, 120, 120, 100]
    assert (context.resistance, context.support) == ((120, 130), (70, 100))


@pytest.mark.parametrize(
    ("close", "bias"),
    [(BEARISH, "bearish"), (NEUTRAL, "neutral"), (BULLISH, "bullish"), (22000.02, "neutral")],
    ids=["bearish", "neutral", "bullish", "equal in ticks"],
)
def test_bias_is_the_nearer_end_of_the_body_in_ticks(close: float, bias: str) -> None:
    assert context_of(previous(close)).bias == bias


def test_margins_are_three_heights_and_at_least_five_ticks() -> None:
    assert is_within(100.0, 100.3, (100.0, 100.1))
    assert not is_within(100.0, 100.35, (100.0, 100.1))
    assert is_within(100.0, 100.25, (100.0, 100.05))
    assert not is_within(100.0, 100.3, (100.0, 100.05))


def test_ticks_are_to_the_nearest() -> None:
    assert [ticks(p) for p in (0.05, 21999.95, 22000.07, 22000.08)] == [1, 439999, 440001, 440002]


@pytest.mark.parametrize("missing", [0, 1], ids=["first", "second"])
def test_no_signal_when_one_of_the_first_two_slots_is_missing(missing: int) -> None:
    """Tuesday would break out above the week's high."""
    rows = [(22000.0, 22020.0, 21990.0, 22010.0), *[INSIDE] * 6]
    rise = hours(TUESDAY, [(22010, 22060, 22005, 22050), (22050, 22120, 22035, 22110)])
    days = hours(WEEK, rows)
    assert weekly_signals(previous(NEUTRAL) + days + rise, NSE, WEEK, FRIDAY, seconds=3600)
    holes = days[:missing] + days[missing + 1 :]
    assert weekly_signals(previous(NEUTRAL) + holes + rise, NSE, WEEK, FRIDAY, seconds=3600) == []


def test_no_signal_without_the_previous_week() -> None:
    assert weekly_signals(hours(WEEK, BREAK_HIGH), NSE, WEEK, FRIDAY, seconds=3600) == []


def test_a_sunday_session_ends_its_week() -> None:
    assert NSE.session_on(date(2026, 2, 1)) is not None
    assert monday(date(2026, 2, 1)) == date(2026, 1, 26)


def test_hourly_bars_are_made_of_5m_bars_and_the_period_limits_the_signals() -> None:
    five = []
    for bar in previous(NEUTRAL) + hours(WEEK, BREAK_HIGH):
        five += [bar, Bar(bar.ts + 300, bar.close, bar.close, bar.close, bar.close, 0.0)]
    (signal,) = weekly_signals(five, NSE, WEEK, WEEK)
    assert isinstance(signal, WeeklySignal)
    assert (signal.signal, signal.stop) == ("S7", 21990)
    assert weekly_signals(five, NSE, TUESDAY, FRIDAY) == []

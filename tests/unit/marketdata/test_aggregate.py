"""Longer bars from shorter ones: the rule, the grid, and the same bits from one bar's rows as from a year."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livetrader.domain.candles import FIELDS, CandleWindow, Interval, grid
from livetrader.domain.session import Session
from livetrader.market.calendar import load
from livetrader.marketdata.aggregate import aggregate

LONGER = [
    (Interval.M1, Interval.M5), (Interval.M1, Interval.H1), (Interval.M5, Interval.M15),
    (Interval.M5, Interval.H1), (Interval.M5, Interval.D1), (Interval.M1, Interval.D1),
]  # fmt: skip
# A regular day, a Saturday in two parts, an hour of Muhurat trading.
SESSIONS = {
    "regular": load("nse").sessions(date(2026, 1, 27), date(2026, 1, 28)),
    "two parts": load("nse").sessions(date(2024, 3, 1), date(2024, 3, 2)),
    "muhurat": load("nse").sessions(date(2025, 10, 20), date(2025, 10, 21)),
    "utc": load("24x7").sessions(date(2025, 7, 5), date(2025, 7, 5)),
}


def random_window(sessions: tuple[Session, ...], interval: Interval, seed: int, holes: float) -> CandleWindow:
    rng = np.random.default_rng(seed)
    slots = grid(sessions, interval)
    fields = rng.random((5, len(slots[0]), 3)) * 100 + 1
    fields[:, rng.random(fields.shape[1:]) < holes] = np.nan
    return CandleWindow(interval, ("A", "B", "C"), sessions, *slots, *fields)


def by_hand(window: CandleWindow, interval: Interval, ts: int, column: int) -> list[float]:
    """One longer bar by the words of the rule."""
    session = next(s for s in window.sessions if s.opens <= ts < s.closes)
    length = min(interval.seconds, session.closes - session.opens)
    inside = [
        row
        for row, opens in enumerate(window.ts.tolist())
        if ts <= opens < min(ts + length, session.closes) and not math.isnan(window.open[row, column])
    ]
    if not inside:
        return [math.nan] * 5
    volume = float(window.volume[inside[0], column])
    for row in inside[1:]:
        volume += float(window.volume[row, column])
    return [
        window.open[inside[0], column], max(window.high[row, column] for row in inside),
        min(window.low[row, column] for row in inside), window.close[inside[-1], column], volume,
    ]  # fmt: skip


@pytest.mark.parametrize("sessions", SESSIONS.values(), ids=SESSIONS.keys())
@pytest.mark.parametrize(("short", "long"), LONGER, ids=lambda i: i.value)
def test_every_longer_bar_is_the_rules_and_on_the_calendars_grid(
    sessions: tuple[Session, ...], short: Interval, long: Interval
) -> None:
    window = random_window(sessions, short, 1, 0.5)
    made = aggregate(window, long)
    for ours, theirs in zip((made.ts, made.closes, made.session, made.minute), grid(sessions, long), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for row, ts in enumerate(made.ts.tolist()):
        for column in range(3):
            ours = [getattr(made, name)[row, column] for name in FIELDS]
            np.testing.assert_array_equal(ours, by_hand(window, long, ts, column))


@settings(max_examples=40, deadline=None)
@given(
    pair=st.sampled_from(LONGER[:5]), seed=st.integers(0, 2**32), holes=st.floats(0, 1), data=st.data(),
    sessions=st.sampled_from(list(SESSIONS.values())),
)  # fmt: skip
def test_one_bars_rows_give_the_same_bits_as_the_whole_window(
    pair: tuple[Interval, Interval],
    seed: int,
    holes: float,
    data: st.DataObject,
    sessions: tuple[Session, ...],
) -> None:
    window = random_window(sessions, pair[0], seed, holes)
    whole = aggregate(window, pair[1])
    row = data.draw(st.integers(0, len(whole.ts) - 1))
    end = whole.ts[row + 1] if row + 1 < len(whole.ts) else 2**60
    start, stop = np.searchsorted(window.ts, [whole.ts[row], end])
    alone = aggregate(window.rows(int(start), int(stop)), pair[1])
    assert alone.ts.tolist() == [whole.ts[row]]
    assert alone.closes.tolist() == [whole.closes[row]]
    for name in FIELDS:
        assert getattr(alone, name).tobytes() == getattr(whole, name)[row].tobytes()


def test_the_hourly_bar_of_quarter_past_three_closes_with_the_session() -> None:
    made = aggregate(random_window(SESSIONS["regular"], Interval.M5, 1, 0), Interval.H1)
    assert made.minute.tolist()[:7] == [0, 60, 120, 180, 240, 300, 360]
    assert made.closes[6] == SESSIONS["regular"][0].closes == made.ts[6] + 900


def test_a_window_of_the_same_interval_is_itself() -> None:
    window = random_window(SESSIONS["regular"], Interval.M5, 1, 0)
    assert aggregate(window, Interval.M5) is window


@pytest.mark.parametrize(("have", "want"), [("5m", "1m"), ("1h", "15m"), ("1d", "1h")])
def test_shorter_bars_cannot_be_made(have: str, want: str) -> None:
    window = random_window(SESSIONS["regular"], Interval(have), 1, 0)
    with pytest.raises(ValueError, match=f"cannot make {want} bars from {have} bars"):
        aggregate(window, Interval(want))


def test_no_sessions_give_no_bars() -> None:
    window = CandleWindow(
        Interval.M5, ("A",), (), *grid((), Interval.M5), *(np.empty((0, 1)) for _ in FIELDS)
    )  # fmt: skip
    assert aggregate(window, Interval.M15).shape == (0, 1)

"""The grid of a window, and the cuts that are made of it."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from livetrader.domain.candles import FIELDS, CandleColumns, CandleWindow, Interval, grid
from livetrader.domain.session import Session
from tests.unit.engine.trading_samples import random_walk, sessions

DAYS = sessions(3, bars=7, square_off=300)


@pytest.mark.parametrize(
    ("interval", "seconds"),
    [(Interval.M1, 60), (Interval.M5, 300), (Interval.M15, 900), (Interval.H1, 3600), (Interval.D1, 86_400)],
    ids=str,
)
def test_an_interval_knows_its_length(interval: Interval, seconds: int) -> None:
    assert interval.seconds == seconds


def test_the_grid_has_every_slot_of_every_session_in_order() -> None:
    ts, closes, session, minute = grid(DAYS, Interval.M5)
    assert ts.tolist() == [day.opens + 300 * i for day in DAYS for i in range(7)]
    assert closes.tolist() == [t + 300 for t in ts.tolist()]
    assert session.tolist() == [0] * 7 + [1] * 7 + [2] * 7
    assert minute.tolist() == [0, 5, 10, 15, 20, 25, 30] * 3
    assert (ts.dtype, closes.dtype, session.dtype, minute.dtype) == (np.int64, np.int64, np.int32, np.int32)


def test_the_last_bar_is_known_when_the_session_closes() -> None:
    """35 minutes of trading: the third 15m bar has five of them."""
    ts, closes, _, _ = grid(DAYS[:1], Interval.M15)
    opens = DAYS[0].opens
    assert (ts - opens).tolist() == [0, 900, 1800]
    assert (closes - opens).tolist() == [900, 1800, 2100]


def test_a_pause_has_no_rows() -> None:
    day = Session(date(2026, 2, 7), ((0, 600), (1800, 2400)), 2100)
    ts, closes, _, minute = grid([day], Interval.M5)
    assert (ts.tolist(), closes.tolist()) == ([0, 300, 1800, 2100], [300, 600, 2100, 2400])
    assert minute.tolist() == [0, 5, 30, 35]


def test_no_sessions_are_no_rows() -> None:
    assert [len(column) for column in grid([], Interval.M5)] == [0, 0, 0, 0]


@pytest.fixture
def window() -> CandleWindow:
    return random_walk(DAYS, 4, seed=3, gaps=0.2)


def test_a_cut_of_rows_is_a_view_that_still_names_its_sessions(window: CandleWindow) -> None:
    cut = window.rows(5, 12)
    assert (cut.shape, cut.sessions, cut.symbols) == ((7, 4), DAYS, window.symbols)
    assert cut.session.tolist() == [0, 0, 1, 1, 1, 1, 1]
    for name in ("ts", "closes", "minute", *FIELDS):
        np.testing.assert_array_equal(getattr(cut, name), getattr(window, name)[5:12])
        assert np.shares_memory(getattr(cut, name), getattr(window, name))


def test_a_cut_of_symbols_is_a_contiguous_copy(window: CandleWindow) -> None:
    cut = window.columns(1, 3)
    assert (cut.shape, cut.symbols) == ((21, 2), ("S1", "S2"))
    for name in FIELDS:
        values = getattr(cut, name)
        np.testing.assert_array_equal(values, getattr(window, name)[:, 1:3])
        assert values.flags.c_contiguous
        assert not np.shares_memory(values, getattr(window, name))


def test_columns_count_their_bars() -> None:
    fields = (np.zeros(3),) * 5
    assert len(CandleColumns(("A",), np.arange(3), np.zeros(3, np.int32), *fields)) == 3

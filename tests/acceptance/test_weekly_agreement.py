"""S1–S8 of the stored index against the oracle's: two readings of one page on the same candles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from livetrader.bootstrap.weekly import find_weekly
from livetrader.bootstrap.workspace import Workspace
from livetrader.config import load as configure
from livetrader.domain.candles import Interval
from livetrader.errors import DataError, UsageError
from livetrader.market.calendar import Calendar
from livetrader.marketdata.imports import import_files
from livetrader.strategies.weekly_options import RULES, WeeklySignal
from tests.oracle import candles, weekly_signals
from tests.oracle.__main__ import read
from tests.oracle.bars import Bar

pytestmark = pytest.mark.slow

Row = tuple[date, str, int, str, float]

# Saturday drills, Muhurat hours and two budget weekends lie in this period.
FIRST, LAST = date(2023, 4, 3), date(2026, 3, 31)
SEEDS = range(1, 5)
# The calendar's whole extent: 600 weeks.
COARSE_FIRST, COARSE_LAST = date(2015, 1, 1), date(2026, 12, 31)


@cache
def generated(calendar: Calendar, seed: int) -> Sequence[Bar]:
    return candles.generate(calendar, FIRST, LAST, stocks=0, seed=seed)["NIFTY"]


def coarse(calendar: Calendar, seed: int) -> list[Bar]:
    """Hourly bars on a grid of 10 points, with holes: prices that meet zones and each other all the time."""
    rng = np.random.default_rng(seed)
    slots = [slot for s in calendar.sessions(COARSE_FIRST, COARSE_LAST) for slot in s.slots(3600)]
    steps = rng.integers(-4, 5, (len(slots), 3)).cumsum()
    # folded, so that the walk stays where 0.4 % of the week's high is some ten steps
    prices = 22000 + 10.0 * np.abs((steps - 60) % 240 - 120)
    bars, last = [], 22000.0
    for slot, path in zip(slots, prices.reshape(-1, 3).tolist(), strict=True):
        traded = [last if rng.random() < 0.7 else path[0], *path]
        last = path[-1]
        if rng.random() > 0.01:
            bars.append(Bar(slot, traded[0], max(traded), min(traded), last, 0.0))
    return bars


def of_oracle(bars: Sequence[Bar], calendar: Calendar, first: date, last: date, seconds: int = 300) -> list[Row]:
    found = weekly_signals(bars, calendar, first, last, seconds=seconds)
    return [(s.week_start, s.signal, int(s.bar_open_utc.timestamp()), s.side, s.stop) for s in found]


def day_of(signal: WeeklySignal, calendar: Calendar) -> date:
    return datetime.fromtimestamp(signal.bar_open, calendar.timezone).date()


def rows(found: Sequence[WeeklySignal]) -> list[Row]:
    return [(s.week_start, s.signal, s.bar_open, s.side.value, s.stop) for s in found]


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Default settings with an empty store of their own."""
    url = f"sqlite:///{tmp_path / 'candles.db'}"
    flags = {"candles.url": ("--candles", url)}
    with Workspace(configure(flags=flags, environ={}, directory=tmp_path)) as made:
        yield made


def bring(workspace: Workspace, file: Path, interval: Interval = Interval.M5) -> None:
    import_files(workspace.store, [file], interval, timezone=workspace.calendar.timezone)


@pytest.mark.parametrize("seed", SEEDS)
def test_three_years_of_signals_are_the_oracles(seed: int, workspace: Workspace, nse: Calendar, tmp_path: Path) -> None:
    """Week, rule, bar, side and the stop's bits, on candles with holes, damage and strays."""
    bars = generated(nse, seed)
    bring(workspace, candles.write({"NIFTY": bars}, tmp_path / "NIFTY.parquet"))
    expected = of_oracle(bars, nse, FIRST, LAST)
    assert rows(find_weekly(workspace, FIRST, LAST)) == expected
    assert len(expected) > 50


@pytest.mark.parametrize("seed", SEEDS)
def test_weeks_full_of_ties_agree(seed: int, workspace: Workspace, nse: Calendar, tmp_path: Path) -> None:
    """Prices on a coarse grid meet the zones and each other all the time; every rule fires."""
    bars = coarse(nse, seed)
    bring(workspace, candles.write({"NIFTY": bars}, tmp_path / "NIFTY.parquet"), Interval.H1)
    expected = of_oracle(bars, nse, COARSE_FIRST, COARSE_LAST, seconds=3600)
    assert rows(find_weekly(workspace, COARSE_FIRST, COARSE_LAST)) == expected
    assert Counter(row[1] for row in expected).keys() == {rule.name for rule in RULES}


def test_a_period_has_the_signals_that_a_longer_one_has_in_it(
    workspace: Workspace, nse: Calendar, tmp_path: Path
) -> None:
    """However the period cuts the weeks: the part of a week before it decides, and fires nothing in it."""
    bring(workspace, candles.write({"NIFTY": generated(nse, 1)}, tmp_path / "NIFTY.parquet"))
    whole = find_weekly(workspace, FIRST, LAST)
    cuts = [date.fromordinal(FIRST.toordinal() + 100 + 11 * i) for i in range(40)]
    parts = [find_weekly(workspace, start, end - timedelta(1)) for start, end in pairwise(cuts)]
    within = [s for s in whole if cuts[0] <= day_of(s, nse) < cuts[-1]]
    assert [signal for part in parts for signal in part] == within
    assert len(within) > 20


def test_real_candles_agree(workspace: Workspace, nse: Calendar, shared: Path) -> None:
    """NIFTY of December 2025 to March 2026, with the Sunday session of 1 February."""
    file = shared / "nse_5m_vendor_b.parquet"
    bars = read([file])["NIFTY"]
    bring(workspace, file)
    first, last = date(2025, 12, 8), date(2026, 3, 30)
    found = find_weekly(workspace, first, last)
    assert rows(found) == of_oracle(bars, nse, first, last)
    assert len(found) > 5


def test_a_period_without_hourly_bars_is_an_error(workspace: Workspace, nse: Calendar, tmp_path: Path) -> None:
    """A symbol that is not stored, a period before its candles, and one without a session."""
    with pytest.raises(DataError, match="no candles of NIFTY"):
        find_weekly(workspace, FIRST, LAST)
    bring(workspace, candles.write({"NIFTY": generated(nse, 1)}, tmp_path / "NIFTY.parquet"))
    with pytest.raises(DataError, match="no candles of NIFTY from 2019-12-30 to 2020-01-31"):
        find_weekly(workspace, date(2020, 1, 6), date(2020, 1, 31))
    with pytest.raises(UsageError, match="no session"):
        find_weekly(workspace, date(2024, 2, 10), date(2024, 2, 11))

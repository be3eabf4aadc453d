"""The metrics that no library has as we define them, against a reckoning that is as plain as it can be.

The ratios of returns are compared with a library's (test_agreement). Here sums are of fractions, time is counted minute
by minute, and the highest value so far is pandas'. Ratios agree to 1e-9, money to the paisa.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from report_samples import CAPITAL, at, session, trade

from livetrader.domain.position import Trade
from livetrader.domain.signal import Side
from livetrader.ports import Bars
from livetrader.reporting import breakdown
from livetrader.reporting.drawdowns import deepest, falls
from livetrader.reporting.equity_chart import _falls
from livetrader.reporting.excursions import excursion
from livetrader.reporting.statistics import statistics, summary

MINUTE, DAY = 60, 86_400
SESSIONS = [session(at("09:15").date() + timedelta(days)) for days in range(3)]
OPENS = SESSIONS[0].opens
# From an hour before the first open until an hour after the last close.
FROM, TO = OPENS // MINUTE - 60, SESSIONS[-1].closes // MINUTE + 60

money = st.decimals("-100000", "100000", places=2)
price = st.decimals("1", "5000", places=2)
curves = st.lists(st.decimals("0.01", "100000", places=2), min_size=1, max_size=60)


def told(found: float | None, exact: Fraction | float) -> bool:
    """Whether `found` is `exact`, but for 1e-9 of it."""
    return found is not None and abs(found - exact) <= 1e-9 * max(1.0, abs(exact))


@st.composite
def held(draw: st.DrawFn) -> Trade:
    """A trade from one minute to another, in the sessions and outside of them."""
    start, end = sorted(draw(st.tuples(*[st.integers(FROM, TO)] * 2)))
    entered, left = (datetime.fromtimestamp(minute * MINUTE, UTC) for minute in (start, end))
    return trade(
        draw(money), entry_at=entered, exit_at=left, entry_price=draw(price), exit_price=draw(price),
        quantity=draw(st.decimals("0.001", "500", places=3)),
    )  # fmt: skip


def minutes(one: Trade) -> range:
    return range(int(one.entry_at.timestamp()) // MINUTE, int(one.exit_at.timestamp()) // MINUTE)


OPEN = {minute for one in SESSIONS for minute in range(one.opens // MINUTE, one.closes // MINUTE)}


@given(st.lists(money, min_size=1, max_size=40))
def test_win_rate_profit_factor_and_expectancy(nets: list[Decimal]) -> None:
    found, exact = summary([trade(net) for net in nets]), [Fraction(net) for net in nets]
    won, lost = sum(max(net, 0) for net in exact), -sum(min(net, 0) for net in exact)
    assert told(found.win_rate, Fraction(sum(net > 0 for net in exact), len(exact)))
    assert found.profit_factor is None if lost == 0 else told(found.profit_factor, won / lost)
    assert found.expectancy is not None
    assert abs(found.expectancy - Decimal(float(sum(exact) / len(exact)))) <= Decimal("0.005001")


@given(st.lists(held(), max_size=12))
def test_exposure(trades: list[Trade]) -> None:
    """The minutes with an open trade, each counted once."""
    found = statistics(trades, [], sessions=SESSIONS)
    covered = {minute for one in trades for minute in minutes(one)}
    assert found.exposure_seconds == len(covered) * MINUTE
    assert told(found.exposure_pct, Fraction(100 * len(covered & OPEN), len(OPEN)))


@given(st.lists(held(), max_size=12), curves)
def test_turnover_and_gross_exposure(trades: list[Trade], closes: list[Decimal]) -> None:
    """What was bought and sold, halved, in mean equities; and the value held in each minute of the sessions."""
    curve = [(SESSIONS[0].closes + DAY * i, close) for i, close in enumerate(closes)]
    parts = [part for one in SESSIONS for part in one.parts]
    found = breakdown.trading(trades, breakdown.days(curve, CAPITAL), CAPITAL, parts)
    traded = sum(Fraction(one.quantity) * (Fraction(one.entry_price) + Fraction(one.exit_price)) for one in trades)
    assert told(found.turnover, traded / 2 / (sum(map(Fraction, closes)) / len(closes)))
    value = sum(Fraction(one.quantity * one.entry_price) * len(OPEN.intersection(minutes(one))) for one in trades)
    assert told(found.gross_exposure_pct, 100 * value / (Fraction(CAPITAL) * len(OPEN)))


@given(curves)
def test_the_curve_depth_and_duration_of_drawdowns(values: list[Decimal]) -> None:
    """Below the highest value so far; from the last day at that height to the first that is back at it."""
    series = pd.Series([float(value) for value in values])
    peaks = series.cummax()
    assert np.allclose(_falls(list(series)), (series / peaks - 1) * 100, rtol=0, atol=1e-9)
    found = falls([(DAY * day, value) for day, value in enumerate(values)])
    under = [list(run.index) for _, run in peaks[series < peaks].groupby((series >= peaks).cumsum())]
    last = len(values) - 1
    assert [one.duration_seconds for one in found] == [DAY * (min(run[-1] + 1, last) - (run[0] - 1)) for run in under]
    assert [one.recovered_at for one in found] == [None if run[-1] == last else DAY * (run[-1] + 1) for run in under]
    depths = [float((1 - series[run].min() / peaks[run[0]]) * 100) for run in under]
    assert all(told(one.pct, depth) for one, depth in zip(found, depths, strict=True))
    worst = deepest([(DAY * day, value) for day, value in enumerate(values)], 1)
    assert [one.pct for one in worst] == [
        one.pct for one in found if one.pct == max(other.pct or 0 for other in found)
    ][:1]


@given(st.data(), st.sampled_from(Side))
def test_the_worst_and_the_best_that_a_trade_stood_at(data: st.DataObject, side: Side) -> None:
    """MAE and MFE: over each whole bar while it was held, and at its exit."""
    span = st.tuples(st.floats(50, 200), st.floats(50, 200)).map(sorted)
    rows: Sequence[Sequence[float]] = data.draw(st.lists(span, min_size=1, max_size=20))
    entered, left = sorted(data.draw(st.tuples(*[st.integers(0, 60 * len(rows))] * 2)))
    low, high = (np.array(column) for column in zip(*rows, strict=True))
    ts = np.arange(OPENS, OPENS + MINUTE * len(rows), MINUTE, dtype=np.int64)
    bars = Bars(ts, ts + MINUTE, low, high, low, high, np.full(len(rows), 1.0))
    entry, leave = (float(data.draw(st.decimals("60", "190", places=2))) for _ in range(2))
    when = [datetime.fromtimestamp(OPENS + second, UTC) for second in (entered, left)]
    one = trade(side=side, entry_at=when[0], exit_at=when[1], entry_price=str(entry), exit_price=str(leave))
    stood = [0.0, side.sign * (leave - entry) / entry * 100]
    for nth, (worst, best) in enumerate(rows):
        if nth * MINUTE >= entered and (nth + 1) * MINUTE <= left:
            stood += [side.sign * (value - entry) / entry * 100 for value in (worst, best)]
    found = excursion(one, bars, None)
    assert math.isclose(found.adverse_pct, -min(stood), abs_tol=0.6e-6)
    assert math.isclose(found.favourable_pct, max(stood), abs_tol=0.6e-6)

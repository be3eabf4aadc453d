"""Pins the crypto rules to the page."""

from __future__ import annotations

from datetime import date

import pytest

from livetrader.market.calendar import load
from tests.oracle.bars import Bar
from tests.oracle.crypto import crypto_signals, sma

UTC_DAYS = load("24x7")
DAY = date(2025, 7, 1)
OPENS = UTC_DAYS.sessions(DAY, DAY)[0].opens


def fired(closes: list[float], warmup: list[float] | None = None) -> list[tuple[str, int, str]]:
    """Strategy, place in the day and side, for closes on DAY after a warm-up (300 bars at 100)."""
    series = (warmup or [100.0] * 300) + closes
    start = OPENS - (len(series) - len(closes)) * 300
    bars = [Bar(start + i * 300, c, c, c, c, 1.0) for i, c in enumerate(series)]
    found = crypto_signals({"BTCUSDT": bars}, UTC_DAYS, DAY, DAY, symbols=["BTCUSDT"])
    return [(s.strategy_id, (int(s.bar_open_utc.timestamp()) - OPENS) // 300, s.side) for s in found]


def only(strategy: str, found: list[tuple[str, int, str]]) -> list[tuple[int, str]]:
    return [(place, side) for name, place, side in found if name == strategy]


def test_sma_is_undefined_until_it_has_n_values() -> None:
    assert sma([1.0, 2.0, 3.0, 4.0], 3)[2:] == [2.0, 3.0]
    assert all(value != value for value in sma([1.0, 2.0], 3))


@pytest.mark.parametrize(("price", "side"), [(110.0, "long"), (90.0, "short")])
def test_sma_cross_fires_when_the_averages_leave_each_other(price: float, side: str) -> None:
    assert only("sma_cross", fired([100.0, price, price])) == [(1, side)]


def test_sma_cross_fires_once_a_day_whichever_side() -> None:
    there_and_back = [110.0] * 60 + [80.0] * 60
    assert only("sma_cross", fired(there_and_back)) == [(0, "long")]


def test_macd_momentum_fires_when_the_histogram_changes_sign_on_the_side_of_ema200() -> None:
    dip = [99.0] * 3
    assert only("macd_momentum", fired([*dip, 103.0])) == [(3, "long")]
    assert only("macd_momentum", fired([101.0] * 3 + [97.0])) == [(3, "short")]
    below = only("macd_momentum", fired([*[90.0] * 3, 95.0, 96.0]))
    assert below == []


def test_a_zero_histogram_belongs_to_neither_sign() -> None:
    """From flat prices the histogram leaves zero, which is no change of sign."""
    assert only("macd_momentum", fired([103.0, 104.0])) == []


def test_rsi_reversion_fires_on_the_way_back() -> None:
    """A steady fall has RSI 0, a steady rise 100."""
    falling = [200.0 - i * 0.1 for i in range(300)]
    rising = [100.0 + i * 0.1 for i in range(300)]
    last = falling[-1]
    assert only("rsi_reversion", fired([last - 0.1, last + 5], falling)) == [(1, "long")]
    last = rising[-1]
    assert only("rsi_reversion", fired([last + 0.1, last - 5], rising)) == [(1, "short")]


def test_the_block_begins_ten_utc_days_before_the_month() -> None:
    """A spike on the block's first bar lifts EMA200 above the close; one bar earlier it does not exist."""
    found = []
    for place in (2 * 288 - 1, 2 * 288):
        warmup = [100.0] * (12 * 288)
        warmup[place] = 1e15
        found.append(only("macd_momentum", fired([99.0, 99.0, 99.0, 103.0], warmup)))
    assert found[0] == [(3, "long")]
    assert (3, "long") not in found[1]

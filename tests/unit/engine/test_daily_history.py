"""Daily returns are of completed sessions alone, and the same whatever else is loaded."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pytest

from livetrader.domain.candles import CandleColumns, CandleWindow, Interval, empty_columns, grid
from livetrader.engine.history import RETURNS, DailyHistory
from livetrader.market.calendar import Calendar
from livetrader.marketdata.simulated import simulate
from livetrader.marketdata.store import CandleStore
from livetrader.marketdata.windows import StoredCandles
from tests.unit.engine.trading_samples import calendar, sessions

DAYS = sessions(100)


class Closes:
    """A CandleSource of daily bars alone: one close a session and symbol, which remembers what it was asked."""

    def __init__(self) -> None:
        rng = np.random.default_rng(5)
        self.close = {symbol: 100.0 * np.exp(np.cumsum(rng.normal(0, 0.01, len(DAYS)))) for symbol in "ABC"}
        self.close["B"][40] = np.nan
        self.asked: list[tuple[str, ...]] = []

    def windows(self, symbols: Any, days: Any) -> dict[Interval, CandleWindow]:
        (wanted,) = days.values()
        self.asked.append(tuple(symbols))
        rows = [DAYS.index(day) for day in wanted]
        close = np.column_stack([self.close.get(symbol, np.full(len(DAYS), np.nan))[rows] for symbol in symbols])
        slots = grid(wanted, Interval.D1)
        return {Interval.D1: CandleWindow(Interval.D1, tuple(symbols), tuple(wanted), *slots, *[close] * 5)}

    def poll(self, symbols: Any, *_: object) -> CandleColumns:
        return empty_columns(tuple(symbols))


def history(source: Closes, first: int, last: int, symbols: str = "AB", **more: Any) -> DailyHistory:
    return DailyHistory(source, calendar(DAYS), tuple(symbols), DAYS[first:last], **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("row", [0, 1, 2, 30, 60, 61, 62, 99])
def test_a_sessions_returns_are_the_same_alone_and_among_others(row: int) -> None:
    source = Closes()
    alone, among = history(source, row, row + 1)(DAYS[row]), history(source, 0, 100)(DAYS[row])
    for symbol in "AB":
        assert repr(alone[symbol]) == repr(among[symbol])  # NaN too
        assert len(alone[symbol]) == min(max(row - 1, 0), RETURNS)


def test_the_session_itself_is_not_known() -> None:
    source = Closes()
    before = history(source, 70, 71)(DAYS[70])["A"]
    source.close["A"][70:] = 1.0
    assert history(source, 70, 71)(DAYS[70])["A"] == before
    assert before[-1] == source.close["A"][69] / source.close["A"][68] - 1.0


def test_a_day_without_a_bar_and_an_ex_date_are_no_returns() -> None:
    found = history(Closes(), 50, 51, ex_dates={"A": [DAYS[30].date, date(2000, 1, 1)]})(DAYS[50])
    unknown = {symbol: [i + 1 for i, one in enumerate(found[symbol]) if math.isnan(one)] for symbol in "AB"}
    assert unknown == {"A": [30], "B": [40, 41]}


def test_another_symbol_is_read_once_when_it_is_asked_for() -> None:
    source = Closes()
    made = history(source, 70, 80)
    assert made(DAYS[70])["C"][1:] == made(DAYS[71])["C"][:-1]
    assert all(math.isnan(one) for one in made(DAYS[70])["Z"])
    assert list(dict.fromkeys(source.asked)) == [("A", "B"), ("C",), ("Z",)]
    assert len(source.asked) == 3 * (10 + RETURNS + 1), "each session once"


def test_the_last_close_is_found_wherever_it_stands(candle_store: Callable[..., CandleStore], nse: Calendar) -> None:
    """In the last half hour, or before it; in 5m bars, in 1m bars, or in daily ones; dirt and gaps included."""
    days = (*nse.before(date(2024, 3, 5), 61), *nse.sessions(date(2024, 3, 5), date(2024, 3, 5)))
    bars = simulate(("EARLY", "DAILY", "FIVE", "SOMETIMES"), days, 7, dirt=True)
    local = (bars.ts + 19_800) % 86_400
    late, name = local >= 14 * 3600, np.array(bars.symbols)[bars.symbol]
    kept = ~((name == "EARLY") & late) & ~((name == "SOMETIMES") & (bars.ts // 86_400 % 3 == 0)) & (name != "DAILY")
    fine = simulate(("ONE",), days, 9, dirt=True)
    daily = bars.rows(np.flatnonzero((name == "DAILY") & (local == 33_300)))
    store = candle_store({Interval.M5: bars.rows(np.flatnonzero(kept)), Interval.M1: fine, Interval.D1: daily})
    source, symbols = StoredCandles(store, nse), ("ONE", "EARLY", "DAILY", "FIVE", "SOMETIMES", "NOBODY")
    close = source.windows(symbols, {Interval.D1: days})[Interval.D1].close
    steps = close[1:-1] / close[:-2] - 1.0
    found = DailyHistory(source, nse, symbols, days[-1:])(days[-1])
    for column, symbol in enumerate(symbols):
        assert repr(found[symbol]) == repr(tuple(steps[:, column].tolist())), symbol
    unknown = {symbol: sum(map(math.isnan, found[symbol])) for symbol in symbols}
    assert 20 < unknown.pop("SOMETIMES") < RETURNS
    assert unknown.pop("NOBODY") == RETURNS
    assert max(unknown.values()) < RETURNS - 20, "of each something is found"

"""A pass waits for the bars that longer ones are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np

from livetrader.domain.candles import FIELDS, CandleColumns, Interval
from livetrader.engine.market import LiveMarket
from livetrader.market.calendar import Calendar
from livetrader.marketdata.simulated import simulate
from livetrader.marketdata.store import CandleStore
from livetrader.marketdata.windows import StoredCandles

DAY = date(2026, 3, 2)


@dataclass
class Between:
    """A source for which a feed stores `bars` after the first read of a poll, before the second."""

    source: StoredCandles
    store: CandleStore
    bars: CandleColumns
    reads: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.source, name)

    def poll(self, *asked: Any) -> CandleColumns:
        found = self.source.poll(*asked)
        self.reads += 1
        if self.reads == 1:
            self.store.upsert(Interval.M5, self.bars)
        return found


def opened_before(bars: CandleColumns, instant: int) -> CandleColumns:
    rows = np.flatnonzero(bars.ts < instant)
    return replace(bars, **{name: getattr(bars, name)[rows] for name in ("ts", "symbol", *FIELDS)})


def test_a_15m_bar_is_whole_once_its_5m_bars_have_arrived_also_between_two_reads(
    nse: Calendar, candle_store: Callable[..., CandleStore]
) -> None:
    """A feed stores a bar while a poll reads one interval after the other."""
    (session,) = nse.sessions(DAY, DAY)
    bars, intervals = simulate(("A", "B"), (session,), 1, dirt=False), frozenset({Interval.M5, Interval.M15})
    store = candle_store({Interval.M5: opened_before(bars, session.opens + 600)})
    source = Between(StoredCandles(store, nse), store, opened_before(bars, session.opens + 900))
    market = LiveMarket(source, ("A", "B"), session, intervals)
    close = session.opens + 900
    for _ in range(2):
        market.poll(close, session.opens)
        last = market.windows[Interval.M5].close[2], market.windows[Interval.M15].close[0]
        assert market.arrived(close) == 0 or last[0].tolist() == last[1].tolist()
    assert market.arrived(close) == 2


def test_a_15m_bar_has_not_arrived_before_the_last_of_its_5m_bars(
    nse: Calendar, candle_store: Callable[..., CandleStore]
) -> None:
    """The scan right at the close comes before the feed has stored anything; the pass has to wait for it."""
    (session,) = nse.sessions(DAY, DAY)
    bars = simulate(("A", "B"), (session,), 1, dirt=False)
    early = opened_before(bars, session.opens + 600)
    source = StoredCandles(candle_store({Interval.M5: early}), nse)
    market = LiveMarket(source, ("A", "B"), session, frozenset({Interval.M5, Interval.M15}))
    close = session.opens + 900
    market.poll(close, session.opens)
    assert market.arrived(close) == 0

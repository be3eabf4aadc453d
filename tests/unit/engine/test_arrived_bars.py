"""A pass waits for the bars that longer ones are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np

from livetrader.domain.candles import FIELDS, Interval
from livetrader.engine.market import LiveMarket
from livetrader.market.calendar import Calendar
from livetrader.marketdata.simulated import simulate
from livetrader.marketdata.store import CandleStore
from livetrader.marketdata.windows import StoredCandles

DAY = date(2026, 3, 2)


def test_a_15m_bar_has_not_arrived_before_the_last_of_its_5m_bars(
    nse: Calendar, candle_store: Callable[..., CandleStore]
) -> None:
    """The scan right at the close comes before the feed has stored anything; the pass has to wait for it."""
    (session,) = nse.sessions(DAY, DAY)
    bars = simulate(("A", "B"), (session,), 1, dirt=False)
    two = np.flatnonzero(bars.ts < session.opens + 600)
    early = replace(bars, **{name: getattr(bars, name)[two] for name in ("ts", "symbol", *FIELDS)})
    source = StoredCandles(candle_store({Interval.M5: early}), nse)
    market = LiveMarket(source, ("A", "B"), session, frozenset({Interval.M5, Interval.M15}))
    close = session.opens + 900
    market.poll(close, session.opens)
    assert market.arrived(close) == 0

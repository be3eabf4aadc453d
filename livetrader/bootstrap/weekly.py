"""The weekly option-selling signals of a period of stored candles."""

from __future__ import annotations

from datetime import date

import numpy as np

from livetrader.bootstrap.candles import remedy
from livetrader.bootstrap.workspace import Workspace
from livetrader.domain.candles import Interval
from livetrader.errors import DataError
from livetrader.marketdata.location import place_of
from livetrader.strategies.weekly_options import WeeklySignal, monday_of, weekly_signals


def find_weekly(workspace: Workspace, first: date, last: date, symbol: str = "NIFTY") -> list[WeeklySignal]:
    """The signals S1–S8 of the index `symbol` on bars of the sessions from `first` to `last` inclusive.

    Hourly bars are made from the stored 5m or 1m bars, from the beginning of the week before `first`'s on.
    Raises UsageError for a period without a session, DataError where there is no bar to look at, CalendarError
    outside the calendar.
    """
    calendar = workspace.calendar
    workspace.sessions(first, last)
    workspace.known((symbol,))
    before = calendar.before(monday_of(first), 1)
    start = max(monday_of(before[0].date if before else first), calendar.valid_from)
    window = workspace.candles.window((symbol,), Interval.H1, calendar.sessions(start, last))
    if np.isnan(window.open).all():
        raise DataError(
            f"{place_of(workspace.settings.candles.url)}: no candles of {symbol} from {start} to {last} that hourly "
            f"bars can be made of; bring some with {remedy(workspace.settings)}"
        )
    return weekly_signals(window, first, last)

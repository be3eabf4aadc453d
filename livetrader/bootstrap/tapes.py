"""Prices of stored sessions, for an engine to be played on."""

from __future__ import annotations

from collections.abc import Sequence

from livetrader.bootstrap.workspace import Workspace
from livetrader.domain.candles import CandleWindow, Interval
from livetrader.domain.session import Session
from livetrader.engine.tape import WindowTape


def tape_of(workspace: Workspace, symbols: set[str], sessions: Sequence[Session]) -> WindowTape:
    """The prices of `symbols` over `sessions`, at each one's finest stored interval."""
    finest = workspace.candles.finest(sorted(symbols))
    windows: dict[Interval, CandleWindow] = {}
    for interval in set(finest.values()):
        names = [symbol for symbol, its in finest.items() if its is interval]
        windows[interval] = workspace.candles.window(names, interval, sessions)
    return WindowTape(windows, finest)

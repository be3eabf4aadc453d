"""What the strategies saw at one bar of a symbol: for `why`, where nothing was decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

import numpy as np

from livetrader.bootstrap.workspace import Workspace
from livetrader.engine.signals import Windows, masked
from livetrader.errors import LiveTraderError
from livetrader.indicators.context import evaluate_block
from livetrader.strategies.scanner import ENTRIES, Plan, allowed_rows, pandas_entries


@dataclass(frozen=True, slots=True)
class Seen:
    """One strategy's view of the bar `opened`..`closed` (epoch seconds); `entry` is whether its rule was true.

    `allowed` is whether the bar lies in the strategy's hours.
    """

    strategy: str
    interval: str
    opened: int
    closed: int
    entry: bool
    allowed: bool
    inputs: Mapping[str, float]


def last_bar(workspace: Workspace, symbol: str, until: int) -> tuple[int, int] | None:
    """Open and close of the last stored bar of `symbol`, at its finest interval, that had closed by `until`."""
    finest = workspace.candles.finest((symbol,)).get(symbol)
    if finest is None:
        return None
    held = workspace.store.coverage(finest)[symbol]
    if held.last + finest.seconds <= until:
        return held.last, held.last + finest.seconds
    # Ten days bridge every holiday.
    bars = workspace.store.read(finest, until - 10 * 86_400, until - finest.seconds + 1, (symbol,))
    return (int(bars.ts[-1]), int(bars.ts[-1]) + finest.seconds) if len(bars) else None


def seen(workspace: Workspace, symbol: str, until: int) -> list[Seen]:
    """What each strategy that is on saw at the last bar of `symbol` that had closed by `until`, in its own bars.

    A strategy that has no such bar in its block, or fails, is left out.
    """
    plans = workspace.plans(workspace.strategies())
    found = []
    for one in plans:
        with suppress(LiveTraderError):
            found.append(_seen(workspace, one, symbol, until))
    return [one for one in found if one is not None]


def _seen(workspace: Workspace, plan: Plan, symbol: str, until: int) -> Seen | None:
    day = datetime.fromtimestamp(until - 1, workspace.calendar.timezone).date()
    windows = workspace.finder((plan,), (symbol,)).load((symbol,), day, day)
    windows = {
        series: masked(window, workspace.ex_dates, day) if series.symbol is None else window
        for series, window in windows.items()
    }
    window = windows[plan.strategy.series]
    rows = np.flatnonzero(~np.isnan(window.close[:, 0]) & (window.closes <= until))
    if not len(rows):
        return None
    row = int(rows[-1])
    values = evaluate_block(plan.nodes, plan.strategy.series, windows)
    return Seen(
        strategy=plan.strategy.name,
        interval=window.interval.value,
        opened=int(window.ts[row]),
        closed=int(window.closes[row]),
        entry=_enters(plan, windows, values, row),
        allowed=bool(allowed_rows(window, plan.strategy.window, workspace.calendar.timezone)[row]),
        inputs={name: float(values[name][row, 0]) for name in plan.inputs},
    )


def _enters(plan: Plan, windows: Windows, values: Mapping[str, np.ndarray], row: int) -> bool:
    if not plan.strategy.uses_pandas:
        return any(bool(values[name][row, 0]) for name in ENTRIES if name in values)
    window = windows[plan.strategy.series]
    keyed = {plan.key(name): array for name, array in values.items()}
    sides = pandas_entries(plan, window, keyed, window.symbols)
    return any(bool(flags[row, 0]) for flags in sides if flags is not None)


def alike(workspace: Workspace, symbol: str) -> Sequence[str]:
    """Stored symbols that may have been meant."""
    stored = {name for interval in workspace.store.intervals() for name in workspace.store.symbols(interval)}
    return get_close_matches(symbol, sorted(stored), 3)

"""The prefix gate of a whole strategy: what its backtest saw is what it will see live.

Every named value, every `per_symbol` function and the entries are held against themselves: up to a bar against the
whole block (indicators/gate.py), on the two rows that `entries(f)` gets live against the whole block, and for one
symbol alone against all of them. Each comparison is bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from livetrader.bootstrap.workspace import Workspace
from livetrader.domain.candles import CandleWindow, Interval
from livetrader.engine.signals import SignalFinder
from livetrader.errors import StrategyError
from livetrader.indicators.context import evaluate_block
from livetrader.indicators.gate import Violation, prefix_gate
from livetrader.indicators.graph import Node, Series
from livetrader.indicators.operations import PerSymbol
from livetrader.indicators.plan import Array, ordered, series_of
from livetrader.market.calendar import load
from livetrader.marketdata.simulated import INDEX, simulate
from livetrader.marketdata.store import open_store
from livetrader.marketdata.windows import StoredCandles
from livetrader.strategies.base import Strategy
from livetrader.strategies.scanner import KEPT_ROWS, Plan, pandas_entries

SYMBOLS, PROBES, LIVE_ROWS, SEED = 8, 40, 400, 1
ENTRIES = ("entries long", "entries short")

# The simulated block: a month with a Saturday session in two parts.
FIRST, LAST = date(2024, 3, 1), date(2024, 3, 28)

Windows = Mapping[Series, CandleWindow]


class LiveViolation(Violation):
    """An entry that the rows seen live do not give."""

    def __str__(self) -> str:
        return (
            f"{self._what()} is {self.prefix!r} live, where entries(f) sees two rows, and {self.whole!r} over the "
            "whole block: calculate what looks further back in indicators(c), and do not look ahead"
        )

    def _what(self) -> str:
        return f"{self.name} of {self.symbol} at {datetime.fromtimestamp(self.bar_open, UTC):%Y-%m-%dT%H:%M:%SZ}"


class NeighbourViolation(LiveViolation):
    """A value that other symbols change."""

    def __str__(self) -> str:
        return (
            f"{self._what()} is {self.prefix!r} for the symbol alone and {self.whole!r} beside others: it depends on "
            "which symbols are in the list"
        )


def check(workspace: Workspace, strategy: Strategy, *, probes: int = PROBES, seed: int = SEED) -> list[Violation]:
    """What of `strategy` depends on later bars, on more rows than it gets live, or on other symbols.

    Looks at the latest stored month of the configuration's symbols, or at a simulated market where the store has
    no candles for it. Raises StrategyError, ConfigError, StoreError.
    """
    (plan,) = workspace.plans((strategy,))
    windows = _stored(workspace, plan)
    if windows is None:
        windows = _simulated(workspace, plan, seed)
    try:
        return violations(plan, windows, np.random.default_rng(seed), probes)
    except StrategyError as error:
        where = f"strategy {strategy.name}: "
        raise StrategyError(where + str(error).removeprefix(where)) from error


def violations(plan: Plan, windows: Windows, rng: np.random.Generator, probes: int = PROBES) -> list[Violation]:
    """As `check`, on the block that `windows` hold: one of every series that the strategy needs.

    Each name is reported once, where it is first found out.
    """
    main = plan.strategy.series

    def evaluate(given: Windows) -> dict[str, Array]:
        values = evaluate_block(_nodes(plan), main, given)
        return {**values, **_entries(plan, given[main], values)}

    whole = evaluate(windows)
    alone = int(np.argmin(np.isnan(windows[main].close).sum(axis=0)))  # the symbol that traded most
    found = [
        *prefix_gate(evaluate, main, windows, rng, probes),
        *_live(plan, windows[main], whole, rng),
        *_neighbours(windows[main], whole, evaluate(_only(windows, alone)), alone),
    ]
    first: dict[str, Violation] = {}
    for violation in found:
        first.setdefault(violation.name, violation)
    return sorted(first.values(), key=lambda violation: violation.name in ENTRIES)  # the cause before its effect


def _nodes(plan: Plan) -> dict[str, Node]:
    """The named nodes, and each `per_symbol` inside them: a rare entry hides what its inputs show on every bar."""
    inner = [node for node in ordered(plan.nodes.values()) if isinstance(node.op, PerSymbol)]
    named = set(plan.nodes.values())
    return {**plan.nodes, **{repr(node): node for node in inner if node not in named}}


def _entries(plan: Plan, rows: CandleWindow, values: Mapping[str, Array]) -> dict[str, Array]:
    """Where a user's `entries(f)` enters, on traded bars: elsewhere its answer counts for nothing."""
    if not plan.strategy.uses_pandas:
        return {}
    own = {plan.key(name): values[name] for name in plan.nodes}
    sides = pandas_entries(plan, rows, own, rows.symbols)
    traded = ~np.isnan(rows.close)
    return {name: traded & (False if flags is None else flags) for name, flags in zip(ENTRIES, sides, strict=True)}


def _live(plan: Plan, window: CandleWindow, whole: Mapping[str, Array], rng: np.random.Generator) -> list[Violation]:
    """Entries row by row, as live. Rows with entries come first: random ones would mostly miss them."""
    if not plan.strategy.uses_pandas:
        return []
    enters = np.logical_or.reduce([whole[name].any(axis=1) for name in ENTRIES])[KEPT_ROWS:]
    order = rng.permutation(len(enters))
    rows = order[np.argsort(~enters[order], kind="stable")][:LIVE_ROWS] + KEPT_ROWS
    for row in np.sort(rows).tolist():
        kept = {name: whole[name][row - KEPT_ROWS : row + 1] for name in plan.nodes}
        for name, flags in _entries(plan, window.rows(row, row + 1), kept).items():
            for i in np.flatnonzero(flags[0] != whole[name][row])[:1]:
                return [_violation(LiveViolation, name, window, row, i, flags[0, i], whole[name][row, i])]
    return []


def _only(windows: Windows, symbol: int) -> Windows:
    return {
        series: window.columns(symbol, symbol + 1) if series.symbol is None else window
        for series, window in windows.items()
    }


def _neighbours(
    window: CandleWindow, whole: Mapping[str, Array], alone: Mapping[str, Array], symbol: int
) -> list[Violation]:
    found: list[Violation] = []
    for name, values in alone.items():
        one, among = values[:, 0], whole[name][:, symbol]
        differs = one != among
        if one.dtype == np.float64:
            differs &= ~(np.isnan(one) & np.isnan(among))
        for row in np.flatnonzero(differs)[:1].tolist():
            place = name, window, row, symbol
            found.append(_violation(NeighbourViolation, *place, one[row], among[row]))
    return found


def _violation(
    kind: type[Violation],
    name: str,
    window: CandleWindow,
    row: int,
    symbol: int,
    prefix: np.generic,
    whole: np.generic,
) -> Violation:
    return kind(name, window.symbols[symbol], int(window.ts[row]), prefix.item(), whole.item())


def _stored(workspace: Workspace, plan: Plan) -> Windows | None:
    """The latest stored month; None where the store has no bar that the strategy could see."""
    scheme, _, path = workspace.settings.candles.url.partition(":///")
    if scheme == "sqlite" and not Path(path).is_file():
        return None
    symbols = _symbols(workspace)
    last = _last_date(workspace, symbols)
    if last is None:
        return None
    windows = workspace.finder((plan,), symbols).load(symbols, last, last)
    return None if np.isnan(windows[plan.strategy.series].close).all() else windows


def _symbols(workspace: Workspace) -> tuple[str, ...]:
    """Stored symbols: the configuration's, or any."""
    listed = tuple(workspace.candles.finest(workspace.symbols()))
    if not listed:
        store, indices = workspace.store, workspace.settings.market.indices
        stored = set().union(*(store.symbols(interval) for interval in store.intervals()))
        listed = tuple(sorted(stored.difference(indices)))
    return listed[:SYMBOLS]


def _last_date(workspace: Workspace, symbols: Sequence[str]) -> date | None:
    covered = [workspace.store.coverage(interval) for interval in workspace.store.intervals()]
    lasts = [held[symbol].last for held in covered for symbol in symbols if symbol in held]
    return datetime.fromtimestamp(max(lasts), workspace.calendar.timezone).date() if lasts else None


def _simulated(workspace: Workspace, plan: Plan, seed: int) -> Windows:
    # Where nothing is stored, nothing was observed.
    observed = workspace.settings.market.calendar == "observed"
    calendar = load("nse") if observed else workspace.calendar
    needs = {plan.strategy.series, *series_of(plan.nodes.values())}
    others = sorted({series.symbol for series in needs if series.symbol is not None})
    symbols = tuple(f"SIM{i}" for i in range(SYMBOLS))
    sessions = calendar.before(FIRST, max(series.warmup_sessions for series in needs))
    sessions += calendar.sessions(FIRST, LAST)
    interval = Interval.M1 if plan.strategy.interval is Interval.M1 else Interval.M5
    index = plan.strategy.trend_symbol or INDEX
    with open_store("sqlite://") as store:
        store.upsert(interval, simulate((*symbols, *others), sessions, seed, interval=interval, index=index))
        finder = SignalFinder((plan,), symbols, calendar, StoredCandles(store, calendar), {})
        return finder.load(symbols, FIRST, LAST)

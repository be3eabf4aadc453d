"""Signals over blocks: a month at a time for the backtest, a session at its open for the live loop.

A block begins K sessions before the first session of the calendar month (STRATEGIES.md, "Window of calculation"), so
a value on a day depends on nothing outside its block, and both ways of running give the same signals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TypeVar

import numpy as np

from livetrader.domain.candles import FIELDS, CandleWindow
from livetrader.domain.signal import Signal
from livetrader.engine.blocks import Blocks, block, cut
from livetrader.indicators.context import context_of
from livetrader.indicators.evaluate import session_starts
from livetrader.indicators.graph import Series
from livetrader.indicators.operations import PerSymbol
from livetrader.indicators.plan import ordered, series_of
from livetrader.market.calendar import Calendar
from livetrader.ports import CandleSource
from livetrader.strategies.scanner import Flags, Plan, Scanner, SignalColumns

# A tile of symbols, and the cells of a chunk of rows of it: the buffers of a whole graph stay in the cache.
TILE, CELLS = 300, 9600

ExDates = Mapping[str, Sequence[date]]
"""The ex-dates of each symbol's corporate actions, ascending: its block begins anew on each."""

Windows = Mapping[Series, CandleWindow]

Found = TypeVar("Found")
Read = Callable[[Scanner, CandleWindow, Flags], Found]
"""What to take from a scanner's rows: signals, or columns of them."""


@dataclass(frozen=True, slots=True)
class Group:
    """Strategies that are scanned together: one series. One that runs Python code of a user's is alone, so that
    a fault in it stays with it."""

    plans: tuple[Plan, ...]

    @property
    def series(self) -> Series:
        return self.plans[0].strategy.series

    @property
    def needs(self) -> tuple[Series, ...]:
        """Every series that its indicators read."""
        return series_of(node for plan in self.plans for node in plan.nodes.values())

    @property
    def runs_python(self) -> bool:
        return any(map(_runs_python, self.plans))

    def height(self, rows: int, symbols: int) -> int:
        """How many of `rows` to scan at once. Python code gets them all: it looks at its whole past each time."""
        return max(rows if self.runs_python else CELLS // max(symbols, 1), 1)


def _runs_python(plan: Plan) -> bool:
    nodes = ordered(plan.nodes.values())
    return plan.strategy.uses_pandas or any(isinstance(node.op, PerSymbol) for node in nodes)


def groups(plans: Iterable[Plan]) -> tuple[Group, ...]:
    """The plans by series; those that run Python code by themselves."""
    shared: dict[Series, list[Plan]] = {}
    alone: list[Group] = []
    for plan in plans:
        if _runs_python(plan):
            alone.append(Group((plan,)))
        else:
            shared.setdefault(plan.strategy.series, []).append(plan)
    return (*(Group(tuple(members)) for members in shared.values()), *alone)


def precedence(plans: Sequence[Plan], symbols: Sequence[str]) -> Callable[[Signal], tuple[object, ...]]:
    """The key that puts signals in order: the time they are known, exits first, the strategy's precedence, then the
    symbol list's order."""
    strategy = {p.strategy.name: (p.strategy.precedence, i) for i, p in enumerate(plans)}
    place = {symbol: i for i, symbol in enumerate(symbols)}
    return lambda s: (s.as_of, not s.exit, strategy[s.strategy], place[s.symbol])


def in_order(signals: Iterable[Signal], plans: Sequence[Plan], symbols: Sequence[str]) -> list[Signal]:
    """Signals in the order in which they are acted on (`precedence`)."""
    return sorted(signals, key=precedence(plans, symbols))


def month_start(day: date) -> date:
    return day.replace(day=1)


def months(first: date, last: date) -> Iterator[tuple[date, date]]:
    """The first and last day of each calendar month from first's to last's; the last one ends at `last`."""
    start = month_start(first)
    while start <= last:
        following = month_start(start + timedelta(days=32))
        yield start, min(following - timedelta(days=1), last)
        start = following


@dataclass(frozen=True, slots=True)
class SignalFinder:
    """Finds the signals of strategies on some symbols."""

    plans: tuple[Plan, ...]
    symbols: tuple[str, ...]
    calendar: Calendar
    source: CandleSource
    ex_dates: ExDates

    @property
    def tiles(self) -> list[slice]:
        """The symbols that are scanned together."""
        return [slice(start, start + TILE) for start in range(0, len(self.symbols), TILE)]

    def load(self, symbols: Sequence[str], first: date, last: date) -> dict[Series, CandleWindow]:
        """Every series that the strategies need, over all blocks from first's month until `last`."""
        blocks = self._blocks(symbols)
        blocks.read(month_start(first), last)
        return blocks.windows()

    def between(self, first: date, last: date, progress: Callable[[float], None] = lambda _: None) -> list[Signal]:
        """All signals of the sessions first..last, in order. Raises StrategyError where a strategy fails.

        One block of all symbols is in memory at a time: a store keeps them together in time, and would be read
        through again for every tile.
        """
        found: list[Signal] = []
        blocks, ends = self._blocks(self.symbols), list(months(first, last))
        for i, (month, end) in enumerate(ends):
            blocks.read(month, end)
            for done, tile in enumerate(self.tiles, 1):
                found += self.scan(blocks.windows(tile), max(first, month), end)
                progress((i + done / len(self.tiles)) / len(ends))
        return in_order(found, self.plans, self.symbols)

    def _blocks(self, symbols: Sequence[str]) -> Blocks:
        needs = dict.fromkeys(series for group in groups(self.plans) for series in group.needs)
        return Blocks(self.source, self.calendar, symbols, needs)

    def scan(self, windows: Windows, first: date, last: date) -> list[Signal]:
        """The signals of a tile whose windows are in memory, month by month."""
        return [signal for found in self._blocks_read(windows, first, last, Scanner.scan) for signal in found]

    def columns(self, windows: Windows, first: date, last: date) -> list[SignalColumns]:
        """As `scan`, for one strategy, in columns: a part for each block, in order of time."""
        return list(self._blocks_read(windows, first, last, Scanner.columns))

    def _blocks_read(self, windows: Windows, first: date, last: date, read: Read[Found]) -> Iterator[Found]:
        for month, end in months(first, last):
            for part in self._anchored(windows, month, end):
                for group in groups(self.plans):
                    begin = max(first, part.first)
                    yield from self._block_read(group, part.windows, month, begin, part.last, read)

    def _block_read(
        self, group: Group, windows: Windows, month: date, first: date, last: date, read: Read[Found]
    ) -> Iterator[Found]:
        blocks = {
            series: cut(windows[series], block(self.calendar, series, month, last))
            for series in {*group.needs, group.series}
        }
        window = blocks[group.series]
        begin = int(np.searchsorted(window.session, _sessions_before(window, first)))
        if begin == len(window.ts):
            return
        scanner = self.scanner(group, blocks, window)
        starts = session_starts(window)
        scanner.skip(window.rows(0, begin), starts[:begin])
        yield read(scanner, window.rows(begin, len(window.ts)), starts[begin:])

    def scanner(self, group: Group, blocks: Windows, window: CandleWindow) -> Scanner:
        """A scanner of the symbols of the group's `window`, for as many of its rows at once as is good."""
        nodes = [node for plan in group.plans for node in plan.nodes.values()]
        context = context_of(nodes, blocks, window.sessions, len(window.symbols))
        return Scanner(group.plans, window.symbols, group.height(*window.shape), self.calendar.timezone, context)

    def _anchored(self, windows: Windows, month: date, end: date) -> list[Part]:
        """The windows of a month, with each symbol's block begun anew at its corporate actions.

        One part for everything; and for symbols with an ex-date inside the month, one part from each such date
        on that overrides the days after it.
        """
        own = [series for series in windows if series.symbol is None]
        symbols = windows[own[0]].symbols
        splits = sorted({day for s in symbols for day in self.ex_dates.get(s, ()) if month < day <= end})
        if not any(self.ex_dates.get(s) for s in symbols):
            return [Part(windows, month, end)]
        parts = []
        for first, following in zip([month, *splits], [*splits, end + timedelta(days=1)], strict=True):
            cuts = {series: masked(w, self.ex_dates, first) if series in own else w for series, w in windows.items()}
            parts.append(Part(cuts, first, following - timedelta(days=1)))
        return parts


@dataclass(frozen=True, slots=True)
class Part:
    """Windows that hold for the sessions first..last."""

    windows: Windows
    first: date
    last: date


def masked(window: CandleWindow, ex_dates: ExDates, day: date) -> CandleWindow:
    """The window with each symbol's bars before its last ex-date until `day` taken out."""
    masks = {}
    for column, symbol in enumerate(window.symbols):
        past = [d for d in ex_dates.get(symbol, ()) if d <= day]
        if past:
            masks[column] = int(np.searchsorted(window.session, _sessions_before(window, past[-1])))
    if not masks:
        return window
    fields = {name: getattr(window, name).copy() for name in FIELDS}
    for values in fields.values():
        for column, row in masks.items():
            values[:row, column] = np.nan
    return replace(window, **fields)


def _sessions_before(window: CandleWindow, day: date) -> int:
    return sum(session.date < day for session in window.sessions)

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
import structlog

from livetrader.domain.candles import FIELDS, CandleWindow, Interval
from livetrader.domain.session import Session
from livetrader.domain.signal import Signal
from livetrader.errors import StrategyError
from livetrader.indicators.context import context_of
from livetrader.indicators.evaluate import session_starts
from livetrader.indicators.graph import Series
from livetrader.indicators.operations import PerSymbol
from livetrader.indicators.plan import ordered, series_of
from livetrader.market.calendar import Calendar
from livetrader.ports import CandleSource
from livetrader.strategies.scanner import Flags, Plan, Scanner, SignalColumns

log = structlog.get_logger(__name__)

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

    def block(self, series: Series, month: date, last: date) -> tuple[Session, ...]:
        """The sessions of the block of `month` until `last`."""
        return self.calendar.before(month, series.warmup_sessions) + self.calendar.sessions(month, last)

    def load(self, symbols: Sequence[str], first: date, last: date) -> dict[Series, CandleWindow]:
        """Every series that the strategies need, over all blocks from first's month until `last`."""
        month = month_start(first)
        needed = {series for group in groups(self.plans) for series in group.needs}
        return {
            series: self.source.window(
                symbols if series.symbol is None else (series.symbol,),
                series.interval,
                self.block(series, month, last),
            )
            for series in sorted(needed, key=repr)
        }

    def between(self, first: date, last: date, progress: Callable[[float], None] = lambda _: None) -> list[Signal]:
        """All signals of the sessions first..last, in order. Raises StrategyError where a strategy fails."""
        found: list[Signal] = []
        for start in range(0, len(self.symbols), TILE):
            symbols = self.symbols[start : start + TILE]
            found += self.scan(self.load(symbols, first, last), first, last)
            progress(min(1.0, (start + TILE) / len(self.symbols)))
        return in_order(found, self.plans, self.symbols)

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
            series: cut(windows[series], self.block(series, month, last)) for series in {*group.needs, group.series}
        }
        window = blocks[group.series]
        begin = int(np.searchsorted(window.session, _sessions_before(window, first)))
        if begin == len(window.ts):
            return
        scanner = self._scanner(group, blocks, window, max(len(window.ts), 1))
        starts = session_starts(window)
        scanner.skip(window.rows(0, begin), starts[:begin])
        yield read(scanner, window.rows(begin, len(window.ts)), starts[begin:])

    def _scanner(self, group: Group, blocks: Windows, window: CandleWindow, height: int) -> Scanner:
        """A scanner of the block's symbols. Users' pandas code gets the whole block at once."""
        nodes = [node for plan in group.plans for node in plan.nodes.values()]
        context = context_of(nodes, blocks, window.sessions, len(window.symbols))
        rows = height if group.runs_python else max(CELLS // max(len(window.symbols), 1), 1)
        return Scanner(group.plans, window.symbols, rows, self.calendar.timezone, context)

    def live(self, session: Session, now: int) -> LiveSignals:
        """The signals of `session`, warmed up on its blocks as far as they are known at `now`.

        What has fired in the session before `now` is remembered as fired, and not given again.
        """
        live = LiveSignals(self, session)
        # All symbols at once: a store keeps them together in time, and would be read through for every tile.
        windows = {
            series: masked(window, self.ex_dates, session.date) if series.symbol is None else window
            for series, window in self.load(self.symbols, session.date, session.date).items()
        }
        for group in groups(self.plans):
            try:
                live.scanners.append(self._warm(group, windows, session, now))
            except StrategyError as error:
                live.fence(group, error)
        return live

    def _warm(self, group: Group, windows: Windows, session: Session, now: int) -> Scanner:
        tiles: list[Scanner] = []
        for start in range(0, len(self.symbols), TILE):
            blocks = {
                series: windows[series].columns(start, start + TILE) if series.symbol is None else windows[series]
                for series in {*group.needs, group.series}
            }
            window = blocks[group.series]
            begin = int(np.searchsorted(window.ts, session.opens))
            end = int(np.searchsorted(window.closes, now, side="right"))
            scanner = self._scanner(group, blocks, window, max(end, 1))
            starts = session_starts(window)
            scanner.skip(window.rows(0, begin), starts[:begin])
            scanner.scan(window.rows(begin, max(begin, end)), starts[begin : max(begin, end)])
            tiles.append(scanner)
        # Live rows belong to one session: the last of the block.
        context = {
            node: np.concatenate([tile.context[node][-1:] for tile in tiles], axis=1) for node in tiles[0].context
        }
        return Scanner.join(tiles, context)

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


class LiveSignals:
    """The signals of one session, row by row as bars close."""

    def __init__(self, finder: SignalFinder, session: Session) -> None:
        self.finder, self.session = finder, session
        self.scanners: list[Scanner] = []
        self.fenced: dict[str, str] = {}
        self._order = precedence(finder.plans, finder.symbols)

    @property
    def intervals(self) -> frozenset[Interval]:
        """The intervals whose closed bars the scanners wait for."""
        return frozenset(scanner.series.interval for scanner in self.scanners)

    def on_close(self, rows: Mapping[Interval, CandleWindow]) -> list[Signal]:
        """The signals of one closed row of each interval given, in order.

        A strategy that raises is fenced off for the session; the others go on.
        """
        found: list[Signal] = []
        for scanner in list(self.scanners):
            row = rows.get(scanner.series.interval)
            if row is None:
                continue
            try:
                found += scanner.scan(row, row.ts == self.session.opens)
            except Exception as error:
                log.exception("strategy failed", strategies=[p.strategy.name for p in scanner.plans])
                self.scanners.remove(scanner)
                self.fenced |= {p.strategy.name: str(error) for p in scanner.plans}
        return sorted(found, key=self._order)

    def fence(self, group: Group, error: StrategyError) -> None:
        for plan in group.plans:
            self.fenced[plan.strategy.name] = str(error)
            log.error("strategy failed", strategy=plan.strategy.name, error=str(error))


def cut(window: CandleWindow, sessions: Sequence[Session]) -> CandleWindow:
    """The rows of `sessions`, a run of the window's own sessions, as views, counted from the first."""
    if not sessions:
        return window.rows(0, 0)
    offset = next(i for i, s in enumerate(window.sessions) if s.date == sessions[0].date)
    start, end = np.searchsorted(window.session, (offset, offset + len(sessions)))
    rows = window.rows(int(start), int(end))
    return replace(rows, sessions=tuple(sessions), session=rows.session - np.int32(offset))


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

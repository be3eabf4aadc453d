"""The signals of one session, row by row: scanners warmed up on its blocks, begun, and begun again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import structlog

from livetrader.domain.candles import CandleWindow, Interval
from livetrader.domain.session import Session
from livetrader.domain.signal import Signal
from livetrader.engine.signals import Group, SignalFinder, Windows, groups, masked, precedence
from livetrader.errors import StrategyError
from livetrader.indicators.context import window_cut
from livetrader.indicators.evaluate import session_starts
from livetrader.strategies.scanner import Scanner

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Opening:
    """The scanners as they are when the session opens. Nothing that comes late in the session changes them."""

    finder: SignalFinder
    session: Session
    scanners: tuple[Scanner, ...]
    fenced: Mapping[str, str]

    def signals(self, now: int) -> LiveSignals:
        """The signals from `now` on, after the session's rows that have closed by then, read afresh.

        What has fired in them is remembered as fired, and not given again.
        """
        live = LiveSignals(self.finder, self.session)
        live.fenced |= self.fenced
        rows: Mapping[Interval, CandleWindow] = {}
        if now > self.session.opens:
            intervals = {scanner.series.interval: (self.session,) for scanner in self.scanners}
            rows = self.finder.source.windows(self.finder.symbols, intervals)
        for scanner in self.scanners:
            try:
                live.scanners.append(_begun(scanner, rows.get(scanner.series.interval), now))
            except StrategyError as error:
                live.fence(Group(scanner.plans), error)
        return live


def _begun(scanner: Scanner, window: CandleWindow | None, now: int) -> Scanner:
    """A scanner that goes on where `scanner`, which stays as it is, and the rows that have closed by `now` end."""
    if window is None:
        return Scanner.join([scanner], scanner.context)
    closed = window.rows(0, int(np.searchsorted(window.closes, now, side="right")))
    rows = Group(scanner.plans).height(*closed.shape)
    begun = Scanner.join([scanner], scanner.context, rows)
    begun.scan(closed, session_starts(closed))
    return Scanner.join([begun], scanner.context)


def warmed(finder: SignalFinder, session: Session) -> Opening:
    """The scanners of a session, warmed up on its blocks. A strategy that fails is fenced off."""
    # All symbols at once: a store keeps them together in time.
    windows = {
        series: masked(window, finder.ex_dates, session.date) if series.symbol is None else window
        for series, window in finder.load(finder.symbols, session.date, session.date).items()
    }
    fences = LiveSignals(finder, session)
    scanners = []
    for group in groups(finder.plans):
        try:
            scanners.append(_opened(finder, group, windows, session))
        except StrategyError as error:
            fences.fence(group, error)
    return Opening(finder, session, tuple(scanners), fences.fenced)


def _opened(finder: SignalFinder, group: Group, windows: Windows, session: Session) -> Scanner:
    """The group's scanner of all symbols at the session's open: warmed up in tiles, which the cache holds."""
    tiles: list[Scanner] = []
    for tile in finder.tiles:
        blocks = {
            series: window_cut(windows[series], slice(None), tile) if series.symbol is None else windows[series]
            for series in {*group.needs, group.series}
        }
        window = blocks[group.series]
        before = window.rows(0, int(np.searchsorted(window.ts, session.opens)))
        scanner = finder.scanner(group, blocks, window)
        scanner.skip(before, session_starts(before))
        tiles.append(scanner)
    # Live rows belong to one session: the last of the block.
    context = {node: np.concatenate([tile.context[node][-1:] for tile in tiles], axis=1) for node in tiles[0].context}
    return Scanner.join(tiles, context)


class LiveSignals:
    """The signals of one session, row by row as bars close."""

    def __init__(self, finder: SignalFinder, session: Session) -> None:
        self.session = session
        self.scanners: list[Scanner] = []
        self.fenced: dict[str, str] = {}
        self._order = precedence(finder.plans, finder.symbols)

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

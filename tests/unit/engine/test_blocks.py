"""Blocks month after month: the same bars as each block alone, read once; and signals found in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

from livetrader.bootstrap.workspace import Workspace
from livetrader.config import load
from livetrader.domain.candles import FIELDS, CandleWindow, Interval
from livetrader.domain.session import Session
from livetrader.engine.blocks import Blocks, block
from livetrader.engine.signals import SignalFinder, in_order
from livetrader.indicators.graph import Series
from livetrader.marketdata.simulated import INDEX, simulate
from livetrader.marketdata.windows import StoredCandles

FIRST, LAST = date(2025, 1, 20), date(2025, 3, 5)
MONTHS = [(date(2025, 1, 1), date(2025, 1, 31)), (date(2025, 2, 1), date(2025, 2, 28)), (date(2025, 3, 1), LAST)]
SYMBOLS = tuple(f"STOCK{i:02}" for i in range(12))
NEEDS = (
    Series(None, Interval.M5, 3),
    Series(None, Interval.M5, 30),
    Series(None, Interval.D1, 60),
    Series(INDEX, Interval.M15, 0),
)


@dataclass
class Watched:
    """Stored candles, and what has been asked of them: symbols, interval and date."""

    stored: StoredCandles
    asked: list[tuple[tuple[str, ...], Interval, date]] = field(default_factory=list)

    def windows(
        self, symbols: Sequence[str], sessions: Mapping[Interval, Sequence[Session]]
    ) -> dict[Interval, CandleWindow]:
        self.asked += [(tuple(symbols), i, session.date) for i, some in sessions.items() for session in some]
        return self.stored.windows(symbols, sessions)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    folder: Path = tmp_path_factory.mktemp("blocks")
    with Workspace(load(None, environ={"XDG_CONFIG_HOME": str(folder)}, directory=folder)) as made:
        sessions = (*made.calendar.before(MONTHS[0][0], 60), *made.calendar.sessions(MONTHS[0][0], LAST))
        made.store.upsert(Interval.M5, simulate((*SYMBOLS, INDEX), sessions, 5))
        yield made


@pytest.fixture
def watched(workspace: Workspace) -> Watched:
    return Watched(workspace.candles)


def test_blocks_of_following_months_are_those_of_each_alone(workspace: Workspace, watched: Watched) -> None:
    """Warm-up that reaches over several months, two lengths of it at one interval, and none at all."""
    blocks = Blocks(watched, workspace.calendar, SYMBOLS, NEEDS)
    for month, last in MONTHS:
        blocks.read(month, last)
        found = {
            (series, *at): window for at in [(0, 5), (5, 12)] for series, window in blocks.windows(slice(*at)).items()
        }
        assert {series for series, *_ in found} == set(NEEDS)
        for (series, start, stop), window in found.items():
            names = SYMBOLS[start:stop] if series.symbol is None else (series.symbol,)
            sessions = block(workspace.calendar, series, month, last)
            alone = workspace.candles.window(names, series.interval, sessions)
            assert (window.symbols, window.sessions) == (names, sessions)
            for name in ("ts", "closes", "session", "minute", *FIELDS):
                assert getattr(window, name).tobytes() == getattr(alone, name).tobytes(), (series, name)


def test_no_session_is_read_twice(workspace: Workspace, watched: Watched) -> None:
    blocks = Blocks(watched, workspace.calendar, SYMBOLS, NEEDS)
    for month, last in MONTHS:
        blocks.read(month, last)
    assert len(watched.asked) == len(set(watched.asked))


def test_signals_between_dates_are_those_of_each_symbol_and_month_alone(
    workspace: Workspace, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tiles and the blocks held over from month to month change nothing; progress rises to 1."""
    monkeypatch.setattr("livetrader.engine.signals.TILE", 5)
    plans = workspace.plans(workspace.strategies())
    finder = SignalFinder(plans, SYMBOLS, workspace.calendar, watched, {})
    done: list[float] = []
    found = finder.between(FIRST, LAST, done.append)
    alone = []
    for symbol in SYMBOLS:
        one = SignalFinder(plans, (symbol,), workspace.calendar, workspace.candles, {})
        for month, last in MONTHS:
            alone += one.scan(one.load((symbol,), month, last), max(FIRST, month), last)
    assert len({signal.symbol for signal in found}) > 5
    assert found[-1].as_of - found[0].as_of > 31 * 86_400
    assert list(map(repr, found)) == list(map(repr, in_order(alone, plans, SYMBOLS)))
    assert done == sorted(done)
    assert (len(done), done[-1]) == (9, 1.0)

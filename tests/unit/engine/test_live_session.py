"""The live loop waits for bars that are still to come, and never decides a close twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import ClassVar
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from livetrader.bootstrap.replay import live_session
from livetrader.bootstrap.workspace import Workspace
from livetrader.config import load
from livetrader.domain.candles import CandleColumns, CandleWindow, Interval
from livetrader.domain.order import Purpose
from livetrader.domain.session import Session
from livetrader.domain.signal import Side
from livetrader.engine.live import LiveSession
from livetrader.indicators.frames import Frames
from livetrader.indicators.graph import Candles, Node
from livetrader.market.clock import VirtualClock
from livetrader.marketdata.simulated import simulate
from livetrader.ports import CandleSource
from livetrader.store.memory import MemoryJournal
from livetrader.strategies.base import Strategy

DAY = date(2026, 2, 27)
SYMBOLS = ("AAA", "BBB", "CCC")
TEN = datetime(2026, 2, 27, 10, tzinfo=ZoneInfo("Asia/Kolkata"))


@dataclass
class LateFeed:
    """Stored candles whose bars arrive `delay(symbol)` seconds after their close."""

    stored: CandleSource
    delay: Callable[[str], float]
    clock: VirtualClock
    polls: int = field(default=0)
    read: list[date] = field(default_factory=list)

    def windows(
        self, symbols: Sequence[str], sessions: Mapping[Interval, Sequence[Session]]
    ) -> Mapping[Interval, CandleWindow]:
        self.read += [session.date for some in sessions.values() for session in some]
        return self.stored.windows(symbols, sessions)

    def finest(self, symbols: Sequence[str]) -> Mapping[str, Interval]:
        return self.stored.finest(symbols)

    def poll(self, symbols: Sequence[str], interval: Interval, after: int, now: int) -> CandleColumns:
        self.polls += 1
        found = self.stored.poll(symbols, interval, after, now)
        closes = found.ts + interval.seconds
        here = np.array([c + self.delay(found.symbols[s]) <= now for c, s in zip(closes, found.symbol, strict=True)])
        return found.rows(here.astype(bool))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    folder: Path = tmp_path_factory.mktemp("live")
    with Workspace(load(None, environ={"XDG_CONFIG_HOME": str(folder)}, directory=folder)) as made:
        sessions = (*made.calendar.before(DAY, 62), *made.calendar.sessions(DAY, DAY))
        made.store.upsert(Interval.M5, simulate((*SYMBOLS, "NIFTY"), sessions, 3, dirt=False))
        yield made


def opened(workspace: Workspace, delay: Callable[[str], float], waits: tuple[float, float]) -> LiveSession:
    """A live session just after the open, whose feed is late."""
    (session,) = workspace.calendar.sessions(DAY, DAY)
    clock = VirtualClock(float(session.opens))
    strategies = workspace.strategies()
    live, _ = live_session(workspace, MemoryJournal(), clock, session, strategies, SYMBOLS, waits)
    live.market.source = LateFeed(workspace.candles, delay, clock)
    live.opening = replace(live.opening, finder=replace(live.finder, source=live.market.source))
    return live


def second_by_second(live: LiveSession, seconds: int) -> dict[int, float]:
    """Scan once a second from the open; each decided close with the time of its decision."""
    clock = live.clock
    assert isinstance(clock, VirtualClock)
    decided: dict[int, float] = {}
    for _ in range(seconds):
        clock.advance_to(clock.now() + 1)
        before = live.decided
        if live.scan():
            for close in live.market.closes(before, live.decided):
                assert close not in decided, "a close is decided once"
                decided[close] = clock.now()
    return decided


@pytest.mark.parametrize(
    ("delay", "waits", "age"),
    [
        pytest.param(lambda _: 0, (3, 60), 0, id="all there: at once"),
        pytest.param(lambda s: 2 if s == "BBB" else 0, (3, 60), 2, id="one late: when it has come"),
        pytest.param(lambda s: 9 if s == "BBB" else 0, (3, 60), 3, id="one too late: without it, after the grace"),
        pytest.param(lambda _: 20, (3, 60), 20, id="the whole feed late: when it comes"),
        pytest.param(lambda _: 999, (3, 60), 60, id="a dead feed: after the patience"),
    ],
)
def test_a_close_is_decided_when_its_bars_are_there(
    workspace: Workspace, delay: Callable[[str], float], waits: tuple[float, float], age: int
) -> None:
    live = opened(workspace, delay, waits)
    first = live.session.opens + 300
    decided = second_by_second(live, 370)
    assert decided[first] == first + age


def test_a_late_bar_recalculates_the_indicators_and_leaves_decisions_alone(workspace: Workspace) -> None:
    """After the late bars are in, the values are those of a feed that was never late."""
    late = opened(workspace, lambda s: 9 if s == "BBB" else 0, (3, 60))
    clean = opened(workspace, lambda _: 0, (3, 60))
    first_signals = late.signals
    second_by_second(late, 700)
    assert isinstance(late.market.source, LateFeed)
    late.market.source.delay = lambda _: 0
    second_by_second(late, 300)
    second_by_second(clean, 1000)
    assert late.signals is not first_signals
    assert set(late.market.source.read) == {DAY}, "a late bar makes the session's rows be read again, and no others"
    following = clean.session.opens + 1800
    clean.market.poll(following, clean.decided)
    for mine, theirs in zip(late.signals.scanners, clean.signals.scanners, strict=True):
        window = clean.market.rows_closing(following)[mine.series.interval]
        assert not np.isnan(window.close).all()
        new = window.ts == clean.session.opens
        names = mine.evaluator.nodes
        a, b = mine.evaluator.run(window, new, mine.context), theirs.evaluator.run(window, new, theirs.context)
        for name in names:
            np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def test_nothing_is_polled_between_closes(workspace: Workspace) -> None:
    """A scan without a close that is due costs nothing."""
    live = opened(workspace, lambda _: 0, (3, 60))
    feed = live.market.source
    assert isinstance(feed, LateFeed)
    second_by_second(live, 299)
    assert feed.polls == 0


@dataclass(frozen=True)
class Failing(Strategy):
    """Buys AAA at the first close, and cannot calculate from 10:00 on."""

    name: ClassVar = "failing"
    interval: ClassVar = Interval.M5
    side: ClassVar = Side.LONG

    def indicators(self, c: Candles) -> dict[str, Node]:  # noqa: ARG002 - it needs none
        return {}

    def entries(self, f: Frames) -> pd.DataFrame:
        if f.close.index[-1] >= TEN:
            raise ZeroDivisionError("nothing traded")
        return (f.close > 0) & (f.close.columns == "AAA")


@dataclass(frozen=True)
class Steady(Failing):
    """Buys BBB, half an hour after the other has failed."""

    name: ClassVar = "steady"

    def entries(self, f: Frames) -> pd.DataFrame:
        late = np.asarray(f.close.index >= TEN + timedelta(minutes=30))[:, None]
        return (f.close > 0) & (f.close.columns == "BBB") & late


def test_p8_a_strategy_that_raises_is_fenced_off_and_all_else_goes_on(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    """Others take their entries, and what it holds itself has its stop and is closed."""
    (session,) = workspace.calendar.sessions(DAY, DAY)
    clock, journal = VirtualClock(float(session.opens)), MemoryJournal()
    live, _ = live_session(workspace, journal, clock, session, (Failing(), Steady()), SYMBOLS)
    for close in live.market.closes(session.opens, session.closes):
        clock.advance_to(float(close))
        live.scan()
    assert live.signals.fenced == {"failing": "strategy failing: entries(f): ZeroDivisionError: nothing traded"}
    told = capsys.readouterr().out
    assert "Traceback (most recent call last)" in told
    assert "nothing traded" in told
    by = {record.intent.symbol: record.intent.strategy for record in journal.orders() if record.filled_quantity}
    assert by == {"AAA": "failing", "BBB": "steady"}
    stops = {record.intent.symbol for record in journal.orders() if record.intent.purpose is Purpose.STOP}
    assert (stops, live.over) == ({"AAA", "BBB"}, True)
    assert live.engine.book.positions == {}

"""A session that was traded on late, missing and corrected bars is decided again as it was (faults M1 to M6)."""

from __future__ import annotations

import random  # noqa: TID251 - the seeded source of what is late
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from livetrader.bootstrap.replay import Pace, replay, replay_tape
from livetrader.bootstrap.research import Request
from livetrader.bootstrap.trading import trading
from livetrader.bootstrap.workspace import Workspace
from livetrader.config import Configuration, load
from livetrader.domain.candles import CandleColumns, Interval
from livetrader.errors import DataError, UsageError
from livetrader.market.calendar import load as calendar
from livetrader.market.clock import VirtualClock
from livetrader.marketdata.simulated import simulate
from livetrader.marketdata.store import CandleStore, open_store
from livetrader.ports import Journal, wall_time
from livetrader.store.memory import MemoryJournal
from tests.acceptance.cli.lone_strategy import section

DAY = date(2026, 2, 27)
SYMBOLS = tuple(f"STOCK{i}" for i in range(12))
# Seconds after the open from which and until which somebody has halted entries.
HALTED = (700, 1_400)
CONFIG = f"""\
{section("eager")}
constraints: {{max_open_positions: null, max_trades_per_day: null, max_trades_per_strategy: null}}
capital: {{allocation_pct: 10, amount: AMOUNT}}
venue: {{model: MODEL}}
"""
EAGER = """\
from dataclasses import dataclass
from typing import ClassVar

from livetrader.domain.interval import Interval
from livetrader.domain.signal import Side
from livetrader.indicators import ta
from livetrader.strategies.base import Strategy


@dataclass(frozen=True)
class Eager(Strategy):
    name: ClassVar = "eager"
    interval: ClassVar = Interval.M5
    side: ClassVar = Side.LONG

    def indicators(self, c):
        return {"fast": ta.ema(c.close, 5), "slow": ta.ema(c.close, 30)}

    def entries(self, f):
        return (f.fast > f.slow) & (f.close > f.fast)
"""


class Told(NamedTuple):
    """What a journal says of a day."""

    decisions: Sequence[Any]
    fills: Sequence[Any]


def told(journal: Journal) -> Told:
    decisions = journal.decisions(since=0, until=1 << 60)
    return Told(
        [(one.signal, getattr(one.verdict, "rule", type(one.verdict).__name__)) for one in decisions],
        [(one.intent_id, one.symbol, one.action, one.quantity, one.price, one.filled_at) for one in journal.fills()],
    )


class Feed:
    """Brings the day's bars to the store: most just after their close, some late, some wrong and corrected later."""

    def __init__(self, store: CandleStore, day: CandleColumns, seed: int) -> None:
        self.store, self.day = store, day
        chance = random.Random(seed)
        closes = day.ts + 300
        self.due = closes + np.array([chance.choice((0, 0, 0, 1, 2, 2, 8, 700)) for _ in closes])
        self.wrong = np.array([chance.random() < 0.03 for _ in closes])
        self.corrected = closes + 900
        self.at = int(day.ts[0])

    def until(self, now: int) -> None:
        came = np.flatnonzero((self.due > self.at) & (self.due <= now))
        mended = np.flatnonzero((self.corrected > self.at) & (self.corrected <= now) & self.wrong)
        self.at = now
        if len(came):
            bars, wrong = self.day.rows(came), self.wrong[came]
            self.store.upsert(Interval.M5, replace(bars, close=np.where(wrong, bars.high, bars.close)))
        if len(mended):
            self.store.upsert(Interval.M5, self.day.rows(mended))


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Configuration, Told]:
    """A paper session that was stopped and started twice: its configuration, and what its journal says."""
    return day_of(tmp_path_factory.mktemp("as_decided"), "fixed", 1_000_000)


def day_of(folder: Path, model: str, amount: int, *, monitored: bool = False) -> tuple[Configuration, Told]:
    (folder / "config.yaml").write_text(CONFIG.replace("MODEL", model).replace("AMOUNT", str(amount)))
    (folder / "eager.py").write_text(EAGER)
    environ = {"LIVETRADER__SYMBOLS": ",".join(SYMBOLS), "XDG_CONFIG_HOME": str(folder)}
    made = load(None, environ=environ, directory=folder)
    nse = calendar("nse")
    (session,) = nse.sessions(DAY, DAY)
    with open_store(made.settings.candles.url) as store:
        candles = simulate((*SYMBOLS, "NIFTY"), (*nse.before(DAY, 62), session), 5, dirt=False)
        store.upsert(Interval.M5, candles.rows(candles.ts < session.opens))
        feed = Feed(store, candles.rows(candles.ts >= session.opens), seed=3)
        clock = VirtualClock(float(session.opens))
        for end in (session.opens + 7_203, session.opens + 14_777, session.closes + 61):
            with trading(made, clock) as trader:
                while clock.now() < end:
                    # Between a close and ten seconds after it every second, then less often.
                    clock.advance_to(clock.now() + (1 if clock.now() % 300 < 10 else 10))
                    feed.until(int(clock.now()))
                    trader.scan()
                    if HALTED[0] <= clock.now() - session.opens < HALTED[1]:
                        trader.journal.latch("halt", "by hand", wall_time(clock))
                    else:
                        trader.journal.unlatch("halt", wall_time(clock))
                    if monitored:
                        trader.monitor()
                journal = told(trader.journal)
            clock.advance_to(clock.now() + 37)  # nobody is there
    return made, journal


def test_a_day_is_decided_again_on_what_was_known_then(traded: tuple[Configuration, Told]) -> None:
    made, paper = traded
    assert len(paper.fills) > 6, "the day has trades"
    assert {"not_halted", "Approved"} == {verdict for _, verdict in paper.decisions}
    journal = MemoryJournal()
    with Workspace(made, read_only=True) as workspace:
        replay_tape(workspace, Request(DAY, DAY), journal, "paper", Pace())
    assert told(journal) == paper


@pytest.mark.slow
def test_a_day_of_orders_that_fill_in_parts_is_decided_again_as_it_was(tmp_path: Path) -> None:
    """The realistic model. A paper trader hears of fills between passes, and so books those of two symbols in another
    order; nothing else is another."""
    made, paper = day_of(tmp_path, "realistic", 200_000_000, monitored=True)
    orders = [intent_id for intent_id, *_ in paper.fills]
    assert len(orders) > len(set(orders)) > 6, "some fill in parts"
    journal = MemoryJournal()
    with Workspace(made, read_only=True) as workspace:
        replay_tape(workspace, Request(DAY, DAY), journal, "paper", Pace())
    again = told(journal)
    assert again.decisions == paper.decisions
    assert sorted(again.fills) == sorted(paper.fills)


def test_the_store_as_it_is_now_decides_otherwise(traded: tuple[Configuration, Told]) -> None:
    """Or the test above would prove nothing."""
    made, paper = traded
    journal = MemoryJournal()
    with Workspace(made, read_only=True) as workspace:
        replay(workspace, Request(DAY, DAY), journal)
    assert told(journal).decisions != paper.decisions


def test_half_a_batch_of_a_killed_process_is_left_out(traded: tuple[Configuration, Told]) -> None:
    made, _ = traded
    folder = made.settings.candles.tape
    assert folder is not None
    last = max((folder / "paper" / DAY.isoformat()).glob("*.arrows"))
    content = last.read_bytes()
    with Workspace(made, read_only=True) as workspace:
        (session,) = workspace.sessions(DAY, DAY)
        clock = VirtualClock(float(session.opens))
        whole = workspace.tape(session, "paper", clock)
        try:
            last.write_bytes(content[: len(content) * 2 // 3 + 5])
            cut = workspace.tape(session, "paper", clock)
        finally:
            last.write_bytes(content)
    assert cut.runs[:-1] == whole.runs[:-1]
    assert 0 < len(cut.runs[-1]) < len(whole.runs[-1])
    assert whole.runs[-1][: len(cut.runs[-1])] == cut.runs[-1]


@pytest.mark.parametrize(
    ("asked", "error", "says"),
    [
        pytest.param(Request(DAY, date(2026, 3, 2)), UsageError, "takes one session, not 2", id="two sessions"),
        pytest.param(Request(date(2026, 2, 26), date(2026, 2, 26)), DataError, "no tape of 2026-02-26", id="no tape"),
    ],
)
def test_what_cannot_be_repeated_is_said(
    traded: tuple[Configuration, Told], asked: Request, error: type[Exception], says: str
) -> None:
    with Workspace(traded[0], read_only=True) as workspace, pytest.raises(error, match=says):
        replay_tape(workspace, asked, MemoryJournal(), "paper", Pace())

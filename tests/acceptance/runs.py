"""The ways of running a market that must all come to the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from collections.abc import Iterator
from pathlib import Path

from markets import Market

from livetrader.bootstrap import research
from livetrader.bootstrap.replay import Pace, replay
from livetrader.bootstrap.research import Request
from livetrader.bootstrap.results import RunResult
from livetrader.bootstrap.trader import ACCOUNT
from livetrader.ports import Decision
from livetrader.reporting.document import render
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal

Settings = Mapping[str, object]


def backtest(market: Market, settings: Settings, request: Request) -> RunResult:
    with market.workspace(settings) as workspace:
        return research.backtest(workspace, request)


@contextmanager
def journal(folder: Path) -> Iterator[SqlJournal]:
    """The journal of a replay in a file of `folder`; opening it again is what a restart does."""
    engine = open_state(f"sqlite:///{folder / 'state.db'}", "replay", ACCOUNT)
    opened = SqlJournal(engine)
    try:
        yield opened
    finally:
        opened.close()
        engine.dispose()


def replayed(market: Market, settings: Settings, request: Request, folder: Path, stops: Iterable[int] = ()) -> RunResult:
    """The replay, its process ended and started anew at the first close at or after each of `stops`.

    Every start has its own workspace and opens the journal's file again.
    """
    for stop in (*sorted(stops), None):
        with market.workspace(settings) as workspace, journal(folder) as written:
            result = replay(workspace, request, written, Pace(stop=_reached(written, stop)))
    return result


def _reached(written: SqlJournal, stop: int | None):
    return lambda: stop is not None and (written.marked() or 0) >= stop


def assert_same(one: RunResult, other: RunResult) -> None:
    """Trades, orders, decisions, account value and the rendered document agree, value for value."""
    assert list(one.trades) == list(other.trades)
    assert [_told(decision) for decision in one.decisions] == [_told(decision) for decision in other.decisions]
    assert [r.intent for r in one.orders] == [r.intent for r in other.orders]
    assert [(r.state, r.filled_quantity, r.average_price, r.reason) for r in one.orders] == [(r.state, r.filled_quantity, r.average_price, r.reason) for r in other.orders]
    assert list(one.positions) == list(other.positions)
    assert list(one.equity) == list(other.equity)
    assert render(one.document()) == render(other.document())


def _told(decision: Decision) -> str:
    """All of a decision as text, in which NaN equals NaN."""
    signal = decision.signal
    return repr((signal, sorted(signal.inputs.items()), decision.verdict))

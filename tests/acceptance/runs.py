"""The ways of running a market that must all come to the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from markets import Market

from livetrader.bootstrap import research
from livetrader.bootstrap.replay import Pace, replay
from livetrader.bootstrap.research import Request
from livetrader.bootstrap.results import RunResult
from livetrader.bootstrap.trader import ACCOUNT
from livetrader.domain.order import Purpose
from livetrader.ports import Decision, OrderRecord
from livetrader.reporting.document import render
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal

Settings = Mapping[str, object]


def backtest(market: Market, settings: Settings, request: Request) -> RunResult:
    """The backtest of a new process."""
    with market.workspace(settings) as workspace:
        return research.backtest(workspace, request)


@contextmanager
def journal(folder: Path) -> Iterator[SqlJournal]:
    """The journal of a replay, in a file of `folder`; to open it again is what a restart does."""
    opened = SqlJournal(open_state(f"sqlite:///{folder / 'state.db'}", "replay", ACCOUNT))
    try:
        yield opened
    finally:
        opened.close()


def replayed(
    market: Market, settings: Settings, request: Request, folder: Path, stops: Iterable[int] = ()
) -> RunResult:
    """The replay, stopped after each of the instants `stops` and started anew.

    Every start has a workspace of its own and opens the journal's file again.
    """
    for stop in (*sorted(stops), None):
        with market.workspace(settings) as workspace, journal(folder) as written:
            result = replay(workspace, request, written, _until(stop))
            assert stop is None or (written.marked() or 0) <= stop, "it was to stop there"
    return result


def _until(stop: int | None) -> Pace:
    return Pace() if stop is None else Pace(stop=lambda close: close > stop)


def assert_same(one: RunResult, other: RunResult) -> None:
    """Trades, decisions, orders, account value and the rendered document agree, value for value."""
    assert list(one.trades) == list(other.trades)
    assert [_decided(decision) for decision in one.decisions] == [_decided(d) for d in other.decisions]
    assert _ordered(one.orders) == _ordered(other.orders)
    assert list(one.positions) == list(other.positions)
    assert list(one.equity) == list(other.equity)
    assert render(one.document()) == render(other.document())


def _decided(decision: Decision) -> str:
    """All of a decision as text, in which NaN equals NaN."""
    signal = decision.signal
    return repr((signal, sorted(signal.inputs.items()), decision.verdict))


def _ordered(records: Iterable[OrderRecord]) -> list[object]:
    """All of the orders but the times at which their states were noticed.

    The backtest moves a stop when something happens, the live loop bar by bar: of one that was never reached only that
    it ended is the same.
    """
    return [
        (replace(one.intent, amended=None), one.state, one.filled_quantity, one.average_price, one.reason)
        for one in records
        if one.intent.purpose is not Purpose.STOP or one.filled_quantity
    ]

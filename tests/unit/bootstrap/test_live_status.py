"""`livetrader status`: the live figures are those of the trades and positions in the state."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

import pytest

from livetrader.bootstrap import state
from livetrader.bootstrap.replay import Pace, replay_stored
from livetrader.bootstrap.research import Request
from livetrader.bootstrap.results import RunResult
from livetrader.bootstrap.workspace import Workspace
from livetrader.config import load
from livetrader.domain.candles import Interval
from livetrader.marketdata.simulated import simulate

DAY = date(2026, 2, 27)
SYMBOLS = tuple(f"STOCK{i}" for i in range(12))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Twelve simulated stocks and the index, with the state in a file."""
    folder = tmp_path_factory.mktemp("live")
    environ = {
        "LIVETRADER__SYMBOLS": ",".join(SYMBOLS),
        "LIVETRADER__STATE__URL": f"sqlite:///{folder}/state.db",
        "XDG_CONFIG_HOME": str(folder),
    }
    with Workspace(load(None, environ=environ, directory=folder)) as made:
        sessions = (*made.calendar.before(DAY, 70), *made.calendar.sessions(DAY, DAY))
        made.store.upsert(Interval.M5, simulate((*SYMBOLS, "NIFTY"), sessions, 5))
        yield made


def replayed(workspace: Workspace, until: str) -> RunResult:
    hour, minute = map(int, until.split(":"))
    end = datetime(DAY.year, DAY.month, DAY.day, hour, minute, tzinfo=workspace.calendar.timezone).timestamp()
    return replay_stored(workspace, Request(DAY, DAY), Pace(stop=lambda close: close > end))


def test_with_positions_open_the_day_is_told_as_far_as_the_state_knows_it(workspace: Workspace) -> None:
    """Prices are not in the state, so the open profit is unknown until somebody says what the account is worth."""
    moments = (f"{hour}:{minute:02}" for hour in (10, 11, 12) for minute in range(0, 60, 10))
    result = next(made for made in (replayed(workspace, moment) for moment in moments) if made.positions)
    live = state.status(workspace.configuration, "replay")["live"]
    assert isinstance(live, dict)
    assert live["day"] == "2026-02-27"
    assert (live["open_pnl"], live["day_pnl"]) == (None, None)
    assert Decimal(live["realised"]) == sum((one.net_pnl for one in result.trades), Decimal(0))
    assert Decimal(live["exposure"]) == sum(one.quantity * one.average_price for one in result.positions)
    assert live["concentration"] in ("LOW", "MEDIUM", "HIGH")


def test_when_the_session_is_over_the_day_is_what_its_trades_made(workspace: Workspace) -> None:
    result = replayed(workspace, "15:30")
    live = state.status(workspace.configuration, "replay")["live"]
    assert isinstance(live, dict)
    assert not result.positions
    net = sum((one.net_pnl for one in result.trades), Decimal(0))
    assert net != 0
    assert (Decimal(live["day_pnl"]), live["open_pnl"], live["exposure"]) == (net, "0", "0")
    assert (live["hhi"], live["concentration"]) == (None, None)
    assert Decimal(live["day_drawdown"]) >= max(Decimal(0), -net)

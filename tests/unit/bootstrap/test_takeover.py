"""Crypto that takes over while NSE is closed: the same entries in the backtest and in the live loop."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from portfolio_desk import CONFIG, DAY, alone, books, configured, make

from livetrader.bootstrap import research
from livetrader.bootstrap.research import Request
from livetrader.bootstrap.trading import require_live
from livetrader.bootstrap.workspace import Workspace
from livetrader.config import load
from livetrader.domain.position import Trade
from livetrader.errors import CalendarError
from livetrader.market.calendar import load as calendar
from livetrader.market.clock import VirtualClock

SPECS: Mapping[str, str] = {"open": "", "takeover": "only_while_closed: nse, "}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("market"))


def backtested(folder: Path, setting: str) -> list[Trade]:
    text = CONFIG.replace("{calendar: 24x7,", f"{{{setting}calendar: 24x7,")
    (folder / "config.yaml").write_text(text)
    with Workspace(configured(folder, "crypto"), read_only=True) as workspace:
        return list(research.backtest(workspace, Request(DAY, DAY)).trades)


def test_entries_are_taken_while_the_other_exchange_is_closed(made: Path) -> None:
    nse = calendar("nse")
    always, takeover = (backtested(made, setting) for setting in SPECS.values())
    inside = [one for one in always if nse.at(one.entry_at.timestamp() - 1) is not None]
    assert inside, "the seed must trade while NSE is open, or this shows nothing"
    assert takeover
    assert not [one for one in takeover if nse.at(one.entry_at.timestamp() - 1) is not None]
    (session,) = calendar("24x7").sessions(DAY, DAY)
    alone(made, "crypto", session.opens, session.closes)
    assert books(made, "crypto")[1] == takeover


def test_live_is_refused_where_the_other_calendar_knows_nothing(tmp_path: Path) -> None:
    """Beyond its end nobody knows when NSE is open."""
    environ = {
        "LIVETRADER__MODE": "live",
        "LIVETRADER__MARKET__CALENDAR": "24x7",
        "LIVETRADER__MARKET__ONLY_WHILE_CLOSED": "nse",
        "LIVETRADER__BROKER__KIND": "loopback",
    }
    with Workspace(load(None, environ=environ, directory=tmp_path)) as workspace:
        require_live(workspace, VirtualClock(1_772_000_000.0))
        with pytest.raises(CalendarError, match="outside the nse calendar"):
            require_live(workspace, VirtualClock(1_972_000_000.0))

"""`livetrader run`: the session it takes, and that one which was begun is brought to its end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from livetrader.bootstrap.trading import SessionTrader, trading
from livetrader.config import Configuration, load
from livetrader.domain.candles import Interval
from livetrader.errors import AlreadyRunning, CalendarError, ConfigError
from livetrader.market.calendar import load as calendar
from livetrader.market.clock import VirtualClock
from livetrader.marketdata.simulated import simulate
from livetrader.marketdata.store import open_store

DAY = date(2026, 2, 27)
SYMBOLS = tuple(f"STOCK{i}" for i in range(12))


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    """A desk of its own, with the candles of 62 sessions and of the day."""
    environ = {"LIVETRADER__SYMBOLS": ",".join(SYMBOLS), "XDG_CONFIG_HOME": str(tmp_path)}
    made = load(None, environ=environ, directory=tmp_path)
    nse = calendar("nse")
    with open_store(made.settings.candles.url) as store:
        sessions = (*nse.before(DAY, 62), *nse.sessions(DAY, DAY))
        store.upsert(Interval.M5, simulate((*SYMBOLS, "NIFTY"), sessions, 5, dirt=False))
    return made


def at(hour: int, minute: int, second: int = 1, day: date = DAY) -> VirtualClock:
    """A clock at a time of day in India (UTC+5:30)."""
    instant = datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=UTC).timestamp() - 5.5 * 3600
    return VirtualClock(instant)


def visits(configuration: Configuration, *clocks: VirtualClock) -> Iterator[SessionTrader]:
    """One process after another, each making one scan, as cron does."""
    for clock in clocks:
        with trading(configuration, clock) as trader:
            if not trader.over:
                trader.scan()
            yield trader


@pytest.mark.parametrize(
    ("clock", "over"),
    [
        pytest.param(at(8, 0), False, id="before the open: waits for it"),
        pytest.param(at(11, 0), False, id="in the session"),
        pytest.param(at(16, 0), True, id="after a session that was never begun"),
        pytest.param(at(11, 0, day=date(2026, 2, 28)), True, id="on a Saturday"),
        pytest.param(at(11, 0, day=date(2026, 2, 1)), False, id="on the budget Sunday"),
    ],
)
def test_which_session_is_taken(configuration: Configuration, clock: VirtualClock, over: bool) -> None:
    with trading(configuration, clock) as trader:
        assert trader.over is over


def test_a_session_that_was_begun_is_brought_to_its_end_after_the_close(configuration: Configuration) -> None:
    """Scans under cron: the last one in the session, then one after it, then one that finds nothing to do."""
    begun, ended, idle = visits(configuration, at(15, 25, 20), at(15, 31), at(15, 32))
    (session,) = begun.workspace.calendar.sessions(DAY, DAY)
    assert begun.session is not None
    assert ended.over
    assert idle.session is None
    with trading(configuration, at(15, 33)) as trader:
        assert [as_of for as_of, _, _ in trader.journal.equities()] == [session.closes]


def test_two_processes_do_not_trade_one_account(configuration: Configuration) -> None:
    with trading(configuration, at(11, 0)), pytest.raises(AlreadyRunning), trading(configuration, at(11, 0)):
        pass


def test_live_is_refused_without_a_broker_and_past_the_calendar(configuration: Configuration) -> None:
    flags = {"mode": ("--mode", "live")}
    live = load(None, flags=flags, environ={}, directory=configuration.directory)
    with pytest.raises(ConfigError, match="no broker"), trading(live, at(11, 0)):
        pass
    with pytest.raises(CalendarError), trading(live, at(11, 0, day=date(2027, 2, 26))):
        pass


def test_a_dry_run_records_orders_and_fills_none(configuration: Configuration) -> None:
    flags = {"mode": ("--dry-run", "dry-run")}
    dry = load(None, flags=flags, environ={"LIVETRADER__SYMBOLS": ",".join(SYMBOLS)}, directory=configuration.directory)
    clock = at(9, 15)
    with trading(dry, clock) as trader:
        (session,) = trader.workspace.calendar.sessions(DAY, DAY)
        for close in range(session.opens + 300, session.closes + 1, 300):
            clock.advance_to(close)
            trader.scan()
        assert trader.over
        orders = trader.journal.orders()
        assert orders, "the seed must give an order, or this shows nothing"
        assert {order.reason for order in orders} == {"dry run: recorded, not sent"}
        assert not trader.journal.fills()

"""`run` with its own feed: candles come from a loopback OpenAlgo over real sockets, and are decided as stored ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from livetrader.bootstrap.checks import problems
from livetrader.bootstrap.doctor.examination import examine
from livetrader.bootstrap.doctor.findings import Level
from livetrader.bootstrap.trader import OPENALGO_KEY
from livetrader.bootstrap.trading import SessionTrader, trading
from livetrader.config import Configuration, load
from livetrader.domain.candles import Interval
from livetrader.domain.session import Session
from livetrader.engine.signals import month_start
from livetrader.market.calendar import Calendar
from livetrader.market.clock import VirtualClock
from livetrader.marketdata.simulated import INDEX
from livetrader.marketdata.store import open_store
from livetrader.ports import Clock
from tests.acceptance.history_server import STOCKS, HistoryServer, configure, rows, serving
from tests.acceptance.soak.clock import SharedClock
from tests.threads import PATIENCE, soon

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

DAY = date(2024, 2, 28)
MORE = (*STOCKS, "ITC", "TITAN", "WIPRO", "ONGC", "HDFCBANK", "ICICIBANK", "AXISBANK", "LT")
FED = "feed: {kind: openalgo, delay_seconds: 1, quotes: false}\n"
CLOSES = 16


@pytest.fixture
def sessions(nse: Calendar) -> tuple[Session, ...]:
    """What strategies look back on, and the day."""
    return (*nse.before(month_start(DAY), 60), *nse.sessions(month_start(DAY), DAY))


def desk(folder: Path, server: HistoryServer, until: int, more: str = FED) -> Configuration:
    """A folder whose store has what the server has, up to an instant."""
    folder.mkdir(exist_ok=True)
    configure(folder, server.server.url, more, MORE)
    bars = server.vault.bars
    with open_store(f"sqlite:///{folder / 'candles.db'}") as store:
        store.upsert(Interval.M5, bars.rows(np.flatnonzero(bars.ts < until)))
    return load(folder / "config.yaml", environ={})


def decide(trader: SessionTrader, clock: Clock, closes: list[int], current: Callable[[], bool]) -> list[Any]:
    """Scan after each close, once `current` says that its bars are there; the signals, and what refused them."""
    for close in closes:
        assert isinstance(clock, SharedClock)
        clock.skip_to(close + 1.5)
        soon(current)
        trader.scan()
        assert trader.live is not None
        assert trader.live.decided == close
        trader.monitor()
    since = closes[0] - 300
    return [
        (one.signal, getattr(one.verdict, "rule", ""))
        for one in trader.journal.decisions(since=since, until=closes[-1] + 1)
    ]


def test_bars_that_the_feed_brings_are_decided_as_stored_ones_are(
    tmp_path: Path, sessions: tuple[Session, ...]
) -> None:
    """The store ends with the evening before but one: the feed brings that day, too, before the session opens."""
    today, closes = sessions[-1], list(range(sessions[-1].opens + 300, sessions[-1].opens + CLOSES * 300 + 1, 300))
    clock = SharedClock.at(today.opens - 60)
    with serving(sessions, clock, (*MORE, INDEX)) as server:
        fed = desk(tmp_path / "fed", server, sessions[-2].opens)
        with trading(fed, clock) as trader:
            feed = trader.feed
            assert feed is not None
            soon(lambda: feed.ready)
            assert feed.health.text == f"{len(MORE) + 1} of {len(MORE) + 1} symbols"
            came = decide(trader, clock, closes, lambda: not feed.health.behind and _newest(feed.health, clock, closes))
        with open_store(fed.settings.candles.url, read_only=True) as store:
            bars = store.read(Interval.M5, sessions[-2].opens, closes[-1], (*MORE, INDEX))
        truth = server.vault.bars
        expected = truth.rows(np.flatnonzero((truth.ts >= sessions[-2].opens) & (truth.ts < closes[-1])))
        assert len(bars) == (75 + CLOSES) * 13
        assert rows(bars) == rows(expected)

        stored = desk(tmp_path / "stored", server, today.closes, "")
        with trading(stored, again := SharedClock.at(today.opens)) as trader:
            known = decide(trader, again, closes, lambda: True)
    assert came == known
    assert came, "the seed must give a signal, or this shows nothing"


def _newest(health: Any, clock: Clock, closes: list[int]) -> bool:
    """Whether every symbol was answered since the last close."""
    last = max((close for close in closes if close <= clock.now()), default=0)
    return all(at >= last for at in health.succeeded_at.values())


def test_a_process_ends_at_once_though_an_answer_is_still_to_come(
    tmp_path: Path, sessions: tuple[Session, ...]
) -> None:
    """A server that hangs is not waited for, and what it has not answered is in no store."""
    clock = SharedClock.at(sessions[-1].opens + 601)
    with serving(sessions, clock, (*MORE, INDEX)) as server:
        made, hangs = desk(tmp_path / "desk", server, sessions[-1].opens), Event()
        server.vault.on_read = lambda _symbol: hangs.wait(PATIENCE) and None
        with trading(made, clock) as trader:
            soon(lambda: server.vault.reads)
            trader.scan()
            assert trader.live is None, "the session waits for the feed"
            began = time.monotonic()
        assert time.monotonic() - began < PATIENCE / 3
        hangs.set()


def test_a_feed_that_is_away_halts_no_trader_and_its_gap_is_filled(
    tmp_path: Path, sessions: tuple[Session, ...]
) -> None:
    """The login ends: bars stop, the loop goes on and says why. It is renewed: one answer brings what is missing."""
    today, clock = sessions[-1], SharedClock.at(sessions[-1].opens - 60)
    with (
        serving(sessions, clock, (*MORE, INDEX)) as server,
        trading(desk(tmp_path / "desk", server, today.opens), clock) as trader,
    ):
        feed = trader.feed
        assert feed is not None
        soon(lambda: feed.ready)
        server.server.switches.revoked = True
        clock.skip_to(today.opens + 301)
        soon(lambda: feed.health.error)
        for minutes in range(6, 30):
            clock.skip_to(today.opens + 60 * minutes)
            trader.scan()
            trader.monitor()
        assert "log in to the broker in OpenAlgo's page" in feed.health.text
        assert trader.live is not None
        assert trader.live.decided >= today.opens + 25 * 60, "closes without bars are decided, as with any silent feed"
        assert not trader.journal.orders()
        server.server.switches.revoked = False
        clock.skip_to(today.opens + 31 * 60)
        soon(lambda: not feed.health.error and not feed.health.behind)
        found = trader.workspace.store.read(Interval.M5, today.opens, today.closes, MORE)
        assert len(found) == 6 * len(MORE)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        pytest.param(
            "feed: {kind: openalgo}\nbroker: {kind: loopback}\n", "set broker.kind to openalgo, too", id="broker"
        ),
        pytest.param("feed: {kind: openalgo}\nmarket: {calendar: observed}\n", "set it to nse", id="calendar"),
    ],
)
def test_a_feed_that_cannot_be_is_a_mistake_in_the_configuration(tmp_path: Path, more: str, words: str) -> None:
    broker = "" if "broker" in more else "broker: {kind: openalgo}\n"
    (tmp_path / "config.yaml").write_text(f"symbols: TCS\n{broker}{more}")
    found = load(tmp_path / "config.yaml", environ={})
    assert any(words in line for line in problems(found)), problems(found)


def test_a_feed_without_its_key_is_found_by_the_doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text("symbols: TCS\nbroker: {kind: openalgo}\nfeed: {kind: openalgo}\n")
    said = examine(load(tmp_path / "config.yaml", environ={}), VirtualClock(1_709_091_900.0), live=False)
    (found,) = [one.finding for one in said if one.check == "secrets"]
    assert (found.level, found.exit_code) == (Level.FAIL, 78)
    assert OPENALGO_KEY in found.what


def test_more_symbols_than_the_feed_can_ask_for_in_time_are_said_at_the_start(
    tmp_path: Path, sessions: tuple[Session, ...]
) -> None:
    clock = SharedClock.at(sessions[-1].opens - 60)
    with serving(sessions, clock, (*MORE, INDEX)) as server, capture_logs() as logs:
        for name, seconds in (("slow", 5), ("fast", 6)):
            more = f"{FED}constraints: {{bar_max_age_seconds: {seconds}}}\n"
            with trading(desk(tmp_path / name, server, sessions[-1].opens, more), clock) as trader:
                assert trader.workspace.waits(trader.symbols) == (seconds, seconds)
    (found,) = [entry for entry in logs if "too slow" in entry["event"]]
    assert (found["symbols"], found["seconds"], found["bar_max_age_seconds"]) == (13, 6, 5)

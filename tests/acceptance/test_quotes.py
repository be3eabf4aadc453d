"""`run` with quotes: bars made of ticks over real sockets, gaps from the history, and a feed that falls silent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from livetrader.bootstrap.doctor.examination import examine
from livetrader.bootstrap.doctor.findings import Level
from livetrader.bootstrap.feeding import QUOTES_SECONDS
from livetrader.bootstrap.silence import FEED
from livetrader.bootstrap.trading import SessionTrader, trading
from livetrader.brokers.loopback.exchange import Exchange
from livetrader.config import load
from livetrader.constraints.rules.quotes import QuoteFreshness
from livetrader.domain.candles import FIELDS, Interval
from livetrader.domain.order import Action
from livetrader.domain.session import Session
from livetrader.engine.by_hand.manual import Ticket
from livetrader.engine.signals import month_start
from livetrader.market.calendar import Calendar
from livetrader.marketdata import quote_feed
from livetrader.marketdata.quote_feed import REVISED_SECONDS
from livetrader.marketdata.simulated import INDEX
from livetrader.marketdata.store import open_store
from tests.acceptance.history_server import STOCKS, HistoryServer, configure, overhearing, rows, serving
from tests.threads import PATIENCE, SharedTime, soon

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

DAY = date(2024, 2, 28)
SYMBOLS = (*STOCKS, INDEX)
BAR = 300
PRICES = FIELDS[:4]
TRADES = 13
ASKED = QUOTES_SECONDS + 1  # so long after its close the history has been asked for a bar


@dataclass
class Day:
    """A trader in the morning of a day, a minute before the open, whose market trades when the test says so.

    Time stands still until the test moves it: what comes first does not depend on the machine. `told` are the bars that
    the history need not be asked for.
    """

    server: HistoryServer
    clock: SharedTime
    session: Session
    trader: SessionTrader
    url: str
    told: set[tuple[str, int]]

    def opens(self, number: int) -> int:
        return self.session.opens + BAR * number

    def trade(self, number: int, *, heard: bool = True) -> None:
        """Bar `number` is traded: its open and extremes, and its close until it is over, in every symbol."""
        bars = self.server.vault.bars
        for part in range(TRADES):
            name = PRICES[min(part, 3)]
            self.clock.advance_to(self.opens(number) + 5 + 24 * part)
            for row in np.flatnonzero(bars.ts == self.opens(number)):
                with self.server.server.front.lock:
                    price = float(getattr(bars, name)[row])
                    self.server.server.gateway.control.exchange.quote(bars.symbols[bars.symbol[row]], price)
            if heard:
                soon(self.current)
            self.trader.monitor()

    def heard(self) -> bool:
        """Whether every trade of now on is heard: all is subscribed to, on a connection that is not given up yet."""
        assert self.trader.quotes is not None
        prices = self.trader.quotes.prices
        return prices.watched == len(SYMBOLS) and not prices.stale()

    def current(self) -> bool:
        """Whether the trader has heard a trade of every symbol since the clock was moved: else that may look like
        silence, and the connection is made anew."""
        assert self.trader.quotes is not None
        found = [self.trader.quotes.prices.last(symbol) for symbol in SYMBOLS]
        return all(one is not None and one.age_seconds == 0 for one in found)

    def close(self, number: int, after: float = 2.5) -> None:
        """Bar `number` has closed, is in the store so many seconds `after`, and is decided."""
        self.clock.advance_to(self.opens(number + 1) + after)
        soon(lambda: len(self.stored(number)) == len(SYMBOLS))
        self.trader.scan()
        assert self.trader.live is not None
        assert self.trader.live.decided == self.opens(number + 1)

    def stored(self, number: int) -> set[tuple[object, ...]]:
        """What the store has of a bar."""
        with open_store(self.url, read_only=True) as store:
            return rows(store.read(Interval.M5, self.opens(number), self.opens(number) + 1, SYMBOLS))

    def truth(self, number: int) -> set[tuple[object, ...]]:
        bars = self.server.vault.bars
        return rows(bars.rows(np.flatnonzero(bars.ts == self.opens(number))))

    @property
    def latches(self) -> set[str]:
        return set(self.trader.journal.latches())


Begin = Callable[..., AbstractContextManager[Day]]


@pytest.fixture
def day(tmp_path: Path, nse: Calendar) -> Begin:
    sessions = (*nse.before(month_start(DAY), 60), *nse.sessions(month_start(DAY), DAY))

    @contextmanager
    def begun(more: str = "", feed: str = "") -> Iterator[Day]:
        today = sessions[-1]
        clock = SharedTime(today.opens - 60)
        with serving(sessions, clock, SYMBOLS) as server, overhearing() as told:
            stream = server.server.stream.url
            configure(tmp_path, server.server.url, f"feed: {{kind: openalgo, websocket_url: '{stream}'{feed}}}\n{more}")
            bars, url = server.vault.bars, f"sqlite:///{tmp_path / 'candles.db'}"
            with open_store(url) as store:
                store.upsert(Interval.M5, bars.rows(np.flatnonzero(bars.ts < today.opens)))
            with trading(load(tmp_path / "config.yaml", environ={}), clock) as trader:
                made = Day(server, clock, today, trader, url, told)
                soon(lambda: trader.feed is not None and trader.feed.ready)
                soon(made.heard)
                soon(lambda: server.asked == len(SYMBOLS))  # the day before, which nobody waits for
                yield made

    return begun


def without_volume(bars: set[tuple[object, ...]]) -> set[tuple[object, ...]]:
    return {bar[:-1] for bar in bars}


def test_bars_are_made_of_ticks_and_the_history_is_asked_for_none_of_them(day: Begin) -> None:
    """The server's ticks are single shares, so a bar that was made of them is known by its volume."""
    with day() as desk:
        before = desk.server.asked
        for number in range(3):
            desk.trade(number)
            desk.close(number)
            if desk.opens(number + 1) % REVISED_SECONDS:
                soon(lambda number=number: {(symbol, desk.opens(number)) for symbol in SYMBOLS} <= desk.told)
            assert without_volume(desk.stored(number)) == without_volume(desk.truth(number))
            assert {bar[-1] for bar in desk.stored(number)} == {TRADES, 0.0}, "the index has none"
        assert desk.server.asked == before
        assert desk.latches == set()


def test_a_bar_that_was_cut_comes_from_the_history_and_so_do_corrections(day: Begin) -> None:
    """The connection drops within the second bar: that is asked for at once, and each half hour all made of ticks."""
    with capture_logs() as logged, day() as desk:
        desk.trade(0)
        desk.close(0)
        desk.trade(1)
        desk.server.server.stream.drop()
        soon(lambda: "quotes: out of order" in [one["event"] for one in logged] and desk.heard())
        desk.close(1, ASKED)
        assert desk.stored(1) == desk.truth(1)
        desk.trade(2)
        desk.close(2, ASKED)  # what was traded before it is not known, and so not how much was traded in it
        for number in range(3, 9):
            desk.trade(number)
            desk.close(number)
        desk.clock.advance_to(desk.opens(9) + 30)
        soon(lambda: all(desk.stored(number) == desk.truth(number) for number in range(9)))


def test_b14_a_feed_that_falls_silent_stops_entries_until_it_is_back(day: Begin) -> None:
    """The socket is healthy, and nothing comes. The history still brings the bars, and what is decided is refused."""
    with day() as desk:
        desk.trade(0)
        desk.close(0)
        desk.server.server.switches.silent = True
        desk.clock.advance_to(desk.clock.now() + 31)
        desk.trader.monitor()
        assert desk.latches == {FEED}
        (alert,) = desk.trader.journal.alerts()
        assert (alert.key, "entries are halted, exits go on" in alert.text) == (FEED, True)
        desk.trade(1, heard=False)
        desk.close(1, ASKED)
        assert desk.stored(1) == desk.truth(1)
        assert FEED in desk.trader.desk.engine.book.halts
        desk.server.server.switches.silent = False
        soon(desk.heard)
        desk.trade(2)
        desk.trader.monitor()
        desk.clock.advance_to(desk.clock.now() + 6)
        desk.trader.monitor()
        assert (desk.latches, desk.trader.journal.alerts()) == (set(), [])


def test_the_latch_outlives_a_restart_and_not_the_feed(day: Begin, tmp_path: Path) -> None:
    with day() as desk:
        desk.clock.advance_to(desk.opens(0) + 31)
        desk.trader.monitor()
        assert desk.latches == {FEED}
        configured, clock = desk.trader.workspace.configuration, desk.clock
        desk.server.server.switches.silent = True
        text = (tmp_path / "config.yaml").read_text()
    with trading(configured, clock) as again:
        clock.advance_to(clock.now() + 10)
        again.monitor()
        assert set(again.journal.latches()) == {FEED}
    (tmp_path / "config.yaml").write_text(text.replace("feed: {kind: openalgo", "feed: {kind: null"))
    with trading(load(tmp_path / "config.yaml", environ={}), clock) as without:
        assert (set(without.journal.latches()), without.journal.alerts()) == (set(), [])


def test_a_process_ends_within_a_moment_though_nobody_answers(day: Begin) -> None:
    with day() as desk:
        desk.server.server.stream.drop()
        began = time.monotonic()
    assert time.monotonic() - began < PATIENCE / 3, "the server's own end is in it"


def test_b14_live_exits_go_on_prices_that_are_asked_for_while_the_feed_is_silent(
    day: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exchange does not trigger the stop of a halted symbol. The trader sees the price, and leaves at market."""
    monkeypatch.setattr(quote_feed, "ASK_SECONDS", 0.05)
    with day("mode: live\n") as desk:
        desk.trade(0)
        desk.close(0)
        trader, exchange, lock = desk.trader, desk.server.server.gateway.control.exchange, desk.server.server.front.lock
        price = float(exchange.feed["SBIN"].price)
        trader.desk.manual.trade(
            Ticket(1, int(desk.clock.now()), Action.BUY, "SBIN", Decimal(1), stop=Decimal(int(price - 5)))
        )
        trader.monitor()
        assert _working(exchange, "SBIN") == [f"SELL SL-M {int(price - 5)}"]
        desk.server.server.switches.silent = True
        desk.clock.advance_to(desk.clock.now() + 31)
        trader.monitor()
        assert FEED in desk.latches
        with lock:
            exchange.halt("SBIN", on=True)
        for step in range(7):
            desk.clock.advance_to(desk.clock.now() + 2)
            with lock:
                exchange.quote("SBIN", lower := price - 6 - step * 0.05)
            soon(lambda lower=lower: _last(trader, "SBIN") == lower)
            trader.monitor()
        soon(lambda: trader.monitor() or _working(exchange, "SBIN") == ["SELL MARKET "])
        assert FEED in desk.latches


def _last(trader: SessionTrader, symbol: str) -> float:
    assert trader.quotes is not None
    last = trader.quotes.prices.last(symbol)
    return 0.0 if last is None else last.price


def _working(exchange: Exchange, symbol: str) -> list[str]:
    found = [one for one in exchange.orders.values() if one.ticket.symbol == symbol and not one.state.terminal]
    return [f"{one.ticket.action} {one.ticket.order_type} {one.ticket.trigger_price or ''}" for one in found]


@pytest.mark.parametrize("mode", ["paper", "live"])
def test_entries_look_at_the_age_of_quotes_and_exits_at_quotes_live_only(day: Begin, mode: str) -> None:
    """What fills on bars leaves on bars: paper agrees with its backtest."""
    with day(f"mode: {mode}\n", feed=", quote_max_age_seconds: 20") as desk:
        desk.trade(0)
        desk.close(0)
        engine, manual = desk.trader.desk.engine, desk.trader.desk.manual
        assert (engine.quoted is not None) == (mode == "live")
        for rules in (engine.rules, manual.rules):
            (rule,) = [one for one in rules if isinstance(one, QuoteFreshness)]
            assert rule.max_age_seconds == 20
            assert rule.age("SBIN", int(desk.clock.now())) is not None


def test_the_doctor_asks_the_proxy_whether_it_lets_us_in(day: Begin) -> None:
    with day() as desk:
        configured = desk.trader.workspace.configuration

        def quotes() -> list[tuple[Level, str]]:
            said = examine(configured, desk.clock, live=True)
            return [(one.finding.level, one.finding.what) for one in said if one.check == "quotes"]

        stream = desk.server.server.stream
        assert quotes() == [(Level.OK, f"{stream.url} lets us in")]
        stream.shutdown()
        ((level, what),) = quotes()
        assert (level, what.startswith(f"no quotes, and so no entries: {stream.url}: ConnectionRefusedError")) == (
            Level.FAIL, True,
        )  # fmt: skip

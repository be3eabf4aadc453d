"""`livetrader run --once` under cron at a live account: whatever is in doubt, what is held leaves when it is time."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import cycle
from pathlib import Path

import pytest

from livetrader.bootstrap import account, trading
from livetrader.brokers.loopback.exchange import Exchange
from livetrader.brokers.loopback.faults import Fault, Line
from livetrader.brokers.loopback.profiles import OPEN_ONLY
from livetrader.brokers.loopback.venue import LoopbackVenue
from livetrader.brokers.polled import PolledBroker
from livetrader.config import Configuration, load
from livetrader.domain.books import BrokerPosition
from livetrader.domain.candles import Interval
from livetrader.domain.instrument import Instrument, Product
from livetrader.errors import ReconcileMismatch
from livetrader.market.calendar import load as calendar
from livetrader.market.clock import VirtualClock
from livetrader.marketdata.simulated import simulate
from livetrader.marketdata.store import open_store
from livetrader.ports import wall_time

DAY = date(2026, 2, 27)
SYMBOLS = ("STOCK0", "STOCK1", "STOCK2")
(SESSION,) = calendar("nse").sessions(DAY, DAY)
CONFIG = """\
mode: live
broker: {kind: loopback, url: "http://127.0.0.1:1", profile: binance}
venue: {charges: none}
"""


class Cron:
    """A loopback exchange, and one process after another at it. It is ten minutes before the square-off."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.clock = VirtualClock(SESSION.square_off - 599.0)
        self.exchange = Exchange(
            OPEN_ONLY, self.clock, {symbol: Instrument(symbol) for symbol in SYMBOLS}, Decimal(1_000_000)
        )
        self.line = Line(self.clock)
        self.venue = LoopbackVenue(self.exchange, self.line)

    def buy(self, *symbols: str) -> None:
        """A process that buys one of each by hand, and ends at once."""
        with trading.trading(self.configuration, self.clock, once=True) as trader:
            trader.agree()
            for symbol in symbols:
                last = trader.desk.engine.tape.bars(symbol).close[-1]
                self.exchange.quote(symbol, round(float(last) * 20) / 20)
                given = {"action": "BUY", "symbol": symbol, "quantity": "1"}
                trader.journal.post("trade", given, wall_time(self.clock))
                trader.attend()

    def once(self, seconds_after_square_off: float) -> None:
        self.clock.advance_to(SESSION.square_off + seconds_after_square_off)
        with trading.trading(self.configuration, self.clock, once=True) as trader:
            trader.once()

    def held(self, symbol: str) -> Decimal:
        return self.exchange.account.position(symbol, Product.MIS)


@pytest.fixture
def cron(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cron:
    (tmp_path / "config.yaml").write_text(CONFIG)
    environ = {"LIVETRADER__SYMBOLS": ",".join(SYMBOLS), "XDG_CONFIG_HOME": str(tmp_path)}
    configuration = load(tmp_path / "config.yaml", environ=environ, directory=tmp_path)
    with open_store(configuration.settings.candles.url) as store:
        days = (*calendar("nse").before(DAY, 3), SESSION)
        store.upsert(Interval.M5, simulate((*SYMBOLS, "NIFTY"), days, 5, dirt=False))
    made = Cron(configuration)
    monkeypatch.setattr(account, "connect", lambda *_: PolledBroker(made.venue, lambda _trade: Decimal(0)))
    monkeypatch.setattr(trading, "require_live", lambda *_: None)
    return made


def test_one_scan_waits_for_the_fate_of_an_order_and_squares_the_others_off(cron: Cron) -> None:
    """Given up after each process's own wait, the order was never given up, and no scan was ever made."""
    cron.line.add([("place", 2, Fault.LOST_REQUEST)])
    cron.buy("STOCK0", "STOCK1")
    assert (cron.held("STOCK0"), cron.held("STOCK1")) == (1, 0)
    cron.once(1)
    assert (cron.held("STOCK0"), cron.held("STOCK1")) == (0, 0)


def test_books_that_do_not_agree_stop_entries_and_not_the_square_off(
    cron: Cron, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A position book that says something else at each read is believed in nothing, and that is exit code 70."""
    cron.buy("STOCK0")
    flickers = cycle([Decimal(1), Decimal(2)])
    read = cron.venue.positions

    def positions() -> list[BrokerPosition]:
        return [*read(), BrokerPosition("STOCK2", Product.MIS, next(flickers), Decimal(100))]

    monkeypatch.setattr(cron.venue, "positions", positions)
    with pytest.raises(ReconcileMismatch, match="STOCK2"):
        cron.once(1)
    assert cron.held("STOCK0") == 0

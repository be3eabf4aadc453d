"""A desk of three portfolios over one simulated market: two of NSE, and one of crypto around the clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from livetrader.bootstrap.trading import SessionTrader, trading
from livetrader.config import Configuration, load
from livetrader.domain.candles import Interval
from livetrader.domain.order import Fill
from livetrader.domain.position import Trade
from livetrader.domain.trades import trades
from livetrader.market.calendar import load as calendar
from livetrader.market.clock import VirtualClock
from livetrader.marketdata.simulated import INDEX, simulate
from livetrader.marketdata.store import open_store
from livetrader.store.queries import open_queries

DAY = date(2026, 2, 27)
STOCKS = tuple(f"STOCK{i}" for i in range(12))
COINS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
NAMES = ("calm", "bold", "crypto")
CONFIG = f"""\
symbols: "{",".join(STOCKS)}"
candles: {{url: "sqlite:///candles.db"}}
state: {{url: "sqlite:///state.db"}}
portfolios:
  calm:
    symbols: "{",".join(STOCKS[:7])}"
    capital: {{amount: 300000}}
  bold:
    constraints: {{max_trades_per_day: 20, max_trades_per_strategy: 4, max_open_positions: 9}}
  crypto:
    symbols: "{",".join(COINS)}"
    market: {{calendar: 24x7, trend_symbol: null}}
    capital: {{currency: USDT}}
    venue: {{charges: binance_spot, tick: 0.05, lot: 0.001}}
    constraints: {{max_trades_per_day: null, max_trades_per_strategy: null}}
    strategies:
      entries:
        sma_cross: {{}}
        macd_momentum: {{}}
        breakdown_fade_long: {{enabled: false}}
        momentum_long: {{enabled: false}}
        breakout_fade_short: {{enabled: false}}
        momentum_short: {{enabled: false}}
        exhaustion_short: {{enabled: false}}
"""


def make(folder: Path) -> Path:
    """The folder with its configuration, and the candles of the day and of what comes before it."""
    (folder / "config.yaml").write_text(CONFIG)
    nse, utc = calendar("nse"), calendar("24x7")
    with open_store(f"sqlite:///{folder / 'candles.db'}") as store:
        sessions = (*nse.before(DAY, 62), *nse.sessions(DAY, DAY))
        store.upsert(Interval.M5, simulate((*STOCKS, INDEX), sessions, 5, dirt=False))
        store.upsert(Interval.M5, simulate(COINS, (*utc.before(DAY, 40), *utc.sessions(DAY, DAY)), 3, dirt=False))
    return folder


def configured(folder: Path, name: str | None = None) -> Configuration:
    return load(portfolio=name, environ={}, directory=folder)


def opening(minutes: int = 0) -> int:
    """So many minutes after NSE's open."""
    return calendar("nse").sessions(DAY, DAY)[0].opens + 60 * minutes


def drive(clock: VirtualClock, members: Sequence[SessionTrader], until: int, seconds: int = 300) -> None:
    """Let time pass, and have everybody look at each close, as the scheduler does."""
    while clock.now() < until:
        clock.advance_to(clock.now() + seconds)
        for member in members:
            if not member.over:
                member.scan()
            if not member.over:
                member.monitor()


def alone(folder: Path, name: str, begin: int, until: int) -> None:
    """The portfolio in a process of its own."""
    clock = VirtualClock(float(begin))
    with trading(configured(folder, name), clock) as trader:
        drive(clock, [trader], until)


def books(folder: Path, name: str) -> tuple[Sequence[Fill], Sequence[Trade], object]:
    """Fills, trades and account values as the state has them."""
    settings, market = configured(folder, name).settings, configured(folder, name).settings.market
    with open_queries(settings.state.url, settings.state_name()) as queries:
        fills = queries.fills()
        intents = {one.intent.intent_id: one.intent for one in queries.orders()}
        zone = calendar(market.calendar).timezone
        return fills, trades(intents, fills, zone)[0], queries.equities()

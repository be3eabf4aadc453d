"""A week of real candles with all rules on: paper, replay and backtest trade it alike, and count it alike.

Paper is `livetrader run` on a clock of its own: a writer stores the bars as they close, dirt included, the trader looks
a second later and once more, and its process is ended and started anew in the middle of every session. It looks after
each 5m bar; of the one symbol that has 1m bars it takes five at a time.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from markets import Market, columns_of, store
from runs import assert_same, backtest, replayed

from livetrader.bootstrap import reports
from livetrader.bootstrap.results import RunResult
from livetrader.bootstrap.trading import trading
from livetrader.config import Configuration
from livetrader.constraints.verdict import Refused
from livetrader.domain.candles import CandleColumns, Interval
from livetrader.domain.session import Session
from livetrader.market.calendar import load as calendar
from livetrader.market.clock import VirtualClock
from livetrader.marketdata.store import CandleStore, open_store
from livetrader.reporting.daily import Report
from livetrader.reporting.document import report_json

pytestmark = pytest.mark.slow

FIRST, LAST = date(2026, 3, 16), date(2026, 3, 20)
CRYPTO = ("sma_cross", "macd_momentum", "rsi_reversion")

# Every limit that there is. Those that the preset leaves open, and some of its own, so that no one of them takes all.
LIMITS: Mapping[str, object] = {
    "preset": "nse_intraday",
    "max_open_positions": 6,
    "max_trades_per_day": 25,
    "max_trades_per_strategy": 8,
    "min_price": 100,
    "max_price": 10_000,
    "max_order_value": 95_000,
    "max_order_quantity": 800,
    "entries_until": "14:45",
    "max_leverage": 0.5,
    "max_strategy_pct": 30,
    "max_daily_loss": 12_000,
    "max_consecutive_losses": 6,
    "sectors": "sectors.csv",
    "max_sector_pct": 20,
    "max_volatility_pct": 2.5,
    "max_correlation": 0.8,
    "max_risk_score": 0.8,
}
SETTINGS: Mapping[str, object] = {
    **{f"constraints.{name}": value for name, value in LIMITS.items()},
    **{f"strategies.entries.{name}.enabled": True for name in CRYPTO},
    "strategies.entries.sma_cross.style": "scalp",
    "strategies.entries.rsi_reversion.exit.kind": "percent",
    "capital.allocation_pct": 9,
    "capital.lots": "fifo",
    "candles.tape": None,
}
MODELS: Mapping[str, Mapping[str, object]] = {
    "fixed": {},
    # So much money that bars do not hold what is wanted: orders fill in parts.
    "realistic": {
        "venue.model": "realistic",
        "capital.amount": 100_000_000,
        "constraints.max_order_value": 9_500_000,
        "constraints.max_order_quantity": 80_000,
        "constraints.max_daily_loss": 1_200_000,
    },
}


@pytest.fixture(scope="module")
def candles(shared: Path) -> Mapping[Interval, list[CandleColumns]]:
    """Two vendors' 5m candles, and RELIANCE and NIFTY at 1m."""
    tables = {
        Interval.M5: ("nse_5m_vendor_a", "nse_5m_vendor_b"),
        Interval.M1: ("nse_1m_vendor_b",),
    }
    end = pd.Timestamp(LAST, tz="UTC") + pd.Timedelta(days=1)
    read = {
        interval: [pd.read_parquet(shared / f"{name}.parquet", filters=[("ts", "<", end)]) for name in names]
        for interval, names in tables.items()
    }
    return {interval: [columns_of(table) for table in found] for interval, found in read.items()}


class Writer:
    """Stores the candles as they close, each vendor's after the other."""

    def __init__(self, target: CandleStore, candles: Mapping[Interval, list[CandleColumns]]) -> None:
        self.target, self.candles, self.at = target, candles, 0

    def until(self, now: int) -> None:
        for interval, vendors in self.candles.items():
            for bars in vendors:
                closes = bars.ts + interval.seconds
                new = np.flatnonzero((closes > self.at) & (closes <= now))
                if len(new):
                    self.target.upsert(interval, bars.rows(new))
        self.at = now


@pytest.fixture(scope="module", params=MODELS)
def week(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, shared: Path,
    candles: Mapping[Interval, list[CandleColumns]],
) -> tuple[Market, Mapping[str, object]]:  # fmt: skip
    """The week after paper has traded it: its market, whose store has all of it now, and its settings."""
    folder = tmp_path_factory.mktemp(f"week_{request.param}")
    sectors = {row["Symbol"]: row["Industry"] for row in rows(shared / "ind_nifty500list.csv")}
    indices = {"NIFTY", "SENSEX", "BANKNIFTY"}
    symbols = sorted({name for bars in candles[Interval.M5] for name in bars.symbols} - indices)
    lines = [f"{name},{sectors.get(name, 'other')}" for name in symbols]
    (folder / "sectors.csv").write_text("\n".join(["symbol,sector", *lines]) + "\n")
    market = Market(folder, tuple(symbols), FIRST, LAST)
    settings = {**SETTINGS, **MODELS[request.param]}
    store(folder, {})
    with open_store(f"sqlite:///{folder / 'candles.db'}") as target:
        writer = Writer(target, candles)
        for session in calendar("nse").sessions(FIRST, LAST):
            trade(market.configuration(settings), session, writer)
    return market, settings


def rows(path: Path) -> Iterator[Mapping[str, str]]:
    with path.open(encoding="utf-8-sig") as lines:
        yield from csv.DictReader(lines)


def trade(configuration: Configuration, session: Session, writer: Writer) -> None:
    """A session of `livetrader run`, by two processes."""
    clock = VirtualClock(float(session.opens))
    writer.until(session.opens)
    for end in (session.opens + 6_450, session.closes + 300):
        with trading(configuration, clock) as trader:
            while clock.now() < end:
                close = int(clock.now()) // 300 * 300 + 300
                clock.advance_to(close + 1)
                writer.until(close)
                for seconds in (1, 4):
                    clock.advance_to(close + seconds)
                    trader.scan()
                    trader.monitor()


@pytest.fixture(scope="module")
def backtested(week: tuple[Market, Mapping[str, object]]) -> RunResult:
    market, settings = week
    return backtest(market, settings, market.request())


def figures(made: Report) -> dict[str, Any]:
    """What a report says in figures: trades, account, statistics, analytics, what was refused and how often."""
    told = dict(report_json(made))
    refused = {group.rule: group.count for group in made.refused}
    return {key: told.get(key) for key in ("trades", "equity", "statistics", "lots", "analytics", "frictions")} | {
        "refused": refused
    }


def test_all_rules_are_on(week: tuple[Market, Mapping[str, object]], backtested: RunResult) -> None:
    """And the week is worth comparing: it trades, wins and loses, and many of the rules refuse something."""
    market, settings = week
    limits = market.configuration(settings).settings.constraints
    assert [name for name, value in limits.model_dump().items() if value is None] == []
    assert len(backtested.trades) >= 25
    assert len({trade.strategy for trade in backtested.trades}) >= 3
    assert {trade.net_pnl > 0 for trade in backtested.trades} == {True, False}
    refused = {one.verdict.rule for one in backtested.decisions if isinstance(one.verdict, Refused)}
    assert len(refused) >= 8


def test_paper_gives_the_trades_and_statistics_of_the_backtest(
    week: tuple[Market, Mapping[str, object]], backtested: RunResult
) -> None:
    market, settings = week
    configuration = market.configuration(settings)
    paper, _ = reports.of_state(configuration, "paper", (FIRST, LAST), candles=True)
    with market.workspace(settings) as workspace:
        tested = reports.of_result(backtested, configuration, workspace)
    assert list(paper.trades) == list(backtested.trades)
    one, other = figures(paper), figures(tested)
    assert one.keys() == other.keys()
    assert [key for key in one if one[key] != other[key]] == []


def test_replay_gives_the_trades_and_statistics_of_the_backtest(
    week: tuple[Market, Mapping[str, object]], backtested: RunResult, tmp_path: Path
) -> None:
    market, settings = week
    assert_same(backtested, replayed(market, settings, market.request(), tmp_path))

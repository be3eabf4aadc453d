"""What a report recommends, on a market that was made so that the true answer is known.

One signal a day is taken and earns less than its charges, one is refused by a limit and would have won, and the candles
of one symbol have a bar after the close. The numbers told are counted here a second time, by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from livetrader.bootstrap import reports
from livetrader.bootstrap.research import Request, backtest
from livetrader.bootstrap.results import RunResult
from livetrader.bootstrap.workspace import Workspace
from livetrader.config import load
from livetrader.domain.candles import CandleColumns, Interval
from livetrader.domain.session import Session
from livetrader.reporting.recommendations import Recommendation

FIRST, LAST = date(2026, 2, 3), date(2026, 3, 9)
ENTRY, SQUARE_OFF = 9, 73  # the bars that open at 10:00 and at 15:20

CONFIG = """\
symbols: FLAT,UP,BAD
market: {trend_symbol: null}
venue: {slippage_bps: 0}
constraints: {max_trades_per_day: 1, max_trades_per_strategy: null}
strategies:
  signals_file: {path: signals.csv, exit: {kind: none}}
"""


def bars(symbol: str, session: Session, day: int) -> Iterator[tuple[int, float]]:
    """(time, price) of a session's bars: quiet, but for what the symbol is there for."""
    for i, opens in enumerate(range(session.opens, session.closes, 300)):
        price = {"FLAT": 1000.0, "UP": 500.0, "BAD": 200.0}[symbol] + 0.05 * (i % 2)
        if symbol == "FLAT":
            price = 1000.0 if i == ENTRY else 1000.2 if i == SQUARE_OFF else price
        elif symbol == "UP" and i >= ENTRY:
            price = 500.0 if i == ENTRY else 505.5 if day % 2 else 504.5
            price += 0.05 * (i % 2) * (ENTRY < i < SQUARE_OFF - 1)
        yield opens, price
    if symbol == "BAD":
        yield session.closes, 200.0


def candles(sessions: Sequence[Session]) -> CandleColumns:
    symbols = ("FLAT", "UP", "BAD")
    rows = sorted(
        (ts, column, price)
        for column, symbol in enumerate(symbols)
        for day, session in enumerate(sessions)
        for ts, price in bars(symbol, session, day)
    )
    ts, column, price = (np.array(values) for values in zip(*rows, strict=True))
    volume = np.where(ts % 600 == 0, 900.0, 1100.0)
    return CandleColumns(symbols, ts, column.astype(np.int32), price, price + 0.05, price - 0.05, price, volume)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    folder = tmp_path_factory.mktemp("recommended")
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "signals.csv").write_text("time,symbol,action,tag\n")
    with Workspace(load(folder / "config.yaml", environ={})) as made:
        sessions = made.calendar.sessions(FIRST, LAST)
        lines = [f"{one.date}T10:00:00,{symbol},buy," for one in sessions for symbol in ("FLAT", "UP")]
        (folder / "signals.csv").write_text("\n".join(["time,symbol,action,tag", *lines]) + "\n")
        made.store.upsert(Interval.M5, candles(sessions))
        yield made


@pytest.fixture(scope="module")
def result(workspace: Workspace) -> RunResult:
    return backtest(workspace, Request(FIRST, LAST, strategies=("signals_file",)))


@pytest.fixture(scope="module")
def told(workspace: Workspace, result: RunResult) -> dict[str, Recommendation]:
    found = reports.of_result(result, workspace.configuration, workspace).analytics
    assert found is not None
    return {one.kind: one for one in found.recommendations}


def test_the_market_is_as_it_was_made(workspace: Workspace, result: RunResult) -> None:
    count = len(workspace.calendar.sessions(FIRST, LAST))
    assert count >= 20
    assert [trade.symbol for trade in result.trades] == ["FLAT"] * count
    assert {(trade.entry_price, trade.exit_price) for trade in result.trades} == {(Decimal(1000), Decimal("1000.2"))}


def test_the_strategy_that_lost_on_charges_is_named_with_its_money(
    told: dict[str, Recommendation], result: RunResult
) -> None:
    said, count = told["charges"], len(result.trades)
    gross = count * Decimal("0.2") * 300  # 30 % of a million at 1,000 a share
    charges = sum((fill.charges for fill in result.fills), Decimal(0))
    assert (said.subject, said.n) == ("signals_file", count)
    assert Decimal(said.numbers["gross_pnl"]) == gross > 0
    assert Decimal(said.numbers["net_pnl"]) == gross - charges < 0


def test_the_limit_that_refused_winners_is_named_with_what_they_made(
    told: dict[str, Recommendation], result: RunResult
) -> None:
    """From 500.00 at the next open to 504.50 and 505.50 by turns: 0.9 % and 1.1 %."""
    said, count = told["refused"], len(result.trades)
    odd = count // 2
    assert (said.subject, said.n) == ("max_trades_per_day", count)
    assert float(said.numbers["mean_pct"]) == pytest.approx((odd * 1.1 + (count - odd) * 0.9) / count, abs=1e-6)
    assert float(said.numbers["hit_rate"]) == 1.0
    charges = sum((fill.charges for fill in result.fills), Decimal(0))
    assert float(said.numbers["cost_pct"]) == pytest.approx(float(charges / (300_000 * count) * 100), abs=1e-6)


def test_the_symbol_with_bad_candles_is_named_with_their_number(
    told: dict[str, Recommendation], result: RunResult
) -> None:
    said = told["data"]
    assert (said.subject, said.n) == ("BAD", len(result.sessions))
    assert said.numbers == {"off_session": str(len(result.sessions))}


def test_nothing_else_is_said(told: dict[str, Recommendation], workspace: Workspace, result: RunResult) -> None:
    found = reports.of_result(result, workspace.configuration, workspace).analytics
    assert found is not None
    assert [one.kind for one in found.recommendations] == ["charges", "refused", "data"]
    assert len(told) == 3

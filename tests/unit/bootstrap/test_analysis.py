"""The analytics of a backtest: they agree with its trades and candles, whoever ran it and with how many workers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from livetrader.bootstrap import analysis, reports
from livetrader.bootstrap.replay import replay
from livetrader.bootstrap.research import Request, backtest
from livetrader.bootstrap.results import RunResult
from livetrader.bootstrap.tapes import tape_of
from livetrader.bootstrap.workspace import Workspace
from livetrader.config import load
from livetrader.domain.candles import Interval
from livetrader.domain.order import Purpose
from livetrader.marketdata.simulated import simulate
from livetrader.reporting.analytics import Analytics
from livetrader.reporting.document import render
from livetrader.reporting.refused import TAKEN
from livetrader.store.memory import MemoryJournal

FIRST, LAST = date(2026, 2, 2), date(2026, 2, 27)
SYMBOLS = tuple(f"STOCK{i}" for i in range(8))
REQUEST = Request(FIRST, LAST)


def opened(folder: Path, symbols: str = ",".join(SYMBOLS)) -> Workspace:
    return Workspace(
        load(None, environ={"LIVETRADER__SYMBOLS": symbols, "XDG_CONFIG_HOME": str(folder)}, directory=folder)
    )


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Eight simulated stocks and the index: a month that is traded, and seventy sessions before it."""
    with opened(tmp_path_factory.mktemp("analysis")) as made:
        sessions = (*made.calendar.before(FIRST, 70), *made.calendar.sessions(FIRST, LAST))
        made.store.upsert(Interval.M5, simulate((*SYMBOLS, "NIFTY"), sessions, 5))
        yield made


@pytest.fixture(scope="module")
def result(workspace: Workspace) -> RunResult:
    made = backtest(workspace, REQUEST)
    assert len(made.trades) > 20, "the seed must give trades, or these tests show nothing"
    return made


@pytest.fixture(scope="module")
def found(workspace: Workspace, result: RunResult) -> Analytics:
    made = reports.of_result(result, workspace.configuration, workspace).analytics
    assert made is not None
    return made


def test_the_document_is_the_same_in_replay_and_backtest(workspace: Workspace, result: RunResult) -> None:
    again = replay(workspace, REQUEST, MemoryJournal())
    assert json.loads(render(again.document()))["analytics"] == json.loads(render(result.document()))["analytics"]


def test_every_trade_has_its_excursion(found: Analytics, result: RunResult) -> None:
    assert list(found.excursions) == [one.trade_id for one in result.trades]
    for trade in result.trades:
        moved = found.excursions[trade.trade_id]
        gross = float(trade.gross_pnl / trade.quantity / trade.entry_price * 100)
        assert moved.result_pct == pytest.approx(gross, abs=1e-5)
        assert -moved.adverse_pct <= moved.result_pct <= moved.favourable_pct


def test_a_stopped_trade_went_against_us_at_least_as_far_as_its_loss(found: Analytics, result: RunResult) -> None:
    stopped = [one for one in result.trades if one.exit_reason == "stop"]
    assert stopped
    for trade in stopped:
        moved = found.excursions[trade.trade_id]
        assert moved.adverse_pct >= -moved.result_pct > 0


def test_the_charges_by_kind_are_what_the_trades_paid(found: Analytics, result: RunResult) -> None:
    assert not result.positions
    assert sum((amount for _, amount in found.charges), Decimal(0)) == result.statistics.total.charges
    assert "not itemised" not in dict(found.charges)


def test_stops_slip_by_the_venues_basis_points_and_gaps_only_add(found: Analytics, workspace: Workspace) -> None:
    rows = {one.purpose: one for one in found.slippage}
    assert set(rows) == {"entry", "exit", "stop", "all"}
    bps = rows["stop"].bps
    assert bps is not None
    # A price is rounded to its tick after it has slipped.
    assert bps >= float(workspace.settings.venue.slippage_bps) * 0.9


def test_an_exit_at_market_is_measured_against_the_last_close_before_it(
    found: Analytics, workspace: Workspace, result: RunResult
) -> None:
    exits = [one for one in result.orders if one.intent.purpose is Purpose.EXIT and one.filled_quantity]
    sessions = workspace.calendar.sessions(FIRST, LAST)
    tape = tape_of(workspace, {one.intent.symbol for one in exits}, sessions)
    paid = Decimal(0)
    for order in exits:
        bars = tape.bars(order.intent.symbol)
        known = [close for close, at in zip(bars.close, bars.closes, strict=True) if at <= order.intent.as_of]
        against = order.intent.action.sign * (order.average_price - Decimal(repr(float(known[-1]))))
        paid += against * order.filled_quantity
    assert next(one.paid for one in found.slippage if one.purpose == "exit") == paid


def test_what_was_taken_is_measured_beside_what_was_refused(found: Analytics, result: RunResult) -> None:
    taken, *refused = found.refused
    assert (taken.rule, taken.signals) == (TAKEN, len(result.trades))
    assert refused
    counted = {group.rule: group.count for group in reports.compose(result, load(None)).refused}
    assert all(one.signals <= counted[one.rule] for one in refused)


def test_a_signal_after_the_last_bar_before_the_square_off_has_no_forward_return(
    workspace: Workspace, result: RunResult
) -> None:
    late, tape = [], analysis.tape(result, workspace)
    for decision in result.decisions:
        session = workspace.calendar.at(decision.signal.as_of - 1)
        assert session is not None
        late.append(replace(decision, signal=replace(decision.signal, as_of=session.square_off)))
    assert not analysis.candles(replace(result, decisions=late), workspace, tape, ()).forwards


def test_symbols_of_one_market_are_correlated_over_enough_sessions(found: Analytics) -> None:
    spread = found.diversification
    assert spread is not None
    # A month is too short to say how symbols move together.
    assert (spread.correlation, spread.pairs) == (None, 0)


def test_the_correlation_of_a_longer_period_is_over_all_pairs(workspace: Workspace) -> None:
    request = Request(date(2026, 1, 1), LAST)
    made = reports.of_result(backtest(workspace, request), workspace.configuration, workspace).analytics
    assert made is not None
    assert made.diversification is not None
    assert made.diversification.correlation is not None
    held = len(made.diversification.by_symbol.weights)
    assert 0 < made.diversification.pairs <= held * (held - 1) / 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("symbol,sector\nA,IT\nB,Banks # big ones\nC,\n", {"A": "IT", "B": "Banks"}),
        ("# a list\nSymbol , Sector\nA,IT\n", {"A": "IT"}),
        ("symbol\nA\n", {}),
    ],
    ids=["sectors", "its header as people write it", "none"],
)
def test_sectors_are_a_column_of_the_symbol_list(tmp_path: Path, text: str, expected: dict[str, str]) -> None:
    (tmp_path / "mine.csv").write_text(text)
    with opened(tmp_path, "mine.csv") as made:
        assert analysis.sectors(made.configuration) == expected


def test_symbols_that_are_named_one_by_one_have_no_sectors(tmp_path: Path) -> None:
    with opened(tmp_path, "A,B") as made:
        assert analysis.sectors(made.configuration) == {}

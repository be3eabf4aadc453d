"""What the realistic model took, read off the candles: it is what the fills were worse than the prices they met."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from livetrader.bootstrap import reports
from livetrader.bootstrap.frictions import frictions_of
from livetrader.bootstrap.replay import Pace, replay_stored
from livetrader.bootstrap.research import Request, backtest
from livetrader.bootstrap.results import RunResult
from livetrader.bootstrap.tapes import tape_of
from livetrader.bootstrap.workspace import Workspace
from livetrader.config import load
from livetrader.domain.candles import Interval
from livetrader.domain.order import OrderType
from livetrader.marketdata.simulated import simulate
from livetrader.reporting.document import render

FIRST, LAST = date(2026, 2, 23), date(2026, 2, 27)
SYMBOLS = tuple(f"STOCK{i}" for i in range(8))
REQUEST = Request(FIRST, LAST)
REALISTIC = {"LIVETRADER__VENUE__MODEL": "realistic", "LIVETRADER__CAPITAL__AMOUNT": "30000000"}


def opened(folder: Path, **environ: str) -> Workspace:
    known = {"LIVETRADER__SYMBOLS": ",".join(SYMBOLS), "XDG_CONFIG_HOME": str(folder)}
    return Workspace(load(None, environ=known | environ, directory=folder))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A week of eight simulated stocks, whose money buys more than most bars hold."""
    with opened(tmp_path_factory.mktemp("frictions"), **REALISTIC) as made:
        sessions = (*made.calendar.before(FIRST, 70), *made.calendar.sessions(FIRST, LAST))
        made.store.upsert(Interval.M5, simulate((*SYMBOLS, "NIFTY"), sessions, 5))
        yield made


@pytest.fixture(scope="module")
def result(workspace: Workspace) -> RunResult:
    made = backtest(workspace, REQUEST)
    orders = [fill.intent_id for fill in made.fills]
    assert len(made.trades) > 8, "the seed must give trades, or these tests show nothing"
    assert len(orders) > len(set(orders)), "and orders that fill in parts"
    return made


def test_they_are_what_market_orders_paid_beyond_the_opens_that_they_met(
    workspace: Workspace, result: RunResult
) -> None:
    """Asked of the candles in another way: the open of a fill's bar, or the last price where a session left a rest."""
    tape = tape_of(workspace, set(SYMBOLS), result.sessions)
    intents = {order.intent.intent_id: order.intent for order in result.orders}
    closes = {session.closes for session in result.sessions}
    fills = [fill for fill in result.fills if intents[fill.intent_id].order_type is OrderType.MARKET]
    expected = Decimal(0)
    for fill in fills:
        at, bars = int(fill.filled_at.timestamp()), tape.bars(fill.symbol)
        met = bars.open[bars.ts.searchsorted(at)] if at not in closes else bars.close[bars.ts.searchsorted(at) - 1]
        expected += fill.action.sign * fill.quantity * (fill.price - Decimal(repr(round(float(met), 4))))
    found = frictions_of(replace(result, fills=fills), workspace)
    assert found is not None
    assert found.total.total > 1000
    assert abs(found.total.total - expected) <= Decimal("0.01") * len(fills)


def test_the_trades_have_all_of_it_and_the_total_is_their_sum(result: RunResult) -> None:
    found = result.frictions
    assert found is not None
    assert not result.positions
    assert sorted(found.by_trade) == sorted(trade.trade_id for trade in result.trades)
    assert sum(one.slippage for one in found.by_trade.values()) == found.total.slippage > 0
    assert sum(one.impact for one in found.by_trade.values()) == found.total.impact > 0


def test_no_fill_slips_by_less_than_the_floor_or_by_more_than_the_cap(workspace: Workspace, result: RunResult) -> None:
    """Each by itself; a price is rounded after it has slipped, and a target pays nothing."""
    for fill in result.fills:
        found = frictions_of(replace(result, fills=[fill]), workspace)
        assert found is not None
        bps = found.total.slippage / (fill.quantity * fill.price) * 10_000
        assert found.total.total == 0 or Decimal("1.9") <= bps <= Decimal("10.1")


def test_charges_are_itemised_also_where_orders_fill_in_parts(workspace: Workspace, result: RunResult) -> None:
    found = reports.of_result(result, workspace.configuration).analytics
    assert found is not None
    assert "not itemised" not in dict(found.charges)
    assert sum(amount for _, amount in found.charges) == result.statistics.total.charges


def test_the_document_has_them_and_the_fixed_models_has_not(result: RunResult) -> None:
    read = json.loads(render(result.document()))
    assert list(read)[-1] == "frictions"
    assert set(read["frictions"]) == {"slippage", "impact", "trades"}
    assert {row["trade_id"] for row in read["frictions"]["trades"]} == {row["trade_id"] for row in read["trades"]}
    assert "frictions" not in json.loads(render(replace(result, frictions=None).document()))


@pytest.mark.parametrize("form", ["terminal", "html", "json"])
def test_the_days_report_states_every_assumption_and_what_it_cost(workspace: Workspace, form: str) -> None:
    replay_stored(workspace, Request(LAST, LAST), Pace())
    made, _ = reports.of_state(workspace.configuration, "replay", None, candles=form != "terminal")
    text = reports.render(made, form, workspace.calendar.timezone)
    assert made.frictions is not None
    for stated in (
        "250 ms",
        "at most 10 %",
        "2 bps + 0.1 × volatility",
        "at most 10 bps",
        "impact, on top",
        "last 20 ",
    ):
        assert stated in text
    assert ("by trade" if form != "json" else '"frictions"') in text


def test_a_fill_whose_candles_are_gone_is_left_out(workspace: Workspace, result: RunResult) -> None:
    strange = replace(result.fills[0], symbol="GONE")
    found = frictions_of(replace(result, fills=[strange]), workspace)
    assert found is not None
    assert (found.total.total, dict(found.by_trade)) == (0, {})

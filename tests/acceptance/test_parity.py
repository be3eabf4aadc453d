"""The promise that everything else rests on: the live loop does what the backtest said, value for value.

A backtest, a replay through the live loop, a replay whose process ends in every session and is started anew, and a
backtest in two processes give the same trades, prices, charges, account value and rendered document.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from markets import Market
from runs import assert_same, backtest, journal, replayed

from livetrader.bootstrap.research import Request
from livetrader.bootstrap.results import RunResult
from livetrader.constraints.verdict import Refused
from livetrader.domain.candles import Interval
from livetrader.domain.signal import Side
from livetrader.reporting.analytics import analyse

EQUITY = ("breakdown_fade_long", "momentum_long", "breakout_fade_short", "momentum_short", "exhaustion_short")
INDIA = ZoneInfo("Asia/Kolkata")
CRYPTO = ("sma_cross", "macd_momentum", "rsi_reversion")

# Room for every signal to become a trade.
UNLIMITED: Mapping[str, object] = {
    "constraints.max_open_positions": None,
    "constraints.max_trades_per_day": None,
    "constraints.max_trades_per_strategy": None,
    "capital.allocation_pct": 12,
}
COMPOUND: Mapping[str, object] = {"capital.compound": True}
# So much money that bars do not hold what is wanted: orders fill in parts.
REALISTIC: Mapping[str, object] = {"venue.model": "realistic", "capital.amount": 50_000_000}


def entries(names: tuple[str, ...], **settings: object) -> dict[str, object]:
    """The same settings for several strategies; `exit__kind` is `exit.kind`."""
    return {
        f"strategies.entries.{name}.{key.replace('__', '.')}": value
        for name in names
        for key, value in settings.items()
    }


@dataclass(frozen=True)
class Scenario:
    """A market (a fixture's name), settings, exit reasons that must occur, what to ask for, and the least of trades."""

    market: str
    settings: Mapping[str, object]
    reasons: set[str]
    request: Mapping[str, object] = field(default_factory=dict)
    trades: int = 4


SCENARIOS = {
    "every exit, unlimited, compound": Scenario(
        "drill",
        {
            **entries(EQUITY[:1], exit__kind="none"),
            **entries(EQUITY[1:2], exit__kind="trailing_atr"),
            **entries(EQUITY[2:4], exit__kind="percent"),
            **entries(EQUITY[4:], exit__kind="step_trail", exit__activation_pct=0.3),
            **UNLIMITED,
            **COMPOUND,
        },
        {"stop", "target", "trailing", "square_off"},
    ),
    "large_cap": Scenario("drill", {}, {"trailing", "square_off"}),
    "original": Scenario("drill", {**UNLIMITED, "strategies.preset": "original"}, {"trailing"}),
    "corporate actions": Scenario("drill", {**UNLIMITED, "market.corporate_actions": "actions.csv"}, {"trailing"}),
    "exits on 1m bars": Scenario(
        "drill",
        UNLIMITED,
        {"trailing"},
        {"symbols": "STOCK00,STOCK01,STOCK02,STOCK03,STOCK07", "first": date(2024, 3, 2), "last": date(2024, 3, 4)},
    ),
    "swing": Scenario(
        "muhurat",
        {
            **entries((*EQUITY, *CRYPTO), style="swing", exit__atr_multiple=15.0),
            **COMPOUND,
            "venue.charges": "nse_delivery",
            "capital.allocation_pct": 20,
        },
        {"trailing", "end_of_data"},
    ),
    "a preset of limits": Scenario(
        "drill",
        {
            **entries((*EQUITY, *CRYPTO), exit__atr_multiple=1.0),
            **UNLIMITED,
            "capital.allocation_pct": 9,
            "constraints.preset": "nse_intraday",
            "constraints.max_strategy_pct": 18,
            "constraints.max_leverage": 0.2,
            "constraints.stop_cooldown_minutes": 60,
            "constraints.max_consecutive_losses": 3,
            "constraints.max_daily_loss": 2000,
            "constraints.max_volatility_pct": 6,
            "constraints.sectors": "sectors.csv",
            "constraints.max_sector_pct": 18,
        },
        {"stop", "trailing"},
    ),
    "scalp": Scenario(
        "drill",
        {
            **entries(EQUITY, enabled=False),
            **entries(CRYPTO, style="scalp", interval="1m", exit__atr_multiple=4.0),
            **UNLIMITED,
        },
        {"time", "trailing"},
        {"symbols": "STOCK00,STOCK01,STOCK02", "first": date(2024, 3, 2), "last": date(2024, 3, 4)},
    ),
    "btst": Scenario(
        "muhurat",
        {
            **entries((*EQUITY, *CRYPTO), style="btst", exit__atr_multiple=6.0),
            "capital.allocation_pct": 20,
        },
        {"trailing", "square_off"},
    ),
    "the portfolio stop": Scenario(
        "muhurat",
        {
            **entries((*EQUITY, *CRYPTO), style="swing", exit__atr_multiple=15.0),
            **COMPOUND,
            "constraints.portfolio_stop_pct": 0.3,
        },
        {"portfolio_stop"},
        trades=2,
    ),
    "24x7": Scenario(
        "coins",
        {
            **entries(CRYPTO, exit__kind="step_trail"),
            **entries(EQUITY, enabled=False),
            **COMPOUND,
            "venue.charges": "binance_futures",
        },
        {"trailing", "stop"},
    ),
    "realistic": Scenario(
        "drill",
        {
            **entries(EQUITY[:2], exit__kind="trailing_atr"),
            **entries(EQUITY[2:], exit__kind="percent", exit__take_profit_pct=0.4),
            **UNLIMITED,
            **COMPOUND,
            **REALISTIC,
        },
        {"stop", "target", "square_off"},
    ),
    "realistic on 1m bars": Scenario(
        "drill",
        {**UNLIMITED, **REALISTIC, "venue.realistic.latency_ms": 90_000},
        {"stop"},
        {"symbols": "STOCK00,STOCK01,STOCK02,STOCK03,STOCK07", "first": date(2024, 3, 2), "last": date(2024, 3, 4)},
    ),
    "realistic swing": Scenario(
        "muhurat",
        {
            **entries((*EQUITY, *CRYPTO), style="swing", exit__atr_multiple=15.0),
            **COMPOUND,
            **REALISTIC,
            "capital.lots": "fifo",
            "venue.charges": "nse_delivery",
            "capital.allocation_pct": 20,
        },
        {"trailing", "end_of_data"},
    ),
    "realistic 24x7": Scenario(
        "coins",
        {
            **entries(CRYPTO, exit__kind="percent"),
            **entries(EQUITY, enabled=False),
            **COMPOUND,
            **REALISTIC,
            "venue.charges": "binance_futures",
        },
        {"target", "stop"},
    ),
}
IN_PARTS = tuple(name for name in SCENARIOS if name.startswith("realistic"))

Backtested = Callable[[str], tuple[Market, Scenario, Request, RunResult]]


@pytest.fixture(scope="module")
def backtested(request: pytest.FixtureRequest) -> Backtested:
    """A scenario's backtest, run once."""
    known: dict[str, RunResult] = {}

    def find(name: str) -> tuple[Market, Scenario, Request, RunResult]:
        scenario = SCENARIOS[name]
        market: Market = request.getfixturevalue(scenario.market)
        asked = market.request(**scenario.request)
        if name not in known:
            known[name] = backtest(market, scenario.settings, asked)
        return market, scenario, asked, known[name]

    return find


def stops(result: RunResult) -> list[int]:
    """One instant in every session: by turns its middle, the close of its first signal (the order is at the venue,
    not filled), and the square-off (the closing order is)."""
    found = []
    for i, session in enumerate(result.sessions):
        inside = [d.signal.as_of for d in result.decisions if session.opens < d.signal.as_of < session.closes]
        middle = (session.opens + session.closes) // 2
        found.append((middle, min(inside, default=middle), min(session.square_off, session.closes - 300))[i % 3])
    return found


def between_parts(result: RunResult) -> list[int]:
    """Instants at which an order has filled in part: where the first one of each session, and each purpose, waits."""
    seen: dict[object, int] = {}
    begun: set[str] = set()
    purposes = {order.intent.intent_id: order.intent.purpose for order in result.orders}
    for fill in result.fills:
        if fill.intent_id in begun:
            at = int(fill.filled_at.timestamp())
            seen.setdefault((fill.filled_at.date(), purposes[fill.intent_id]), at)
        begun.add(fill.intent_id)
    return sorted(seen.values())


@pytest.mark.parametrize("name", IN_PARTS)
def test_realistic_orders_fill_in_parts(backtested: Backtested, name: str) -> None:
    """Else the scenario would show nothing of how what is left of an order comes back after a restart."""
    *_, result = backtested(name)
    assert between_parts(result)
    assert result.frictions is not None
    assert result.frictions.total.slippage > 0
    assert result.frictions.total.impact > 0


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_trades_in_the_ways_that_it_is_there_for(backtested: Backtested, name: str) -> None:
    _, scenario, _, result = backtested(name)
    assert len(result.trades) >= scenario.trades
    assert scenario.reasons <= {trade.exit_reason for trade in result.trades}


def test_every_kind_of_limit_refuses_an_entry_where_a_preset_is_on(backtested: Backtested) -> None:
    *_, result = backtested("a preset of limits")
    refused = {decision.verdict.rule for decision in result.decisions if isinstance(decision.verdict, Refused)}
    wanted = {"consecutive_losses", "stop_cooldown", "strategy_allocation", "sector_concentration", "leverage"}
    assert wanted | {"volatility"} <= refused


def test_corporate_actions_change_what_is_traded(backtested: Backtested) -> None:
    market, scenario, asked, result = backtested("corporate actions")
    settings = {**scenario.settings, "market.corporate_actions": None}
    assert list(backtest(market, settings, asked).trades) != list(result.trades)


def test_swing_positions_are_held_over_the_muhurat_hour_and_the_months_end(backtested: Backtested) -> None:
    *_, result = backtested("swing")
    hour = next(session for session in result.sessions if session.kind == "muhurat")
    opens, closes = (datetime.fromtimestamp(at, UTC) for at in (hour.opens, hour.closes))
    assert any(trade.entry_at < opens and trade.exit_at > closes for trade in result.trades)


def test_btst_is_sold_in_the_next_session_at_the_latest(backtested: Backtested) -> None:
    """At its square-off; the Muhurat hour is a session, and its square-off is ten minutes before its end."""
    market, _, _, result = backtested("btst")
    with market.workspace({}) as workspace:
        following = {one.date: workspace.calendar.after(one.date) for one in result.sessions}
    closed = [trade for trade in result.trades if trade.exit_reason == "square_off"]
    for trade in closed:
        then = following[trade.entry_at.astimezone(INDIA).date()]
        assert then is not None
        assert trade.exit_at.timestamp() in range(then.square_off, then.closes + 1)
    assert any(trade.session == date(2024, 11, 1) for trade in closed)
    held = [(trade.session - trade.entry_at.astimezone(INDIA).date()).days for trade in result.trades]
    assert max(held) <= 3, "from a Friday to a Monday"


def test_what_is_carried_is_charged_as_delivery(backtested: Backtested) -> None:
    """Whatever the table that is configured; and the report knows every charge by its kind."""
    market, scenario, asked, result = backtested("btst")
    delivery = backtest(market, {**scenario.settings, "venue.charges": "nse_delivery"}, asked)
    assert list(delivery.trades) == list(result.trades)
    kinds = dict(analyse(result.records({})).charges)
    assert "not itemised" not in kinds
    assert kinds["stt"] > sum(trade.quantity * trade.entry_price for trade in result.trades) * Decimal("0.0019")


@pytest.mark.parametrize("name", ["btst", "swing"])
def test_nobody_shorts_delivery(backtested: Backtested, name: str) -> None:
    *_, result = backtested(name)
    assert {trade.side for trade in result.trades} == {Side.LONG}
    refused = [one.verdict for one in result.decisions if isinstance(one.verdict, Refused)]
    shorts = [one.intent.side for one in refused if one.rule == "no_short_delivery"]
    assert shorts
    assert set(shorts) == {Side.SHORT}


def test_a_scalp_decides_on_1m_bars_and_ends_after_fifteen_minutes(backtested: Backtested) -> None:
    *_, result = backtested("scalp")
    assert {decision.signal.interval for decision in result.decisions} == {Interval.M1}
    held = {(trade.exit_at - trade.entry_at).total_seconds() for trade in result.trades if trade.exit_reason == "time"}
    assert held == {15 * 60}
    assert all(trade.exit_at - trade.entry_at <= timedelta(minutes=15) for trade in result.trades)


def test_a_position_is_held_over_the_pause_of_a_session_in_two_parts(backtested: Backtested) -> None:
    *_, result = backtested("large_cap")
    (drill,) = (session for session in result.sessions if len(session.parts) == 2)
    begins, ends = (datetime.fromtimestamp(at, UTC) for at in (drill.parts[0][1], drill.parts[1][0]))
    assert any(trade.entry_at < begins and trade.exit_at >= ends for trade in result.trades)


def test_exits_happen_between_5m_closes_where_there_are_1m_bars(backtested: Backtested) -> None:
    *_, result = backtested("exits on 1m bars")
    fine = {trade.symbol for trade in result.trades if trade.exit_at.minute % 5}
    assert fine
    assert fine <= {"STOCK00", "STOCK01", "STOCK02"}


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_live_loop_gives_what_the_backtest_gave(backtested: Backtested, name: str, tmp_path: Path) -> None:
    """Also when its process ends in every session, and in the middle of what fills in parts, and is started anew."""
    market, scenario, asked, expected = backtested(name)
    once, restarted = tmp_path / "once", tmp_path / "restarted"
    assert_same(expected, replayed(market, scenario.settings, asked, once))
    instants = {*stops(expected), *between_parts(expected)}
    assert_same(expected, replayed(market, scenario.settings, asked, restarted, instants))
    with journal(once) as one, journal(restarted) as other:
        assert one.fills() == other.fills()
        assert one.equities() == other.equities()  # the cash too


@pytest.mark.slow
@pytest.mark.parametrize("name", ["realistic swing", "a preset of limits", "the portfolio stop"])
def test_two_processes_give_what_one_gave(backtested: Backtested, name: str) -> None:
    market, scenario, asked, expected = backtested(name)
    assert_same(expected, backtest(market, scenario.settings, replace(asked, workers=2)))


@pytest.mark.slow
def test_real_candles_give_the_same_restarted_in_every_session(vendor_b: Market, tmp_path: Path) -> None:
    asked = vendor_b.request()
    expected = backtest(vendor_b, {}, asked)
    assert len(expected.trades) > 50
    assert_same(expected, replayed(vendor_b, {}, asked, tmp_path, stops(expected)))


@pytest.mark.slow
def test_real_candles_of_two_vendors_give_the_same_in_every_way(vendors: Market, tmp_path: Path) -> None:
    """One with zero-volume opens, sessions of a bar (2 February) and a stock that stops (26 February), one with ghost
    bars and missing opens. The live loop goes through February."""
    settings = {**entries(EQUITY, exit__kind="percent"), **COMPOUND}
    whole, february = vendors.request(), vendors.request(last=date(2026, 2, 27))
    expected = backtest(vendors, settings, whole)
    assert len(expected.trades) > 50
    assert_same(expected, backtest(vendors, settings, replace(whole, workers=2)))
    assert_same(backtest(vendors, settings, february), replayed(vendors, settings, february, tmp_path))

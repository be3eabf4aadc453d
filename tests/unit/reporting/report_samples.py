"""Seeded trades, candles and reports for the reporting tests; nothing here comes from a market."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np

from livetrader.constraints.verdict import Approved, Refused
from livetrader.domain.candles import Interval
from livetrader.domain.exit_plan import ExitReason
from livetrader.domain.instrument import Product
from livetrader.domain.order import Action, OrderIntent, OrderType, Purpose
from livetrader.domain.order_state import OrderState
from livetrader.domain.position import Trade
from livetrader.domain.session import Session
from livetrader.domain.signal import Side, Signal
from livetrader.domain.trades import OpenPosition
from livetrader.ports import Decision, OrderRecord
from livetrader.reporting.daily import (
    DataIssue,
    Holding,
    Report,
    TradeChart,
    assumptions,
    refusals,
)
from livetrader.reporting.statistics import EquityPoint, statistics

IST = ZoneInfo("Asia/Kolkata")
DAY = date(2026, 2, 2)
CAPITAL = Decimal(1_000_000)
SYMBOLS = ("RELIANCE", "HDFCBANK", "TCS", "M&M", "INFY", "BAJAJ-AUTO", "SBIN", "LT")
STRATEGIES = ("momentum_long", "momentum_short", "exhaustion_short", "breakdown_fade_long")


def at(clock: str, day: date = DAY) -> datetime:
    """A time of day in India, as an aware UTC datetime."""
    hour, minute = map(int, clock.split(":"))
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=IST).astimezone(UTC)


def session(day: date = DAY) -> Session:
    opens, closes = (int(at(clock, day).timestamp()) for clock in ("09:15", "15:30"))
    return Session(day, ((opens, closes),), closes - 600)


def trade(
    net: str | Decimal = "100",
    *,
    gross: str | Decimal | None = None,
    name: str = "t1",
    strategy: str = "momentum_long",
    symbol: str = "RELIANCE",
    side: Side = Side.LONG,
    entry_at: datetime | None = None,
    exit_at: datetime | None = None,
    entry_price: str | Decimal = "2500",
    exit_price: str | Decimal = "2510",
    quantity: str | Decimal = "10",
    reason: str = ExitReason.TARGET,
) -> Trade:
    """A trade of which a test names only what it is about."""
    net_pnl = Decimal(net)
    gross_pnl = net_pnl if gross is None else Decimal(gross)
    entered = entry_at or at("10:00")
    return Trade(
        name, entered.astimezone(IST).date(), strategy, symbol, side, Decimal(quantity), entered,
        Decimal(entry_price), exit_at or entered + timedelta(hours=1), Decimal(exit_price), reason, gross_pnl,
        gross_pnl - net_pnl, net_pnl,
    )  # fmt: skip


def order(state: OrderState = OrderState.UNKNOWN, *, filled: str = "0", reason: str = "timeout") -> OrderRecord:
    intent = OrderIntent(
        "q7xk2m4c6v5b3n2z7a4d", "main", "momentum_long", "TCS", Side.LONG, Action.BUY, Purpose.ENTRY,
        Product.MIS, OrderType.MARKET, Decimal(25), Decimal("3300.50"), int(at("11:05").timestamp()),
    )  # fmt: skip
    return OrderRecord(intent, state, None, Decimal(filled), Decimal("3301.25"), reason, at("11:05"), at("11:06"))


def decision(rule: str | None, symbol: str = "SBIN", *, note: str = "") -> Decision:
    """A decision that `rule` refused; with None, one without a verdict (with a `note`) or an approved one."""
    as_of = int(at("10:35").timestamp())
    signal = Signal("momentum_long", "11", symbol, Side.LONG, Interval.M5, as_of - 300, as_of, 810.5, math.nan)
    intent = order().intent
    if rule is None:
        return Decision(signal, None if note else Approved(intent, ()), note)
    numbers = {"open": "12", "limit": "12"}
    return Decision(signal, Refused(intent, rule, "12 positions are open, 12 are allowed", numbers, ()))


def walk(rng: np.random.Generator, start: float, bars: int) -> TradeChart:
    """A random walk of 5-minute candles from 09:15 on, one bar of it not traded."""
    closes = start * np.exp(np.cumsum(rng.normal(0, 0.0016, bars)))
    opens = np.concatenate([[start], closes[:-1]])
    spread = np.abs(rng.normal(0, 0.0011, (2, bars)))
    highs = np.maximum(opens, closes) * (1 + spread[0])
    lows = np.minimum(opens, closes) * (1 - spread[1])
    for field in (opens, highs, lows, closes):
        field[bars // 7] = math.nan
    first = int(at("09:15").timestamp())
    ts = [first + 300 * i for i in range(bars)]
    return TradeChart(ts, *(field.round(2).tolist() for field in (opens, highs, lows, closes)))


def trailing(side: Side, chart: TradeChart, entry: int, leave: int) -> list[tuple[int, float]]:
    """The path of a trailing stop from bar `entry` to bar `leave`."""
    start = chart.open[entry]
    best, path = start, []
    for i in range(entry, leave + 1):
        level = round(best * (1 - side.sign * 0.006), 2)
        if not path or level != path[-1][1]:
            path.append((chart.ts[i], level))
        extreme = chart.high[i] if side is Side.LONG else chart.low[i]
        best = max(best, extreme) if side is Side.LONG else min(best, extreme)
    return path


def day_trades(seed: int, count: int) -> tuple[list[Trade], dict[str, TradeChart]]:
    rng = np.random.default_rng(seed)
    trades, charts = [], {}
    for i in range(count):
        symbol, strategy = SYMBOLS[i % len(SYMBOLS)], STRATEGIES[i % len(STRATEGIES)]
        side = Side.SHORT if strategy.endswith("short") else Side.LONG
        chart = walk(rng, float(rng.uniform(400, 4000)), 75)
        entry = int(rng.integers(12, 40))
        leave = entry + int(rng.integers(4, 30))
        quantity = Decimal(int(100_000 / chart.open[entry]))
        bought, sold = Decimal(str(chart.open[entry])), Decimal(str(chart.close[leave]))
        gross = side.sign * quantity * (sold - bought)
        reason = (ExitReason.TRAILING, ExitReason.TARGET, ExitReason.STOP, ExitReason.SQUARE_OFF)[i % 4]
        trades.append(
            trade(
                gross - Decimal("62.41"), gross=gross, name=f"t{i}", strategy=strategy, symbol=symbol,
                side=side, entry_at=datetime.fromtimestamp(chart.ts[entry], UTC),
                exit_at=datetime.fromtimestamp(chart.ts[leave], UTC),
                entry_price=bought, exit_price=sold, quantity=quantity, reason=reason,
            )
        )  # fmt: skip
        stop = trailing(side, chart, entry, leave)
        charts[f"t{i}"] = TradeChart(chart.ts, chart.open, chart.high, chart.low, chart.close, stop)
    trades.sort(key=lambda each: each.entry_at)
    return trades, charts


def curve(trades: Sequence[Trade]) -> list[EquityPoint]:
    """The account's value at each 5-minute close of the day, from realised profits alone."""
    closes = range(session().opens + 300, session().closes + 1, 300)
    return [(close, CAPITAL + sum(t.net_pnl for t in trades if t.exit_at.timestamp() < close)) for close in closes]


def report(seed: int = 7, count: int = 6, *, unknown: bool = False, mode: str = "PAPER") -> Report:
    """A day's report with some of everything, or with `count` 0 a day on which nothing happened."""
    trades, charts = day_trades(seed, count)
    equity = curve(trades)
    some = count > 0
    held = OpenPosition(
        "INFY", Side.LONG, Decimal(40), Decimal("1512.35"), "momentum_long", "x", at("13:10"), Decimal(12)
    )
    refused = [decision("max_positions")] * 5 + [
        decision("symbol_cooldown", "LT"),
        decision(None, note="no price"),
    ]
    return Report(
        mode=mode,
        title="NIFTY 50, large_cap preset",
        sessions=(DAY,),
        currency="INR",
        starting_capital=CAPITAL,
        trades=trades,
        equity=equity,
        statistics=statistics(trades, equity, starting_capital=CAPITAL, sessions=(session(),)),
        holdings=(Holding(held, Decimal("1520.10"), Decimal("1498.00")),) if some else (),
        unknown=(order(),) if unknown else (),
        refused=refusals(refused) if some else (),
        data=(
            DataIssue("LTIM", "missing", 12, "12 bars of the session are missing; no signal on them"),
            DataIssue("TCS", "spike", 1, "a high 31 % above its neighbours was dropped"),
        )
        if some
        else (),
        assumptions=assumptions(2, "nse_intraday"),
        charts=charts,
    )

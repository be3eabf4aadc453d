"""A seeded period of several sessions, with its records, for the tests of the analytics and the tear sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
from report_samples import CAPITAL, IST, STRATEGIES, SYMBOLS, at, report, session, trade

from livetrader.domain.costs import charge_table
from livetrader.domain.exit_plan import ExitReason
from livetrader.domain.position import Trade
from livetrader.domain.session import Session
from livetrader.domain.signal import Side
from livetrader.reporting.analytics import Candles, Records, analyse
from livetrader.reporting.daily import Report
from livetrader.reporting.excursions import Excursion
from livetrader.reporting.issues import DataIssue
from livetrader.reporting.refused import TAKEN, Forward
from livetrader.reporting.statistics import EquityPoint, statistics

REASONS = (ExitReason.STOP, ExitReason.TRAILING, ExitReason.TARGET, ExitReason.SQUARE_OFF)
FIRST = date(2026, 2, 2)


def weekdays(count: int, first: date = FIRST) -> list[date]:
    days = (first + timedelta(i) for i in range(count * 2 + 2))
    return [day for day in days if day.weekday() < 5][:count]


def period_trades(days: Sequence[date], seed: int = 3, a_day: int = 3) -> list[Trade]:
    """`a_day` trades a day, in the order of their exits."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(len(days) * a_day):
        day, nth = days[number // a_day], number % a_day
        net = Decimal(int(rng.normal(40, 900)))
        entered = at(f"{10 + nth}:15", day)
        found.append(
            trade(
                net, gross=net + 60, name=f"p{number}", strategy=STRATEGIES[number % len(STRATEGIES)],
                symbol=SYMBOLS[int(rng.integers(len(SYMBOLS)))], side=Side.SHORT if number % 2 else Side.LONG,
                entry_at=entered, exit_at=entered + timedelta(minutes=35), reason=REASONS[number % 4],
            )
        )  # fmt: skip
    return found


def closes(trades: Sequence[Trade], sessions: Sequence[Session]) -> list[EquityPoint]:
    """The account's value at each session's close, the capital at the first open before them."""
    made = [sum(t.net_pnl for t in trades if t.exit_at.timestamp() < one.closes) for one in sessions]
    points = [(one.closes, CAPITAL + net) for one, net in zip(sessions, made, strict=True)]
    return [(sessions[0].opens, CAPITAL), *points]


def records(trades: Sequence[Trade], days: Sequence[date]) -> Records:
    sessions = [session(day) for day in days]
    return Records(
        trades=trades, equity=closes(trades, sessions), starting_capital=CAPITAL, sessions=sessions, orders=(),
        fills=(), zone=IST, per_year=252, currency="INR", charges=charge_table("nse_intraday"),
    )  # fmt: skip


def candles(trades: Sequence[Trade], seed: int = 5) -> Candles:
    rng = np.random.default_rng(seed)
    moves = {one.trade_id: Excursion(one.trade_id, *rng.uniform(0, 2, 2).round(3), 0.1, 0.1, 0.2) for one in trades}
    forwards = [
        Forward(rule, "s", "X", float(pct)) for rule in (TAKEN, "max_positions") for pct in rng.normal(0, 1, 30)
    ]
    return Candles(excursions=moves, forwards=forwards, data=(DataIssue("TCS", "gap", 400),))


def period_report(count: int = 45, a_day: int = 3, *, seen: bool = True) -> Report:
    """The tear sheet of `count` sessions, with what needs candles or without."""
    days = weekdays(count)
    trades = period_trades(days, a_day=a_day)
    kept = records(trades, days)
    return replace(
        report(count=0),
        title="Period",
        sessions=days,
        trades=trades,
        equity=kept.equity,
        statistics=statistics(trades, kept.equity, starting_capital=CAPITAL, sessions=kept.sessions),
        analytics=analyse(kept, candles(trades) if seen else None),
    )

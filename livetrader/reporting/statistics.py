"""What a list of trades and an equity curve amount to. Pure: no clock, no files, no arrays.

Undefined numbers (a win rate of no trades, a profit factor without a loss) are None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from livetrader.reporting.returns import after_open, changes, daily_closes, sharpe_ratio

if TYPE_CHECKING:  # Trade comes with numpy, which the report does not need
    from livetrader.domain.position import Trade
    from livetrader.domain.session import Session

EquityPoint = tuple[int, Decimal]
"""(epoch seconds, the account's value then)."""

ZERO = Decimal(0)
PLACES = 12
"""Decimals of ratios: enough to agree with anybody's reckoning to 1e-9, few enough to be the same on every machine."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Trades added up. A winner made money after charges, a loser lost some; a trade may be neither.

    `win_rate` is winners / trades, `profit_factor` is net won / net lost, `expectancy` the mean net P&L.
    """

    trades: int
    winners: int
    losers: int
    win_rate: float | None
    gross_pnl: Decimal
    charges: Decimal
    net_pnl: Decimal
    profit_factor: float | None
    expectancy: Decimal | None
    average_win: Decimal | None
    average_loss: Decimal | None
    largest_win: Decimal | None
    largest_loss: Decimal | None


Groups = tuple[tuple[str, Summary], ...]


@dataclass(frozen=True, slots=True)
class Drawdown:
    """The deepest fall of the equity from an earlier peak. `pct` is of the peak; times are epoch seconds."""

    value: Decimal
    pct: float | None
    peak_at: int
    trough_at: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """`exposure_seconds` is the time with at least one open trade, `exposure_pct` its part of the sessions.

    `return_pct` is the equity's, from `starting_capital`. `sharpe` is annualised, from daily returns.
    """

    total: Summary
    return_pct: float | None
    drawdown: Drawdown | None
    sharpe: float | None
    exposure_seconds: int
    exposure_pct: float | None
    by_strategy: Groups
    by_symbol: Groups


def statistics(
    trades: Sequence[Trade],
    equity: Sequence[EquityPoint],
    *,
    starting_capital: Decimal | None = None,
    sessions: Sequence[Session] = (),
    sessions_per_year: int = 252,
    quantum: Decimal = Decimal("0.01"),
) -> Statistics:
    """The statistics of `trades` and of the curve `equity` (in time order).

    `starting_capital` is the curve's value before its first point. Averages of money are rounded half up to
    `quantum`. `sessions_per_year` is 252 for NSE, 365 for 24/7 markets.
    """
    curve = _from_capital(equity, starting_capital, sessions)
    held = _union((_epoch(trade.entry_at), _epoch(trade.exit_at)) for trade in trades)
    return Statistics(
        total=summary(trades, quantum),
        return_pct=_return_pct(curve),
        drawdown=drawdown(curve),
        sharpe=sharpe(after_open(equity, sessions[0].opens if sessions else 0), sessions_per_year, starting_capital),
        exposure_seconds=sum(end - start for start, end in held),
        exposure_pct=_exposure_pct(held, sessions),
        by_strategy=grouped(trades, lambda trade: trade.strategy, quantum=quantum),
        by_symbol=grouped(trades, lambda trade: trade.symbol, quantum=quantum),
    )


def summary(trades: Sequence[Trade], quantum: Decimal = Decimal("0.01")) -> Summary:
    """`trades` added up."""
    net = [trade.net_pnl for trade in trades]
    won = [pnl for pnl in net if pnl > 0]
    lost = [pnl for pnl in net if pnl < 0]
    return Summary(
        trades=len(net),
        winners=len(won),
        losers=len(lost),
        win_rate=ratio(Decimal(len(won)), Decimal(len(net))),
        gross_pnl=sum((trade.gross_pnl for trade in trades), ZERO),
        charges=sum((trade.charges for trade in trades), ZERO),
        net_pnl=sum(net, ZERO),
        profit_factor=ratio(sum(won, ZERO), -sum(lost, ZERO)),
        expectancy=_mean(net, quantum),
        average_win=_mean(won, quantum),
        average_loss=_mean(lost, quantum),
        largest_win=max(won, default=None),
        largest_loss=min(lost, default=None),
    )


def grouped(
    trades: Iterable[Trade],
    key: Callable[[Trade], str],
    order: Sequence[str] = (),
    quantum: Decimal = Decimal("0.01"),
) -> Groups:
    """The summaries of `trades` by `key`, in `order`; names that are not in it follow, sorted."""
    groups: dict[str, list[Trade]] = {}
    for trade in trades:
        groups.setdefault(key(trade), []).append(trade)
    place = {name: i for i, name in enumerate(order)}
    names = sorted(groups, key=lambda name: (place.get(name, len(place)), name))
    return tuple((name, summary(groups[name], quantum)) for name in names)


def ratio(part: Decimal, whole: Decimal) -> float | None:
    """part / whole, rounded to PLACES; None where the whole is not positive."""
    return round(float(part / whole), PLACES) if whole > 0 else None


def drawdown(curve: Sequence[EquityPoint]) -> Drawdown | None:
    """The deepest fall, the earliest of equals; None for an empty curve, value 0 for one that never falls."""
    if not curve:
        return None
    peak_at, peak = curve[0]
    worst = Drawdown(ZERO, ratio(ZERO, peak), peak_at, peak_at)
    for at, value in curve:
        if value > peak:
            peak_at, peak = at, value
        elif peak - value > worst.value:
            worst = Drawdown(peak - value, ratio((peak - value) * 100, peak), peak_at, at)
    return worst


def sharpe(
    equity: Sequence[EquityPoint], sessions_per_year: int, starting_capital: Decimal | None = None
) -> float | None:
    """Annualised Sharpe ratio of the daily returns, risk-free rate 0.

    See `returns.sharpe_ratio`. The value of a day is its last. None where a day began with nothing, too.
    """
    closes = [value for _, value in daily_closes(equity)]
    if starting_capital is not None:
        closes.insert(0, starting_capital)
    found = sharpe_ratio(changes(closes), sessions_per_year)
    return None if found is None else round(found, PLACES)


def _from_capital(
    equity: Sequence[EquityPoint], capital: Decimal | None, sessions: Sequence[Session]
) -> Sequence[EquityPoint]:
    """The curve with its starting capital in front, at the first session's open."""
    if capital is None or not equity:
        return equity
    first = equity[0][0]
    return [(min(sessions[0].opens, first) if sessions else first, capital), *equity]


def _return_pct(curve: Sequence[EquityPoint]) -> float | None:
    if not curve:
        return None
    return ratio((curve[-1][1] - curve[0][1]) * 100, curve[0][1])


def _exposure_pct(held: Sequence[tuple[int, int]], sessions: Sequence[Session]) -> float | None:
    parts = [part for session in sessions for part in session.parts]
    whole = sum(closes - opens for opens, closes in parts)
    return ratio(Decimal(_overlap(held, parts) * 100), Decimal(whole))


def _overlap(left: Sequence[tuple[int, int]], right: Sequence[tuple[int, int]]) -> int:
    """The length that two lists of spans have in common; each is in order and without overlaps."""
    i = j = common = 0
    while i < len(left) and j < len(right):
        common += max(0, min(left[i][1], right[j][1]) - max(left[i][0], right[j][0]))
        if left[i][1] <= right[j][1]:
            i += 1
        else:
            j += 1
    return common


def _union(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """`spans` merged where they overlap, in time order."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _epoch(at: datetime) -> int:
    return int(at.timestamp())


def _mean(values: Sequence[Decimal], quantum: Decimal) -> Decimal | None:
    return (sum(values, ZERO) / len(values)).quantize(quantum, ROUND_HALF_UP) if values else None

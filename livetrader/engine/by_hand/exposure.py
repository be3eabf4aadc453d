"""The account as the rules see it when an order by hand is reviewed: without an entry, or beside a position."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from livetrader.constraints.gate import Exposure, Portfolio
from livetrader.domain.order import OrderIntent


def beside(exposure: Exposure, intent: OrderIntent) -> Exposure:
    """The account as a rule sees it that asks for one position a symbol: what is added to does not stand in the way."""
    return replace(exposure, held=set(exposure.held) - {intent.symbol})


def without(seen: Exposure, entry: OrderIntent, *, trades: int, paid: Decimal, value: Decimal) -> Exposure:
    """The account as it would be without what an entry counts in it: so many trades, what is `paid` for it, and what it
    is worth."""
    return replace(
        seen,
        pending=set(seen.pending) - {entry.symbol},
        trades=seen.trades - trades,
        available=seen.available + paid / seen.leverage,
        portfolio=None if seen.portfolio is None else _less(seen.portfolio, entry, value),
    )


def _less(portfolio: Portfolio, intent: OrderIntent, value: Decimal) -> Portfolio:
    """The portfolio without `value` of the entry `intent`."""
    values, by_strategy = dict(portfolio.values), dict(portfolio.strategy_values)
    values[intent.symbol] -= value
    by_strategy[intent.strategy] -= value
    return replace(portfolio, values=values, strategy_values=by_strategy)

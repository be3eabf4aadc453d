"""Trading sessions: what they come to, and as rows for `livetrader session list`. Light: no numpy, no pandas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from decimal import Decimal
from typing import Protocol

from livetrader.bootstrap.state import Row, exchange_zone, open_books
from livetrader.config import Configuration
from livetrader.domain.account import HALT, KILL, OPENING, Flow, Latch
from livetrader.domain.order import Fill
from livetrader.domain.position import Trade
from livetrader.domain.trades import trades
from livetrader.domain.trading_session import Totals, TradingSession
from livetrader.ports import OrderRecord
from livetrader.reporting.statistics import drawdown
from livetrader.reporting.values import exact, utc

ZERO = Decimal(0)


class Ledger(Protocol):
    """What totals are made of: the journal, or the queries over its database."""

    def orders(self) -> Sequence[OrderRecord]: ...

    def fills_until(self, seq: int | None) -> Sequence[Fill]: ...

    def flows(self) -> Sequence[Flow]: ...


def paused(latches: Mapping[str, Latch]) -> bool:
    """Whether entries are stopped by hand."""
    return HALT in latches or KILL in latches


def worth(ledger: Ledger, capital: Decimal, zone: tzinfo) -> Decimal:
    """What the account is worth with open positions at cost: capital, flows, and what the closed trades came to."""
    flowed = sum((one.amount for one in ledger.flows() if one.reason != OPENING), ZERO)
    return capital + flowed + sum((one.net_pnl for one in _closed(ledger, None, zone)), ZERO)


def totals(session: TradingSession, ledger: Ledger, zone: tzinfo) -> Totals:
    """What the trades came to that were closed by fills that were booked in the session, a fold over them."""
    closed = _closed(ledger, session.last, zone)
    mine = closed[len(_closed(ledger, session.first, zone)) :]
    curve = [(0, session.capital)]
    for number, one in enumerate(mine, 1):
        curve.append((number, curve[-1][1] + one.net_pnl))
    fall = drawdown(curve)
    assert fall is not None, "the curve has its beginning"
    return Totals(
        trades=len(mine),
        wins=sum(one.net_pnl > 0 for one in mine),
        gross_pnl=sum((one.gross_pnl for one in mine), ZERO),
        charges=sum((one.charges for one in mine), ZERO),
        net_pnl=sum((one.net_pnl for one in mine), ZERO),
        max_drawdown=fall.value,
        max_drawdown_pct=fall.pct,
    )


def _closed(ledger: Ledger, until: int | None, zone: tzinfo) -> list[Trade]:
    intents = {one.intent.intent_id: one.intent for one in ledger.orders()}
    return trades(intents, ledger.fills_until(until), zone)[0]


def rows(configuration: Configuration, mode: str | None) -> list[Row]:
    """All trading sessions of the mode, the oldest first."""
    zone, currency = exchange_zone(configuration), configuration.settings.capital.currency
    with open_books(configuration, mode) as queries:
        on_hold, holder = paused(queries.latches()), queries.holder()
        return [
            _row(one, one.totals or totals(one, queries, zone), on_hold, holder is not None, currency)
            for one in queries.trading_sessions()
        ]


def _row(session: TradingSession, made: Totals, on_hold: bool, running: bool, currency: str) -> Row:
    """`alive`: a process goes on with it. One that is open and not alive is continued by the next start."""
    return {
        "id": session.id,
        "portfolio": session.portfolio or None,
        "mode": session.mode,
        "state": session.seen(paused=on_hold).value,
        "alive": session.state.open and running,
        "started_at": utc(session.started_at),
        "stopped_at": None if session.stopped_at is None else utc(session.stopped_at),
        "reason": session.reason or None,
        "exit_code": session.exit_code,
        "runs": session.runs,
        "currency": currency,
        "capital": exact(session.capital),
        "trades": made.trades,
        "wins": made.wins,
        "gross_pnl": exact(made.gross_pnl),
        "charges": exact(made.charges),
        "net_pnl": exact(made.net_pnl),
        "max_drawdown": exact(made.max_drawdown),
        "max_drawdown_pct": made.max_drawdown_pct,
    }

"""What a run leaves behind, read from its journal in the same way for every mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal

from livetrader.domain.position import Trade
from livetrader.domain.session import Session
from livetrader.domain.trades import OpenPosition, trades
from livetrader.ports import Decision, Journal, OrderRecord
from livetrader.reporting.document import Document, document
from livetrader.reporting.statistics import EquityPoint, Statistics, statistics


@dataclass(frozen=True, slots=True)
class Books:
    """What a period left behind, wherever it was kept. `label` is the mode, in capitals."""

    label: str
    sessions: tuple[Session, ...]
    starting_capital: Decimal
    trades: Sequence[Trade]
    positions: Sequence[OpenPosition]
    orders: Sequence[OrderRecord]
    decisions: Sequence[Decision]
    equity: Sequence[EquityPoint]


@dataclass(frozen=True, slots=True)
class RunResult(Books):
    """The outcome of a backtest or a replay, with the identity of everything that decided it."""

    statistics: Statistics
    config_hash: str
    strategy_hashes: Mapping[str, str]
    data_hash: str

    def document(self) -> Document:
        """The document of `backtest --json` and `replay --json`."""
        return document(
            self.trades,
            self.equity,
            self.statistics,
            config_hash=self.config_hash,
            strategy_hashes=self.strategy_hashes,
            data_hash=self.data_hash,
        )


def result(
    journal: Journal,
    label: str,
    sessions: Sequence[Session],
    capital: Decimal,
    timezone: tzinfo,
    sessions_per_year: int,
    **identity: object,
) -> RunResult:
    """Fold a journal into a result; `identity` are the hashes."""
    orders = journal.orders()
    closed, still_open = trades({r.intent.intent_id: r.intent for r in orders}, journal.fills(), timezone)
    equity = [(sessions[0].opens, capital), *((at, value) for at, value, _ in journal.equities())]
    return RunResult(
        label=label,
        sessions=tuple(sessions),
        starting_capital=capital,
        trades=closed,
        positions=still_open,
        orders=orders,
        decisions=journal.decisions(since=sessions[0].opens, until=sessions[-1].closes + 1),
        equity=equity,
        statistics=statistics(
            closed,
            equity,
            starting_capital=capital,
            sessions=sessions,
            sessions_per_year=sessions_per_year,
        ),
        **identity,  # type: ignore[arg-type]
    )

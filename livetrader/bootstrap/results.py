"""What a run leaves behind, read from its journal in the same way for every mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING

from livetrader.config import Settings
from livetrader.domain.exit_plan import Replan
from livetrader.domain.lots import LotMethod
from livetrader.domain.order import Fill
from livetrader.domain.position import Trade
from livetrader.domain.session import Session
from livetrader.domain.trades import ClosedLot, OpenPosition, closed_lots, trades
from livetrader.ports import Decision, Journal, OrderRecord
from livetrader.reporting.document import document
from livetrader.reporting.frictions import Frictions
from livetrader.reporting.statistics import EquityPoint, Statistics, statistics
from livetrader.reporting.values import Document

if TYPE_CHECKING:  # a day in the terminal does without the analytics
    from livetrader.reporting.analytics import Records


@dataclass(frozen=True, slots=True)
class Terms:
    """What the figures are counted in: the exchange's time zone, the sessions of a year, the account's currency, the
    name of the table of charges, and what a partial exit closes."""

    zone: tzinfo
    per_year: int
    currency: str
    charges: str
    lots: LotMethod = LotMethod.AVERAGE

    @classmethod
    def of(cls, settings: Settings, zone: tzinfo) -> Terms:
        """The terms of a configuration."""
        per_year = 365 if settings.market.calendar == "24x7" else 252
        return cls(zone, per_year, settings.capital.currency, settings.venue.charges, LotMethod(settings.capital.lots))


@dataclass(frozen=True, slots=True)
class Books:
    """What a period left behind, wherever it was kept. `label` is the mode, in capitals. `frictions` are there where
    the realistic model filled, `lots` (those that were closed) where the terms count in them, `replans` where the
    operator has changed exits."""

    label: str
    sessions: tuple[Session, ...]
    starting_capital: Decimal
    trades: Sequence[Trade]
    positions: Sequence[OpenPosition]
    orders: Sequence[OrderRecord]
    fills: Sequence[Fill]
    decisions: Sequence[Decision]
    equity: Sequence[EquityPoint]
    terms: Terms
    frictions: Frictions | None = field(default=None, kw_only=True)
    lots: Sequence[ClosedLot] | None = field(default=None, kw_only=True)
    replans: Sequence[Replan] = field(default=(), kw_only=True)

    def records(self, sectors: Mapping[str, str]) -> Records:
        """What the analytics are made from; `sectors` by symbol, as far as they are known."""
        from livetrader.domain.costs import charge_table
        from livetrader.reporting.analytics import Records

        return Records(
            trades=self.trades,
            equity=self.equity,
            starting_capital=self.starting_capital,
            sessions=self.sessions,
            orders=self.orders,
            fills=self.fills,
            zone=self.terms.zone,
            per_year=self.terms.per_year,
            currency=self.terms.currency,
            charges=charge_table(self.terms.charges),
            sectors=sectors,
        )


@dataclass(frozen=True, slots=True)
class RunResult(Books):
    """The outcome of a backtest or a replay, with the identity of everything that decided it."""

    statistics: Statistics
    config_hash: str
    strategy_hashes: Mapping[str, str]
    data_hash: str

    def document(self) -> Document:
        """The document of `backtest --json` and `replay --json`, with the analytics that need no candles."""
        from livetrader.reporting.analytics import analyse

        return document(
            self.trades,
            self.equity,
            self.statistics,
            config_hash=self.config_hash,
            strategy_hashes=self.strategy_hashes,
            data_hash=self.data_hash,
            analytics=analyse(self.records({})),
            frictions=self.frictions,
        )


def result(
    journal: Journal,
    label: str,
    sessions: Sequence[Session],
    capital: Decimal,
    terms: Terms,
    **identity: object,
) -> RunResult:
    """Fold a journal into a result; `identity` are the hashes."""
    orders, fills = journal.orders(), journal.fills()
    intents = {r.intent.intent_id: r.intent for r in orders}
    closed, still_open = trades(intents, fills, terms.zone, terms.lots)
    equity = [(sessions[0].opens, capital), *((at, value) for at, value, _ in journal.equities())]
    return RunResult(
        label=label,
        sessions=tuple(sessions),
        starting_capital=capital,
        trades=closed,
        positions=still_open,
        orders=orders,
        fills=fills,
        decisions=journal.decisions(since=sessions[0].opens, until=sessions[-1].closes + 1),
        equity=equity,
        terms=terms,
        lots=closed_lots(intents, fills, terms.zone) if terms.lots is LotMethod.FIFO else None,
        statistics=statistics(
            closed,
            equity,
            starting_capital=capital,
            sessions=sessions,
            sessions_per_year=terms.per_year,
        ),
        **identity,  # type: ignore[arg-type]
    )

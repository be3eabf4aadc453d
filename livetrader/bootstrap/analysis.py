"""What the analytics are made from: the records of a period, and what its candles say besides."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from livetrader.bootstrap.results import Books
from livetrader.config import Configuration
from livetrader.config.symbols import symbol_lists
from livetrader.domain.order import OrderType, Purpose
from livetrader.domain.session import Session
from livetrader.reporting.analytics import Analytics, Candles, analyse
from livetrader.reporting.breakdown import gross_exposure
from livetrader.reporting.diversification import LEAST_RETURNS
from livetrader.reporting.excursions import Excursion, excursion
from livetrader.reporting.issues import DataIssue
from livetrader.reporting.refused import first_of_each, forward

if TYPE_CHECKING:
    from livetrader.bootstrap.workspace import Workspace
    from livetrader.ports import Bars, Tape

MOST_CORRELATED = 30
"""Symbols whose daily returns are compared, those with the largest exposure: 435 pairs."""


def analytics(books: Books, configuration: Configuration, candles: Candles | None = None) -> Analytics:
    """The analytics of a period; with what needs `candles` or without."""
    return analyse(books.records(sectors(configuration)), candles)


def tape(books: Books, workspace: Workspace) -> Tape:
    """The prices of all that a period traded or had a signal in, read once.

    From the period's first session, or the earlier one in which one of its trades was entered.
    """
    from livetrader.bootstrap.tapes import tape_of

    zone, first = workspace.calendar.timezone, books.sessions[0].date
    entered = min((trade.entry_at.astimezone(zone).date() for trade in books.trades), default=first)
    sessions = workspace.calendar.sessions(min(entered, first), books.sessions[-1].date)
    wanted = {trade.symbol for trade in books.trades} | {one.signal.symbol for one in books.decisions}
    return tape_of(workspace, wanted, sessions)


def candles(books: Books, workspace: Workspace, tape: Tape, data: Sequence[DataIssue]) -> Candles:
    """What the candles of a period say of its trades, its refused signals and its symbols."""
    signals = first_of_each(books.decisions, books.sessions)
    measured = (forward(rule, signal, session, tape.bars(signal.symbol)) for rule, signal, session in signals)
    return Candles(
        excursions=_excursions(books, tape, workspace),
        forwards=[one for one in measured if one is not None],
        returns=_daily_returns(books, tape),
        decided=_decided(books, tape),
        data=data,
    )


def _excursions(books: Books, tape: Tape, workspace: Workspace) -> dict[str, Excursion]:
    found = {}
    for trade in books.trades:
        session = workspace.calendar.at(int(trade.exit_at.timestamp()))
        square_off = None if session is None else session.square_off
        found[trade.trade_id] = excursion(trade, tape.bars(trade.symbol), square_off)
    return found


def _decided(books: Books, tape: Tape) -> dict[str, Decimal]:
    """The last close that was known when an exit at market was decided."""
    found = {}
    for order in books.orders:
        intent = order.intent
        if intent.purpose is Purpose.EXIT and intent.order_type is OrderType.MARKET:
            bars = tape.bars(intent.symbol)
            last = int(bars.closes.searchsorted(intent.as_of, side="right")) - 1
            if last >= 0:
                found[intent.intent_id] = Decimal(repr(float(bars.close[last])))
    return found


def _daily_returns(books: Books, tape: Tape) -> dict[str, dict[int, float]]:
    """Returns from close to close of the period's sessions, by symbol and the session's place.

    Empty for a period that is too short to say anything.
    """
    if len(books.sessions) <= LEAST_RETURNS:
        return {}
    exposure: dict[str, float] = {}
    for trade in books.trades:
        exposure[trade.symbol] = exposure.get(trade.symbol, 0.0) + float(gross_exposure(trade))
    largest = sorted(exposure, key=lambda symbol: (-exposure[symbol], symbol))[:MOST_CORRELATED]
    return {symbol: _returns(tape.bars(symbol), books.sessions) for symbol in largest}


def _returns(bars: Bars, sessions: Sequence[Session]) -> dict[int, float]:
    """The returns of one symbol over sessions that follow each other, both of which it traded."""
    ends = bars.closes.searchsorted([session.closes for session in sessions], side="right")
    starts = bars.ts.searchsorted([session.opens for session in sessions])
    closes = [float(bars.close[end - 1]) if end > start else None for start, end in zip(starts, ends, strict=True)]
    return {
        day: after / before - 1
        for day, (before, after) in enumerate(pairwise(closes), 1)
        if before is not None and after is not None
    }


def sectors(configuration: Configuration) -> Mapping[str, str]:
    """The sectors that the symbol list names in a column `sector`; empty where it has none."""
    spec, directory = configuration.settings.symbols.strip(), configuration.directory
    lists = symbol_lists(directory)
    path = lists.get(spec) or (directory / Path(spec).expanduser() if spec.lower().endswith(".csv") else None)
    if path is None or not path.is_file():
        return {}
    lines = (line for line in path.read_text("utf-8-sig").splitlines() if not line.lstrip().startswith("#"))
    rows = csv.DictReader(lines)
    names = {(name or "").strip().lower(): name for name in rows.fieldnames or ()}
    if "sector" not in names or "symbol" not in names:
        return {}
    found = ((row[names["symbol"]] or "", row[names["sector"]] or "") for row in rows)
    return {symbol.split("#")[0].strip(): sector.split("#")[0].strip() for symbol, sector in found if sector.strip()}

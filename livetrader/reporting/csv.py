"""Trades, or lots that were closed, as CSV: a row each, columns as in the JSON documents, times in UTC."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from livetrader.reporting.document import lot_json, trade_json
from livetrader.reporting.values import Document

if TYPE_CHECKING:
    from livetrader.domain.position import Trade
    from livetrader.domain.trades import ClosedLot

COLUMNS = (
    "trade_id", "session", "strategy", "symbol", "side", "quantity", "entry_at", "entry_price", "exit_at",
    "exit_price", "exit_reason", "gross_pnl", "charges", "net_pnl",
)  # fmt: skip


LOT_COLUMNS = (
    "trade_id", "session", "strategy", "symbol", "side", "quantity", "opened_at", "open_price", "closed_at",
    "close_price", "holding_days", "gross_pnl", "charges", "net_pnl",
)  # fmt: skip


def render(trades: Sequence[Trade]) -> str:
    """`trades` as CSV with a header line, also where there are none."""
    return _rows(COLUMNS, (trade_json(trade) for trade in trades))


def render_lots(lots: Iterable[ClosedLot]) -> str:
    """`lots` as CSV with a header line, also where there are none."""
    return _rows(LOT_COLUMNS, (lot_json(lot) for lot in lots))


def _rows(columns: Sequence[str], rows: Iterable[Document]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()

"""The trades as CSV: one row a trade, columns as in the JSON documents, times in UTC."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from livetrader.reporting.document import trade_json

if TYPE_CHECKING:
    from livetrader.domain.position import Trade

COLUMNS = (
    "trade_id", "session", "strategy", "symbol", "side", "quantity", "entry_at", "entry_price", "exit_at",
    "exit_price", "exit_reason", "gross_pnl", "charges", "net_pnl",
)  # fmt: skip


def render(trades: Sequence[Trade]) -> str:
    """`trades` as CSV with a header line, also where there are none."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(trade_json(trade) for trade in trades)
    return text.getvalue()

"""The portfolio stop: an account that has fallen to its floor holds nothing, and takes nothing on."""

from __future__ import annotations

from livetrader.domain.exit_plan import ExitReason
from livetrader.domain.order import Purpose
from livetrader.engine.closing import Closing

# The latch of an account that has fallen to its floor.
PORTFOLIO_LATCH = "portfolio_stop"


def flatten(closing: Closing, now: int) -> None:
    """While the latch is on and the market open, cancel what may still open a position, and close what is open."""
    book, session = closing.book, closing.book.session
    if PORTFOLIO_LATCH not in book.halts or session is None or now >= session.closes:
        return
    for entry in [one for one in book.orders.values() if one.purpose is Purpose.ENTRY]:
        closing.path.cancel(entry.intent_id, "the portfolio stop")
    for symbol, held in list(book.positions.items()):
        if held.leaving is None and symbol not in book.questioned:
            closing.close(held, now, ExitReason.PORTFOLIO_STOP)

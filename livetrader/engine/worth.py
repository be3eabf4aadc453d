"""What is held at its last prices."""

from __future__ import annotations

from decimal import Decimal

from livetrader.engine.book import Book
from livetrader.ports import Tape


def last_prices(book: Book, tape: Tape, now: int) -> dict[str, Decimal]:
    """The last prices on `tape`, of bars that have closed by `now`, of what `book` holds.

    A position in question is priced as it was at the open: today's price may be of other shares.
    """
    prices = {}
    for symbol, held in book.positions.items():
        bars = tape.bars(symbol)
        until = now
        if symbol in book.questioned and book.session is not None:
            until = min(now, book.session.opens)
        last = int(bars.closes.searchsorted(until, side="right")) - 1
        # A position may be older than its first bar that has closed: it is worth what it cost.
        known = book.sizer.instrument(symbol).price(float(bars.close[last])) if last >= 0 else None
        prices[symbol] = held.position.average_price if known is None else known
    return prices

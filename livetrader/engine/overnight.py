"""Positions that were held over night: a split, a bonus or a new name may have made something else of them (fault M8).

A stop at yesterday's level would sell at once what trades at half the price today. So they are questioned at every
start, and left alone until the broker's books, or the operator, have said what they are.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

from livetrader.domain.books import BrokerPosition
from livetrader.domain.exit_plan import ExitReason
from livetrader.engine.book import Book, HeldPosition

UNCOMPARED = "held over night, and not compared with the broker's books since"

# The mark that the operator has answered for a symbol, in the session that it was put on in. It stops nothing.
CARRIED_LATCH = "carried:"

# The alert of a symbol that waits for the operator's answer.
ACTION_ALERT = "corporate_action:"

# What a split leaves of quantity × average price may differ by the rounding of the average.
ROUNDING = Decimal("0.01")


def question(book: Book, latches: Collection[str]) -> None:
    """Question what was opened before the session, unless the operator closes it or has answered for it.

    Between sessions that is everything: what the broker's books say then is not the last word before the open.
    """
    session = book.session
    for symbol, held in book.positions.items():
        carried = session is None or held.opened < session.opens
        by_hand = held.leaving is not None and held.leaving.reason is ExitReason.MANUAL
        answered = session is not None and CARRIED_LATCH + symbol in latches
        if carried and not (by_hand or answered):
            book.questioned[symbol] = UNCOMPARED


def same_worth(held: HeldPosition, theirs: BrokerPosition) -> bool:
    """Whether another quantity is as much money at the broker's average price: a split, a bonus, a consolidation."""
    ours = held.position
    before, after = ours.quantity * ours.average_price, theirs.quantity * theirs.average_price
    return abs(after - before) <= ROUNDING * abs(before)

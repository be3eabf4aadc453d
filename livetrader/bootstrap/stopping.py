"""How a trader stops when it is asked to: in order, and not in the middle of what it has begun."""

from __future__ import annotations

from dataclasses import dataclass

from livetrader.bootstrap.desk import Desk
from livetrader.domain.order import Purpose

# How long a process waits for the ends of orders before it ends itself.
SETTLING_SECONDS = 10.0


@dataclass
class Stop:
    """The end of a trading session, under way from when it was asked for until `done`.

    Without `flatten` positions stay, with their stops at the venue. `until` is on the monotonic clock.
    """

    desk: Desk
    flatten: bool
    until: float

    def begin(self) -> str:
        """Cancel the entries under way, and close positions if they are not to stay; what was begun, in one line."""
        book, path = self.desk.engine.book, self.desk.engine.path
        if self.flatten:
            return f"stopping: {self.desk.manual.close(None)}"
        entries = [one for one in book.orders.values() if one.purpose is Purpose.ENTRY]
        for entry in entries:
            path.cancel(entry.intent_id, "the trading session stops")
        stay = f"{len(book.positions)} positions stay, with their stops at the venue"
        return f"stopping: {len(entries)} entries cancelled; {stay if book.positions else 'nothing is held'}"

    def done(self, desk: Desk, in_session: bool, now: float) -> bool:
        """Whether what was begun has ended, or can be waited for no longer. Positions close in a session only."""
        self.desk = desk
        book = desk.engine.book
        if self.flatten and book.positions:
            return not in_session
        return now >= self.until or not any(one.purpose is Purpose.ENTRY for one in book.orders.values())

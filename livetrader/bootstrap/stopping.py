"""How a trader stops when it is asked to: in order, and not in the middle of what it has begun."""

from __future__ import annotations

from dataclasses import dataclass

from livetrader.bootstrap.desk import Desk
from livetrader.domain.order import OrderIntent, Purpose

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
        if self.flatten:
            return f"stopping: {self.desk.manual.close(None)}"
        entries, held = self._cancel(), self.desk.engine.book.positions
        stay = f"{len(held)} positions stay, with their stops at the venue" if held else "nothing is held"
        return f"stopping: {len(entries)} entries cancelled; {stay}"

    def done(self, desk: Desk, in_session: bool, now: float) -> bool:
        """Whether what was begun has ended, or can be waited for no longer. Positions close in a session only."""
        self.desk = desk
        book = desk.engine.book
        if desk.engine.parents.of(None):
            self._cancel()  # a signal that came meanwhile: nothing of it goes out
        if self.flatten and book.positions:
            return not in_session
        return now >= self.until or not any(one.purpose is Purpose.ENTRY for one in book.orders.values())

    def _cancel(self) -> list[OrderIntent]:
        return self.desk.manual.cancel_entries(None, "the trading session stops")

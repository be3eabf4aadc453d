"""Leaving a position: what else works for it is cancelled, then what the venue holds for us is sold or bought back.

An exit is planned as a target (flat) from a fresh read of the venue's position, never as "the old quantity again".
It is written down before anything is cancelled for it, so that a crash in between does not forget it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import structlog

from livetrader.constraints.gate import approve_exit
from livetrader.domain.exit_plan import ExitReason
from livetrader.domain.order import OrderIntent, OrderType, Purpose, closing, intent_id
from livetrader.domain.order_state import OrderState
from livetrader.engine.book import Book, HeldPosition, Leaving
from livetrader.engine.orders import OrderPath
from livetrader.errors import BrokerError

log = structlog.get_logger(__name__)

# A rejected exit is tried again after 2 s, then 4, and so on: a broker's no seldom changes within a second.
LONGEST_WAIT_SECONDS = 60.0


@dataclass(slots=True)
class Closing:
    """Brings positions to flat, step by step, as often as it is called: `pursue` goes on where the last call ended."""

    path: OrderPath
    book: Book
    account: str

    def close(self, held: HeldPosition, as_of: int, reason: ExitReason) -> None:
        """Begin to leave. Exits are never refused."""
        if held.leaving is None:
            held.leaving = Leaving(reason, as_of)
        self.pursue(held)

    def pursue(self, held: HeldPosition) -> None:
        """The next step on the way out. Nothing goes out while an order of the symbol is of unknown fate."""
        now = self.path.clock.monotonic()
        if held.closing is not None or now < held.retry_at or self.book.unresolved(held.entry.symbol):
            return
        exit = held.intended or self._intend(held, abs(held.position.quantity))
        if not self._alone(held):
            return
        quantity = self._held_at_venue(held)
        if quantity == 0:
            return
        if quantity != exit.quantity:
            reason = f"the position is {quantity} by now"
            self.path.withdraw(exit.intent_id, reason)
            exit = self._intend(held, quantity)
        held.closing_since = int(self.path.clock.now())
        state = self.path.submit(approve_exit(exit))
        if state is not OrderState.INTENT:
            held.intended = None
        if state is OrderState.REJECTED:
            held.retry_at = now + min(2.0**held.exits, LONGEST_WAIT_SECONDS)

    def press(self, held: HeldPosition, now: int) -> None:
        """An exit at a limit that was not taken by the next pass makes room for one at market."""
        exit = self.book.orders.get(held.closing or "")
        if exit is not None and exit.order_type is OrderType.LIMIT and now > held.closing_since:
            self.path.cancel(exit.intent_id, "its price was not met: leaving at market")

    def _alone(self, held: HeldPosition) -> bool:
        """Whether nothing of ours works in the symbol any more; what does is cancelled."""
        symbol = held.entry.symbol
        for order in [one for one in self.book.orders.values() if one.symbol == symbol]:
            self.path.cancel(order.intent_id, "the position is being closed")
        return not any(one.symbol == symbol for one in self.book.orders.values())

    def _held_at_venue(self, held: HeldPosition) -> Decimal:
        """What we hold and the venue confirms, unsigned. Zero too where it cannot be read: another pass tries again.

        Less than the book says is believed only when two reads agree.
        """
        ours = abs(held.position.quantity)
        try:
            seen = self._read(held)
            if seen < ours and self._read(held) != seen:
                return Decimal(0)
        except BrokerError as error:
            log.warning("an exit waits: the position cannot be read", symbol=held.entry.symbol, error=str(error))
            return Decimal(0)
        return min(ours, max(seen, Decimal(0)))

    def _read(self, held: HeldPosition) -> Decimal:
        symbol, product = held.entry.symbol, held.entry.product
        theirs = self.path.broker.position(symbol, product) - self.book.foreign(symbol, product)
        return theirs * held.position.side.sign

    def _intend(self, held: HeldPosition, quantity: Decimal) -> OrderIntent:
        """Write the exit down. Each attempt has an identity of its own."""
        assert held.leaving is not None, "whoever leaves has a reason"
        entry, leaving = held.entry, held.leaving
        action = closing(held.position.side)
        leg = f"{Purpose.EXIT}:{entry.intent_id}" + (f":{held.exits}" if held.exits else "")
        limit = None
        if leaving.reason is ExitReason.TARGET and not held.exits:
            limit = self.book.sizer.instrument(entry.symbol).price(held.exit.target)
        exit = OrderIntent(
            intent_id=intent_id(self.account, entry.strategy, entry.symbol, leaving.as_of, action, leg),
            account=self.account,
            strategy=entry.strategy,
            symbol=entry.symbol,
            side=held.position.side,
            action=action,
            purpose=Purpose.EXIT,
            product=entry.product,
            order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
            quantity=quantity,
            price=limit or held.position.average_price,
            as_of=leaving.as_of,
            limit_price=limit,
            reason=leaving.reason,
            entry_id=entry.intent_id,
        )
        self.path.write_down(exit)
        held.intended = exit
        held.exits += 1
        return exit

"""Leaving a position: what else works for it is cancelled, then what the venue holds for us is sold or bought back.

An exit is planned as a target (flat) from a fresh read of the venue's position, never as "the old quantity again".
It is written down before anything is cancelled for it, so that a crash in between does not forget it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

import structlog

from livetrader.constraints.gate import approve_exit
from livetrader.domain.exit_plan import ExitReason
from livetrader.domain.order import OrderIntent, OrderType, Purpose, closing, intent_id
from livetrader.domain.order_state import OrderState
from livetrader.engine.alerts import SymbolAlerts
from livetrader.engine.book import Book, HeldPosition, Leaving
from livetrader.engine.orders import OrderPath
from livetrader.errors import BrokerError

log = structlog.get_logger(__name__)

# After an exit that was in vain the next one waits 2 s, then 4, and so on, whether it was refused, rejected or
# ended by the exchange: a no seldom changes within a second, and each try is an intent of its own.
LONGEST_WAIT_SECONDS = 60.0

# The alert of a symbol whose position is to be closed, and is not after so long.
EXIT_ALERT = "exit:"
OVERDUE_SECONDS = 60.0

# An exit at the target rests at least so long: a pass that is made again is no later one.
REST_SECONDS = 30.0


@dataclass(slots=True)
class Closing:
    """Brings positions to flat, step by step, as often as it is called: `pursue` goes on where the last call ended."""

    path: OrderPath
    book: Book
    overdue: SymbolAlerts
    """Of exits that stay open."""
    _since: dict[str, float] = field(default_factory=dict, init=False)

    def close(self, held: HeldPosition, as_of: int, reason: ExitReason) -> None:
        """Begin to leave. No rule stands in an exit's way."""
        if held.leaving is None:
            held.leaving = Leaving(reason, as_of)
        self.pursue(held)

    def pursue(self, held: HeldPosition) -> None:
        """The next step on the way out. Nothing goes out while an order of the symbol is of unknown fate."""
        now = self.path.clock.monotonic()
        if held.closing is not None or now < held.retry_at or self.book.unresolved(held.entry.symbol):
            return
        exit = held.intended or self._intend(held, self._at_once(held, abs(held.position.quantity)))
        if not self.alone(held, "the position is being closed"):
            return
        quantity = self._at_once(held, self._held_at_venue(held))
        if quantity == 0:
            return
        if quantity != exit.quantity:
            reason = f"the position is {quantity} by now"
            self.path.withdraw(exit.intent_id, reason)
            exit = self._intend(held, quantity)
        held.closing_since = now
        state = self.path.submit(approve_exit(exit))
        if state is not OrderState.INTENT:
            held.intended = None
            held.retry_at = now + wait_seconds(held.exits)

    def press(self, held: HeldPosition) -> None:
        """An exit at a limit that was not taken by the next pass makes room for one at market."""
        rested = self.path.clock.monotonic() - held.closing_since
        if self._at_limit(held) and rested > REST_SECONDS:
            assert held.closing is not None, "it is at its limit"
            self.path.cancel(held.closing, "its price was not met: leaving at market")

    def _at_once(self, held: HeldPosition, quantity: Decimal) -> Decimal:
        """As much of `quantity` as one order may be for; the next one is for what is left."""
        return min(quantity, self.book.sizer.instrument(held.entry.symbol).largest or quantity)

    def watch(self) -> None:
        """Tell of exits that stay open: a symbol that is halted or at its circuit limit has nobody to take them (M7).

        One at a limit has its time until the next pass.
        """
        now = self.path.clock.monotonic()
        leaving = [held for held in self.book.positions.values() if held.leaving is not None]
        waits = {held.entry.symbol for held in leaving if not self._at_limit(held)} - self.book.questioned.keys()
        self._since = {symbol: self._since.get(symbol, now) for symbol in sorted(waits)}
        for symbol, since in self._since.items():
            if now - since >= OVERDUE_SECONDS:
                self.overdue.tell(symbol, self._overdue(self.book.positions[symbol]))
        self.overdue.settle_others(waits)

    def _overdue(self, held: HeldPosition) -> str:
        symbol, so_long = held.entry.symbol, f"{OVERDUE_SECONDS:.0f} s"
        if held.closing is None:
            return f"{symbol}: it is to be closed, and no exit has filled for {so_long}: see `livetrader orders`"
        return (
            f"{symbol}: the exit has been open for {so_long}: is the symbol halted, or at its circuit limit? "
            "It stays; see `livetrader orders`"
        )

    def _at_limit(self, held: HeldPosition) -> bool:
        exit = self.book.orders.get(held.closing or "")
        return exit is not None and exit.order_type is OrderType.LIMIT

    def alone(self, held: HeldPosition, reason: str) -> bool:
        """Whether nothing of ours works in the symbol any more; what does is cancelled."""
        symbol = held.entry.symbol
        for order in [one for one in self.book.orders.values() if one.symbol == symbol]:
            self.path.cancel(order.intent_id, reason)
        return not any(one.symbol == symbol for one in self.book.orders.values())

    def confirmed(self, held: HeldPosition) -> bool:
        """Whether the venue, asked just now, holds all that the book says."""
        return self._held_at_venue(held) == abs(held.position.quantity)

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
            log.warning("the position cannot be read: its order waits", symbol=held.entry.symbol, error=str(error))
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
        leg = f"{Purpose.EXIT}:{entry.intent_id}" + (f":{held.exits}" if held.exits else "")
        limit = None
        if leaving.reason is ExitReason.TARGET and not held.exits:
            limit = self.book.sizer.instrument(entry.symbol).price(held.exit.target)
        exit = closing_intent(
            held,
            closing_id(held, leaving.as_of, leg),
            Purpose.EXIT,
            OrderType.MARKET if limit is None else OrderType.LIMIT,
            quantity=quantity,
            price=limit or held.position.average_price,
            as_of=leaving.as_of,
            reason=leaving.reason,
            limit_price=limit,
        )
        self.path.write_down(exit)
        held.intended = exit
        held.exits += 1
        return exit


def wait_seconds(tries: int) -> float:
    """How long to wait after so many tries in vain."""
    return float(min(2**tries, LONGEST_WAIT_SECONDS))


def closing_id(held: HeldPosition, as_of: int, leg: str) -> str:
    """The identity of an intent that closes `held`: of all of them, the one that `as_of` and `leg` name."""
    entry = held.entry
    return intent_id(entry.account, entry.strategy, entry.symbol, as_of, closing(held.position.side), leg)


def closing_intent(
    held: HeldPosition,
    name: str,
    purpose: Purpose,
    order_type: OrderType,
    *,
    quantity: Decimal,
    price: Decimal,
    as_of: int,
    reason: str,
    limit_price: Decimal | None = None,
    trigger_price: Decimal | None = None,
) -> OrderIntent:
    """What closes `quantity` of `held`, as the intent `name`."""
    entry, side = held.entry, held.position.side
    return OrderIntent(
        intent_id=name,
        account=entry.account,
        strategy=entry.strategy,
        symbol=entry.symbol,
        side=side,
        action=closing(side),
        purpose=purpose,
        product=entry.product,
        order_type=order_type,
        quantity=quantity,
        price=price,
        as_of=as_of,
        limit_price=limit_price,
        trigger_price=trigger_price,
        reason=reason,
        entry_id=entry.intent_id,
    )

"""The protective stop: an order at the venue that closes the position without us. Contract: ORDERS.md, I7.

It is placed after the fill and sized to what filled, moved by modify as the exit's level moves, made anew once if it
vanishes, and cancelled before any other exit goes out. Never two; never none without an alert.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import structlog

from livetrader.constraints.gate import approve_exit
from livetrader.domain.exit_plan import ExitReason
from livetrader.domain.order import OrderIntent, OrderType, Purpose, closing, intent_id
from livetrader.domain.order_state import OrderState
from livetrader.engine.book import Book, HeldPosition
from livetrader.engine.closing import Closing
from livetrader.engine.orders import OrderPath

log = structlog.get_logger(__name__)

# A stop that the venue has refused or lost this often is not tried again: the position is closed instead.
LOSSES = 2


@dataclass(slots=True)
class Protection:
    """Keeps the venue's stop in line with each position. It asks for a state, so asking twice does nothing twice."""

    path: OrderPath
    book: Book
    closing: Closing
    account: str
    alert: Callable[[str, str], None]
    settle: Callable[[str], None]
    bare: set[str] = field(default_factory=set)
    """Symbols with an open alert: their position has no stop that is known to work."""

    def keep(self, held: HeldPosition, level: float, since: int) -> bool:
        """See that the position has one stop at `level`, known `since`. True if it was placed just now."""
        placed = self._see_to(held, level, since)
        self._watch(held, level)
        return placed

    def _watch(self, held: HeldPosition, level: float) -> None:
        """An alert is open for as long as a position that should have a stop has none that is known to work."""
        symbol, stop = held.entry.symbol, held.stop
        if stop is not None and stop not in self.book.unknown:
            trigger = self.book.sizer.instrument(symbol).price(level)
            resting = self.book.unfilled[stop], self.book.orders[stop].trigger_price
            works = resting == (abs(held.position.quantity), trigger) and stop not in self.path.doubtful
        else:
            leaves = held.leaving is not None and held.leaving.reason is not ExitReason.UNPROTECTED
            works = math.isnan(level) or leaves
        if not works and symbol not in self.bare:
            self.alert(
                f"stop:{symbol}",
                f"{symbol}: no stop of the position's size and at its level is known to work at the venue",
            )
            self.bare.add(symbol)
        elif works and symbol in self.bare:
            self._cover(symbol)

    def _cover(self, symbol: str) -> None:
        self.bare.discard(symbol)
        self.settle(f"stop:{symbol}")

    def _see_to(self, held: HeldPosition, level: float, since: int) -> bool:
        if math.isnan(level) or held.leaving is not None or self.book.unresolved(held.entry.symbol):
            return False
        if held.stop is not None:
            self._move(held, self.book.orders[held.stop], level, since)
            return False
        if held.lost_stops >= LOSSES:
            log.warning("no stop could be placed: closing the position", symbol=held.entry.symbol)
            self.closing.close(held, since, ExitReason.UNPROTECTED)
            return False
        self.path.submit(approve_exit(self._stop(held, level, since)))
        return True

    def sweep(self) -> None:
        """Cancel what would sell more than is held: a stop sighted late, orders of a position closed by hand."""
        for order in list(self.book.orders.values()):
            held = self.book.positions.get(order.symbol)
            if order.purpose is Purpose.ENTRY:
                continue
            stray = held is None or order.intent_id not in (held.stop, held.closing)
            if held is None or stray or self._exceeds(order, held):
                self.path.cancel(order.intent_id, "there is less left of its position")
        for symbol in self.bare - set(self.book.positions):
            self._cover(symbol)

    def _exceeds(self, order: OrderIntent, held: HeldPosition) -> bool:
        """Whether an exit is larger than its position. (A stop is resized, not cancelled.)"""
        return order.intent_id == held.closing and self.book.unfilled[order.intent_id] > abs(held.position.quantity)

    def _move(self, held: HeldPosition, stop: OrderIntent, level: float, since: int) -> None:
        trigger = self.book.sizer.instrument(stop.symbol).price(level)
        resting, wanted = self.book.unfilled[stop.intent_id], abs(held.position.quantity)
        if (trigger, resting) == (stop.trigger_price, wanted) and stop.intent_id not in self.path.doubtful:
            return
        terms = replace(
            stop,
            quantity=stop.quantity - resting + wanted,
            trigger_price=trigger,
            reason=held.exit.reason_at(level),
            amended=since,
        )
        self.path.amend(terms)

    def _stop(self, held: HeldPosition, level: float, since: int) -> OrderIntent:
        entry, action = held.entry, closing(held.position.side)
        trigger = self.book.sizer.instrument(entry.symbol).price(level)
        return OrderIntent(
            intent_id=self._name(held),
            account=self.account,
            strategy=entry.strategy,
            symbol=entry.symbol,
            side=held.position.side,
            action=action,
            purpose=Purpose.STOP,
            product=entry.product,
            order_type=OrderType.SL_M,
            quantity=abs(held.position.quantity),
            price=trigger,
            as_of=since,
            trigger_price=trigger,
            reason=held.exit.reason_at(level),
            entry_id=entry.intent_id,
        )

    def _name(self, held: HeldPosition) -> str:
        """The identity of the position's first stop that has not gone out yet: what has ended is not sent again."""
        entry, action = held.entry, closing(held.position.side)
        for number in itertools.count():
            leg = f"{Purpose.STOP}:{entry.intent_id}:{number}"
            name = intent_id(self.account, entry.strategy, entry.symbol, held.opened, action, leg)
            record = self.path.journal.order(name)
            if record is None or record.state is OrderState.INTENT:
                break
        return name

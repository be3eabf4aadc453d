"""The protective stop: an order at the venue that closes the position without us. Contract: ORDERS.md, I7.

It is placed after the fill and sized to what filled, moved by modify as the exit's level moves, made anew once if it
vanishes, and cancelled before any other exit goes out. Never two, but where one order may not be as large as the
position: then together they are. Never none without an alert.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from decimal import Decimal

import structlog

from livetrader.constraints.gate import approve_exit
from livetrader.domain.exit_plan import ExitReason
from livetrader.domain.instrument import Instrument
from livetrader.domain.order import OrderIntent, OrderType, Purpose
from livetrader.domain.order_state import OrderState
from livetrader.engine.alerts import SymbolAlerts
from livetrader.engine.book import Book, HeldPosition
from livetrader.engine.closing import Closing, closing_id, closing_intent, wait_seconds
from livetrader.engine.orders import OrderPath

log = structlog.get_logger(__name__)

# A stop that the venue has refused or lost this often is not tried again: the position is closed instead.
LOSSES = 2

# The alert of a symbol whose position has no stop that is known to work.
STOP_ALERT = "stop:"


@dataclass(slots=True)
class Protection:
    """Keeps the venue's stop in line with each position. It asks for a state, so asking twice does nothing twice."""

    path: OrderPath
    book: Book
    closing: Closing
    bare: SymbolAlerts
    """Of positions that have no stop that is known to work."""

    def keep(self, held: HeldPosition, level: float, since: int) -> bool:
        """See that the position has one stop at `level`, known `since`. True if it was placed just now.

        One in question keeps what rests at the venue for it, as it is.
        """
        if held.entry.symbol in self.book.questioned:
            return False
        placed = self._see_to(held, level, since)
        self._watch(held, level)
        return placed

    def _watch(self, held: HeldPosition, level: float) -> None:
        """An alert is open for as long as a position that should have a stop has none that is known to work."""
        symbol = held.entry.symbol
        if held.stops and not self.book.unknown.intersection(held.stops):
            works = self._in_line(held, self._trigger(held, level))
        else:
            leaves = held.leaving is not None and held.leaving.reason is not ExitReason.UNPROTECTED
            works = math.isnan(level) or leaves
        if works:
            self.bare.settle(symbol)
        else:
            self.bare.tell(
                symbol, f"{symbol}: no stop of the position's size and at its level is known to work at the venue"
            )

    def _see_to(self, held: HeldPosition, level: float, since: int) -> bool:
        if math.isnan(level) or held.leaving is not None or self.book.unresolved(held.entry.symbol):
            return False
        if self._closed():  # a no of a closed market says nothing of the stop
            return False
        wanted, left = self._parts(held)
        for name, quantity in wanted.items():
            if quantity:  # the sweep cancels what is not needed any more
                self._move(held, self.book.orders[name], quantity, level, since)
        if not left:
            return False
        if held.lost_stops >= LOSSES:
            log.warning("no stop could be placed: closing the position", symbol=held.entry.symbol)
            self.closing.close(held, since, ExitReason.UNPROTECTED)
            return False
        now = self.path.clock.monotonic()
        if now < held.stop_retry_at:
            return False
        # Of these it is not sure that they are still there: a stop that vanished may have gone with its position, and
        # so may what an earlier process made, where the journal was restored from an old copy (fault D5).
        doubted = held.lost_stops > 0 or held.entry.intent_id in self.book.recalled
        if doubted and not self.closing.confirmed(held):
            return False
        self.book.recalled.discard(held.entry.intent_id)
        largest = self._instrument(held).largest or left
        while left > 0:
            state = self.path.submit(approve_exit(self._stop(held, min(left, largest), level, since)))
            if state is OrderState.REFUSED:
                held.refused_stops += 1
                held.stop_retry_at = now + wait_seconds(held.refused_stops)
            if state is not OrderState.ACKED:
                break
            left -= min(left, largest)
        return True

    def _parts(self, held: HeldPosition) -> tuple[dict[str, Decimal], Decimal]:
        """How much each stop of the position is to have left, and how much of the position has none.

        Those that are there keep what they have, the last are the first to shrink; what is missing makes them grow.
        """
        left, wanted = self._cover(held), {}
        for name in held.stops:
            wanted[name] = min(left, self.book.unfilled[name])
            left -= wanted[name]
        largest = self._instrument(held).largest
        for name in held.stops:
            room = left if largest is None else max(largest - self.book.orders[name].quantity, Decimal(0))
            grows = min(left, room)
            wanted[name], left = wanted[name] + grows, left - grows
        return wanted, left

    def _closed(self) -> bool:
        session = self.book.session
        return session is None or self.path.clock.now() > session.closes

    def sweep(self) -> None:
        """Cancel what would sell more than is held: a stop sighted late, orders of a position closed by hand."""
        for order in list(self.book.orders.values()):
            held = self.book.positions.get(order.symbol)
            if order.purpose is Purpose.ENTRY:
                if order.entry_id and (held is None or held.entry.intent_id != order.entry_id):
                    self.path.cancel(order.intent_id, "the position that it adds to is closed")
                continue
            if held is None or self._strays(order.intent_id, held) or self._exceeds(order, held):
                self.path.cancel(order.intent_id, "there is less left of its position")
        self.bare.settle_others(self.book.positions)

    def _strays(self, name: str, held: HeldPosition) -> bool:
        """Whether a position does not need an order: it is none of its own, or a stop of what others cover."""
        if name == held.closing:
            return False
        if name in held.stops and not self._parts(held)[0][name]:
            held.stops.remove(name)  # however it ends, it was not lost
        return name not in held.stops

    def _exceeds(self, order: OrderIntent, held: HeldPosition) -> bool:
        """Whether an exit is larger than its position. (A stop is resized, not cancelled.)"""
        return order.intent_id == held.closing and self.book.unfilled[order.intent_id] > abs(held.position.quantity)

    def _move(self, held: HeldPosition, stop: OrderIntent, wanted: Decimal, level: float, since: int) -> None:
        trigger, resting = self._trigger(held, level), self.book.unfilled[stop.intent_id]
        if (resting, stop.trigger_price) == (wanted, trigger) and stop.intent_id not in self.path.doubtful:
            return
        quantity = stop.quantity - resting + wanted
        if (quantity, trigger) == (stop.quantity, stop.trigger_price):
            self.path.amend(stop)  # doubtful only: asked again, it is no later change
            return
        reason = held.exit.reason_at(level)
        self.path.amend(replace(stop, quantity=quantity, trigger_price=trigger, reason=reason, amended=since))

    def _in_line(self, held: HeldPosition, trigger: Decimal) -> bool:
        """Whether the venue's stops are known to be of the position's size and at `trigger`."""
        resting = sum((self.book.unfilled[name] for name in held.stops), Decimal(0))
        levels = {self.book.orders[name].trigger_price for name in held.stops}
        doubted = self.path.doubtful.intersection(held.stops)
        return resting == self._cover(held) and levels == {trigger} and not doubted

    def _cover(self, held: HeldPosition) -> Decimal:
        """What the stops are for: all of the position but what is being taken out of it by hand."""
        works = self.book.unfilled.get(held.closing or "", Decimal(0)) if held.leaving is None else Decimal(0)
        return max(abs(held.position.quantity) - max(held.reducing, works), Decimal(0))

    def make_room(self, held: HeldPosition, quantity: Decimal) -> bool:
        """Shrink the stops, so that `quantity` can be sold beside them. False if that is not certain."""
        held.reducing = quantity
        self.keep(held, held.exit.stop, held.walked)
        self.sweep()
        return self.stands(held)

    def stands(self, held: HeldPosition) -> bool:
        """Whether the venue's stops are known to be what the position's exit says; so they are where it has none."""
        return math.isnan(held.exit.stop) or self._in_line(held, self._trigger(held, held.exit.stop))

    def _trigger(self, held: HeldPosition, level: float) -> Decimal:
        return self._instrument(held).price(level)

    def _instrument(self, held: HeldPosition) -> Instrument:
        return self.book.sizer.instrument(held.entry.symbol)

    def _stop(self, held: HeldPosition, quantity: Decimal, level: float, since: int) -> OrderIntent:
        trigger = self._trigger(held, level)
        return closing_intent(
            held,
            self._name(held),
            Purpose.STOP,
            OrderType.SL_M,
            quantity=quantity,
            price=trigger,
            as_of=since,
            reason=held.exit.reason_at(level),
            trigger_price=trigger,
        )

    def _name(self, held: HeldPosition) -> str:
        """The identity of the position's first stop that has not gone out yet: what has ended is not sent again."""
        for number in itertools.count():
            name = closing_id(held, held.opened, f"{Purpose.STOP}:{held.entry.intent_id}:{number}")
            record = self.path.journal.order(name)
            if record is None or record.state is OrderState.INTENT:
                break
        return name

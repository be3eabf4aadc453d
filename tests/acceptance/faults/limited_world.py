"""A simulated account under every limit that a desk may set, and an operator who trades there by hand."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from reckoned_limits import RETURNS, Limits, check_limits

from livetrader.constraints.rules.timing import BarFreshness
from livetrader.domain.instrument import Product
from livetrader.domain.order import Action, OrderIntent, Purpose, opening
from livetrader.domain.parent import Parent
from livetrader.engine.by_hand.manual import NotDone, Ticket
from livetrader.engine.by_hand.scaling import adjust, reduce
from livetrader.engine.floor import PORTFOLIO_LATCH
from livetrader.engine.parents.execution import AT_MARKET, Execution, ExecutionKind
from livetrader.faultsim.market import BAR, TICK
from livetrader.faultsim.violation import Violation
from livetrader.faultsim.world import World


class LimitedWorld(World):
    """A World whose entries are held against `limits` at the moment at which they are taken on.

    That is when an entry first leaves, or a parent is written down: from then on all of it is reserved.
    """

    def __init__(self, *given: Any, limits: Limits, **named: Any) -> None:
        self.limits, self.left = limits, set[str]()
        self.wishes: list[Callable[[], object]] = []
        super().__init__(*given, **named)

    def _boot(self) -> None:
        self.left.clear()  # what another process decides again it reviews again
        super()._boot()
        self.engine.floor, self.book.returns = self.limits.floor, RETURNS
        signals = (rule for rule in self.engine.rules if not isinstance(rule, BarFreshness))
        self.manual.rules = (*signals, BarFreshness(BAR))  # a command waits for the next tick
        begin = self.journal.begin_parent

        def begin_parent(parent: Parent, at: datetime) -> bool:
            if all(one.parent.name != parent.name for one in self.journal.parents()):
                check_limits(self, self.limits, parent.entry)
            return begin(parent, at)

        self.journal.begin_parent = begin_parent  # type: ignore[method-assign]

    def _sending(self, intent: OrderIntent) -> None:
        super()._sending(intent)
        if intent.purpose is not Purpose.ENTRY:
            return
        if PORTFOLIO_LATCH in self.journal.latches():
            raise Violation("I8", f"{intent.intent_id} enters under the portfolio stop")
        # One that could not be sent goes out again as it was decided; what it takes was reserved all the while.
        if not intent.parent_id and intent.intent_id not in self.left:
            self.left.add(intent.intent_id)
            check_limits(self, self.limits, intent)

    def _attend(self) -> None:
        super()._attend()
        for wish in list(self.wishes):
            with suppress(NotDone):
                wish()
            self.wishes.remove(wish)

    # What the operator asks for. A process that dies over it does it again.

    def trade(self, action: Action, symbol: str, quantity: int, execution: Execution) -> None:
        """Open a position, or close one: `buy` and `sell`."""
        ticket = self._ticket(action, symbol, quantity, execution)
        self.wishes.append(lambda: self.manual.trade(ticket))

    def rest(self, action: Action, symbol: str, quantity: int) -> None:
        """Open a position at the last price, as long as it takes: `buy --tif gtc`."""
        ticket = self._ticket(action, symbol, quantity, Execution(ExecutionKind.LIMIT))
        lasting = replace(ticket, product=Product.NRML, lasts=True)
        self.wishes.append(lambda: self.manual.trade(lasting))

    def held(self, nth: int) -> str:
        """One of the symbols that are held."""
        names = sorted(self.book.positions)
        return names[nth % len(names)]

    def add(self, symbol: str, quantity: int, execution: Execution) -> None:
        """Enlarge a position: `buy --add`, or `sell --add`."""
        held = self.book.positions[symbol]
        ticket = self._ticket(opening(held.position.side), symbol, quantity, execution, add=True)
        ticket = replace(ticket, product=held.entry.product)
        self.wishes.append(lambda: self.manual.trade(ticket))

    def reduce(self, symbol: str, quantity: int) -> None:
        """Take a part out of a position: `close --quantity`."""
        ticket = self._ticket(Action.SELL, symbol, quantity)
        self.wishes.append(lambda: reduce(self.engine, ticket.command, ticket.as_of, symbol, ticket.quantity))

    def adjust(self, symbol: str, quantity: int) -> None:
        """Bring a position to a quantity: `adjust`."""
        ticket = self._ticket(Action.BUY, symbol, quantity)
        self.wishes.append(lambda: adjust(self.manual, ticket.command, ticket.as_of, symbol, ticket.quantity))

    def leave(self, symbol: str) -> None:
        """Close a position and cancel what is under way in its symbol: `close`."""
        self.wishes.append(lambda: self.manual.close(symbol))

    def call_off(self, nth: int) -> None:
        """Cancel an entry or a parent under way: `cancel`."""
        names = [*self.book.parents, *(o.intent_id for o in self.book.orders.values() if o.purpose is Purpose.ENTRY)]
        if names:
            self.wishes.append(lambda: self.manual.cancel(names[nth % len(names)]))

    def _ticket(
        self, action: Action, symbol: str, quantity: int, execution: Execution = AT_MARKET, *, add: bool = False
    ) -> Ticket:
        """A command, at the last price where the execution needs a limit; its stop is two percent away."""
        self.asked += 1
        price = self.manual.price(symbol)
        assert price is not None, "the market has begun"
        limit = price.quantize(TICK) if execution.at_limit else None
        stop = None if add else (price * (1 - action.sign * Decimal("0.02")) / TICK).to_integral_value() * TICK
        return Ticket(
            self.asked, int(self.clock.now()), action, symbol, Decimal(quantity), limit, stop=stop,
            execution=execution, add=add,
        )  # fmt: skip

"""Parent orders: what of them is due goes out as ordinary entries, each with an identity of its own.

A parent is written down before its first child, and what it may still send counts as exposure until it is over. It is
reviewed by the rules once, as a whole; each child is held against what stops entries when it goes out, and against the
rules on one order at the prices of then. Children are never sent again: what one has filled, or may yet, is not part
of the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

import structlog

from livetrader.constraints.gate import Exposure, Rule, review
from livetrader.constraints.verdict import Approved, Refused
from livetrader.domain.order import OrderIntent, OrderType
from livetrader.domain.order_state import OrderState
from livetrader.domain.parent import Parent, Schedule, child_id
from livetrader.engine.book import Book
from livetrader.engine.floor import PORTFOLIO_LATCH
from livetrader.engine.orders import OrderPath
from livetrader.engine.parents.schedule import over, spent
from livetrader.engine.parents.under_way import UnderWay, child_of, prices_of
from livetrader.ports import wall_time

log = structlog.get_logger(__name__)

# After a child with such an answer the next one may go out.
_ANSWERED = frozenset({OrderState.ACKED, OrderState.PARTIALLY_FILLED, OrderState.FILLED, OrderState.RECORDED})


@dataclass(slots=True)
class Parents:
    """Sends what is due of each parent, and ends those that are over. `rules` are those on one order."""

    path: OrderPath
    book: Book
    rules: Sequence[Rule] = ()

    def begin(self, order: Approved, schedule: Schedule, now: int) -> None:
        """Write an approved entry down as a parent, and send what of it is due at once. Done twice, it is done once."""
        parent = Parent(order.intent, schedule)
        new = self.path.journal.begin_parent(parent, self._at())
        under = self.book.begin(parent) if new else self.book.parents.get(parent.name)
        if under is not None:
            self._send(under, now)

    def work(self, now: int) -> None:
        """Send what is due in the pass of `now`; a pass that is made late leaves it to the next one.

        After an outage many passes are made at once: what their slots have missed must not go out at once, too.
        """
        self.review(now, deciding=True)
        if self.path.clock.now() - now > self.path.fresh_seconds:
            return
        for under in list(self.book.parents.values()):
            self._send(under, now)

    def review(self, now: int, *, deciding: bool) -> None:
        """End what is over; its children are cancelled, again and again until they work no more.

        Time passes with the passes, as it does for everything that is decided; only after the session by the clock.
        """
        shut = self._shut(now)
        for under in list(self.book.parents.values()):
            why = under.over or self._why_over(under, shut=shut)
            if not why and (deciding or shut):
                why = over(under.parent.schedule, now, under.last, works=under.works)
                if not why:
                    self._expire(under, now)
            if why:
                self.end(under, why)
            else:
                self._align(under)
        # One that was given up and is there after all works for nobody.
        for order in list(self.book.orders.values()):
            if order.parent_id and order.parent_id not in self.book.parents:
                self.path.cancel(order.intent_id, "its parent is over")

    def recall(self, decided: int) -> None:
        """Of parents of an earlier process: what was spent for its last pass is so for this one."""
        for under in self.book.parents.values():
            self._expire(under, decided)

    def end(self, under: UnderWay, why: str) -> None:
        """Nothing more of a parent goes out, ever; what works of it is cancelled."""
        if not under.ended:
            self.path.journal.end_parent(under.parent.name, why, self._at())
            under.ended = True
            filled, quantity = f"{under.filled:f}", f"{under.entry.quantity:f}"
            log.info("parent order over", symbol=under.entry.symbol, why=why, filled=filled, quantity=quantity)
        self.book.leave(under, why)
        for name in [name for name, child in under.children.items() if child.works]:
            self.path.cancel(name, f"its parent is over: {why}")
        if not under.works:
            self.book.drop(under)

    def revise(self, parent: Parent) -> None:
        """Go on with other terms, written down first: the next child has them, and those at work get them."""
        self.path.journal.amend_parent(parent, self._at())
        self._align(self.book.begin(parent))

    def aligned(self, under: UnderWay) -> bool:
        """Whether all that works of a parent is known to have its terms."""
        return all(child.prices == prices_of(under.entry) for child in under.children.values() if child.works)

    def _expire(self, under: UnderWay, now: int) -> None:
        if not under.spent and spent(under.parent.schedule, now, under.last):
            self.book.leave(under, "")

    def _align(self, under: UnderWay) -> None:
        """Give the children at work their parent's prices; one that cannot be modified makes room for the next.

        It asks for a state, so asking twice does nothing twice. One of unknown fate is left alone until it is found.
        """
        entry = under.entry
        for name, child in list(under.children.items()):
            if not child.works or child.prices == prices_of(entry) or name in self.book.unknown:
                continue
            if not child.outlived:
                order = self.book.orders[name]
                limit, trigger = prices_of(entry)
                state = self.path.amend(
                    replace(order, price=entry.price, limit_price=limit, trigger_price=trigger, amended=entry.amended)
                )
                child.outlived = state is OrderState.REJECTED
                if state is OrderState.ACKED:
                    child.prices = limit, trigger
            if child.outlived:
                self.path.cancel(name, "its parent has other terms")

    def of(self, symbol: str | None) -> list[UnderWay]:
        """The parents under way in a symbol, or all (None)."""
        return [one for one in self.book.parents.values() if not one.over and symbol in (None, one.entry.symbol)]

    def _why_over(self, under: UnderWay, *, shut: bool) -> str:
        held = self.book.positions.get(under.entry.symbol)
        if under.unsent == 0 and not under.works:
            return "all of it went out"
        if self._late(under) and not under.works:
            return "its time is over"
        if under.cancelled and not shut:
            return "a child of it was cancelled"
        if held is not None and held.leaving is not None and under.owns(held.entry):
            return "its position is being closed"
        if under.entry.entry_id and (held is None or not under.owns(held.entry)):
            return "the position that it adds to is closed"
        return "the portfolio stop" if PORTFOLIO_LATCH in self.book.halts else ""

    def _send(self, under: UnderWay, now: int) -> None:
        """As many children as it takes, while each has an answer. What is missed now is caught up later, or never."""
        if self._shut(now) or self._late(under):
            return
        entry, quantity = under.entry, under.wanted(now)
        while quantity > 0 and not under.over and not self.book.unresolved(entry.symbol):
            # Prices have moved since it was approved: what is held and reserved may be more than there is by now.
            if self.path.objection(entry) or self.book.available < 0:
                break
            child = self._child(under, min(quantity, under.parent.schedule.largest), now)
            known = under.children.setdefault(child.intent_id, child_of(child))
            refusal = self._refusal(child, now)
            if refusal:  # the end of it is written down first: a crash in between must not let it go on
                self.end(under, f"a child of it was refused: {refusal}")
                known.state = self.path.refuse(child, refusal)
                return
            state = self.path.submit(Approved(child, ()))
            if state is OrderState.REFUSED:
                known.state = state
            if state not in _ANSWERED:
                break  # another pass sees what is left
            quantity -= child.quantity
        if under.over:  # a rejection: the next entry of this pass counts on what it leaves
            self.end(under, under.over)

    def _refusal(self, child: OrderIntent, now: int) -> str:
        """Which rule on one order a child breaks; empty: none.

        Where nothing bounds what it pays, it is held against them at the last price, and the price that it was approved
        at against that one, too: the market may have left it since.
        """
        session, asked = self.book.session, [child]
        assert session is not None, "children go out in one"
        bars = self.path.tape.bars(child.symbol)
        last = int(bars.closes.searchsorted(now, side="right")) - 1
        if child.order_type is OrderType.MARKET and last >= 0:
            price = self.book.sizer.instrument(child.symbol).price(float(bars.close[last]))
            # The close at `now` is known before the first of them.
            asked = [replace(child, as_of=now + 1), replace(child, price=price)]
        exposure = Exposure(now, session, (), (), (), 0, {}, self.book.available, self.book.sizer.leverage)
        verdicts = [review(one, exposure, self.rules) for one in asked]
        refused = [f"{one.rule}: {one.reason}" for one in verdicts if isinstance(one, Refused)]
        return refused[0] if refused else ""

    def _shut(self, now: int) -> bool:
        """Whether no session goes on: what is sent at its very close would end with it."""
        session = self.book.session
        return session is None or now >= session.closes

    def _late(self, under: UnderWay) -> bool:
        """Whether its time was over before it began: a command may have waited, or the clock been set back."""
        until = under.parent.schedule.until
        return until is not None and self.path.decided >= until

    def _child(self, under: UnderWay, quantity: Decimal, now: int) -> OrderIntent:
        """The next child. One that was written down in this pass before a crash, and not sent, is that one."""
        name = under.parent.name
        for one in [one for one in self.path.unsent.values() if one.parent_id == name]:
            if (one.as_of, one.quantity, prices_of(one)) == (now, quantity, prices_of(under.entry)):
                return one
            self.path.withdraw(one.intent_id, "never sent, and decided anew")
        number = len(under.children)
        child = child_id(under.entry, number)
        return replace(under.entry, intent_id=child, quantity=quantity, as_of=now, amended=None, parent_id=name)

    def _at(self) -> datetime:
        return wall_time(self.path.clock)

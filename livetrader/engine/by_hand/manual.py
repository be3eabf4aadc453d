"""Orders by hand, through the same path as a strategy's: same records, same rules, same identity.

An entry is reviewed as a signal's is, less what is about signals (bootstrap.workspace: `manual_rules`). Its identity
comes from the command's number: a command that is carried out twice, with a crash in between, is one order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from livetrader.constraints.gate import Exposure, Rule, review
from livetrader.constraints.verdict import Approved, Refused
from livetrader.domain.exit_plan import ExitKind, ExitPlan, ExitReason
from livetrader.domain.instrument import Instrument, Product
from livetrader.domain.interval import Interval
from livetrader.domain.order import (
    Action,
    OrderIntent,
    OrderType,
    Purpose,
    TimeInForce,
    closing,
    intent_id,
)
from livetrader.domain.order_state import OrderState
from livetrader.domain.parent import Schedule
from livetrader.domain.signal import Side, Signal
from livetrader.engine.book import HeldPosition
from livetrader.engine.by_hand.exposure import beside, without
from livetrader.engine.by_hand.wording import named, told
from livetrader.engine.cycle import Engine
from livetrader.engine.parents.execution import AT_MARKET, Execution, ExecutionKind
from livetrader.engine.parents.schedule import resting
from livetrader.errors import LiveTraderError
from livetrader.ports import Decision, OrderRecord

STRATEGY = "manual"
ZERO = Decimal(0)

# By whether an order has a limit, and a trigger.
_KINDS = {
    (False, False): OrderType.MARKET,
    (True, False): OrderType.LIMIT,
    (False, True): OrderType.SL_M,
    (True, True): OrderType.SL,
}


@dataclass(frozen=True, slots=True)
class Ticket:
    """What the operator asks for. `command` is the number of the command, `as_of` when it was given, epoch seconds.

    `stop` and `target` leave the position that it opens, `trail_pct` is a stop that trails by so much of the price at
    the order. `lasts` keeps it until it has filled, over sessions, `until` to that instant (epoch seconds) at the
    longest. `add` allows it to enlarge a position.
    """

    command: int
    as_of: int
    action: Action
    symbol: str
    quantity: Decimal
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    product: Product = Product.MIS
    stop: Decimal | None = None
    execution: Execution = AT_MARKET
    target: Decimal | None = None
    trail_pct: Decimal | None = None
    tif: TimeInForce = TimeInForce.DAY
    lasts: bool = False
    until: int | None = None
    add: bool = False


class NotDone(LiveTraderError):
    """What was asked for by hand was not done; the message says why."""


@dataclass(slots=True)
class Manual:
    """Carries out what an operator asks. Each method says in one line what was done, or raises NotDone.

    `price` gives the last price of a symbol, None where there is none.
    """

    engine: Engine
    rules: Sequence[Rule]
    price: Callable[[str], Decimal | None]

    def trade(self, ticket: Ticket) -> str:
        """Buy or sell: opens a position, or closes one of exactly that size."""
        intent = self._intent(ticket)
        known = self.engine.journal.order(intent.intent_id)
        if known is not None and known.state is not OrderState.INTENT:
            return f"already done: {told(known)}"
        if self._goes_on(intent.intent_id, ticket.as_of):
            return f"already done: {self.told_parent(intent.intent_id)}"
        held = self.engine.book.positions.get(ticket.symbol)
        if held is not None and ticket.action is closing(held.position.side):
            return self._close_by(ticket, held)
        if held is not None and ticket.add and held.leaving is not None:
            raise NotDone(f"{ticket.symbol}: is being closed: see `livetrader orders`")
        if held is not None and ticket.add and ticket.product is not held.entry.product:
            raise NotDone(f"{ticket.symbol}: it is held as {held.entry.product}: give --product {held.entry.product}")
        if held is not None and ticket.add:
            intent = replace(intent, entry_id=held.entry.intent_id, exit=held.exit.plan)
        elif ticket.add:
            raise NotDone(f"{ticket.symbol}: nothing is held that could be added to: leave --add out")
        closed = self._closed_since(ticket)
        if closed is not None:
            raise NotDone(f"{ticket.symbol}: what it would close was closed after it was asked for: {told(closed)}")
        self.engine.watch()
        exposure = self.engine.book.exposure(self.engine.now, signal_of(intent))
        approved = self.approve(intent, beside(exposure, intent) if intent.entry_id else exposure)
        self.engine.send(approved, ticket.as_of, self._schedule(ticket, intent))
        record = self.engine.journal.order(intent.intent_id)
        if record is None:
            return self.told_parent(intent.intent_id)
        if record.state in (OrderState.REFUSED, OrderState.REJECTED):
            raise NotDone(told(record))
        return told(record)

    def name(self, ticket: Ticket) -> str:
        """The identity of what a ticket asks for, whatever its quantity."""
        leg = f"{STRATEGY}:{ticket.command}"
        return intent_id(self.engine.account, STRATEGY, ticket.symbol, ticket.as_of, ticket.action, leg)

    def close(self, symbol: str | None) -> str:
        """Close the position of a symbol, or all (None), and cancel the entries under way there."""
        book = self.engine.book
        positions = [held for held in book.positions.values() if symbol in (None, held.entry.symbol)]
        entries = self.cancel_entries(symbol, "by hand")
        for held in positions:
            book.questioned.pop(held.entry.symbol, None)  # whatever it has become: it is not wanted any more
            self.engine.closing.close(held, self.engine.now, ExitReason.MANUAL)
        closed = [f"closing {abs(held.position.quantity):f} {held.entry.symbol}" for held in positions]
        said = closed + [f"cancelling the entry of {entry.symbol}" for entry in entries]
        if not said and symbol is not None:
            raise NotDone(f"{symbol}: no position and no entry of ours: see `livetrader positions`")
        return "; ".join(said) or "nothing is open"

    def cancel_entries(self, symbol: str | None, reason: str) -> list[OrderIntent]:
        """Cancel the entries under way in a symbol, or all (None), parents with their children; what they were."""
        book = self.engine.book
        entries = [o for o in book.orders.values() if o.purpose is Purpose.ENTRY and symbol in (None, o.symbol)]
        parents = self.engine.parents.of(symbol)
        for under in parents:
            self.engine.parents.end(under, reason)
        for entry in entries:
            self.engine.path.cancel(entry.intent_id, reason)
        return [one for one in entries if not one.parent_id] + [under.entry for under in parents]

    def cancel(self, order_id: str) -> str:
        """Cancel an entry under way. Stops and exits are the position's: they go when it is closed."""
        under = self.engine.book.parents.get(order_id)
        if under is not None and not under.over:
            said = self.told_parent(order_id)
            self.engine.parents.end(under, "by hand")
            return f"cancelled: {said}"
        intent = self._working(order_id)
        state = self.engine.path.cancel(intent.intent_id, "by hand")
        if state is OrderState.REJECTED:
            raise NotDone(f"{intent.symbol}: the broker has nothing to cancel: see `livetrader orders`")
        done = {OrderState.CANCELLED: "cancelled", OrderState.ACKED: "asked the broker to cancel"}
        return f"{done.get(state, 'the broker gave no clear answer; it is being looked up')}: {named(intent)}"

    def modify(
        self, order_id: str, quantity: Decimal | None, limit_price: Decimal | None, trigger_price: Decimal | None
    ) -> str:
        """Give an entry under way another quantity or price, reviewed as a new one would be."""
        before = self._working(order_id)
        if before.parent_id:
            raise NotDone(f"{order_id}: is a part of {before.parent_id}: modify that one")
        if before.intent_id in self.engine.book.unknown:
            raise NotDone(f"{before.symbol}: its fate is unknown, it is being looked up: see `livetrader orders`")
        for option, price, terms_before in (
            ("--limit", limit_price, before.limit_price), ("--trigger", trigger_price, before.trigger_price),
        ):  # fmt: skip
            if price is not None and terms_before is None:
                raise NotDone(f"{option}: a {before.order_type} order has no such price")
        terms = changed(before, self.engine.now, quantity, limit_price, trigger_price)
        self.require_grid(terms)
        freeze = self.engine.book.sizer.instrument(before.symbol).freeze_quantity
        if freeze is not None and terms.quantity > freeze:
            raise NotDone(f"{before.symbol}: {terms.quantity:f} is above the freeze quantity {freeze:f}")
        if terms.quantity - before.quantity + self.engine.book.unfilled[before.intent_id] <= 0:
            raise NotDone(f"{before.symbol}: so much has filled already: cancel the rest instead")
        self.engine.watch()
        self.approve(replace(terms, as_of=self.engine.now), self._without(before), sent=terms)
        state = self.engine.path.amend(terms)
        if state is OrderState.REJECTED:
            raise NotDone(f"{before.symbol}: the broker rejected the change: see `livetrader orders`")
        if state is not OrderState.ACKED:
            raise NotDone(f"{before.symbol}: the broker gave no clear answer: see `livetrader orders`, then try again")
        return f"modified: {named(terms)}"

    def _schedule(self, ticket: Ticket, intent: OrderIntent) -> Schedule | None:
        if ticket.lasts:
            return resting(intent, self.engine.book.sizer.instrument(intent.symbol), ticket.until)
        return self.engine.planned(intent, ticket.execution)

    def _goes_on(self, name: str, as_of: int) -> bool:
        """Whether a parent of that name is there; what of it was due at once and is not out goes out."""
        known = next((one.parent for one in self.engine.journal.parents() if one.parent.name == name), None)
        if known is not None:
            self.engine.parents.begin(Approved(known.entry, ()), known.schedule, as_of)
        return known is not None

    def told_parent(self, name: str) -> str:
        """A parent and where it stands."""
        known = next(one for one in self.engine.journal.parents() if one.parent.name == name)
        what = f"{named(known.parent.entry)} as {known.parent.schedule.algo}"
        under = self.engine.book.parents.get(name)
        if under is None or under.over:
            return f"{what}: over: {known.reason}"
        return f"{what}: {under.filled:f} filled, {under.rest:f} to go out"

    def _close_by(self, ticket: Ticket, held: HeldPosition) -> str:
        if ticket.quantity != abs(held.position.quantity):
            raise NotDone(
                f"{ticket.symbol}: {held.position.quantity:+f} are held: {ticket.action.lower()} exactly as many, "
                f"or run `livetrader close {ticket.symbol}`"
            )
        if ticket.execution.kind is not ExecutionKind.MARKET:
            raise NotDone(f"{ticket.symbol}: a position is closed at once: run `livetrader close {ticket.symbol}`")
        if ticket.limit_price is not None or ticket.trigger_price is not None:
            exit = f"--stop {ticket.trigger_price}" if ticket.trigger_price else f"--target {ticket.limit_price}"
            raise NotDone(
                f"{ticket.symbol}: a position is closed at market; to leave it at a price run "
                f"`livetrader protect {ticket.symbol} {exit}`"
            )
        return self.close(ticket.symbol)

    def _closed_since(self, ticket: Ticket) -> OrderRecord | None:
        """What has closed a position in this direction since the ticket was given: its wish was that, not to open."""
        for record in self.engine.journal.orders():
            intent, later = record.intent, record.updated_at.timestamp() >= ticket.as_of
            closes = intent.purpose is not Purpose.ENTRY and intent.action is ticket.action and record.filled_quantity
            if later and closes and intent.symbol == ticket.symbol:
                return record
        return None

    def approve(
        self,
        intent: OrderIntent,
        exposure: Exposure,
        *,
        rules: Sequence[Rule] | None = None,
        sent: OrderIntent | None = None,
    ) -> Approved:
        """An entry by hand as all rules, or `rules`, approve it, on record; NotDone where one refuses it.

        What is `sent` for it without a submit has to be allowed by our own permit, too.
        """
        verdict = review(intent, exposure, self.rules if rules is None else rules)
        self.engine.journal.decide(Decision(signal_of(intent), verdict), datetime.fromtimestamp(self.engine.now, UTC))
        refusal = "" if sent is None else self.engine.path.permit.refuses(sent)
        if refusal:
            raise NotDone(f"refused: {refusal}")
        if isinstance(verdict, Refused):
            raise NotDone(f"refused: {verdict.rule}: {verdict.reason}")
        return verdict

    def _without(self, intent: OrderIntent) -> Exposure:
        """The account as it would be without the order `intent`."""
        book = self.engine.book
        seen = book.exposure(self.engine.now, signal_of(replace(intent, as_of=self.engine.now)))
        value = book.unfilled[intent.intent_id] * intent.price
        return without(seen, intent, trades=1, paid=value, value=value)

    def _working(self, order_id: str) -> OrderIntent:
        """The entry of ours under way that `order_id` (ours or the broker's) names."""
        records = {one.intent.intent_id: one for one in self.engine.journal.open_orders()}
        for name, record in records.items():
            if order_id in (name, record.broker_order_id):
                intent = self.engine.book.orders.get(name, record.intent)
                if intent.purpose is not Purpose.ENTRY:
                    what = "protects" if intent.purpose is Purpose.STOP else "closes"
                    raise NotDone(f"{order_id}: {what} {intent.symbol}: run `livetrader close {intent.symbol}` instead")
                return intent
        raise NotDone(f"{order_id}: no order of ours under way has this id: see `livetrader orders`")

    def _intent(self, ticket: Ticket) -> OrderIntent:
        engine, side = self.engine, Side.LONG if ticket.action is Action.BUY else Side.SHORT
        price = ticket.limit_price or ticket.trigger_price or self.price(ticket.symbol)
        if price is None:
            raise NotDone(f"{ticket.symbol}: no price is known: it has no candles; bring some, or check the symbol")
        if engine.book.session is None:
            raise NotDone("the market is closed: see `livetrader calendar show`")
        intent = OrderIntent(
            intent_id=self.name(ticket),
            account=engine.account,
            strategy=STRATEGY,
            symbol=ticket.symbol,
            side=side,
            action=ticket.action,
            purpose=Purpose.ENTRY,
            product=ticket.product,
            order_type=_KINDS[ticket.limit_price is not None, ticket.trigger_price is not None],
            quantity=ticket.quantity,
            price=price,
            as_of=ticket.as_of,
            limit_price=ticket.limit_price,
            trigger_price=ticket.trigger_price,
            reason="by hand",
            exit=_exit_plan(ticket, price),
            tif=ticket.tif,
        )
        self.require_grid(intent, ticket.stop, ticket.target)
        if ticket.lasts and ticket.product is Product.MIS:
            raise NotDone(f"{ticket.symbol}: MIS ends with the session: what lasts needs --product CNC or NRML")
        if ticket.until is not None and ticket.until <= ticket.as_of:
            raise NotDone(f"{ticket.symbol}: --until is over: give a day that is to come")
        return intent

    def require_grid(self, intent: OrderIntent, stop: Decimal | None = None, target: Decimal | None = None) -> None:
        """NotDone for a quantity or a price that no order may have, or a stop or target that would be none."""
        instrument = self.engine.book.sizer.instrument(intent.symbol)
        if intent.quantity <= 0 or intent.quantity % instrument.lot:
            raise NotDone(f"quantity {intent.quantity}: must be a positive multiple of the lot {instrument.lot}")
        _require_ticks(instrument, intent.limit_price, intent.trigger_price)
        require_levels(instrument, intent.side, intent.price, stop, target)


def _require_ticks(instrument: Instrument, *prices: Decimal | None) -> None:
    for price in prices:
        if price is not None and (price <= 0 or price % instrument.tick):
            raise NotDone(f"price {price}: must be a positive multiple of the tick {instrument.tick}")


def require_levels(
    instrument: Instrument, side: Side, price: Decimal, stop: Decimal | None, target: Decimal | None
) -> None:
    """NotDone for a stop or a target of a position of `side` that is none while the market is at `price`."""
    _require_ticks(instrument, stop, target)
    for name, level, towards in (("stop", stop, -1), ("target", target, 1)):
        if level is not None and (level - price) * side.sign * towards <= 0:
            raise NotDone(f"{name} {level}: is on the wrong side of the price {price}")


def fixed_stop(stop: Decimal | None, target: Decimal | None = None, *, square_off: bool) -> ExitPlan:
    """The exit of a position by hand: a stop and a target that stay where they are, or none."""
    if stop is None and target is None:
        return ExitPlan(ExitKind.NONE, square_off=square_off)
    stop_price, target_price = (math.nan if one is None else float(one) for one in (stop, target))
    return ExitPlan(ExitKind.FIXED, stop_price=stop_price, target_price=target_price, square_off=square_off)


def _exit_plan(ticket: Ticket, price: Decimal) -> ExitPlan:
    """How the position that a ticket opens is left: a trailing stop is as far away as it says of the price now."""
    square_off = ticket.product is Product.MIS
    if ticket.trail_pct is None:
        return fixed_stop(ticket.stop, ticket.target, square_off=square_off)
    target = math.nan if ticket.target is None else float(ticket.target)
    distance = float(price * ticket.trail_pct / 100)
    return ExitPlan(ExitKind.TRAILING_ATR, distance=distance, target_price=target, square_off=square_off)


def changed(
    before: OrderIntent, at: int, quantity: Decimal | None, limit_price: Decimal | None, trigger_price: Decimal | None
) -> OrderIntent:
    """An entry with other terms from `at` on (epoch seconds); None: that one stays."""
    return replace(
        before,
        quantity=quantity or before.quantity,
        price=limit_price or trigger_price or before.price,
        limit_price=limit_price or before.limit_price,
        trigger_price=trigger_price or before.trigger_price,
        amended=at,
    )


def signal_of(intent: OrderIntent) -> Signal:
    """The operator's wish, in the form in which decisions are recorded."""
    return Signal(
        STRATEGY, STRATEGY, intent.symbol, intent.side, Interval.M1, intent.as_of, intent.as_of, float(intent.price),
        math.nan, tag="by hand",
    )  # fmt: skip

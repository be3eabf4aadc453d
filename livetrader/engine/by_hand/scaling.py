"""Positions by hand, larger and smaller: a part is taken out, or a quantity is aimed at."""

from __future__ import annotations

from decimal import Decimal

from livetrader.constraints.gate import approve_exit
from livetrader.domain.exit_plan import ExitReason
from livetrader.domain.order import OrderType, Purpose, opening
from livetrader.domain.order_state import OrderState
from livetrader.engine.by_hand.manual import Manual, NotDone, Ticket
from livetrader.engine.by_hand.wording import told
from livetrader.engine.closing import closing_id, closing_intent
from livetrader.engine.cycle import Engine
from livetrader.engine.held import HeldPosition

ZERO = Decimal(0)


def reduce(engine: Engine, command: int, as_of: int, symbol: str, quantity: Decimal) -> str:
    """Take a part out of a position, at market; its stop is for the rest, for all of it if nothing goes out."""
    held = held_in(engine, symbol)
    name = closing_id(held, as_of, f"{Purpose.EXIT}:{held.entry.intent_id}:hand:{command}")
    known = engine.journal.order(name)
    if known is not None and known.state is not OrderState.INTENT:
        return f"already done: {told(known)}"
    instrument = engine.book.sizer.instrument(symbol)
    lot, largest = instrument.lot, instrument.largest
    if quantity <= 0 or quantity % lot or quantity >= abs(held.position.quantity):
        raise NotDone(f"quantity {quantity}: must be a multiple of the lot {lot}, and less than is held")
    if largest is not None and quantity > largest:
        raise NotDone(f"quantity {quantity}: one order may be for {largest:f} at most: take out so much, then the rest")
    if held.leaving is not None or held.closing is not None or engine.book.unresolved(symbol):
        raise NotDone(f"{symbol}: an exit is under way, or the fate of an order unknown: see `livetrader orders`")
    exit = closing_intent(
        held, name, Purpose.EXIT, OrderType.MARKET, quantity=quantity, price=held.position.average_price,
        as_of=as_of, reason=ExitReason.REDUCED,
    )  # fmt: skip
    try:
        ready = engine.closing.confirmed(held) and engine.protection.make_room(held, quantity)
        if ready and engine.path.submit(approve_exit(exit)) is OrderState.INTENT:
            engine.path.withdraw(name, "not sent: the broker cannot be reached")
    finally:
        held.reducing = ZERO
    engine.protection.keep(held, held.exit.stop, held.walked)
    if not ready:
        raise NotDone(f"{symbol}: the broker does not confirm the position, or its stop's size: try again")
    record = engine.journal.order(name)
    assert record is not None, "it was written down before it was sent"
    if record.state in (OrderState.REFUSED, OrderState.REJECTED, OrderState.EXPIRED):
        raise NotDone(told(record))
    return told(record)


def adjust(manual: Manual, command: int, as_of: int, symbol: str, quantity: Decimal) -> str:
    """Bring a position to `quantity`: add to it, take a part out of it, or close it."""
    held = held_in(manual.engine, symbol)
    if quantity == 0:
        return manual.close(symbol)
    more, product = quantity - abs(held.position.quantity), held.entry.product
    ticket = Ticket(command, as_of, opening(held.position.side), symbol, more, product=product, add=True)
    names = {entry.trade for entry, _ in manual.engine.book.entries() if entry.symbol == symbol}
    if names - {manual.name(ticket)}:
        raise NotDone(f"{symbol}: an entry is under way, and would come on top: wait, or cancel it")
    if more == 0:
        return f"{symbol}: {quantity:f} are held"
    if more < 0:
        return reduce(manual.engine, command, as_of, symbol, -more)
    return manual.trade(ticket)


def held_in(engine: Engine, symbol: str) -> HeldPosition:
    """The position in a symbol; NotDone where there is none."""
    held = engine.book.positions.get(symbol)
    if held is None:
        raise NotDone(f"{symbol}: nothing is held: see `livetrader positions`")
    return held

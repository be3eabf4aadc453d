"""Other terms for a parent order that is under way: reviewed as one decision, written down, then followed.

What has gone out stays gone. The next child has the new terms, and one at work is modified; nothing is sent for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from livetrader.constraints.gate import Exposure
from livetrader.constraints.rules.sanity import OF_ONE_ORDER
from livetrader.domain.order import OrderIntent
from livetrader.domain.parent import Algo, Parent, Schedule
from livetrader.engine.by_hand.exposure import beside, without
from livetrader.engine.by_hand.manual import Manual, NotDone, changed, signal_of
from livetrader.engine.parents.execution import bar_seconds
from livetrader.engine.parents.schedule import TIMED, last_of, revised
from livetrader.engine.parents.under_way import UnderWay

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Terms:
    """What an operator asks of a parent; None: it stays. `until` is the end of the last day (epoch seconds) of one that
    lasts, `over_minutes` how long any other goes on from now."""

    quantity: Decimal | None = None
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    visible: Decimal | None = None
    until: int | None = None
    over_minutes: int | None = None


def revise(manual: Manual, as_of: int, name: str, terms: Terms) -> str:
    """Give the parent `name` other terms, asked for at `as_of` (epoch seconds). Carried out twice, it is done once."""
    engine = manual.engine
    under = engine.book.parents.get(name)
    if under is None or under.over:
        raise NotDone(f"{name}: is over: see `livetrader orders`")
    _require(under, terms)
    entry = changed(under.entry, as_of, terms.quantity, terms.limit_price, terms.trigger_price)
    manual.require_grid(entry)
    if entry.quantity < under.entry.quantity - under.unsent:
        out = under.entry.quantity - under.unsent
        raise NotDone(f"{entry.symbol}: {out:f} are out already: no less than that, or cancel the rest")
    after = Parent(entry, _schedule(manual, under, entry, terms, as_of))
    _review(manual, under, entry)
    engine.parents.revise(after)
    waits = "" if engine.parents.aligned(under) else "; a part of it at work is still at its old price: it is seen to"
    return f"modified: {manual.told_parent(name)}{waits}"


def _require(under: UnderWay, terms: Terms) -> None:
    """NotDone for a term that such a parent has not."""
    algo, entry = under.parent.schedule.algo, under.entry
    known = {
        "--limit": (terms.limit_price, entry.limit_price is not None),
        "--trigger": (terms.trigger_price, entry.trigger_price is not None),
        "--visible": (terms.visible, algo is Algo.ICEBERG),
        "--until": (terms.until, algo is Algo.RESTING),
        "--over": (terms.over_minutes, algo in TIMED or algo is Algo.ICEBERG),
    }
    for option, (value, fits) in known.items():
        if value is not None and not fits:
            raise NotDone(f"{option}: {entry.order_type} as {algo} has no such term")


def _schedule(manual: Manual, under: UnderWay, entry: OrderIntent, terms: Terms, as_of: int) -> Schedule:
    engine, schedule, until, count = manual.engine, under.parent.schedule, terms.until, None
    session, instrument = engine.book.session, engine.book.sizer.instrument(entry.symbol)
    if terms.visible is not None and (terms.visible < instrument.lot or terms.visible % instrument.lot):
        raise NotDone(f"visible {terms.visible}: must be a positive multiple of the lot {instrument.lot}")
    if terms.over_minutes is not None:
        if session is None:
            raise NotDone("the market is closed: see `livetrader calendar show`")
        until = min(as_of + terms.over_minutes * 60, last_of(entry, session))
        count = max((until - as_of) // (bar_seconds(engine.tape.bars(entry.symbol)) or 1), 1)
    if until is not None and until <= as_of:
        raise NotDone(f"{entry.symbol}: that end has passed: `livetrader cancel` ends it now")
    try:
        return revised(schedule, entry, instrument, as_of, visible=terms.visible, until=until, count=count)
    except ValueError:
        raise NotDone(f"{entry.symbol}: its last part is out: give another order for more") from None


def _review(manual: Manual, under: UnderWay, entry: OrderIntent) -> None:
    """NotDone where the rules refuse all of it at its new terms, as if it had never been.

    What makes it no larger is held against the rules on one order: a price may be no typing error, in a halt too.
    """
    if (entry.value, entry.price) == (under.entry.value, under.entry.price):
        return
    manual.engine.watch()
    grows, asked = entry.value > under.entry.value, replace(entry, as_of=manual.engine.now)
    rules = None if grows else [rule for rule in manual.rules if isinstance(rule, OF_ONE_ORDER)]
    manual.approve(asked, _without(manual, under, asked), rules=rules, sent=entry if grows else None)


def _without(manual: Manual, under: UnderWay, asked: OrderIntent) -> Exposure:
    """The account as it would be without the parent, and without what it has filled."""
    book, before = manual.engine.book, under.entry
    seen = book.exposure(asked.as_of, signal_of(asked))
    working = sum((book.unfilled[name] for name in under.children if name in book.orders), ZERO)
    value = paid = (under.rest + working) * before.price
    held = book.positions.get(before.symbol)
    if held is not None and under.owns(held.entry):
        filled = min(under.filled, abs(held.position.quantity))
        paid += filled * held.position.average_price
        value += filled * (manual.price(before.symbol) or held.position.average_price)
        seen = beside(seen, asked)
    return without(seen, before, trades=int(under.parent.name in book.entered), paid=paid, value=value)

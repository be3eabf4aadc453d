"""Start-up and crash recovery, which are the same code: an engine takes up what the journal says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

import structlog

from livetrader.domain.account import OPENING
from livetrader.domain.order import Purpose
from livetrader.domain.order_state import OPEN, OrderState
from livetrader.domain.session import Session
from livetrader.engine.cycle import Engine
from livetrader.engine.exits import walk
from livetrader.engine.held import Leaving
from livetrader.engine.orders import bar_close
from livetrader.engine.overnight import question
from livetrader.ports import OrderRecord, wall_time

log = structlog.get_logger(__name__)


def recover(engine: Engine, session: Session | None) -> None:
    """Rebuild the book of `engine`, and all that its parts know, from the journal."""
    journal, book, path = engine.journal, engine.book, engine.path
    records = {record.intent.intent_id: record for record in journal.orders()}
    _resume(engine, records.values())
    started = False
    for fill in journal.fills():
        if session is not None and not started and fill.filled_at.timestamp() >= session.opens:
            engine.start(session)
            started = True
        book.book(fill, records[fill.intent_id].intent, bar_close(engine.tape, fill))
    if session is not None and not started:
        engine.start(session)
    for record in records.values():
        _reopen(engine, record)
    if engine.keeps_books:
        question(book, journal.latches())
    path.take_up()
    _replan(engine)
    book.flow(sum((flow.amount for flow in journal.flows() if flow.reason != OPENING), Decimal(0)))
    _retrace(engine, path.decided)
    engine.parents.recall(path.decided)
    book.compared(journal.externals(), ())
    keys = [alert.key for alert in journal.alerts()]
    engine.protection.bare.recall(keys)
    engine.closing.overdue.recall(keys)
    book.recalled = set(records)
    engine.heed_latches()


def _resume(engine: Engine, records: Iterable[OrderRecord]) -> None:
    """Take up the parents that are under way, and those that are over and have a child at work."""
    working = {record.intent.parent_id for record in records if record.state in OPEN}
    for one in engine.journal.parents():
        if one.ended_at is None or one.parent.name in working:
            engine.book.resume(one)


def _replan(engine: Engine) -> None:
    """What is held goes on with the exit that it was given last."""
    positions = {(held.entry.intent_id, held.opened): held for held in engine.book.positions.values()}
    for replan in engine.journal.replans():
        held = positions.get((replan.entry_id, replan.opened))
        if held is not None:
            held.follow(replan, float(engine.book.sizer.instrument(held.entry.symbol).tick))


def _retrace(engine: Engine, decided: int) -> None:
    """Walk each exit to where the last pass had brought it: its stop must not fall back to the first.

    One that the pass had found reached is left, though nothing of that may have been written down yet.
    """
    book = engine.book
    for symbol, held in book.positions.items():
        bars, start, end = engine.closed_bars(held, decided)
        if held.leaving is None and end > start:
            walked = walk(held.exit, bars.open, bars.high, bars.low, start, end)
            unsure = symbol in book.questioned or held.entry.purpose is not Purpose.ENTRY
            if walked.reason is not None and unsure:
                continue
            reason = held.advance(bars, end, walked)
            if reason is not None:
                held.leaving = Leaving(reason, held.walked)
        elif held.leaving is None and held.stops and held.walked < decided:
            stop = book.orders[held.stops[0]]
            # None of the bars is there, not even the one that it was filled in: the stop knows its level, unless it is
            # still that of another exit.
            if stop.effective >= held.walked:
                assert stop.trigger_price is not None, "a stop has a trigger"
                held.exit, held.walked = replace(held.exit, stop=float(stop.trigger_price)), decided


def _reopen(engine: Engine, record: OrderRecord) -> None:
    """Take up an order where the last process left it. SENT without an answer is unknown: it may have arrived."""
    intent, state = record.intent, record.state
    if state is OrderState.SENT:
        state = OrderState.UNKNOWN
        reason = "the process ended before the answer"
        engine.journal.advance(intent.intent_id, state, wall_time(engine.clock), reason=reason)
    engine.book.recall(replace(record, state=state))
    if state in OPEN:
        engine.path.doubtful.add(intent.intent_id)  # a modify may have been cut off
        log.info("recovered", symbol=intent.symbol, intent_id=intent.intent_id, state=state)

"""The exit of a position that is held, changed by hand: another stop, another target, a stop that trails.

The change is written down before the venue's stop is moved for it, so a crash in between is made up for by whoever
starts next. It holds from then on: a bar that is under way is tested on neither exit here, because nobody knows which
of its prices came before; the stop at the venue is not so blind.
"""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

from livetrader.domain.exit_plan import ExitKind, ExitPlan, Replan
from livetrader.domain.order import Purpose
from livetrader.engine.by_hand.manual import Manual, NotDone, require_levels
from livetrader.engine.by_hand.scaling import held_in
from livetrader.engine.cycle import Engine
from livetrader.engine.exits import ExitState, begin, walk
from livetrader.engine.held import HeldPosition
from livetrader.ports import wall_time

_TRAILS = frozenset({ExitKind.TRAILING_ATR, ExitKind.STEP_TRAIL})


def protect(
    manual: Manual,
    command: int,
    symbol: str,
    stop: Decimal | None = None,
    target: Decimal | None = None,
    trail_pct: Decimal | None = None,
) -> str:
    """Give the position in `symbol` another stop or target, or a stop that trails by so much of the price now.

    What is not given stays. Carried out twice, as the same `command`, it is done once.
    """
    engine = manual.engine
    held = held_in(engine, symbol)
    if any(one.command == command for one in engine.journal.replans()):
        return f"already done: {_told(engine, held)}"
    before = _steady(engine, held)
    price = manual.price(symbol)
    if price is None:
        raise NotDone(f"{symbol}: no price is known: it has no candles; bring some, or check the symbol")
    instrument, side = engine.book.sizer.instrument(symbol), held.position.side
    require_levels(instrument, side, price, stop, target)
    after = _changed(before, float(instrument.tick), price, stop, target, trail_pct)
    if after.stop <= 0:
        raise NotDone(f"trail {trail_pct}: is as far away as the whole price")
    now = max(int(engine.clock.now()), held.walked)
    replan = Replan(
        command, held.entry.intent_id, held.opened, now,
        after.plan, after.fill, after.best, after.stop, after.target, after.first_stop,
    )  # fmt: skip
    engine.journal.replan(replan, wall_time(engine.clock))
    held.follow(replan, float(instrument.tick))
    engine.protection.keep(held, held.exit.stop, held.walked)
    return _told(engine, held)


def _steady(engine: Engine, held: HeldPosition) -> ExitState:
    """Where the exit stands by the bars that have closed; NotDone while it is not to be touched."""
    symbol = held.entry.symbol
    if held.leaving is not None or held.entry.purpose is not Purpose.ENTRY:
        raise NotDone(f"{symbol}: is being closed: see `livetrader orders`")
    if symbol in engine.book.questioned:
        raise NotDone(f"{symbol}: {engine.book.questioned[symbol]}: `livetrader adopt` or `livetrader ignore` it first")
    bars, start, end = engine.closed_bars(held, int(engine.clock.now()))
    walked = walk(held.exit, bars.open, bars.high, bars.low, start, end)
    if walked.reason is not None:
        raise NotDone(f"{symbol}: its {walked.reason} has been reached: it is being closed")
    return walked.state


def _changed(
    before: ExitState, tick: float, price: Decimal, stop: Decimal | None, target: Decimal | None,
    trail_pct: Decimal | None,
) -> ExitState:  # fmt: skip
    """The exit with what is given. A trailing stop begins at `price`, one that is there goes on as it stands."""
    old, aim = before.plan, before.target if target is None else float(target)
    if trail_pct is not None:
        distance = float(price * trail_pct / 100)
        plan = ExitPlan(ExitKind.TRAILING_ATR, distance=distance, target_price=aim)
        return begin(_lasting(plan, old), before.side, float(price), tick)
    if stop is None and old.kind in _TRAILS:
        return replace(before, plan=replace(old, target_price=aim), target=aim)
    level = before.stop if stop is None else float(stop)
    plan = ExitPlan(ExitKind.FIXED, stop_price=level, target_price=aim)
    return begin(_lasting(plan, old), before.side, before.fill, tick)


def _lasting(plan: ExitPlan, old: ExitPlan) -> ExitPlan:
    """`plan`, for as long as the old one was for."""
    return replace(plan, hold_minutes=old.hold_minutes, square_off=old.square_off, overnight=old.overnight)


def _told(engine: Engine, held: HeldPosition) -> str:
    """The exit in a few words, and what the venue's stop lacks of it."""
    exit, instrument = held.exit, engine.book.sizer.instrument(held.entry.symbol)
    levels = {"trailing stop" if exit.plan.kind in _TRAILS else "stop": exit.stop, "target": exit.target}
    known = {name: instrument.price(level).normalize() for name, level in levels.items() if not math.isnan(level)}
    said = ", ".join(f"{name} {level:f}" for name, level in known.items())
    waits = "" if engine.protection.stands(held) else "; the stop does not stand at the broker yet: it is seen to"
    return f"{held.entry.symbol}: {said}{waits}"

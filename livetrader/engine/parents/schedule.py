"""When how much of a parent goes out: pure functions of its terms, its children and the time of a pass.

A schedule is made once, when the parent is, and is written down with it. What of it goes out in a pass follows from
what has gone out before that pass and nothing else, so a pass that is made again sends nothing more.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

from livetrader.domain.instrument import Instrument
from livetrader.domain.order import OrderIntent
from livetrader.domain.parent import Algo, Schedule, Slot
from livetrader.domain.session import Session

ZERO = Decimal(0)

# What goes out by the clock, slot after slot.
TIMED = frozenset({Algo.TWAP, Algo.VWAP})

# What a slot has missed (a halt, a late pass, a child of unknown fate), the next one catches up: up to so many times
# the largest slot goes out at once.
CATCH_UP = 2

# For how long the pieces of an entry above the freeze quantity go out: what cannot by then is old.
SLICING_SECONDS = 300


def largest_of(entry: OrderIntent, instrument: Instrument) -> Decimal:
    """The most of `entry` that the exchange takes in one order."""
    return min(entry.quantity, instrument.largest or entry.quantity)


def last_of(entry: OrderIntent, session: Session) -> int:
    """From when on an entry of a session makes no sense any more (epoch seconds)."""
    plan = entry.exit
    return session.square_off if plan is not None and plan.square_off and not plan.overnight else session.closes


def slices(entry: OrderIntent, instrument: Instrument, last: int) -> Schedule | None:
    """An entry above the freeze quantity, at once, in orders that are not; None for any other."""
    largest = largest_of(entry, instrument)
    if largest == entry.quantity:
        return None
    return Schedule(Algo.SLICES, (Slot(entry.as_of, entry.quantity),), largest, last)


def twap(entry: OrderIntent, instrument: Instrument, count: int, seconds: int, last: int) -> Schedule:
    """Parts over so many seconds, as equal as lots allow; fewer where lots are fewer.

    From `last` on (epoch seconds) nothing goes out: the parts are spread over what is left until then.
    """
    return _spread(Algo.TWAP, entry, instrument, [Decimal(1)] * count, seconds, last)


def vwap(entry: OrderIntent, instrument: Instrument, shares: Sequence[float], seconds: int, last: int) -> Schedule:
    """As `twap`, in parts as `shares` (of the market's volume, one a slot) are to each other."""
    weights = [Decimal(repr(float(share))) for share in shares]
    return _spread(Algo.VWAP, entry, instrument, weights, seconds, last)


def iceberg(entry: OrderIntent, instrument: Instrument, visible: Decimal, last: int) -> Schedule:
    """`visible` at a time; the next child when the one before has ended."""
    largest = min(visible, largest_of(entry, instrument))
    return Schedule(Algo.ICEBERG, (Slot(entry.as_of, entry.quantity),), largest, last)


def resting(entry: OrderIntent, instrument: Instrument, last: int | None) -> Schedule:
    """A day order in each session until `last`."""
    return Schedule(Algo.RESTING, (Slot(entry.as_of, entry.quantity),), largest_of(entry, instrument), last)


def _spread(
    algo: Algo, entry: OrderIntent, instrument: Instrument, weights: Sequence[Decimal], seconds: int, last: int
) -> Schedule:
    """Cumulative shares are rounded to the grid, so that no lot is lost between the parts."""
    until = min(entry.as_of + seconds, last)
    lots = int(entry.quantity / instrument.lot)
    if algo is Algo.TWAP and lots < len(weights):
        weights = weights[: max(lots, 1)]
    step, whole = (until - entry.as_of) / len(weights), sum(weights, ZERO)
    parts = _cumulative(entry.quantity, weights, whole, instrument)
    parts[-1] = entry.quantity - sum(parts[:-1], ZERO)  # what is no whole lot, too
    slots = [Slot(entry.as_of + int(step * i), part) for i, part in enumerate(parts) if part > 0]
    return Schedule(algo, tuple(slots), largest_of(entry, instrument), until)


def _cumulative(quantity: Decimal, weights: Sequence[Decimal], whole: Decimal, instrument: Instrument) -> list[Decimal]:
    """Parts whose sums are as near to the weights' as lots allow."""
    parts, reached, so_far = [], ZERO, ZERO
    for weight in weights:
        so_far += weight
        lots = (quantity * so_far / whole / instrument.lot).to_integral_value(ROUND_HALF_EVEN)
        parts.append(lots * instrument.lot - reached)
        reached = lots * instrument.lot
    return parts


def revised(
    schedule: Schedule, entry: OrderIntent, instrument: Instrument, now: int,
    *, visible: Decimal | None = None, until: int | None = None, count: int | None = None,
) -> Schedule:  # fmt: skip
    """The schedule of a parent that has the terms of `entry` from `now` on; what is not given stays.

    What was due by `now` stays due. A new end of what goes out by the clock spreads the rest over the time until then,
    in `count` parts at the most. ValueError where no part is left to spread it over.
    """
    largest = largest_of(entry, instrument)
    slots: tuple[Slot, ...] = (Slot(schedule.slots[0].at, entry.quantity),)
    if schedule.algo is Algo.ICEBERG:
        largest = min(visible or schedule.largest, largest)
    if schedule.algo in TIMED:
        slots = _respread(schedule, entry.quantity, instrument, now, until, count)
    return Schedule(schedule.algo, slots, largest, schedule.until if until is None else until)


def _respread(
    schedule: Schedule, quantity: Decimal, instrument: Instrument, now: int, until: int | None, count: int | None
) -> tuple[Slot, ...]:
    """The slots, with what is not due yet made to fit. Less than is due is cut from the end."""
    due: list[Slot] = []
    left = quantity
    for slot in schedule.slots:
        if slot.at <= now and left > 0:
            due.append(Slot(slot.at, min(slot.quantity, left)))
            left -= due[-1].quantity
    if left == 0:
        return tuple(due)
    coming = [slot for slot in schedule.slots if slot.at > now]
    if not coming:
        raise ValueError("no part is left")
    weights, times = [slot.quantity for slot in coming], [slot.at for slot in coming]
    if until is not None:
        if count is not None and count < len(weights):
            weights = [Decimal(1)] * count
        step = (until - now) / len(weights)
        times = [now + 1 + int(step * i) for i in range(len(weights))]
    parts = _cumulative(left, weights, sum(weights, ZERO), instrument)
    parts[-1] = left - sum(parts[:-1], ZERO)
    return (*due, *(Slot(at, part) for at, part in zip(times, parts, strict=True) if part > 0))


def wanted(schedule: Schedule, now: int, *, gone: Decimal, sent: Decimal, last: int | None, works: bool) -> Decimal:
    """How much is to go out in the pass of `now`, in one child or several.

    `gone` is what went out before this pass, or may have; `sent` what went out in it already, before a crash; `last` is
    the pass of the latest child before this one, and `works` whether a child still does.
    """
    due = sum((slot.quantity for slot in schedule.slots if slot.at <= now), ZERO)
    if schedule.algo in (Algo.ICEBERG, Algo.RESTING):
        return ZERO if works or sent else min(due - gone, schedule.largest)
    if schedule.algo is Algo.SLICES:
        return ZERO if now >= schedule.slots[0].at + SLICING_SECONDS else due - gone - sent
    turn = max((slot.at for slot in schedule.slots if slot.at <= now), default=None)
    if turn is None or (last is not None and last >= turn):
        return ZERO
    return min(due - gone, CATCH_UP * max(slot.quantity for slot in schedule.slots)) - sent


def over(schedule: Schedule, now: int, last: int | None, *, works: bool) -> str:
    """Why nothing more goes out at `now`; empty if something may. `last` is the pass of the latest child."""
    if schedule.until is not None and now >= schedule.until:
        return "its time is over"
    if works or not spent(schedule, now, last):
        return ""
    return "its time is over" if schedule.algo is Algo.SLICES else "its last slot is over"


def spent(schedule: Schedule, now: int, last: int | None) -> bool:
    """Whether nothing more goes out from `now` on, though what did may work on."""
    if schedule.algo is Algo.SLICES:
        return now >= schedule.slots[0].at + SLICING_SECONDS
    return schedule.algo in TIMED and last is not None and last >= schedule.slots[-1].at


def next_turn(schedule: Schedule, now: int) -> int | None:
    """When more of it is due, or its time over (epoch seconds); None if never."""
    times = [slot.at for slot in schedule.slots] + ([] if schedule.until is None else [schedule.until])
    if schedule.algo is Algo.SLICES:
        times.append(schedule.slots[0].at + SLICING_SECONDS)
    return min((at for at in times if at > now), default=None)

"""What a soak has to show: nothing lost, nothing doubled, all of it as without faults, and memory that stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from livetrader.constraints.verdict import Approved, Refused
from livetrader.domain.order import Purpose
from livetrader.domain.order_state import OrderState
from livetrader.errors import StoreError
from tests.acceptance.soak.desk import TRADED
from tests.acceptance.soak.drive import Soak
from tests.acceptance.soak.play import Key, Told

# A trader that has begun still makes its first of each thing.
WARM_CLOSES = 5

TAKEN, EXPIRED = "taken", "expired"
# What becomes of an entry that a trader comes to too late: its bar is old, or the books are still to be compared.
LATE = ("refused by bar_freshness", "refused by not_halted", EXPIRED)


def moved(under: Told, calm: Told) -> dict[str, list[str]]:
    """The entries that only one of both has taken, by symbol: what each made of the signal.

    One that was too old after an outage is refused, or lapses unsent, and leaves its place to another.
    """
    found: dict[str, list[str]] = {}
    for key in sorted(under.decisions.keys() | calm.decisions.keys()):
        outcomes = [_outcome(told, key) for told in (under, calm)]
        if (TAKEN in outcomes) and set(outcomes) != {TAKEN}:
            found.setdefault(key[1], []).append(f"{key[0]} {key[1]} at {key[2]}: {' instead of '.join(outcomes)}")
    return found


def _outcome(told: Told, key: Key) -> str:
    """What became of a signal."""
    verdict = None if key not in told.decisions else told.decisions[key].verdict
    if isinstance(verdict, Refused):
        return f"refused by {verdict.rule} ({verdict.reason})"
    if not isinstance(verdict, Approved):
        return "no signal"
    written = told.orders.get((verdict.intent.symbol, verdict.intent.intent_id, Purpose.ENTRY))
    if written is None:
        return f"{EXPIRED} (the state was gone before it was written down)"
    order = written[0]
    return f"{EXPIRED} ({order.said})" if order.state is OrderState.EXPIRED else TAKEN


def differences(under: Told, calm: Told) -> list[str]:
    """Where signals, orders and fills are not the same, value for value; orders of the symbols in `moved` are left out.

    Nothing moves but by an entry that an outage has made too old.
    """
    without = moved(under, calm)
    found = [f"signal {key} in one of both" for key in under.decisions.keys() ^ calm.decisions.keys()]
    for name in ("orders", "fills"):
        ours: Mapping[Any, Any] = getattr(under, name)
        theirs: Mapping[Any, Any] = getattr(calm, name)
        found += [
            f"{name} {key}: {ours.get(key)}, without faults {theirs.get(key)}"
            for key in {**ours, **theirs}
            if key[0] not in without and ours.get(key) != theirs.get(key)
        ]
    if not without and under.cash != calm.cash:
        found.append(f"cash {under.cash}, without faults {calm.cash}")
    late = any(_outcome(under, key).startswith(LATE) for key in under.decisions)
    return found if late or not without else [*found, *(line for lines in without.values() for line in lines)]


def broken(soak: Soak, live: Told) -> list[str]:
    """What the live trader and its venue should agree on and do not, and faults that did not happen."""
    venue, amount = soak.venue, Decimal(str(TRADED["capital.amount"]))
    checks = {
        f"{len(soak.struck)} of {len(soak.faults)} faults happened": len(soak.struck) != len(soak.faults),
        f"orders that are there twice: {venue.doubled()}": bool(venue.doubled()),
        f"still held at the venue: {venue.held()}": bool(venue.held()),
        f"orders without an end: {live.working}": bool(live.working),
        "what the venue has filled and what is booked differ": venue.filled() != live.quantities,
        f"the venue's cash is {venue.exchange.account.cash - amount}, ours {live.cash}":
            venue.exchange.account.cash - amount != live.cash,
    }  # fmt: skip
    ends = {trader.name: trader.seen.codes for trader in soak.traders}
    wrong = [name for name, codes in ends.items() if codes[-1] or {*codes[:-1]} - {StoreError.exit_code}]
    return [said for said, bad in checks.items() if bad] + [f"{name} ended with {ends[name]}" for name in wrong]


def growth(resident: Sequence[int]) -> float:
    """MiB by which a process has grown: the slope of a line through what it had at its closes, over all of them."""
    warm = resident[WARM_CLOSES:]
    slope = float(np.polyfit(np.arange(len(warm)), warm, 1)[0]) if len(warm) > 1 else 0.0
    return slope * len(resident) / 2**20

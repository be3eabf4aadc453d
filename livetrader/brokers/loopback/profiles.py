"""How brokers differ in what decides whether an order goes out twice. Source: ORDERS.md, "Facts to design around"."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from livetrader.domain.books import Identity
from livetrader.errors import UsageError


class Dedupe(StrEnum):
    """What the broker makes of a second order with the same client id."""

    NEVER = "never"  # another order
    WHILE_OPEN = "while_open"  # refused while the earlier one is open, another order afterwards
    FOR_EVER = "for_ever"  # the earlier order is the answer


@dataclass(frozen=True, slots=True)
class Profile:
    """A broker's manners. Seconds are of the venue's own time.

    `visibility_seconds` is the worst lag that the adapter declares, `lag_seconds` the longest in ordinary times.
    `received_only`: an accepted order or cancel is merely received; what risk management thinks of it is in the
    book later. `needs_protection`: MARKET and SL-M are taken with market protection only; `protects`: the broker gives
    it to them, and its book shows them as LIMIT and SL. `straggling_seconds`: an order whose answer was lost may arrive
    so much later. `tells_cash`: its funds are the cash of the account, and not what is left of it to trade with.
    """

    name: str
    identity: Identity
    dedupe: Dedupe
    visibility_seconds: float = 0.0
    lag_seconds: float = 0.0
    tag_length: int | None = None
    received_only: bool = False
    needs_protection: bool = False
    tells_charges: bool = True
    tells_cash: bool = True
    protects: bool = False
    straggling_seconds: float = 0.0


STRICT = Profile("strict", Identity.CLIENT_ID, Dedupe.FOR_EVER)
OPEN_ONLY = Profile("open_only", Identity.CLIENT_ID, Dedupe.WHILE_OPEN, tag_length=36)
TAG_SCAN = Profile(
    "tag_scan",
    Identity.TAG,
    Dedupe.NEVER,
    visibility_seconds=30.0,
    lag_seconds=5.0,
    tag_length=20,
    received_only=True,
    needs_protection=True,
    tells_charges=False,
)
FINGERPRINT = Profile(
    "fingerprint",
    Identity.FINGERPRINT,
    Dedupe.NEVER,
    visibility_seconds=30.0,
    lag_seconds=5.0,
    received_only=True,
    tells_charges=False,
)
OPENALGO = Profile(
    "openalgo",
    Identity.LOOSE_FINGERPRINT,
    Dedupe.NEVER,
    visibility_seconds=65.0,
    lag_seconds=5.0,
    received_only=True,
    tells_charges=False,
    tells_cash=False,
    protects=True,
    straggling_seconds=120.0,
)

PROFILES: Mapping[str, Profile] = {
    **{profile.name: profile for profile in (STRICT, OPEN_ONLY, TAG_SCAN, FINGERPRINT, OPENALGO)},
    "binance": OPEN_ONLY,
    "kite": TAG_SCAN,
    "fyers": TAG_SCAN,
}


def profile(name: str) -> Profile:
    """The profile of that name, or of the broker of that name. UsageError if there is none."""
    if name not in PROFILES:
        near = difflib.get_close_matches(name, PROFILES, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(PROFILES)}"
        raise UsageError(f"no broker profile is called {name!r}: {hint}")
    return PROFILES[name]

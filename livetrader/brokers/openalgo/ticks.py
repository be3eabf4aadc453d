"""What a message of OpenAlgo's WebSocket says of a trade: nothing of it is taken on trust."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from livetrader.brokers.openalgo.answers import Unreadable, member, text
from livetrader.brokers.openalgo.market import Wired
from livetrader.domain.tick import Tick

# What a price or a volume may be; NaN is not below it.
LARGEST = 1e15

# A trade that seems to lie further ahead was not dated by the exchange's clock, or in another zone.
AHEAD_SECONDS = 5.0

# Times are milliseconds, and seconds with some brokers.
FIRST_MILLISECOND = 1e11


class NoTick(Exception):
    """Why a message that should tell a tick does not: one of a few words, to be counted by."""


def document_of(message: str | bytes) -> dict[str, Any] | None:
    """The object in a message; None where there is none. Floats will do: thousands of ticks come in a second."""
    try:
        document = json.loads(message)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def tick_of(document: dict[str, Any], names: Mapping[Wired, str], now: float) -> Tick:
    """The tick of a message that came at `now`, by our name of its symbol. NoTick if it is none."""
    try:
        name = names.get((text(member(document, "symbol")), text(member(document, "exchange"))))
        data = member(document, "data")
    except Unreadable:
        raise NoTick("unreadable") from None
    if not isinstance(data, dict):
        raise NoTick("unreadable")
    if name is None:
        raise NoTick("foreign")
    price, volume = _number(data, "ltp" if "ltp" in data else "last_price"), _number(data, "volume")
    if not price > 0:  # so written that NaN is none
        raise NoTick("no price")
    return Tick(name, price, _traded(data, now), volume if volume >= 0 else math.nan)


def _traded(data: dict[str, Any], now: float) -> float:
    """When it was traded, as far as that can be: some brokers give no time, or one of another zone."""
    for key in ("ltt", "timestamp"):
        at = _number(data, key)
        at = at / 1000 if at >= FIRST_MILLISECOND else at
        if 0 < at <= now + AHEAD_SECONDS:
            return at
    return now


def _number(data: dict[str, Any], key: str) -> float:
    """A number, or a text with one; NaN for anything else."""
    value = data.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return math.nan
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return math.nan
    return number if abs(number) <= LARGEST else math.nan

"""What a read says when a fault has been at it, though the answer looks sound."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from livetrader.brokers.loopback.exchange import Quote
from livetrader.brokers.loopback.faults import Fault, Strike

T = TypeVar("T")


class Answers:
    """Remembers the last answer to each read, for that is what a stale book or a frozen feed repeats."""

    def __init__(self) -> None:
        self._before: dict[str, Any] = {}

    def give(self, operation: str, strike: Strike | None, truth: T) -> T:
        """The answer to `operation` when `truth` is a tuple of lines, the quotes by symbol, or one figure."""
        if strike is not None and strike.fault is Fault.STALE:
            return cast(T, self._before.get(operation, truth))
        self._before[operation] = truth
        if strike is None:
            return truth
        if strike.fault is Fault.EMPTY_LIST and isinstance(truth, tuple):
            return cast(T, ())
        if strike.fault is Fault.DUPLICATED and isinstance(truth, tuple):
            return cast(T, truth + truth)
        if strike.fault is Fault.BAD_PRICE and isinstance(truth, dict):
            return cast(T, {symbol: Quote(strike.price, quote.at) for symbol, quote in truth.items()})
        return truth

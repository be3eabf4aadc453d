"""Waiting for a login that somebody makes elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from livetrader.bootstrap.doctor.subject import reader
from livetrader.config import Configuration
from livetrader.errors import AuthExpired, BrokerUnavailable
from livetrader.ports import Clock

_AGAIN_SECONDS = 3.0


def wait_for_funds(configuration: Configuration, clock: Clock, seconds: float, ask: Callable[[], None]) -> Decimal:
    """The cash of the account, as soon as it can be read. `ask` is called once, if somebody has to log in.

    Raises what the last read did (AuthExpired, BrokerUnavailable) after so many seconds; anything else at once.
    """
    broker, until = reader(configuration, clock), clock.monotonic() + seconds
    asked = False
    while True:
        try:
            return broker.funds()
        except (AuthExpired, BrokerUnavailable):
            if clock.monotonic() >= until:
                raise
        if not asked:
            asked = True
            ask()
        clock.sleep(min(_AGAIN_SECONDS, max(until - clock.monotonic(), 0.0)))

"""How brokers are called over HTTP: each call on a connection of its own, reads again, orders once."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_after_delay, wait_exponential

from livetrader.brokers.throttle import Pause
from livetrader.domain.order_state import OrderState
from livetrader.errors import BrokerUnavailable
from livetrader.ports import Clock, Outcome

T = TypeVar("T")

# Where nothing reached the broker: it was not there, or its name is not known.
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


def connection(base_url: str, transport: httpx.BaseTransport | None, seconds: float = 5.0) -> httpx.Client:
    """What calls go out on. `seconds` is how long one may take; `transport` stands in for the sockets in tests.

    A connection kept alive may be dead when the next order goes out on it, which cannot be told from an order that
    was lost on the way: each call has a connection of its own. A proxy from the environment has no business between
    us and the broker.
    """
    fresh = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(base_url=base_url, timeout=seconds, limits=fresh, trust_env=False, transport=transport)


def unanswered(error: httpx.HTTPError) -> Outcome:
    """What is known of an order that has no answer: it was not sent only if no connection was made."""
    if isinstance(error, NOT_SENT):
        return Outcome(OrderState.INTENT, reason=f"not sent ({kind(error)})")
    return Outcome(OrderState.UNKNOWN, reason=f"no answer ({kind(error)})")


def kind(error: Exception) -> str:
    return type(error).__name__


def again(
    read: Callable[[], T], clock: Clock, pause: Pause, *, attempts: int, wait: float, seconds: float = math.inf
) -> T:
    """What `read` gives, tried up to `attempts` times while BrokerUnavailable, and no more once `seconds` are over.

    `wait` is the first time between two tries, which grows. Not for a broker that has asked for silence.
    """

    def worth_it(error: BaseException) -> bool:
        return isinstance(error, BrokerUnavailable) and not pause.left()

    tries = Retrying(
        stop=stop_after_attempt(attempts) | stop_after_delay(seconds),
        wait=wait_exponential(wait, max=2.0),
        retry=retry_if_exception(worth_it),
        sleep=clock.sleep,
        reraise=True,
    )
    answer: T = tries(read)
    return answer

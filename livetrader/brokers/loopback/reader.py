"""The loopback venue's books over HTTP: what may be read of it, and nothing that trades.

Reads are retried, unless the broker has asked for silence, and raise when the answer is no data.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from livetrader.brokers.calls import again, connection, kind
from livetrader.brokers.loopback import wire
from livetrader.brokers.loopback.exchange import Quote
from livetrader.brokers.loopback.profiles import Profile
from livetrader.brokers.loopback.venue import expired, paused
from livetrader.brokers.throttle import BAN_SECONDS, UNTOLD_SECONDS, Pause
from livetrader.domain.books import BrokerOrder, BrokerPosition, BrokerTrade
from livetrader.domain.instrument import Instrument
from livetrader.errors import BrokerProtocol, BrokerUnavailable, DataError
from livetrader.ports import Clock, wall_time

T = TypeVar("T")

REQUEST_TIMEOUT = 408  # the one 4xx that says nothing about what became of the request


class LoopbackReader:
    """The books of the venue at `url`.

    `attempts` is how often a read is tried, `timeout_seconds` how long one call may take to connect, and to answer.
    `transport` stands in for the sockets in tests.
    """

    def __init__(
        self,
        url: str,
        profile: Profile,
        clock: Clock,
        *,
        timeout_seconds: float = 5.0,
        attempts: int = 3,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.name = f"loopback-{profile.name}"
        self.identity = profile.identity
        self.visibility_seconds = profile.visibility_seconds
        self._clock = clock
        self._pause = Pause(clock)
        self._attempts = attempts
        self._http = connection(url, transport, timeout_seconds)

    @property
    def silent(self) -> bool:
        """The broker has asked for silence, and gets it."""
        return self._pause.left() > 0

    def close(self) -> None:
        self._http.close()

    def orders(self) -> Sequence[BrokerOrder]:
        return self._read("/orders", lambda document: wire.lines("orders", document))

    def order(self, broker_order_id: str) -> BrokerOrder:
        raise DataError(f"{self.name}: order {broker_order_id}: there is no way to ask for it but its book")

    def trades(self) -> Sequence[BrokerTrade]:
        return self._read("/trades", lambda document: wire.lines("trades", document))

    def positions(self) -> Sequence[BrokerPosition]:
        return self._read("/positions", lambda document: wire.lines("positions", document))

    def funds(self) -> Decimal:
        return self._read("/funds", lambda document: wire.decimal(wire.member(document, "funds")))

    def instruments(self) -> Sequence[Instrument]:
        return self._read("/instruments", lambda document: wire.lines("instruments", document))

    def quotes(self, symbols: Iterable[str]) -> dict[str, Quote]:
        """The feed's last word on each of `symbols`, as it came: it may be stale, and no price at all."""
        return self._read(f"/quotes?symbols={quote(','.join(symbols))}", wire.quotes)

    def _read(self, path: str, parse: Callable[[Any], T]) -> T:
        read = partial(self._get, path, parse)
        return again(read, self._clock, self._pause, attempts=self._attempts, wait=0.2)

    def _get(self, path: str, parse: Callable[[Any], T]) -> T:
        """One try. BrokerUnavailable: no answer; BrokerProtocol: none that we understand; AuthExpired: not for us."""
        where = f"{self.name}: GET {path}"
        silence = self._pause.left()
        if silence:
            raise BrokerUnavailable(f"{where}: {paused(silence).reason}")
        try:
            response = self._http.get(path)
        except httpx.HTTPError as error:
            raise BrokerUnavailable(f"{where}: no answer ({kind(error)}): is the broker up?") from error
        self._heed(response)
        status = response.status_code
        if status in (401, 403):
            raise expired(self.name)
        if status in (418, 429, REQUEST_TIMEOUT) or status >= 500:
            raise BrokerUnavailable(f"{where}: HTTP {status}: try again later")
        try:
            if status != 200:
                raise wire.Unreadable(f"HTTP {status}")
            return parse(document_of(response))
        except wire.Unreadable as error:
            raise BrokerProtocol(f"{where}: the answer is not understood: {error}") from error

    def _heed(self, response: httpx.Response) -> None:
        """Be silent if the broker says so."""
        if response.status_code in (418, 429):
            untold = UNTOLD_SECONDS if response.status_code == 429 else BAN_SECONDS
            told = self._told(response.headers.get("Retry-After", ""))
            self._pause.hold(untold if told is None else told)

    def _told(self, header: str) -> float | None:
        """The seconds of a Retry-After header, which holds either them or an HTTP date. Source: RFC 9110, 10.2.3."""
        if header.isdecimal():
            return float(header)
        try:
            until = parsedate_to_datetime(header)
        except ValueError:
            return None
        return (until.astimezone(UTC) - wall_time(self._clock)).total_seconds()


def document_of(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError) as error:  # bad JSON, bad UTF-8, a thousand brackets
        raise wire.Unreadable("the body is no JSON") from error

"""How OpenAlgo is asked what may be read: at a pace, again where that may help, and what its answers mean.

Account reads know the server's mode: somebody who switches it in OpenAlgo's page, or with the key, puts another
account behind the same books.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal, TypeVar

import httpx

from livetrader.brokers.calls import again, kind
from livetrader.brokers.openalgo.answers import Answer, Unreadable, member
from livetrader.brokers.openalgo.wire import Wire
from livetrader.brokers.throttle import UNTOLD_SECONDS, Pause, Throttle
from livetrader.errors import AuthExpired, BrokerProtocol, BrokerUnavailable, LiveTraderError
from livetrader.ports import Clock

T = TypeVar("T")
Mode = Literal["live", "analyze"]

# For how long a look at the server's mode is good. Nobody switches it to and fro within seconds.
MODE_SECONDS = 5.0

# Bursts of reads: those of one look at all books. The last ones are kept for the account, whatever the feed asks.
READ_BURST, READ_RESERVE = 6.0, 3.0

LOG_IN = (
    "the API key is wrong, or the broker's session is over: log in to the broker in OpenAlgo's page, "
    "then `livetrader doctor`"
)

_LIMIT = re.compile(r"\d+ per (\d+) (second|minute|hour|day)")
_SECONDS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0}


class Reads:
    """Asks the server behind `wire`, which has to be in the mode `expect`, at most `per_second` times a second.

    What is not data raises: BrokerUnavailable (no answer, or none now; tried `attempts` times), AuthExpired,
    BrokerProtocol (an answer that we do not understand, or of the other mode).
    """

    def __init__(
        self, wire: Wire, clock: Clock, expect: Mode, *, per_second: float, seconds: float, attempts: int
    ) -> None:
        self.expect = expect
        self._wire = wire
        self._clock = clock
        self._throttle = Throttle(clock, per_second, READ_BURST, READ_RESERVE)
        self._pause = Pause(clock)
        self._seconds = seconds
        self._attempts = attempts
        self._mode_seen_at = -math.inf

    @property
    def silent(self) -> bool:
        """The server has asked for silence, and gets it."""
        return self._pause.left() > 0

    def account(
        self,
        endpoint: str,
        parse: Callable[[dict[str, Any]], T],
        body: Mapping[str, Any] | None = None,
        refused: type[LiveTraderError] = BrokerProtocol,
    ) -> T:
        """A read of the account's, whose answer is of the mode that we expect. `refused` as in `ask`."""

        def checked(document: dict[str, Any]) -> T:
            self._check(mode_of(document))
            return parse(document)

        ask = partial(self._wire.post, endpoint, body or {}, self._seconds)
        return self._try(lambda: self._once(endpoint, ask, checked, urgent=True, refused=refused))

    def ask(
        self,
        endpoint: str,
        body: Mapping[str, Any],
        parse: Callable[[dict[str, Any]], T],
        *,
        seconds: float | None = None,
        refused: type[LiveTraderError] = BrokerProtocol,
    ) -> T:
        """A read that has no mode, and may take `seconds`. `refused` is what a definite no to it means."""
        ask = partial(self._wire.post, endpoint, body, seconds or self._seconds)
        return self._try(lambda: self._once(endpoint, ask, parse, refused=refused))

    def download(self, query: Mapping[str, str], parse: Callable[[dict[str, Any]], T], *, seconds: float) -> T:
        """GET the instruments that `query` asks for, which may take `seconds`."""
        ask = partial(self._wire.get, "instruments", query, seconds)
        return self._try(lambda: self._once("instruments", ask, parse))

    def mode(self) -> Mode:
        """The mode that the server is in, asked now and once."""
        return self._once("analyzer", partial(self._wire.post, "analyzer", {}, self._seconds), _analyzer, urgent=True)

    def require_mode(self) -> None:
        """See that the mode is the expected one, unless that was seen just now. BrokerError where it is not."""
        if self._clock.monotonic() - self._mode_seen_at >= MODE_SECONDS:
            self._check(self.mode())

    def doubt_mode(self) -> None:
        """Something was of the other mode: what was seen before counts no more."""
        self._mode_seen_at = -math.inf

    def _check(self, mode: Mode) -> None:
        if mode != self.expect:
            self.doubt_mode()
            raise BrokerProtocol(
                f"openalgo: the server is in {mode} mode, and broker.expect is {self.expect}: switch it back in "
                "OpenAlgo's page (Analyzer), or change the setting"
            )
        self._mode_seen_at = self._clock.monotonic()

    def _try(self, once: Callable[[], T]) -> T:
        # A server that hangs is not waited for again and again: exits have to go on.
        return again(once, self._clock, self._pause, attempts=self._attempts, wait=0.25, seconds=self._seconds)

    def _once(
        self,
        endpoint: str,
        ask: Callable[[], Answer],
        parse: Callable[[dict[str, Any]], T],
        *,
        urgent: bool = False,
        refused: type[LiveTraderError] = BrokerProtocol,
    ) -> T:
        where = f"openalgo: {endpoint}"
        silence = self._pause.left()
        if silence:
            raise BrokerUnavailable(f"{where}: OpenAlgo's rate limit was met: {silence:.1f} s of silence are left")
        self._throttle.wait(urgent=urgent)
        try:
            answer = ask()
        except httpx.HTTPError as error:
            raise BrokerUnavailable(
                f"{where}: no answer ({kind(error)}): is OpenAlgo running at {self._wire.base_url}?"
            ) from error
        if answer.status == 429:
            self._pause.hold(told_seconds(answer))
        document = _data(where, answer, refused)
        try:
            return parse(document)
        except Unreadable as error:
            raise BrokerProtocol(f"{where}: the answer is not understood: {error}") from error


def _data(where: str, answer: Answer, refused: type[LiveTraderError]) -> dict[str, Any]:
    """The document of an answer that is a success; raises what any other one means."""
    status, document = answer.status, answer.document
    if status in (401, 403):
        raise AuthExpired(f"{where}: HTTP {status} ({answer.said}): {LOG_IN}")
    if status in (408, 429) or status >= 500:  # a broker that throttles OpenAlgo is a 500, too
        raise BrokerUnavailable(f"{where}: HTTP {status}: {answer.said}: try again later")
    if status in (400, 404) and answer.says_no:
        raise refused(f"{where}: HTTP {status}: {answer.said}")
    if 300 <= status < 400:
        raise BrokerProtocol(f"{where}: HTTP {status}: the server wants another address: is broker.base_url https?")
    if document is None or status != 200:
        raise BrokerProtocol(f"{where}: HTTP {status}: {answer.said}: is broker.base_url OpenAlgo's?")
    if document.get("status") == "error":
        raise BrokerUnavailable(f"{where}: {answer.said}: try again later")
    if document.get("status") != "success":
        raise BrokerProtocol(f"{where}: the answer does not say that it is a success")
    return document


def mode_of(document: Mapping[str, Any]) -> Mode:
    """The mode that an account answer is of: those of live mode do not say it. Unreadable for a third one."""
    said = document.get("mode")
    if said not in (None, "live", "analyze"):
        raise Unreadable("its mode is neither live nor analyze")
    return "analyze" if said == "analyze" else "live"


def told_seconds(answer: Answer) -> float:
    """How long a 429 asks us to wait: the window of its limit, for it says no more (`10 per 1 second`)."""
    match = _LIMIT.search(answer.said)
    return int(match[1]) * _SECONDS[match[2]] if match else UNTOLD_SECONDS


def _analyzer(document: dict[str, Any]) -> Mode:
    on = member(member(document, "data"), "analyze_mode")
    if on not in (True, False):  # 1 and 0 are, too
        raise Unreadable("'analyze_mode' is neither true nor false")
    return "analyze" if on else "live"
